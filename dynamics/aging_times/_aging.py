"""The time t*(tw) to move a given distance, and its exponent mu."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.aging_times._crossings import Average, Crossings, check_fit, crossings, resampled
from dynamics.aging_times._crossover import Crossover, find_crossover
from dynamics.aging_times._runs_mean import runs_mean
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result

Array = NDArray[np.float64]

# Fewer effective runs than this, and fewer than half of the runs, are too few for Student's interval (measured on
# log-normal runs: it covers again from about 8 on, for any spread).
LEAST_EFFECTIVE = 8


@dataclass(frozen=True, eq=False)
class Aging(Result, shows=("mu", "threshold", "p_value", "mu_runs_mean", "t_star")):
    """Result of `aging`. W waiting times, R runs; times in steps; nan if a value does not exist.

    Parameters
    ----------
    threshold, confidence : float
        Arguments of `aging`.
    average : str
        Which average over the runs `t_star` is, and with it all that follows from it: an argument of `aging`.
    waiting_times : (W,) int64
        Steps.
    t_star : Estimate of (W,) float64
        "t* of the mean": lag at which the mean over the runs of the displacement first reaches the threshold; an end of
        the interval may be beyond the recorded lags. If `average` is "mean of t*", that.
    t_star_between : (W, 2) float64
        The recorded lags between which it is interpolated; of "mean of t*" those of the run where they are farthest
        apart.
    t_star_of_runs : (W,) int64
        Number of runs behind it: those with the lags around it.
    t_star_last : (W,) float64
        Lag from which on that mean stays above the threshold: equal to `t_star` if it crosses once, inf if it ends
        below.
    ambiguous : (W,) bool
        Where the two differ by more than 10 % and three standard errors.
    censored : (W,) bool
        True if the threshold is not reached within the runs.
    early : (W,) bool
        True if the displacement exceeds the threshold at the first lag already: t* is smaller than this lag and not
        extrapolated.
    local_slope : Estimate of (W,) float64
        d ln MSD / d ln t of the mean at t*: 1 for diffusion, 2 for drift.
    effective_runs : Estimate of (W,) float64
        (sum_r D_r)^2 / sum_r D_r^2 of the displacements D_r of the runs near t*: R if all are equal, 1 if one run
        dominates the mean. Its interval is Student's on the logarithm, within 1 ... R.
    t_star_runs : (R, W) float64
        t* of every single run.
    t_star_runs_mean : Estimate of (W,) float64
        "mean of t*": mean of `t_star_runs` over the runs with this waiting time, if every one of them has a t*. It is
        usually larger than that of the mean, the more the runs differ.
    t_star_runs_at_least : (W,) float64
        Lower bound on that mean: a run that does not reach the threshold counts with its last lag, one that exceeds it
        at the first lag with 0.
    censored_runs : (W,) float64
        Share of the runs that do not reach the threshold.
    early_runs : (W,) float64
        Share of the runs that exceed the threshold at the first lag.
    mu : Estimate
        Exponent of t* ~ tw^mu, the least-squares slope of log `t_star` against log tw. Its status is also that of the
        whole.
    mu_last : float
        The same from `t_star_last`.
    mu_scatter : Estimate
        mu with the interval that follows from the scatter of log t* about the line alone: Student's with n - 2 degrees
        of freedom, of n waiting times. It needs no runs, and takes for granted that t* is a power law and that its
        deviations are independent and equally large; a bend widens it.
    t_star_of_mean : Estimate of (W,) float64
        "t* of the mean", whatever `average` is.
    mu_of_mean : Estimate
        mu from `t_star_of_mean`.
    intercept : float
        Intercept of the line: log t* = intercept + mu log tw.
    p_value : float
        Probability of a misfit at least as large if t* were a power law. nan for one run or two waiting times.
    worst_misfit : float
        Largest relative deviation of `t_star` from the line.
    mu_runs_mean : Estimate
        mu from `t_star_runs_mean`.
    mu_runs_mean_p_value : float
        Its p-value.
    crossover : Crossover or None
        Two slopes, if they lower the BIC and their difference differs from 0 at `confidence`. None for fewer than
        five usable waiting times or one run.
    """

    threshold: float
    confidence: float
    average: Average
    waiting_times: NDArray[np.int64]
    t_star: Estimate[Array]
    t_star_between: Array
    t_star_of_runs: NDArray[np.int64]
    t_star_last: Array
    ambiguous: NDArray[np.bool_]
    censored: NDArray[np.bool_]
    early: NDArray[np.bool_]
    local_slope: Estimate[Array]
    effective_runs: Estimate[Array]
    t_star_runs: Array
    t_star_runs_mean: Estimate[Array]
    t_star_runs_at_least: Array
    censored_runs: Array
    early_runs: Array
    mu: Estimate[float]
    mu_last: float
    mu_scatter: Estimate[float]
    t_star_of_mean: Estimate[Array]
    mu_of_mean: Estimate[float]
    intercept: float
    p_value: float
    worst_misfit: float
    mu_runs_mean: Estimate[float]
    mu_runs_mean_p_value: float
    crossover: Crossover | None

    @property
    def status(self) -> str:
        """That of `mu`: "ok", or what is missing or wrong and what to do."""
        return self.mu.status


def aging(
    msd: MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    average: Average = "t* of the mean",
    confidence: float = 0.95,
    resamples: int = 1000,
    rng: RNG = 0,
) -> Aging:
    """Time t*(tw) in which the mean square displacement reaches `threshold`, and the exponent mu of t* ~ tw^mu.

    t* is the first crossing, interpolated in log-log between the recorded lags: if some are missing, between the last
    one below the threshold and the first one not below it. Its interval then includes where the crossing may be if the
    curve bends one way only. Intervals are Student's on log t*,
    with the standard errors from `resamples` bootstrap samples of the runs (whole runs are drawn, because the waiting
    times of a run are dependent). The line is tested by Hotelling's T2 of its bends, with the covariance from the same
    samples; it fails if p is below 0.01. docs/concepts/intervals.md shows how often intervals cover and tests fail,
    from 2 to 24 runs.

    Source: Herrera Segura et al. 2022 (arXiv 2209.02517), whose t* is the "mean of t*".

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Of the runs.
    threshold : float
        > 0.
    average : {"t* of the mean", "mean of t*"}
        Of the mean displacement, or the mean over the runs of their own t*. The result has both; this is the one whose
        power law, crossover and worst misfit it gives.
    confidence, resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples, threshold)
    counts = _resampling.run_counts(msd.replicas, resamples, rng)
    means = resampled(msd, counts)
    found = crossings(msd, counts, threshold, average, means=means)
    fit = _fitted(msd, found, counts, confidence)
    of_mean = fit
    if average == "mean of t*":
        of_mean = _fitted(msd, crossings(msd, counts, threshold, means=means), counts, confidence)
    x, y = np.log(msd.waiting_times), found.log
    slope, slopes = (_fits.local_slopes(msd.lags, each, np.exp(y)) for each in (msd.mean, means))
    runs = runs_mean(msd, threshold, counts, confidence)
    return Aging(
        threshold=float(threshold),
        confidence=float(confidence),
        average=average,
        waiting_times=msd.waiting_times,
        t_star=fit.t_star,
        t_star_between=found.between,
        t_star_of_runs=found.runs,
        t_star_last=np.where(np.isfinite(found.first) & (found.last > 0), found.last, np.nan),
        ambiguous=found.ambiguous,
        censored=np.isinf(found.first),
        early=found.first == 0,
        local_slope=_resampling.estimates(slope, slopes, confidence, msd.replicas),
        effective_runs=fit.effective_runs,
        t_star_runs=runs.t_star,
        t_star_runs_mean=runs.mean,
        t_star_runs_at_least=runs.at_least,
        censored_runs=runs.censored,
        early_runs=runs.early,
        mu=fit.mu,
        mu_last=float(_fits.line(x, _fits.log_finite(found.last))[0]),
        mu_scatter=_from_scatter(x, y, confidence),
        t_star_of_mean=of_mean.t_star,
        mu_of_mean=of_mean.mu,
        intercept=fit.law.intercept,
        p_value=fit.law.p_value,
        worst_misfit=fit.law.worst_misfit,
        mu_runs_mean=runs.mu,
        mu_runs_mean_p_value=runs.p_value,
        crossover=find_crossover(msd.waiting_times, y, fit.samples, runs=found.fewest, confidence=confidence),
    )


class _Fitted(NamedTuple):
    """The power law of one average."""

    law: _goodness.PowerLaw
    samples: Array  # (B, W) of log t*
    effective_runs: Estimate[Array]
    t_star: Estimate[Array]
    mu: Estimate[float]


def _fitted(msd: MeanSquareDisplacement, found: Crossings, counts: NDArray[np.int64], confidence: float) -> _Fitted:
    """t*, the line through it, and what is wrong with them."""
    x, samples = np.log(msd.waiting_times), np.where(np.isfinite(found.log), found.log_samples, np.nan)
    law = _goodness.power_law(x, found.log, samples, found.fewest, found.reach)
    mu = widened(_resampling.estimate(law.exponent, law.samples, confidence, found.fewest), found.slope_reach(x))
    effective = _effective_runs(msd, found.log, counts, confidence)
    status = _status_of_times(found, effective.value)
    times = _resampling.estimates(found.log, samples, confidence, found.runs, status)
    return _Fitted(
        law=law,
        samples=samples,
        effective_runs=effective,
        t_star=widened(times, found.reach).map(np.exp),
        mu=replace(mu, status=_status(found, mu.low, effective.value, law.p_value)),
    )


def _from_scatter(x: Array, y: Array, confidence: float) -> Estimate[float]:
    """Slope of `y` (W,) over `x` (W,) with Student's interval from the residuals; nan are left out."""
    used = np.isfinite(y)
    slope, intercept = _fits.line(x, y)
    if used.sum() < 3:
        return Estimate(float(slope), np.nan, np.nan, Status.TWO_POINTS)
    x, y = x[used], y[used]
    freedom, around = x.size - 2, x - x.mean()
    variance = np.sum((y - intercept - slope * x) ** 2) / freedom / (around @ around)
    reach = float(stats.t.isf((1 - confidence) / 2, freedom) * np.sqrt(variance))
    return Estimate(float(slope), float(slope) - reach, float(slope) + reach)


def widened(estimate: Estimate[Any], reach: Any) -> Estimate[Any]:
    """An estimate whose interval reaches farther on both sides."""
    return replace(estimate, low=estimate.low - reach, high=estimate.high + reach)


def _effective_runs(
    msd: MeanSquareDisplacement, log_t_star: Array, counts: NDArray[np.int64], confidence: float
) -> Estimate[Array]:
    """(sum D)^2 / sum D^2 over the runs (W,), at the recorded lag nearest to t*."""
    effective, samples = np.full(log_t_star.shape, np.nan), np.full((len(counts), *log_t_star.shape), np.nan)
    for w in np.flatnonzero(np.isfinite(log_t_star)):
        known = np.flatnonzero(np.isfinite(msd.mean[w]))
        at = np.nan_to_num(msd.values[:, w, known[_fits.nearest(msd.lags[known], np.exp(log_t_star[w]))]])
        effective[w] = at.sum() ** 2 / (at**2).sum()
        samples[:, w] = (counts @ at) ** 2 / np.where(counts @ at**2 > 0, counts @ at**2, np.nan)
    logs = _resampling.estimates(np.log(effective), np.log(samples), confidence, msd.replicas)
    return replace(logs.map(lambda ends: np.clip(np.exp(ends), 1, msd.replicas)), value=effective)


def _status_of_times(found: Crossings, effective: Array) -> Status:
    """What is wrong with t* itself."""
    there = np.isfinite(found.log)
    if not there.any():
        return Status.NO_T_STAR
    if found.ambiguous.any():
        return Status.AMBIGUOUS
    if found.single != Status.OK:
        return found.single
    if found.runs_change:
        return Status.RUNS_CHANGE
    if effective[there].mean() < min(LEAST_EFFECTIVE, found.fewest / 2):
        return Status.UNEVEN_RUNS
    return Status.WIDE_GAP if found.wide.any() else Status.OK


def _status(found: Crossings, low: float, effective: Array, p_value: float) -> Status:
    """What is wrong with mu."""
    times = _status_of_times(found, effective)
    if times == Status.AMBIGUOUS:
        return times
    there = np.isfinite(found.log)
    if there.sum() < 2:
        early = (found.first == 0).sum() > np.isinf(found.first).sum()
        return Status.THRESHOLD_TOO_SMALL if early else Status.THRESHOLD_TOO_LARGE
    if np.isnan(low) and found.single == Status.OK:
        return Status.HANGS_ON_SINGLE_RUNS
    if times != Status.OK:
        return times
    return Status.NOT_A_POWER_LAW if _goodness.fails(p_value) else Status.OK
