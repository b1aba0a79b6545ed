"""The store of minima and transition states: one SQLite file that is also a pele database.

Only `landscape.search` adds to a file; `landscape.database` and `landscape.interchange` make new ones.
Reading never executes anything in the file (see `_pickles`). Writes happen in transactions, one per batch, so that a
kill at any moment leaves a valid file.
"""

import bisect
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from landscape.database import _bounds, _discoveries, _finds, _inertias, _schema, _side_tables, _unchecked
from landscape.database._admission import new_minimum_problem, new_transition_state_problem
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
)
from landscape.database._store_points import StoredPoints, near
from landscape.graph import below_minima
from landscape.stationary import Derived, Minimum, StationaryPoint, TransitionState, same_point
from landscape.support import new_file


class Database(StoredPoints, shows=("n_minima", "n_transition_states", "path")):
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
        for number in near(self._transition_state_order, point):
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
