"""Symmetries of a tanh network: permutations of the units of a hidden layer and their sign flips.

Every function takes the network first; `None` stands for a loss without known symmetries. An image
of theta is `transform(network, theta, elements)` with one `(permutation, signs)` per hidden layer:
new unit i is signs[i] times old unit permutation[i].
"""

from collections.abc import Iterator
from itertools import pairwise, product
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import _alignment
from landscape._alignment import align, random_element
from landscape._alignment import is_exact as is_exact
from landscape._alignment import transform as transform
from landscape._chains import Element, group_size
from landscape.networks import MLP, Layer

Array = NDArray[np.float64]

LARGEST = 1e150  # of a weight: its square, times the number of weights, is still finite


def random_image(network: MLP | None, theta: ArrayLike, rng: np.random.Generator) -> Array:
    """A uniformly drawn image (P,) of `theta` (P,)."""
    if network is None:
        return np.array(theta, dtype=np.float64)
    return transform(network, theta, random_element(network, rng))


# ---------------------------------------------------------------- canonical form


def canonical_form(network: MLP | None, theta: ArrayLike) -> Array:
    """The image of `theta` (P,) that all its images share, bit for bit.

    Layer by layer, every unit's incoming weights (kernel column, bias) get a positive first non-zero
    entry and the units are sorted by them. What that leaves open (units with equal or no incoming
    weights) is decided by the lexicographically smallest result.

    Close points need not have close canonical forms: compare points with `distance`.
    """
    theta = np.array(theta, dtype=np.float64) + 0.0  # no negative zeros
    if network is None:
        return theta
    candidates = [network.check(theta)]
    for k in range(len(network.hidden)):
        images = {
            (transform(network, candidate, _one_layer(network, k, element)) + 0.0).tobytes()
            for candidate in candidates
            for element in _canonical_elements(
                *network.unflatten(candidate)[k : k + 2], last=k == len(network.hidden) - 1
            )
        }
        candidates = [np.frombuffer(image) for image in images]
    return np.array(min(candidates, key=tuple))


def _one_layer(network: MLP, k: int, element: Element) -> list[Element]:
    """The element that acts on hidden layer k alone."""
    return [element if i == k else (np.arange(n), np.ones(n)) for i, n in enumerate(network.hidden)]


def _canonical_elements(layer: Layer, after: Layer, *, last: bool) -> list[Element]:
    """Signed permutations that sort a layer's units by their incoming weights; several where these tie.

    The outgoing weights of the last hidden layer are final, so there they break the ties.
    """
    keys = np.vstack([layer.kernel, layer.bias]).T
    if last:
        keys = np.hstack([keys, after.kernel])
    signs = _leading_signs(keys)
    factors = np.where(signs == 0.0, 1.0, signs)[:, None]
    normal, outgoing = keys * factors + 0.0, after.kernel * factors + 0.0
    order = sorted(range(len(normal)), key=lambda i: tuple(normal[i]))
    live = (after.kernel != 0.0).any(axis=1)
    sign_choices = [(1.0, -1.0) if sign == 0.0 and live[i] else (sign or 1.0,) for i, sign in enumerate(signs)]
    tie_orders = [list(_distinct_orders(tie, outgoing)) for tie in _ties(order, normal)]
    return [
        (np.array(permutation), np.array([chosen[i] for i in permutation]))
        for permutation in (sum(parts, ()) for parts in product(*tie_orders))
        for chosen in product(*sign_choices)
    ]


def _leading_signs(vectors: Array) -> Array:
    """Sign of the first non-zero entry of each row; 0 for a row of zeros."""
    first = (vectors != 0.0).argmax(axis=1)
    return np.sign(vectors[np.arange(len(vectors)), first])


def _ties(order: list[int], normal: Array) -> list[list[int]]:
    """Group a sorted order into runs of equal rows."""
    groups: list[list[int]] = []
    for i in order:
        if groups and (normal[groups[-1][0]] == normal[i]).all():
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


def _distinct_orders(units: list[int], outgoing: Array) -> Iterator[tuple[int, ...]]:
    """Orders of tied units, those that only exchange units with equal outgoing weights left out."""
    if not units:
        yield ()
    seen = set()
    for i in units:
        if (key := outgoing[i].tobytes()) not in seen:
            seen.add(key)
            for rest in _distinct_orders([j for j in units if j != i], outgoing):
                yield (i, *rest)


def invariants(network: MLP | None, theta: ArrayLike) -> Array:
    """Numbers that all images of `theta` (P,) share: sorted norms of incoming and of outgoing weights per layer.

    Close points have close invariants; a cheap filter before `distance`, never a proof.
    """
    theta = np.array(theta, dtype=np.float64)
    if network is None:
        return theta
    layers = network.unflatten(theta)
    parts = [layers[-1].bias]
    for layer, after in pairwise(layers):
        parts.append(np.sort(np.linalg.norm(np.vstack([layer.kernel, layer.bias]), axis=0)))
        parts.append(np.sort(np.linalg.norm(after.kernel, axis=1)))
    return np.concatenate(parts)


# ---------------------------------------------------------------- nearest image and distance


def nearest_image(network: MLP | None, theta: ArrayLike, reference: ArrayLike) -> Array:
    """The image (P,) of `theta` (P,) nearest to `reference` (P,) in the Euclidean norm.

    Exact where the layers are small (`is_exact` says for which networks): with one layer a linear
    assignment, with two or three branch and bound over the signed permutations of one of them, with more
    a dynamic program along the depth. Otherwise a local search that assigns one layer after the other
    until nothing improves, from several starts.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite.
    """
    return nearest_images(network, theta, np.asarray(reference)[None])[0]


def nearest_images(network: MLP | None, theta: ArrayLike, references: ArrayLike) -> Array:
    """The images (M, P) of `theta` (P,) nearest to each of `references` (M, P); see `nearest_image`."""
    theta, references = _checked(network, theta, references)
    if network is None or not network.hidden:
        return np.tile(theta, (len(references), 1))
    images = [transform(network, theta, elements) for elements in align(network, theta, references)]
    return np.array(images).reshape(references.shape)


def distance(network: MLP | None, a: ArrayLike, b: ArrayLike) -> float:
    """Euclidean distance of the nearest images of `a` and `b` (P,)."""
    return float(distances(network, b, np.asarray(a)[None])[0])


def distances(network: MLP | None, theta: ArrayLike, references: ArrayLike, *, cutoff: float = np.inf) -> Array:
    """Distance (M,) modulo symmetry of one point `theta` (P,) to each of `references` (M, P).

    With a `cutoff` the search for images that far away is given up, which is several times as fast: distances
    that are not below it are infinity.

    Raises
    ------
    ValueError
        If a point has the wrong shape or is not finite, or `cutoff` is not a number >= 0.
    """
    if not cutoff >= 0.0:
        msg = f"cutoff must be a distance >= 0; got {cutoff}"
        raise ValueError(msg)
    theta, references = _checked(network, theta, references)
    if network is None or not network.hidden:
        found = np.linalg.norm(references - theta, axis=1)
        return np.where(found < cutoff, found, np.inf)
    return _alignment.distances(network, theta, references, float(cutoff))


def _checked(network: MLP | None, theta: ArrayLike, references: ArrayLike) -> tuple[Array, Array]:
    """Copies of a point (P,) and of points (M, P); a ValueError says what is wrong with them."""
    theta, references = np.array(theta, dtype=np.float64), np.array(references, dtype=np.float64, order="C")
    if network is not None:
        network.check(theta)
    if references.ndim != 2 or references.shape[1:] != theta.shape:
        msg = f"theta must have shape (P,) and the references (M, P); got {theta.shape} and {references.shape}"
        raise ValueError(msg)
    largest = max(np.abs(theta).max(initial=0.0), np.abs(references).max(initial=0.0))
    if not largest < LARGEST:
        msg = f"points must be finite and below {LARGEST:g} to be compared; got an entry of magnitude {largest}"
        raise ValueError(msg)
    return theta, references


# ---------------------------------------------------------------- orbit


def group_order(network: MLP | None) -> int:
    """Number of signed permutations of the hidden units: the product of 2^n n! over the hidden layers."""
    return 1 if network is None else prod(group_size(n) for n in network.hidden)


def orbit_size(network: MLP | None, theta: ArrayLike, tolerance: float = 1e-5) -> int:
    """Number of distinct images of `theta` (P,): the order of the group over that of its stabilizer.

    Dead units (all weights below `tolerance`) and units that duplicate one another make it smaller
    than the product of 2^n n! over the hidden layers.
    """
    if network is None:
        return 1
    layers = network.unflatten(theta)
    classes = [_alike(layers[k], layers[k + 1], tolerance) for k in range(len(network.hidden))]
    inner = prod(factorial(len(c)) * (2 ** len(c) if _is_dead(layers, k, c[0], tolerance) else 1)
                 for k, layer_classes in enumerate(classes) for c in layer_classes)  # fmt: skip
    outer = _count_automorphisms(layers, classes, tolerance)
    return group_order(network) // (inner * outer)


def _unit(layers: list[Layer], k: int, i: int) -> Array:
    return np.concatenate([layers[k].kernel[:, i], layers[k].bias[i : i + 1], layers[k + 1].kernel[i]])


def _is_dead(layers: list[Layer], k: int, i: int, tolerance: float) -> bool:
    return bool(np.abs(_unit(layers, k, i)).max() <= tolerance)


def _alike(layer: Layer, after: Layer, tolerance: float) -> list[list[int]]:
    """Group a layer's units that are equal up to sign, incoming and outgoing."""
    units = np.vstack([layer.kernel, layer.bias, after.kernel.T]).T
    groups: list[list[int]] = []
    for i, unit in enumerate(units):
        for group in groups:
            other = units[group[0]]
            if min(np.abs(unit - other).max(), np.abs(unit + other).max()) <= tolerance:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _count_automorphisms(layers: list[Layer], classes: list[list[list[int]]], tolerance: float) -> int:
    """Signed permutations of the classes of alike units, over all layers at once, that change nothing."""
    reduced = _representatives(layers, classes)
    sizes = [[len(group) for group in layer] for layer in classes]
    dead = [[_is_dead(layers, k, group[0], tolerance) for group in layer] for k, layer in enumerate(classes)]

    def count(k: int, before: Element) -> int:
        moved = reduced[k].kernel[before[0]] * before[1][:, None]
        if k == len(classes):
            return int(np.abs(moved - reduced[k].kernel).max() <= tolerance)
        incoming, target = np.vstack([moved, reduced[k].bias]).T, np.vstack([reduced[k].kernel, reduced[k].bias]).T
        return sum(count(k + 1, element) for element in _matches(incoming, target, sizes[k], dead[k], tolerance))

    n_inputs = layers[0].kernel.shape[0]
    return count(0, (np.arange(n_inputs), np.ones(n_inputs)))


def _representatives(layers: list[Layer], classes: list[list[list[int]]]) -> list[Layer]:
    """The network of one unit per class of alike units."""
    keep = [np.arange(layers[0].kernel.shape[0])]
    keep += [np.array([group[0] for group in layer]) for layer in classes]
    keep.append(np.arange(len(layers[-1].bias)))
    return [
        Layer(layer.kernel[np.ix_(keep[k], keep[k + 1])], layer.bias[keep[k + 1]]) for k, layer in enumerate(layers)
    ]


def _matches(incoming: Array, target: Array, sizes: list[int], dead: list[bool], tolerance: float) -> list[Element]:
    """Elements that carry the rows of `incoming` to those of `target`; the sign of a dead class is fixed."""
    options = [
        [
            (j, sign)
            for j in range(len(incoming))
            for sign in ((1.0,) if dead[j] else (1.0, -1.0))
            if sizes[i] == sizes[j] and dead[i] == dead[j] and np.abs(sign * incoming[j] - target[i]).max() <= tolerance
        ]
        for i in range(len(target))
    ]
    return [
        (np.array([j for j, _ in choice]), np.array([sign for _, sign in choice]))
        for choice in product(*options)
        if len({j for j, _ in choice}) == len(choice)
    ]
