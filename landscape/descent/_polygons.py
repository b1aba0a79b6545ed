"""The loss along a path of straight pieces: samples, cubics between them, and the highest point."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from landscape.losses import Loss
from landscape.support import check_positive

Array = NDArray[np.float64]

PEAK_WIDTH = 1e-9  # of the distance of two samples; losses differ by its square


def highest_point(loss: Loss, points: ArrayLike, *, samples: int = 20) -> tuple[float, Array]:
    """Highest loss in nats on a path of straight pieces through `points` (K, P), and where (P,).

    It evaluates `samples` points a piece and takes cubics through their values and slopes. Highest cubics first, it
    finds the maxima on the path below them, until those that are left cannot be higher by their estimated errors. It
    can miss a peak that is narrower than the distance of two samples.

    Raises
    ------
    ValueError
        If the shape does not fit, there are fewer than two points, or `samples` is not positive.
    """
    points = np.array(points, dtype=np.float64)
    if points.ndim != 2 or len(points) < 2 or points.shape[1] != loss.n_parameters or not np.isfinite(points).all():
        msg = f"points must be finite with shape (2 or more, {loss.n_parameters}); got shape {points.shape}"
        raise ValueError(msg)
    check_positive(samples=samples)
    sampled = sample_polygon(points, samples)
    values, gradients = values_and_gradients(loss, sampled)
    bounds = cubic_maxima(values, gradients, points)[0] + _cubic_errors(values, gradients, points)
    at = int(values.argmax())
    best = (float(values[at]), sampled[at])
    for k in np.argsort(-bounds, axis=None, kind="stable").tolist():
        if bounds.flat[k] <= best[0]:
            break
        piece, first = k // samples, k % samples
        way = (points[piece + 1] - points[piece]) / samples
        ends = [(float(share), float(values[k + share]), float(gradients[k + share] @ way)) for share in (0, 1)]
        best = max(best, _peak(loss, points[piece] + first * way, way, ends[0], ends[1]), key=lambda one: one[0])
    return best


def _cubic_errors(values: Array, gradients: Array, images: Array) -> Array:
    """Errors (K - 1, S) of the cubics between samples: at both ends, what a cubic over twice the distance misses there.

    A cubic over half the distance misses a sixteenth of it. Infinite where a piece has no sample inside.
    """
    pieces = len(images) - 1
    samples = (len(values) - 1) // pieces
    errors = np.full((pieces, samples + 1), 0.0 if samples > 1 else np.inf)
    ways = np.diff(images, axis=0)[:, None] / samples
    at = np.arange(pieces)[:, None] * samples + np.arange(samples - 1)
    rise, fall = ((gradients[at + share] * ways).sum(axis=2) for share in (0, 2))
    errors[:, 1:-1] = np.abs((values[at] + values[at + 2]) / 2 + (rise - fall) / 4 - values[at + 1])
    return np.maximum(errors[:, :-1], errors[:, 1:])


End = tuple[float, float, float]  # share of the way, loss in nats, slope along the way


def _peak(loss: Loss, origin: Array, way: Array, low: End, high: End) -> tuple[float, Array]:
    """Highest loss found between two points, and where; the root of the slope if it changes sign between them."""
    tried = [low, high]

    def slope(share: float) -> float:
        value, gradient = loss.value_and_gradient(origin + share * way)
        tried.append((share, float(value), float(gradient @ way)))
        return tried[-1][2]

    _, at = cubic_maximum(*(np.array(x) for x in (low[1], high[1], low[2], high[2])))
    if 0.0 < at < 1.0:
        slope(float(at))
        rising = [one for one in tried if one[2] > 0.0 and one[0] < high[0]]
        falling = [one for one in tried if one[2] < 0.0 and one[0] > low[0]]
        first, last = max(rising, default=high), min(falling, default=low)
        if first[0] < last[0]:
            brentq(slope, first[0], last[0], xtol=PEAK_WIDTH)
    share, value, _ = max(tried, key=lambda one: one[1])
    return value, origin + share * way


def values_and_gradients(loss: Loss, points: Array) -> tuple[Array, Array]:
    """Losses (M,) and gradients (M, P) at `points` (M, P), in one call where the loss can."""
    batched = getattr(loss, "values_and_gradients", None)
    if batched is not None:
        return batched(points)
    both = [loss.value_and_gradient(point) for point in points]
    return np.array([value for value, _ in both]), np.array([gradient for _, gradient in both])


def sample_polygon(images: Array, samples: int) -> Array:
    """Points ((K - 1) samples + 1, P) at equal distances on each piece of the polygon through `images` (K, P)."""
    shares = np.arange(samples)[:, None] / samples
    inside = images[:-1, None] + shares * np.diff(images, axis=0)[:, None]
    return np.vstack([inside.reshape(-1, images.shape[1]), images[-1:]])


def cubic_maximum(first: Array, last: Array, rise: Array, fall: Array) -> tuple[Array, Array]:
    """Highest value on [0, 1] of the cubic with values `first`, `last` and slopes `rise`, `fall` there, and where."""
    square, cube = 3.0 * (last - first) - 2.0 * rise - fall, 2.0 * (first - last) + rise + fall
    with np.errstate(divide="ignore", invalid="ignore"):
        at = rise / (np.sqrt(square * square - 3.0 * cube * rise) - square)
    at = np.where((at > 0.0) & (at < 1.0), at, np.where(last > first, 1.0, 0.0))
    value = first + at * (rise + at * (square + at * cube))
    ends = np.maximum(first, last)
    return np.maximum(value, ends), np.where(value >= ends, at, np.where(last > first, 1.0, 0.0))


def cubic_maxima(values: Array, gradients: Array, images: Array) -> tuple[Array, Array]:
    """Highest values (K - 1, S) of the cubics between the samples on each piece, and where on the piece (0 to 1)."""
    pieces = len(images) - 1
    samples = (len(values) - 1) // pieces
    ways = np.diff(images, axis=0)[:, None] / samples
    first, last = values[:-1].reshape(pieces, samples), values[1:].reshape(pieces, samples)
    rise = (gradients[:-1].reshape(pieces, samples, -1) * ways).sum(axis=2)
    fall = (gradients[1:].reshape(pieces, samples, -1) * ways).sum(axis=2)
    highest, at = cubic_maximum(first, last, rise, fall)
    return highest, (np.arange(samples) + at) / samples
