"""Stationary points of a loss and their certificates."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import symmetry
from landscape.losses import LARGE, Rounding, rounding_of_norms
from landscape.networks import MLP
from landscape.stationary._inertia import Inertia, InertiaModel, inertia_model
from landscape.stationary._signs import Signs, signs_of
from landscape.stationary._tolerances import Known, distance_tolerance, value_tolerance
from landscape.support import Result
from landscape.symmetry import PermutationSpec

if TYPE_CHECKING:
    from landscape.losses import Loss

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LocalModel(
    Result, shows=("value", "rms_gradient", "index", "eigenvalues"), axes={"M": "mode"}, units={"value": "nats"}
):
    """The quadratic model of a loss around a point, in the eigenbasis of its Hessian.

    `zero` marks eigenvectors along which the loss is constant everywhere, which come last. Their eigenvalue is set to
    the largest of all others, so that steps along them vanish with the gradient.

    Attributes
    ----------
    point : (P,) float64
        The parameters.
    value : float
        Loss in nats.
    gradient : (P,) float64
        Of the loss.
    eigenvalues : (M,) float64
        Of the Hessian, ascending; M = P.
    eigenvectors : (P, M) float64
        One per column.
    zero : (M,) bool
        Eigenvectors along which the loss is constant.
    """

    point: Array
    value: float
    gradient: Array
    eigenvalues: Array
    eigenvectors: Array
    zero: NDArray[np.bool_]

    @property
    def rms_gradient(self) -> float:
        """|gradient| / sqrt(P)."""
        return float(np.linalg.norm(self.gradient) / np.sqrt(self.gradient.size))

    @property
    def projections(self) -> Array:
        """Gradient in the eigenbasis, (P,)."""
        return self.eigenvectors.T @ self.gradient

    @property
    def free(self) -> Array:
        """Eigenvalues (P - k,) without those of the zero modes."""
        return self.eigenvalues[~self.zero]

    @cached_property
    def signs(self) -> Signs:
        """Signs of the eigenvalues, with the bound on rounding that holds for any loss."""
        free = self.free
        return signs_of(free, rounding_of_norms(free, 0.0).hessian)

    @property
    def index(self) -> int:
        """Number of negative eigenvalues."""
        return self.signs.negative if self.eigenvalues[0] < 0.0 else 0


def local_model(loss: "Loss", theta: Array) -> LocalModel:
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
    modes, zero = loss.zero_modes, np.zeros(theta.size, dtype=bool)
    if len(modes):  # above all other eigenvalues, so that no eigenvector mixes the two
        hessian = hessian + (2.0 * np.linalg.norm(hessian) or 1.0) * (modes.T @ modes)
        zero[-len(modes) :] = True
    eigenvalues, eigenvectors = np.linalg.eigh(hessian)
    if len(modes):
        eigenvalues[zero] = np.abs(eigenvalues[~zero]).max(initial=0.0) or 1.0
    return LocalModel(theta, value, gradient, eigenvalues, eigenvectors, zero)


def rounding_of(loss: "Loss", model: LocalModel, *, coarse: bool = False) -> Rounding:
    """Norms below which rounding hides gradient and Hessian of a model: the loss's own bound, if it has one.

    A `coarse` bound may be thousands of times too large, and costs almost nothing.
    """
    own = getattr(loss, "rounding", None)
    if own is not None:
        return own(model.point, model.free, coarse=coarse)
    return rounding_of_norms(model.free, float(np.linalg.norm(model.point)))


@dataclass(frozen=True, eq=False)
class StationaryPoint(
    Result, shows=("value", "rms_gradient", "index", "flat", "eigenvalues"), axes={"M": "mode"}, units={"value": "nats"}
):
    """A point of vanishing gradient with its certificate.

    Its index may be any number; `Minimum` and `TransitionState` are points whose index `certificate` has confirmed.

    Attributes
    ----------
    coordinates : (P,) float64
        The parameters.
    value : float
        Loss in nats.
    rms_gradient : float
        Root mean square of the components of the gradient.
    eigenvalues : (M,) float64
        Of the exact Hessian, ascending, zero modes left out: all of them, unless there is an `inertia`.
    hessian_rounding : float or None
        Norm below which the Hessian is not known; None where a bound by its norm serves.
    inertia : Inertia or None
        For a network of more than `LARGE` parameters: how many eigenvalues are negative and positive, bounds
        on the errors of those in `eigenvalues`, the M next to zero, and the log-determinant of the Hessian.
    """

    coordinates: Array
    value: float
    rms_gradient: float
    eigenvalues: Array
    hessian_rounding: float | None = field(default=None, kw_only=True)
    inertia: Inertia | None = field(default=None, kw_only=True)

    @property
    def signs(self) -> Signs:
        """Signs of all eigenvalues, as far as rounding allows."""
        if self.inertia is not None:
            return self.inertia.signs
        rounding = self.hessian_rounding
        if rounding is None:
            rounding = rounding_of_norms(self.eigenvalues, 0.0).hessian
        return signs_of(self.eigenvalues, rounding)

    @property
    def index(self) -> int:
        """Number of negative eigenvalues: 0 for a minimum, 1 for a transition state."""
        return self.signs.negative

    @property
    def flat(self) -> int:
        """Number of directions along which the loss is flat within rounding."""
        return self.signs.flat

    @property
    def log_determinant(self) -> float:
        """Sum of log |eigenvalue|; nan if undetermined."""
        if self.inertia is not None:
            return self.inertia.log_determinant
        return float(np.log(np.abs(self.eigenvalues)).sum())

    @property
    def trace(self) -> float:
        """Trace of the Hessian; nan if undetermined."""
        if self.inertia is not None:
            return self.inertia.trace
        return float(self.eigenvalues.sum())

    @property
    def largest(self) -> float:
        """Largest magnitude of an eigenvalue."""
        return float(np.abs(self.eigenvalues).max()) if self.inertia is None else self.inertia.largest

    @property
    def spectrum(self) -> Array:
        """All eigenvalues (M,), ascending, zero modes left out.

        Raises
        ------
        ValueError
            If the certificate has only some of them (`inertia`).
        """
        if self.inertia is not None:
            msg = (
                f"the full spectrum is needed, and only {self.eigenvalues.size} eigenvalues of a point with "
                f"{self.coordinates.size} parameters are known; compute it: local_model(loss, theta).free"
            )
            raise ValueError(msg)
        return self.eigenvalues

    @property
    def known(self) -> Known:
        """The quantities that tolerances depend on."""
        sizes = np.abs(self.eigenvalues)
        softest = 0.0 if self.flat else float(sizes.min())
        gradient = self.rms_gradient * self.coordinates.size**0.5
        norm = float(np.linalg.norm(self.coordinates))
        return Known(self.value, gradient, softest, self.largest, norm, self.coordinates.size)

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
    """A stationary point with exactly one negative eigenvalue.

    Attributes
    ----------
    eigenvector : (P,) float64
        Of the negative eigenvalue.
    """

    eigenvector: Array

    @property
    def log_product(self) -> float:
        """Sum of log |eigenvalue| over all but the first, the negative one."""
        if self.inertia is not None:
            return self.inertia.log_determinant - float(np.log(np.abs(self.eigenvalues[0])))
        return float(np.log(np.abs(self.eigenvalues[1:])).sum())


def certificate(loss: "Loss", model: LocalModel) -> StationaryPoint:
    """The point of a local model: a `Minimum` or `TransitionState` only if rounding leaves no doubt."""
    return typed_point(model, rounding_of(loss, model).hessian)


def typed_point(model: LocalModel, rounding: float) -> StationaryPoint:
    """`certificate` with a known rounding of the Hessian."""
    what = model.point, model.value, model.rms_gradient, model.free
    signs = signs_of(model.free, rounding)
    if signs.is_minimum:
        return Minimum(*what, hessian_rounding=rounding)
    if signs.is_transition_state:
        return TransitionState(*what, eigenvector=model.eigenvectors[:, 0].copy(), hessian_rounding=rounding)
    return StationaryPoint(*what, hessian_rounding=rounding)


def point_of_inertia(model: InertiaModel) -> StationaryPoint:
    """The point of a model without a spectrum: a `Minimum` or `TransitionState` only if its inertia says so."""
    what = model.point, model.value, model.rms_gradient, model.eigenvalues
    more = {"hessian_rounding": model.rounding.hessian, "inertia": model.inertia}
    if model.signs.is_minimum:
        return Minimum(*what, **more)
    if model.signs.is_transition_state:
        return TransitionState(*what, eigenvector=model.eigenvectors[:, 0].copy(), **more)
    return StationaryPoint(*what, **more)


def certify(loss: "Loss", theta: ArrayLike) -> StationaryPoint:
    """Recompute the certificate of a point (P,): value, rms gradient, eigenvalues.

    The result is a `Minimum` or `TransitionState` if the signs of the eigenvalues say so, otherwise a
    `StationaryPoint`. Above `LARGE` parameters an inertia replaces the spectrum (`StationaryPoint.inertia`).
    """
    theta = np.array(theta, dtype=np.float64)
    if theta.size > LARGE:
        return point_of_inertia(inertia_model(loss, theta))
    return certificate(loss, local_model(loss, theta))


def same_point(network: MLP | PermutationSpec | None, a: StationaryPoint, b: StationaryPoint) -> bool:
    """Whether two stationary points are the same, modulo the symmetries of the network.

    Losses are only the first filter. The distance after alignment decides, compared with the position errors of the
    two certificates (derivation in `landscape/stationary/_tolerances.py`).
    """
    if abs(a.value - b.value) > value_tolerance(a.known) + value_tolerance(b.known):
        return False
    found = symmetry.distances(network, a.coordinates, b.coordinates[None], cutoff=separation(a, b))
    return bool(np.isfinite(found[0]))


def separation(a: StationaryPoint, b: StationaryPoint) -> float:
    """Distance below which two points are the same according to their certificates."""
    return distance_tolerance(a.known, b.known)


def same_place(a: StationaryPoint, b: StationaryPoint) -> bool:
    """Whether two points are one, not only images of each other."""
    return bool(np.linalg.norm(a.coordinates - b.coordinates) <= separation(a, b))
