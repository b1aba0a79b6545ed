"""Reading of what accompanies the points of a database: searches, random starts, snapshots, bounds on barriers."""

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.database import _bounds, _schema, _side_tables, _unchecked
from landscape.database._records import Attempt, Bound, Discovery, Find, Provenance, RandomStart, SearchOrigin, SetAside
from landscape.database._side_tables import SideTable
from landscape.support import reading

Array = NDArray[np.float64]


class StoredRecords:
    """The part of `Database` that reads everything but points and the graph."""

    path: Path
    provenance: Provenance
    set_aside: tuple[SetAside, ...]
    _connection: sqlite3.Connection
    _known: set[int]  # ids of the minima

    def _rows(self, query: str, *values: Any) -> list[tuple]:
        return self._connection.execute(query, values).fetchall()  # an unfinished cursor would lock the file

    def _ids_aside(self, kind: str) -> set[int]:
        return {row.id for row in self.set_aside if row.kind == kind}

    def _side_rows(self, table: SideTable, columns: str, condition: str = "", *values: Any) -> list[tuple]:
        """Sound rows of a table that old files may lack."""
        if table.name not in _schema.tables(self._connection):
            return []
        return self._rows(f"SELECT {columns} FROM {table.name} WHERE {table.sound} {condition}", *values)

    def _discoveries(self) -> dict[int, Discovery]:
        rows = self._side_rows(_side_tables.DISCOVERIES, "minimum_id, run, replica, step, method")
        return {number: Discovery(*values) for number, *values in rows if number in self._known}

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
