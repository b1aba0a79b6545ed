"""The other average: t* of every single run, and its mean over the runs."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import _fits, _goodness, _resampling

Array = NDArray[np.float64]


class RunsMeanStatus(StrEnum):
    """Status of the mean over the runs; if something is missing, the value is the remedy."""

    OK = "ok"
    SOME_CENSORED = (
        "mu_runs_mean leaves out waiting times at which the mean over the runs is not determined, because runs do not "
        "reach the threshold (censored_runs) or are beyond it at the first lag (early_runs): t_star_runs_at_least is a "
        "lower bound there; train longer runs or choose another threshold"
    )
    CENSORED = (
        "not determined: at fewer than two waiting times do all runs have a t*; others do not reach the threshold "
        "(censored_runs) or are beyond it at the first lag (early_runs), so that only a lower bound is known, "
        "t_star_runs_at_least; train longer runs or choose another threshold"
    )
    NOT_A_POWER_LAW = "mu_runs_mean is a mean slope only: a power law misses t_star_runs_mean by more than its errors"
    TOO_FEW_RUNS = "the interval is not defined: one run has no spread; train at least two replicas"


@dataclass(frozen=True, eq=False)
class RunsMean:
    """Result of `runs_mean`; fields as those of `dynamics.Aging` that begin with t_star_runs and mu_runs_mean."""

    t_star: Array
    mean: Array
    at_least: Array
    censored: Array
    early: Array
    mu: float
    low: float
    high: float
    p_value: float
    status: RunsMeanStatus


def runs_mean(msd: MeanSquareDisplacement, threshold: float, counts: NDArray[np.int64], confidence: float) -> RunsMean:
    """Mean over the runs of t*, if every run has one; it is unknown if some are unknown."""
    crossings = _fits.first_crossing(msd.lags, msd.values, threshold)
    censored, early = np.isinf(crossings), crossings == 0
    whole = ~(censored | early).any(axis=0)
    bounds = np.where(censored, _last_lags(msd), crossings)
    x, y = np.log(msd.waiting_times), np.where(whole, _fits.log_finite(bounds.mean(axis=0)), np.nan)
    samples = np.where(whole, _fits.log_finite(counts @ bounds / msd.replicas), np.nan)
    law = _goodness.power_law(x, y, samples, msd.replicas)
    low, high = _resampling.float_interval(law.exponent, law.samples, confidence, msd.replicas)
    return RunsMean(
        t_star=np.where(censored | early, np.nan, crossings),
        mean=np.exp(y),
        at_least=bounds.mean(axis=0),
        censored=censored.mean(axis=0),
        early=early.mean(axis=0),
        mu=law.exponent,
        low=low,
        high=high,
        p_value=law.p_value,
        status=_status(whole, law.p_value, msd.replicas),
    )


def _last_lags(msd: MeanSquareDisplacement) -> Array:
    """Last recorded lag (R, W) of each run at each waiting time, 0 without one: a censored t* is longer."""
    return np.where(np.isfinite(msd.values), msd.lags, 0).max(axis=-1).astype(np.float64)


def _status(whole: NDArray[np.bool_], p_value: float, runs: int) -> RunsMeanStatus:
    if whole.sum() < 2:
        return RunsMeanStatus.CENSORED
    if not whole.all():
        return RunsMeanStatus.SOME_CENSORED
    if _goodness.fails(p_value):
        return RunsMeanStatus.NOT_A_POWER_LAW
    return RunsMeanStatus.TOO_FEW_RUNS if runs < 2 else RunsMeanStatus.OK
