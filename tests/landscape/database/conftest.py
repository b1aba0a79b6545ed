import pytest
from support.databases import fill


@pytest.fixture
def path(tmp_path):
    return tmp_path / "landscape.db"


@pytest.fixture
def filled(path, rng):
    """A file with three minima and two transition states."""
    return fill(path, rng)
