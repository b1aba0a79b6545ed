"""The other average: t* of every single run, and its mean over the runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunsMean:
    """Result of `runs_mean`; fields as those of `dynamics.Aging` that begin with t_star_runs and mu_runs_mean."""

    t_star: Array
    mean: Array
    at_least: Array
    censored: Array
    early: Array
    mu: Estimate[float]
    p_value: float


def runs_mean(msd: MeanSquareDisplacement, threshold: float, counts: NDArray[np.int64], confidence: float) -> RunsMean:
    """Mean over the runs of t*, if every run has one; it is unknown if some are unknown."""
    crossings = _fits.first_crossing(msd.lags, msd.values, threshold)
    censored, early = np.isinf(crossings), crossings == 0
    whole = ~(censored | early).any(axis=0)
    bounds = np.where(censored, _last_lags(msd), crossings)
    x, y = np.log(msd.waiting_times), np.where(whole, _fits.log_finite(bounds.mean(axis=0)), np.nan)
    samples = np.where(whole, _fits.log_finite(counts @ bounds / msd.replicas), np.nan)
    law = _goodness.power_law(x, y, samples, msd.replicas)
    status = _status(whole, law.p_value, msd.replicas)
    return RunsMean(
        t_star=np.where(censored | early, np.nan, crossings),
        mean=np.exp(y),
        at_least=bounds.mean(axis=0),
        censored=censored.mean(axis=0),
        early=early.mean(axis=0),
        mu=_resampling.estimate(law.exponent, law.samples, confidence, msd.replicas, status),
        p_value=law.p_value,
    )


def _last_lags(msd: MeanSquareDisplacement) -> Array:
    """Last recorded lag (R, W) of each run at each waiting time, 0 without one: a censored t* is longer."""
    return np.where(np.isfinite(msd.values), msd.lags, 0).max(axis=-1).astype(np.float64)


def _status(whole: NDArray[np.bool_], p_value: float, runs: int) -> Status:
    if whole.sum() < 2:
        return Status.CENSORED
    if not whole.all():
        return Status.SOME_CENSORED
    if _goodness.fails(p_value):
        return Status.NOT_A_POWER_LAW
    return Status.TOO_FEW_RUNS if runs < 2 else Status.OK
