"""exp, log and tanh of the kernels over the whole range of their numbers, against libm in extended precision."""

import numpy as np
import pytest
from numba import njit

from landscape.losses import _math
from landscape.losses._math import FAST

SINGLE, DOUBLE = np.float32, np.float64
# name of ours: precision, reference, units in the last place that it may be off (without fused products one more)
FUNCTIONS = {
    "exp": (DOUBLE, np.exp, 2.0),
    "tanh": (DOUBLE, np.tanh, 3.5),
    "log": (DOUBLE, np.log, 1.5),
    "exp_float32": (SINGLE, np.exp, 2.0),
    "tanh_float32": (SINGLE, np.tanh, 6.0),
}
# what they are at numbers that have no neighbors on one side: -inf, -0, 0, inf, nan
SPECIAL = {
    "exp": (0.0, 1.0, 1.0, np.inf, np.nan),
    "tanh": (-1.0, -0.0, 0.0, 1.0, np.nan),
    "log": (np.nan, -np.inf, -np.inf, np.inf, np.nan),
    "exp_float32": (0.0, 1.0, 1.0, np.inf, np.nan),
    "tanh_float32": (-1.0, -0.0, 0.0, 1.0, np.nan),
}


def compiled(name, fastmath=False):
    """One of ours over an array, in a loop that LLVM vectorizes."""
    function = getattr(_math, name)

    @njit(fastmath=fastmath, error_model="numpy")
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def call(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return call


@pytest.fixture(scope="module")
def ours():
    return {name: compiled(name) for name in FUNCTIONS}


def every(number, stride):
    """Every `stride`-th of all bit patterns of float32; as many of float64 drawn at random. Finite ones."""
    if number is SINGLE:
        x = np.arange(0, 2**32, stride, dtype=np.uint32).view(SINGLE)
    else:
        rng = np.random.default_rng(0)
        x = rng.integers(0, 2**64, 2**32 // stride, dtype=np.uint64).view(DOUBLE)
    return x[np.isfinite(x)]


def dense(number):
    """Where the functions change: around zero, up to where they saturate, overflow and underflow; subnormals."""
    tiny, least = np.finfo(number).tiny, np.finfo(number).smallest_subnormal
    ends = [745.2 if number is DOUBLE else 104.1, 709.8 if number is DOUBLE else 88.8, 20.0, 1.0]
    parts = [np.linspace(-end, end, 40_001) for end in ends]
    parts += [np.geomspace(1e-300 if number is DOUBLE else 1e-37, 1e3, 40_000), least * np.arange(1, 2000)]
    parts += [tiny * np.linspace(0.5, 2.0, 1000)]
    x = np.concatenate(parts).astype(number)
    return np.concatenate([x, -x])


def errors(name, function, x):
    """Distance to the reference in units in the last place of what is nearest to it, infinite for another infinity."""
    number, exact, _ = FUNCTIONS[name]
    if name == "log":
        x = x[x > 0]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        expected = exact(x.astype(np.longdouble))
        nearest = expected.astype(number)
        found = function(x)
        unit = np.spacing(np.abs(np.where(np.isfinite(nearest), nearest, np.finfo(number).max)))
        far = np.abs(found.astype(np.longdouble) - expected) / unit
    return np.where(np.isfinite(nearest) & np.isfinite(found), far, np.where(found == nearest, 0.0, np.inf))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no extended precision on this machine")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_right_over_their_whole_range(name, ours):
    number, _, most = FUNCTIONS[name]
    for x in (every(number, 20_011), dense(number)):
        assert errors(name, ours[name], x).max() <= most


@pytest.mark.slow
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no extended precision on this machine")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_right_at_many_more_numbers(name, ours):
    number, _, most = FUNCTIONS[name]
    assert errors(name, ours[name], every(number, 211)).max() <= most


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_against_many_digits(name, ours):
    """The reference itself, at some numbers of every exponent."""
    mpmath = pytest.importorskip("mpmath")
    number, _, most = FUNCTIONS[name]
    x = every(number, 2**32 // 400)
    x = x[x > 0] if name == "log" else x
    exact = getattr(mpmath, name.partition("_")[0])
    with mpmath.workdps(60):
        for argument, found in zip(x.tolist(), ours[name](x).tolist(), strict=True):
            expected = exact(mpmath.mpf(argument)) if abs(argument) < 1e4 or name == "log" else None
            if expected is None:  # e^10000 is no float
                assert found == (0.0 if argument < 0 else np.inf) if "exp" in name else abs(found) == 1.0
                continue
            with np.errstate(over="ignore"):
                nearest = number(float(expected))
            if np.isfinite(nearest):
                assert abs(found - expected) <= most * float(np.spacing(abs(nearest)))
            else:
                assert found == nearest


@pytest.mark.parametrize("fastmath", [False, FAST], ids=["as it is", "reordered"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers_in_every_place_of_a_vector(name, fastmath):
    call, number = compiled(name, fastmath), FUNCTIONS[name][0]
    for argument, expected in zip((-np.inf, -0.0, 0.0, np.inf, np.nan), SPECIAL[name], strict=True):
        for place in range(32):
            x = np.full(67, 0.5, number)
            x[[place, 66]] = argument  # the last one is beyond the vectors
            found = call(x)
            np.testing.assert_array_equal(found[[place, 66]], number(expected))
            assert np.isfinite(np.delete(found, [place, 66])).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_reordering_in_the_caller_changes_no_bit(name, ours):
    x = dense(FUNCTIONS[name][0])
    np.testing.assert_array_equal(compiled(name, FAST)(x), ours[name](x))


@pytest.mark.parametrize(("name", "end"), [("tanh", 19.1), ("tanh_float32", 9.02)])
def test_tanh_saturates_at_exactly_one(name, end, ours):
    """From where 1 is nearest: then the slope 1 - t^2 of the kernels is exactly zero."""
    number = FUNCTIONS[name][0]
    x = np.concatenate([np.linspace(end, 100.0, 10_000), np.geomspace(100.0, 1e38, 1000), [np.inf]]).astype(number)
    assert (ours[name](x) == 1).all()
    assert (ours[name](-x) == -1).all()
    assert (np.float64(1.0) - ours[name](x) ** 2 == 0).all()


@pytest.mark.parametrize("name", ["tanh", "tanh_float32"])
def test_tanh_is_odd_stays_within_one_and_rises(name, ours):
    x = np.sort(dense(FUNCTIONS[name][0]))
    t = ours[name](x)
    np.testing.assert_array_equal(ours[name](-x), -t)
    assert np.abs(t).max() <= 1
    top = np.maximum.accumulate(t)
    assert ((top - t) <= 8 * np.spacing(np.abs(t))).all()  # within its rounding
    beyond = x > (19.1 if name == "tanh" else 8.0)
    assert (np.diff(t[beyond]) == 0).all()


@pytest.mark.parametrize(("name", "zero", "infinite"), [("exp", -745.14, 709.79), ("exp_float32", -103.98, 88.73)])
def test_exp_under_and_overflows_where_the_numbers_end(name, zero, infinite, ours):
    number = FUNCTIONS[name][0]
    x = np.array([zero, zero + 0.2, infinite, infinite - 0.2], number)
    found = ours[name](x)
    assert found[0] == 0
    assert 0 < found[1] < np.finfo(number).tiny
    assert found[2] == np.inf
    assert np.finfo(number).max / 2 < found[3] < np.inf
