"""The canonical form modulo declared symmetries."""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.symmetry._elements import Element
from landscape.symmetry._permutation_spec import PermutationSpec
from landscape.symmetry._sorted_units import MAX_TIES, sorting_elements

Array = NDArray[np.float64]


class _Candidate(NamedTuple):
    image: Array
    elements: dict[str, Element]


def canonical_of_groups(spec: PermutationSpec, theta: Array) -> tuple[Array, list[Element]]:
    """The canonical image of `theta` (P,) without negative zeros, and the element that leads to it.

    Group by group, first those with weights that no other group moves, as `canonical_form` does layer by layer.
    """
    arrays = spec.unflatten(theta)
    candidates, decided = [_Candidate(theta, {})], list[str]()
    for group in sorted(spec.groups, key=lambda group: not spec.weights(arrays, group)[0].any()):
        images = _sorted(spec, group, candidates, decided)
        decided.append(group)
        final = _final(spec, decided)
        smallest = min(tuple(one.image[final]) for one in images)
        candidates = [one for one in images if tuple(one.image[final]) == smallest]
    best = min(candidates, key=lambda one: tuple(one.image))
    return best.image, [best.elements[group] for group in spec.groups]


def _sorted(spec: PermutationSpec, group: str, candidates: list[_Candidate], decided: list[str]) -> list[_Candidate]:
    """The different images with the units of a group in order."""
    found: dict[bytes, _Candidate] = {}
    for image, elements in candidates:
        keys, others = spec.weights(spec.unflatten(image), group, decided)
        outgoing, most = others if others.size else keys, MAX_TIES // len(candidates)
        for element in sorting_elements(keys, outgoing, signed=spec.is_signed(group), most=most):
            moved = spec.transform(image, spec.one_group(group, element)) + 0.0
            found.setdefault(moved.tobytes(), _Candidate(moved, elements | {group: element}))
    return list(found.values())


def _final(spec: PermutationSpec, decided: list[str]) -> NDArray[np.bool_]:
    """Which parameters (P,) no other group moves."""
    known = {None, *decided}
    shapes = zip(spec.shapes.values(), spec.all_axes, strict=True)
    return np.concatenate([np.full(prod(shape), known.issuperset(axes)) for shape, axes in shapes])


def between_canonical_forms(spec: PermutationSpec, theta: Array, reference: Array) -> list[Element]:
    """The element that carries `theta` (P,) to `reference` (P,) if they are images of one point."""
    (_, own), (_, other) = (canonical_of_groups(spec, point + 0.0) for point in (theta, reference))
    found = []
    for (p, s), (q, t) in zip(own, other, strict=True):
        permutation, signs = np.empty_like(p), np.empty_like(s)
        permutation[q], signs[q] = p, s * t
        found.append((permutation, signs))
    return found
