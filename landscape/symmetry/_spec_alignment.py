"""Alignment modulo declared symmetries.

Groups that act on a common parameter are coupled. A group coupled to none is one linear assignment; two coupled
groups, or three in a row, are the branch and bound of `_nearest`: all these are exact. Others are assigned in turn,
each with all others fixed, until nothing improves (the weight matching of Git Re-Basin, arXiv 2209.04836, section 3.2),
from several starts.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from landscape.symmetry import _nearest
from landscape.symmetry._elements import Element, group_size
from landscape.symmetry._permutation_spec import PermutationSpec
from landscape.symmetry._spec_canonical import between_canonical_forms

Array = NDArray[np.float64]

MAX_GROUP = 50_000  # signed permutations of the group in the middle that are searched
MAX_WIDTH = 10  # units of each of several groups that are searched together
STARTS = 8  # of the local search


class Part(NamedTuple):
    """Groups that are coupled, directly or through others; those of an exact part stand left, core, right."""

    groups: tuple[str, ...]
    exact: bool


@lru_cache(maxsize=64)
def parts_of(spec: PermutationSpec) -> tuple[Part, ...]:
    """The groups, divided into parts that move independently."""
    links = _links(spec)
    left, parts = set(spec.groups), []
    for group in spec.groups:
        if group in left:
            together, fresh = {group}, {group}
            while fresh:
                fresh = {b for a in fresh for b in links[a]} - together
                together |= fresh
            left -= together
            parts.append(_part(spec, tuple(name for name in spec.groups if name in together), links))
    return tuple(parts)


def _links(spec: PermutationSpec) -> dict[str, set[str]]:
    """The groups to which each is coupled; itself if it acts on two axes of one parameter."""
    links: dict[str, set[str]] = {group: set() for group in spec.groups}
    for axes in spec.all_axes:
        there = [group for group in axes if group is not None]
        for k, group in enumerate(there):
            links[group] |= set(there[:k] + there[k + 1 :])
    return links


def _part(spec: PermutationSpec, groups: tuple[str, ...], links: dict[str, set[str]]) -> Part:
    if any(group in links[group] for group in groups) or len(groups) > 3 or _more_than_two_groups(spec, groups):
        return Part(groups, exact=False)
    if len(groups) == 1:
        return Part(groups, exact=True)
    if len(groups) == 2:
        core = min(groups, key=lambda group: group_size(spec.sizes[group], signed=spec.is_signed(group)))
    else:
        core = next(group for group in groups if len(links[group]) == 2)
        if any(len(links[group]) != 1 for group in groups if group != core):
            return Part(groups, exact=False)  # a triangle
    ends = [group for group in groups if group != core]
    small = group_size(spec.sizes[core], signed=spec.is_signed(core)) <= MAX_GROUP
    narrow = max(spec.sizes[group] for group in groups) <= MAX_WIDTH
    return Part((*ends[:-1], core, ends[-1]), exact=small and narrow)


def _more_than_two_groups(spec: PermutationSpec, groups: Sequence[str]) -> bool:
    """Whether one parameter is moved by three."""
    return any(sum(group in groups for group in axes) > 2 for axes in spec.all_axes)


def is_exact(spec: PermutationSpec) -> bool:
    """Whether the nearest image is certain to be found."""
    return all(part.exact for part in parts_of(spec))


def distances(spec: PermutationSpec, theta: Array, references: Array, cutoff: float) -> Array:
    """Distance (M,) of theta (P,) modulo symmetry to each of references (M, P); infinity unless below `cutoff`."""
    arrays, found = spec.unflatten(theta), np.full(len(references), np.inf)
    for m, reference in enumerate(references):
        targets = spec.unflatten(reference)
        fixed = [b - a for a, b, axes in zip(arrays, targets, spec.all_axes, strict=True) if not any(axes)]
        total = sum(float((difference**2).sum()) for difference in fixed)
        for part in parts_of(spec):
            if total >= cutoff * cutoff:
                break
            total += _align(spec, part, arrays, targets, cutoff * cutoff - total)[0]
        if total < cutoff * cutoff:
            found[m] = np.sqrt(total)
    return found


def align(spec: PermutationSpec, theta: Array, references: Array) -> list[list[Element]]:
    """For each of references (M, P) the element whose image of theta (P,) is nearest; exact where `is_exact`."""
    arrays, found = spec.unflatten(theta), []
    for reference in references:
        targets, elements = spec.unflatten(reference), dict[str, Element]()
        for part in parts_of(spec):
            elements |= zip(part.groups, _align(spec, part, arrays, targets, np.inf)[1], strict=True)
        found.append([elements[group] for group in spec.groups])
    return found


def _align(
    spec: PermutationSpec, part: Part, arrays: list[Array], targets: list[Array], limit: float
) -> tuple[float, list[Element]]:
    """Least squared distance of the parameters that a part moves, and its elements; infinity unless below `limit`."""
    if not part.exact:
        return _align_locally(spec, part, arrays, targets)
    if len(part.groups) == 1:
        cost = _move_costs(spec, part.groups[0], arrays, targets)
        moves = _assigned(cost)
        return float(cost[np.arange(len(moves)), moves].sum()), [_element(moves)]
    return _search(spec, part, arrays, targets, limit)


def _element(moves: NDArray[np.int64]) -> Element:
    return moves // 2, np.where(moves % 2, -1.0, 1.0)


def _assigned(cost: Array) -> NDArray[np.int64]:
    """The moves (n,) of the cheapest assignment by costs (n, 2 n) of moves."""
    rows, columns = linear_sum_assignment(np.minimum(cost[:, ::2], cost[:, 1::2]))
    return 2 * columns + (cost[rows, 2 * columns + 1] < cost[rows, 2 * columns])


def _pairwise(a: Array, b: Array, *, signed: bool) -> Array:
    """|a_r - b_j|^2 and |a_r + b_j|^2 of rows (n, F) as costs (n, 2 n) of moves; infinity for signs that are fixed."""
    cost = np.full((len(a), 2 * len(b)), np.inf)
    cost[:, ::2] = ((a[:, None] - b) ** 2).sum(axis=2)
    if signed:
        cost[:, 1::2] = ((a[:, None] + b) ** 2).sum(axis=2)
    return cost


def _move_costs(spec: PermutationSpec, group: str, arrays: list[Array], targets: list[Array]) -> Array:
    """Costs (n, 2 n) of the moves of a group alone."""
    own, target = spec.weights(arrays, group)[0], spec.weights(targets, group)[0]
    return _pairwise(target, own, signed=spec.is_signed(group))


def _search(
    spec: PermutationSpec, part: Part, arrays: list[Array], targets: list[Array], limit: float
) -> tuple[float, list[Element]]:
    """Branch and bound over the moves of the core."""
    *left, core, right = part.groups
    n, n_left, n_right = spec.sizes[core], spec.sizes[left[0]] if left else 0, spec.sizes[right]
    signed = any(spec.is_signed(group) for group in part.groups)
    width = 2 * max(n_left, n_right)
    own = _move_costs(spec, core, arrays, targets)
    table, added = np.full((n_left + n_right, width), np.inf), np.zeros((n, 2 * n, n_left + n_right, width))
    bound = np.minimum(own[:, ::2], own[:, 1::2])
    for first, end in [(0, group) for group in left] + [(n_left, right)]:
        rows, columns = slice(first, first + spec.sizes[end]), slice(2 * spec.sizes[end])
        table[rows, columns] = _move_costs(spec, end, arrays, targets)
        for a, b in zip(_between(spec, core, end, targets), _between(spec, core, end, arrays), strict=True):
            equal = ((a[:, None, :, None] - b[:, None]) ** 2).sum(axis=-1)  # r, j, o, i
            opposite = ((a[:, None, :, None] + b[:, None]) ** 2).sum(axis=-1)
            block = added[:, :, rows, columns]
            block[:, ::2, :, ::2] += equal
            block[:, 1::2, :, 1::2] += equal
            block[:, ::2, :, 1::2] += opposite
            block[:, 1::2, :, ::2] += opposite
            low, high = (np.sort(np.abs(x) if signed else x, axis=1) for x in (a, b))
            bound += ((low[:, None] - high) ** 2).sum(axis=(2, 3))
    moves = np.zeros(n_left + n + n_right, np.int64)
    best = _nearest._search(own, table, added, bound, n_left, float(limit), moves)
    if not best < limit:
        return np.inf, [_element(2 * np.arange(spec.sizes[group])) for group in part.groups]
    cuts = np.cumsum([spec.sizes[group] for group in part.groups])[:-1]
    return float(best), [_element(each) for each in np.split(moves, cuts)]


def _between(spec: PermutationSpec, core: str, end: str, arrays: list[Array]) -> list[Array]:
    """Weights (n_core, n_end, F) of each parameter that two groups move."""
    found = []
    for at, axes in enumerate(spec.all_axes):
        if core in axes and end in axes:
            front = np.moveaxis(arrays[at], (axes.index(core), axes.index(end)), (0, 1))
            n, m = spec.sizes[core], spec.sizes[end]
            blocks = front.reshape(n, front.shape[0] // n, m, front.shape[1] // m, -1)
            found.append(blocks.swapaxes(1, 2).reshape(n, m, -1))
    return found


# ---------------------------------------------------------------- local search


def _align_locally(
    spec: PermutationSpec, part: Part, arrays: list[Array], targets: list[Array]
) -> tuple[float, list[Element]]:
    """Assign group after group until the distance stops falling; the best of several fixed starts."""
    rng = np.random.default_rng(0)  # part of the algorithm: the result depends on the points alone
    canonical = between_canonical_forms(spec, spec.flatten(arrays), spec.flatten(targets))
    starts = [spec.identity(), canonical, _by_magnitudes(spec, arrays, targets)]
    starts += [spec.random_element(rng=rng) for _ in range(STARTS - len(starts))]
    best = min((_climb(spec, part, arrays, targets, start) for start in starts), key=lambda found: found[0])
    return best[0], [dict(zip(spec.groups, best[1], strict=True))[group] for group in part.groups]


def _by_magnitudes(spec: PermutationSpec, arrays: list[Array], targets: list[Array]) -> list[Element]:
    """Units with the same weights alone and the same magnitudes of the others: right for images of one point."""
    found = []
    for group in spec.groups:
        pairs = [spec.weights(each, group) for each in (targets, arrays)]
        (a, a_rest), (b, b_rest) = [(own, np.sort(np.abs(rest), axis=1)) for own, rest in pairs]
        cost = _pairwise(a, b, signed=spec.is_signed(group))
        cost += np.repeat(_pairwise(a_rest, b_rest, signed=False)[:, ::2], 2, axis=1)
        found.append(_element(_assigned(cost)))
    return found


def _climb(
    spec: PermutationSpec, part: Part, arrays: list[Array], targets: list[Array], elements: list[Element]
) -> tuple[float, list[Element]]:
    inside = [k for k, axes in enumerate(spec.all_axes) if any(group in part.groups for group in axes)]

    def rest(trial: Sequence[Element]) -> float:
        image = spec.moved(arrays, trial)
        return sum(float(((image[k] - targets[k]) ** 2).sum()) for k in inside)

    best = rest(elements)
    while True:
        before = best
        for k, group in enumerate(spec.groups):
            if group in part.groups:
                trial = [*elements[:k], _best_element(spec, group, k, arrays, targets, elements), *elements[k + 1 :]]
                if (found := rest(trial)) < best:
                    best, elements = found, trial
        if not best < before * (1.0 - 1e-12):
            return best, elements


def _best_element(
    spec: PermutationSpec, group: str, k: int, arrays: list[Array], targets: list[Array], elements: list[Element]
) -> Element:
    """The best element of one group with all others fixed; along a second axis of a parameter it is fixed, too."""
    n = spec.sizes[group]
    image = spec.moved(arrays, [*elements[:k], (np.arange(n), np.ones(n)), *elements[k + 1 :]])
    whole = spec.moved(arrays, elements)
    cost = np.zeros((n, 2 * n))
    for at, axis in spec.places[group]:
        own = spec.units_along(image, group, at, axis)
        if spec.all_axes[at].count(group) > 1:  # move along all other axes, but not along this one
            permutation, signs = elements[k]
            back = np.argsort(permutation)
            own = spec.units_along(whole, group, at, axis)[back] * signs[back][:, None]
        cost += _pairwise(spec.units_along(targets, group, at, axis), own, signed=spec.is_signed(group))
    return _element(_assigned(cost))
