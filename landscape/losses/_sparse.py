"""Rows of inputs of which most are zero, such as pixels: the products that derivatives need, over the others alone.

Only numbers that are not zero are stored, those that are all k / 255 as bytes k. Matrices are taken 8 columns at a
time, so that a number of a row meets 8 units at once. Sums are in double precision, in a fixed order, by one thread.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.losses._lanes import LANES, from_lanes, in_lanes, lanes
from landscape.losses._sparse_kernels import add_grams, place_grams, times, transposed_times

Array = NDArray[np.float64]

SPARSE = 0.3  # share of numbers that are not zero, below which these products are faster than those of BLAS
CHUNK = 1000  # rows that are converted together
PIXEL = 255.0


@dataclass(frozen=True, eq=False)
class SparseRows:
    """N rows [x, 1] of inputs x (D,), as far as they are not zero; slices are views.

    Attributes
    ----------
    values : (Z,) uint8 or float64
        The numbers of all rows, one row after the other, in units of `scale`.
    columns : (Z,) uint16 or int32
        Their features, ascending within a row; the last one, D, holds the one.
    starts : (N + 1,) int64
        Where each row begins in these.
    width : int
        D + 1.
    scale : float
        1 / 255 for bytes, otherwise one.
    """

    values: NDArray[Any]
    columns: NDArray[Any]
    starts: NDArray[np.int64]
    width: int
    scale: float

    __array_ufunc__ = None  # products with arrays are those below

    def __post_init__(self) -> None:
        for name in ("values", "columns", "starts"):  # read-only as those that workers get: one compilation for all
            array = np.asarray(getattr(self, name))
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D + 1)."""
        return len(self), self.width

    def __getitem__(self, rows: slice) -> "SparseRows":
        first, end, _ = rows.indices(len(self))
        return SparseRows(self.values, self.columns, self.starts[first : end + 1], self.width, self.scale)

    def __matmul__(self, matrix: Array) -> Array:
        """Rows times `matrix` (D + 1, n), (N, n)."""
        product = times(self.values, self.columns, self.starts, in_lanes(self.scale * matrix))
        return from_lanes(product, matrix.shape[1])

    def __rmatmul__(self, matrix: Array) -> Array:
        """`matrix` (n, N) times the rows, (n, D + 1)."""
        return (self.T @ matrix.T).T

    @property
    def T(self) -> "_Transposed":
        """The transposed rows (D + 1, N), to multiply arrays with."""
        return _Transposed(self)

    def grams(self, pairs: int) -> Array:
        """Zeros to which `add_grams` adds, for so many weighted Gram matrices, in units of `scale`^2."""
        return np.zeros((lanes(pairs), self.width, self.width, LANES))

    def add_grams(self, grams: Array, weights: Array) -> None:
        """Add X^T diag(w) X for each column w of `weights` (N, pairs); only entries on and above the diagonal."""
        add_grams(self.values, self.columns, self.starts, in_lanes(weights), grams)

    def place_grams(self, grams: Array, units: int, hessian: Array) -> None:
        """Add the matrices of all pairs (i, j >= i) of units to the block (D + 1, units, D + 1, units) of a Hessian."""
        place_grams(grams, self.scale**2, units, hessian)


@dataclass(frozen=True, eq=False)
class _Transposed:
    rows: SparseRows

    def __matmul__(self, matrix: Array) -> Array:
        """(D + 1, N) times `matrix` (N, n), (D + 1, n)."""
        rows = self.rows
        product = transposed_times(rows.values, rows.columns, rows.starts, in_lanes(matrix), rows.width)
        return rows.scale * from_lanes(product, matrix.shape[1])


def wide_rows(inputs: Array) -> Array | SparseRows:
    """`inputs` (N, D) as the products of wide networks are fastest: `SparseRows` if most are zero."""
    sparse = sparse_rows(inputs)
    return np.ascontiguousarray(inputs) if sparse is None else sparse


def sparse_rows(inputs: Array) -> SparseRows | None:
    """`inputs` (N, D) with a column of ones, as far as they are not zero; None if too few of them are zero."""
    n_rows, n_features = inputs.shape
    counts = np.concatenate([np.count_nonzero(inputs[i : i + CHUNK], axis=1) for i in range(0, n_rows, CHUNK)])
    if counts.sum() > SPARSE * inputs.size:
        return None
    pixels = all(_are_pixels(inputs[i : i + CHUNK]) for i in range(0, n_rows, CHUNK))
    starts = np.concatenate([[0], np.cumsum(counts + 1)])
    values = np.empty(starts[-1], np.uint8 if pixels else np.float64)
    columns = np.empty(starts[-1], np.uint16 if n_features < 2**16 else np.int32)
    for i in range(0, n_rows, CHUNK):
        part = np.column_stack([inputs[i : i + CHUNK], np.ones(len(inputs[i : i + CHUNK]))])
        at, where = np.nonzero(part), slice(starts[i], starts[min(i + CHUNK, n_rows)])
        values[where] = np.rint(PIXEL * part[at]) if pixels else part[at]
        columns[where] = at[1]
    return SparseRows(values, columns, starts, n_features + 1, 1.0 / PIXEL if pixels else 1.0)


def _are_pixels(inputs: Array) -> bool:
    """Whether all are exactly k / 255 with a whole number k of a byte."""
    if inputs.min(initial=0.0) < 0.0 or inputs.max(initial=0.0) > 1.0:
        return False
    return bool((np.rint(PIXEL * inputs) / PIXEL == inputs).all())
