"""Displacement modulo symmetry: the distance to the nearest symmetric image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.displacement._msd import MeanSquareDisplacement
from dynamics.displacement._pairs import known_mean, pairs_of
from dynamics.runs import Trajectories, check_described
from landscape import symmetry
from landscape.networks import MLP
from landscape.support import Result
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SymmetricDisplacement(Result, shows=("exact", "plain.values", "modulo.values")):
    """The displacement modulo symmetry and the plain one, run by run.

    Parameters
    ----------
    plain : MeanSquareDisplacement
        Displacement of the parameters.
    modulo : MeanSquareDisplacement
        Displacement to the nearest image: modulo <= plain everywhere, with equality unless units have exchanged places
        or signs.
    exact : bool
        Whether the nearest images are certain to be the nearest (`landscape.symmetry.is_exact`); otherwise `modulo`
        is an upper bound. Never of relu and linear units, which have continuous symmetries, too.
    """

    plain: MeanSquareDisplacement
    modulo: MeanSquareDisplacement
    exact: bool

    @property
    def exchanged(self) -> Array:
        """Share of the runs (W, T) that have the pair in which another image is nearer than the point itself."""
        nearer = (self.modulo.values < (1.0 - 1e-9) * self.plain.values).astype(np.float64)
        return known_mean(np.where(np.isnan(self.plain.values), np.nan, nearer))


def displacement_modulo_symmetry(runs: Trajectories) -> SymmetricDisplacement:
    """Two-time mean square displacement to the nearest image of the second point.

    Delta_sym(tw, t) = (1 / P) min_g |g theta(tw + t) - theta(tw)|^2, where g runs over the permutations of the hidden
    units and, if their activation is odd, their sign flips (`landscape.symmetry`). Runs are read one at a time.
    Defined here.

    Raises
    ------
    ValueError
        If no network made the runs, or no run has the two snapshots of any waiting time and lag.
    """
    network = runs.symmetries
    if network is None:
        check_described(runs)
        msg = f"{runs.source} must be those of a network, with layer_sizes, or of a module with declared symmetries"
        raise ValueError(msg)
    grids = np.empty((2, runs.replicas, runs.waiting_times.size, runs.lags.size))
    for r, pairs in enumerate(pairs_of(runs)):
        theta = runs.snapshots_of(r).astype(np.float64)
        both = mean_square_distances(network, theta[pairs.start], theta[pairs.end])
        grids[:, r] = [pairs.on_grid(values) for values in both]
    times = (runs.waiting_times, runs.lags)
    plain, modulo = (MeanSquareDisplacement(*times, grid, runs.metadata, ~np.isnan(grid)) for grid in grids)
    return SymmetricDisplacement(plain, modulo, symmetry.is_exact(network))


def mean_square_distances(network: MLP | PermutationSpec, a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Mean square distance (K,) between the rows of `a` and `b` (K, P): plain, and between their nearest images."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    plain = np.linalg.norm(b - a, axis=1)
    # the plain distance as a cutoff ends most searches at once: the nearest image is usually the point itself
    nearest = [symmetry.distances(network, x, y[None], cutoff=d)[0] for x, y, d in zip(a, b, plain, strict=True)]
    return plain**2 / a.shape[1], np.minimum(plain, nearest) ** 2 / a.shape[1]
