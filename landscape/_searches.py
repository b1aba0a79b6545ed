"""What an exploration does: kinds of search, and which one comes next. Searchers know no database.

Search number i is planned from (seed, i) and from what earlier batches found, never from what the
rest of its own batch finds: so batches can run in parallel, and the number of workers, a kill or a
larger number of searches later on do not change what search i does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape import symmetry
from landscape.basin_hopping import BasinHopping, basin_hopping
from landscape.connectivity import LandscapeGraph
from landscape.losses import Loss
from landscape.quench import QuenchResult, quench
from landscape.saddles import search_between, search_from_minimum
from landscape.stationary import Minimum, TransitionState, same_point
from landscape.workers import one_blas_thread

Array = NDArray[np.float64]

BATCH = 16  # searches between two commits
COLLAPSED_STARTS = 2  # searches 0 and 1: very small weights, the only way into a collapsed minimum
RANDOM_STARTS = 16  # searches before this one quench random starts
CYCLE = ("saddle", "connect") * 3 + ("hop", "connect") + ("saddle", "connect") * 3 + ("start", "connect")
COLLAPSED_SD, HOPS = 1e-2, 4
DISPLACEMENTS = (0.05, 3.0)  # Euclidean, log-uniform: first step off a minimum
MAX_LINKS = 3  # saddle searches in one connection
PARTNERS = 24  # minima of other components among which a connection looks for the nearest


@dataclass(frozen=True, eq=False)
class Task:
    """One search, ready to be sent to a worker."""

    search: int
    kind: str
    seed: int
    start: tuple[int, Minimum] | None = None  # database id and minimum
    partners: tuple[tuple[int, Minimum], ...] = ()


@dataclass(frozen=True, eq=False)
class Found:
    """What one search found: minima, and transition states with the minima at their two ends."""

    task: Task
    minima: tuple[Minimum, ...]
    connections: tuple[tuple[TransitionState, tuple[Minimum, ...]], ...]
    partner: int | None  # id of the minimum a connection aimed at
    status: str
    hessian_evaluations: int


def rng_of(seed: int, search: int) -> np.random.Generator:
    """Random numbers of one search."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(search,)))


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What a batch of searches is planned from."""

    minima: Sequence[tuple[int, Minimum]]  # database id and minimum, lowest first as in the graph
    graph: LandscapeGraph
    components: NDArray[np.int64]  # of each minimum; 0 holds the global minimum
    tried: set[tuple[int, int]]  # pairs of ids not to connect again, lower id first
    invariants: Array  # `symmetry.invariants` of each minimum


def plan(search: int, seed: int, known: Knowledge) -> Task:
    """Choose search number `search` from what is known."""
    if search < RANDOM_STARTS or not known.minima:
        return Task(search, "collapsed" if search < COLLAPSED_STARTS else "start", seed)
    kind = CYCLE[search % len(CYCLE)]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(search, 0)))
    if kind == "connect" and (connection := _plan_connection(known, rng)):
        start, partners = connection
        return Task(search, kind, seed, known.minima[start], tuple(known.minima[k] for k in partners))
    if kind == "start":
        return Task(search, kind, seed)
    if kind == "hop":
        return Task(search, kind, seed, start=known.minima[_rank(rng, len(known.minima))])
    return Task(search, "saddle", seed, start=known.minima[_least_connected(known, rng)])


def _least_connected(known: Knowledge, rng: np.random.Generator) -> int:
    """A minimum with few known transition states: half of the time of the global minimum's component, to grow it."""
    degree = np.bincount(known.graph.edges.ravel(), minlength=known.graph.n_minima)
    weight = 1.0 / (1.0 + degree) ** 2
    if rng.random() < 0.5:
        weight[known.components != 0] = 0.0
    return int(rng.choice(known.graph.n_minima, p=weight / weight.sum()))


def _rank(rng: np.random.Generator, n: int) -> int:
    """A position 0 ... n - 1, low ones (low losses) preferred."""
    return int(n * rng.random() ** 2)


def _plan_connection(known: Knowledge, rng: np.random.Generator) -> tuple[int, list[int]] | None:
    """A minimum outside the component of the global minimum, low ones preferred, and candidates elsewhere."""
    labels = known.components
    outside = np.flatnonzero(labels != 0)
    if not len(outside):
        return None
    start = int(outside[_rank(rng, len(outside))])
    number = known.minima[start][0]
    others = [
        k
        for k in np.flatnonzero(labels != labels[start]).tolist()
        if tuple(sorted((number, known.minima[k][0]))) not in known.tried
    ]
    if not others:
        return None
    gaps = np.linalg.norm(known.invariants[others] - known.invariants[start], axis=1)
    return start, [others[k] for k in np.argsort(gaps, kind="stable")[:PARTNERS].tolist()]


def run(loss: Loss, task: Task) -> Found:
    """Make one search. The result depends on the loss and the task alone."""
    with one_blas_thread():
        return _KINDS[task.kind](loss, task, rng_of(task.seed, task.search))


def _start(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    if loss.network is not None:
        theta = loss.network.glorot_uniform(rng)
    else:
        theta = rng.normal(size=loss.n_parameters)
    return _quenched(task, quench(loss, theta))


def _collapsed(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    return _quenched(task, quench(loss, COLLAPSED_SD * rng.normal(size=loss.n_parameters), method="flow"))


def _quenched(task: Task, result: QuenchResult) -> Found:
    minima = (result.minimum,) if result.converged else ()
    return Found(task, minima, (), None, result.status.name, result.hessian_evaluations)


def _hop(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    assert task.start is not None
    walk = basin_hopping(loss, task.start[1], rng, steps=HOPS, settings=BasinHopping())
    return Found(task, walk.minima, (), None, f"ACCEPTED {walk.accepted} OF {HOPS}", 0)


def _saddle(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    assert task.start is not None
    low, high = np.log(DISPLACEMENTS)
    displacement = float(np.exp(rng.uniform(low, high)))
    result = search_from_minimum(loss, task.start[1], rng, displacement=displacement)
    connections = () if result.transition_state is None else ((result.transition_state, result.minima),)
    return Found(task, (), connections, None, result.status.name, result.hessian_evaluations)


def _connect(loss: Loss, task: Task, _rng: np.random.Generator) -> Found:
    """Build a chain of transition states to the nearest partner: the gaps that one leaves are tried next."""
    assert task.start is not None
    origin = task.start[1]
    distances = [symmetry.distance(loss.network, origin.coordinates, m.coordinates) for _, m in task.partners]
    number, partner = task.partners[int(np.argmin(distances))]
    gaps, results = [(origin, partner)], []
    while gaps and len(results) < MAX_LINKS:
        left, right = gaps.pop(0)
        results.append(search_between(loss, left, right))
        if results[-1].converged:
            gaps += _gaps_left(loss, left, right, results[-1].minima)
    connections = tuple((r.transition_state, r.minima) for r in results if r.transition_state is not None)
    evaluations = sum(result.hessian_evaluations for result in results)
    return Found(task, (), connections, number, results[0].status.name, evaluations)


def _gaps_left(loss: Loss, left: Minimum, right: Minimum, ends: tuple[Minimum, ...]) -> list[tuple[Minimum, Minimum]]:
    """What still lies open between two minima once a transition state with these two ends is known."""

    def apart(a: Minimum, b: Minimum) -> float:
        return symmetry.distance(loss.network, a.coordinates, b.coordinates)

    near, far = ends
    if apart(left, far) + apart(near, right) < apart(left, near) + apart(far, right):
        near, far = far, near
    return [(a, b) for a, b in ((left, near), (far, right)) if not same_point(loss.network, a, b)]


_KINDS = {"start": _start, "collapsed": _collapsed, "hop": _hop, "saddle": _saddle, "connect": _connect}
ORIGINS = {"start": "start", "collapsed": "start", "hop": "basin-hopping", "saddle": "saddle", "connect": "saddle"}
