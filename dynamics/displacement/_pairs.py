"""The two snapshots of each waiting time and lag, and the moments of the displacements between them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories, displacement_moments

Array = NDArray[np.float64]

ADVICE = "; train keeps them with snapshots='all' (--snapshots all), not with 'waiting'"
LARGEST = 2**20  # numbers of displacements at a time


class Pairs(NamedTuple):
    """The K pairs of snapshots (tw, tw + t) within the runs, waiting time by waiting time."""

    within: NDArray[np.bool_]  # (W, T)
    start: NDArray[np.intp]  # (K,) position of tw among the snapshots
    end: NDArray[np.intp]  # (K,) of tw + t

    def displacements(self, run: ArrayLike) -> Array:
        """theta(tw + t) - theta(tw), (K, P), of the snapshots (S, P) of a run, in float64."""
        theta = np.asarray(run)
        return theta[self.end].astype(np.float64) - theta[self.start].astype(np.float64)

    def moments(self, run: ArrayLike, sizes: NDArray[np.int64] | None = None) -> dict[str, Array]:
        """`displacement_moments` of a run (S, P) on the grid, (W, T) or (W, T, G), in little memory."""
        theta = np.asarray(run)
        rows = max(1, LARGEST // theta.shape[1])
        parts = [
            displacement_moments(self._slice(slice(k, k + rows)).displacements(theta), sizes)
            for k in range(0, max(1, self.start.size), rows)
        ]
        return {name: self.on_grid(np.concatenate([part[name] for part in parts])) for name in parts[0]}

    def _slice(self, rows: slice) -> "Pairs":
        return self._replace(start=self.start[rows], end=self.end[rows])

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
        If a snapshot required by the waiting times and lags is missing.
    """
    ends = waiting_times[:, None] + lags
    wanted = np.concatenate([waiting_times, ends[ends <= steps[-1]]])
    missing = wanted[~np.isin(wanted, steps)]
    if missing.size:
        what = "runs must have a snapshot at every waiting time and waiting time + lag"
        msg = f"{what}; none at step {missing[0]}{ADVICE}"
        raise ValueError(msg)
    return recorded_pairs(steps, waiting_times, lags)


def recorded_pairs(steps: NDArray[np.int64], waiting_times: NDArray[np.int64], lags: NDArray[np.int64]) -> Pairs:
    """Those pairs of a two-time grid of which both snapshots are among the recorded `steps`."""
    ends = waiting_times[:, None] + lags
    within = np.isin(ends, steps) & np.isin(waiting_times, steps)[:, None]
    start = np.searchsorted(steps, waiting_times)[np.nonzero(within)[0]]
    return Pairs(within, start, np.searchsorted(steps, ends[within]))


def two_time_moments(runs: Trajectories, *names: str, sizes: NDArray[np.int64] | None = None) -> list[Array]:
    """The moments of these `names` (`dynamics.runs`), each (R, W, T) or, by groups of `sizes` (G,), (R, W, T, G).

    Those computed during the runs, if there are any; otherwise from the snapshots, run by run.

    Raises
    ------
    ValueError
        If a snapshot required by the waiting times and lags is missing.
    """
    stored: list[Any] = [getattr(runs, name) for name in names]
    if all(array is not None for array in stored):
        return [np.array(array) for array in stored]
    pairs = two_time_pairs(runs.steps, runs.waiting_times, runs.lags)
    found = [pairs.moments(runs.snapshots[r], sizes) for r in range(runs.replicas)]
    return [np.stack([moments[name] for moments in found]) for name in names]
