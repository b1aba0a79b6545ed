"""Still there, left, or unknown: the one definition for every view of which minimum a run is in.

A snapshot shows which minimum a run is in at one step, or nothing if its quench ended in none. **A snapshot without a
minimum counts as not taken**: it proves neither that the run stayed nor that it left. Therefore, for a run:

- *Still there*: two consecutive snapshots with a minimum, leaving out those without one, are in the same.
  The stay continues between them, at the resolution of the snapshots.
- *Left*: they are in different minima. The run left the first one somewhere between the two (the departure is
  interval-censored; where one number is needed, it is the midpoint). This is one departure, one jump, one end of a
  stay.
- *Unknown*: where the run is before its first and after its last snapshot with a minimum. A stay that the last such
  snapshot is in is right-censored there, one that the first is in is left-censored.

Dwell times, jumps, histories and departures (`stays`, `successive`, `at`) read the snapshots with a minimum in order.
Counts at given steps (visits, persistence, overlaps, jump rates, C(tw, t)) use the runs that have a minimum at exactly
those steps. The former do not change if the snapshots without a minimum are removed; making a snapshot unknown never
adds a departure, a visit, or an observed time of stay.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.mapping import UNKNOWN, InherentStructures, QuenchedSnapshots
from landscape.support import Result

Integers = NDArray[np.int64]
Positions = NDArray[np.intp]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Successive(NamedTuple):
    """K pairs of snapshots of a run, both with a minimum, with none between them that has one; run after run."""

    runs: Positions  # (K,)
    before: Positions  # (K,) position of the earlier one
    after: Positions  # (K,) of the later one
    left: Flags  # (K,) whether their minima differ


class Stays(NamedTuple):
    """D longest stretches of successive snapshots of a run in one minimum; run after run in the order of time."""

    runs: Positions  # (D,)
    first: Positions  # (D,) position of the first snapshot in it
    last: Positions  # (D,) of the last one


@dataclass(frozen=True, eq=False)
class Residence(Result):
    """The minima of R runs at S steps.

    A snapshot without a minimum counts as not taken. Two consecutive snapshots with one show that the run is still
    there, if it is the same, or that it left in between; before the first and after the last of them nothing is known.

    Parameters
    ----------
    steps : (S,) int64
        Ascending.
    ids : (R, S) int64
        Number of the minimum; `UNKNOWN` (0) if the snapshot belongs to none. Any other number is a place.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    steps: Integers
    ids: Integers

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.shape[1:] != self.steps.shape:
            msg = f"ids must have shape (R, {self.steps.size}) for these steps; got {self.ids.shape}"
            raise ValueError(msg)

    @classmethod
    def of(cls, structures: InherentStructures) -> "Residence":
        """In minima of a database: images are the same minimum."""
        return cls(structures.steps, structures.minimum_ids)

    @classmethod
    def of_basins(cls, quenched: QuenchedSnapshots) -> "Residence":
        """In basins, numbered within each run: images are different places."""
        return cls(quenched.steps, quenched.basins)

    @classmethod
    def of_quenched(cls, quenched: QuenchedSnapshots, minimum_ids: Integers) -> "Residence":
        """In minima (R, S) of a database, images of one being the same, or in basins that it does not have.

        These are places of their own, with negative numbers.
        """
        found = np.where(minimum_ids != UNKNOWN, minimum_ids, -quenched.basins)
        return cls(quenched.steps, np.where(quenched.known, found, UNKNOWN))

    @property
    def known(self) -> Flags:
        """Whether each snapshot (R, S) has a minimum."""
        return self.ids != UNKNOWN

    @property
    def cells(self) -> Floats:
        """Steps (S,) that are nearer to each snapshot, with a minimum or without, than to any other."""
        edges = np.concatenate([self.steps[:1], 0.5 * (self.steps[:-1] + self.steps[1:]), self.steps[-1:]])
        return np.diff(edges)

    def successive(self) -> Successive:
        """Consecutive snapshots with a minimum."""
        runs, places = np.nonzero(self.known)  # run after run in the order of time
        kept = runs[1:] == runs[:-1]
        runs, before, after = runs[1:][kept], places[:-1][kept], places[1:][kept]
        return Successive(runs, before, after, self.ids[runs, before] != self.ids[runs, after])

    def stays(self) -> Stays:
        """The stays of the runs; a run left between two of its stays, and is unknown before and after them."""
        runs, places = np.nonzero(self.known)
        ids = self.ids[runs, places]
        new = np.ones(runs.size, dtype=bool)
        new[1:] = (runs[1:] != runs[:-1]) | (ids[1:] != ids[:-1])
        first = np.flatnonzero(new)
        last = np.append(first[1:], runs.size)[: first.size] - 1
        return Stays(runs[first], places[first], places[last])

    def at(self, times: ArrayLike) -> Integers:
        """Minimum (R, T) at `times` (T,) steps: that of the nearest snapshot with one, `UNKNOWN` outside all of them.

        At the midpoint between two it is that of the later one.
        """
        wanted = np.asarray(times, dtype=np.float64)
        found = np.full((len(self.ids), wanted.size), UNKNOWN, dtype=np.int64)
        for r, known in enumerate(self.known):
            steps, ids = self.steps[known], self.ids[r, known]
            if steps.size:
                inside = (wanted >= steps[0]) & (wanted <= steps[-1])
                found[r, inside] = ids[np.searchsorted((steps[:-1] + steps[1:]) / 2, wanted[inside], side="right")]
        return found

    def compare(self, place: int) -> tuple[Flags, Flags]:
        """Whether each snapshot (R, S - place) from number `place` on is in the minimum of that one, or in another.

        Neither where one of the two has no minimum.
        """
        return compare_places(self.ids[:, place, None], self.ids[:, place:])


def compare_places(one: Integers, other: Integers) -> tuple[Flags, Flags]:
    """Whether two places, entry by entry, are the same, and whether they differ; neither where one is unknown."""
    both = (one != UNKNOWN) & (other != UNKNOWN)
    return both & (one == other), both & (one != other)
