"""Jumps: from which minimum to which, when, and over which known transition state."""

from dataclasses import dataclass, fields
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bridge.inherent import InherentStructures
from landscape import Database

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class JumpStatus(Enum):
    """What is known of the way of a jump; the value is the remedy."""

    DIRECT = "a known transition state joins the two minima"
    NO_DIRECT_EDGE = "no direct edge known; explore further, or map more snapshots: it may be several jumps"


@dataclass(frozen=True, eq=False)
class Jumps:
    """J jumps, run after run in the order of time.

    A jump is two snapshots of a run that follow one another, those without a minimum left out, in different minima.

    Attributes
    ----------
    runs : (J,) int64
    left, entered : (J,) int64
        Step of the last snapshot before and of the first one after the jump.
    sources, targets : (J,) int64
        Ids of the minima.
    transition_states : (J,) int64
        Id of the lowest transition state that joins them, over which the run need not have gone; 0: none is known.
    barriers : (J,) float64
        Loss of this transition state above the source, in nats; nan where none is known.
    """

    runs: Integers
    left: Integers
    entered: Integers
    sources: Integers
    targets: Integers
    transition_states: Integers
    barriers: Floats

    @property
    def statuses(self) -> list[JumpStatus]:
        """Whether a direct edge is known, for each jump."""
        return [JumpStatus.DIRECT if known else JumpStatus.NO_DIRECT_EDGE for known in self.transition_states]

    @property
    def direct(self) -> int:
        """Number of jumps between minima that a known transition state joins."""
        return int(np.count_nonzero(self.transition_states))


def jumps(structures: InherentStructures, database: Database) -> Jumps:
    """List the jumps of all runs with the lowest transition states that join their minima."""
    lowest: dict[tuple[int, int], tuple[int, float]] = {}
    for state in database.transition_states:  # lowest first
        lowest.setdefault(_pair(*state.minimum_ids), (state.id, state.point.value))
    rows = []
    for r, ids in enumerate(structures.minimum_ids.tolist()):
        seen = [(step, number) for step, number in zip(structures.steps.tolist(), ids, strict=True) if number]
        for (left, source), (entered, target) in pairwise(seen):
            if source != target:
                number, loss = lowest.get(_pair(source, target), (0, np.nan))
                rows.append((r, left, entered, source, target, number, loss - database.minimum(source).point.value))
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields(Jumps))
    names = [field.name for field in fields(Jumps)]
    return Jumps(**{name: np.array(column, dtype=_dtype(name)) for name, column in zip(names, columns, strict=True)})


def _dtype(name: str) -> type:
    return np.float64 if name == "barriers" else np.int64


def of_run(hops: Jumps, run: int) -> Jumps:
    """The jumps of one run."""
    own = hops.runs == run
    return Jumps(**{field.name: getattr(hops, field.name)[own] for field in fields(Jumps)})


def _pair(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)
