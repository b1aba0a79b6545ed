"""LDL^T factorization of a symmetric matrix minus a shift, in one of its triangles (LAPACK's dsytrf).

By Sylvester's law of inertia A - shift has as many negative eigenvalues as D. Bunch and Kaufman's pivots keep the
backward error small (Higham, Accuracy and Stability of Numerical Algorithms, section 11.1).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs

Array = NDArray[np.float64]

_FUNCTIONS: Any = get_lapack_funcs(("sytrf", "sytrf_lwork", "sytrs"), dtype=np.float64)
_sytrf, _sytrf_lwork, _sytrs = _FUNCTIONS


LEAST = 1e-30  # of an entry beside the diagonal, relative: LAPACK divides by it


@dataclass(frozen=True, eq=False)
class Factorization:
    """P^T L D L^T P of a matrix (n, n); the factors occupy one triangle of `stored`, as dsytrf leaves them."""

    stored: Array
    pivots: NDArray[np.int32]
    lower: bool

    def _pairs(self) -> NDArray[np.int64]:
        """Where the blocks of order two begin."""
        pairs, k = [], 0
        while k < len(self.pivots):
            if self.pivots[k] > 0:
                k += 1
            else:
                pairs.append(k)
                k += 2
        return np.array(pairs, dtype=np.int64)

    @property
    def blocks(self) -> tuple[Array, Array]:
        """Determinants (b,) and traces (b,) of the blocks of D, of order one or two."""
        diagonal, single, first = np.diagonal(self.stored), self.pivots > 0, self._pairs()
        beside = np.diagonal(self.stored, -1 if self.lower else 1)
        a, b, c = diagonal[first], beside[first], diagonal[first + 1]
        return np.append(diagonal[single], a * c - b * b), np.append(diagonal[single], a + c)

    @property
    def negative(self) -> int:
        """Number of negative eigenvalues; a pair of determinant < 0 has one, otherwise both have the trace's sign."""
        n_single = int((self.pivots > 0).sum())
        determinants, traces = self.blocks
        of_pairs = np.where(determinants < 0.0, 1, np.where(traces < 0.0, 2, 0))[n_single:]
        return int((determinants[:n_single] < 0.0).sum() + of_pairs.sum())

    @property
    def log_determinant(self) -> float:
        """Logarithm of |det|; -inf for a singular matrix."""
        with np.errstate(divide="ignore"):
            return float(np.log(np.abs(self.blocks[0])).sum())

    @property
    def largest(self) -> float:
        """Largest magnitude of an entry of D, which shows how much the elements grew."""
        beside = np.diagonal(self.stored, -1 if self.lower else 1)[(self.pivots < 0)[:-1]]
        return float(max(np.abs(np.diagonal(self.stored)).max(), np.abs(beside).max(initial=0.0)))

    def absolute(self) -> "Factorization":
        """P^T L |D| L^T P, a positive definite matrix: the usual metric where a matrix has negative eigenvalues.

        Cheng and Higham, SIAM J. Matrix Anal. Appl. 19, 1097 (1998). It replaces this factorization, in place.
        """
        step, first = (-1 if self.lower else 1), self._pairs()
        diagonal, beside = (np.einsum("ii->i", self.stored), _off_diagonal(self.stored, step))
        a, b, c = diagonal[first], beside[first], diagonal[first + 1]
        np.abs(diagonal, out=diagonal)
        root = np.sqrt(np.abs(a * c - b * b))  # |B| = (B^2 + |det B| I) / trace |B|
        trace = np.sqrt(a * a + 2.0 * b * b + c * c + 2.0 * root * root)
        diagonal[first], diagonal[first + 1] = (a * a + b * b + root**2) / trace, (b * b + c * c + root**2) / trace
        beside[first] = np.copysign(np.maximum(np.abs(b * (a + c)), LEAST * np.abs(b) ** 2) / trace, b * (a + c))
        return self

    def solve(self, vector: Array) -> Array:
        """Solution (n,) of (A - shift) x = vector (n,)."""
        return _sytrs(self.stored, self.pivots, vector, lower=self.lower)[0].ravel()


def _off_diagonal(matrix: Array, step: int) -> Array:
    """View (n - 1,) of the entries next to the diagonal: above it for 1, below for -1."""
    n, (row, column) = len(matrix), matrix.strides
    start = matrix[:1, 1:] if step > 0 else matrix[1:, :1]
    return np.lib.stride_tricks.as_strided(start, (n - 1,), (row + column,)) if n > 1 else np.empty(0)


def factorize(matrix: Array, shift: float, *, lower: bool) -> Factorization:
    """Factorize a symmetric matrix (n, n) minus a shift in place.

    The matrix is stored in columns, and the factors replace one of its triangles and the diagonal.
    """
    n = len(matrix)
    matrix[np.diag_indices(n)] -= shift
    length = max(1, int(_sytrf_lwork(n, lower=lower)[0]))
    stored, pivots, _ = _sytrf(matrix, lower=lower, lwork=length, overwrite_a=True)
    return Factorization(stored, pivots, lower)
