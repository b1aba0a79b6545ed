"""The canonical form: one image that represents all."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, product
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP
from landscape.symmetry._alignment import transform
from landscape.symmetry._chains import Element

Array = NDArray[np.float64]

MAX_TIES = 5000  # images that are compared to break ties


def canonical_form(network: MLP | None, theta: ArrayLike) -> Array:
    """The canonical image of `theta` (P,): all its images give the same one, bit for bit.

    Layer by layer, every unit's incoming weights (kernel column, bias) get a positive first non-zero entry, if signs
    may be flipped, and the units are sorted by them, then by the magnitudes of their outgoing weights. The
    lexicographically smallest result decides the rest (units that are still equal, signs of units without inputs).

    Close points need not have close canonical forms: compare points with `distance`. Where more than `MAX_TIES` images
    would have to be compared (13 units of one layer without inputs, 7 with equal ones and outgoing weights of the same
    magnitudes), the ties of that layer keep their order in `theta`: the result is still an image, and its own
    canonical form, but another image may have a different one.
    """
    theta = np.array(theta, dtype=np.float64) + 0.0  # no negative zeros
    if network is None:
        return theta
    candidates, end = [network.check(theta)], 0
    for k, (n_in, n_out) in enumerate(pairwise(network.layer_sizes[:-1])):
        end += (n_in + 1) * n_out  # all parameters before it are final after this layer
        found: dict[bytes, Array] = {}
        for candidate in candidates:
            for element in _canonical_elements(network, candidate, k, MAX_TIES // len(candidates)):
                image = transform(network, candidate, _one_layer(network, k, element)) + 0.0
                found[image.tobytes()] = image
        smallest = min(tuple(image[:end]) for image in found.values())
        candidates = [image for image in found.values() if tuple(image[:end]) == smallest]
    return min(candidates, key=tuple)


def _one_layer(network: MLP, k: int, element: Element) -> list[Element]:
    """The element that acts on hidden layer k alone."""
    return [element if i == k else (np.arange(n), np.ones(n)) for i, n in enumerate(network.hidden)]


def _canonical_elements(network: MLP, theta: Array, k: int, most: int) -> Iterator[Element]:
    """Signed permutations that sort a hidden layer's units; several if they tie, but one if there are over `most`.

    The outgoing weights of the last hidden layer are final, so they break the ties there.
    """
    layer, after = network.unflatten(theta)[k : k + 2]
    keys = np.vstack([layer.kernel, layer.bias]).T
    if k == len(network.hidden) - 1:
        keys = np.hstack([keys, after.kernel])
    signs = _leading_signs(keys) if network.units.odd else np.ones(len(keys))
    factors = np.where(signs == 0.0, 1.0, signs)[:, None]
    outgoing = after.kernel * factors + 0.0
    # magnitudes in ascending order: invariant under signs and order of the next layer's units
    normal = np.hstack([keys * factors + 0.0, np.sort(np.abs(after.kernel), axis=1)])
    ties = _ties(sorted(range(len(normal)), key=lambda i: tuple(normal[i])), normal)
    live = (after.kernel != 0.0).any(axis=1)
    sign_choices = [(1.0, -1.0) if sign == 0.0 and live[i] else (sign or 1.0,) for i, sign in enumerate(signs)]
    if prod(map(len, sign_choices)) * prod(_count_orders(tie, outgoing) for tie in ties) > most:
        ties, sign_choices = [[i] for tie in ties for i in tie], [choice[:1] for choice in sign_choices]
    tie_orders = [list(_distinct_orders(tie, outgoing)) for tie in ties]
    for permutation in (sum(parts, ()) for parts in product(*tie_orders)):
        for chosen in product(*sign_choices):
            yield np.array(permutation), np.array([chosen[i] for i in permutation])


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


def _count_orders(units: list[int], outgoing: Array) -> int:
    """Number of `_distinct_orders`."""
    copies = Counter(outgoing[i].tobytes() for i in units)
    return factorial(len(units)) // prod(map(factorial, copies.values()))


def _distinct_orders(units: list[int], outgoing: Array) -> Iterator[tuple[int, ...]]:
    """Orders of tied units, without those that only exchange units with equal outgoing weights."""
    if not units:
        yield ()
    seen = set()
    for i in units:
        if (key := outgoing[i].tobytes()) not in seen:
            seen.add(key)
            for rest in _distinct_orders([j for j in units if j != i], outgoing):
                yield (i, *rest)
