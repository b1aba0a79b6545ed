"""How the time to move a given distance grows with the waiting time: t*(tw) and its exponent mu."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dynamics import _fits, _resampling
from dynamics.crossover import Crossover, find_crossover
from dynamics.displacement import MeanSquareDisplacement

Array = NDArray[np.float64]


class AgingStatus(StrEnum):
    """What became of the fit; where something is missing, the value is the remedy."""

    OK = "ok"
    TOO_FEW_WAITING_TIMES = (
        "mu is not defined: fewer than two waiting times have a t*, because the displacement does not reach the "
        "threshold within the runs; train longer runs or choose a smaller threshold"
    )
    THRESHOLD_TOO_SMALL = (
        "mu is not defined: fewer than two waiting times have a t*, because the displacement is beyond the threshold "
        "at the first lag; choose a larger threshold or record shorter lags"
    )
    TOO_FEW_RUNS = "the intervals are not defined: one run has no spread; train at least two replicas"


@dataclass(frozen=True, eq=False)
class Aging:
    """Result of `aging`. W waiting times, R runs; times in steps; nan where a value does not exist.

    Parameters
    ----------
    threshold, confidence : float
        What was asked for.
    waiting_times : (W,) int64
        Steps.
    t_star : (W,) float64
        Lag at which the mean over the runs of the displacement reaches the threshold.
    t_star_interval : (W, 2) float64
        Bootstrap interval of `t_star`; an end beyond the recorded lags is nan.
    censored : (W,) bool
        True where the threshold is not reached within the runs.
    early : (W,) bool
        True where the displacement is beyond the threshold at the first lag already: t* is smaller than that. It is
        not extrapolated.
    local_slope : (W,) float64
        d ln MSD / d ln t of the mean at t*: 1 for diffusion, 2 for drift.
    t_star_runs : (R, W) float64
        The same for every run by itself.
    t_star_runs_mean : (W,) float64
        Mean of `t_star_runs` over the runs that have one: too small where some are censored.
    censored_runs : (W,) float64
        Share of the runs that do not reach the threshold.
    mu, mu_low, mu_high : float
        Exponent of t* ~ tw^mu, the least-squares slope of log `t_star` against log tw, and its bootstrap interval.
    intercept : float
        Of that line: log t* = intercept + mu log tw.
    mu_runs_mean, mu_runs_mean_low, mu_runs_mean_high : float
        The same from `t_star_runs_mean`, over waiting times at which at least half of the runs have a t*.
    crossover : Crossover or None
        Two slopes, where they lower the BIC and their difference differs from 0 at `confidence`. None for fewer than
        five usable waiting times or one run.
    status : AgingStatus
        "ok", or what is missing and how to get it.
    """

    threshold: float
    confidence: float
    waiting_times: NDArray[np.int64]
    t_star: Array
    t_star_interval: Array
    censored: NDArray[np.bool_]
    early: NDArray[np.bool_]
    local_slope: Array
    t_star_runs: Array
    t_star_runs_mean: Array
    censored_runs: Array
    mu: float
    mu_low: float
    mu_high: float
    intercept: float
    mu_runs_mean: float
    mu_runs_mean_low: float
    mu_runs_mean_high: float
    crossover: Crossover | None
    status: AgingStatus

    @property
    def interval(self) -> tuple[float, float]:
        """Bootstrap interval of `mu`."""
        return self.mu_low, self.mu_high


def aging(
    msd: MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Aging:
    """Time t*(tw) in which the mean square displacement reaches `threshold`, and the exponent mu of t* ~ tw^mu.

    t* is the first crossing, interpolated in log-log between the recorded lags. Intervals are expanded percentiles
    over `resamples` bootstrap samples of the runs (whole runs are drawn, since the waiting times of a run are
    dependent). Measured coverage of the 95 % interval of mu over the processes of `dynamics.synthetic`: 0.94 to 0.98
    for 5 to 20 runs; where single runs dominate the mean (amplitudes log-normal with a standard deviation of 1), 0.82,
    0.91, 0.95 for 5, 10, 20 runs.

    Source: Herrera Segura et al. 2022 (arXiv 2209.02517).

    Raises
    ------
    ValueError
        For an argument out of its range, which it names. Thin data are no error but a `status`.
    """
    _check(msd, threshold, confidence, resamples)
    x = np.log(msd.waiting_times)
    mean = msd.mean
    crossing = _fits.first_crossing(msd.lags, mean, threshold)
    y = _fits.log_finite(crossing)
    t_star = np.exp(y)
    mu, intercept = (float(v) for v in _fits.line(x, y))

    runs = _fits.first_crossing(msd.lags, msd.values, threshold)
    has_t_star = np.isfinite(runs) & (runs > 0)
    runs_mean = _mean_of_runs(np.ones((1, msd.replicas)), runs, has_t_star)[0]
    enough = has_t_star.mean(axis=0) >= 0.5
    y_runs = np.where(enough, _fits.log_finite(runs_mean), np.nan)

    counts = _resampling.run_counts(msd.replicas, resamples, seed)
    crossings = _fits.first_crossing(msd.lags, _resampling.resampled_means(counts, msd.values), threshold)
    y_boot = np.where(np.isfinite(y), _fits.log_finite(crossings), np.nan)
    y_runs_boot = np.where(enough, _fits.log_finite(_mean_of_runs(counts, runs, has_t_star)), np.nan)
    one_run = msd.replicas < 2
    interval = partial(_resampling.interval, confidence=confidence, runs=msd.replicas)
    low, high = (float(end) for end in interval(_fits.line(x, y_boot)[0]))
    runs_low, runs_high = (float(end) for end in interval(_fits.line(x, y_runs_boot)[0]))
    ends = np.exp(_fits.log_finite(np.stack(interval(crossings), axis=-1)))
    return Aging(
        threshold=float(threshold),
        confidence=float(confidence),
        waiting_times=msd.waiting_times,
        t_star=t_star,
        t_star_interval=ends,
        censored=np.isinf(crossing),
        early=crossing == 0,
        local_slope=_fits.local_slopes(msd.lags, mean, t_star),
        t_star_runs=np.where(has_t_star, runs, np.nan),
        t_star_runs_mean=runs_mean,
        censored_runs=np.isinf(runs).mean(axis=0),
        mu=mu,
        mu_low=low,
        mu_high=high,
        intercept=intercept,
        mu_runs_mean=float(_fits.line(x, y_runs)[0]),
        mu_runs_mean_low=runs_low,
        mu_runs_mean_high=runs_high,
        crossover=None if one_run else find_crossover(msd.waiting_times, y, y_boot, interval),
        status=_status(crossing, one_run),
    )


def _check(msd: MeanSquareDisplacement, threshold: float, confidence: float, resamples: int) -> None:
    if not (np.isfinite(threshold) and threshold > 0):
        msg = f"threshold must be positive and finite; got {threshold!r}"
        raise ValueError(msg)
    _resampling.check_resampling(confidence, resamples)
    _resampling.check_times_of(msd)


def _status(crossing: Array, one_run: bool) -> AgingStatus:
    if (np.isfinite(crossing) & (crossing > 0)).sum() < 2:
        early = (crossing == 0).sum() > np.isinf(crossing).sum()
        return AgingStatus.THRESHOLD_TOO_SMALL if early else AgingStatus.TOO_FEW_WAITING_TIMES
    return AgingStatus.TOO_FEW_RUNS if one_run else AgingStatus.OK


def _mean_of_runs(counts: Array | NDArray[np.int64], runs: Array, has_t_star: NDArray[np.bool_]) -> Array:
    """Mean t* (B, W) over the runs that have one, run r counted ``counts[:, r]`` times; nan where none has."""
    total = counts @ np.where(has_t_star, runs, 0.0)
    number = counts @ has_t_star.astype(np.float64)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
