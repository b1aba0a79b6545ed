"""Arithmetic of `dynamics.aging`: crossings, straight lines, two slopes. Every function takes stacks of curves."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Crossings are interpolated between lags, so no line fits log t* better than this (rms).
INTERPOLATION_ERROR = 1e-3


def first_crossing(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """Lag (...) at which `values` (..., T) first reaches `threshold`, by log-log interpolation.

    inf if it never does, 0 if it is above the threshold at its first lag already. nan is a lag that was not recorded:
    the crossing is interpolated between the last one below and the first one not below, however far they are apart.
    """
    before, index = bracket(values, threshold)
    crossing = np.where(before < 0, 0.0, _crossing_between(lags, values, threshold, np.maximum(before, 0), index))
    return np.where((values >= threshold).any(axis=-1), crossing, np.inf)


def last_crossing(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """Lag (...) from which on `values` (..., T) stays at or above `threshold`, by log-log interpolation.

    Equal to `first_crossing` for a curve that crosses once. inf if the curve ends below the threshold, 0 if it is
    never below; nan is a lag that was not recorded.
    """
    below, number = values < threshold, values.shape[-1]
    last = np.where(below.any(axis=-1), number - 1 - below[..., ::-1].argmax(axis=-1), -1)
    after = np.where(np.isnan(values), number, np.arange(number))
    following = np.minimum.accumulate(after[..., ::-1], axis=-1)[..., ::-1]  # the first known from each on
    index = np.take_along_axis(following, np.minimum(last + 1, number - 1)[..., None], -1)[..., 0]
    ended = (index == number) | (last + 1 == number)
    upper = np.minimum(index, number - 1)
    crossing = np.where(ended, np.inf, _crossing_between(lags, values, threshold, np.maximum(last, 0), upper))
    return np.where(last < 0, 0.0, crossing)


def bracket(values: Array, threshold: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions (...) in `values` (..., T) on either side of the first crossing: the last below, the first not below.

    The former is -1 if no number is before; the latter is 0 if the threshold is never reached.
    """
    index = (values >= threshold).argmax(axis=-1)
    known = np.where(np.isnan(values), -1, np.arange(values.shape[-1]))
    latest = np.maximum.accumulate(known, axis=-1)
    before = np.take_along_axis(latest, np.maximum(index - 1, 0)[..., None], -1)[..., 0]
    return np.where(index == 0, -1, before), index


def _crossing_between(
    lags: NDArray[np.int64], values: Array, threshold: float, lower: NDArray[np.intp], upper: NDArray[np.intp]
) -> Array:
    """Lag between those at `lower` and `upper` (...) at which the values cross the threshold."""
    tiny = np.finfo(np.float64).tiny
    low, high = (np.log(np.maximum(np.take_along_axis(values, k[..., None], -1), tiny))[..., 0] for k in (lower, upper))
    log_lags = np.log(lags)
    left, right = log_lags[lower], log_lags[upper]
    rise = np.where(high > low, high - low, 1.0)
    fraction = np.clip((np.log(threshold) - low) / rise, 0.0, 1.0)  # outside only if there is no crossing
    return np.exp(left + fraction * (right - left))


def interpolation_reach(lags: NDArray[np.int64], values: Array, threshold: float) -> Array:
    """How far ln t* (W,) may be from its interpolation across a gap in `values` (W, T); 0 where there is no gap.

    A gap is one or more lags without a number between those that bracket the crossing. If the curve bends one way only
    in ln-ln around the gap, it lies between the chord and the two lines through the bracketing points that continue
    its slopes outside, so that the crossing is between those of these lines; a side without a slope allows all up to
    its point. Derived here, tested on curves that bend one way.
    """
    reach = np.zeros(len(values))
    x, y = np.log(lags), log_finite(values)
    for w, (before, index) in enumerate(zip(*bracket(values, threshold), strict=True)):
        if before < 0 or index - before < 2:
            continue
        known, ends = np.flatnonzero(np.isfinite(y[w])), np.array([before, index])
        chord = np.log(first_crossing(lags, values[w], threshold))
        outer = [known[known < before][-1:], known[known > index][:1]]
        for end, other in zip(ends, outer, strict=True):
            run, rise = x[end] - x[other], y[w, end] - y[w, other]
            slope = np.where(rise * run > 0, rise / run, np.inf)
            level = np.log(threshold) - y[w, end]
            far = x[end] + level / slope[0] if slope.size and np.isfinite([level, slope[0]]).all() else x[end]
            reach[w] = max(reach[w], abs(np.clip(far, *x[ends]) - chord))
    return reach


def local_slopes(lags: NDArray[np.int64], values: Array, t_star: Array) -> Array:
    """Slope d ln MSD / d ln t (..., W) of `values` (..., W, T) at `t_star` (W,), over two known lags on either side."""
    slopes = np.full(values.shape[:-1], np.nan)
    for w in np.flatnonzero(np.isfinite(t_star)):
        known = np.flatnonzero(np.isfinite(values[..., w, :]).reshape(-1, lags.size).any(axis=0))
        k = int(np.searchsorted(lags[known], t_star[w]))
        near = known[max(0, k - 2) : k + 2]
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
