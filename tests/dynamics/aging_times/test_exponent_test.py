"""Whether two exponents differ: against t tests of linear contrasts, and the rate of rejections."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dynamics import MeanSquareDisplacement
from dynamics.aging_times import compare_exponents
from dynamics.runs import log_lags
from dynamics.statistics import Status

TW, LAGS = np.array([100, 1000]), log_lags(3000)


def ensemble(mu, runs, spread, rng, metadata=None, common=None):
    """Runs with t* = tw^mu times a log-normal factor at each waiting time; Delta = 1e-2 t / t*."""
    logs = mu * np.log(TW) + spread * rng.standard_normal((runs, TW.size)) + (0 if common is None else common)
    return MeanSquareDisplacement(TW, LAGS, 1e-2 * LAGS / np.exp(logs)[..., None], metadata or {}), logs


def slopes(logs):
    """The contributions of single runs to mu: to first order in the spread, mu is their mean."""
    return np.diff(logs, axis=1)[:, 0] / np.log(10)


def test_independent_ensembles_are_compared_as_welch_does(rng):
    (a, own), (b, other) = ensemble(0.7, 8, 0.01, rng), ensemble(0.701, 12, 0.03, rng)
    for average in ("t* of the mean", "mean of t*"):
        found = compare_exponents(a, b, average=average, resamples=6000)
        expected = stats.ttest_ind(slopes(own), slopes(other), equal_var=False)
        low, high = expected.confidence_interval()
        assert found.p_value == pytest.approx(expected.pvalue, abs=0.03)
        assert found.freedom == pytest.approx(expected.df, rel=0.08)
        np.testing.assert_allclose(found.difference.interval, [low, high], atol=0.1 * (high - low))
        assert not found.paired
        assert found.status == Status.OK


def test_ensembles_that_start_alike_are_compared_run_by_run(rng):
    said = {"seed": 3, "start": "glorot", "data_sha256": "x"}
    common = 0.3 * rng.standard_normal((10, TW.size))
    (a, own), (b, other) = (ensemble(mu, 10, 0.02, rng, said, common) for mu in (0.7, 0.72))
    found = compare_exponents(a, b, average="mean of t*", resamples=4000)
    apart = compare_exponents(a, replace(b, metadata=said | {"seed": 4}), resamples=4000)
    assert (found.paired, found.freedom, apart.paired) == (True, 9.0, False)
    assert found.p_value < 0.01
    assert apart.p_value > 0.3
    assert found.p_value == pytest.approx(stats.ttest_rel(slopes(own), slopes(other)).pvalue, abs=0.005)


def test_what_cannot_be_compared_is_said(rng):
    a, b = (ensemble(0.7, 5, 0.1, rng)[0] for _ in range(2))
    missing = compare_exponents(a, b, 1e3)
    assert np.isnan([missing.p_value, missing.difference.value]).all()
    assert missing.status == Status.ONE_EXPONENT_MISSING
    one = compare_exponents(a, replace(b, values=b.values[:1]))
    assert one.status == Status.TOO_FEW_RUNS
    assert np.isfinite(one.difference.value)
    assert np.isnan([one.p_value, *one.difference.interval]).all()
    with pytest.raises(ValueError, match="threshold must be positive"):
        compare_exponents(a, b, -1.0)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [(4, 4), (5, 15), (12, 12)])
@pytest.mark.parametrize("average", ["t* of the mean", "mean of t*"])
def test_equal_exponents_are_told_apart_as_often_as_the_level_says(runs, average):
    rng, trials = np.random.default_rng(7), 600
    p_values = [
        compare_exponents(
            *(ensemble(0.8, n, spread, rng)[0] for n, spread in zip(runs, (0.3, 0.15), strict=True)),
            average=average, resamples=200, rng=k,
        ).p_value
        for k in range(trials)
    ]  # fmt: skip
    share = np.mean(np.array(p_values) < 0.05)
    assert 0.02 < share < 0.085, share


@pytest.mark.slow
def test_different_exponents_are_found():
    rng = np.random.default_rng(8)
    found = [
        compare_exponents(*(ensemble(mu, 10, 0.2, rng)[0] for mu in (0.5, 0.9)), resamples=200).p_value < 0.05
        for _ in range(50)
    ]
    assert np.mean(found) > 0.9
