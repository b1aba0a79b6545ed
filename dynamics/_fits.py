"""Arithmetic of `dynamics.aging`: crossings, straight lines, two slopes. Every function takes stacks of curves."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Crossings are interpolated between lags: a line is not believed to fit log t* better than this (rms).
INTERPOLATION_ERROR = 1e-3


def first_crossing(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """Lag (...) at which `values` (..., T) first reaches `threshold`, by log-log interpolation.

    inf where it never does, 0 where it is beyond the threshold at the first lag already. nan counts as not reached.
    """
    reached = values >= threshold
    index = reached.argmax(axis=-1)[..., None]
    upper = np.maximum(index, 1)
    tiny = np.finfo(np.float64).tiny
    low, high = (np.log(np.maximum(np.take_along_axis(values, k, -1), tiny))[..., 0] for k in (upper - 1, upper))
    log_lags = np.log(lags)
    left, right = log_lags[upper[..., 0] - 1], log_lags[upper[..., 0]]
    rise = np.where(high > low, high - low, 1.0)
    fraction = np.clip((np.log(threshold) - low) / rise, 0.0, 1.0)  # outside only where there is no crossing
    crossing = np.exp(left + fraction * (right - left))
    crossing = np.where(index[..., 0] == 0, 0.0, crossing)
    return np.where(reached.any(axis=-1), crossing, np.inf)


def local_slopes(lags: NDArray[np.int64], values: Array, t_star: Array) -> Array:
    """Slope d ln MSD / d ln t (W,) of `values` (W, T) at `t_star` (W,), over two lags on either side."""
    slopes = np.full(t_star.shape, np.nan)
    for w in np.flatnonzero(np.isfinite(t_star)):
        k = int(np.searchsorted(lags, t_star[w]))
        near = np.arange(max(0, k - 2), min(lags.size, k + 2))
        near = near[values[w, near] > 0]
        if near.size > 1:
            slopes[w] = line(np.log(lags[near]), np.log(values[w, near]))[0]
    return slopes


def line(x: Array, y: Array) -> tuple[Array, Array]:
    """Least-squares slope and intercept (...) of `y` (..., W) against `x` (W,); points with nan are left out.

    nan where fewer than two points are left.
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


def log_finite(times: Array) -> Array:
    """Logarithm of `times`, nan where they are 0, inf or nan."""
    good = np.isfinite(times) & (times > 0)
    return np.where(good, np.log(np.where(good, times, 1.0)), np.nan)


def hinge(x: Array, y: Array, k: int) -> tuple[Array, Array, Array]:
    """Two straight lines that meet at ``x[k]``: slopes before and after, and residual sum of squares, all (...).

    `y` (..., W) without nan.
    """
    design = np.stack([np.ones_like(x), x, np.maximum(x - x[k], 0.0)], axis=1)
    solution = y @ np.linalg.pinv(design).T
    residual = y - solution @ design.T
    return solution[..., 1], solution[..., 1] + solution[..., 2], (residual**2).sum(axis=-1)


def bayesian_information(residual: float, n_points: int, n_parameters: int) -> float:
    """BIC of a least-squares fit with Gaussian errors of unknown size: n ln(RSS / n) + k ln n."""
    mean_square = max(residual / n_points, INTERPOLATION_ERROR**2)
    return n_points * float(np.log(mean_square)) + n_parameters * float(np.log(n_points))
