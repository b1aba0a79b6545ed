"""Units of a layer in the order of their weights."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from landscape.symmetry._elements import Element

Array = NDArray[np.float64]

MAX_TIES = 5000  # images that are compared to break ties


def sorting_elements(keys: Array, others: Array, *, signed: bool, most: int) -> Iterator[Element]:
    """(Signed) permutations that sort units by their weights; several if they tie, but one if there are over `most`.

    Parameters
    ----------
    keys : (n, F) array
        Weights whose other ends are in place.
    others : (n, G) array
        Weights to units that are not.
    signed : bool
        Whether signs may flip.
    most : int
        Largest number of permutations.
    """
    signs = _leading_signs(keys) if signed else np.ones(len(keys))
    factors = np.where(signs == 0.0, 1.0, signs)[:, None]
    outgoing = others * factors + 0.0
    # magnitudes in ascending order: invariant under signs and order of the units at the other ends
    normal = np.hstack([keys * factors + 0.0, np.sort(np.abs(others), axis=1)])
    ties = _ties(sorted(range(len(normal)), key=lambda i: tuple(normal[i])), normal)
    live = (others != 0.0).any(axis=1)
    sign_choices = [(1.0, -1.0) if sign == 0.0 and live[i] else (sign or 1.0,) for i, sign in enumerate(signs)]
    if prod(map(len, sign_choices)) * prod(_count_orders(tie, outgoing) for tie in ties) > most:
        ties, sign_choices = [[i] for tie in ties for i in tie], [choice[:1] for choice in sign_choices]
    tie_orders = [list(_distinct_orders(tie, outgoing)) for tie in ties]
    for permutation in (sum(parts, ()) for parts in product(*tie_orders)):
        for chosen in product(*sign_choices):
            yield np.array(permutation), np.array([chosen[i] for i in permutation])


def _leading_signs(vectors: Array) -> Array:
    """Sign of the first non-zero entry of each row; 0 for a row of zeros."""
    if not vectors.shape[1]:
        return np.zeros(len(vectors))
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
