"""Four-point susceptibility: how much the motion of the runs differs from run to run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._pairs import pairs_of, two_time_moments
from dynamics.runs import Trajectories
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result, check_positive

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Susceptibility(Result, shows=("cutoff", "largest", "peak", "exponent")):
    """Four-point susceptibility of R runs. W waiting times, T lags; times in steps; nan if a value does not exist.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    cutoff : float
        Distance within which a parameter has stayed; nan for the susceptibility of the displacement.
    values : (R, W, T) float64
        Overlap q of each run, the share of its parameters that have stayed; or its displacement over the mean.
    chi : Estimate of (W, T) float64
        P times the variance of `values` over the runs.
    largest : Estimate of (W,) float64
        Largest chi at each waiting time.
    peak : Estimate of (W,) float64
        Its lag; nan if it is the last one.
    exponent : Estimate
        Slope of ln peak over ln tw.
    exponent_p_value : float
        Probability of a misfit at least as large if the peaks were a power law.
    confidence : float
        Of the intervals.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    cutoff: float
    values: Array
    chi: Estimate[Array]
    largest: Estimate[Array]
    peak: Estimate[Array]
    exponent: Estimate[float]
    exponent_p_value: float
    confidence: float


def susceptibility(
    runs: Trajectories,
    cutoff: float | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> Susceptibility:
    """Fluctuations over the runs of the overlap between tw and tw + t, or of the displacement: chi_4.

    With the overlap q_r = (1 / P) sum_p [|theta_p(tw + t) - theta_p(tw)| < a] of run r and a the `cutoff`,

        chi_4(tw, t) = P (<q^2> - <q>^2),

    the variance with the divisor R - 1. If parameters move independently it is q (1 - q), at most 1/4; if they move
    together in some runs and not in others, it grows as their number. Without a cutoff q is replaced by the
    displacement of the run over its mean, Delta_r / <Delta>: 2 for a Gaussian with independent components, and in
    general (P + 2) (alpha + 1) - P with alpha = `NonGaussian.alpha_2_lengths`. This needs no snapshots if the runs
    stored displacements.

    Replicas have different starts, so that runs in different basins are part of the fluctuations, unlike in a liquid in
    equilibrium. Intervals are Student's over the runs, of ln chi.

    Source: Berthier, Biroli, Bouchaud and Jack, arXiv 1009.4765, for particles; tested on Gaussian walks.

    Raises
    ------
    ValueError
        If an argument is out of range, there is one run only, or no run has the snapshots of any pair.
    """
    _resampling.check_resampling(confidence, resamples)
    if cutoff is not None:
        check_positive(cutoff=cutoff)
    if runs.replicas < 2:
        msg = "runs must be at least two for their fluctuations; got one"
        raise ValueError(msg)
    values = _relative(runs) if cutoff is None else _overlaps(runs, cutoff)
    counts = _resampling.run_counts(runs.replicas, resamples, rng)
    log_chi = _fits.log_finite(_chi(np.ones((1, runs.replicas), dtype=np.int64), values, runs.n_parameters)[0])
    samples = _fits.log_finite(_chi(counts, values, runs.n_parameters) * runs.replicas / (runs.replicas - 1))
    at = np.where(np.isfinite(log_chi), log_chi, -np.inf).argmax(axis=1)
    peak, peaks = _peak(log_chi[None], runs.lags)[0], _peak(samples, runs.lags)
    law = _goodness.power_law(np.log(runs.waiting_times), peak, peaks, runs.replicas)
    status = Status.OK if np.isfinite(peak).sum() > 1 else Status.NO_PEAK

    def over_runs(value: Array, boot: Array) -> Estimate[Array]:
        return _resampling.estimates(value, boot, confidence, runs.replicas).map(np.exp)

    return Susceptibility(
        waiting_times=runs.waiting_times,
        lags=runs.lags,
        cutoff=float("nan") if cutoff is None else float(cutoff),
        values=values,
        chi=over_runs(log_chi, samples),
        largest=over_runs(
            np.take_along_axis(log_chi, at[:, None], 1)[:, 0],
            np.take_along_axis(samples, at[None, :, None], -1)[..., 0],
        ),
        peak=over_runs(peak, peaks),
        exponent=_resampling.estimate(law.exponent, law.samples, confidence, runs.replicas, status),
        exponent_p_value=law.p_value,
        confidence=float(confidence),
    )


def _relative(runs: Trajectories) -> Array:
    """Displacements (R, W, T) over their mean; nan where a run lacks one."""
    (values,) = two_time_moments(runs, "displacement")
    mean = values.mean(axis=0)
    return values / np.where(mean > 0, mean, np.nan)


def _overlaps(runs: Trajectories, cutoff: float) -> Array:
    """Share (R, W, T) of the parameters of each run that moved less than the cutoff."""
    return np.stack(
        [
            pairs.on_grid((np.abs(pairs.displacements(runs.snapshots_of(r))) < cutoff).mean(axis=1))
            for r, pairs in enumerate(pairs_of(runs))
        ]
    )


def _chi(counts: NDArray[np.int64], values: Array, parameters: int) -> Array:
    """P times the variance (B, W, T) of `values` (R, W, T) over samples of the runs; nan if a run has nan."""
    first, second = (_resampling.resampled_means(counts, part) for part in (values, values**2))
    runs = len(values)
    return parameters * np.maximum(second - first**2, 0.0) * runs / (runs - 1)


def _peak(log_chi: Array, lags: NDArray[np.int64]) -> Array:
    """Log lag (B, W) of the largest value of `log_chi` (B, W, T), by a parabola; nan at an end of the curve."""
    filled = np.where(np.isfinite(log_chi), log_chi, -np.inf)
    k = np.clip(filled.argmax(axis=-1), 1, lags.size - 2)[..., None]
    around = np.concatenate([np.take_along_axis(filled, k + d, -1) for d in (-1, 0, 1)], axis=-1)
    known = np.asarray(np.isfinite(around).all(axis=-1))
    left, top, right = np.moveaxis(np.where(known[..., None], around, 0.0), -1, 0)
    curvature = 2 * top - left - right
    inner = known & (top >= left) & (top >= right) & (curvature > 0)
    shift = np.where(inner, 0.5 * (right - left) / np.where(inner, curvature, 1.0), np.nan)
    log_t = np.log(lags)
    return log_t[k[..., 0]] + shift * 0.5 * (log_t[k[..., 0] + 1] - log_t[k[..., 0] - 1])
