"""Regimes of the displacement: its local slope, and the generalized diffusion coefficient of the later one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.aging_times._crossings import check_fit, resampled
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result, check_positive

Array = NDArray[np.float64]

LEAST_LAGS = 4  # lags in the window: three cannot show whether a power law holds


@dataclass(frozen=True, eq=False)
class LocalSlope(Result, shows=("slope", "bandwidth", "confidence")):
    """Result of `local_slope`: d ln MSD / d ln t as curves; 1 for diffusion, 2 for drift.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    slope : Estimate of (W, T) float64
        Slope of the mean over the runs; nan if the displacement is 0 or beyond the run.
    bandwidth : float
        Bandwidth of the smoothing, in ln t.
    confidence : float
        Pointwise confidence of the interval.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    slope: Estimate[Array]
    bandwidth: float
    confidence: float


@dataclass(frozen=True, eq=False)
class GeneralizedDiffusion(Result, shows=("alpha", "a", "a_p_value", "window")):
    """Result of `generalized_diffusion`: Delta = D(tw) t^alpha in a window of lags, and D ~ tw^-a.

    Parameters
    ----------
    window : tuple of int
        First and last lag of the fit (steps).
    waiting_times : (W,) int64
        Steps.
    alpha : Estimate
        Exponent of the lag, common to all waiting times.
    alphas : (W,) float64
        The exponent of each waiting time; if they differ much, one alpha is not enough.
    p_value : float
        Probability of alphas at least as different and curves at least as bent if one power law described all.
    worst_misfit : float
        Largest relative deviation of the displacement from D(tw) t^alpha in the window.
    coefficients : Estimate of (W,) float64
        D(tw), square parameter units per parameter and step^alpha; nan for a waiting time without the whole window.
    a : Estimate
        Exponent of D ~ tw^-a: 0 if the later regime does not age.
    a_p_value : float
        Probability of a misfit at least as large if D were a power law.
    confidence : float
        Of the intervals.
    """

    window: tuple[int, int]
    waiting_times: NDArray[np.int64]
    alpha: Estimate[float]
    alphas: Array
    p_value: float
    worst_misfit: float
    coefficients: Estimate[Array]
    a: Estimate[float]
    a_p_value: float
    confidence: float

    @property
    def status(self) -> str:
        """That of `alpha`, or if this is "ok" that of `a`: "ok", or what is missing and what to do."""
        return self.a.status if self.alpha.status == Status.OK else self.alpha.status


def local_slope(
    msd: MeanSquareDisplacement,
    *,
    bandwidth: float = 0.5,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> LocalSlope:
    """Slope d ln MSD / d ln t of the mean displacement at every lag, smoothed by local quadratic regression.

    At each lag a parabola is fitted to ln MSD over ln t with Epanechnikov weights that vanish at a distance of 2 x
    `bandwidth` (farther if fewer than five lags are that near), and its slope there is used: unlike differences of
    neighbors it is exact for a power law and for a linearly changing slope, up to the ends. A bandwidth of 0.5 in ln t
    is a window of a factor e on either side.

    This is local polynomial regression; derived here, tested by its exactness on power laws
    (test_analysis.py). (The Savitzky-Golay filter in `scipy.signal` requires evenly spaced points.)

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.
    """
    check_fit(msd, confidence, resamples)
    check_positive(bandwidth=bandwidth)
    means = resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng))
    slope, boot = slopes_of(msd, means, bandwidth)
    found = _resampling.estimates(slope, boot, confidence, msd.replicas, _status(msd))
    return LocalSlope(msd.waiting_times, msd.lags, found, float(bandwidth), float(confidence))


def slopes_of(msd: MeanSquareDisplacement, means: Array, bandwidth: float) -> tuple[Array, Array]:
    """The local slope (W, T) of the mean displacement and of bootstrap `means` (B, W, T); nan without a number."""
    slope, boot = np.full(msd.mean.shape, np.nan), np.full(means.shape, np.nan)
    for w, y in enumerate(_fits.log_finite(msd.mean)):
        there = np.isfinite(y)
        if there.sum() >= 3:
            operator = _derivative(np.log(msd.lags[there]), bandwidth)
            slope[w, there] = operator @ y[there]
            boot[:, w, there] = _fits.log_finite(means[:, w, there]) @ operator.T
    return slope, boot


def generalized_diffusion(
    msd: MeanSquareDisplacement,
    window: tuple[float, float] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 500,
    rng: RNG = 0,
) -> GeneralizedDiffusion:
    """Fit Delta(tw, t) = D(tw) t^alpha in a window of lags, and D ~ tw^-a.

    Least squares of ln Delta over the lags of the window, with one alpha for all waiting times: with separate ones, D
    (the displacement extrapolated to a lag of 1) would mostly reflect the errors of alpha, and its unit would change
    with tw. Because all have the same lags, a does not depend on alpha: it is the exponent of the geometric mean of
    Delta.

    Hotelling's T2 of what a power law cannot produce tests whether one describes all curves: bends along the lag (of
    second and third degree) and changes of the slope with tw, low degrees first. It fails if p is below 0.01.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Of the runs.
    window : (first, last), optional
        Lags in steps. By default the last decade of the lags common to all waiting times.
    confidence, resamples, rng
        Arguments of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples)
    window = _default_window(msd) if window is None else window
    if not 0 < window[0] < window[1]:
        msg = f"window must be two ascending lags > 0; got {window!r}"
        raise ValueError(msg)
    inside = (msd.lags >= window[0]) & (msd.lags <= window[1])
    if msd.has_gaps:  # what all waiting times have
        inside &= np.isfinite(msd.mean).all(axis=0)
    means = np.concatenate([msd.mean[None], resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng))])[
        ..., inside
    ]
    y = _fits.log_finite(means)
    y = np.where(
        np.isfinite(y).all(axis=-1, keepdims=True), y, np.nan
    )  # a waiting time has the whole window or none of it
    x, x_tw = np.log(msd.lags[inside]), np.log(msd.waiting_times)
    alphas, _ = _fits.line(x, y)
    whole = np.isfinite(y[0]).all(axis=-1)
    thin = inside.sum() < LEAST_LAGS or whole.sum() < 2
    # samples follow the estimate's choice of waiting times
    alpha = np.full(len(y), np.nan) if thin else alphas[:, whole].mean(axis=1)
    log_d = np.where(whole, y.sum(axis=-1) / max(x.size, 1) - alpha[:, None] * (x.mean() if x.size else np.nan), np.nan)
    a = -_fits.line(x_tw, log_d)[0]
    p_value, misfit, a_p_value = (np.nan,) * 3 if thin else _misfits(x, x_tw, y, alpha[0], log_d, msd.replicas)
    lags = msd.lags[inside]
    missing = Status.TOO_FEW_LAGS if thin else _status(msd)
    alpha_status = Status.ALPHA_NOT_A_POWER_LAW if _goodness.fails(p_value) else missing
    a_status = Status.D_NOT_A_POWER_LAW if _goodness.fails(a_p_value) else missing
    return GeneralizedDiffusion(
        window=(int(lags[0]), int(lags[-1])) if lags.size else (int(window[0]), int(window[1])),
        waiting_times=msd.waiting_times,
        alpha=_resampling.estimate(alpha[0], alpha[1:], confidence, msd.replicas, alpha_status),
        alphas=np.where(whole, alphas[0], np.nan),
        p_value=p_value,
        worst_misfit=misfit,
        coefficients=_resampling.estimates(log_d[0], log_d[1:], confidence, msd.replicas, missing).map(np.exp),
        a=_resampling.estimate(a[0], a[1:], confidence, msd.replicas, a_status),
        a_p_value=a_p_value,
        confidence=float(confidence),
    )


def _status(msd: MeanSquareDisplacement) -> Status:
    """What is wrong with any mean over the runs."""
    if msd.replicas < 2:
        return Status.TOO_FEW_RUNS
    return Status.OK if msd.is_complete else Status.RUNS_CHANGE


def _misfits(x: Array, x_tw: Array, y: Array, alpha: float, log_d: Array, runs: int) -> tuple[float, float, float]:
    """P-value and worst misfit of D(tw) t^alpha, p-value of D ~ tw^-a; first of `y` (1 + B, W, T) is the estimate."""
    whole = np.isfinite(y[0]).all(axis=-1)
    left = y[0][whole] - log_d[0][whole, None] - alpha * x
    along, across = _goodness.polynomials(x, 4), _goodness.polynomials(x_tw[whole], x.size)
    degrees = [(i, j) for i in range(across.shape[1]) for j in range(1, along.shape[1]) if i + j > 1]
    coefficients = across.T @ y[:, whole] @ along  # (1 + B, degree along tw, degree along t)
    contrasts = np.stack(
        [coefficients[:, i, j] for i, j in sorted(degrees, key=lambda pair: (sum(pair), pair))], axis=1
    )
    p_value = _goodness.lack_of_fit(contrasts[0], contrasts[1:], runs)
    a_p_value, _ = _goodness.line_misfit(x_tw, log_d[0], log_d[1:], runs)
    return p_value, _goodness.worst_misfit(left), a_p_value


def _default_window(msd: MeanSquareDisplacement) -> tuple[float, float]:
    """The last decade of the lags common to all waiting times (of all lags if there is none)."""
    common = msd.lags[np.isfinite(msd.mean).all(axis=0)]
    last = float(common[-1]) if common.size > 1 else float(msd.lags[-1])
    return last / 10, last


def _derivative(x: Array, bandwidth: float) -> Array:
    """Matrix (T, T) that maps values at `x` (T,) to the slopes of their local parabolas."""
    rows = np.empty((x.size, x.size))
    order = min(2, x.size - 1)
    for k, center in enumerate(x):
        distance = np.abs(x - center)
        reach = max(2 * bandwidth, 1.001 * np.sort(distance)[min(4, x.size - 1)])
        weights = np.sqrt(np.clip(1 - (distance / reach) ** 2, 0.0, None))
        design = np.vander(x - center, order + 1, increasing=True)
        rows[k] = np.linalg.pinv(design * weights[:, None])[1] * weights
    return rows
