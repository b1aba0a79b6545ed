"""The two snapshots of each waiting time and lag, and the moments of the displacements between them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories, displacement_moments

Array = NDArray[np.float64]

ADVICE = "; train keeps them with snapshots='all' (--snapshots all), not with 'waiting'"
LARGEST = 2**20  # numbers of displacements at a time


class Pairs(NamedTuple):
    """The K pairs of snapshots (tw, tw + t) of a run, waiting time by waiting time."""

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
        """`values` (K, ...) as (W, T, ...), nan where there is no pair."""
        grid = np.full((*self.within.shape, *values.shape[1:]), np.nan)
        grid[self.within] = values
        return grid


def pairs_of(runs: Trajectories) -> list[Pairs]:
    """The pairs of every run among its own snapshots (`Trajectories.snapshots_of`).

    Raises
    ------
    ValueError
        If no run has a pair, or the runs kept displacements of pairs, but not the snapshots.
    """
    known: dict[bytes, Pairs] = {}
    for row in runs.recorded:
        if row.tobytes() not in known:
            known[row.tobytes()] = recorded_pairs(runs.steps[row], runs.waiting_times, runs.lags)
    found = [known[row.tobytes()] for row in runs.recorded]
    lost = None if runs.displacement is None else _not_kept(runs, found)
    if lost is not None or not any(pairs.start.size for pairs in found):
        what = "runs must have snapshots at waiting times and at waiting time + lag"
        msg = f"{what}; {'they have no such pair' if lost is None else f'none at step {lost}{ADVICE}'}"
        raise ValueError(msg)
    return found


def _not_kept(runs: Trajectories, found: list[Pairs]) -> int | None:
    """The first step without a snapshot at the end of a pair whose displacement is known."""
    there = np.isfinite(np.asarray(runs.displacement)) & ~np.array([pairs.within for pairs in found])
    if not there.any():
        return None
    _, w, t = np.argwhere(there)[0]
    ends = (int(runs.waiting_times[w]), int(runs.waiting_times[w] + runs.lags[t]))
    return next((step for step in ends if step not in runs.steps), ends[1])


def recorded_pairs(steps: NDArray[np.int64], waiting_times: NDArray[np.int64], lags: NDArray[np.int64]) -> Pairs:
    """Those pairs of a two-time grid of which both snapshots are among the recorded `steps`."""
    ends = waiting_times[:, None] + lags
    within = np.isin(ends, steps) & np.isin(waiting_times, steps)[:, None]
    start = np.searchsorted(steps, waiting_times)[np.nonzero(within)[0]]
    return Pairs(within, start, np.searchsorted(steps, ends[within]))


def known_mean(values: Array) -> Array:
    """Mean (...) over the runs of `values` (R, ...) that are not nan; nan if none is."""
    known = ~np.isnan(values)
    if (known == known[0]).all():
        return values.mean(axis=0)
    number = known.sum(axis=0)
    return np.where(known, values, 0.0).sum(axis=0) / np.where(number > 0, number, np.nan)


def two_time_moments(runs: Trajectories, *names: str, sizes: NDArray[np.int64] | None = None) -> list[Array]:
    """The moments of these `names` (`dynamics.runs`), each (R, W, T) or, by groups of `sizes` (G,), (R, W, T, G).

    Those computed during the runs, if there are any; otherwise from the snapshots, run by run. nan where a snapshot
    was not recorded.

    Raises
    ------
    ValueError
        As in `pairs_of`.
    """
    stored: list[Any] = [getattr(runs, name) for name in names]
    if all(array is not None for array in stored):
        return [np.array(array) for array in stored]
    found = [pairs.moments(runs.snapshots_of(r), sizes) for r, pairs in enumerate(pairs_of(runs))]
    return [np.stack([moments[name] for moments in found]) for name in names]
