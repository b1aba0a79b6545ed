"""Certificates of large networks: the index by inertia, a few eigenvalues with bounds, and no full spectrum.

Two factorizations count the eigenvalues below -r and below r, where r is the norm within which rounding hides the
Hessian: the errors of the loss's sums, as for a full spectrum, and those of the factorization, 4 sqrt(P) u times the
largest pivot (`landscape.losses._rounding` has the reasons). An eigenvalue between the two has no sign. The mean of
both log-determinants is that of the Hessian up to (r / lambda)^2. Lanczos iterations with the inverse give the
eigenvalues next to zero, from both sides, of which few are needed where there are thousands; of equal ones they may
find one.

Above `MOST_FACTORIZED` parameters Lanczos iterations with the Hessian itself give the lowest eigenvalues, and nothing
counts the others: such a point has no certified index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from landscape.losses import DEVIATIONS, UNIT, Rounding, sign_rounding
from landscape.stationary._eigenpairs import extremal_vectors, with_bounds
from landscape.stationary._factorization import Factorization, factorize
from landscape.stationary._signs import Signs

if TYPE_CHECKING:
    from landscape.losses import Loss

Array = NDArray[np.float64]
Product = Callable[[Array], Array]

MOST_FACTORIZED = 10_000  # parameters: a Hessian of 800 MB and half a minute for its factorizations
LOWEST = 8  # positive eigenvalues that a certificate has, and negative ones at most
SHARP, RESTARTS = 1e-6, 10  # relative error of these from the inverse, and Lanczos' restarts
DIRECT, DIRECT_RESTARTS = 1e-3, 20  # the same with products of the Hessian
COARSE = 1e-2  # of the largest eigenvalue
LEAST_SHIFT = 1e-250
GROWTH = 4.0  # of pivots over the largest eigenvalue; beyond that nothing is determined


@dataclass(frozen=True, eq=False)
class Inertia:
    """What is known of the eigenvalues of a Hessian without its spectrum.

    Attributes
    ----------
    signs : Signs
        Their numbers; those that are undetermined count as flat.
    log_determinant : float
        Sum of log |eigenvalue|; nan if undetermined.
    trace : float
        Their sum; nan without a Hessian.
    largest : float
        Largest magnitude.
    bounds : (k,) float64
        On the errors of the k eigenvalues that are known.
    """

    signs: Signs
    log_determinant: float
    trace: float
    largest: float
    bounds: Array

    def to_array(self) -> Array:
        """All numbers (6 + k,), for files."""
        return np.array([*self.signs, self.log_determinant, self.trace, self.largest, *self.bounds])

    @classmethod
    def from_array(cls, numbers: Array) -> Self | None:
        """The inverse of `to_array`; None for no numbers.

        Raises
        ------
        ValueError
            If these are not the numbers of an inertia.
        """
        if numbers.size == 0:
            return None
        if numbers.size < 6 or not (numbers[:3] >= 0.0).all() or not (numbers[:3] == np.floor(numbers[:3])).all():
            msg = f"an inertia should be three numbers of eigenvalues and then others; got {numbers[:6]}"
            raise ValueError(msg)
        negative, flat, positive = map(int, numbers[:3])
        log_determinant, trace, largest = map(float, numbers[3:6])
        return cls(Signs(negative, flat, positive), log_determinant, trace, largest, numbers[6:].astype(np.float64))


@dataclass(frozen=True, eq=False)
class InertiaModel:
    """A loss around a point: its gradient, products with its Hessian, and what is known of the eigenvalues.

    Attributes
    ----------
    point, gradient : (P,) float64
    value : float
        Loss in nats.
    eigenvalues : (k,) float64
        Those next to zero, ascending.
    eigenvectors : (P, k) float64
        Theirs.
    inertia : Inertia
    rounding : Rounding
    product : callable
        Hessian times a vector (P,).
        Zero modes have the largest eigenvalue, so that steps along them vanish with the gradient.
    factorization : Factorization or None
        Of the Hessian; None above `MOST_FACTORIZED` parameters.
    """

    point: Array
    value: float
    gradient: Array
    eigenvalues: Array
    eigenvectors: Array
    inertia: Inertia
    rounding: Rounding
    product: Product
    factorization: Factorization | None

    @property
    def rms_gradient(self) -> float:
        """|gradient| / sqrt(P)."""
        return float(np.linalg.norm(self.gradient) / np.sqrt(self.gradient.size))

    @property
    def signs(self) -> Signs:
        """Signs of all eigenvalues, as far as they are determined."""
        return self.inertia.signs

    @cached_property
    def softest(self) -> int:
        """Which of the eigenvalues is nearest to zero."""
        return int(np.abs(self.eigenvalues).argmin())


def products_of(loss: "Loss", theta: Array) -> Product:
    """Function that multiplies the Hessian at `theta` (P,) by a vector; with the Hessian, if the loss has no other."""
    product = getattr(loss, "hessian_vector_product", None)
    if product is not None:
        return lambda vector: product(theta, vector)
    hessian = loss.value_gradient_hessian(theta)[2].copy()
    return lambda vector: hessian @ vector


def inertia_model(loss: "Loss", theta: Array, *, most_factorized: int | None = None) -> InertiaModel:
    """The model at `theta` (P,), with a factorization up to `most_factorized` parameters (`MOST_FACTORIZED`).

    Raises
    ------
    FloatingPointError
        If the loss or a derivative is not finite there.
    """
    product, modes = products_of(loss, theta), loss.zero_modes
    largest = _largest(loss, theta, product)
    rounding = rounding_at(loss, theta, largest)
    shifted = (  # zero modes above all other eigenvalues
        (lambda vector: product(vector) + largest * (modes.T @ (modes @ vector))) if len(modes) else product
    )
    most = MOST_FACTORIZED if most_factorized is None else most_factorized
    make = _by_factorization if theta.size <= most else _by_products
    return make(loss, theta, shifted, largest, rounding)


def factors_at(loss: "Loss", theta: Array) -> Factorization | None:
    """Factors of the Hessian at `theta` (P,), zero modes above all other eigenvalues.

    None if it has too many parameters, or is singular or not finite.
    """
    if theta.size > MOST_FACTORIZED:
        return None
    _, _, hessian = loss.value_gradient_hessian(theta)
    if not np.isfinite(hessian).all():
        return None
    columns, modes = np.asfortranarray(hessian.T), loss.zero_modes
    for mode in modes:
        columns += np.linalg.norm(hessian) * np.outer(mode, mode)
    found = factorize(columns, -LEAST_SHIFT, lower=True)
    return found if np.isfinite(found.log_determinant) else None


def metric_at(loss: "Loss", theta: Array) -> Factorization | None:
    """The same with negative pivots made positive, to precondition products with."""
    found = factors_at(loss, theta)
    return None if found is None else found.absolute()


def rounding_at(loss: "Loss", theta: Array, largest: float) -> Rounding:
    """Norms below which rounding hides gradient and Hessian at `theta` (P,), from the largest eigenvalue."""
    own = getattr(loss, "rounding", None)
    if own is not None:
        return own(theta, np.array([largest]))
    error = float(sign_rounding(theta.size, largest))
    return Rounding(error * float(np.linalg.norm(theta)), error)


def _by_factorization(loss: "Loss", theta: Array, product: Product, largest: float, rounding: Rounding) -> InertiaModel:
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    columns, modes = np.asfortranarray(hessian.T), loss.zero_modes  # the same memory
    trace, size = float(np.trace(columns)), theta.size
    for mode in modes:
        columns += largest * np.outer(mode, mode)
    allowed = DEVIATIONS * UNIT * np.sqrt(size) * GROWTH * largest
    shift, diagonal = max(rounding.hessian + allowed, LEAST_SHIFT), np.diagonal(columns).copy()
    below = factorize(columns, -shift, lower=True)
    negative, determinants, pivots = below.negative, [below.log_determinant], [below.largest]
    columns[np.diag_indices(size)] = diagonal
    above = factorize(columns, shift, lower=False)
    determinants.append(above.log_determinant)
    signs = Signs(negative, above.negative - negative, size - len(modes) - above.negative)
    if max(*pivots, above.largest) > GROWTH * max(largest, LEAST_SHIFT):  # the factors are worth nothing
        signs = Signs(0, size - len(modes), 0)
    values, bounds, vectors = with_bounds(product, _next_to_zero(above, signs))
    log_determinant = float(np.mean(determinants)) - (len(modes) * np.log(largest) if len(modes) else 0.0)
    known = float("nan") if signs.flat else float(log_determinant)
    inertia = Inertia(signs, known, trace, largest, bounds + rounding.hessian)
    return InertiaModel(theta, value, gradient, values, vectors, inertia, rounding, product, above)


def _next_to_zero(above: Factorization, signs: Signs) -> Array:
    """Approximate eigenvectors (P, k) of the eigenvalues next to zero, from both sides."""
    size, sides = len(above.pivots), []
    for end, number in (("SA", signs.negative + signs.flat), ("LA", signs.positive)):
        if number:
            sides.append(
                extremal_vectors(above.solve, size, min(number, LOWEST), end, tolerance=SHARP, restarts=RESTARTS)
            )
    return np.hstack(sides)


def _by_products(loss: "Loss", theta: Array, product: Product, largest: float, rounding: Rounding) -> InertiaModel:
    value, gradient = loss.value_and_gradient(theta)
    vectors = extremal_vectors(product, theta.size, LOWEST, "SA", tolerance=DIRECT, restarts=DIRECT_RESTARTS)
    values, bounds, vectors = with_bounds(product, vectors)
    bounds += rounding.hessian
    negative, unknown = int((values < -bounds).sum()), float("nan")
    signs = Signs(negative, theta.size - len(loss.zero_modes) - negative, 0)
    inertia = Inertia(signs, unknown, unknown, largest, bounds)
    return InertiaModel(theta, value, gradient, values, vectors, inertia, rounding, product, None)


def _largest(loss: "Loss", theta: Array, product: Product) -> float:
    """Bound on the magnitude of the eigenvalues, from Lanczos iterations."""
    value, gradient = loss.value_and_gradient(theta)
    if not (np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(product(gradient)).all()):
        msg = f"the loss is not finite at a point with |theta| = {np.linalg.norm(theta):.3g}"
        raise FloatingPointError(msg)
    vectors = extremal_vectors(product, theta.size, 1, "LM", tolerance=COARSE, restarts=RESTARTS)
    values, bounds, _ = with_bounds(product, vectors)
    return float((np.abs(values) + bounds).max())
