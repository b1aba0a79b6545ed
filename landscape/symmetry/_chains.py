"""Exact alignment by enumeration: a dynamic program along the depth of the network.

The searches of `_nearest` are much faster; this one has no limit on the depth.
"""

from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from landscape.networks import Layer
from landscape.support import njit
from landscape.symmetry._assignment import assign
from landscape.symmetry._elements import Element

Array = NDArray[np.float64]


@lru_cache(maxsize=16)
def _signed_permutations(n: int, *, signed: bool = True) -> tuple[NDArray[np.int64], Array]:
    """All (signed) permutations of n units: (G, n) permutations and signs."""
    choices = [1.0, -1.0] if signed else [1.0]
    orders, signs = np.array(list(permutations(range(n)))), np.array(list(product(choices, repeat=n)))
    return np.repeat(orders, len(signs), axis=0), np.tile(signs, (len(orders), 1))


def best_signed(overlap: Array, *, signed: bool = True) -> Element:
    """Best (signed) permutation for overlap[i, j] of unit i of the reference with unit j."""
    rows, columns = linear_sum_assignment(-np.abs(overlap) if signed else -overlap)
    if not signed:
        return columns, np.ones(len(columns))
    signs = np.where(overlap[rows, columns] < 0.0, -1.0, 1.0)
    return columns, signs


@njit(cache=True)
def _assign_scores(overlaps, signed):
    """Score of the best assignment for each of (G, n, n) overlaps, signs free if `signed`."""
    scores, columns = np.empty(overlaps.shape[0]), np.empty(overlaps.shape[1], np.int64)
    for g in range(overlaps.shape[0]):
        scores[g] = -assign(-np.abs(overlaps[g]) if signed else -overlaps[g], columns)
    return scores


def align_chain(a: list[Layer], b: list[Layer], *, signed: bool = True) -> list[Element]:
    """Maximize the overlap of b's image with a: assignment at the ends, dynamic program between."""
    n_hidden = len(a) - 1
    first_in = a[0].kernel.T @ b[0].kernel + np.outer(a[0].bias, b[0].bias)
    last_out = a[-1].kernel @ b[-1].kernel.T
    if n_hidden == 1:
        return [best_signed(first_in + last_out, signed=signed)]
    begin = 0 if n_hidden == 2 else 1  # the enumerated layers are begin ... n_hidden - 2
    groups = [_signed_permutations(len(a[k].bias), signed=signed) for k in range(begin, n_hidden - 1)]
    if begin:
        scores = _assign_scores(first_in + _outgoing_overlaps(a[1], b[1], groups[0]), signed)
        scores = scores + _bias_scores(a[1], b[1], groups[0])
    else:
        permutation, signs = groups[0]
        scores = (first_in[np.arange(len(first_in)), permutation] * signs).sum(axis=1)
    choices = []
    for k in range(begin + 1, n_hidden - 1):
        step = _pair_scores(a[k], b[k], groups[k - begin - 1], groups[k - begin]) + scores[:, None]
        choices.append(step.argmax(axis=0))
        scores = step.max(axis=0) + _bias_scores(a[k], b[k], groups[k - begin])
    last_in = np.outer(a[-2].bias, b[-2].bias) + last_out
    best = int((scores + _assign_scores(last_in + _incoming_overlaps(a[-2], b[-2], groups[-1]), signed)).argmax())
    chosen = [best]
    for choice in reversed(choices):
        chosen.insert(0, int(choice[chosen[0]]))
    middle = [(group[0][g], group[1][g]) for group, g in zip(groups, chosen, strict=True)]
    last = best_signed(last_in + _incoming_overlap(a[-2], b[-2], middle[-1]), signed=signed)
    if not begin:
        return [*middle, last]
    first = best_signed(first_in + _outgoing_overlap(a[1], b[1], middle[0]), signed=signed)
    return [first, *middle, last]


def _bias_scores(a: Layer, b: Layer, group: tuple[NDArray[np.int64], Array]) -> Array:
    """Overlap (G,) of the biases of a layer for each of its own signed permutations."""
    return (b.bias[group[0]] * group[1]) @ a.bias


def _outgoing_overlaps(a: Layer, b: Layer, group: tuple[NDArray[np.int64], Array]) -> Array:
    """(G, n_in, n_in): overlap of incoming units' outgoing weights, for each element on this layer."""
    moved = b.kernel[:, group[0]] * group[1]  # (n_in, G, n_out)
    return np.einsum("io,jgo->gij", a.kernel, moved)


def _incoming_overlaps(a: Layer, b: Layer, group: tuple[NDArray[np.int64], Array]) -> Array:
    """(G, n_out, n_out): overlap of this layer's incoming weights, for each element on the layer before."""
    moved = b.kernel[group[0]] * group[1][:, :, None]  # (G, n_in, n_out)
    return np.einsum("jo,gjp->gop", a.kernel, moved)


def _outgoing_overlap(a: Layer, b: Layer, element: Element) -> Array:
    return a.kernel @ (b.kernel[:, element[0]] * element[1]).T


def _incoming_overlap(a: Layer, b: Layer, element: Element) -> Array:
    return a.kernel.T @ (b.kernel[element[0]] * element[1][:, None])


def _pair_scores(a: Layer, b: Layer, before: tuple, after: tuple) -> Array:
    """(G_before, G_after): overlap of a kernel between two enumerated layers."""
    moved = b.kernel[before[0]] * before[1][:, :, None]  # (G, n_in, n_out)
    overlaps = np.einsum("jo,gjp->gop", a.kernel, moved).reshape(len(before[0]), -1)
    n = a.kernel.shape[1]
    selectors = np.zeros((len(after[0]), n, n))
    np.put_along_axis(selectors, after[0][:, :, None], after[1][:, :, None], axis=2)
    return overlaps @ selectors.reshape(len(selectors), -1).T
