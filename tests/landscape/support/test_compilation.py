"""What a process finds compiled in numba's cache must not change a bit of any result."""

import os
import subprocess
import sys

import pytest

from landscape.support._compilation import _Files

FEW = "loss.value_and_gradient(theta)"
HESSIAN_FIRST = "loss.value_gradient_hessian(theta)"
ALL = """
product = loss.hessian_vector_product(theta, theta)
values, gradients = loss.values_and_gradients(theta[None])
value, gradient, hessian = loss.value_gradient_hessian(theta)
again, _ = loss.value_and_gradient(theta)
end = quench(loss, theta).coordinates
print(*(np.ascontiguousarray(a).tobytes().hex() for a in (product, values, gradients, value, gradient, hessian, end)))
"""
SCRIPT = """
import numpy as np
from landscape import CrossEntropyLoss, Dataset, quench
from landscape.networks import MLP
rng = np.random.default_rng(0)
inputs, labels = rng.normal(size=(700, 2)), rng.integers(0, 3, 700)
data = Dataset(inputs, labels, 3, inputs[:0], labels[:0])
loss = CrossEntropyLoss(MLP((2, 4, 5, 3)), data)
theta = loss.network.glorot_uniform(rng)
"""


def test_processes_that_save_at_once_never_exchange_code(tmp_path, monkeypatch):
    first, second = (_Files(str(tmp_path), "kernel-1.py", "stamp") for _ in range(2))
    save_data = first._save_data

    def interrupted(name, data):  # the other process read the index before this one wrote it
        with monkeypatch.context() as patch:
            patch.setattr(second, "_load_index", dict)
            second.save("float64", "code for float64")
        save_data(name, data)

    monkeypatch.setattr(first, "_save_data", interrupted)
    first.save("float32", "code for float32")
    assert len(list(tmp_path.glob("*.nbc"))) == 1  # both chose the same file
    for files in (first, second):
        assert files.load("float32") in {None, "code for float32"}
        assert files.load("float64") in {None, "code for float64"}
    second.save("float64", "code for float64")
    assert first.load("float64") == "code for float64"


def run(script, cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT + script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_results_do_not_depend_on_what_was_compiled_before(tmp_path):
    at_once = run(ALL, tmp_path / "at once")
    run(FEW, tmp_path / "in turn")
    assert run(ALL, tmp_path / "in turn") == at_once
    assert run(ALL, tmp_path / "in turn") == at_once  # now all of it from the cache
    assert run(HESSIAN_FIRST + ALL, tmp_path / "in turn") == at_once  # loaded in another order
    assert run(HESSIAN_FIRST + ALL, tmp_path / "in another order") == at_once
    assert len(at_once) > 1000


KERNELS = """
import numpy as np
from dynamics import SGD, train
from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP
rng = np.random.default_rng(0)
for sizes in ((3, 16, 12, 4), (64, 5, 4)):
    inputs, labels = rng.normal(size=(60, sizes[0])), rng.integers(4, size=60)
    data = Dataset(inputs, labels, 4, inputs[:0], labels[:0])
    for precision in ("float32", "float64"):
        runs = train(CrossEntropyLoss(MLP(sizes), data), SGD(batch_size=20, precision=precision), replicas=1, steps=200)
        print(runs.snapshots[0, -1].tobytes().hex())
"""


@pytest.mark.slow
def test_kernels_with_loops_round_alike_when_compiled_and_from_the_cache(tmp_path):
    """What a kernel calls is inlined always: LLVM would inline what was just compiled, but not what was loaded."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    command = [sys.executable, "-c", KERNELS]
    found = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout for _ in "ab"]
    assert found[0] == found[1]
    assert len(found[0]) > 1000
