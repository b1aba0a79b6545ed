"""Jumps: from which minimum to which, when, and over which known transition state."""

from dataclasses import dataclass, fields
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.residence._presence import Residence
from dynamics.runs import Trajectories
from landscape.database import Database
from landscape.graph import minimax_barriers
from landscape.losses import Loss
from landscape.support import Result

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class JumpStatus(Enum):
    """Whether the path of a jump is known; the value is the remedy."""

    DIRECT = "a known transition state connects the two minima"
    SEVERAL = "a path of several known transition states connects the two minima: it may be several jumps"
    UNKNOWN = "no path known; search from the jumps (search_jumps), explore further, or map more snapshots"


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
    path_barriers : (J,) float64
        Highest loss on the best known path from the source to the target, above the source, in nats; inf if none is
        known.
    """

    runs: Integers
    left: Integers
    entered: Integers
    sources: Integers
    targets: Integers
    transition_states: Integers
    barriers: Floats
    path_barriers: Floats

    @property
    def statuses(self) -> list[JumpStatus]:
        """What is known of the path of each jump."""
        paths = zip(self.transition_states.tolist(), np.isfinite(self.path_barriers).tolist(), strict=True)
        return [
            JumpStatus.DIRECT if state else JumpStatus.SEVERAL if several else JumpStatus.UNKNOWN
            for state, several in paths
        ]

    @property
    def direct(self) -> int:
        """Number of jumps between minima that a known transition state connects."""
        return int(np.count_nonzero(self.transition_states))

    @property
    def connected(self) -> int:
        """Number of jumps between minima that a path of known transition states connects, one or several."""
        return int(np.count_nonzero(np.isfinite(self.path_barriers)))


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
    ids, graph = database.minimum_ids(), database.graph()
    place = {number: k for k, number in enumerate(ids.tolist())}
    paths = {source: minimax_barriers(graph, place[source]) for source in set(sources.tolist())}
    highest = [paths[source][place[target]] for source, target in zip(sources.tolist(), targets.tolist(), strict=True)]
    return Jumps(
        runs=runs.astype(np.int64),
        left=residence.steps[before],
        entered=residence.steps[after],
        sources=sources,
        targets=targets,
        transition_states=np.array([number for number, _ in found], dtype=np.int64),
        barriers=np.array([loss for _, loss in found], dtype=np.float64) - floors,
        path_barriers=np.array(highest, dtype=np.float64) - floors,
    )


def barriers_from(hops: Jumps, loss: Loss, *, runs: Trajectories, database: Database) -> Floats:
    """Barriers (J,) seen from the runs: loss of the transition state of a jump above that of the last snapshot before.

    In nats; negative where the run is already higher than the transition state, nan if none is known.
    """
    places = np.searchsorted(runs.steps, hops.left)
    floors = np.array([database.minimum(source).point.value for source in hops.sources.tolist()], dtype=np.float64)
    snapshots = [runs.snapshots[run][place] for run, place in zip(hops.runs.tolist(), places.tolist(), strict=True)]
    heights = [loss.value_and_gradient(np.asarray(theta, dtype=np.float64))[0] for theta in snapshots]
    return hops.barriers + floors - np.array(heights, dtype=np.float64)


def of_run(hops: Jumps, run: int) -> Jumps:
    """The jumps of one run."""
    own = hops.runs == run
    return Jumps(**{field.name: getattr(hops, field.name)[own] for field in fields(Jumps)})


def _pair(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)
