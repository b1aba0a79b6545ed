"""`rng` takes None, a seed or a generator (SPEC 7); a seed gives what its generator gives."""

import inspect

import numpy as np
import pytest

from dynamics import aging, mean_square_displacement
from dynamics.aging_times import agreement, compare_forms, local_slope
from dynamics.synthetic import aging_walk
from landscape.networks import MLP
from landscape.support import in_numbers, seed_of

TW, LAGS = np.array([10, 30, 100, 300]), np.array([1, 3, 10, 30, 100, 300, 1000])


def walk(rng):
    return mean_square_displacement(aging_walk(8, 20, TW, LAGS, 1e-2, rng=rng, mu=0.7))


def test_a_seed_is_the_generator_of_that_seed():
    np.testing.assert_array_equal(walk(3).values, walk(np.random.default_rng(3)).values)
    network = MLP((2, 3, 2))
    np.testing.assert_array_equal(network.glorot_uniform(3), network.glorot_uniform(np.random.default_rng(3)))
    assert (walk(None).values != walk(None).values).any()


@pytest.mark.parametrize("function", [aging, local_slope, compare_forms])
def test_functions_of_a_bootstrap_repeat_without_being_asked(function):
    msd = walk(0)
    seeds = ({}, {"rng": 0}, {"rng": np.random.default_rng(0)}, {"rng": 1})
    first, *equal, other = (in_numbers(vars(function(msd, **seed))) for seed in seeds)
    floats = [name for name, value in first.items() if np.asarray(value).dtype.kind == "f"]
    for again in equal:
        for name in floats:
            np.testing.assert_array_equal(first[name], again[name])
    assert any(not np.array_equal(first[name], other[name], equal_nan=True) for name in floats)


def test_a_generator_serves_functions_that_need_the_same_draws_twice():
    """The bootstrap of an agreement draws pairs of runs: equal displacements have ratios of exactly one."""
    msd = walk(0)
    found = agreement(msd, msd, 1e-1, resamples=50, rng=np.random.default_rng(1))
    reached = np.isfinite(found.t_star_ratio.value)
    assert reached.any()
    np.testing.assert_array_equal(found.t_star_ratio.value[reached], 1.0)
    assert np.nanmax(found.t_star_ratio.high - found.t_star_ratio.low) < 1e-12


def test_a_seed_of_everything():
    assert seed_of(7) == seed_of(np.int64(7)) == 7
    assert seed_of(np.random.default_rng(1)) == seed_of(np.random.default_rng(1)) != seed_of(np.random.default_rng(2))
    assert seed_of(np.random.SeedSequence(5)) == seed_of(np.random.SeedSequence(5))
    assert seed_of(None) != seed_of(None)


def test_rng_is_by_keyword():
    for function in (aging, agreement, aging_walk):
        assert inspect.signature(function).parameters["rng"].kind is inspect.Parameter.KEYWORD_ONLY
