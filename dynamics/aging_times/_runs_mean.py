"""The other average: t* of every single run, and its mean over the runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.aging_times._crossings import Crossings, crossings
from dynamics.displacement import MeanSquareDisplacement, known_mean
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RunsMean:
    """Result of `runs_mean`; fields as those of `dynamics.Aging` that begin with t_star_runs and mu_runs_mean."""

    t_star: Array
    mean: Estimate[Array]
    at_least: Array
    censored: Array
    early: Array
    mu: Estimate[float]
    p_value: float


def runs_mean(msd: MeanSquareDisplacement, threshold: float, counts: NDArray[np.int64], confidence: float) -> RunsMean:
    """Mean over the runs of t*, if every run with the waiting time has one; it is unknown if some are unknown."""
    has = np.isfinite(msd.values).any(axis=-1)
    own = np.where(has, _fits.first_crossing(msd.lags, msd.values, threshold), np.nan)
    censored, early = np.isinf(own), own == 0
    found = crossings(msd, counts, threshold, "mean of t*")
    whole, x = np.isfinite(found.log), np.log(msd.waiting_times)
    samples = np.where(whole, found.log_samples, np.nan)
    law = _goodness.power_law(x, found.log, samples, found.fewest, found.reach)
    status = _status(found, law.p_value)
    mu = _resampling.estimate(law.exponent, law.samples, confidence, found.fewest, status)
    reach = found.slope_reach(x)
    times = _resampling.estimates(found.log, samples, confidence, found.runs)
    return RunsMean(
        t_star=np.where(censored | early, np.nan, own),
        mean=Estimate(found.log, times.low - found.reach, times.high + found.reach, status).map(np.exp),
        at_least=known_mean(np.where(censored, _last_lags(msd), own)),
        censored=known_mean(np.where(has, censored, np.nan)),
        early=known_mean(np.where(has, early, np.nan)),
        mu=Estimate(mu.value, mu.low - reach, mu.high + reach, mu.status),
        p_value=law.p_value,
    )


def _last_lags(msd: MeanSquareDisplacement) -> Array:
    """Last recorded lag (R, W) of each run at each waiting time, 0 without one: a censored t* is longer."""
    return np.where(np.isfinite(msd.values), msd.lags, 0).max(axis=-1).astype(np.float64)


def _status(found: Crossings, p_value: float) -> Status:
    whole = np.isfinite(found.log)
    if whole.sum() < 2:
        return Status.CENSORED
    if not whole.all():
        return Status.SOME_CENSORED
    if found.runs_change:
        return Status.RUNS_CHANGE
    if _goodness.fails(p_value):
        return Status.NOT_A_POWER_LAW
    if found.single != Status.OK:
        return found.single
    return Status.WIDE_GAP if found.wide.any() else Status.OK
