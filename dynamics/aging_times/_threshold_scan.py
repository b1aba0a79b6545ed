"""Does mu depend on the threshold? A scan of Delta*, and the window in which mu is flat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.aging_times._aging import widened
from dynamics.aging_times._crossings import Average, check_fit, crossings, resampled
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result, check_positive

Array = NDArray[np.float64]

LEAST_DECADES = 0.5  # a window narrower than this says nothing about flatness
PER_DECADE = 8


@dataclass(frozen=True, eq=False)
class ThresholdScan(Result, shows=("mu_flat", "tolerance", "thresholds", "mu")):
    """Result of `threshold_scan` for D thresholds; nan if a value does not exist.

    Parameters
    ----------
    thresholds : (D,) float64
        Delta*, square parameter units per parameter.
    mu : Estimate of (D,) float64
        Exponent of t* ~ tw^mu, only if every waiting time has a t*: otherwise the set of waiting
        times would change along the scan.
    p_value : (D,) float64
        Probability of a misfit at least as large if t* were a power law at this threshold.
    ambiguous : (D,) bool
        True if the displacement crosses the threshold more than once (`Aging.ambiguous`); excluded from a flat window.
    local_slope : (D,) float64
        Mean over the waiting times of d ln MSD / d ln t at t*: 1 for diffusion, 2 for drift.
    flat : (D,) bool
        The window in which mu is flat, see `threshold_scan`; all False if there is none.
    mu_flat : Estimate
        Mean of mu over the window. Its status is also that of the whole.
    tolerance, confidence : float
        Arguments of `threshold_scan`.
    """

    thresholds: Array
    mu: Estimate[Array]
    p_value: Array
    ambiguous: NDArray[np.bool_]
    local_slope: Array
    flat: NDArray[np.bool_]
    mu_flat: Estimate[float]
    tolerance: float
    confidence: float

    @property
    def status(self) -> str:
        """That of `mu_flat`: "ok", or what is missing and what to do."""
        return self.mu_flat.status

    @property
    def window(self) -> tuple[float, float]:
        """Smallest and largest threshold of the flat window; nan if there is none."""
        flat = self.thresholds[self.flat]
        return (float(flat[0]), float(flat[-1])) if flat.size else (float("nan"), float("nan"))


def threshold_scan(
    msd: MeanSquareDisplacement,
    thresholds: Sequence[float] | ArrayLike | None = None,
    *,
    tolerance: float = 0.1,
    average: Average = "t* of the mean",
    confidence: float = 0.95,
    resamples: int = 500,
    rng: RNG = 0,
) -> ThresholdScan:
    """Exponent mu for a range of thresholds, and the window of thresholds in which it is flat.

    The window is the longest stretch of neighboring thresholds, in decades, over which the largest and the smallest mu
    differ by at most `tolerance`, and at least half a decade; among equal ones that with the least difference. (A test
    of "no significant change" would find the widest windows in the poorest data, so the criterion is a tolerance; the
    interval of the mean shows its precision.)

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Of the runs.
    thresholds : sequence of float, optional
        Ascending, > 0. By default 8 per decade over the range that every waiting time passes through.
    tolerance : float
        > 0.
    average : {"t* of the mean", "mean of t*"}
        Which t*, as in `aging`.
    confidence, resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples)
    check_positive(tolerance=tolerance)
    levels = _default_thresholds(msd) if thresholds is None else _check_thresholds(thresholds)
    counts = _resampling.run_counts(msd.replicas, resamples, rng)
    means = resampled(msd, counts)
    mu, slope, p_value = (np.full(levels.size, np.nan) for _ in range(3))
    ambiguous = np.zeros(levels.size, dtype=np.bool_)
    boot, reach = np.full((len(counts), levels.size), np.nan), np.zeros(levels.size)
    runs, single, changes, wide = msd.replicas, Status.OK, False, False
    x = np.log(msd.waiting_times)
    for k, level in enumerate(levels):
        found = crossings(msd, counts, level, average, means=means)
        ambiguous[k] = found.ambiguous.any()
        if np.isfinite(found.log).all() and found.log.size > 1:
            slope[k] = np.nanmean(_fits.local_slopes(msd.lags, msd.mean, found.first))
            law = _goodness.power_law(x, found.log, found.log_samples, found.fewest, found.reach)
            reach[k], runs = found.slope_reach(x), min(runs, found.fewest)
            single = single if found.single == Status.OK else found.single
            changes, wide = changes or found.runs_change, wide or bool(found.wide.any())
            mu[k], boot[:, k], p_value[k] = law.exponent, law.samples, law.p_value
    flat = _flat_window(np.log10(levels), np.where(ambiguous, np.nan, mu), tolerance)
    mu_flat = float(mu[flat].mean()) if flat.any() else float("nan")
    mean_flat = boot[:, flat].mean(axis=1) if flat.any() else np.full(len(counts), np.nan)
    single = Status.TOO_FEW_RUNS if msd.replicas < 2 else single
    status = _status(levels, mu, ambiguous, flat, single)
    if status == Status.OK and (changes or wide):
        status = Status.RUNS_CHANGE if changes else Status.WIDE_GAP
    return ThresholdScan(
        thresholds=levels,
        mu=widened(_resampling.estimates(mu, boot, confidence, runs, single), reach),
        p_value=p_value,
        ambiguous=ambiguous,
        local_slope=slope,
        flat=flat,
        mu_flat=widened(
            _resampling.estimate(mu_flat, mean_flat, confidence, runs, status),
            reach[flat].mean() if flat.any() else 0.0,
        ),
        tolerance=float(tolerance),
        confidence=float(confidence),
    )


def _default_thresholds(msd: MeanSquareDisplacement) -> Array:
    """Thresholds above every curve's first point and below its highest."""
    mean = msd.mean
    reached = np.nanmax(np.where(np.isnan(mean).all(axis=1, keepdims=True), 0.0, mean), axis=1)
    first = np.take_along_axis(mean, np.isfinite(mean).argmax(axis=1)[:, None], axis=1)
    low, high = max(np.nanmax(first, initial=0.0), np.finfo(float).tiny), reached.min()
    if not low * 1.001 < high:
        return np.array([low])
    count = max(2, int(np.ceil(PER_DECADE * np.log10(high / low))) + 1)
    return np.geomspace(low * 1.0005, high * 0.9995, count)


def _check_thresholds(thresholds: Sequence[float] | ArrayLike) -> Array:
    levels = np.asarray(thresholds, dtype=np.float64)
    if levels.ndim != 1 or levels.size == 0 or not (levels > 0).all() or not (np.diff(levels) > 0).all():
        msg = f"thresholds must be positive and ascend; got {thresholds!r}"
        raise ValueError(msg)
    return levels


def _flat_window(decades: Array, mu: Array, tolerance: float) -> NDArray[np.bool_]:
    """The longest stretch of neighbors within the tolerance, if it is long enough."""
    best, chosen = (0.0, 0.0), slice(0, 0)
    for i in range(mu.size):
        for j in range(i + 1, mu.size):
            spread, length = np.ptp(mu[i : j + 1]), decades[j] - decades[i]
            if not spread <= tolerance:  # nor if one is nan
                break
            if length >= LEAST_DECADES and (round(length, 9), -spread) > best:
                best, chosen = (round(length, 9), -spread), slice(i, j + 1)
    flat = np.zeros(mu.size, dtype=np.bool_)
    flat[chosen] = True
    return flat


def _status(levels: Array, mu: Array, ambiguous: NDArray[np.bool_], flat: NDArray[np.bool_], single: Status) -> Status:
    if (ambiguous | ~np.isfinite(mu)).all() and ambiguous.any():
        return Status.AMBIGUOUS
    complete = levels[np.isfinite(mu)]
    if complete.size < 2 or np.log10(complete[-1] / complete[0]) < LEAST_DECADES:
        return Status.TOO_NARROW
    if not flat.any():
        return Status.NOT_FLAT
    return single
