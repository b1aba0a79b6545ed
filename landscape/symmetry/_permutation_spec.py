"""Declared symmetries: which axes of which parameters permute together, as the permutation specs of Git Re-Basin say.

Ainsworth, Hayase and Srinivasa, arXiv 2209.04836: a *group* is a set of units that may be permuted, for instance those
of a hidden layer, and `axes_to_perm` names for every axis of every parameter the group that moves along it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.symmetry._elements import Element

Array = NDArray[np.float64]
Axes = tuple[str | None, ...]


@dataclass(frozen=True)
class PermutationSpec:
    """Groups of units of any network, and the parameters along whose axes each of them acts.

    Parameters
    ----------
    shapes : mapping
        Shape of every parameter, in the order in which they make up theta (P,).
    axes_to_perm : mapping
        For parameters, a group or None for every axis; parameters that are not named have none. The units of a group
        with n members are n equal consecutive parts of each of its axes, the shortest of which has length n: the
        columns of a layer behind ``Flatten`` are in blocks of one channel.
    sign_flips : sequence of str
        Groups whose units may also change sign, all weights along all their axes at once: those with an odd activation.

    Raises
    ------
    ValueError
        If a parameter or group does not exist, or the lengths of the axes of a group do not fit.
    """

    shapes: Mapping[str, tuple[int, ...]]
    axes_to_perm: Mapping[str, Axes]
    sign_flips: Sequence[str] = ()
    sizes: Mapping[str, int] = field(init=False, repr=False, compare=False)  # number of units of each group

    def __post_init__(self) -> None:
        shapes = {str(name): tuple(int(n) for n in shape) for name, shape in self.shapes.items()}
        axes = {str(name): _axes(name, value) for name, value in self.axes_to_perm.items()}
        for name, groups in axes.items():
            if name not in shapes:
                msg = f"axes_to_perm must name parameters ({', '.join(shapes)}); got {name!r}"
                raise ValueError(msg)
            if len(groups) != len(shapes[name]):
                msg = f"axes_to_perm must have an entry for each of the axes of {name}, {shapes[name]}; got {groups}"
                raise ValueError(msg)
        sizes = _sizes(shapes, axes)
        flips = (self.sign_flips,) if isinstance(self.sign_flips, str) else tuple(self.sign_flips)
        if unknown := [name for name in flips if name not in sizes]:
            msg = f"sign_flips must be groups of axes_to_perm ({', '.join(sizes)}); got {unknown[0]!r}"
            raise ValueError(msg)
        own = {"shapes": shapes, "axes_to_perm": axes, "sign_flips": tuple(sorted(set(flips))), "sizes": sizes}
        for name, value in own.items():
            object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash((tuple(self.shapes.items()), tuple(self.axes_to_perm.items()), self.sign_flips))

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """The spec that `to_json` described."""
        return cls(described["shapes"], described["axes_to_perm"], described["sign_flips"])

    def to_json(self) -> dict[str, Any]:
        """The three arguments as JSON holds them."""
        return {
            "shapes": {name: list(shape) for name, shape in self.shapes.items()},
            "axes_to_perm": {name: list(axes) for name, axes in self.axes_to_perm.items()},
            "sign_flips": list(self.sign_flips),
        }

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in the order of their first axis."""
        return tuple(self.sizes)

    @property
    def hidden(self) -> tuple[int, ...]:
        """Number of units of each group."""
        return tuple(self.sizes.values())

    @cached_property
    def n_parameters(self) -> int:
        """Length P of theta."""
        return sum(map(prod, self.shapes.values()))

    @cached_property
    def places(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """For each group its axes, as (position of the parameter, axis)."""
        found: dict[str, list[tuple[int, int]]] = {group: [] for group in self.sizes}
        for at, name in enumerate(self.shapes):
            for axis, group in enumerate(self.axes_of(name)):
                if group is not None:
                    found[group].append((at, axis))
        return {group: tuple(axes) for group, axes in found.items()}

    def axes_of(self, name: str) -> Axes:
        """The group of every axis of a parameter."""
        return self.axes_to_perm.get(name, (None,) * len(self.shapes[name]))

    @cached_property
    def all_axes(self) -> tuple[Axes, ...]:
        """The same for all parameters in order."""
        return tuple(map(self.axes_of, self.shapes))

    def is_signed(self, group: str) -> bool:
        """Whether units of a group may change sign."""
        return group in self.sign_flips

    def unflatten(self, theta: ArrayLike) -> list[Array]:
        """Views of `theta` (P,) as one array per parameter; ValueError for another shape."""
        theta = self.check(theta)
        cuts = np.cumsum([prod(shape) for shape in self.shapes.values()])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(theta, cuts), self.shapes.values(), strict=True)]

    def flatten(self, arrays: Iterable[Array]) -> Array:
        """The flat vector (P,) of one array per parameter; inverse of `unflatten`."""
        return np.concatenate([array.ravel() for array in arrays])

    def check(self, theta: ArrayLike) -> Array:
        """`theta` as a contiguous float64 array of shape (P,), or a ValueError that says what it was."""
        theta = np.array(theta, dtype=np.float64, order="C")
        if theta.shape != (self.n_parameters,):
            msg = f"theta must have shape ({self.n_parameters},) for these parameters; got {theta.shape}"
            raise ValueError(msg)
        return theta

    # ------------------------------------------------------------ elements: one (permutation, signs) per group

    def identity(self) -> list[Element]:
        """The element that changes nothing."""
        return [(np.arange(n), np.ones(n)) for n in self.hidden]

    def random_element(self, *, rng: np.random.Generator) -> list[Element]:
        """One uniformly drawn permutation per group, with signs where they may flip."""
        return [
            (rng.permutation(n), rng.choice([-1.0, 1.0], n) if self.is_signed(group) else np.ones(n))
            for group, n in self.sizes.items()
        ]

    def one_group(self, group: str, element: Element) -> list[Element]:
        """The element that acts on one group alone."""
        return [element if name == group else one for name, one in zip(self.sizes, self.identity(), strict=True)]

    def transform(self, theta: ArrayLike, elements: Sequence[Element]) -> Array:
        """Image of `theta` (P,): new unit i of a group is signs[i] times old unit permutation[i]."""
        return self.flatten(self.moved(self.unflatten(theta), elements))

    def moved(self, arrays: Sequence[Array], elements: Sequence[Element]) -> list[Array]:
        """`transform` of one array per parameter."""
        by_name = dict(zip(self.sizes, elements, strict=True))
        return [self._moved(array, axes, by_name) for array, axes in zip(arrays, self.all_axes, strict=True)]

    def _moved(self, array: Array, axes: Axes, elements: Mapping[str, Element]) -> Array:
        for axis, group in enumerate(axes):
            if group is not None:
                (permutation, signs), block = elements[group], array.shape[axis] // self.sizes[group]
                index = (permutation[:, None] * block + np.arange(block)).ravel()
                factors = np.repeat(signs, block).reshape(-1, *(1,) * (array.ndim - axis - 1))
                array = np.take(array, index, axis=axis) * factors
        return array

    # ------------------------------------------------------------ what belongs to the units of a group

    def units_along(self, arrays: Sequence[Array], group: str, at: int, axis: int) -> Array:
        """Weights (n, F) of each unit of a group along one axis of one parameter."""
        front = np.moveaxis(arrays[at], axis, 0)
        return front.reshape(self.sizes[group], -1)

    def weights(self, arrays: Sequence[Array], group: str, decided: Iterable[str] = ()) -> tuple[Array, Array]:
        """Weights of the units of a group: (n, F) that only `decided` groups move, and (n, G) that others move, too.

        Between units of one group the first holds only those of a unit with itself.
        """
        fixed, known, n = {None, *decided} - {group}, [], self.sizes[group]
        others: list[Array] = []
        for at, axis in self.places[group]:
            rest = [name for k, name in enumerate(self.all_axes[at]) if k != axis]
            weights = self.units_along(arrays, group, at, axis)
            (known if fixed.issuperset(rest) else others).append(weights)
        none = np.empty((n, 0))
        return np.hstack([none, *known]), np.hstack([none, *others])


def _axes(name: str, axes: Any) -> Axes:
    fine = isinstance(axes, Sequence) and not isinstance(axes, str)
    if not fine or not all(group is None or (isinstance(group, str) and group) for group in axes):
        msg = f"axes_to_perm must have a name or None for each axis of {name}; got {axes!r:.200}"
        raise ValueError(msg)
    return tuple(axes)


def _sizes(shapes: Mapping[str, tuple[int, ...]], axes: Mapping[str, Axes]) -> dict[str, int]:
    """Number of units of each group: the length of its shortest axis, of which all others are multiples."""
    lengths: dict[str, list[tuple[int, str]]] = {}
    for name, shape in shapes.items():
        for axis, group in enumerate(axes.get(name, ())):
            if group is not None:
                lengths.setdefault(group, []).append((shape[axis], f"axis {axis} of {name}"))
    if not lengths:
        msg = "axes_to_perm must name at least one group; got none"
        raise ValueError(msg)
    for group, found in lengths.items():
        shortest = min(found)
        for length, where in found:
            if shortest[0] < 1 or length % shortest[0]:
                msg = f"axes of the group {group} must fit: {shortest[1]} has length {shortest[0]}, {where} {length}"
                raise ValueError(msg)
    return {group: min(found)[0] for group, found in lengths.items()}
