"""Kernels of the elimination: factors of a chain and solutions with them, in plain numbers and in logarithms.

States are numbered by their position in the order of elimination; `upper_start`, `upper`, `lower_start` and `lower` are
those of `Pattern`. Rows are eliminated one by one ("up-looking").
"""

import numpy as np

from landscape.support import njit


@njit(error_model="numpy", cache=True)
def factor(pointer, indices, values, exits, upper_start, upper, lower_start, lower):
    n, n_exits = exits.shape
    u, low = np.empty(upper.size, values.dtype), np.empty(lower.size, values.dtype)
    total, leave, row = np.zeros(n, values.dtype), exits.copy(), np.zeros(n, values.dtype)
    smallest = 1.0
    for k in range(n):
        for p in range(pointer[k], pointer[k + 1]):
            row[indices[p]] += values[p]
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            low[p], row[m] = row[m], 0.0
            if low[p] != 0.0:
                smallest = min(smallest, abs(low[p]))
                for c in range(n_exits):
                    leave[k, c] += low[p] * leave[m, c]
                if upper_start[m + 1] - upper_start[m] == n - 1 - m:
                    _add_multiple(row[m + 1 :], low[p], u[upper_start[m] : upper_start[m + 1]])
                else:
                    for q in range(upper_start[m], upper_start[m + 1]):
                        row[upper[q]] += low[p] * u[q]
        row[k] = 0.0  # a return is not an exit
        for q in range(upper_start[k], upper_start[k + 1]):
            u[q], row[upper[q]] = row[upper[q]], 0.0
        total[k] = leave[k].sum() + u[upper_start[k] : upper_start[k + 1]].sum()
        smallest = min(smallest, _normalize(u[upper_start[k] : upper_start[k + 1]], total[k]))
        smallest = min(smallest, _normalize(leave[k], total[k]))
    return u, low, total, leave, smallest


@njit(error_model="numpy", cache=True)
def _add_multiple(values, factor, others):
    """Add a multiple of other numbers; a loop, because an array expression compiles for seconds."""
    for i in range(others.size):
        values[i] += factor * others[i]


@njit(cache=True)
def _normalize(values, total):
    """Divide numbers by their total; return the smallest nonzero magnitude."""
    smallest = 1.0
    for k in range(values.size):
        if values[k] != 0.0:
            values[k] /= total
            smallest = min(smallest, abs(values[k]))
    return smallest


@njit(cache=True)
def _add(a, b):
    """Logarithm of the sum of two numbers given by their logarithms."""
    high, gap = (a, b - a) if a > b else (b, a - b)
    if not gap > -40.0:  # also of two zeros
        return high
    return high + np.log1p(np.exp(gap))


@njit(cache=True)
def factor_logarithms(pointer, indices, values, exits, upper_start, upper, lower_start, lower):
    """The same as `factor`, of logarithms."""
    n, n_exits = exits.shape
    u, low = np.empty(upper.size), np.empty(lower.size)
    total, leave, row = np.full(n, -np.inf), exits.copy(), np.full(n, -np.inf)
    for k in range(n):
        for p in range(pointer[k], pointer[k + 1]):
            row[indices[p]] = _add(row[indices[p]], values[p])
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            low[p], row[m] = row[m], -np.inf
            if low[p] > -np.inf:
                for c in range(n_exits):
                    leave[k, c] = _add(leave[k, c], low[p] + leave[m, c])
                for q in range(upper_start[m], upper_start[m + 1]):
                    row[upper[q]] = _add(row[upper[q]], low[p] + u[q])
        row[k] = -np.inf
        for q in range(upper_start[k], upper_start[k + 1]):
            u[q], row[upper[q]] = row[upper[q]], -np.inf
        total[k] = _add(_sum(leave[k]), _sum(u[upper_start[k] : upper_start[k + 1]]))
        if total[k] > -np.inf:
            for q in range(upper_start[k], upper_start[k + 1]):
                u[q] -= total[k]
            for c in range(n_exits):
                leave[k, c] -= total[k]
    return u, low, total, leave


@njit(cache=True)
def _sum(logarithms):
    total = -np.inf
    for value in logarithms:
        total = _add(total, value)
    return total


@njit(error_model="numpy", cache=True)
def solve(right, low, u, total, upper_start, upper, lower_start, lower):
    x = right.copy()
    for k in range(x.size):
        for p in range(lower_start[k], lower_start[k + 1]):
            x[k] += low[p] * x[lower[p]]
        x[k] /= total[k]
    return back(x, u, upper_start, upper)


@njit(cache=True)
def back(x, u, upper_start, upper):
    for k in range(x.size - 1, -1, -1):
        for q in range(upper_start[k], upper_start[k + 1]):
            x[k] += u[q] * x[upper[q]]
    return x


@njit(cache=True)
def solve_logarithms(right, low, u, total, upper_start, upper, lower_start, lower):
    x = right.copy()
    for k in range(x.size):
        for p in range(lower_start[k], lower_start[k + 1]):
            x[k] = _add(x[k], low[p] + x[lower[p]])
        x[k] -= total[k]
    return back_logarithms(x, u, upper_start, upper)


@njit(cache=True)
def back_logarithms(x, u, upper_start, upper):
    for k in range(x.size - 1, -1, -1):
        for q in range(upper_start[k], upper_start[k + 1]):
            x[k] = _add(x[k], u[q] + x[upper[q]])
    return x


@njit(cache=True)
def stationary_logarithms(low, total, lower_start, lower):
    n = total.size
    x = np.full(n, -np.inf)
    x[n - 1] = 0.0
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            x[k] -= total[k]
        for p in range(lower_start[k], lower_start[k + 1]):
            x[lower[p]] = _add(x[lower[p]], low[p] + x[k])
    return x


@njit(cache=True)
def solve_transposed_in_place(x, low, u, total, upper_start, upper, lower_start, lower):
    n, columns = x.shape
    for k in range(n):
        for q in range(upper_start[k], upper_start[k + 1]):
            j = upper[q]
            for c in range(columns):
                x[j, c] += u[q] * x[k, c]
    for k in range(n - 1, -1, -1):
        for c in range(columns):
            x[k, c] /= total[k]
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            for c in range(columns):
                x[m, c] += low[p] * x[k, c]
