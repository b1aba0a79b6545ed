"""The maximum-flux functional of a polygon: a smooth maximum of the loss along it, its gradient and Newton steps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

from landscape.descent import cubic_maxima, sample_polygon, values_and_gradients
from landscape.losses import Loss
from landscape.stationary import local_model

Array = NDArray[np.float64]

dpotrf, dtrtrs = get_lapack_funcs(("potrf", "trtrs"), dtype=np.float64)

SAMPLES = 3  # evaluated points a piece: its first image and two points inside
SHARES = np.arange(SAMPLES) / SAMPLES  # where on the piece they are
NEGLIGIBLE = 2e-3  # weight of a piece below which an old Hessian, or none, does
REUSED = 0.1  # a Hessian serves within this distance, over the mean length of a piece of the first path


@dataclass(frozen=True, eq=False)
class Polygon:
    """A path of straight pieces with the loss at its samples."""

    images: Array  # (K, P), both ends included
    values: Array  # (M,) nats
    gradients: Array  # (M, P)

    @classmethod
    def through(cls, loss: Loss, images: Array) -> "Polygon":
        """The polygon through `images` (K, P)."""
        return cls(images, *values_and_gradients(loss, sample_polygon(images, SAMPLES)))

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
    middles = sample_polygon(polygon.images, 2 * SAMPLES)[1::2]
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
