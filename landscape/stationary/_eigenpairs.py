"""A few eigenpairs of a large symmetric operator by thick-restart Lanczos (ARPACK), with bounds on their errors.

Within |A x - theta x| of the Rayleigh quotient theta of a unit vector x lies an eigenvalue (Parlett, The Symmetric
Eigenvalue Problem, section 4.5). The bound is evaluated from products, not from ARPACK's recurrence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]
Product = Callable[[Array], Array]

BASIS = 20  # vectors of Lanczos' basis, at least
SEED = 20  # of the first vector: results repeat
SMALL = 1e-13  # residual relative to the operator: the basis is complete
OFTEN = 6  # products after which Lanczos' approximations are evaluated not after each


def extremal_vectors(product: Product, size: int, number: int, end: str, *, tolerance: float, restarts: int) -> Array:
    """Approximate eigenvectors (size, k), k <= number, of the largest ("LA") or smallest ("SA") eigenvalues."""
    number = min(number, size - 1)
    if number < 1:
        return np.ones((size, min(size, 1)))
    start = np.random.default_rng(SEED).normal(size=size)
    solver: Any = scipy.sparse.linalg.eigsh
    operator = scipy.sparse.linalg.LinearOperator((size, size), matvec=product, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    basis = min(size, max(BASIS, 2 * number + 1))
    try:
        return solver(operator, number, which=end, v0=start, ncv=basis, maxiter=restarts, tol=tolerance)[1]
    except scipy.sparse.linalg.ArpackError as error:  # not converged, or a product was zero
        vectors = np.asarray(getattr(error, "eigenvectors", np.empty((size, 0))))
        return vectors if vectors.size else start[:, None]


def with_bounds(product: Product, vectors: Array) -> tuple[Array, Array, Array]:
    """Eigenvalues (k,), ascending, bounds on their errors (k,) and vectors (n, k), by Rayleigh and Ritz.

    There is an eigenvalue of the operator within each bound.
    """
    basis, _ = np.linalg.qr(vectors)
    images = np.column_stack([product(column) for column in basis.T]) if basis.shape[1] else basis
    values, turn = np.linalg.eigh(basis.T @ images)
    vectors = basis @ turn
    residuals = images @ turn - vectors * values
    return values, np.linalg.norm(residuals, axis=0), vectors


@dataclass(frozen=True, eq=False)
class Ritz:
    """Lanczos' approximations after k products with an operator A.

    Attributes
    ----------
    basis : (k, P) float64
        Orthonormal; the first row is along the start.
    values : (k,) float64
        Of the eigenvalues, ascending.
    turn : (k, k) float64
        Eigenvectors in the basis, in columns.
    left : float
        Norm of the last residual of the basis: an eigenvalue lies within `left` times |turn[-1]| of each value.
    """

    basis: Array
    values: Array
    turn: Array
    left: float

    @property
    def errors(self) -> Array:
        """Bounds (k,) on the errors of the values."""
        return self.left * np.abs(self.turn[-1])

    def vector(self, which: int) -> Array:
        """Approximate eigenvector (P,) of a value."""
        found = self.turn[:, which] @ self.basis
        return found / np.linalg.norm(found)


def lanczos(product: Product, start: Array, most: int) -> Iterator[Ritz]:
    """Ritz values and vectors from `start` (P,), which may be near the eigenvector sought, product by product."""
    basis, diagonal, beside = np.empty((most, start.size)), np.zeros(most), np.zeros(most)
    way, size = start, float(np.linalg.norm(start))
    for k in range(most):
        basis[k] = way / size
        way = product(basis[k])
        diagonal[k] = float(way @ basis[k])
        for _ in range(2):  # once leaves rounding
            way = way - (basis[: k + 1] @ way) @ basis[: k + 1]
        size = float(np.linalg.norm(way))
        beside[k] = size
        last = k + 1 == most or size <= SMALL * float(np.abs(diagonal[: k + 1]).max())
        if last or k < OFTEN or k % OFTEN == 0:
            matrix = np.diag(diagonal[: k + 1]) + np.diag(beside[:k], 1) + np.diag(beside[:k], -1)
            yield Ritz(basis[: k + 1], *np.linalg.eigh(matrix), size)
        if last:
            return
