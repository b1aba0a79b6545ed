"""Whether the symmetries that a torch module declares are those that it has."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from landscape.losses._modules import FlatModule, untouched_random_numbers
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]
Element = tuple[NDArray[np.int64], Array]  # permutation and signs of the units of a group
ROWS = 6  # on which outputs are compared
TOLERANCE = 1e-9  # of outputs, relative
SPREAD = 0.5  # standard deviation of the point around the module's own parameters: no two units may be alike


def check_declared(flat: FlatModule, spec: PermutationSpec, inputs: Array) -> None:
    """Raise a ValueError unless permuting, and flipping, the units of each declared group leaves the outputs unchanged.

    Names the axis whose declaration is wrong, if the outputs do not change once it is corrected.
    """
    rng = np.random.default_rng(0)
    rows = flat.tensor(inputs[:ROWS])
    theta = flat.point() + SPREAD * rng.standard_normal(flat.n_parameters)

    def changes(tried: PermutationSpec, group: str, elements: list[Element]) -> float:
        largest = 0.0
        for element in elements:
            image = tried.transform(theta, tried.one_group(group, element))
            with untouched_random_numbers(), torch.no_grad():
                before, after = (flat(flat.tensor(point), rows) for point in (theta, image))
            change = float((after - before).abs().max() / (before.abs().max() + 1e-30))
            largest = max(largest, change if np.isfinite(change) else np.inf)
        return largest

    for group, n in spec.sizes.items():
        if n > 1:
            _check(spec, group, "permuted", partial(changes, group=group, elements=_permutations(n)))
        if spec.is_signed(group):
            flip = np.arange(n), np.where(np.arange(n) == 0, -1.0, 1.0)
            _check(spec, group, "flipped in sign", partial(changes, group=group, elements=[flip]))


def _permutations(n: int) -> list[Element]:
    """All permutations of n units are products of these: of shifts alone, some networks (rings) are symmetric."""
    shifted, exchanged = np.roll(np.arange(n), 1), np.array([1, 0, *range(2, n)])
    return [(order, np.ones(n)) for order in ([shifted, exchanged] if n > 2 else [shifted])]


def _check(spec: PermutationSpec, group: str, what: str, change: Callable[[PermutationSpec], float]) -> None:
    found = change(spec)
    if found <= TOLERANCE:
        return
    for corrected, how in _corrections(spec, group):
        if change(corrected) <= TOLERANCE:
            msg = f"axes_to_perm is wrong about the group {group!r}: {how}"
            raise ValueError(msg)
    axes = [f"axis {axis} of {list(spec.shapes)[at]}" for at, axis in spec.places[group]]
    wrong = "axes_to_perm" if what == "permuted" else "sign_flips"
    msg = (
        f"{wrong} is wrong about the group {group!r}: its units cannot be {what} along {', '.join(axes)}, the outputs "
        f"change by {found:.2g} of their size"
    )
    raise ValueError(msg)


def _corrections(spec: PermutationSpec, group: str) -> Iterator[tuple[PermutationSpec, str]]:
    """Declarations that differ along one axis, and what was wrong."""
    n = spec.sizes[group]
    for name, shape in spec.shapes.items():
        for axis, length in enumerate(shape):
            declared = spec.axes_of(name)
            other = None if declared[axis] == group else group
            if length % n or (other is None and sum(axes.count(group) for axes in spec.all_axes) == 1):
                continue
            axes = {**spec.axes_to_perm, name: (*declared[:axis], other, *declared[axis + 1 :])}
            said = "it must not be declared" if other is None else "it also acts"
            try:
                corrected = PermutationSpec(spec.shapes, axes, [s for s in spec.sign_flips if s == group])
            except ValueError:
                continue
            if corrected.sizes.get(group) == n:
                yield corrected, f"{said} along axis {axis} of {name}"
