"""Data collapse: how well shifted curves coincide, and the best shifts. Works on stacks of B bootstrap samples."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dynamics.statistics import _fits

Array = NDArray[np.float64]


def mismatch(
    xs: Sequence[Array],
    ys: Sequence[Array],
    used: Sequence[NDArray[np.bool_]],
    shift_x: Array,
    shift_y: Array,
    least_overlap: float,
) -> Array:
    """Mean squared distance (B,) between K curves after shifting.

    Curve k has abscissas ``xs[k]`` (T_k,), ascending, and ordinates ``ys[k]`` (B, T_k); it is shifted by ``shift_x[:,
    k]`` and ``shift_y[:, k]``. Each curve is the reference in turn: every used point of the others within its range is
    compared with it by linear interpolation. inf if less than the share `least_overlap` of the points can be compared,
    because a few points that agree by chance would win.
    """
    total, number, points = 0.0, 0.0, 0
    for p in range(len(xs)):
        for j in range(len(xs)):
            if j == p:
                continue
            x = xs[j][used[j]]
            where = x + (shift_x[:, j] - shift_x[:, p])[:, None]
            reference = _interpolate(where, xs[p], ys[p])
            distance = ys[j][:, used[j]] + (shift_y[:, j] - shift_y[:, p])[:, None] - reference
            seen = np.isfinite(distance)
            total = total + (np.where(seen, distance, 0.0) ** 2).sum(axis=1)
            number, points = number + seen.sum(axis=1), points + x.size
    enough = np.asarray(number) >= max(1.0, least_overlap * points)
    return np.where(enough, total / np.maximum(number, 1), np.inf)


def misfits(
    xs: Sequence[Array], ys: Sequence[Array], used: Sequence[NDArray[np.bool_]], shift_x: Array, shift_y: Array
) -> tuple[Array, Array]:
    """Misfit of shifted curves to a single function of x: level and slope (B, K) of each against the others.

    For curve k, the distance of its used points from the mean of the other curves there, and the change of that along
    its own x (from its first to its last such point). Arguments as in `mismatch`; nan for fewer than two points.
    """
    levels, slopes = (np.full(shift_x.shape, np.nan) for _ in range(2))
    for j in range(len(xs)):
        x = xs[j][used[j]]
        others = [
            _interpolate(x + (shift_x[:, j] - shift_x[:, p])[:, None], xs[p], ys[p]) + shift_y[:, p, None]
            for p in range(len(xs))
            if p != j
        ]
        seen = np.isfinite(others)
        number = seen.sum(axis=0)
        reference = np.where(seen, others, 0.0).sum(axis=0) / np.maximum(number, 1)
        left = np.where(number > 0, ys[j][:, used[j]] + shift_y[:, j, None] - reference, np.nan)
        slopes[:, j], at_0 = _fits.line((x - x[0]) / (x[-1] - x[0]), left)
        levels[:, j] = at_0 + slopes[:, j] * _mean_where((x - x[0]) / (x[-1] - x[0]), np.isfinite(left))
    return levels, slopes


def _mean_where(x: Array, there: NDArray[np.bool_]) -> Array:
    return (there * x).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def _interpolate(where: Array, x: Array, y: Array) -> Array:
    """Values (B, M) at `where` (B, M) of the curves `y` (B, T) over `x` (T,); nan outside."""
    k = np.clip(np.searchsorted(x, where), 1, x.size - 1)
    left, right = np.take_along_axis(y, k - 1, axis=1), np.take_along_axis(y, k, axis=1)
    value = left + (where - x[k - 1]) / (x[k] - x[k - 1]) * (right - left)
    return np.where((where >= x[0]) & (where <= x[-1]), value, np.nan)


def minimize(cost: Callable[[Array], Array], grid: Array, steps: int = 24) -> tuple[Array, Array]:
    """Position of the least `cost` (B,) in the range of `grid` (G,) for each of B samples, and that cost.

    `cost` takes (B,) exponents or one. The best grid point is refined by golden section between its neighbors, all
    samples at once (`scipy.optimize.minimize_scalar` takes one at a time), to 1e-5 of a grid step. nan if the cost
    is infinite everywhere.
    """
    table = np.stack([cost(np.full(1, value)) for value in grid])  # (G, B)
    best = table.argmin(axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, grid.size - 1)]
    ratio = (np.sqrt(5.0) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    cost_a, cost_b = cost(a), cost(b)
    for _ in range(steps):
        left = cost_a <= cost_b
        low, high = np.where(left, low, a), np.where(left, b, high)
        new = np.where(left, high - ratio * (high - low), low + ratio * (high - low))
        cost_new = cost(new)
        a, b = np.where(left, new, b), np.where(left, a, new)
        cost_a, cost_b = np.where(left, cost_new, cost_b), np.where(left, cost_a, cost_new)
    least = np.minimum(np.minimum(cost_a, cost_b), table.min(axis=0))
    found = np.where(cost_a <= cost_b, a, b)
    found = np.where(np.minimum(cost_a, cost_b) <= table.min(axis=0), found, grid[best])
    return np.where(np.isfinite(least), found, np.nan), np.where(np.isfinite(least), least, np.nan)
