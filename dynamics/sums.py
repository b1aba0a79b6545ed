"""Displacements of any number of runs in the memory of one: sums that grow run by run."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics._pairs import two_time_pairs
from dynamics.layers import group_means, parameter_groups
from dynamics.non_gaussian import alpha_2, alpha_2_error
from dynamics.trajectories import Trajectories
from landscape.networks import MLP

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DisplacementSums:
    """Means over the runs seen so far, and how they spread: enough for the MSD, alpha_2 and the MSD of layers.

    ``sums = DisplacementSums.empty(...)``, then ``sums = sums.add(run)`` for each run, in any number of processes whose
    sums `merge` joins. The numbers are those of `mean_square_displacement`, `non_gaussian` and `layer_displacement`
    over all runs at once, up to rounding. Nothing here is changed in place.

    Parameters
    ----------
    steps, waiting_times, lags : (S,), (W,), (T,) int64
        Steps of the snapshots, and the two-time grid.
    names, sizes : tuple of str, (G,) int64
        Groups of parameters, as in `LayerDisplacement`; one group "all" without a network.
    count : int
        Runs seen.
    groups : (W, T, G) float64
        Mean over runs of each group's mean square displacement.
    moments : (W, T, 2) float64
        Mean over runs of the mean over all components of d^2 and d^4.
    scatter : (W, T, 2, 2) float64
        Sum over runs of the products of deviations from `moments`.
    """

    steps: NDArray[np.int64]
    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    count: int
    groups: Array
    moments: Array
    scatter: Array

    @classmethod
    def empty(
        cls, steps: ArrayLike, waiting_times: ArrayLike, lags: ArrayLike, parameters: MLP | int
    ) -> "DisplacementSums":
        """Sums over no run, for runs of a network, or of so many parameters without groups.

        Raises
        ------
        ValueError
            If `steps` lack one that the waiting times and lags call for.
        """
        times = [np.asarray(array, dtype=np.int64) for array in (steps, waiting_times, lags)]
        two_time_pairs(*times)
        if isinstance(parameters, MLP):
            names, sizes = parameter_groups(parameters)
        else:
            names, sizes = ("all",), np.array([parameters], dtype=np.int64)
        grid = (times[1].size, times[2].size)
        groups, moments, scatter = (np.zeros((*grid, *shape)) for shape in ((sizes.size,), (2,), (2, 2)))
        return cls(times[0], times[1], times[2], names, sizes, 0, groups, moments, scatter)

    @classmethod
    def of(cls, runs: Trajectories) -> "DisplacementSums":
        """Sums over the runs in memory or in a file, which are read one at a time."""
        parameters = runs.network if runs.layer_sizes else runs.n_parameters
        sums = cls.empty(runs.steps, runs.waiting_times, runs.lags, parameters)
        for r in range(runs.replicas):
            sums = sums.add(runs.snapshots[r])
        return sums

    def add(self, snapshots: ArrayLike) -> "DisplacementSums":
        """These sums and one run (S, P), or a block of runs (B, S, P).

        Raises
        ------
        ValueError
            If the snapshots do not have this shape.
        """
        snapshots = np.asarray(snapshots)
        shape = (self.steps.size, int(self.sizes.sum()))
        if snapshots.ndim not in (2, 3) or snapshots.shape[-2:] != shape:
            msg = f"snapshots must have shape {shape} or (B, {shape[0]}, {shape[1]}); got {snapshots.shape}"
            raise ValueError(msg)
        sums = self
        for run in snapshots.reshape(-1, *shape):
            sums = sums.merge(self._of_one(run))
        return sums

    def _of_one(self, run: Array) -> "DisplacementSums":
        pairs = two_time_pairs(self.steps, self.waiting_times, self.lags)
        squares = pairs.displacements(run) ** 2
        moments = np.stack([squares.mean(axis=1), (squares**2).mean(axis=1)], axis=1)
        return replace(
            self,
            count=1,
            groups=pairs.on_grid(group_means(squares, self.sizes)),
            moments=pairs.on_grid(moments),
            scatter=np.zeros_like(self.scatter),
        )

    def merge(self, other: "DisplacementSums") -> "DisplacementSums":
        """The sums over the runs of both.

        Means and deviations are updated, not sums of squares, which would lose digits: Chan, Golub and LeVeque, The
        American Statistician 37, 242 (1983).

        Raises
        ------
        ValueError
            If they were made for other times or networks.
        """
        for name in ("steps", "waiting_times", "lags", "names", "sizes"):
            if not np.array_equal(getattr(self, name), getattr(other, name)):
                msg = f"sums must have the same {name}; got {getattr(self, name)} and {getattr(other, name)}"
                raise ValueError(msg)
        count = self.count + other.count
        share = other.count / max(count, 1)
        change = other.moments - self.moments
        products = change[..., :, None] * change[..., None, :]
        return replace(
            self,
            count=count,
            groups=self.groups + share * (other.groups - self.groups),
            moments=self.moments + share * change,
            scatter=self.scatter + other.scatter + self.count * share * products,
        )

    @property
    def mean_square_displacement(self) -> Array:
        """Mean over the runs, (W, T), per parameter."""
        return self._seen(self.moments[..., 0])

    @property
    def mean_square_displacement_error(self) -> Array:
        """Its standard error, (W, T), from the spread of the runs; nan for fewer than two runs."""
        return np.sqrt(self._covariance[..., 0, 0] / max(self.count, 1))

    @property
    def layers(self) -> Array:
        """Mean over the runs of the mean square displacement of each group, (W, T, G)."""
        return self._seen(self.groups)

    @property
    def fourth_moment(self) -> Array:
        """Mean over runs and components of d^4, (W, T)."""
        return self._seen(self.moments[..., 1])

    @property
    def alpha_2(self) -> Array:
        """Non-Gaussian parameter over components and runs, (W, T); see `non_gaussian`."""
        return alpha_2(self.mean_square_displacement, self.fourth_moment)

    @property
    def alpha_2_error(self) -> Array:
        """Its standard error, (W, T); nan for fewer than two runs."""
        return alpha_2_error(self.mean_square_displacement, self.fourth_moment, self._covariance, max(self.count, 1))

    @property
    def _covariance(self) -> Array:
        """Of a run's two moments, (W, T, 2, 2); nan for fewer than two runs."""
        return self.scatter / (self.count - 1) if self.count > 1 else np.full_like(self.scatter, np.nan)

    def _seen(self, values: Array) -> Array:
        return values.copy() if self.count else np.full_like(values, np.nan)
