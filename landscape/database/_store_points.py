"""An open database: its transactions, its points, and the graph that they form."""

import bisect
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.database import _bounds, _discoveries, _finds, _inertias, _schema, _side_tables
from landscape.database._columns import (
    Columns,
    Records,
    pairs_of,
    read_minima,
    read_transition_states,
    with_sound_ends,
)
from landscape.database._records import StoredMinimum, StoredTransitionState, positions
from landscape.database._rows import SELECT_MINIMA, SELECT_TRANSITION_STATES, RowReader, read_provenance
from landscape.database._side_tables import say
from landscape.database._store_records import StoredRecords
from landscape.graph import LandscapeGraph
from landscape.stationary import StationaryPoint, same_point, value_tolerance
from landscape.support import Result, check_sqlite_file, reading, sqlite_failure

MOST_IN_MEMORY = 20_000  # points that are read when a file is opened; of more, only those requested


class StoredPoints(StoredRecords, Result):
    """The part of `Database` that opens a file, reads its points and groups what is written."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_sqlite_file(self.path)
        with reading(self.path):
            self._connection = _schema.connect(self.path)
        try:
            with reading(self.path):
                _schema.check(self._connection, self.path)
                _discoveries.check(self._connection, self.path)
                _finds.check(self._connection, self.path)
                _bounds.check(self._connection, self.path)
                self._load()
        except BaseException:
            self.close()
            raise
        if self.set_aside:
            say(self.path, self.set_aside)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Context manager: all writes inside happen together or not at all. A second writer waits for 30 seconds.

        Raises
        ------
        TimeoutError
            If another process uses the file for longer.
        OSError
            If the file cannot be written or the disk is full.
        ValueError
            If the file is damaged.
        """
        with _schema.patiently(self._connection):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as error:
                self._explain(error)
                raise
            try:
                if self._data_version() != self._seen_version:
                    self._load()
                yield
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._load()
                if isinstance(error, sqlite3.DatabaseError):
                    self._explain(error)
                raise

    def _explain(self, error: sqlite3.DatabaseError) -> None:
        """Raise an error that names the file if the file is at fault; all others are mistakes of a caller."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # errors that Python itself raises have no code
        if isinstance(error, sqlite3.OperationalError) or code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise sqlite_failure(error, self.path, "cannot be written") from error

    def _picture(self) -> str:
        return self.graph()._picture()

    def _records(self) -> list[Mapping[str, Any]]:
        """One row for each minimum, lowest first."""
        return [
            {
                "id": minimum.id,
                "loss": minimum.point.value,
                "rms_gradient": minimum.point.rms_gradient,
                "trace": minimum.point.trace,
                "hits": minimum.hits,
                "orbit_size": minimum.orbit_size,
                "origin": minimum.origin,
            }
            for minimum in self.minima
        ]

    def _load(self) -> None:
        self.provenance = read_provenance(dict(self._rows("SELECT name, value FROM agescape_provenance")), self.path)
        inertias = _inertias.read_inertias(self._connection, self.path)
        reader = RowReader(self.path, self.provenance.n_parameters, inertias)
        self.network = self.provenance.network
        minima, states = self._read_columns(reader)
        self._known = set(minima.ids.tolist())
        self.set_aside += tuple(_side_tables.unsound_rows(self._connection, self._known))
        found = self._discoveries()
        self._minima = Records(
            self._rows,
            SELECT_MINIMA,
            lambda row: replace(reader.minimum(row), discovery=found.get(row[0])),
            self._ids_aside("minimum"),
        )
        self._transition_states = Records(
            self._rows, SELECT_TRANSITION_STATES, reader.transition_state, self._ids_aside("transition state")
        )
        self._graph: LandscapeGraph | None = None
        self._columns = minima, states  # lowest first, except for points added since `graph` was computed
        self._added: tuple[list[Any], list[Any]] = [], []
        self._minimum_order = pairs_of(minima)
        self._transition_state_order = pairs_of(states)
        if self.n_minima + self.n_transition_states <= MOST_IN_MEMORY:
            self._minima.read_all()
            self._transition_states.read_all()
        self._last_ids: dict[str, int | None] = {}  # of new points
        self._seen_version = self._data_version()

    def _read_columns(self, reader: RowReader) -> tuple[Columns, Columns]:
        """Sound minima and transition states, lowest first; the others go to `set_aside`."""
        minima, bad_minima = read_minima(self._connection, reader)
        states, bad_states = read_transition_states(self._connection, reader)
        minima, (states, homeless) = minima.lowest_first(), with_sound_ends(minima, states.lowest_first())
        halves = [
            row for kind in _side_tables.POINTS for row in _side_tables.points_without_halves(self._connection, kind)
        ]
        self.set_aside = (*bad_minima, *bad_states, *homeless, *halves)
        return minima, states

    def _data_version(self) -> int:
        """Changes when another connection has written."""
        return self._rows("PRAGMA data_version")[0][0]

    @property
    def n_minima(self) -> int:
        """Number of minima."""
        return len(self._minimum_order)

    @property
    def n_transition_states(self) -> int:
        """Number of transition states."""
        return len(self._transition_state_order)

    @property
    def minima(self) -> list[StoredMinimum]:
        """All minima, lowest first; for a large file they are read now (`graph` and `hits` need less)."""
        self._minima.read_all()
        return [self._minima[number] for _, number in self._minimum_order]

    @property
    def transition_states(self) -> list[StoredTransitionState]:
        """All transition states, lowest first; for a large file they are read now."""
        self._transition_states.read_all()
        return [self._transition_states[number] for _, number in self._transition_state_order]

    def minimum(self, number: int) -> StoredMinimum:
        """The minimum with this id; KeyError if there is none."""
        return self._minima[number]

    def graph(self) -> LandscapeGraph:
        """The graph of minima (lowest first, as in `minima`), transition states and upper bounds as plain arrays."""
        if self._graph is None:
            minima, states = (
                columns.with_rows(added).lowest_first()
                for columns, added in zip(self._columns, self._added, strict=True)
            )
            self._columns, self._added = (minima, states), ([], [])
            ends, bounds = self.bounds()
            self._graph = LandscapeGraph(
                minima.values,
                states.values,
                positions(minima.ids, states.ends),
                bound_edges=positions(minima.ids, ends),
                bounds=bounds,
                loss_unit=self.provenance.loss_unit,
            )
        return self._graph

    def minimum_ids(self) -> NDArray[np.int64]:
        """Ids of the minima (n,), lowest first."""
        self.graph()
        return self._columns[0].ids

    def positions(self, numbers: ArrayLike) -> NDArray[np.int64]:
        """Where minima (ids, of any shape) stand among all, lowest first; KeyError if one is not there."""
        return positions(self.minimum_ids(), np.asarray(numbers, dtype=np.int64))

    def hits(self) -> NDArray[np.int64]:
        """Number of searches that ended in each minimum (n,), lowest first."""
        with reading(self.path):
            rows = self._rows("SELECT minimum_id, hits FROM agescape_minima")
        if self.set_aside:
            rows = [row for row in rows if row[0] in self._known]
        ids, hits = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return hits[positions(ids, self.minimum_ids())]

    def find_minimum(self, point: StationaryPoint) -> StoredMinimum | None:
        """The stored minimum that equals `point` modulo symmetry, if there is one; never for a saddle."""
        if point.index:
            return None
        for number in near(self._minimum_order, point):
            if same_point(self.network, self._minima[number].point, point):
                return self._minima[number]
        return None

    def found_by_random_starts(self) -> NDArray[np.int64]:
        """Minimum (id) that each random start led to (s,): fresh ones first, then searches of the kind "start".

        They are independent draws from one distribution. Starts that led to no minimum are left out, and so are
        searches of older files, which do not say what each of them found.
        """
        fresh = [start.minimum_id for start in self.random_starts() if start.minimum_id is not None]
        searches = {attempt.search for attempt in self.attempts() if attempt.kind == "start"}
        names = {one.search: (one.seed, one.number) for one in self.search_origins() if one.search in searches}
        minima = [find for find in self.finds() if find.point == "minimum" and find.search in names]
        searched = [find.point_id for find in sorted(minima, key=lambda find: names[find.search])]
        found = np.array(fresh + searched, dtype=np.int64)
        return found[np.isin(found, self.minimum_ids())]


def near(order: list[tuple[float, int]], point: StationaryPoint) -> list[int]:
    """Ids of the points whose loss may equal that of `point`, nearest first.

    Uses four times its own tolerance, which covers that of another quench to the same point.
    """
    value, width = point.value, 4.0 * value_tolerance(point.known)
    low = bisect.bisect_left(order, (value - width, -1))
    high = bisect.bisect_right(order, (value + width, np.inf))
    return [number for _, number in sorted(order[low:high], key=lambda pair: abs(pair[0] - value))]
