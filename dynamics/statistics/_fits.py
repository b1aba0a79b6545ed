"""Arithmetic of `dynamics.aging`: crossings, straight lines, two slopes. Every function takes stacks of curves."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Crossings are interpolated between lags, so no line fits log t* better than this (rms).
INTERPOLATION_ERROR = 1e-3


def first_crossing(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """Lag (...) at which `values` (..., T) first reaches `threshold`, by log-log interpolation.

    inf if it never does, 0 if it is above the threshold at the first lag already. nan counts as not reached.
    """
    reached = values >= threshold
    index = reached.argmax(axis=-1)
    crossing = np.where(index == 0, 0.0, _crossing_before(lags, values, threshold, np.maximum(index, 1)))
    return np.where(reached.any(axis=-1), crossing, np.inf)


def last_crossing(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """Lag (...) from which on `values` (..., T) stays at or above `threshold`, by log-log interpolation.

    Equal to `first_crossing` for a curve that crosses once. inf if the curve ends below the threshold, 0 if it is
    never below; nan counts as the end of a curve.
    """
    below, number = values < threshold, values.shape[-1]
    index = np.where(below.any(axis=-1), number - below[..., ::-1].argmax(axis=-1), 0)  # the one after the last below
    upper = np.clip(index, 1, number - 1)
    ended = np.isnan(np.take_along_axis(values, upper[..., None], -1)[..., 0]) | (index == number)
    crossing = np.where(ended, np.inf, _crossing_before(lags, values, threshold, upper))
    return np.where(index == 0, 0.0, crossing)


def _crossing_before(lags: NDArray[np.int64], values: Array, threshold: float, upper: NDArray[np.intp]) -> Array:
    """Lag between `upper` - 1 and `upper` (...) at which the values cross the threshold."""
    tiny = np.finfo(np.float64).tiny
    low, high = (
        np.log(np.maximum(np.take_along_axis(values, k[..., None], -1), tiny))[..., 0] for k in (upper - 1, upper)
    )
    log_lags = np.log(lags)
    left, right = log_lags[upper - 1], log_lags[upper]
    rise = np.where(high > low, high - low, 1.0)
    fraction = np.clip((np.log(threshold) - low) / rise, 0.0, 1.0)  # outside only if there is no crossing
    return np.exp(left + fraction * (right - left))


def local_slopes(lags: NDArray[np.int64], values: Array, t_star: Array) -> Array:
    """Slope d ln MSD / d ln t (..., W) of `values` (..., W, T) at `t_star` (W,), over two lags on either side."""
    slopes = np.full(values.shape[:-1], np.nan)
    for w in np.flatnonzero(np.isfinite(t_star)):
        k = int(np.searchsorted(lags, t_star[w]))
        near = np.arange(max(0, k - 2), min(lags.size, k + 2))
        slopes[..., w] = line(np.log(lags[near]), log_finite(values[..., w, near]))[0]
    return slopes


def line(x: Array, y: Array) -> tuple[Array, Array]:
    """Least-squares slope and intercept (...) of `y` (..., W) against `x` (W,); points with nan are left out.

    All stacked samples at once, each with its own points: `scipy.stats.linregress` takes one line.

    nan if fewer than two points are left.
    """
    used = np.isfinite(y)
    count = np.maximum(used.sum(axis=-1, keepdims=True), 1)
    filled = np.where(used, y, 0.0)
    x_mean = (used * x).sum(axis=-1, keepdims=True) / count
    y_mean = filled.sum(axis=-1, keepdims=True) / count
    dx = np.where(used, x - x_mean, 0.0)
    spread = (dx**2).sum(axis=-1)
    slope = np.where(spread > 0, (dx * filled).sum(axis=-1) / np.where(spread > 0, spread, 1.0), np.nan)
    return slope, y_mean[..., 0] - slope * x_mean[..., 0]


def strict_line(x: Array, y: Array, used: NDArray[np.bool_]) -> Array:
    """Least-squares slope (...) of `y` (..., W) over the `used` points of `x` (W,); nan if one of them is nan."""
    slope = line(x[used], y[..., used])[0]
    return np.where(np.isfinite(y[..., used]).all(axis=-1), slope, np.nan)


def nearest(lags: NDArray[np.int64], time: float) -> int:
    """Position of that of the `lags` (T,) which is nearest to `time` in the logarithm."""
    return int(np.abs(np.log(lags / time)).argmin())


def correlations(x: Array, y: Array) -> Array:
    """Correlation (W,) of the columns of `x` and `y` (R, W) over the rows that are finite in both.

    nan for fewer than three such rows, or where one of the two is constant.
    """
    found = np.full(x.shape[1], np.nan)
    for w in range(found.size):
        both = np.isfinite(x[:, w]) & np.isfinite(y[:, w])
        a, b = x[both, w], y[both, w]
        if both.sum() >= 3 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found[w] = np.corrcoef(a, b)[0, 1]
    return found


def log_finite(times: Array) -> Array:
    """Logarithm of `times`, nan if they are 0, inf or nan."""
    good = np.isfinite(times) & (times > 0)
    return np.where(good, np.log(np.where(good, times, 1.0)), np.nan)


def hinge(x: Array, y: Array, k: int) -> tuple[Array, Array, Array]:
    """Two straight lines that meet at ``x[k]``: slopes before and after, and residual sum of squares, all (...).

    `y` (..., W); nan if it contains one.
    """
    design = hinge_design(x, k)
    solution = y @ np.linalg.pinv(design).T
    residual = y - solution @ design.T
    return solution[..., 1], solution[..., 1] + solution[..., 2], (residual**2).sum(axis=-1)


def hinge_design(x: Array, k: int) -> Array:
    """Columns (W, 3) of two straight lines that meet at ``x[k]``: 1, x, and x beyond the corner."""
    return np.stack([np.ones_like(x), x, np.maximum(x - x[k], 0.0)], axis=1)


def bayesian_information(residual: float, n_points: int, n_parameters: int) -> float:
    """BIC of a least-squares fit with Gaussian errors of unknown size: n ln(RSS / n) + k ln n."""
    mean_square = max(residual / n_points, INTERPOLATION_ERROR**2)
    return n_points * float(np.log(mean_square)) + n_parameters * float(np.log(n_points))
