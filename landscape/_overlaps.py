"""Largest overlap of one parameter vector with the images of many others, compiled, for two and three hidden layers.

The same optimum as `_alignment` finds, without the image: squared distance = |a|^2 + |b|^2 - 2 overlap.
Two layers: the signed permutations of the first are searched depth first, unit by unit, and a branch is left
when an upper bound of its overlap is below the best. Three layers: those of the middle one are enumerated.
What is left are linear assignments, solved over subsets of units.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _assignment(overlap, best):
    """Largest sum of |overlap[i, p(i)]| over permutations p, by dynamic programming over subsets."""
    n = overlap.shape[0]
    full = (1 << n) - 1
    best[: full + 1] = -1.0
    best[0] = 0.0
    for subset in range(full):
        if best[subset] < 0.0:
            continue
        row = 0
        for j in range(n):
            row += (subset >> j) & 1
        for j in range(n):
            if not (subset >> j) & 1:
                score = best[subset] + abs(overlap[row, j])
                best[subset | (1 << j)] = max(best[subset | (1 << j)], score)
    return best[full]


@njit(cache=True)
def _bound(overlap, rest):
    """Upper bound of the assignment when each entry may still grow by `rest`."""
    total = 0.0
    for i in range(overlap.shape[0]):
        top = 0.0
        for j in range(overlap.shape[1]):
            top = max(top, abs(overlap[i, j]) + rest[i, j])
        total += top
    return total


@njit(cache=True)
def _search_first_layer(first, before, kernel_a, kernel_b):
    """Largest overlap over signed permutations of the first layer and, given these, of the second.

    first (n, n): overlaps of first-layer units by their incoming weights; before (m, m): of second-layer units
    by what does not depend on the first layer; kernel_a, kernel_b (n, m): the weights between.
    """
    n, m = kernel_a.shape
    scratch = np.empty(1 << m)
    rest = np.zeros((n + 1, m, m))  # how much entries may still change when units d ... n - 1 are open
    open_first = np.zeros(n + 1)
    for d in range(n - 1, -1, -1):
        open_first[d] = open_first[d + 1] + np.abs(first[d]).max()
        for o in range(m):
            for p in range(m):
                rest[d, o, p] = rest[d + 1, o, p] + abs(kernel_a[d, o]) * np.abs(kernel_b[:, p]).max()
    order = np.empty((n, n), np.int64)  # likely partners first
    for d in range(n):
        order[d] = np.argsort(-np.abs(first[d]))
    overlap = np.empty((n + 1, m, m))
    overlap[0] = before
    score = np.zeros(n + 1)
    chosen = np.full(n, -1)  # next choice of each unit: 2 * rank + (sign is the unlikely one)
    used = np.zeros(n, np.bool_)
    taken = np.full(n, -1)
    best, d = -np.inf, 0
    while d >= 0:
        if taken[d] >= 0:
            used[taken[d]] = False
            taken[d] = -1
        chosen[d] += 1
        if chosen[d] == 2 * n:
            chosen[d] = -1
            d -= 1
            continue
        i = order[d, chosen[d] // 2]
        if used[i]:
            continue
        sign = -1.0 if (first[d, i] < 0.0) != (chosen[d] % 2 == 1) else 1.0
        score[d + 1] = score[d] + sign * first[d, i]
        for o in range(m):
            for p in range(m):
                overlap[d + 1, o, p] = overlap[d, o, p] + sign * kernel_a[d, o] * kernel_b[i, p]
        if score[d + 1] + open_first[d + 1] + _bound(overlap[d + 1], rest[d + 1]) <= best:
            continue
        if d + 1 == n:
            best = max(best, score[n] + _assignment(overlap[n], scratch))
            continue
        used[i] = True
        taken[d] = i
        d += 1
    return best


@njit(cache=True)
def _layer(theta, sizes, k):
    """Kernel (n_in, n_out) and bias of layer k of a flat vector."""
    begin = 0
    for j in range(k):
        begin += (sizes[j] + 1) * sizes[j + 1]
    end = begin + sizes[k] * sizes[k + 1]
    return theta[begin:end].reshape(sizes[k], sizes[k + 1]), theta[end : end + sizes[k + 1]]


@njit(cache=True)
def _constant(a_bias, b_bias):
    return (a_bias * b_bias).sum()


@njit(cache=True)
def overlaps_of_two_layers(theta, references, sizes):
    """Largest overlaps (M,) of `theta` (P,) with the images of `references` (M, P); two hidden layers."""
    a1, a1_bias = _layer(theta, sizes, 0)
    a2, a2_bias = _layer(theta, sizes, 1)
    a3, a3_bias = _layer(theta, sizes, 2)
    result = np.empty(references.shape[0])
    for r in range(references.shape[0]):
        b1, b1_bias = _layer(references[r], sizes, 0)
        b2, b2_bias = _layer(references[r], sizes, 1)
        b3, b3_bias = _layer(references[r], sizes, 2)
        first = np.dot(a1.T, b1) + np.outer(a1_bias, b1_bias)
        before = np.dot(a3, b3.T) + np.outer(a2_bias, b2_bias)
        result[r] = _search_first_layer(first, before, a2, b2) + _constant(a3_bias, b3_bias)
    return result


@njit(cache=True)
def overlaps_of_three_layers(theta, references, sizes, permutations, signs):
    """Largest overlaps (M,) as above for three hidden layers; `permutations`, `signs` (G, n) of the middle one."""
    a1, a1_bias = _layer(theta, sizes, 0)
    a2, a2_bias = _layer(theta, sizes, 1)
    a3, a3_bias = _layer(theta, sizes, 2)
    a4, a4_bias = _layer(theta, sizes, 3)
    scratch = np.empty(1 << max(sizes[1], sizes[3]))
    n = sizes[2]
    none_first, none_last = np.zeros((sizes[1], sizes[1])), np.zeros((sizes[3], sizes[3]))
    result = np.empty(references.shape[0])
    for r in range(references.shape[0]):
        b1, b1_bias = _layer(references[r], sizes, 0)
        b2, b2_bias = _layer(references[r], sizes, 1)
        b3, b3_bias = _layer(references[r], sizes, 2)
        b4, b4_bias = _layer(references[r], sizes, 3)
        first = np.dot(a1.T, b1) + np.outer(a1_bias, b1_bias)
        last = np.dot(a4, b4.T) + np.outer(a3_bias, b3_bias)
        best = -np.inf
        left, right = np.empty_like(first), np.empty_like(last)
        for g in range(permutations.shape[0]):
            score = 0.0
            left[:] = first
            right[:] = last
            for j in range(n):
                i, sign = permutations[g, j], signs[g, j]
                score += sign * a2_bias[j] * b2_bias[i]
                for o in range(left.shape[0]):
                    for p in range(left.shape[0]):
                        left[o, p] += a2[o, j] * sign * b2[p, i]
                for o in range(right.shape[0]):
                    for p in range(right.shape[0]):
                        right[o, p] += a3[j, o] * sign * b3[i, p]
            if score + _bound(left, none_first) + _bound(right, none_last) > best:
                best = max(best, score + _assignment(left, scratch) + _assignment(right, scratch))
        result[r] = best + _constant(a4_bias, b4_bias)
    return result
