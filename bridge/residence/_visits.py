"""Visits of runs to minima."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.residence._presence import UNKNOWN, Residence
from landscape.database import Database
from landscape.support import Result


@dataclass(frozen=True, eq=False)
class Visits(Result, shows=("direct_jumps", "jumps", "distinct")):
    """Visits of R runs to V minima, at S steps.

    Parameters
    ----------
    steps : (S,) int64
    minimum_ids : (V,) int64
        Minima visited, lowest first.
    counts : (V, S) int64
        Number of runs in each minimum at each step.
    distinct : (R,) int64
        Number of different minima that each run visited.
    jumps : (R,) int64
        How often two consecutive snapshots of a run belong to different minima (`bridge.residence`).
    direct_jumps : int
        Jumps, over all runs, between minima that a known transition state connects.
    """

    steps: NDArray[np.int64]
    minimum_ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    distinct: NDArray[np.int64]
    jumps: NDArray[np.int64]
    direct_jumps: int

    @property
    def mean_steps(self) -> NDArray[np.float64]:
        """Geometric mean (V,) of the steps at which each minimum was visited."""
        logs = (self.counts * np.log(np.maximum(self.steps, 1))).sum(axis=1) / self.counts.sum(axis=1)
        return np.exp(np.round(logs, 12))  # equal ones are equal to their rounding


def visits(structures: InherentStructures, database: Database) -> Visits:
    """Count visits and jumps. Snapshots that belong to no minimum are left out.

    Raises
    ------
    TypeError
        If `structures` are no `InherentStructures`: runs themselves are easily passed.
    """
    if not isinstance(structures, InherentStructures):
        msg = f"structures must be InherentStructures; got {type(structures).__name__}: see inherent_structures"
        raise TypeError(msg)
    residence = Residence.of(structures)
    ids, (runs, before, after, left) = residence.ids, residence.successive()
    visited = np.unique(ids[residence.known])
    visited = np.array(sorted(visited.tolist(), key=lambda i: database.minimum(i).point.value), dtype=np.int64)
    joined = {state.minimum_ids for state in database.transition_states}
    ends = np.sort([ids[runs[left], before[left]], ids[runs[left], after[left]]], axis=0)  # lower id first
    return Visits(
        steps=structures.steps,
        minimum_ids=visited,
        counts=(ids[:, None, :] == visited[None, :, None]).sum(axis=0),
        distinct=np.array([len(set(run) - {UNKNOWN}) for run in ids.tolist()]),
        jumps=np.bincount(runs[left], minlength=len(ids)),
        direct_jumps=sum(tuple(pair) in joined for pair in ends.T.tolist()),
    )


def per_minimum(visited: Visits, database: Database) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of snapshots (n,) and mean step (n,) of each minimum of a database, lowest first; nan: not visited."""
    numbers, ages = np.zeros(database.n_minima, dtype=np.int64), np.full(database.n_minima, np.nan)
    where = database.positions(visited.minimum_ids)
    numbers[where], ages[where] = visited.counts.sum(axis=1), visited.mean_steps
    return numbers, ages
