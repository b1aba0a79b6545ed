"""The maximum-flux functional of a polygon: a smooth maximum of the loss along it, its gradient and Newton steps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from landscape.losses import Loss
from landscape.stationary import local_model

Array = NDArray[np.float64]

dpotrf, dtrtrs = get_lapack_funcs(("potrf", "trtrs"), dtype=np.float64)

SAMPLES = 3  # evaluated points a piece: its first image and two points inside
SHARES = np.arange(SAMPLES) / SAMPLES  # where on the piece they are
NEGLIGIBLE = 2e-3  # weight of a piece below which an old Hessian, or none, does
REUSED = 0.1  # a Hessian serves within this distance, over the mean length of a piece of the first path


def values_and_gradients(loss: Loss, points: Array) -> tuple[Array, Array]:
    """Losses (M,) and gradients (M, P) at `points` (M, P), in one call where the loss can."""
    batched = getattr(loss, "values_and_gradients", None)
    if batched is not None:
        return batched(points)
    both = [loss.value_and_gradient(point) for point in points]
    return np.array([value for value, _ in both]), np.array([gradient for _, gradient in both])


def sample(images: Array, samples: int = SAMPLES) -> Array:
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


@dataclass(frozen=True, eq=False)
class Polygon:
    """A path of straight pieces with the loss at its samples."""

    images: Array  # (K, P), both ends included
    values: Array  # (M,) nats
    gradients: Array  # (M, P)

    @classmethod
    def through(cls, loss: Loss, images: Array) -> "Polygon":
        """The polygon through `images` (K, P)."""
        return cls(images, *values_and_gradients(loss, sample(images)))

    @property
    def finite(self) -> bool:
        """Whether all losses and gradients are."""
        return bool(np.isfinite(self.values).all() and np.isfinite(self.gradients).all())

    @cached_property
    def estimate(self) -> float:
        """Highest loss of the cubics between the samples, in nats."""
        return float(cubic_maxima(self.values, self.gradients, self.images)[0].max())

    def functional(self, temperature: float, spring: float) -> tuple[float, Array]:
        """T log sum exp(loss / T) plus the springs, in nats, and the weight (M,) of each sample."""
        top = self.values.max()
        weights = np.exp((self.values - top) / temperature)
        total = weights.sum()
        stretch = 0.5 * spring * float((np.diff(self.images, axis=0) ** 2).sum())
        return float(top + temperature * np.log(total)) + stretch, weights / total

    def slope(self, weights: Array, spring: float) -> Array:
        """Gradient (K - 2, P) of the functional by the inner images."""
        pulls = (weights[:-1, None] * self.gradients[:-1]).reshape(len(self.images) - 1, SAMPLES, -1)
        gaps = np.diff(self.images, axis=0)
        from_first = np.einsum("s,ksp->kp", 1.0 - SHARES, pulls) - spring * gaps
        from_last = np.einsum("s,ksp->kp", SHARES, pulls) + spring * gaps
        return from_first[1:] + from_last[:-1]


def survey(loss: Loss, polygon: Polygon) -> tuple[Array, Array]:
    """`cubic_maxima` of a polygon with one more sample between any two, without evaluating the known ones again."""
    middles = (sample(polygon.images, 2 * SAMPLES))[1::2]
    values, gradients = values_and_gradients(loss, middles)
    at = np.arange(1, len(polygon.values))
    return cubic_maxima(
        np.insert(polygon.values, at, values), np.insert(polygon.gradients, at, gradients, axis=0), polygon.images
    )


class Curvature:
    """Absolute Hessians |H| of the pieces of a polygon: one at the heaviest sample of each, kept while that is near."""

    def __init__(self, loss: Loss, piece: float) -> None:
        self.loss, self.reach, self.hessians = loss, REUSED * piece, 0
        self._known: dict[int, tuple[Array, Array]] = {}

    def forget(self) -> None:
        """Compute all again when needed."""
        self._known = {}

    def split(self, pieces: NDArray[np.intp]) -> None:
        """Renumber the pieces after some were split; both halves inherit the Hessian."""
        shifts = [(piece + int((pieces < piece).sum()), known) for piece, known in self._known.items()]
        halves = {int(piece) + k + 1: self._known.get(int(piece)) for k, piece in enumerate(pieces)}
        self._known = dict(shifts) | {piece: known for piece, known in halves.items() if known is not None}

    def blocks(self, polygon: Polygon, weights: Array, temperature: float, spring: float) -> tuple[Array, Array]:
        """Diagonal (K - 2, P, P) and off-diagonal (K - 3, P, P) blocks of a positive model of the second derivatives.

        Each sample of weight w contributes w (|H| + g g^T / T), distributed over the two images of its piece.
        """
        images, unit = polygon.images, np.eye(polygon.images.shape[1])
        diagonal = np.tile(2.0 * spring * unit, (len(images), 1, 1))
        beside = np.tile(-spring * unit, (len(images) - 1, 1, 1))
        for piece, share in enumerate(weights[:-1].reshape(-1, SAMPLES)):
            size = self._size(polygon, piece, share)
            if size is None:
                continue
            gradients = polygon.gradients[piece * SAMPLES : (piece + 1) * SAMPLES]
            for block, part in (
                (diagonal[piece], share * (1.0 - SHARES) ** 2),
                (diagonal[piece + 1], share * SHARES**2),
                (beside[piece], share * SHARES * (1.0 - SHARES)),
            ):
                model = part.sum() * size + (gradients.T * (part / temperature)) @ gradients
                np.add(block, model, out=block)
        return diagonal[1:-1], beside[1:-1]

    def _size(self, polygon: Polygon, piece: int, weights: Array) -> Array | None:
        known, light = self._known.get(piece), weights.sum() <= NEGLIGIBLE
        if light:
            return None if known is None else known[1]
        share = SHARES[int(weights.argmax())]
        point = (1.0 - share) * polygon.images[piece] + share * polygon.images[piece + 1]
        if known is None or np.linalg.norm(known[0] - point) > self.reach:
            model = local_model(self.loss, point)
            size = (model.eigenvectors * np.abs(model.eigenvalues)) @ model.eigenvectors.T
            known = self._known[piece] = (point, size)
            self.hessians += 1
        return known[1]


def solve_blocks(diagonal: Array, beside: Array, right: Array) -> Array:
    """Solution (K, P) of a symmetric positive block-tridiagonal system, by Cholesky's method."""
    lower, across, half = [], [], np.empty_like(right)
    block = diagonal[0]
    for k in range(len(right)):
        factor, failed = dpotrf(block, lower=1)
        if failed:
            msg = "the blocks are not positive definite"
            raise np.linalg.LinAlgError(msg)
        lower.append(factor)
        half[k] = dtrtrs(factor, right[k] - (across[-1].T @ half[k - 1] if k else 0.0), lower=1)[0].ravel()
        if k < len(right) - 1:
            across.append(dtrtrs(factor, beside[k], lower=1)[0])
            block = diagonal[k + 1] - across[-1].T @ across[-1]
    result = np.empty_like(right)
    for k in range(len(right) - 1, -1, -1):
        rest = half[k] - (across[k] @ result[k + 1] if k < len(right) - 1 else 0.0)
        result[k] = dtrtrs(lower[k], rest, lower=1, trans=1)[0].ravel()
    return result
