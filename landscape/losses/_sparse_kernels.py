"""The compiled products of `SparseRows`: rows as values, columns and starts, matrices in groups of eight columns.

Sums over rows go on within one call: calls have blocks of rows, so that rounding is that of `_rounding`.
"""

import numpy as np

from landscape.losses._lanes import add_row, set_row
from landscape.support import njit


@njit(cache=True, error_model="numpy")
def times(values, columns, starts, groups):
    """Rows times a matrix in groups, (groups, N, 8)."""
    n_rows = starts.shape[0] - 1
    result = np.empty((groups.shape[0], n_rows, 8))
    for g in range(groups.shape[0]):
        product, matrix = result[g], groups[g]
        for r in range(n_rows):
            set_row(product, r, values, columns, starts[r], starts[r + 1], matrix)  # pyright: ignore[reportCallIssue]
    return result


@njit(cache=True, error_model="numpy")
def transposed_times(values, columns, starts, groups, width):
    """The transposed rows times a matrix in groups, (groups, width, 8)."""
    n_rows = starts.shape[0] - 1
    result = np.zeros((groups.shape[0], width, 8))
    for g in range(groups.shape[0]):
        total, matrix = result[g], groups[g]
        for r in range(n_rows):
            for e in range(starts[r], starts[r + 1]):
                add_row(total, columns[e], np.float64(values[e]), matrix, r)  # pyright: ignore[reportCallIssue]
    return result


@njit(forceinline=True, error_model="numpy")
def _by_column(columns, starts, width):
    """Where each column begins among all numbers sorted by column, and the place and the row of each of these."""
    n_rows = starts.shape[0] - 1
    first = np.zeros(width + 1, np.int64)
    for e in range(starts[0], starts[n_rows]):
        first[columns[e] + 1] += 1
    for c in range(width):
        first[c + 1] += first[c]
    place, row, end = np.empty(first[width], np.int64), np.empty(first[width], np.int64), first.copy()
    for r in range(n_rows):
        for e in range(starts[r], starts[r + 1]):
            k = end[columns[e]]
            place[k], row[k] = e, r
            end[columns[e]] = k + 1
    return first, place, row


@njit(cache=True, error_model="numpy")
def add_grams(values, columns, starts, weights, grams):
    """Add to `grams` (groups, width, width, 8), on and above the diagonal; `weights` (groups, N, 8).

    All rows that have a number in a column are taken together, so that their sums stay in the cache.
    """
    width = grams.shape[1]
    first, place, row = _by_column(columns, starts, width)
    sums, scaled = np.zeros((width, 8)), np.empty((1, 8))
    for g in range(grams.shape[0]):
        for column in range(width):
            if first[column] == first[column + 1]:
                continue
            sums[column:] = 0.0
            for k in range(first[column], first[column + 1]):
                x, r = np.float64(values[place[k]]), row[k]
                for lane in range(8):
                    scaled[0, lane] = x * weights[g, r, lane]
                for e in range(place[k], starts[r + 1]):
                    add_row(sums, columns[e], np.float64(values[e]), scaled, 0)  # pyright: ignore[reportCallIssue]
            grams[g, column, column:] += sums[column:]


@njit(cache=True, error_model="numpy")
def place_grams(grams, scale, units, hessian):
    """Add the Gram matrix of each pair of units, times `scale`, to the first block of a Hessian."""
    width = grams.shape[1]
    for a in range(width):
        for i in range(units):
            for b in range(width):
                low, high = min(a, b), max(a, b)
                for j in range(units):
                    first, second = min(i, j), max(i, j)
                    pair = first * units - first * (first - 1) // 2 + second - first
                    hessian[a * units + i, b * units + j] += scale * grams[pair // 8, low, high, pair % 8]
