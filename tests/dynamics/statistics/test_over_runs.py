"""Statistics with intervals over the runs, against SciPy and resampling by hand."""

import numpy as np
import pytest
from scipy import stats

from dynamics.statistics import ZERO_TO_ONE, Status, mean_over_runs, over_runs, ratio_over_runs, share_of_runs


def by_hand(statistic, runs, resamples=4000):
    """Student's interval around a statistic of the runs (indices), with the standard error of resampled runs."""
    rng = np.random.default_rng(1)
    samples = [statistic(rng.integers(runs, size=runs)) for _ in range(resamples)]
    error = np.nanstd(samples, axis=0) * np.sqrt(runs / (runs - 1))
    return stats.t.interval(0.95, runs - 1, loc=statistic(np.arange(runs)), scale=error)


def test_the_mean_has_the_interval_of_student():
    values = np.random.default_rng(0).normal(3.0, 1.0, size=(7, 2))
    found = mean_over_runs(values)
    np.testing.assert_allclose(found.value, values.mean(axis=0))
    expected = stats.t.interval(0.95, 6, loc=values.mean(axis=0), scale=stats.sem(values))
    np.testing.assert_allclose(found.interval, expected, rtol=1e-12)
    one = mean_over_runs(values[:, 0], 0.8)
    expected = stats.t.interval(0.8, 6, loc=values[:, 0].mean(), scale=stats.sem(values[:, 0]))
    np.testing.assert_allclose(one.interval, expected, rtol=1e-12)
    assert one.status == Status.OK


def test_runs_without_a_value_are_left_out_of_the_mean():
    values = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, np.nan], [np.nan, np.nan]])
    found = mean_over_runs(values)
    expected = stats.t.interval(0.95, 2, loc=7 / 3, scale=stats.sem([1.0, 2.0, 4.0]))
    assert (found.low[0], found.high[0]) == pytest.approx(expected, rel=1e-12)
    assert found.value[1] == 5.0
    assert np.isnan([found.low[1], found.high[1]]).all()
    assert np.isnan(mean_over_runs(np.full(3, np.nan)).value)


@pytest.mark.parametrize(("values", "status"), [([2.0], Status.TOO_FEW_RUNS), ([2.0, 2.0], Status.RUNS_AGREE)])
def test_one_run_and_runs_that_agree_have_no_interval(values, status):
    ones = np.ones(len(values))
    for found in (
        mean_over_runs(values),
        ratio_over_runs(values, ones),
        over_runs(lambda counts: float(np.repeat(values, counts).mean()), len(values)),
    ):
        assert found.value == 2.0
        assert np.isnan(found.interval).all()
        assert found.status == status


def test_a_ratio_of_sums_has_the_interval_of_resampled_runs():
    rng = np.random.default_rng(0)
    wholes = rng.uniform(1.0, 3.0, size=(12, 2))
    parts = wholes * rng.uniform(0.2, 0.6, size=(12, 2))
    found = ratio_over_runs(parts, wholes)
    np.testing.assert_allclose(found.value, parts.sum(axis=0) / wholes.sum(axis=0))
    low, high = by_hand(lambda runs: parts[runs].sum(axis=0) / wholes[runs].sum(axis=0), 12)
    np.testing.assert_allclose(found.high - found.low, high - low, rtol=0.08)
    np.testing.assert_allclose((found.high + found.low) / 2, found.value)
    assert np.isnan(ratio_over_runs([1.0, 2.0], [0.0, 0.0]).value)


def test_any_statistic_has_the_interval_of_resampled_runs():
    values = np.random.default_rng(0).exponential(size=15)
    found = over_runs(lambda counts: float(np.median(np.repeat(values, counts))), 15)
    low, high = by_hand(lambda runs: np.median(values[runs]), 15)
    assert found.value == np.median(values)
    assert found.high - found.low == pytest.approx(high - low, rel=0.08)


def test_an_interval_ends_at_the_limits_of_the_quantity():
    values = np.array([0.9, 1.0, 1.0])
    free, share = mean_over_runs(values), mean_over_runs(values, within=ZERO_TO_ONE)
    assert free.high > 1.0
    assert (share.low, share.high) == (free.low, 1.0)


def test_a_statistic_that_hangs_on_single_runs_has_no_interval():
    found = over_runs(lambda counts: 1.0 + counts[1] if counts[0] else np.nan, 4)
    assert found.value == 2.0
    assert np.isnan(found.low)
    assert found.status == Status.RUNS_AGREE


@pytest.mark.parametrize(("some", "known"), [(0, 8), (3, 8), (8, 8), (1, 1)])
def test_a_share_of_runs_has_the_exact_interval(some, known):
    found = share_of_runs(some, known)
    expected = stats.binomtest(some, known).proportion_ci(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((some / known, expected.low, expected.high))


def test_a_share_of_no_runs_is_not_known():
    found = share_of_runs([0, 2], [0, 4])
    assert np.isnan([found.value[0], found.low[0], found.high[0]]).all()
    assert found.value[1] == 0.5
