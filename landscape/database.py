"""The store of minima and transition states: one SQLite file that is also a pele database.

Only `landscape.exploration` adds to a file; `landscape.merging` and `landscape.interchange` make new ones.
Reading never runs what is in the file (see `_pickles`). Writes happen in transactions, one per batch, so that a
kill at any moment leaves a valid file.
"""

import bisect
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from landscape import _discoveries, _finds, _schema, symmetry
from landscape._columns import Columns, Records, pairs_of, places, read_minima, read_transition_states
from landscape._pickles import dump_array
from landscape._rows import SELECT_MINIMA, SELECT_TRANSITION_STATES, RowReader, read_provenance
from landscape.connectivity import LandscapeGraph
from landscape.files import new_file
from landscape.networks import MLP
from landscape.reading import reading
from landscape.records import (
    Attempt,
    Discovery,
    Find,
    Provenance,
    RandomStart,
    SearchOrigin,
    StoredMinimum,
    StoredTransitionState,
)
from landscape.stationary import VALUE_TOLERANCE, Minimum, StationaryPoint, TransitionState, same_point

Array = NDArray[np.float64]

MOST_IN_MEMORY = 20_000  # points that are read whole when a file is opened; of more, those that are asked for


class Database:
    """Minima, transition states and where they came from.

    Parameters
    ----------
    path : path
        An existing file; `Database.create` makes a new one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not ours, is damaged, or holds a pickle that is not a plain array: the message
        names the path and the offending name.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            msg = f"no database at {self.path}"
            raise FileNotFoundError(msg)
        self._connection = _schema.connect(self.path)
        try:
            with reading(self.path):
                _schema.check(self._connection, self.path)
                _discoveries.check(self._connection, self.path)
                _finds.check(self._connection, self.path)
                self._load()
        except ValueError:
            self.close()
            raise

    @classmethod
    def create(cls, path: str | Path, provenance: Provenance) -> Self:
        """Make a new database file.

        Raises
        ------
        FileExistsError
            If there is a file already.
        """
        path = Path(path)
        if path.exists():
            msg = f"{path} exists already"
            raise FileExistsError(msg)
        values = {**asdict(provenance), "schema": _schema.VERSION}
        try:
            with new_file(path) as unfinished:
                _schema.create(unfinished, [(name, json.dumps(value)) for name, value in values.items()])
        except sqlite3.Error as error:
            msg = f"{path} cannot be made: {error}"
            raise OSError(msg) from error
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ reading

    def _rows(self, query: str, *values: Any) -> list[tuple]:
        return self._connection.execute(query, values).fetchall()  # a cursor left half-way would lock the file

    def _load(self) -> None:
        self.provenance = read_provenance(dict(self._rows("SELECT name, value FROM agescape_provenance")), self.path)
        reader = RowReader(self.path, self.provenance.n_parameters)
        self.network = self.provenance.network
        found = _discoveries.read_discoveries(self._connection, self.path)
        self._minima = Records(
            self._rows, SELECT_MINIMA, lambda row: replace(reader.minimum(row), discovery=found.get(row[0]))
        )
        self._transition_states = Records(self._rows, SELECT_TRANSITION_STATES, reader.transition_state)
        minima = read_minima(self._connection, reader).lowest_first()
        states = read_transition_states(self._connection, reader).lowest_first()
        self._check_ends(minima, states)
        self._graph: LandscapeGraph | None = None
        self._columns = minima, states  # lowest first, but for what was added since `graph` was asked for
        self._added: tuple[list[Any], list[Any]] = [], []
        self._minimum_order = pairs_of(minima)
        self._transition_state_order = pairs_of(states)
        if self.n_minima + self.n_transition_states <= MOST_IN_MEMORY:
            self._minima.read_all()
            self._transition_states.read_all()
        self._seen_version = self._data_version()

    def _data_version(self) -> int:
        """Changes when another connection has written."""
        return self._rows("PRAGMA data_version")[0][0]

    def _check_ends(self, minima: Columns, states: Columns) -> None:
        unknown = ~np.isin(states.ends, minima.ids).all(axis=1)
        if unknown.any():
            k = int(np.argmax(unknown))
            joined = tuple(states.ends[k].tolist())
            msg = f"{self.path} is damaged: transition state {states.ids[k]} joins minima {joined}"
            raise ValueError(msg)
        below = (
            states.values
            < minima.values[places(minima.ids, states.ends)].max(axis=1, initial=-np.inf) - VALUE_TOLERANCE
        )
        if below.any():
            msg = f"{self.path} is damaged: transition state {states.ids[below.argmax()]} lies below one of its minima"
            raise ValueError(msg)

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
        """All minima, lowest first; of a large file they are read now (`graph` and `hits` need less)."""
        self._minima.read_all()
        return [self._minima[number] for _, number in self._minimum_order]

    @property
    def transition_states(self) -> list[StoredTransitionState]:
        """All transition states, lowest first; of a large file they are read now."""
        self._transition_states.read_all()
        return [self._transition_states[number] for _, number in self._transition_state_order]

    def minimum(self, number: int) -> StoredMinimum:
        """The minimum with this id; KeyError if there is none."""
        return self._minima[number]

    @property
    def n_attempts(self) -> int:
        """Number of searches made."""
        with reading(self.path):
            return self._rows("SELECT COUNT(*) FROM agescape_attempts")[0][0]

    def attempts(self, first: int = 0) -> list[Attempt]:
        """All searches made, in order, from number `first` on."""
        with reading(self.path):
            rows = self._rows("SELECT * FROM agescape_attempts WHERE search >= ? ORDER BY search", first)
        self._check_types("attempts", rows, int, str, int | None, int | None, str, int)
        return [Attempt(search, kind, (a, b), status, cost) for search, kind, a, b, status, cost in rows]

    def search_origins(self) -> list[SearchOrigin]:
        """Which searches these are, as far as the file says so: files of older versions do not."""
        with reading(self.path):
            return _finds.read_origins(self._connection, self.path)

    def finds(self) -> list[Find]:
        """What each search found, as far as the file says so."""
        with reading(self.path):
            return _finds.read_finds(self._connection, self.path)

    def random_starts(self) -> list[RandomStart]:
        """The fresh random starts that were quenched for an estimate, by seed and number."""
        with reading(self.path):
            return _finds.read_starts(self._connection, self.path)

    def found_by_random_starts(self) -> NDArray[np.int64]:
        """Minimum (id) that each random start led to (s,): fresh ones first, then searches of the kind "start".

        Independent draws, all alike. Starts that led to no minimum are left out, and searches of older files, which do
        not say what each of them found.
        """
        fresh = [start.minimum_id for start in self.random_starts() if start.minimum_id is not None]
        with reading(self.path):
            searched = _finds.read_start_finds(self._connection)
        found = np.array(fresh + [number for *_, number in searched], dtype=np.int64)
        return found[np.isin(found, self.minimum_ids())]

    def inherent_structures(self, method: str) -> dict[str, int | None]:
        """Minimum (id, or None for none) of every point quenched with `method`, by the point's digest."""
        with reading(self.path):
            query = "SELECT point, minimum_id FROM agescape_inherent_structures WHERE method = ?"
            rows = self._rows(query, method)
        self._check_types("inherent structures", rows, str, int | None)
        return dict(rows)

    def discoveries(self) -> dict[int, Discovery]:
        """Which snapshot found a minimum, by the minimum's id, of those that a snapshot found."""
        with reading(self.path):
            return _discoveries.read_discoveries(self._connection, self.path)

    def unmapped(self, method: str) -> dict[str, str]:
        """Why points quenched with `method` (their digests) belong to no minimum, as far as it was noted."""
        with reading(self.path):
            return _discoveries.read_unmapped(self._connection, self.path, method)

    def _check_types(self, what: str, rows: list[tuple], *types: Any) -> None:
        """Raise a ValueError that names a value of a wrong type: columns of SQLite hold any."""
        for row in rows:
            for value, kind in zip(row, types, strict=True):
                if not isinstance(value, kind):
                    msg = f"{self.path} is damaged: among its {what} there is {value!r:.200}"
                    raise ValueError(msg)

    def quench_methods(self) -> list[str]:
        """The methods for which `inherent_structures` has something to say."""
        with reading(self.path):
            rows = self._rows("SELECT DISTINCT method FROM agescape_inherent_structures ORDER BY method")
        self._check_types("inherent structures", rows, str)
        return [method for (method,) in rows]

    def derived_columns(self) -> dict[tuple[str, int], tuple]:
        """What the file says beside each point and could be computed from it, by (kind, id), for `verify`.

        Canonical key, log-determinant, trace, pele's log product of frequencies and point-group order; of a
        transition state also pele's eigenvalue.
        """
        with reading(self.path):
            minima = self._rows(
                "SELECT _id, canonical_key, log_determinant, trace, fvib, pgorder"
                " FROM tbl_minima JOIN agescape_minima ON _id = minimum_id"
            )
            states = self._rows(
                "SELECT _id, canonical_key, log_determinant, trace, fvib, pgorder, eigenval"
                " FROM tbl_transition_states JOIN agescape_transition_states ON _id = transition_state_id"
            )
        rows = {("minimum", number): tuple(values) for number, *values in minima}
        return rows | {("transition state", number): tuple(values) for number, *values in states}

    def graph(self) -> LandscapeGraph:
        """The network of minima (lowest first, as in `minima`) and transition states as plain arrays."""
        if self._graph is None:
            minima, states = (
                columns.with_rows(added).lowest_first()
                for columns, added in zip(self._columns, self._added, strict=True)
            )
            self._columns, self._added = (minima, states), ([], [])
            self._graph = LandscapeGraph(minima.values, states.values, places(minima.ids, states.ends))
        return self._graph

    def minimum_ids(self) -> NDArray[np.int64]:
        """Ids of the minima (n,), lowest first."""
        self.graph()
        return self._columns[0].ids

    def hits(self) -> NDArray[np.int64]:
        """Number of searches that ended in each minimum (n,), lowest first."""
        with reading(self.path):
            rows = self._rows("SELECT minimum_id, hits FROM agescape_minima")
            ids, hits = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return hits[places(ids, self.minimum_ids())]

    def find_minimum(self, point: Minimum) -> StoredMinimum | None:
        """The stored minimum that is the same as `point` modulo symmetry, if there is one."""
        for number in _near(self._minimum_order, point.value):
            if same_point(self.network, self._minima[number].point, point):
                return self._minima[number]
        return None

    # ------------------------------------------------------------ writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all. A second writer waits for 30 seconds."""
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
        """Raise an error that names the file, if it is its fault: all others are mistakes of a caller.

        TimeoutError where another process uses it, OSError for a full disk, ValueError where it is damaged.
        """
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # those that Python itself raises have none
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            msg = f"{self.path} is being used by another process: {error}"
            raise TimeoutError(msg) from error
        if isinstance(error, sqlite3.OperationalError):
            msg = f"{self.path} cannot be written: {error}"
            raise OSError(msg) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            msg = f"{self.path} is damaged: {error}"
            raise ValueError(msg) from error

    def add_minimum(
        self,
        point: Minimum,
        *,
        origin: str,
        search: int | None = None,
        hits: int = 1,
        discovery: Discovery | None = None,
    ) -> tuple[int, bool]:
        """Store a minimum, or count so many more hits of a known one: its id, and whether it is new."""
        self._check_transaction()
        if known := self.find_minimum(point):
            self._hit("minima", "minimum_id", known.id, hits)
            self._minima[known.id] = replace(known, hits=known.hits + hits)
            return known.id, False
        extra = Derived.of(self.network, point)
        cursor = self._connection.execute(
            "INSERT INTO tbl_minima (energy, coords, fvib, pgorder, invalid) VALUES (?, ?, ?, ?, 0)",
            (point.value, dump_array(point.coordinates), point.log_determinant, extra.stabilizer),
        )
        number = int(cursor.lastrowid or 0)
        self._insert_extra("agescape_minima", number, point, extra, hits, origin, search)
        if discovery is not None:
            _discoveries.write_discovery(self._connection, number, discovery)
        self._minima[number] = StoredMinimum(number, point, hits, origin, search, extra.orbit_size, discovery)
        self._graph = None
        self._added[0].append((number, point.value))
        bisect.insort(self._minimum_order, (point.value, number))
        return number, True

    def add_transition_state(
        self,
        point: TransitionState,
        minimum_ids: tuple[int, int],
        *,
        origin: str,
        search: int | None = None,
        hits: int = 1,
    ) -> tuple[int, bool]:
        """Store a transition state between two minima, or count more hits of a known one: its id, and whether new."""
        self._check_transaction()
        first, second = sorted(minimum_ids)
        for number in _near(self._transition_state_order, point.value):
            known = self._transition_states[number]
            if known.minimum_ids == (first, second) and same_point(self.network, known.point, point):
                self._hit("transition_states", "transition_state_id", number, hits)
                self._transition_states[number] = replace(known, hits=known.hits + hits)
                return number, False
        extra = Derived.of(self.network, point)
        cursor = self._connection.execute(
            "INSERT INTO tbl_transition_states (energy, coords, _minimum1_id, _minimum2_id, eigenval, eigenvec, fvib,"
            " pgorder, invalid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (point.value, dump_array(point.coordinates), first, second, float(point.eigenvalues[0]),
             dump_array(point.eigenvector), point.log_product, extra.stabilizer),
        )  # fmt: skip
        number = int(cursor.lastrowid or 0)
        self._insert_extra("agescape_transition_states", number, point, extra, hits, origin, search)
        stored = StoredTransitionState(number, point, (first, second), hits, origin, search, extra.orbit_size)
        self._transition_states[number] = stored
        self._graph = None
        self._added[1].append((number, point.value, first, second))
        bisect.insort(self._transition_state_order, (point.value, number))
        return number, True

    def add_attempt(self, attempt: Attempt, origin: SearchOrigin | None = None, finds: Sequence[Find] = ()) -> None:
        """Remember that a search was made, which one it was, and what it found."""
        self._connection.execute(
            "INSERT INTO agescape_attempts VALUES (?, ?, ?, ?, ?, ?)",
            (attempt.search, attempt.kind, *attempt.minimum_ids, attempt.status, attempt.hessian_evaluations),
        )
        if origin is not None:
            _finds.write_search(self._connection, origin, finds)

    def add_hits(self, point: str, number: int, hits: int) -> None:
        """Count so many more hits of a "minimum" or "transition state" (id)."""
        self._check_transaction()
        if point == "minimum":
            self._hit("minima", "minimum_id", number, hits)
            self._minima[number] = replace(self._minima[number], hits=self._minima[number].hits + hits)
        else:
            self._hit("transition_states", "transition_state_id", number, hits)
            known = self._transition_states[number]
            self._transition_states[number] = replace(known, hits=known.hits + hits)

    def add_random_start(self, start: RandomStart) -> None:
        """Remember where a fresh random start led."""
        _finds.write_start(self._connection, start)

    def add_inherent_structure(
        self, point: str, method: str, minimum_id: int | None, reason: str | None = None
    ) -> None:
        """Remember in which minimum the quench of a point (its digest) ended, or the reason why in none."""
        self._connection.execute(
            "INSERT OR REPLACE INTO agescape_inherent_structures VALUES (?, ?, ?)", (point, method, minimum_id)
        )
        if minimum_id is None and reason is not None:
            _discoveries.write_unmapped(self._connection, point, method, reason)

    def _check_transaction(self) -> None:
        if not self._connection.in_transaction:
            msg = "points are added inside `with database.transaction():`, so that a kill leaves no half of one"
            raise RuntimeError(msg)

    def _insert_extra(
        self,
        table: str,
        number: int,
        point: StationaryPoint,
        extra: "Derived",
        hits: int,
        origin: str,
        search: int | None,
    ) -> None:
        self._connection.execute(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, extra.key, hits, origin, search, point.rms_gradient, point.eigenvalues.astype("<f8").tobytes(),
             point.log_determinant, point.trace, str(extra.orbit_size)),
        )  # fmt: skip

    def _hit(self, table: str, column: str, number: int, hits: int) -> None:
        self._connection.execute(f"UPDATE agescape_{table} SET hits = hits + ? WHERE {column} = ?", (hits, number))


@dataclass(frozen=True)
class Derived:
    """What a file says beside a point, for those who cannot compute it."""

    key: str  # digest of the canonical form: equal for bit-identical points modulo symmetry
    orbit_size: int
    stabilizer: int  # pele's point-group order

    @classmethod
    def of(cls, network: MLP | None, point: StationaryPoint) -> Self:
        """Compute it for a point of a network, None for a loss without known symmetries."""
        orbit = symmetry.orbit_size(network, point.coordinates)
        key = hashlib.sha256(symmetry.canonical_form(network, point.coordinates).tobytes()).hexdigest()
        return cls(key, orbit, min(symmetry.group_order(network) // orbit, 2**63 - 1))


def _near(order: list[tuple[float, int]], value: float) -> list[int]:
    """Ids of the points whose loss is within the tolerance of `value`, nearest first."""
    low = bisect.bisect_left(order, (value - VALUE_TOLERANCE, -1))
    high = bisect.bisect_right(order, (value + VALUE_TOLERANCE, np.inf))
    return [number for _, number in sorted(order[low:high], key=lambda pair: abs(pair[0] - value))]
