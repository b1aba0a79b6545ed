"""Where each displacement curve leaves its first regime, and what follows."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dynamics.aging_times._crossings import check_fit, resampled
from dynamics.aging_times._regimes import LEAST_LAGS, slopes_of
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result, check_positive

Array = NDArray[np.float64]

ROUNDING = 1e-9  # slopes of an exact power law differ by less


@dataclass(frozen=True, eq=False)
class SecondRegime(Result, shows=("departure", "nu", "late_slope")):
    """Result of `second_regime`. W waiting times, T lags; times in steps; nan if a value does not exist.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    level, confidence : float
        Arguments of `second_regime`.
    largest_slope : Estimate of (W,) float64
        Largest local slope d ln Delta / d ln t, that of the first regime.
    departure : Estimate of (W,) float64
        Lag at which the slope falls below the level behind its largest value: where the curve leaves the first regime.
    displacement : Estimate of (W,) float64
        Mean square displacement there.
    nu : Estimate
        Exponent of departure ~ tw^nu, the slope of their logarithms. Its status is also that of the whole.
    nu_p_value : float
        Probability of a misfit at least as large if the departures were a power law.
    late_slope : Estimate of (W,) float64
        Least-squares slope of ln Delta over ln t from the departure on.
    late_p_value : (W,) float64
        Probability of bends at least as large if the displacement were a power law from there on.
    late_misfit : (W,) float64
        Its largest relative deviation from that power law.
    diffusion : Estimate of (W, T) float64
        D(tw, t) = (1 / 2) d Delta / d t in square parameter units per parameter and step: the diffusion coefficient of
        Brownian motion that moves as fast, at this age and lag.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    level: float
    confidence: float
    largest_slope: Estimate[Array]
    departure: Estimate[Array]
    displacement: Estimate[Array]
    nu: Estimate[float]
    nu_p_value: float
    late_slope: Estimate[Array]
    late_p_value: Array
    late_misfit: Array
    diffusion: Estimate[Array]

    @property
    def status(self) -> str:
        """That of `nu`: "ok", or what is missing or wrong and what to do."""
        return self.nu.status


def second_regime(
    msd: MeanSquareDisplacement,
    *,
    level: float = 1.0,
    bandwidth: float = 0.5,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> SecondRegime:
    """Where every curve Delta(tw, t) leaves its first regime, the power law behind, and D(tw, t).

    The local slope of runs that drift is near 2 at first and falls later: the curve leaves the first regime where the
    slope, smoothed as in `local_slope`, falls below `level` behind its largest value. 1, the slope of diffusion,
    divides motion that keeps its direction from motion that turns back or is slowed down by its age. The departure is
    interpolated in ln t. Brownian motion has no departure, except by noise.

    A curve that depends on t / tw alone has nu = 1. From the departure on a power law is fitted and tested by
    Hotelling's T2 of its bends; where it fails (p below 0.01), the late slope is a mean slope only.

    Herrera Segura et al. (arXiv 2209.02517) leave the second regime and its diffusion coefficient to future work; these
    definitions are derived here, tested on walks with an exact displacement.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Of the runs.
    level : float
        Slope that ends the first regime.
    bandwidth : float
        Bandwidth of the smoothing, in ln t.
    confidence, resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples)
    check_positive(level=level, bandwidth=bandwidth)
    means, runs = resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng)), msd.replicas
    slope, slopes = slopes_of(msd, means, bandwidth)
    log_t, y, samples = np.log(msd.lags), _fits.log_finite(msd.mean), _fits.log_finite(means)
    largest, many = _largest(slope)
    leaves, left = _falls(log_t, slope[None], many, level)[0], _falls(log_t, slopes, many, level)
    at, at_each = _at(log_t, y[None], leaves[None])[0], _at(log_t, samples, left)
    law = _goodness.power_law(np.log(msd.waiting_times), leaves, left, runs)
    late = _late(log_t, y, samples, leaves, runs)
    speed, speeds = (_log_speed(log_t, *both) for both in ((y, slope), (samples, slopes)))
    nu = _resampling.estimate(law.exponent, law.samples, confidence, runs)

    def over_runs(value: Array, boot: Array) -> Estimate[Array]:
        return _resampling.estimates(value, boot, confidence, runs)

    return SecondRegime(
        waiting_times=msd.waiting_times,
        lags=msd.lags,
        level=float(level),
        confidence=float(confidence),
        largest_slope=over_runs(largest, np.take_along_axis(slopes, many[None, :, None], -1)[..., 0]),
        departure=over_runs(leaves, left).map(np.exp),
        displacement=over_runs(at, at_each).map(np.exp),
        nu=replace(nu, status=_status(msd, nu.status, leaves, law.p_value)),
        nu_p_value=law.p_value,
        late_slope=over_runs(late[0], late[1]),
        late_p_value=late[2],
        late_misfit=late[3],
        diffusion=over_runs(speed, speeds).map(np.exp),
    )


def _largest(slope: Array) -> tuple[Array, NDArray[np.intp]]:
    """The largest slope (W,) of each row of `slope` (W, T), and where."""
    at = np.where(np.isfinite(slope), slope, -np.inf).argmax(axis=1)
    return np.take_along_axis(slope, at[:, None], 1)[:, 0], at


def _falls(log_t: Array, slopes: Array, first: NDArray[np.intp], level: float) -> Array:
    """Log lag (B, W) at which `slopes` (B, W, T) fall below the level, from position `first` (W,) on; nan if never."""
    behind = np.arange(log_t.size) > first[:, None]
    below = behind & (slopes < level - ROUNDING)
    k = np.maximum(below.argmax(axis=-1), 1)[..., None]
    before, after = (np.take_along_axis(slopes, j, -1)[..., 0] for j in (k - 1, k))
    drop = np.where(before > after, before - after, 1.0)
    share = np.clip((before - level) / drop, 0.0, 1.0)
    times = log_t[k[..., 0] - 1] + share * (log_t[k[..., 0]] - log_t[k[..., 0] - 1])
    starts_above = np.take_along_axis(slopes, np.broadcast_to(first[:, None], (*slopes.shape[:-1], 1)), -1)[..., 0]
    return np.where(below.any(axis=-1) & (starts_above >= level), times, np.nan)


def _at(log_t: Array, y: Array, where: Array) -> Array:
    """Values (B, W) of curves `y` (B, W, T) at `where` (B, W), by linear interpolation."""
    k = np.clip(np.searchsorted(log_t, where), 1, log_t.size - 1)[..., None]
    left, right = (np.take_along_axis(y, j, -1)[..., 0] for j in (k - 1, k))
    k = k[..., 0]
    return left + (where - log_t[k - 1]) / (log_t[k] - log_t[k - 1]) * (right - left)


def _late(log_t: Array, y: Array, samples: Array, leaves: Array, runs: int) -> tuple[Array, Array, Array, Array]:
    """Slope (W,), its samples (B, W), p-value and worst misfit (W,) of a power law from the departure on."""
    slope, p_value, misfit = (np.full(len(y), np.nan) for _ in range(3))
    boot = np.full(samples.shape[:2], np.nan)
    for w in np.flatnonzero(np.isfinite(leaves)):
        own = (log_t >= leaves[w]) & np.isfinite(y[w])
        if own.sum() >= LEAST_LAGS:
            slope[w], boot[:, w] = _fits.line(log_t[own], y[w, own])[0], _fits.line(log_t[own], samples[:, w, own])[0]
            p_value[w], misfit[w] = _goodness.line_misfit(log_t[own], y[w, own], samples[:, w, own], runs)
    return slope, boot, p_value, misfit


def _log_speed(log_t: Array, y: Array, slope: Array) -> Array:
    """Logarithm of D(tw, t) (..., W, T): D = slope Delta / (2 t); nan where the curve falls."""
    return _fits.log_finite(slope) + y - log_t - np.log(2.0)


def _status(msd: MeanSquareDisplacement, status: str, leaves: Array, p_value: float) -> str:
    if np.isfinite(leaves).sum() < 2:
        return Status.NO_DEPARTURE
    if msd.replicas < 2:
        return Status.TOO_FEW_RUNS
    if not msd.is_complete:
        return Status.RUNS_CHANGE
    return Status.DEPARTURE_NOT_A_POWER_LAW if _goodness.fails(p_value) else status
