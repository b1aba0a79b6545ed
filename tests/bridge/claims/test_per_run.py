"""Influences of runs: standard errors against SciPy and the jackknife."""

import numpy as np
import pytest
from scipy import stats

from bridge.claims._curvature import correlation
from bridge.claims._per_run import independent, log_mean, mean, slope
from bridge.claims._phases import bend, constant_loss
from dynamics import MeanSquareDisplacement, aging
from dynamics.runs import WAITING_TIMES

TIMES = np.array(WAITING_TIMES)


def lag_times(mu, runs=30, spread=0.2, seed=0):
    """t* (R, W) of runs with the exponent mu."""
    rng = np.random.default_rng(seed)
    return rng.lognormal(0.0, spread, (runs, 1)) * TIMES**mu * rng.lognormal(0.0, 0.05, (runs, TIMES.size))


def jackknife(statistic, values):
    """Standard error of a statistic from the samples without one run."""
    runs = len(values)
    left = np.array([statistic(np.delete(values, r, axis=0)) for r in range(runs)])
    return np.sqrt((runs - 1) / runs * ((left - left.mean()) ** 2).sum())


def naive_slope(values):
    return np.polyfit(np.log(TIMES), np.log(values.mean(axis=0)), 1)[0]


def test_error_of_a_mean():
    values = np.random.default_rng(0).normal(size=9)
    assert mean(values).error == pytest.approx(stats.sem(values))
    assert np.isnan(mean([1.0]).error)


def test_slope_and_its_error():
    values = lag_times(0.7)
    found = slope(np.log(TIMES), values)
    assert found.value == pytest.approx(naive_slope(values))
    assert found.error == pytest.approx(jackknife(naive_slope, values), rel=0.1)


def test_slope_is_the_papers_average_of_aging():
    """From curves whose crossings are known: Delta = Delta* (t / t*)^2."""
    times, lags = lag_times(0.7, runs=20), np.unique(np.geomspace(1, 30_000, 120).astype(int))
    msd = MeanSquareDisplacement(TIMES, lags, 1e-2 * (lags / times[..., None]) ** 2)
    fit, found = aging(msd, 1e-2), slope(np.log(TIMES), times)
    assert fit.mu_runs_mean.value == pytest.approx(found.value, rel=1e-6)
    reach = stats.t.isf(0.025, found.freedom) * found.error
    assert fit.mu_runs_mean.high - fit.mu_runs_mean.low == pytest.approx(2 * reach, rel=0.15)  # of the bootstrap


def test_runs_that_start_alike_are_compared_run_by_run():
    """Their common spread, much larger than that of the difference, cancels."""
    common = np.random.default_rng(3).normal(0.0, 5.0, 12)
    a, b = common + np.linspace(0, 0.1, 12), common + 1.0
    difference = mean(a) - mean(b)
    expected = stats.ttest_rel(a, b)
    assert difference.value / difference.error == pytest.approx(expected.statistic)
    assert difference.error < 0.1 * independent("", mean(a), mean(b)).error


def test_independent_ensembles_are_compared_as_by_welch():
    rng = np.random.default_rng(4)
    a, b = rng.normal(1.0, 2.0, 8), rng.normal(0.0, 0.5, 15)
    found, expected = independent("", mean(a), mean(b)), stats.ttest_ind(a, b, equal_var=False)
    assert (found.value / found.error, found.freedom) == pytest.approx((expected.statistic, expected.df))


def test_runs_without_a_time_leave_the_mean_unknown():
    assert np.isnan(log_mean([1.0, np.inf]).value)
    assert np.isnan(slope(np.log(TIMES), np.vstack([lag_times(1.0, 3), np.full(TIMES.size, np.nan)])).value)


def test_bend_is_the_difference_of_two_slopes():
    before = TIMES < 4000
    times = np.where(before, TIMES**1.3, 4000**0.6 * TIMES**0.7)
    assert bend(np.array([times, 2 * times])).value == pytest.approx(0.6)


def test_constant_prediction_has_the_entropy_of_the_classes():
    assert constant_loss(np.array([0, 0, 2, 3])) == pytest.approx(1.5 * np.log(2))


def test_correlation_given_another_variable():
    """The partial correlation of the inverse of the correlation matrix."""
    x, y, given = np.random.default_rng(5).normal(size=(3, 12))
    inverse = np.linalg.inv(np.corrcoef([x, y, given]))
    assert correlation(x, y, given) == pytest.approx(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]))
    assert correlation(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
