"""Which signed permutation of the hidden units brings one parameter vector nearest to another."""

from functools import lru_cache
from itertools import pairwise, permutations, product
from math import factorial

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from landscape.networks import MLP, Layer

Array = NDArray[np.float64]
Element = tuple[NDArray[np.int64], Array]  # (permutation, signs) of one hidden layer

MAX_GROUP = 50_000  # signed permutations of one layer that are enumerated (width 6: 46080)
MAX_WIDTH = 10  # of the first and last of several layers: their assignments are scored over subsets
MAX_PAIRS = 20_000_000  # pairs of them for two neighbouring layers (width 5: 1.5e7)


def transform(network: MLP, theta: ArrayLike, elements: list[Element]) -> Array:
    """Image of `theta` (P,) under one signed permutation per hidden layer; the loss does not change."""
    layers = network.unflatten(theta)
    for k, (permutation, signs) in enumerate(elements):
        (kernel, bias), (kernel_after, bias_after) = layers[k], layers[k + 1]
        layers[k] = Layer(kernel[:, permutation] * signs, bias[permutation] * signs)
        layers[k + 1] = Layer(kernel_after[permutation] * signs[:, None], bias_after)
    return network.flatten(layers)


def random_element(network: MLP, rng: np.random.Generator) -> list[Element]:
    """One uniformly drawn signed permutation per hidden layer."""
    return [(rng.permutation(n), rng.choice([-1.0, 1.0], n)) for n in network.hidden]


def align(network: MLP, theta: Array, reference: Array) -> list[Element]:
    """The element whose image of `theta` overlaps most with `reference`; exact where `is_exact`."""
    if is_exact(network):
        return _align_exactly(network.unflatten(reference), network.unflatten(theta))
    return _align_locally(network, reference, theta)


def is_exact(network: MLP) -> bool:
    """Whether `nearest_image` is certain to find the nearest image for this network."""
    if len(network.hidden) > 1 and max(network.hidden[0], network.hidden[-1]) > MAX_WIDTH:
        return False
    groups = [group_size(n) for n in _enumerated(network.hidden)]
    pairs = [x * y for x, y in pairwise(groups)]
    return max(groups, default=0) <= MAX_GROUP and max(pairs, default=0) <= MAX_PAIRS


def _enumerated(hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Layers to enumerate: all but the first and last; of two layers the first; of one none."""
    return hidden[:1] if len(hidden) == 2 else hidden[1:-1]


def group_size(n: int) -> int:
    return 2**n * factorial(n)


@lru_cache(maxsize=16)
def signed_permutations(n: int) -> tuple[NDArray[np.int64], Array]:
    """All signed permutations of n units: (G, n) permutations and signs."""
    orders, signs = np.array(list(permutations(range(n)))), np.array(list(product([1.0, -1.0], repeat=n)))
    return np.repeat(orders, len(signs), axis=0), np.tile(signs, (len(orders), 1))


def _assign(overlap: Array) -> Element:
    """Best signed permutation for overlap[i, j] of unit i of the reference with unit j."""
    rows, columns = linear_sum_assignment(-np.abs(overlap))
    signs = np.where(overlap[rows, columns] < 0.0, -1.0, 1.0)
    return columns, signs


@njit(cache=True)
def _assign_scores(overlaps):
    """Score of the best assignment for each of (G, n, n) overlaps, by dynamic programming over subsets."""
    n_elements, n = overlaps.shape[0], overlaps.shape[1]
    scores, best = np.empty(n_elements), np.empty(1 << n)
    for g in range(n_elements):
        best[:] = -1.0
        best[0] = 0.0
        for subset in range((1 << n) - 1):
            row = 0
            for j in range(n):
                row += (subset >> j) & 1
            for j in range(n):
                if not (subset >> j) & 1:
                    score = best[subset] + abs(overlaps[g, row, j])
                    best[subset | (1 << j)] = max(best[subset | (1 << j)], score)
        scores[g] = best[-1]
    return scores


def _align_exactly(a: list[Layer], b: list[Layer]) -> list[Element]:
    """Maximise the overlap of b's image with a: assignment at the ends, dynamic program between."""
    n_hidden = len(a) - 1
    first_in = a[0].kernel.T @ b[0].kernel + np.outer(a[0].bias, b[0].bias)
    last_out = a[-1].kernel @ b[-1].kernel.T
    if n_hidden == 1:
        return [_assign(first_in + last_out)]
    begin = 0 if n_hidden == 2 else 1  # the enumerated layers are begin ... n_hidden - 2
    groups = [signed_permutations(len(a[k].bias)) for k in range(begin, n_hidden - 1)]
    if begin:
        scores = _assign_scores(first_in + _outgoing_overlaps(a[1], b[1], groups[0])) + _bias_scores(
            a[1], b[1], groups[0]
        )
    else:
        permutation, signs = groups[0]
        scores = (first_in[np.arange(len(first_in)), permutation] * signs).sum(axis=1)
    choices = []
    for k in range(begin + 1, n_hidden - 1):
        step = _pair_scores(a[k], b[k], groups[k - begin - 1], groups[k - begin]) + scores[:, None]
        choices.append(step.argmax(axis=0))
        scores = step.max(axis=0) + _bias_scores(a[k], b[k], groups[k - begin])
    last_in = np.outer(a[-2].bias, b[-2].bias) + last_out
    best = int((scores + _assign_scores(last_in + _incoming_overlaps(a[-2], b[-2], groups[-1]))).argmax())
    chosen = [best]
    for choice in reversed(choices):
        chosen.insert(0, int(choice[chosen[0]]))
    middle = [(group[0][g], group[1][g]) for group, g in zip(groups, chosen, strict=True)]
    last = _assign(last_in + _incoming_overlap(a[-2], b[-2], middle[-1]))
    if not begin:
        return [*middle, last]
    return [_assign(first_in + _outgoing_overlap(a[1], b[1], middle[0])), *middle, last]


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


def _align_locally(network: MLP, reference: Array, theta: Array, starts: int = 8) -> list[Element]:
    """Assign layer after layer until the overlap stops growing; best of several fixed starts."""
    rng = np.random.default_rng(0)  # part of the algorithm: the result depends on the points alone
    best, best_overlap = [], -np.inf
    for start in range(starts):
        elements = [(np.arange(n), np.ones(n)) for n in network.hidden] if start == 0 else random_element(network, rng)
        elements, overlap = _climb(network, reference, theta, elements)
        if overlap > best_overlap:
            best, best_overlap = elements, overlap
    return best


def _climb(network: MLP, reference: Array, theta: Array, elements: list[Element]) -> tuple[list[Element], float]:
    a = network.unflatten(reference)
    overlap = float(reference @ transform(network, theta, elements))
    while True:
        for k in range(len(elements)):
            # the image with this layer left as it is in theta
            open_elements = [*elements[:k], (np.arange(network.hidden[k]), np.ones(network.hidden[k]))]
            b = network.unflatten(transform(network, theta, open_elements + elements[k + 1 :]))
            gain = a[k].kernel.T @ b[k].kernel + np.outer(a[k].bias, b[k].bias) + a[k + 1].kernel @ b[k + 1].kernel.T
            elements[k] = _assign(gain)
        new = float(reference @ transform(network, theta, elements))
        if new <= overlap + 1e-12 * abs(overlap):
            return elements, max(new, overlap)
        overlap = new
