"""Which two snapshots belong to each waiting time and lag."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Pairs(NamedTuple):
    """The K pairs of snapshots (tw, tw + t) that lie within the runs, waiting time by waiting time."""

    within: NDArray[np.bool_]  # (W, T)
    start: NDArray[np.intp]  # (K,) position of tw among the snapshots
    end: NDArray[np.intp]  # (K,) of tw + t

    def displacements(self, run: ArrayLike) -> Array:
        """theta(tw + t) - theta(tw), (K, P), of the snapshots (S, P) of a run, in float64."""
        theta = np.asarray(run, dtype=np.float64)
        return theta[self.end] - theta[self.start]

    def on_grid(self, values: Array) -> Array:
        """`values` (K, ...) as (W, T, ...), nan beyond the runs."""
        grid = np.full((*self.within.shape, *values.shape[1:]), np.nan)
        grid[self.within] = values
        return grid


def two_time_pairs(steps: NDArray[np.int64], waiting_times: NDArray[np.int64], lags: NDArray[np.int64]) -> Pairs:
    """The pairs for a two-time grid (steps).

    Raises
    ------
    ValueError
        If a snapshot that the waiting times and lags call for is missing.
    """
    ends = waiting_times[:, None] + lags
    within = ends <= steps[-1]
    row = np.nonzero(within)[0]
    return Pairs(within, _positions(steps, waiting_times)[row], _positions(steps, ends[within]))


def _positions(steps: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where the `wanted` steps lie among the snapshots."""
    found = np.minimum(np.searchsorted(steps, wanted), steps.size - 1)
    missing = wanted[steps[found] != wanted]
    if missing.size:
        msg = f"runs must have a snapshot at every waiting time and waiting time + lag; none at step {missing[0]}"
        raise ValueError(msg)
    return found
