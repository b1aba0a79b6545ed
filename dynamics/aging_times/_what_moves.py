"""Whether the slope or the noise ages: t* predicted by drift, the share of drift, and the control."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.aging_times._aging import Aging
from dynamics.displacement import DisplacementSplit, SplitMethod, difference_speed, gradient_speed, split_displacement
from dynamics.runs import Trajectories, check_control
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result

Array = NDArray[np.float64]

SHORT = 0.5  # share of t* for the lag of the finite difference


@dataclass(frozen=True, eq=False)
class WhatMoves(Result, shows=("drift_share", "mu_gradient", "mu_differences", "method")):
    """Result of `what_moves`. W waiting times; velocities in parameter units per step, norm over all parameters.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    velocity_gradient : (W,) float64
        Root mean square over the runs of the drift velocity at tw: learning rate x full gradient.
    velocity_differences : (W,) float64
        The same from the snapshots over half of t*.
    difference_lags : (W,) float64
        The lags of the differences (steps).
    t_star : (W,) float64
        Measured, as in `Aging`.
    t_star_gradient : (W,) float64
        Predicted: sqrt(P threshold) / |v(tw)|, if the runs continued straight with `velocity_gradient` and without
        noise.
    t_star_differences : (W,) float64
        The same with `velocity_differences`.
    mu_gradient : Estimate
    mu_differences : float
        Exponents of the predictions, over the waiting times with a measured t*.
    mu_gradient_p_value : float
        Probability of a misfit at least as large if `t_star_gradient` were a power law.
    drift_share : Estimate of (W,) float64
        Share of drift in the displacement at the recorded lag nearest to t*.
    method : str
        How drift and noise were separated, see `split_displacement`.
    confidence : float
        Of the intervals.
    status : Status
        "ok", or what is missing and what to do.
    """

    waiting_times: NDArray[np.int64]
    velocity_gradient: Array
    velocity_differences: Array
    difference_lags: Array
    t_star: Array
    t_star_gradient: Array
    t_star_differences: Array
    mu_gradient: Estimate[float]
    mu_gradient_p_value: float
    mu_differences: float
    drift_share: Estimate[Array]
    method: SplitMethod
    confidence: float
    status: Status


def what_moves(
    runs: Trajectories,
    fit: Aging,
    *,
    split: DisplacementSplit | None = None,
    resamples: int = 1000,
    rng: RNG = 0,
) -> WhatMoves:
    """Compare t* of `fit` with that of drift alone, and split the displacement at t*.

    A run that continues straight at the velocity v has the mean square displacement v^2 t^2 / P per parameter, and an
    ensemble that of the mean square velocity: so t* = sqrt(P threshold) / v_rms(tw). Velocities are those at tw (or
    just after); because they decrease with age, the prediction is too early unless t* is small compared with tw. The
    gradient at one step includes the fluctuations of SGD in the stiff directions, which lead nowhere: its velocity is
    an upper bound, too large if that noise dominates; that of the differences is free of it (but too small over few
    epochs of sampling without replacement, whose noise is anticorrelated; see `log_lags`).

    Parameters
    ----------
    runs : Trajectories
        The runs behind `fit`.
    fit : Aging
        Gives the threshold, t* and the confidence.
    split : DisplacementSplit, optional
        Of these runs, to save computing it again.
    resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If `fit` has other waiting times than `runs`.
    """
    _resampling.check_resampling(fit.confidence, resamples)
    if not np.array_equal(fit.waiting_times, runs.waiting_times):
        msg = f"fit must have the waiting times of runs, {runs.waiting_times}; got {fit.waiting_times}"
        raise ValueError(msg)
    split = _split(runs) if split is None else split
    counts = _resampling.run_counts(runs.replicas, resamples, rng)
    length = np.sqrt(runs.n_parameters * fit.threshold)
    squares = gradient_speed(runs) ** 2
    speed = np.sqrt(squares.mean(axis=0))
    differences, lags = difference_speed(split, runs.n_parameters, SHORT * fit.t_star.value)
    x, there = np.log(runs.waiting_times), np.isfinite(fit.t_star.value)
    with np.errstate(divide="ignore"):  # runs at rest never reach it
        predicted = length / np.stack([speed, differences])
    log_predicted = np.where(there, _fits.log_finite(predicted), np.nan)
    boot = np.log(length) - 0.5 * _fits.log_finite(_resampling.resampled_means(counts, squares))
    law = _goodness.power_law(x, log_predicted[0], boot, runs.replicas)
    status = _status(fit.t_star.value, speed, split, runs.replicas)
    return WhatMoves(
        waiting_times=runs.waiting_times,
        velocity_gradient=speed,
        velocity_differences=differences,
        difference_lags=lags,
        t_star=fit.t_star.value,
        t_star_gradient=predicted[0],
        t_star_differences=predicted[1],
        mu_gradient=_resampling.estimate(law.exponent, law.samples, fit.confidence, runs.replicas, status),
        mu_gradient_p_value=law.p_value,
        mu_differences=float(_fits.line(x, log_predicted[1])[0]),
        drift_share=_share_at(split, fit.t_star.value, counts, fit.confidence, status),
        method=split.method,
        confidence=fit.confidence,
        status=status,
    )


def unseparated(fit: Aging) -> WhatMoves:
    """What is known of curves alone, without the runs: t*, and nothing of what moves."""
    unknown = np.full(fit.waiting_times.shape, np.nan)
    nan, status = float("nan"), Status.ONLY_CURVES
    return WhatMoves(
        waiting_times=fit.waiting_times,
        velocity_gradient=unknown,
        velocity_differences=unknown,
        difference_lags=unknown,
        t_star=fit.t_star.value,
        t_star_gradient=unknown,
        t_star_differences=unknown,
        mu_gradient=Estimate(nan, nan, nan, status),
        mu_gradient_p_value=nan,
        mu_differences=nan,
        drift_share=Estimate(unknown, unknown, unknown, status),
        method="none",
        confidence=fit.confidence,
        status=status,
    )


def _share_at(
    split: DisplacementSplit, t_star: Array, counts: NDArray[np.int64], confidence: float, status: Status
) -> Estimate[Array]:
    """Share of drift (W,) at the recorded lag nearest to t*."""
    share, low, high = (np.full(t_star.shape, np.nan) for _ in range(3))
    for w in np.flatnonzero(np.isfinite(t_star)):
        recorded = np.flatnonzero(np.isfinite(split.total[:, w]).any(axis=0))
        k = recorded[_fits.nearest(split.lags[recorded], t_star[w])]
        has = np.isfinite(split.total[:, w, k])
        drift, total, drawn = split.drift[has, w, k], split.total[has, w, k], counts[:, has]
        if np.isfinite(drift).all() and total.mean() > 0:
            share[w] = drift.mean() / total.mean()
            boot = (drawn @ drift) / np.where(drawn @ total > 0, drawn @ total, np.nan)
            low[w], high[w] = _resampling.interval(share[w], boot, confidence, len(total))
    return Estimate(share, low, high, status)


def _split(runs: Trajectories) -> DisplacementSplit:
    """The split, or only the displacement if the runs lack the snapshots."""
    if runs.displacement is None:
        return split_displacement(runs)
    total = np.array(runs.displacement)
    return DisplacementSplit(runs.waiting_times, runs.lags, total, np.full(total.shape, np.nan), "none")


def _status(t_star: Array, speed: Array, split: DisplacementSplit, replicas: int) -> Status:
    if not np.isfinite(t_star).any():
        return Status.NO_T_STAR
    if not np.isfinite(speed).any():
        return Status.NO_GRADIENT
    if split.method == "none":
        return Status.NO_SNAPSHOTS
    return Status.TOO_FEW_RUNS if replicas < 2 else Status.OK


@dataclass(frozen=True, eq=False)
class Control(Result, shows=("ratio", "correlation", "same_starts")):
    """Result of `compare_with_control`: t* of the runs compared with that of full-batch descent.

    Parameters
    ----------
    ratio : (W,) float64
        t* of the runs over t* of the control: 1 if the noise does not matter.
    correlation : (W,) float64
        Correlation of log t* run by run: 1 if the start decides everything, nan if the starts differ or fewer than
        three pairs have a t*.
    same_starts : bool
        Whether run r of both begins at the same parameters.
    """

    ratio: Array
    correlation: Array
    same_starts: bool


def compare_with_control(runs: Trajectories, fit: Aging, control: Trajectories, control_fit: Aging) -> Control:
    """Compare the aging of `runs` with that of their `control`, e.g. full-batch descent from the same starts.

    A control has the loss of the runs and their learning rate, schedule and momentum: all but the noise
    (`dynamics.runs.check_control`).

    Raises
    ------
    ValueError
        If the waiting times differ, or more than the noise.
    """
    same = check_control(runs, control)
    if not np.array_equal(fit.waiting_times, control_fit.waiting_times):
        msg = f"control must have the waiting times of the runs, {fit.waiting_times}; got {control_fit.waiting_times}"
        raise ValueError(msg)
    pairs = min(runs.replicas, control.replicas)
    ratio = fit.t_star.value / control_fit.t_star.value
    logs = [_fits.log_finite(f.t_star_runs[:pairs]) for f in (fit, control_fit)]
    correlation = _fits.correlations(*logs) if same else np.full(ratio.shape, np.nan)
    return Control(ratio, correlation, same)
