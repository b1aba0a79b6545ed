"""Stationary points of a loss and their certificates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import symmetry
from landscape.losses import Loss
from landscape.networks import MLP

Array = NDArray[np.float64]

GRADIENT_TOLERANCE = 1e-10  # rms gradient of a stationary point
VALUE_TOLERANCE = 1e-9  # nats between two quenches of one stationary point
DISTANCE_TOLERANCE = 1e-2  # between two quenches of one stationary point, after alignment
LARGEST_TOLERANCE = 0.5  # however soft a mode: distinct minima of low loss lie 4 to 5 from their nearest neighbours


@dataclass(frozen=True, eq=False)
class LocalModel:
    """The quadratic model of a loss around a point, in the eigenbasis of its Hessian.

    `zero` marks eigenvectors along which the loss is constant everywhere; their eigenvalue is set to
    one, so that steps along them vanish with the gradient.
    """

    point: Array  # (P,)
    value: float
    gradient: Array  # (P,)
    eigenvalues: Array  # (P,) ascending
    eigenvectors: Array  # (P, P), one per column
    zero: NDArray[np.bool_]  # (P,)

    @property
    def rms_gradient(self) -> float:
        """|gradient| / sqrt(P)."""
        return float(np.linalg.norm(self.gradient) / np.sqrt(self.gradient.size))

    @property
    def projections(self) -> Array:
        """Gradient in the eigenbasis, (P,)."""
        return self.eigenvectors.T @ self.gradient

    @property
    def index(self) -> int:
        """Number of negative eigenvalues."""
        return int((self.eigenvalues < 0.0).sum())


def local_model(loss: Loss, theta: Array) -> LocalModel:
    """Value, gradient and eigendecomposition of the exact Hessian at `theta` (P,).

    Raises
    ------
    FloatingPointError
        If the loss or a derivative is not finite there.
    """
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    if not (np.isfinite(value) and np.isfinite(hessian).all()):
        msg = f"the loss is not finite at a point with |theta| = {np.linalg.norm(theta):.3g}"
        raise FloatingPointError(msg)
    modes = loss.zero_modes
    if len(modes):
        hessian = hessian + modes.T @ modes
    eigenvalues, eigenvectors = np.linalg.eigh(hessian)
    zero = (modes @ eigenvectors * (modes @ eigenvectors)).sum(axis=0) > 0.5
    return LocalModel(theta, value, gradient, eigenvalues, eigenvectors, zero)


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """A point of vanishing gradient with its certificate."""

    coordinates: Array  # (P,)
    value: float  # nats
    rms_gradient: float
    eigenvalues: Array  # of the exact Hessian, ascending, zero modes left out

    @property
    def index(self) -> int:
        """Number of negative eigenvalues: 0 for a minimum, 1 for a transition state."""
        return int((self.eigenvalues < 0.0).sum())

    @property
    def log_determinant(self) -> float:
        """Sum of log |eigenvalue|."""
        return float(np.log(np.abs(self.eigenvalues)).sum())

    @property
    def trace(self) -> float:
        """Trace of the Hessian."""
        return float(self.eigenvalues.sum())

    @property
    def position_error(self) -> float:
        """Bound on the distance to the exact point: |gradient| / smallest |eigenvalue|."""
        norm = self.rms_gradient * np.sqrt(self.coordinates.size)
        return float(norm / max(np.abs(self.eigenvalues).min(), np.finfo(float).tiny))


@dataclass(frozen=True, eq=False)
class Minimum(StationaryPoint):
    """A stationary point all of whose eigenvalues are positive."""


@dataclass(frozen=True, eq=False)
class TransitionState(StationaryPoint):
    """A stationary point with exactly one negative eigenvalue."""

    eigenvector: Array  # (P,) of the negative eigenvalue

    @property
    def log_product(self) -> float:
        """Sum of log |eigenvalue| over all but the first, the negative one."""
        return float(np.log(np.abs(self.eigenvalues[1:])).sum())


def minimum_from(model: LocalModel) -> Minimum:
    """The minimum at the point of a local model."""
    return Minimum(model.point, model.value, model.rms_gradient, model.eigenvalues[~model.zero])


def transition_state_from(model: LocalModel) -> TransitionState:
    """The transition state at the point of a local model."""
    return TransitionState(
        model.point, model.value, model.rms_gradient, model.eigenvalues[~model.zero], model.eigenvectors[:, 0].copy()
    )


def certify(loss: Loss, theta: ArrayLike) -> StationaryPoint:
    """Recompute the certificate of a point (P,): value, rms gradient, eigenvalues."""
    return minimum_from(local_model(loss, np.array(theta, dtype=np.float64)))


def same_point(network: MLP | None, a: StationaryPoint, b: StationaryPoint) -> bool:
    """Whether two stationary points are one, modulo the symmetries of the network.

    Losses within 1e-9 are only the first filter; what decides is the distance after alignment, below
    1e-2 or the error that gradient and softest eigenvalue leave in the positions, whichever is larger, but at
    most 0.5: along an eigenvalue of nearly zero the loss alone would decide.
    """
    if abs(a.value - b.value) > VALUE_TOLERANCE:
        return False
    tolerance = min(max(DISTANCE_TOLERANCE, a.position_error + b.position_error), LARGEST_TOLERANCE)
    found = symmetry.distances(network, a.coordinates, b.coordinates[None], cutoff=tolerance)
    return bool(np.isfinite(found[0]))
