"""The order in which the states of a chain are eliminated, and the numbers that may then be nonzero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from landscape.support import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DENSE_SHARE = 0.5  # filling of the remaining pattern from which on it is treated as full


@dataclass(frozen=True, eq=False)
class Steps:
    """Rates between n states as logarithms: m steps, whose parallel ones add up; none from a state to itself."""

    n: int
    start: Integers  # (m,)
    end: Integers  # (m,)
    log_rates: Floats  # (m,)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Order of elimination of n states, and the numbers that may then be nonzero.

    Attributes
    ----------
    position : (n,) int64
        Position of each state in the order of elimination.
    upper_start : (n + 1,) int64
        Where the states that a state leads to begin in `upper`.
    upper : (u,) int64
        Later states that each state, by position, leads to after elimination of the earlier ones.
    lower_start : (n + 1,) int64
        The same for `lower`.
    lower : (u,) int64
        Earlier states that each state, by position, leads to, ascending.
    """

    position: Integers
    upper_start: Integers
    upper: Integers
    lower_start: Integers
    lower: Integers


def pattern_of(steps: Steps, last: int | None = None) -> Pattern:
    """Order of elimination (minimum degree, by SuperLU; `last` goes last) and its fill-in pattern."""
    n = steps.n
    ones = np.ones(steps.start.size)
    joined = csr_array((ones, (steps.start, steps.end)), shape=(n, n))
    joined = csr_array(joined + joined.T)
    joined.data[:] = 1.0
    position = _minimum_degree(joined, n)
    if last is not None:
        position[position > position[last]] -= 1
        position[last] = n - 1
    rows, columns = joined.nonzero()
    ordered = csr_array((np.ones(rows.size), (position[rows], position[columns])), shape=(n, n))
    upper_start, upper = _dense_end(*_fill(ordered.indptr.astype(np.int64), ordered.indices.astype(np.int64)))
    transposed = csc_array(csr_array((np.ones(upper.size), upper, upper_start), shape=(n, n)))
    transposed.sort_indices()
    return Pattern(
        position, upper_start, upper, transposed.indptr.astype(np.int64), transposed.indices.astype(np.int64)
    )


def _dense_end(start: Integers, later: Integers) -> tuple[Integers, Integers]:
    """The same pattern, made full from where it is half full, because contiguous numbers are faster."""
    n = start.size - 1
    rest = np.arange(n, 0, -1)
    half_full = later.size - start[:-1] >= DENSE_SHARE * rest * (rest - 1) / 2
    first = int(np.argmax(half_full))
    size = n - first
    full = np.broadcast_to(np.arange(first, n), (size, size))[np.triu_indices(size, 1)]
    ends = start[first] + np.cumsum(np.arange(size - 1, -1, -1))
    return np.concatenate([start[: first + 1], ends]), np.concatenate([later[: start[first]], full])


def _minimum_degree(joined: csr_array, n: int) -> Integers:
    """Position of each of n states in an order of minimum degree."""
    degrees = np.asarray(joined.sum(axis=1)).ravel()
    dominant = csc_array(diags_array(degrees + 1.0) - joined)  # any numbers work; these need no pivots
    options = {"SymmetricMode": True, "Equil": False}
    factored = splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    return factored.perm_c.astype(np.int64) if n > 1 else np.zeros(n, np.int64)


@njit(cache=True)
def _fill(pointer, indices):
    """Pattern of the later states of each state, ascending; `indices` of a symmetric pattern without a diagonal."""
    n = pointer.size - 1
    mark, first_child, sibling = np.full(n, -1), np.full(n, -1), np.full(n, -1)
    start = np.zeros(n + 1, np.int64)
    found = np.empty(max(4 * indices.size, 16), np.int64)
    size = 0
    for k in range(n):
        if size + n > found.size:
            longer = np.empty(2 * found.size + n, np.int64)
            for p in range(size):
                longer[p] = found[p]
            found = longer
        mark[k] = k
        for p in range(pointer[k], pointer[k + 1]):
            j = indices[p]
            if j > k and mark[j] != k:
                mark[j] = k
                found[size] = j
                size += 1
        child = first_child[k]
        while child >= 0:
            for p in range(start[child], start[child + 1]):
                j = found[p]
                if mark[j] != k:
                    mark[j] = k
                    found[size] = j
                    size += 1
            child = sibling[child]
        found[start[k] : size].sort()
        start[k + 1] = size
        if size > start[k]:
            parent = found[start[k]]
            sibling[k] = first_child[parent]
            first_child[parent] = k
    return start, found[:size].copy()
