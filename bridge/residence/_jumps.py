"""Jumps: from which minimum to which, when, and over which known transition state."""

from dataclasses import dataclass, fields
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.residence._presence import Residence
from landscape.database import Database
from landscape.support import Result

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class JumpStatus(Enum):
    """Whether the path of a jump is known; the value is the remedy."""

    DIRECT = "a known transition state connects the two minima"
    NO_DIRECT_EDGE = "no direct edge known; explore further, or map more snapshots: it may be several jumps"


@dataclass(frozen=True, eq=False)
class Jumps(Result, shows=("barriers",), axes={"J": "jump"}, units={"left": "steps", "entered": "steps"}):
    """J jumps, run after run in the order of time.

    A jump is a pair of consecutive snapshots of a run, leaving out those without a minimum, in different minima
    (`bridge.residence`).

    Attributes
    ----------
    runs : (J,) int64
    left : (J,) int64
        Step of the last snapshot before the jump.
    entered : (J,) int64
        Step of the first snapshot after the jump.
    sources : (J,) int64
        Id of the minimum before the jump.
    targets : (J,) int64
        Id of the minimum after it.
    transition_states : (J,) int64
        Id of the lowest transition state that connects them (the run may have taken another path); 0: none is known.
    barriers : (J,) float64
        Loss of this transition state above the source, in nats; nan if none is known.
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
        """Number of jumps between minima that a known transition state connects."""
        return int(np.count_nonzero(self.transition_states))


def jumps(structures: InherentStructures, database: Database) -> Jumps:
    """List the jumps of all runs with the lowest transition states that connect their minima."""
    lowest: dict[tuple[int, int], tuple[int, float]] = {}
    for state in database.transition_states:  # lowest first
        lowest.setdefault(_pair(*state.minimum_ids), (state.id, state.point.value))
    residence = Residence.of(structures)
    *places, changed = residence.successive()
    runs, before, after = (part[changed] for part in places)
    sources, targets = residence.ids[runs, before], residence.ids[runs, after]
    pairs = zip(sources.tolist(), targets.tolist(), strict=True)
    found = [lowest.get(_pair(source, target), (0, np.nan)) for source, target in pairs]
    floors = np.array([database.minimum(source).point.value for source in sources.tolist()], dtype=np.float64)
    return Jumps(
        runs=runs.astype(np.int64),
        left=residence.steps[before],
        entered=residence.steps[after],
        sources=sources,
        targets=targets,
        transition_states=np.array([number for number, _ in found], dtype=np.int64),
        barriers=np.array([loss for _, loss in found], dtype=np.float64) - floors,
    )


def of_run(hops: Jumps, run: int) -> Jumps:
    """The jumps of one run."""
    own = hops.runs == run
    return Jumps(**{field.name: getattr(hops, field.name)[own] for field in fields(Jumps)})


def _pair(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)
