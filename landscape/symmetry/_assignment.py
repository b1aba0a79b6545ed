"""Compiled linear assignment, for many small problems inside compiled searches, which cannot call SciPy's."""

import numpy as np

from landscape.support import njit


@njit(cache=True)
def assign(cost, columns):
    """Write the columns of the cheapest assignment of an (n, n) `cost` into `columns` (n,); return its cost.

    The Hungarian method with shortest augmenting paths and potentials, O(n^3): Kuhn, Naval Res. Logist. Q.
    2, 83 (1955); Jonker and Volgenant, Computing 38, 325 (1987).
    """
    n = cost.shape[0]
    row_price, column_price = np.zeros(n + 1), np.zeros(n + 1)
    row_of = np.full(n + 1, -1)  # row assigned to each column; column n is where a path begins
    before = np.empty(n, np.int64)  # column before each column on the shortest path
    gap = np.empty(n)
    reached = np.empty(n + 1, np.bool_)
    for row in range(n):
        row_of[n] = row
        gap[:], before[:] = np.inf, n
        reached[:] = False
        column = n
        while row_of[column] >= 0:
            reached[column] = True
            i, step, nearest = row_of[column], np.inf, -1
            for j in range(n):
                if not reached[j]:
                    reduced = cost[i, j] - row_price[i] - column_price[j]
                    if reduced < gap[j]:
                        gap[j] = reduced
                        before[j] = column
                    if nearest < 0 or gap[j] < step:
                        step = gap[j]
                        nearest = j
            for j in range(n + 1):
                if reached[j]:
                    row_price[row_of[j]] += step
                    column_price[j] -= step
                elif j < n:
                    gap[j] -= step
            column = nearest
        while column != n:  # exchange along the path
            row_of[column] = row_of[before[column]]
            column = before[column]
    total = 0.0
    for j in range(n):
        columns[row_of[j]] = j
        total += cost[row_of[j], j]
    return total
