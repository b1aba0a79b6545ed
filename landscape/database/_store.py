"""The store of minima and transition states: one SQLite file that is also a pele database.

Only `landscape.search` adds to a file; `landscape.database` and `landscape.interchange` make new ones.
Reading never executes anything in the file (see `_pickles`). Writes happen in transactions, one per batch, so that a
kill at any moment leaves a valid file.
"""

import bisect
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.database import _bounds, _discoveries, _finds, _inertias, _schema, _side_tables, _unchecked
from landscape.database._admission import new_minimum_problem, new_transition_state_problem
from landscape.database._columns import (
    Columns,
    Records,
    pairs_of,
    read_minima,
    read_transition_states,
    with_sound_ends,
)
from landscape.database._pickles import dump_array
from landscape.database._records import (
    Attempt,
    Bound,
    Discovery,
    Find,
    Provenance,
    RandomStart,
    SearchOrigin,
    SetAside,
    StoredMinimum,
    StoredTransitionState,
    positions,
)
from landscape.database._rows import SELECT_MINIMA, SELECT_TRANSITION_STATES, RowReader, read_provenance
from landscape.database._side_tables import SideTable, say
from landscape.graph import LandscapeGraph, below_minima
from landscape.stationary import Derived, Minimum, StationaryPoint, TransitionState, same_point, value_tolerance
from landscape.support import Result, check_sqlite_file, new_file, reading, sqlite_failure

Array = NDArray[np.float64]

MOST_IN_MEMORY = 20_000  # points that are read when a file is opened; of more, only those requested


class Database(Result, shows=("n_minima", "n_transition_states", "path")):
    """Minima, transition states and their provenance.

    Rows that are damaged or violate physics are not used: `set_aside` holds them (`SetAside`), one log message reports
    them, and `repair` removes them.

    Parameters
    ----------
    path : path
        An existing file; `Database.create` makes a new one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TimeoutError
        If another process keeps it locked for five seconds.
    PermissionError
        If reading it is forbidden.
    ValueError
        If agescape did not write the file, it is damaged as a whole, or it holds a pickle that is not a plain array:
        the message names the path and the offending name.
    """

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

    @classmethod
    def create(cls, path: str | Path, provenance: Provenance) -> Self:
        """Make a new database file.

        Raises
        ------
        FileExistsError
            If the file exists.
        """
        path = Path(path)
        if path.exists():
            msg = f"{path} exists already"
            raise FileExistsError(msg)
        values = {**provenance.stored, "schema": _schema.VERSION}
        try:
            with new_file(path) as unfinished:
                _schema.create(unfinished, [(name, json.dumps(value)) for name, value in values.items()])
        except sqlite3.Error as error:
            msg = f"{path} cannot be created: {error}"
            raise OSError(msg) from error
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ reading

    def _rows(self, query: str, *values: Any) -> list[tuple]:
        return self._connection.execute(query, values).fetchall()  # an unfinished cursor would lock the file

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
        self.set_aside: tuple[SetAside, ...] = (*bad_minima, *bad_states, *homeless, *halves)
        return minima, states

    def _ids_aside(self, kind: str) -> set[int]:
        return {row.id for row in self.set_aside if row.kind == kind}

    def _data_version(self) -> int:
        """Changes when another connection has written."""
        return self._rows("PRAGMA data_version")[0][0]

    def _side_rows(self, table: SideTable, columns: str, condition: str = "", *values: Any) -> list[tuple]:
        """Sound rows of a table that old files may lack."""
        if table.name not in _schema.tables(self._connection):
            return []
        return self._rows(f"SELECT {columns} FROM {table.name} WHERE {table.sound} {condition}", *values)

    def _discoveries(self) -> dict[int, Discovery]:
        rows = self._side_rows(_side_tables.DISCOVERIES, "minimum_id, run, replica, step, method")
        return {number: Discovery(*values) for number, *values in rows if number in self._known}

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

    @property
    def n_attempts(self) -> int:
        """Number of searches."""
        with reading(self.path):
            return _side_tables.next_search(self._connection)

    def attempts(self, first: int = 0) -> list[Attempt]:
        """All searches in order, from number `first` on; minima that are set aside are None."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.ATTEMPTS, "*", "AND search >= ? ORDER BY search", first)
        return [
            Attempt(search, kind, (a if a in self._known else None, b if b in self._known else None), status, cost)
            for search, kind, a, b, status, cost in rows
        ]

    def attempt_statuses(self) -> dict[str, int]:
        """Number of searches by status, the most frequent first."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.ATTEMPTS, "status", "ORDER BY search")
        return dict(Counter(status for (status,) in rows).most_common())

    def search_origins(self) -> list[SearchOrigin]:
        """Identities of the searches, as far as the file contains them; files of older versions do not."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.SEARCHES, "search, seed, number, finds_known", "ORDER BY search")
        return [SearchOrigin(search, int(seed), number, bool(known)) for search, seed, number, known in rows]

    def finds(self) -> list[Find]:
        """What each search found, as far as the file contains it."""
        order = "ORDER BY search, point, point_id"
        with reading(self.path):
            return [Find(*row) for row in self._side_rows(_side_tables.FINDS, "search, point, point_id, hits", order)]

    def random_starts(self) -> list[RandomStart]:
        """The fresh random starts that were quenched for an estimate, by seed and number."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.STARTS, "seed, number, minimum_id, status")
        starts = [RandomStart(int(seed), number, minimum, status) for seed, number, minimum, status in rows]
        return sorted(starts, key=lambda start: (start.seed, start.number))

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

    def n_unrecorded_starts(self) -> int:
        """Number of random starts that ended in a minimum which an older version did not record."""
        recorded = {find.search for find in self.finds()}
        starts = (one for one in self.attempts() if one.kind == "start" and one.status == "CONVERGED")
        return sum(one.search not in recorded for one in starts)

    def inherent_structures(self, method: str) -> dict[str, int | None]:
        """Minimum (id, or None for none) of every point quenched with `method`, by the point's digest."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.INHERENT, "point, minimum_id", "AND method = ?", method)
        return {point: number for point, number in rows if number is None or number in self._known}

    def discoveries(self) -> dict[int, Discovery]:
        """The snapshot that found a minimum, by the minimum's id, for minima found by snapshots."""
        with reading(self.path):
            return self._discoveries()

    def unchecked_ends(self) -> frozenset[int]:
        """Ids of imported transition states whose downhill paths have not been followed."""
        with reading(self.path):
            return _unchecked.read_unchecked(self._connection, self.path)

    def bounds(self) -> tuple[NDArray[np.int64], Array]:
        """Upper bounds on barriers: ids of the two minima (b, 2) and the bound in nats (b,), lowest first."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.BOUNDS, "rowid, minimum1_id, minimum2_id, value", "ORDER BY 4, 2, 3")
        aside = self._ids_aside("bound")
        rows = [row for row in rows if row[0] not in aside and row[1] in self._known and row[2] in self._known]
        ids = np.array([row[1:3] for row in rows], dtype=np.int64).reshape(-1, 2)
        return ids, np.array([row[3] for row in rows], dtype=np.float64)

    def bound(self, minimum_ids: tuple[int, int]) -> Bound:
        """The upper bound on the barrier between two minima (ids), with its path.

        Raises
        ------
        KeyError
            If there is none.
        ValueError
            If its path is damaged.
        """
        pair = min(minimum_ids), max(minimum_ids)
        with reading(self.path):
            rows = self._side_rows(
                _side_tables.BOUNDS, "rowid, value, points", "AND minimum1_id = ? AND minimum2_id = ?", *pair
            )
        if not rows or rows[0][0] in self._ids_aside("bound"):
            raise KeyError(pair)
        ((_, value, blob),) = rows
        return Bound(pair, value, _bounds.points_of(blob, self.provenance.n_parameters))

    def unmapped(self, method: str) -> dict[str, str]:
        """Why points quenched with `method` (their digests) belong to no minimum, as far as recorded."""
        with reading(self.path):
            return dict(self._side_rows(_side_tables.UNMAPPED, "point, reason", "AND method = ?", method))

    def quench_methods(self) -> list[str]:
        """The methods for which `inherent_structures` has entries."""
        with reading(self.path):
            rows = self._side_rows(_side_tables.INHERENT, "DISTINCT method", "ORDER BY method")
        return [method for (method,) in rows]

    def derived_columns(self) -> dict[tuple[str, int], tuple]:
        """Derived quantities stored with each point, by (kind, id), for `verify`.

        Canonical key, log-determinant, trace, pele's log product of frequencies and point-group order; for a
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
        for number in _near(self._minimum_order, point):
            if same_point(self.network, self._minima[number].point, point):
                return self._minima[number]
        return None

    # ------------------------------------------------------------ writing

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

    def add_minimum(
        self,
        point: Minimum,
        *,
        origin: str,
        search: int | None = None,
        hits: int = 1,
        discovery: Discovery | None = None,
    ) -> tuple[int, bool]:
        """Store a minimum, or add `hits` to a known one; return its id and whether it is new.

        Raises
        ------
        ValueError
            If the file could not be read again afterwards: a number is not finite, an eigenvalue negative, ...; or if
            an eigenvalue is zero within rounding: it is not an isolated minimum.
        """
        self._check_transaction()
        _refuse(self.minimum_problem(point))
        if known := self.find_minimum(point):
            self._hit("minima", "minimum_id", known.id, hits)
            self._minima[known.id] = replace(known, hits=known.hits + hits)
            return known.id, False
        extra = Derived.of(self.network, point)
        cursor = self._connection.execute(
            "INSERT INTO tbl_minima (_id, energy, coords, fvib, pgorder, invalid) VALUES (?, ?, ?, ?, ?, 0)",
            (self._free_id("minimum"), float(point.value), dump_array(point.coordinates), point.log_determinant,
             extra.stabilizer),
        )  # fmt: skip
        number = int(cursor.lastrowid or 0)
        self._insert_extra("agescape_minima", number, point, extra, hits, origin, search)
        if discovery is not None:
            _discoveries.write_discovery(self._connection, number, discovery)
        self._known.add(number)
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
        ends_checked: bool = True,
    ) -> tuple[int, bool]:
        """Store a transition state between two minima, or add hits to a known one; return its id and whether it is new.

        Without `ends_checked` its minima are marked as unchecked until a search finds it that has followed the paths.

        Raises
        ------
        ValueError
            If the file could not be read again afterwards (`transition_state_problem`), or an eigenvalue is zero within
            rounding.
        """
        self._check_transaction()
        first, second = sorted(map(int, minimum_ids))
        _refuse(self.transition_state_problem(point, [number for number in (first, second) if number in self._known]))
        for number in _near(self._transition_state_order, point):
            known = self._transition_states[number]
            if known.minimum_ids == (first, second) and same_point(self.network, known.point, point):
                self._hit("transition_states", "transition_state_id", number, hits)
                if ends_checked:
                    _unchecked.mark_checked(self._connection, [number])
                self._transition_states[number] = replace(known, hits=known.hits + hits)
                return number, False
        extra = Derived.of(self.network, point)
        cursor = self._connection.execute(
            "INSERT INTO tbl_transition_states (_id, energy, coords, _minimum1_id, _minimum2_id, eigenval, eigenvec,"
            " fvib, pgorder, invalid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (self._free_id("transition state"), float(point.value), dump_array(point.coordinates), first, second,
             float(point.eigenvalues[0]), dump_array(point.eigenvector), point.log_product, extra.stabilizer),
        )  # fmt: skip
        number = int(cursor.lastrowid or 0)
        self._insert_extra("agescape_transition_states", number, point, extra, hits, origin, search)
        if not ends_checked:
            _unchecked.mark_unchecked(self._connection, number)
        stored = StoredTransitionState(number, point, (first, second), hits, origin, search, extra.orbit_size)
        self._transition_states[number] = stored
        self._graph = None
        self._added[1].append((number, point.value, first, second))
        bisect.insort(self._transition_state_order, (point.value, number))
        return number, True

    def minimum_problem(self, point: Minimum) -> str | None:
        """Why a point cannot be stored as a minimum; None if it can."""
        return new_minimum_problem(point, self.provenance.n_parameters)

    def transition_state_problem(self, point: TransitionState, minimum_ids: Sequence[int] = ()) -> str | None:
        """Why a point cannot be stored as a transition state between these minima; None if it can."""
        problem = new_transition_state_problem(point, self.provenance.n_parameters)
        losses = [self._minima[number].point.value for number in minimum_ids]
        if problem is None and losses and below_minima([point.value], [[max(losses)] * 2]).any():
            return f"it is below one of its minima, by {max(losses) - point.value:.3g} nats"
        return problem

    def _free_id(self, kind: str) -> int | None:
        """Id of a new point, by default SQLite's; if rows are set aside, one that no row of the file names."""
        if not self.set_aside:
            return None
        last = self._last_ids.get(kind)
        self._last_ids[kind] = _side_tables.free_id(self._connection, kind) if last is None else last + 1
        return self._last_ids[kind]

    def add_attempt(self, attempt: Attempt, origin: SearchOrigin | None = None, finds: Sequence[Find] = ()) -> None:
        """Record a search, its identity and what it found."""
        self._connection.execute(
            "INSERT INTO agescape_attempts VALUES (?, ?, ?, ?, ?, ?)",
            (attempt.search, attempt.kind, *attempt.minimum_ids, attempt.status, attempt.hessian_evaluations),
        )
        if origin is not None:
            _finds.write_search(self._connection, origin, finds)

    def add_hits(self, point: str, number: int, hits: int) -> None:
        """Add hits to a "minimum" or "transition state" (id)."""
        self._check_transaction()
        if point == "minimum":
            self._hit("minima", "minimum_id", number, hits)
            self._minima[number] = replace(self._minima[number], hits=self._minima[number].hits + hits)
        else:
            self._hit("transition_states", "transition_state_id", number, hits)
            known = self._transition_states[number]
            self._transition_states[number] = replace(known, hits=known.hits + hits)

    def add_bound(self, bound: Bound) -> None:
        """Record an upper bound on a barrier, unless a lower one between the same minima is known.

        Raises
        ------
        ValueError
            If it is below one of its minima, its minima are not two of the file, or its points have the wrong shape.
        """
        self._check_transaction()
        first, second = bound.minimum_ids
        if not {first, second} <= self._known:
            msg = f"a bound must lie between two minima of {self.path}; got {bound.minimum_ids}"
            raise ValueError(msg)
        losses = [self._minima[number].point.value for number in (first, second)]
        if not first < second or not np.isfinite(bound.value) or not bound.value >= max(losses):
            msg = f"a bound must not lie below its two minima, {losses} nats; got {bound.value} for {bound.minimum_ids}"
            raise ValueError(msg)
        if bound.points.ndim != 2 or bound.points.shape[1] != self.provenance.n_parameters:
            msg = f"points must have shape (K, {self.provenance.n_parameters}); got {bound.points.shape}"
            raise ValueError(msg)
        _bounds.write(self._connection, bound)
        self._graph = None

    def remove_superseded_bounds(self) -> None:
        """Delete the bounds that tell nothing new.

        Those between minima that transition states connect, and those between minima that transition states and lower
        bounds together connect at most as high.
        """
        self._check_transaction()
        graph = self.graph()
        if (useless := _bounds.superseded(graph)).any():
            ends = np.sort(self.minimum_ids()[graph.bound_edges[useless]], axis=1)
            _bounds.remove(self._connection, ends.tolist())
            self._graph = None

    def add_random_start(self, start: RandomStart) -> None:
        """Record where a fresh random start led."""
        _finds.write_start(self._connection, start)

    def add_inherent_structure(
        self, point: str, method: str, minimum_id: int | None, reason: str | None = None
    ) -> None:
        """Record in which minimum the quench of a point (its digest) ended, or why in none."""
        self._connection.execute(
            "INSERT OR REPLACE INTO agescape_inherent_structures VALUES (?, ?, ?)",
            (point, method, None if minimum_id is None else int(minimum_id)),
        )
        if minimum_id is None and reason is not None:
            _discoveries.write_unmapped(self._connection, point, method, reason)

    def remove_set_aside(self) -> tuple[SetAside, ...]:
        """Delete the rows that are set aside and all rows that name them, in one transaction; return them.

        Raises
        ------
        ValueError
            If rows remain that cannot be deleted; then nothing is deleted.
        """
        with self.transaction():
            removed = self.set_aside
            _side_tables.remove(self._connection, removed)
            self._load()
            if self.set_aside:
                msg = f"{self.path} cannot be repaired: {self.set_aside[0]}"
                raise ValueError(msg)
        return removed

    def _check_transaction(self) -> None:
        if not self._connection.in_transaction:
            msg = "points must be added inside `with database.transaction():`, so that a kill leaves no partial point"
            raise RuntimeError(msg)

    def _insert_extra(
        self,
        table: str,
        number: int,
        point: StationaryPoint,
        extra: Derived,
        hits: int,
        origin: str,
        search: int | None,
    ) -> None:
        self._connection.execute(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, extra.key, int(hits), origin, None if search is None else int(search), float(point.rms_gradient),
             np.asarray(point.eigenvalues, "<f8").tobytes(), point.log_determinant, point.trace,
             str(extra.orbit_size)),
        )  # fmt: skip
        if point.inertia is not None:
            kind = "transition state" if isinstance(point, TransitionState) else "minimum"
            _inertias.write(self._connection, kind, number, point.inertia)

    def _hit(self, table: str, column: str, number: int, hits: int) -> None:
        self._connection.execute(f"UPDATE agescape_{table} SET hits = hits + ? WHERE {column} = ?", (hits, number))


def _refuse(problem: str | None) -> None:
    if problem is not None:
        msg = f"a point cannot be stored: {problem}"
        raise ValueError(msg)


def _near(order: list[tuple[float, int]], point: StationaryPoint) -> list[int]:
    """Ids of the points whose loss may equal that of `point`, nearest first.

    Uses four times its own tolerance, which covers that of another quench to the same point.
    """
    value, width = point.value, 4.0 * value_tolerance(point.known)
    low = bisect.bisect_left(order, (value - width, -1))
    high = bisect.bisect_right(order, (value + width, np.inf))
    return [number for _, number in sorted(order[low:high], key=lambda pair: abs(pair[0] - value))]
