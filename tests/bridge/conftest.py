"""Small landscapes that several rooms test with."""

import pytest
from support.landscapes import DEEP, SEARCHES, WIDE, make_loss

from landscape import Database, explore


@pytest.fixture(scope="session", params=[WIDE, DEEP], ids=str)
def explored(request, tmp_path_factory):
    """A landscape's loss and its database; not to be written to."""
    loss = make_loss(request.param)
    path = tmp_path_factory.mktemp("explored") / "landscape.db"
    explore(loss, path, searches=SEARCHES)
    return loss, path


@pytest.fixture
def loss(explored):
    return explored[0]


@pytest.fixture
def database(explored, tmp_path):
    """A copy that a test may write to."""
    (tmp_path / "copy.db").write_bytes(explored[1].read_bytes())
    with Database(tmp_path / "copy.db") as opened:
        yield opened
