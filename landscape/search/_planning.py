"""Which search comes next: discrete path sampling over what is known.

Either a cycle of kinds of search, or, where there are targets, only what joins them with the global minimum.

Search number i is planned from (seed, i) and the finds of earlier batches, never from its own batch. A batch can
therefore run in parallel, and neither the number of workers nor an interruption nor a later increase of the number of
searches changes search i.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from landscape.graph import LandscapeGraph, components, minimax_barriers
from landscape.losses import LARGE, Loss
from landscape.search._searches import FIRST_COLLAPSED, Task, rng_of
from landscape.stationary import Minimum

Array = NDArray[np.float64]
Pair = tuple[int, int]

BATCH = 32  # searches between two commits
BATCH_OF_LARGE = 8  # above `LARGE` parameters, where searches take minutes; nothing connects before its end
RANDOM_STARTS = 16  # searches before this one quench random starts
JOINING = "connect"  # kind of the searches that join targets
BOUNDING = "bound"  # kind of the searches for upper bounds on the barriers of targets that are not joined
KINDS = (JOINING, "saddle", "escape", "untrap", "shortcut", "nearest", "random", "hop", "start", "collapsed")
CYCLE = tuple(  # odd searches connect; the others take turns
    kind
    for other in (
        *("saddle", "escape", "nearest", "hop", "escape", "untrap", "saddle", "shortcut"),
        *("saddle", "escape", "nearest", "start", "escape", "untrap", "random", "collapsed"),
    )
    for kind in (other, "connect")
)
POWER = 4.0  # power of the distance as weight of an untried pair: many short steps rather than a long one
REPEAT = 8.0  # factor of the distance of a pair with each attempt
EXAMINED = 8  # minima to examine before a kind of search gives up
LOWEST_FIRST = 8  # power of the rank: of 5000 minima outside, half of the attempts go to the lowest 20
KNOWN = 1e-9  # weight of a known transition state
BOUNDS = 16  # searches for upper bounds at a time: a budget is looked at between two batches
PATIENCE = 4  # attempts at a gap after which no other way is worth trying: all are REPEAT ** (PATIENCE / POWER) longer


def batch_size(loss: Loss) -> int:
    """Number of searches that are planned together: fewer of large networks."""
    return BATCH if loss.n_parameters <= LARGE else BATCH_OF_LARGE


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Knowledge from which a batch of searches is planned; minima are identified by position, lowest first."""

    ids: NDArray[np.int64]  # (n,) of the minima in the database
    minimum: Callable[[int], Minimum]  # with this id
    graph: LandscapeGraph
    pairs: NDArray[np.int64]  # (m, 2) neighbors
    distances: Array  # (m,) between them
    tries: Mapping[Pair, int]  # number of attempts, by line or band, between two ids, lower id first
    targets: NDArray[np.int64] | None = None  # minima (t,) to join with the global minimum, by position; None: no such
    bounded: Collection[Pair] = ()  # pairs of ids, lower id first, between which an upper bound was looked for

    @cached_property
    def components(self) -> NDArray[np.int64]:
        """Component of each minimum; 0 holds the global minimum."""
        return components(self.graph)

    @cached_property
    def barriers(self) -> Array:
        """Minimax barrier between each minimum and the global minimum; inf if unconnected."""
        return minimax_barriers(self.graph, 0)

    @cached_property
    def degrees(self) -> NDArray[np.int64]:
        """Number of ends of transition states at each minimum."""
        return np.bincount(self.graph.edges.ravel(), minlength=self.graph.n_minima)

    def numbered(self, position: int) -> tuple[int, Minimum]:
        """Id and minimum at a position."""
        number = int(self.ids[position])
        return number, self.minimum(number)

    def neighbors(self, position: int) -> tuple[NDArray[np.int64], Array]:
        """Positions and distances of the neighbors of a minimum."""
        at = (self.pairs[:, 0] == position) | (self.pairs[:, 1] == position)
        return self.pairs[at].sum(axis=1) - position, self.distances[at]


def plan_batch(
    first: int,
    size: int,
    seed: int,
    known: Knowledge,
    cycle: Sequence[str] = CYCLE,
    *,
    bounds_first: bool = False,
    starts: int = RANDOM_STARTS,
) -> list[Task]:
    """Choose searches first ... first + size - 1, a whole batch, from the knowledge so far.

    With targets fewer if less is to be done: those that join targets and, once none of these is left (or before, with
    `bounds_first`), those for upper bounds on the barriers of the others. Searches before `starts` are random starts.
    """
    planner = _Planner(known, starts)
    if known.targets is not None:
        if bounds_first:
            return planner.bounding(first, size, seed) or planner.joining(first, size, seed)
        return planner.joining(first, size, seed) or planner.bounding(first, size, seed)
    return [planner.task(search, seed, cycle) for search in range(first, first + size)]


def hopeless(known: Knowledge) -> NDArray[np.int64]:
    """Targets, by position, that are given up: even the best way has a gap that was tried too often."""
    return _Planner(known).hopeless()


class _Planner:
    """Plans one batch; pairs that it has already chosen count as tried."""

    def __init__(self, known: Knowledge, starts: int = RANDOM_STARTS) -> None:
        self.known, self.starts = known, starts
        self.tries = dict(known.tries)
        self._ways: tuple[Array, NDArray[np.int64]] | None = None

    def task(self, search: int, seed: int, cycle: Sequence[str]) -> Task:
        if search < self.starts or not len(self.known.ids):
            return Task(search, "collapsed" if search < FIRST_COLLAPSED else "start", seed)
        kind = cycle[search % len(cycle)]
        rng = rng_of(seed, search, 0)
        if kind in _PAIRS:
            pair = _PAIRS[kind](self, rng)
            if pair is not None:
                return self._between(search, kind, seed, pair)
            kind = "saddle"
        if kind in {"start", "collapsed"}:
            return Task(search, kind, seed)
        choose = {"hop": self._low, "saddle": self._least_connected, "escape": self._outside}[kind]
        return Task(search, kind, seed, start=self.known.numbered(choose(rng)))

    def _between(self, search: int, kind: str, seed: int, pair: Pair) -> Task:
        start, partner = (self.known.numbered(k) for k in pair)
        key = (min(start[0], partner[0]), max(start[0], partner[0]))
        repeat = self.tries.get(key, 0)
        self.tries[key] = repeat + 1
        return Task(search, kind, seed, start, partner, repeat)

    def tried(self, pair: Sequence[int]) -> int:
        """Number of attempts between two positions."""
        a, b = self.known.ids[list(pair)].tolist()
        return self.tries.get((min(a, b), max(a, b)), 0)

    def _all_tries(self) -> NDArray[np.int64]:
        """Number of attempts for all known pairs (m,) at once."""
        low, high = np.sort(self.known.ids[self.known.pairs], axis=1).T
        if not self.tries:
            return np.zeros(len(low), np.int64)
        tried = np.array(list(self.tries), dtype=np.int64)
        base = max(int(self.known.ids.max()), int(tried.max())) + 1
        codes = tried @ [base, 1]
        order = np.argsort(codes)
        codes, counts = codes[order], np.fromiter(self.tries.values(), np.int64)[order]
        wanted = low * base + high
        at = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        return np.where(codes[at] == wanted, counts[at], 0)

    def _fresh(self, start: int) -> list[tuple[float, int]]:
        """Distances and positions of the untried neighbors of a minimum."""
        others, distances = self.known.neighbors(start)
        pairs = zip(distances.tolist(), others.tolist(), strict=True)
        return [(distance, k) for distance, k in pairs if not self.tried((start, k))]

    # ------------------------------------------------------------ one minimum

    def _low(self, rng: np.random.Generator) -> int:
        return _rank(rng, len(self.known.ids))

    def _least_connected(self, rng: np.random.Generator) -> int:
        """A low minimum with few known transition states, half of the time from the first component."""
        known = self.known
        rank = np.arange(known.graph.n_minima)
        weight = 1.0 / (1.0 + known.degrees) ** 2 / (1.0 + rank / 100.0)
        if rng.random() < 0.5:
            weight[known.components != 0] = 0.0
        return int(rng.choice(known.graph.n_minima, p=weight / weight.sum()))

    def _outside(self, rng: np.random.Generator) -> int:
        """A low minimum outside the first component: its transition states may lead there."""
        outside = np.flatnonzero(self.known.components != 0)
        return int(outside[_rank(rng, len(outside), LOWEST_FIRST)]) if len(outside) else self._least_connected(rng)

    # ------------------------------------------------------------ two minima

    def _connect(self, rng: np.random.Generator) -> Pair | None:
        """A gap on the best path from the first component to a minimum outside, by Dijkstra's algorithm."""
        outside = np.flatnonzero(self.known.components != 0)
        if not len(outside):
            return None
        _, before = self._dijkstra()
        choices: list[Pair] = []
        for _ in range(EXAMINED):
            choices += self._gaps(before, int(outside[_rank(rng, len(outside), LOWEST_FIRST)]))
            fresh = [pair for pair in choices if not self.tried(pair)]
            if fresh:
                return fresh[0]
        return min(choices, key=self.tried, default=None)

    def joining(self, first: int, size: int, seed: int) -> list[Task]:
        """Search all gaps on the best ways to the targets, the lowest target first, until the batch is full.

        Fewer gaps than searches are tried again, and others as ways around them. No task: nothing is left to join.
        """
        tasks: list[Task] = []
        hopeless = self.hopeless()
        targets = [k for k in self._outer_targets() if k not in hopeless]
        while targets and len(tasks) < size:
            ways = self._dijkstra()[1]
            gaps = dict.fromkeys(pair for target in targets for pair in self._gaps(ways, target))
            tasks += [
                self._between(first + len(tasks) + k, JOINING, seed, pair)
                for k, pair in enumerate([*gaps][: size - len(tasks)])
            ]
            self._ways = None  # the pairs count as tried now
        return tasks

    def bounding(self, first: int, size: int, seed: int) -> list[Task]:
        """Paths from targets that are not joined to the component of the global minimum, the lowest target first.

        Those whose component no search has tried to join come first. The paths lead through the minima on the shortest
        way, or straight to the global minimum if there is no way. Each pair is tried once, and from each component one
        at a time: a path from one of its minima bounds the barriers of all of them.
        """
        ways = self._dijkstra()[1]
        tasks: list[Task] = []
        begun = set[int]()
        targets = self._outer_targets()
        for target in targets[np.argsort(self._was_tried()[targets], kind="stable")].tolist():
            component = int(self.known.components[target])
            if component in begun:
                continue
            way = self._way_in(ways, target)
            pair = sorted(self.known.ids[[target, way[-1]]].tolist())
            if (pair[0], pair[1]) not in self.known.bounded and len(tasks) < min(size, BOUNDS):
                start, *through, partner = (self.known.numbered(k) for k in (target, *way))
                minima = tuple(minimum for _, minimum in through)
                tasks.append(Task(first + len(tasks), BOUNDING, seed, start, partner, through=minima))
                begun.add(component)
        return tasks

    def _was_tried(self) -> NDArray[np.bool_]:
        """Whether searches between two minima lead from the global minimum to each minimum: each left a path."""
        known = self.known
        tried = np.array([*known.tries], dtype=np.int64).reshape(-1, 2)
        tried = tried[np.isin(tried, known.ids).all(axis=1)]
        order = np.argsort(known.ids)
        low, high = np.concatenate([known.graph.edges, order[np.searchsorted(known.ids, tried, sorter=order)]]).T
        matrix = csr_array((np.ones(len(low)), (low, high)), shape=(len(known.ids), len(known.ids)))
        labels = connected_components(matrix, directed=False)[1]
        return labels == labels[0]

    def _way_in(self, before: NDArray[np.int64], target: int) -> list[int]:
        """Minima after `target` on its way, as far as the first in the component of the global minimum."""
        way = []
        for _, k in _walk(before, target):
            way.append(k)
            if self.known.components[k] == 0:
                return way
        return [0]

    def hopeless(self) -> NDArray[np.int64]:
        """Targets that are given up: even the best way has a gap that was tried too often."""
        outer = self._outer_targets()
        if not len(outer):
            return outer
        ways = self._dijkstra()[1]
        given_up = [max(map(self.tried, self._gaps(ways, target)), default=PATIENCE) >= PATIENCE for target in outer]
        return outer[given_up]

    def _outer_targets(self) -> NDArray[np.int64]:
        assert self.known.targets is not None
        targets = np.unique(self.known.targets)
        return targets[self.known.components[targets] != 0]

    def _gaps(self, before: NDArray[np.int64], target: int) -> list[Pair]:
        """Pairs of components on the way back from a target; none if there is no way at all."""
        labels = self.known.components
        return [(a, b) for a, b in _walk(before, int(target)) if labels[a] != labels[b]]

    def _dijkstra(self) -> tuple[Array, NDArray[np.int64]]:
        """Distance of every minimum from the first, and its predecessor on the path."""
        if self._ways is None:
            known = self.known
            weights = (known.distances**POWER + KNOWN) * REPEAT ** self._all_tries()
            edges = np.concatenate([known.pairs, known.graph.edges])
            weights = np.concatenate([weights, np.full(len(known.graph.edges), KNOWN)])
            low, high = np.sort(edges, axis=1).T
            order = np.lexsort((weights, high, low))  # the shortest of parallel ones
            _, first = np.unique(low[order] * known.graph.n_minima + high[order], return_index=True)
            chosen = order[first]
            n = known.graph.n_minima
            matrix = csr_array((weights[chosen], (low[chosen], high[chosen])), shape=(n, n))
            distances, before = dijkstra(matrix, directed=False, indices=0, return_predecessors=True)
            self._ways = distances, before
        return self._ways

    def _untrap(self, rng: np.random.Generator) -> Pair | None:
        """A low minimum behind a high barrier, and its nearest lower neighbor.

        Strodel, Whittleston and Wales, J. Am. Chem. Soc. 129, 16005 (2007).
        """
        known = self.known
        inside = np.flatnonzero(np.isfinite(known.barriers))[1:]
        if not len(inside):
            return None
        losses = known.graph.losses
        score = (known.barriers[inside] - losses[inside]) / (losses[inside] - losses[0] + 1e-6)
        tried_first = inside[np.argsort(-score * rng.random(len(inside)), kind="stable")[:EXAMINED]]
        for start in tried_first.tolist():
            lower = [(d, k) for d, k in self._fresh(start) if k < start]
            if lower:
                return start, min(lower)[1]
        return None

    def _shortcut(self, rng: np.random.Generator) -> Pair | None:
        """Close minima that are connected, but only over a high barrier."""
        known = self.known
        start = self._low(rng)
        highest = minimax_barriers(known.graph, start)
        excess = highest - np.maximum(known.graph.losses, known.graph.losses[start])
        connected = [(excess[k] / d, k) for d, k in self._fresh(start) if np.isfinite(excess[k])]
        return (start, max(connected)[1]) if connected else None

    def _nearest(self, rng: np.random.Generator) -> Pair | None:
        """A low minimum and its nearest untried neighbor."""
        for _ in range(EXAMINED):
            start = self._low(rng)
            if fresh := self._fresh(start):
                return start, min(fresh)[1]
        return None

    def _random(self, rng: np.random.Generator) -> Pair | None:
        if len(self.known.ids) < 2:
            return None
        a, b = rng.choice(len(self.known.ids), 2, replace=False)
        return int(a), int(b)


_PAIRS: dict[str, Callable[[_Planner, np.random.Generator], Pair | None]] = {
    "connect": _Planner._connect,
    "untrap": _Planner._untrap,
    "shortcut": _Planner._shortcut,
    "nearest": _Planner._nearest,
    "random": _Planner._random,
}


def _rank(rng: np.random.Generator, n: int, power: int = 2) -> int:
    """A position 0 ... n - 1, preferably with a low loss."""
    return int(n * rng.random() ** power)


def _walk(before: NDArray[np.int64], position: int) -> list[Pair]:
    """Pairs along the path back to the source."""
    way = []
    while before[position] >= 0:
        way.append((position, int(before[position])))
        position = int(before[position])
    return way
