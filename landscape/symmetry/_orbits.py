"""The number of distinct images of a point."""

from collections.abc import Iterator
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP, Layer
from landscape.symmetry._chains import Element, group_size

Array = NDArray[np.float64]

MAX_MATCHES = 5000  # largest number of elements to try in one layer


def group_order(network: MLP | None) -> int:
    """Number of (signed) permutations of the hidden units: the product of 2^n n! over the hidden layers.

    Without the powers of two unless the activation is odd.
    """
    return 1 if network is None else prod(group_size(n, signed=network.units.odd) for n in network.hidden)


def orbit_size(network: MLP | None, theta: ArrayLike, tolerance: float = 1e-5) -> int:
    """Number of distinct images of `theta` (P,): the order of the group over that of its stabilizer.

    Dead units (all weights below `tolerance`) and units that duplicate one another make it smaller than the product of
    2^n n! over the hidden layers. Points so degenerate that more than `MAX_MATCHES` elements would have to be tried
    (13 units without inputs, 7 that differ only in their outgoing weights) get an upper bound that counts only the
    symmetries of dead and duplicate units.
    """
    if network is None:
        return 1
    layers = network.unflatten(theta)
    signed = network.units.odd
    classes = [_alike(layers[k], layers[k + 1], tolerance, signed=signed) for k in range(len(network.hidden))]
    inner = prod(factorial(len(c)) * (2 ** len(c) if signed and _is_dead(layers, k, c[0], tolerance) else 1)
                 for k, layer_classes in enumerate(classes) for c in layer_classes)  # fmt: skip
    try:
        outer = _count_automorphisms(layers, classes, tolerance, signed=signed)
    except _TooManyError:
        outer = 1
    return group_order(network) // (inner * outer)


def _unit(layers: list[Layer], k: int, i: int) -> Array:
    return np.concatenate([layers[k].kernel[:, i], layers[k].bias[i : i + 1], layers[k + 1].kernel[i]])


def _is_dead(layers: list[Layer], k: int, i: int, tolerance: float) -> bool:
    return bool(np.abs(_unit(layers, k, i)).max() <= tolerance)


def _alike(layer: Layer, after: Layer, tolerance: float, *, signed: bool) -> list[list[int]]:
    """Group a layer's units that are equal, up to sign if `signed`, incoming and outgoing."""
    units = np.vstack([layer.kernel, layer.bias, after.kernel.T]).T
    groups: list[list[int]] = []
    for i, unit in enumerate(units):
        for group in groups:
            other = units[group[0]]
            opposite = np.abs(unit + other).max() if signed else np.inf
            if min(np.abs(unit - other).max(), opposite) <= tolerance:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _count_automorphisms(layers: list[Layer], classes: list[list[list[int]]], tolerance: float, *, signed: bool) -> int:
    """Number of (signed) permutations of the classes of equal units, over all layers at once, that change nothing."""
    reduced = _representatives(layers, classes)
    kinds = [_kinds(layers, reduced, classes, k, tolerance) for k in range(len(classes))]
    tried = [0] * len(classes)

    def count(k: int, before: Element) -> int:
        moved = reduced[k].kernel[before[0]] * before[1][:, None]
        if k == len(classes):
            return int(np.abs(moved - reduced[k].kernel).max() <= tolerance)
        incoming, target = np.vstack([moved, reduced[k].bias]).T, np.vstack([reduced[k].kernel, reduced[k].bias]).T
        if k == len(classes) - 1:  # the outputs stay in place
            incoming, target = (np.hstack([part, reduced[k + 1].kernel]) for part in (incoming, target))
        total = 0
        for element in _matches(incoming, target, *kinds[k], tolerance, signed=signed):
            tried[k] += 1
            if tried[k] > MAX_MATCHES:
                raise _TooManyError
            total += count(k + 1, element)
        return total

    n_inputs = layers[0].kernel.shape[0]
    return count(0, (np.arange(n_inputs), np.ones(n_inputs)))


def _kinds(
    layers: list[Layer], reduced: list[Layer], classes: list[list[list[int]]], k: int, tolerance: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which classes of layer k may be exchanged, whatever other layers do (n, n), and which are dead (n,)."""
    sizes = np.array([len(group) for group in classes[k]])
    dead = np.array([_is_dead(layers, k, group[0], tolerance) for group in classes[k]])
    # invariant under signs and order of the next layer's units
    outgoing = np.sort(np.abs(reduced[k + 1].kernel), axis=1)
    near = np.abs(outgoing[:, None] - outgoing).max(axis=2) <= tolerance
    return near & (sizes[:, None] == sizes) & (dead[:, None] == dead), dead


class _TooManyError(Exception):
    """Too many elements to try."""


def _representatives(layers: list[Layer], classes: list[list[list[int]]]) -> list[Layer]:
    """The network with one unit per class of equal units."""
    keep = [np.arange(layers[0].kernel.shape[0])]
    keep += [np.array([group[0] for group in layer]) for layer in classes]
    keep.append(np.arange(len(layers[-1].bias)))
    return [
        Layer(layer.kernel[np.ix_(keep[k], keep[k + 1])], layer.bias[keep[k + 1]]) for k, layer in enumerate(layers)
    ]


def _matches(
    incoming: Array,
    target: Array,
    alike: NDArray[np.bool_],
    dead: NDArray[np.bool_],
    tolerance: float,
    *,
    signed: bool,
) -> Iterator[Element]:
    """Elements that carry the rows of `incoming` to those of `target`; the sign of a dead class is fixed."""
    n = len(target)
    fits = {
        sign: alike & (np.abs(target[:, None] - sign * incoming).max(axis=2) <= tolerance) & ((sign > 0.0) | ~dead)
        for sign in ((1.0, -1.0) if signed else (1.0,))
    }
    options = [[(j, sign) for sign, fit in fits.items() for j in np.flatnonzero(fit[i]).tolist()] for i in range(n)]

    def extend(chosen: tuple[tuple[int, float], ...]) -> Iterator[tuple[tuple[int, float], ...]]:
        if len(chosen) == n:
            yield chosen
            return
        taken = {j for j, _ in chosen}
        for option in options[len(chosen)]:
            if option[0] not in taken:
                yield from extend((*chosen, option))

    for choice in extend(()):
        yield np.array([j for j, _ in choice]), np.array([sign for _, sign in choice])
