"""The number of distinct images of a point."""

from collections.abc import Iterator
from math import factorial, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP, Layer
from landscape.symmetry._elements import Element, group_size
from landscape.symmetry._permutation_spec import PermutationSpec

Array = NDArray[np.float64]

MAX_MATCHES = 5000  # largest number of elements to try in one layer


def group_order(network: MLP | PermutationSpec | None) -> int:
    """Number of (signed) permutations of the hidden units: the product of 2^n n! over the hidden layers.

    Without the powers of two unless the activation is odd.
    """
    if isinstance(network, PermutationSpec):
        return prod(group_size(n, signed=network.is_signed(group)) for group, n in network.sizes.items())
    return 1 if network is None else prod(group_size(n, signed=network.units.odd) for n in network.hidden)


def orbit_size(network: MLP | PermutationSpec | None, theta: ArrayLike, tolerance: float = 1e-5) -> int:
    """Number of distinct images of `theta` (P,): the order of the group over that of its stabilizer.

    Dead units (all weights below `tolerance`) and units that duplicate one another make it smaller than the product of
    2^n n! over the hidden layers. Points so degenerate that more than `MAX_MATCHES` elements would have to be tried
    (13 units without inputs, 7 that differ only in their outgoing weights) get an upper bound that counts only the
    symmetries of dead and duplicate units.
    """
    if network is None:
        return 1
    if isinstance(network, PermutationSpec):
        return _orbit_size_of_groups(network, network.check(theta), tolerance)
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
        sign: alike
        & (np.abs(target[:, None] - sign * incoming).max(axis=2, initial=0.0) <= tolerance)
        & ((sign > 0.0) | ~dead)
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


# ---------------------------------------------------------------- declared symmetries


def _orbit_size_of_groups(spec: PermutationSpec, theta: Array, tolerance: float) -> int:
    arrays = spec.unflatten(theta)
    classes = [_alike_in_group(spec, theta, group, tolerance) for group in spec.groups]
    inner = 1
    for group, found in zip(spec.groups, classes, strict=True):
        for units in found:
            dead = spec.is_signed(group) and _keeps(spec, theta, group, (units[0], units[0], -1.0), tolerance)
            inner *= factorial(len(units)) * (2 ** len(units) if dead else 1)
    try:
        outer = _count_automorphisms_of_groups(*_one_of_each(spec, arrays, classes), classes, tolerance)
    except _TooManyError:
        outer = 1
    return group_order(spec) // (inner * outer)


def _keeps(spec: PermutationSpec, theta: Array, group: str, move: tuple[int, int, float], tolerance: float) -> bool:
    """Whether exchanging units i and j of a group, with a sign, changes nothing."""
    (i, j, sign), n = move, spec.sizes[group]
    permutation, signs = np.arange(n), np.ones(n)
    permutation[[i, j]], signs[[i, j]] = permutation[[j, i]], sign
    image = spec.transform(theta, spec.one_group(group, (permutation, signs)))
    return bool(np.abs(image - theta).max() <= tolerance)


def _alike_in_group(spec: PermutationSpec, theta: Array, group: str, tolerance: float) -> list[list[int]]:
    """Units of a group that can be exchanged alone, up to sign if it may flip."""
    sorted_weights = np.sort(np.abs(np.hstack(spec.weights(spec.unflatten(theta), group))), axis=1)
    groups: list[list[int]] = []
    for i, weights in enumerate(sorted_weights):
        for units in groups:
            near = np.abs(weights - sorted_weights[units[0]]).max() <= tolerance
            signs = (1.0, -1.0) if spec.is_signed(group) else (1.0,)
            if near and any(_keeps(spec, theta, group, (units[0], i, sign), tolerance) for sign in signs):
                units.append(i)
                break
        else:
            groups.append([i])
    return groups


def _one_of_each(
    spec: PermutationSpec, arrays: list[Array], classes: list[list[list[int]]]
) -> tuple[PermutationSpec, list[Array]]:
    """The parameters with one unit per class."""
    keep = {group: [units[0] for units in found] for group, found in zip(spec.groups, classes, strict=True)}
    reduced = []
    for array, axes in zip(arrays, spec.all_axes, strict=True):
        small = array
        for axis, group in enumerate(axes):
            if group is not None:
                block = array.shape[axis] // spec.sizes[group]
                index = (np.array(keep[group])[:, None] * block + np.arange(block)).ravel()
                small = np.take(small, index, axis=axis)
        reduced.append(small)
    shapes = {name: array.shape for name, array in zip(spec.shapes, reduced, strict=True)}
    return PermutationSpec(shapes, spec.axes_to_perm, spec.sign_flips), reduced


def _count_automorphisms_of_groups(
    spec: PermutationSpec, arrays: list[Array], classes: list[list[list[int]]], tolerance: float
) -> int:
    """Number of elements, over all groups at once, that permute the classes of equal units and change nothing."""
    tried, identity = [0] * len(classes), spec.identity()

    def count(k: int, moved: list[Array]) -> int:
        if k == len(classes):
            return int(all(np.abs(a - b).max() <= tolerance for a, b in zip(moved, arrays, strict=True)))
        group, total = spec.groups[k], 0
        incoming, target = (spec.weights(each, group, spec.groups[:k])[0] for each in (moved, arrays))
        outgoing = np.sort(np.abs(spec.weights(arrays, group, spec.groups[:k])[1]), axis=1)
        near = np.abs(outgoing[:, None] - outgoing).max(axis=2, initial=0.0) <= tolerance
        sizes = np.array([len(units) for units in classes[k]])
        whole = np.abs(np.hstack(spec.weights(arrays, group)))
        dead = whole.max(axis=1, initial=0.0) <= tolerance
        alike = near & (sizes[:, None] == sizes) & (dead[:, None] == dead)
        for element in _matches(incoming, target, alike, dead, tolerance, signed=spec.is_signed(group)):
            tried[k] += 1
            if tried[k] > MAX_MATCHES:
                raise _TooManyError
            total += count(k + 1, spec.moved(moved, [*identity[:k], element, *identity[k + 1 :]]))
        return total

    return count(0, arrays)
