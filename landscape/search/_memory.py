"""State kept from batch to batch, so that planning the next one does not read everything again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landscape.database import Database, graph_of
from landscape.graph import LandscapeGraph
from landscape.search._neighbours import Neighbours
from landscape.search._planning import BATCH, Knowledge, Pair, plan_batch
from landscape.search._searches import Task


class Memory:
    """Neighbors of the minima of a database, and which pairs were tried, as of a number of searches.

    Parameters
    ----------
    database : Database
        The database whose searches are planned batch by batch.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._neighbours = Neighbours(database.network)
        self._tries: dict[Pair, int] = {}
        self._searches = 0  # whose attempts are counted in `_tries`

    def plan(self, first: int, end: int, seed: int, kinds: Sequence[str]) -> list[Task]:
        """Plan searches `first` ... `end` - 1 of one batch from the state when the batch began."""
        begin = first // BATCH * BATCH
        ids, graph = self._known(first, begin)
        self._update(ids, begin)
        pairs, distances = self._neighbours.pairs(ids)
        known = Knowledge(
            ids, lambda number: self._database.minimum(number).point, graph, pairs, distances, self._tries
        )
        return plan_batch(begin, BATCH, seed, known, kinds)[first - begin : end - begin]

    def _known(self, first: int, begin: int) -> tuple[NDArray[np.int64], LandscapeGraph]:
        """Ids of the minima, lowest first, and their graph, without the finds of the batch that begins at `begin`."""
        database = self._database
        if first == begin:
            return database.minimum_ids(), database.graph()
        minima = [m for m in database.minima if m.search is None or m.search < begin]
        states = [t for t in database.transition_states if t.search is None or t.search < begin]
        return np.array([minimum.id for minimum in minima], dtype=np.int64), graph_of(minima, states)

    def _update(self, ids: NDArray[np.int64], begin: int) -> None:
        new = self._neighbours.unknown(ids)
        self._neighbours.update([(number, self._database.minimum(number).point) for number in new])
        for attempt in self._database.attempts(self._searches):
            a, b = attempt.minimum_ids
            if attempt.search < begin and a is not None and b is not None:
                pair = min(a, b), max(a, b)
                self._tries[pair] = self._tries.get(pair, 0) + 1
        self._searches = begin
