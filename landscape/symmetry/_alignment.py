"""The signed permutation of the hidden units that brings one parameter vector nearest to another."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP, Layer
from landscape.symmetry import _nearest, _spec_alignment
from landscape.symmetry._chains import align_chain, best_signed
from landscape.symmetry._elements import Element, group_size
from landscape.symmetry._permutation_spec import PermutationSpec

Array = NDArray[np.float64]

MAX_GROUP = 50_000  # signed permutations of one layer that are enumerated (width 6: 46080)
MAX_WIDTH = 10  # of the first and last of several layers
MAX_PAIRS = 20_000_000  # pairs of them for two neighboring layers (width 5: 1.5e7)


def transform(network: MLP | PermutationSpec, theta: ArrayLike, elements: list[Element]) -> Array:
    """Image of `theta` (P,) under one signed permutation per hidden layer or group; the loss does not change."""
    if isinstance(network, PermutationSpec):
        return network.transform(theta, elements)
    layers = network.unflatten(theta)
    for k, (permutation, signs) in enumerate(elements):
        (kernel, bias), (kernel_after, bias_after) = layers[k], layers[k + 1]
        layers[k] = Layer(kernel[:, permutation] * signs, bias[permutation] * signs)
        layers[k + 1] = Layer(kernel_after[permutation] * signs[:, None], bias_after)
    return network.flatten(layers)


def random_element(network: MLP | PermutationSpec, rng: np.random.Generator) -> list[Element]:
    """One uniformly drawn permutation per hidden layer or group, with signs if the activation is odd."""
    if isinstance(network, PermutationSpec):
        return network.random_element(rng=rng)
    if not network.units.odd:
        return [(rng.permutation(n), np.ones(n)) for n in network.hidden]
    return [(rng.permutation(n), rng.choice([-1.0, 1.0], n)) for n in network.hidden]


def distances(network: MLP | PermutationSpec, theta: Array, references: Array, cutoff: float) -> Array:
    """Distance (M,) of theta (P,) modulo symmetry to each of references (M, P); infinity unless below `cutoff`."""
    if isinstance(network, PermutationSpec):
        return _spec_alignment.distances(network, theta, references, cutoff)
    if _is_compiled(network):
        return _search(network, theta, references, cutoff)[0]
    images = np.array([transform(network, theta, element) for element in align(network, theta, references)])
    found = np.linalg.norm(images.reshape(references.shape) - references, axis=1)
    return np.where(found < cutoff, found, np.inf)


def align(network: MLP | PermutationSpec, theta: Array, references: Array) -> list[list[Element]]:
    """For each of references (M, P) the element whose image of theta (P,) is nearest; exact where `is_exact`."""
    if isinstance(network, PermutationSpec):
        return _spec_alignment.align(network, theta, references)
    if _is_compiled(network):
        cuts = np.cumsum(network.hidden)[:-1]
        moves = _search(network, theta, references, np.inf)[1]
        return [[(q // 2, 1.0 - 2.0 * (q % 2)) for q in np.split(row, cuts)] for row in moves]
    if _is_small(network):
        b, signed = network.unflatten(theta), network.units.odd
        return [align_chain(network.unflatten(reference), b, signed=signed) for reference in references]
    return [_align_locally(network, reference, theta) for reference in references]


def _is_compiled(network: MLP) -> bool:
    return 1 <= len(network.hidden) <= 3 and _is_small(network)


def _search(network: MLP, theta: Array, references: Array, cutoff: float) -> tuple[Array, NDArray[np.int64]]:
    moves = np.empty((len(references), sum(network.hidden)), np.int64)
    sizes, signed = np.array(network.layer_sizes), network.units.odd
    return _nearest.nearest(theta, references, sizes, cutoff, moves, signed), moves


def is_exact(network: MLP | PermutationSpec | None) -> bool:
    """Whether `nearest_image` is certain to find the nearest image for this network.

    Not if its units can also be changed continuously without a change of the outputs (relu, linear): only permutations
    and signs are searched. Of declared symmetries, if no more than two groups are coupled by common parameters, or
    three in a row, small ones. Certain without known symmetries (None).
    """
    if network is None:
        return True
    if isinstance(network, PermutationSpec):
        return _spec_alignment.is_exact(network)
    return _is_small(network) and not (network.hidden and network.units.continuous_symmetry)


def _is_small(network: MLP) -> bool:
    """Whether all permutations and signs can be searched."""
    if len(network.hidden) > 1 and max(network.hidden[0], network.hidden[-1]) > MAX_WIDTH:
        return False
    groups = [group_size(n, signed=network.units.odd) for n in _enumerated(network.hidden)]
    pairs = [x * y for x, y in pairwise(groups)]
    return max(groups, default=0) <= MAX_GROUP and max(pairs, default=0) <= MAX_PAIRS


def _enumerated(hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Layers to enumerate: all but the first and last; the first of two; none of one."""
    return hidden[:1] if len(hidden) == 2 else hidden[1:-1]


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
            # the image with this layer as in theta
            open_elements = [*elements[:k], (np.arange(network.hidden[k]), np.ones(network.hidden[k]))]
            b = network.unflatten(transform(network, theta, open_elements + elements[k + 1 :]))
            gain = a[k].kernel.T @ b[k].kernel + np.outer(a[k].bias, b[k].bias) + a[k + 1].kernel @ b[k + 1].kernel.T
            elements[k] = best_signed(gain, signed=network.units.odd)
        new = float(reference @ transform(network, theta, elements))
        if new <= overlap + 1e-12 * abs(overlap):
            return elements, max(new, overlap)
        overlap = new
