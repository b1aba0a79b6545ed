"""Moments of the displacements, computed in one place so that they are always bit-identical."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOMENTS = ("displacement", "fourth_moment", "layer_displacement")
"""Names of the moments in `Trajectories` and in files."""


def displacement_moments(displacements: Array, sizes: NDArray[np.int64] | None = None) -> dict[str, Array]:
    """Moments of displacements d (K, P): means over the components of d^2, (K,), of d^4, (K,), and of d^2 by groups.

    The groups are consecutive, of `sizes` (G,): (K, G); omitted without sizes.
    """
    squares = displacements**2
    means = {"displacement": squares.mean(axis=1), "fourth_moment": (squares**2).mean(axis=1)}
    return means if sizes is None else means | {"layer_displacement": group_means(squares, sizes)}


def nan_moments(grid: tuple[int, ...], groups: int) -> dict[str, Array]:
    """The same, filled with nan, for a grid of unknown displacements."""
    shapes = {"displacement": grid, "fourth_moment": grid, "layer_displacement": (*grid, groups)}
    return {name: np.full(shape, np.nan) for name, shape in shapes.items()}


def group_means(values: Array, sizes: NDArray[np.int64]) -> Array:
    """Means (K, G) of `values` (K, P) over consecutive groups of these sizes."""
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(values, first, axis=1) / sizes
