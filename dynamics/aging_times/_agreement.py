"""How well a predicted displacement agrees with the measured one, waiting time by waiting time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.aging_times._aging import Aging, aging
from dynamics.aging_times._crossings import resampled
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _resampling
from landscape.support import RNG, Estimate, Result, check_positive, seed_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Agreement(Result, shows=("mu_difference", "t_star_ratio", "share", "holds_from", "tolerance")):
    """Result of `agreement`. W waiting times; nan if a value does not exist.

    Parameters
    ----------
    measured : Aging
        t* and mu of the measured displacement.
    predicted : Aging
        t* and mu of the prediction.
    share : Estimate of (W,) float64
        Predicted over measured displacement (means over the runs) at the recorded lag nearest to the measured t*; the
        interval is from the bootstrap over pairs of predicted and measured runs.
    t_star_ratio : Estimate of (W,) float64
        Predicted over measured t*.
    mu_difference : Estimate
        Predicted minus measured mu.
    correlation : (W,) float64
        Correlation of log t* run by run; nan for fewer than three runs that have both.
    deviation : (W,) float64
        Largest |predicted / measured - 1| of the mean displacement over the decade of lags up to the measured t*.
    holds : (W,) bool
        Whether that deviation is at most the tolerance; False also where it is not determined (see `compared`).
    holds_from : int or None
        First waiting time from which on the prediction holds at all later ones that can be compared.
    tolerance : float
    status : Status
        "ok", or what could not be compared and what to do.
    """

    measured: Aging
    predicted: Aging
    share: Estimate[Array]
    t_star_ratio: Estimate[Array]
    mu_difference: Estimate[float]
    correlation: Array
    deviation: Array
    holds: NDArray[np.bool_]
    holds_from: int | None
    tolerance: float
    status: Status

    @property
    def compared(self) -> NDArray[np.bool_]:
        """Whether the deviation is determined at each waiting time (W,)."""
        return np.isfinite(self.deviation)


def agreement(
    measured: MeanSquareDisplacement,
    predicted: MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    tolerance: float = 0.2,
    confidence: float = 0.95,
    resamples: int = 1000,
    rng: RNG = 0,
) -> Agreement:
    """Compare a predicted with the measured displacement of the same runs.

    Run r of one belongs to run r of the other: the bootstrap draws pairs. Only common lags are used.

    Raises
    ------
    ValueError
        If the numbers of runs or the waiting times differ, fewer than two lags are common, or `tolerance` is not
        positive.
    """
    rng = seed_of(rng)  # the same draws for both
    measured, predicted = _common(measured, predicted)
    check_positive(tolerance=tolerance)
    fits = [aging(msd, threshold, confidence=confidence, resamples=resamples, rng=rng) for msd in (measured, predicted)]
    t_star, counts = fits[0].t_star.value, _resampling.run_counts(measured.replicas, resamples, rng)
    logs = [
        _fits.log_finite(_fits.first_crossing(msd.lags, resampled(msd, counts), fit.threshold))
        for msd, fit in zip((measured, predicted), fits, strict=True)
    ]
    x = np.log(measured.waiting_times)
    slopes = [_fits.strict_line(x, log, np.isfinite(fit.t_star.value)) for log, fit in zip(logs, fits, strict=True)]
    difference, ratio = fits[1].mu.value - fits[0].mu.value, fits[1].t_star.value / t_star
    ratio_of = _resampling.estimates(np.log(ratio), logs[1] - logs[0], confidence, measured.replicas).map(np.exp)
    deviation = _deviations(measured, predicted, t_star)
    holds, compared = deviation <= tolerance, np.isfinite(deviation)
    later = np.logical_and.accumulate((holds | ~compared)[::-1])[::-1] & compared
    status = _status(t_star, holds[compared], measured.replicas)
    return Agreement(
        measured=fits[0],
        predicted=fits[1],
        share=replace(_shares(measured, predicted, t_star, counts, confidence), status=status),
        t_star_ratio=replace(ratio_of, value=ratio, status=status),
        mu_difference=_resampling.estimate(difference, slopes[1] - slopes[0], confidence, measured.replicas, status),
        correlation=_fits.correlations(*(_fits.log_finite(fit.t_star_runs) for fit in fits)),
        deviation=deviation,
        holds=holds,
        holds_from=int(measured.waiting_times[later.argmax()]) if later.any() else None,
        tolerance=float(tolerance),
        status=status,
    )


def at_lags(msd: MeanSquareDisplacement, lags: ArrayLike) -> MeanSquareDisplacement:
    """The displacement at those of its lags that are in `lags`."""
    kept = np.isin(msd.lags, lags)
    recorded = None if msd.recorded is None else msd.recorded[..., kept]
    return replace(msd, lags=msd.lags[kept], values=msd.values[..., kept], recorded=recorded)


def _common(
    measured: MeanSquareDisplacement, predicted: MeanSquareDisplacement
) -> tuple[MeanSquareDisplacement, MeanSquareDisplacement]:
    for name in ("replicas", "waiting_times"):
        own, other = getattr(measured, name), getattr(predicted, name)
        if not np.array_equal(own, other):
            msg = f"predicted must have the {name} of measured, {own}; got {other}"
            raise ValueError(msg)
    lags = np.intersect1d(measured.lags, predicted.lags)
    if lags.size < 2:
        msg = f"predicted must have at least two lags of measured, {measured.lags}; got {predicted.lags}"
        raise ValueError(msg)
    return at_lags(measured, lags), at_lags(predicted, lags)


def _shares(
    measured: MeanSquareDisplacement,
    predicted: MeanSquareDisplacement,
    t_star: Array,
    counts: NDArray[np.int64],
    confidence: float,
) -> Estimate[Array]:
    share, low, high = (np.full(t_star.shape, np.nan) for _ in range(3))
    for w in np.flatnonzero(np.isfinite(t_star)):
        k = _fits.nearest(measured.lags, t_star[w])
        own, other = measured.values[:, w, k], predicted.values[:, w, k]
        if np.isfinite(own).all() and np.isfinite(other).all():
            share[w] = _ratio(other.mean(), own.mean())
            samples = _fits.log_finite(_ratio(counts @ other, counts @ own))
            low[w], high[w] = np.exp(_resampling.interval(_fits.log_finite(share[w]), samples, confidence, own.size))
    return Estimate(share, low, high)


def _deviations(measured: MeanSquareDisplacement, predicted: MeanSquareDisplacement, t_star: Array) -> Array:
    own, other = measured.mean, predicted.mean
    deviation = np.full(t_star.shape, np.nan)
    for w in np.flatnonzero(np.isfinite(t_star)):
        last = max(int(np.searchsorted(measured.lags, t_star[w])), 1)
        near = (measured.lags >= t_star[w] / 10) & (np.arange(measured.lags.size) <= last) & np.isfinite(own[w])
        deviation[w] = np.abs(_ratio(other[w, near], own[w, near]) - 1).max()
    return deviation


def _ratio(predicted: ArrayLike, measured: ArrayLike) -> Array:
    """Predicted over measured; nan if nothing moved, as in samples of runs without a prediction."""
    moved = np.asarray(measured) > 0
    return np.where(moved, predicted / np.where(moved, measured, 1.0), np.nan)


def _status(t_star: Array, holds: NDArray[np.bool_], replicas: int) -> Status:
    """`holds` at the waiting times that can be compared."""
    if not np.isfinite(t_star).any():
        return Status.NO_T_STAR
    if not holds.size:
        return Status.NOT_COMPARED
    if not holds[-1]:
        return Status.NOT_AT_THE_END if holds.any() else Status.NOWHERE
    return Status.TOO_FEW_RUNS if replicas < 2 else Status.OK
