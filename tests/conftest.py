"""Data sets and losses that many tests share. One BLAS thread: rounding, and so every result, stays the same."""

import gc
import os
from zlib import crc32

import numpy as np
import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from landscape import CrossEntropyLoss, datasets
from landscape.networks import MLP

gc.set_threshold(100_000, 50, 100)  # by default the garbage collector takes a tenth of the time
os.environ["AGESCAPE_ANNOUNCE"] = ""  # with an empty cache the commands say nothing more than with a full one

ARCHITECTURES = [(10,), (5, 5), (4, 4, 4), (1, 1, 1)]

# the same examples in every run, however slow the machine is
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption("--slice", metavar="K/N", help="the K-th of N parts of the tests; each test stays in its part")


def pytest_collection_modifyitems(config, items):
    # the longest file first, so that no process waits for the other at the end; meanwhile the other process begins with
    # the SGD kernels, so that the two do not compile the same functions at once
    items.sort(key=lambda item: (item.path.name != "test_docs.py", "dynamics" not in item.path.parts))
    if not config.getoption("slice"):
        return
    k, n = map(int, config.getoption("slice").split("/"))
    if not 1 <= k <= n:
        msg = f"--slice must be K/N with K from 1 to N; got {config.getoption('slice')}"
        raise pytest.UsageError(msg)
    others = [item for item in items if crc32(item.nodeid.encode()) % n != k - 1]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if crc32(item.nodeid.encode()) % n == k - 1]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def data():
    """1000 training rows, like in the paper."""
    return datasets.ljat(rows=1000, seed=0)


@pytest.fixture(scope="session")
def few_data():
    """100 training rows: ten times faster."""
    return datasets.ljat(rows=100, seed=0)


@pytest.fixture(scope="session", params=ARCHITECTURES, ids=str)
def loss(request, data):
    """The loss of each of the four architectures."""
    return CrossEntropyLoss(MLP((2, *request.param, 4)), data)


@pytest.fixture(scope="session")
def small_loss(few_data):
    """25 parameters, 100 rows: a quench takes milliseconds."""
    return CrossEntropyLoss(MLP((2, 3, 4)), few_data)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def copy(explored, tmp_path):
    """A copy to change of the database that the module's fixture `explored` made."""
    path = tmp_path / "copy.db"
    path.write_bytes(explored.read_bytes())
    return path
