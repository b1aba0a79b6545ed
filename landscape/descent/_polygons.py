"""The loss along a path of straight pieces: samples, cubics between them, and the highest point."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss
from landscape.support import check_positive

Array = NDArray[np.float64]

PEAKS, ROUNDS = 3, 6  # of `highest_point`: highest maxima of cubics, each evaluated and bracketed so often


def highest_point(loss: Loss, points: ArrayLike, *, samples: int = 20) -> tuple[float, Array]:
    """Highest loss in nats on a path of straight pieces through `points` (K, P), and where (P,).

    It evaluates `samples` points a piece, and brackets the highest maxima of the cubics through their values and
    slopes. It can miss a peak that is narrower than the distance of two samples.

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
    values, gradients = values_and_gradients(loss, sample_polygon(points, samples))
    estimates, _ = cubic_maxima(values, gradients, points)
    at = int(values.argmax())
    best = (float(values[at]), sample_polygon(points, samples)[at])
    for k in np.argsort(-estimates, axis=None, kind="stable")[:PEAKS].tolist():
        piece, first = k // samples, k % samples
        way = (points[piece + 1] - points[piece]) / samples
        ends = [(float(share), float(values[k + share]), float(gradients[k + share] @ way)) for share in (0, 1)]
        best = max(best, _peak(loss, points[piece] + first * way, way, ends[0], ends[1]), key=lambda one: one[0])
    return best


def _peak(
    loss: Loss, origin: Array, way: Array, low: tuple[float, float, float], high: tuple[float, float, float]
) -> tuple[float, Array]:
    """Highest loss found between two points (share of the way, loss, slope), and where."""
    best = max(low, high, key=lambda one: one[1])
    for _ in range(ROUNDS):
        width = high[0] - low[0]
        _, at = cubic_maximum(*(np.array(x) for x in (low[1], high[1], width * low[2], width * high[2])))
        if not 0.0 < at < 1.0:
            break
        share = low[0] + width * float(at)
        value, gradient = loss.value_and_gradient(origin + share * way)
        here = (share, float(value), float(gradient @ way))
        low, high = (here, high) if here[2] > 0.0 else (low, here)
        best = max(best, here, key=lambda one: one[1])
    return float(best[1]), origin + best[0] * way


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
