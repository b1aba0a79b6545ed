"""Numba's cache sees a change of what it compiled into a function from another file."""

import importlib
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from landscape.support import fingerprint

ROOT = Path(__file__).resolve().parents[3]
HELPER = "from numba import njit\nFACTOR = {factor}\n@njit({options})\ndef helper(x):\n    return {body}\n"
KERNEL = """
import helping
from helping import FACTOR, helper
from landscape.support import njit
@njit(cache=True)
def middle(x):
    return helper(x)
@njit(cache=True)
def kernel(x):
    return middle(x)
@njit(cache=True)
def scaled(x):
    return FACTOR * x
@njit(cache=True)
def scaled_by_attribute(x):
    return helping.FACTOR * x
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """The module of the kernels as a new process would load it, after a change of the helper's file."""
    (tmp_path / "kernels_of_a_test.py").write_text(KERNEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # Python's own cache does not see two changes a second

    def loaded(body="x + 1", factor=2, options=""):
        (tmp_path / "helping.py").write_text(HELPER.format(body=body, factor=factor, options=options))
        for name in ("helping", "kernels_of_a_test"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module("kernels_of_a_test")

    yield loaded
    for name in ("helping", "kernels_of_a_test"):
        sys.modules.pop(name, None)


def test_an_unchanged_function_comes_from_the_cache(load):
    load().kernel(1)
    again = load().kernel
    assert again(1) == 2
    assert again.stats.cache_hits
    assert not again.stats.cache_misses


def test_a_changed_helper_is_seen_through_two_calls(load):
    assert load().kernel(1) == 2
    changed = load(body="x + 5").kernel
    assert changed(1) == 6
    assert changed.stats.cache_misses


def test_a_changed_constant_is_seen(load):
    before = load()
    assert (before.scaled(3), before.scaled_by_attribute(3)) == (6, 6)
    after = load(factor=7)
    assert (after.scaled(3), after.scaled_by_attribute(3)) == (21, 21)


def test_a_changed_constant_in_the_helper_s_text_is_seen(load):
    """Bytecode does not hold the values of constants."""
    assert load(body="x + 5").kernel(1) == 6
    assert load(body="x + 6").kernel(1) == 7


def test_changed_options_are_seen(load):
    load(options="fastmath={'nsz'}").kernel(1.0)
    changed = load(options="fastmath={'nsz', 'contract'}").kernel
    changed(1.0)
    assert changed.stats.cache_misses


INTRINSIC = """
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

def number():
    return ir.Constant(ir.IntType(64), {number})

@intrinsic
def constant(typing_context):
    return types.int64(), lambda context, builder, signature, arguments: number()

@njit
def kernel():
    return constant()
"""


def test_a_changed_intrinsic_is_seen(tmp_path):
    def found(number):
        path = tmp_path / f"intrinsic_{number}.py"
        path.write_text(INTRINSIC.format(number=number))
        namespace = runpy.run_path(str(path))
        return namespace["kernel"](), fingerprint(namespace["kernel"])

    assert found(1)[0] == 1
    assert found(1)[1] == found(1)[1]
    assert found(1)[1] != found(2)[1]


SCORES = """
import numpy as np
from landscape.losses._scores import row_losses
print(row_losses(np.ones(6), np.array([2, 2]), np.ones((2, 1)), np.array([0])))
"""


@pytest.mark.slow
def test_a_changed_helper_in_a_copy_of_the_package(tmp_path):
    shutil.copytree(ROOT / "landscape", tmp_path / "landscape", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        command = [sys.executable, "-c", SCORES]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert run() == "[0.69314718]\n"
    helpers = tmp_path / "landscape/losses/_math.py"
    helpers.write_text(helpers.read_text().replace("LN2_HIGH = 6.9", "LN2_HIGH = 7.9"))
    assert run() == "[0.79314718]\n"
