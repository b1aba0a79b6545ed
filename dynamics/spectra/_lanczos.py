"""Lanczos quadrature: the spectrum of a Hessian from a few products with vectors.

Written here because `scipy.sparse.linalg.eigsh` gives only eigenvalues at the ends and no weights of a starting vector;
SciPy diagonalizes the tridiagonal matrix.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal

from landscape.support import one_thread, whole_number

Array = NDArray[np.float64]

EPSILON = np.finfo(np.float64).eps


class Curved(Protocol):
    """The members of a loss that are needed here; `MLPLoss` and `TorchLoss` have them."""

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        ...

    @property
    def zero_modes(self) -> Array:
        """Orthonormal directions (k, P) along which the loss is constant everywhere."""
        ...

    def hessian_vector_product(self, theta: ArrayLike, vector: ArrayLike) -> Array:
        """Hessian times `vector` (P,) at `theta` (P,)."""
        ...


def tridiagonalize(product: Callable[[Array], Array], start: Array, steps: int) -> tuple[Array, Array]:
    """Lanczos' tridiagonal matrix with full reorthogonalization (twice, which is enough).

    The algorithm of Lanczos (1950) with full reorthogonalization; test_curvature.py compares with exact
    spectra.

    Parameters
    ----------
    product : callable (P,) -> (P,)
        A symmetric matrix times a vector.
    start : (P,)
        Unit vector.
    steps : int
        Number m of products.

    Returns
    -------
    diagonal : (n,)
        n <= m: fewer if the vectors span an invariant subspace earlier.
    off_diagonal : (n,)
        Norms of the remainders after each step; the last is the residual, not an entry of the matrix.
    """
    basis, diagonal, off_diagonal = np.zeros((steps, start.size)), np.zeros(steps), np.zeros(steps)
    vector, scale = start, 0.0
    for j in range(steps):
        basis[j] = vector
        rest = product(vector)
        diagonal[j] = rest @ vector
        for _ in range(2):
            rest = rest - (basis[: j + 1] @ rest) @ basis[: j + 1]
        off_diagonal[j] = np.linalg.norm(rest)
        scale = max(scale, abs(diagonal[j]) + off_diagonal[j])
        if not off_diagonal[j] > start.size * EPSILON * scale:  # only rounding is left, or nan
            return diagonal[: j + 1], np.append(off_diagonal[:j], 0.0)
        vector = rest / off_diagonal[j]
    return diagonal, off_diagonal


def unit_probes(count: int, dimension: int, rng: np.random.Generator, zero_modes: Array | None = None) -> Array:
    """Vectors (count, dimension) uniform on the unit sphere of the space orthogonal to `zero_modes` (k, dimension)."""
    vectors = rng.standard_normal((count, dimension))
    if zero_modes is not None:
        vectors -= (vectors @ zero_modes.T) @ zero_modes
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def quadrature(loss: Curved, theta: ArrayLike, starts: Array, steps: int) -> tuple[Array, Array, Array]:
    """Nodes, weights and residuals (K, m) of the probes `starts` (K, P), as in `SpectralDensity`.

    Raises
    ------
    ValueError, FloatingPointError
        As in `spectral_density`.
    """
    steps = min(whole_number("steps", steps, 2), loss.n_parameters - len(loss.zero_modes))
    rules = [_one_rule(loss, theta, start, steps) for start in starts]
    nodes, weights, residuals = (np.array(part) for part in zip(*rules, strict=True))
    return nodes, weights, residuals


def _one_rule(loss: Curved, theta: ArrayLike, start: Array, steps: int) -> tuple[Array, Array, Array]:
    """Nodes, weights and residuals (steps,) of one probe, filled up with nan, 0 and nan."""
    modes = loss.zero_modes

    def product(vector: Array) -> Array:
        result = loss.hessian_vector_product(theta, vector)
        return result - (result @ modes.T) @ modes

    with one_thread():
        diagonal, off_diagonal = tridiagonalize(product, start, steps)
    if not (np.isfinite(diagonal).all() and np.isfinite(off_diagonal).all()):
        msg = f"the loss is not finite at a point with |theta| = {np.linalg.norm(theta):.3g}"
        raise FloatingPointError(msg)
    nodes, vectors = eigh_tridiagonal(diagonal, off_diagonal[:-1])
    filling = steps - nodes.size
    return (
        np.pad(nodes, (0, filling), constant_values=np.nan),
        np.pad(vectors[0] ** 2, (0, filling)),
        np.pad(off_diagonal[-1] * np.abs(vectors[-1]), (0, filling), constant_values=np.nan),
    )
