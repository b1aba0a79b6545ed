"""Four-point susceptibility and van Hove function against Gaussian walks and double loops."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from dynamics.displacement import non_gaussian, susceptibility, van_hove
from dynamics.statistics import Status
from dynamics.synthetic import aging_walk, brownian

TW = np.array([10, 30, 100])
LAGS = np.array([1, 3, 10, 30, 100, 300])


def walk(replicas=200, parameters=50, diffusion=0.01, seed=0):
    return brownian(replicas, parameters, TW, LAGS, diffusion, rng=seed)


def displacements(runs):
    """(R, W, T, P) by a loop over the pairs."""
    at = {int(step): k for k, step in enumerate(runs.steps)}
    theta = np.asarray(runs.snapshots, dtype=np.float64)
    return np.stack([[theta[:, at[tw + t]] - theta[:, at[tw]] for t in LAGS.tolist()] for tw in TW.tolist()]).transpose(
        2, 0, 1, 3
    )


def test_independent_parameters_have_the_susceptibility_of_a_coin():
    runs, cutoff = walk(), 0.5
    found = susceptibility(runs, cutoff)
    stay = special.erf(cutoff / np.sqrt(4 * 0.01 * LAGS))
    expected = np.broadcast_to(stay * (1 - stay), (TW.size, LAGS.size))
    known = expected > 1e-3
    inside = (found.chi.low <= expected) & (expected <= found.chi.high)
    assert inside[known].mean() > 0.8
    np.testing.assert_allclose(found.chi.value[known], expected[known], rtol=0.4)
    np.testing.assert_allclose(found.values.mean(axis=0), np.broadcast_to(stay, expected.shape), atol=0.01)


def test_susceptibility_agrees_with_a_double_loop():
    runs = walk(replicas=7)
    overlaps = (np.abs(displacements(runs)) < 0.3).mean(axis=-1)
    found = susceptibility(runs, 0.3)
    np.testing.assert_allclose(found.values, overlaps)
    np.testing.assert_allclose(found.chi.value, 50 * overlaps.var(axis=0, ddof=1))


def test_susceptibility_of_the_displacement_is_two_for_gaussians():
    runs = walk()
    found = susceptibility(runs)
    np.testing.assert_allclose(found.chi.value, 2.0, rtol=0.4)
    assert ((found.chi.low < 2) & (found.chi.high > 2)).mean() > 0.8
    lengths = non_gaussian(runs).alpha_2_lengths
    np.testing.assert_allclose(found.chi.value * 199 / 200, 52 * (lengths + 1) - 50)


def test_runs_that_move_as_a_whole_have_a_large_susceptibility():
    runs = walk(replicas=100, parameters=40)
    factors = np.random.default_rng(1).lognormal(0.0, 0.5, (100, 1, 1))
    found = susceptibility(replace(runs, snapshots=runs.snapshots * factors))
    # Var(f^2 y) / <f^2>^2 with y of mean 1 and variance 2 / P
    moment = np.exp(4 * 0.5**2)
    np.testing.assert_allclose(found.chi.value.mean(), 40 * (moment * (1 + 2 / 40) - 1), rtol=0.5)


def test_the_peak_moves_with_age_as_the_motion_slows_down():
    lags = np.unique(np.geomspace(1, 3000, 40).astype(int))
    runs = aging_walk(60, 60, [300, 1000, 3000], lags, 1.0, rng=2, mu=0.8)
    found = susceptibility(runs, 0.4)
    assert found.exponent.low < 0.8 < found.exponent.high
    assert found.exponent.status == "ok"
    # half of a Gaussian is within 0.6745 of its width: 2 D t / tw^mu = (a / 0.6745)^2
    np.testing.assert_allclose(found.peak.value, np.array([300, 1000, 3000]) ** 0.8 * (0.4 / 0.6745) ** 2 / 2, rtol=0.5)
    assert susceptibility(walk(replicas=9), 1e3).exponent.status == Status.NO_PEAK


def test_susceptibility_needs_runs_and_a_cutoff():
    with pytest.raises(ValueError, match="runs must be at least two"):
        susceptibility(walk(replicas=1))
    with pytest.raises(ValueError, match="cutoff must be"):
        susceptibility(walk(replicas=2), 0.0)


def test_the_van_hove_function_of_brownian_motion_is_gaussian():
    found = van_hove(walk())
    expected = np.diff(stats.norm.cdf(found.edges)) / np.diff(found.edges)
    np.testing.assert_allclose(found.gaussian, expected)
    np.testing.assert_allclose(found.density.value, np.broadcast_to(expected, found.density.value.shape), atol=0.04)
    assert ((found.tail.low < 0.0027) & (found.tail.high > 0.0027)).mean() > 0.8
    assert (found.distance < 0.05).all()


def test_the_van_hove_function_agrees_with_a_histogram():
    runs = walk(replicas=3)
    moves = displacements(runs)
    scaled = moves / np.sqrt((moves**2).mean(axis=(0, 3), keepdims=True))
    found = van_hove(runs)
    counts = [np.histogram(one, found.edges)[0] / 50 for one in scaled[:, 1, 2]]
    np.testing.assert_allclose(found.density.value[1, 2], np.mean(counts, axis=0) / 0.25)
    np.testing.assert_allclose(found.tail.value, (np.abs(scaled) > 3).mean(axis=(0, 3)))
    own = moves / np.sqrt((moves**2).mean(axis=3, keepdims=True))
    np.testing.assert_allclose(van_hove(runs, "run").tail.value, (np.abs(own) > 3).mean(axis=(0, 3)))


def test_two_kinds_of_runs_are_gaussian_each_but_not_together():
    runs = walk(replicas=60, parameters=200)
    factors = np.where(np.arange(60) < 30, 0.1, 1.0)[:, None, None]
    mixed = replace(runs, snapshots=runs.snapshots * factors)
    together, single = van_hove(mixed), van_hove(mixed, "run")
    width = 1 / np.sqrt(0.505)  # of the fast half, in units of the common root mean square
    expected = 0.5 * 2 * stats.norm.sf(3 / width)
    np.testing.assert_allclose(together.tail.value, expected, rtol=0.25)
    np.testing.assert_allclose(single.tail.value, 0.0027, atol=1.5e-3)
    assert (together.distance > 0.2).all()
    assert (single.distance < 0.05).all()
    with pytest.raises(ValueError, match="scale must be one of ensemble, run; got 'layer'"):
        van_hove(runs, "layer")
