"""State kept from batch to batch: which minima lie close together, and which pairs were tried.

So planning the next batch does not read everything again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from landscape import symmetry
from landscape.database import Database, graph_of
from landscape.graph import LandscapeGraph
from landscape.networks import MLP
from landscape.search._planning import BOUNDING, JOINING, RANDOM_STARTS, Knowledge, Pair, hopeless, plan_batch
from landscape.search._searches import Task
from landscape.search._targets import Targets
from landscape.stationary import Minimum
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]

CANDIDATES = 24  # number of earlier minima whose distance is computed: the nearest by invariants


class Memory:
    """Neighbors of the minima of a database, and which pairs were tried, as of a number of searches.

    Parameters
    ----------
    database : Database
        The database whose searches are planned batch by batch.
    batch : int
        Searches of a batch, see `batch_size`.
    """

    def __init__(self, database: Database, batch: int) -> None:
        self._database, self._batch = database, batch
        self._neighbors = Neighbors(database.network)
        self._tries: dict[Pair, int] = {}
        self._bounded: set[Pair] = set()
        self._searches = 0  # whose attempts are counted in `_tries` and `_bounded`
        self._planned = 0  # end of the last batch that was planned

    def plan(
        self,
        first: int,
        end: int,
        seed: int,
        kinds: Sequence[str],
        targets: Targets | None = None,
        *,
        bounds_first: bool = False,
    ) -> list[Task]:
        """Plan searches `first` ... `end` - 1 of one batch from the state when the batch began.

        With targets, only what joins them with the global minimum, or bounds their barriers: no task if nothing is left
        to do. A batch that other searches began is completed by such. Batches of targets may be short; those that
        follow end with the same multiple, too. What an interrupted one was for, its searches tell.
        """
        begin = max(first // self._batch * self._batch, self._planned if self._planned <= first else 0)
        kinds_of = {attempt.search: attempt.kind for attempt in self._database.attempts(begin)}
        begun = [kinds_of.get(search) for search in range(begin, first)]  # None: a damaged row, which is set aside
        if targets is not None and not {JOINING, BOUNDING, None} >= set(begun):
            targets = None
        while True:
            order = begun[0] == BOUNDING if begun else bounds_first
            size = self._batch - begin % self._batch if targets is not None else self._batch
            known = self._knowledge(first, begin, targets)
            tasks = plan_batch(
                begin, size, seed, known, kinds, bounds_first=order, starts=min(RANDOM_STARTS, self._batch)
            )
            if not begun or len(tasks) > len(begun):
                self._planned = begin + len(tasks)
                return tasks[len(begun) : end - begin]
            begin, begun = begin + (len(tasks) or len(begun)), begun[len(tasks) or len(begun) :]

    def given_up(self, targets: Targets) -> NDArray[np.int64]:
        """Ids of the targets that no search will join: every way to them has a gap that was tried too often."""
        now = self._database.n_attempts
        return self._database.minimum_ids()[hopeless(self._knowledge(now, now, targets))]

    def _knowledge(self, first: int, begin: int, targets: Targets | None) -> Knowledge:
        ids, graph = self._known(first, begin)
        self._update(ids, begin)
        pairs, distances = self._neighbors.pairs(ids)
        positions = None if targets is None else targets.among(ids, self._database)
        return Knowledge(
            ids,
            lambda number: self._database.minimum(number).point,
            graph,
            pairs,
            distances,
            self._tries,
            positions,
            self._bounded,
        )

    def _known(self, first: int, begin: int) -> tuple[NDArray[np.int64], LandscapeGraph]:
        """Ids of the minima, lowest first, and their graph, without the finds of the batch that begins at `begin`."""
        database = self._database
        if first == begin:
            return database.minimum_ids(), database.graph()
        minima = [m for m in database.minima if m.search is None or m.search < begin]
        states = [t for t in database.transition_states if t.search is None or t.search < begin]
        return np.array([minimum.id for minimum in minima], dtype=np.int64), graph_of(minima, states)

    def _update(self, ids: NDArray[np.int64], begin: int) -> None:
        new = self._neighbors.unknown(ids)
        self._neighbors.update([(number, self._database.minimum(number).point) for number in new])
        for attempt in self._database.attempts(self._searches):
            a, b = attempt.minimum_ids
            if attempt.search < begin and a is not None and b is not None:
                pair = min(a, b), max(a, b)
                if attempt.kind == BOUNDING:
                    self._bounded.add(pair)
                else:
                    self._tries[pair] = self._tries.get(pair, 0) + 1
        self._searches = begin


class Neighbors:
    """Pairs of minima that may be close, with their distance after alignment.

    A minimum is paired with the nearest of those with smaller ids, so that pairs among earlier minima do not depend on
    later ones.
    """

    def __init__(self, network: MLP | PermutationSpec | None) -> None:
        self._network = network
        self._points: list[Array] = []
        self._ids = _Rows(np.int64)
        self._invariants = _Rows(np.float64)
        self._pairs = _Rows(np.int64)  # (k, 2) ids
        self._distances = _Rows(np.float64)

    def unknown(self, numbers: NDArray[np.int64]) -> list[int]:
        """Those of the ids (n,) that have not been added, ascending."""
        return np.setdiff1d(numbers, self._ids.values).tolist()

    def update(self, minima: Sequence[tuple[int, Minimum]]) -> None:
        """Add new minima (id, minimum)."""
        known = set(self._ids.values.tolist())
        for number, minimum in sorted(minima, key=lambda pair: pair[0]):
            if number not in known:
                self._add(number, minimum.coordinates)

    def _add(self, number: int, point: Array) -> None:
        own = symmetry.invariants(self._network, point)
        if self._points:
            nearest = _smallest(cdist(own[None], self._invariants.values)[0])
            self._pairs.append(np.column_stack([self._ids.values[nearest], np.full(len(nearest), number)]))
            others = np.array([self._points[k] for k in nearest])
            self._distances.append(symmetry.distances(self._network, point, others))
        self._ids.append(np.array([number]))
        self._points.append(point)
        self._invariants.append(own[None])

    def pairs(self, numbers: ArrayLike) -> tuple[NDArray[np.int64], Array]:
        """Pairs among the minima with these ids, as positions (m, 2) in the sequence, and distances (m,)."""
        if len(self._points) < 2:
            return np.empty((0, 2), np.int64), np.empty(0)
        numbers = np.asarray(numbers, dtype=np.int64)
        position = np.full(int(self._ids.values.max()) + 1, -1, dtype=np.int64)
        position[numbers] = np.arange(len(numbers))
        places = position[self._pairs.values]
        inside = (places >= 0).all(axis=1)
        return places[inside], self._distances.values[inside]


class _Rows:
    """An array with amortized appending of rows."""

    def __init__(self, dtype: type) -> None:
        self._array, self._used = np.empty(0, dtype), 0

    @property
    def values(self) -> NDArray[Any]:
        """All rows, as a view that is valid until the next append."""
        return self._array[: self._used]

    def append(self, rows: NDArray[Any]) -> None:
        end = self._used + len(rows)
        if end > len(self._array):
            larger = np.empty((max(end, 2 * self._used), *rows.shape[1:]), self._array.dtype)
            if self._used:
                larger[: self._used] = self.values
            self._array = larger
        self._array[self._used : end] = rows
        self._used = end


def _smallest(gaps: Array) -> NDArray[np.intp]:
    """Positions of the `CANDIDATES` smallest, ascending; the first among equal ones."""
    if len(gaps) <= CANDIDATES:
        return np.argsort(gaps, kind="stable")
    low = np.flatnonzero(gaps <= np.partition(gaps, CANDIDATES - 1)[CANDIDATES - 1])
    return low[np.argsort(gaps[low], kind="stable")][:CANDIDATES]
