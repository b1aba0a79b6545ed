"""The tables about searches and snapshots: which of their rows are sound, and removal.

SQLite checks the types, so that a million rows take no time; a row that names a minimum must name an existing one.
"""

import logging
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from landscape.database import _bounds, _discoveries, _finds, _schema, _unchecked
from landscape.database._records import SetAside
from landscape.graph import below_minima

MOST_SEARCHES = 2**53  # larger numbers are invalid
SOME = 500  # values per statement
NAMED = 2  # rows named in a message

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SideTable:
    """One of these tables."""

    kind: str  # of its rows, as in `SetAside`
    name: str
    key: str  # column that identifies its rows
    sound: str  # condition for a row to be used
    minima: tuple[str, ...] = ()  # columns that name minima, or are NULL


def _types(**columns: str) -> str:
    return " AND ".join(f"typeof({name}) IN ({kinds})" for name, kinds in columns.items())


INTEGER, TEXT, MAYBE = "'integer'", "'text'", "'integer', 'null'"
ATTEMPTS = SideTable(
    "attempt",
    "agescape_attempts",
    "search",
    f"search BETWEEN 0 AND {MOST_SEARCHES} AND "
    + _types(kind=TEXT, minimum1_id=MAYBE, minimum2_id=MAYBE, status=TEXT, hessian_evaluations=INTEGER),
)
INHERENT = SideTable(
    "inherent structure",
    "agescape_inherent_structures",
    "rowid",
    _types(point=TEXT, method=TEXT, minimum_id=MAYBE),
    ("minimum_id",),
)
DISCOVERIES = SideTable(
    "discovery",
    _discoveries.DISCOVERIES,
    "minimum_id",
    _types(run=TEXT, replica=INTEGER, step=INTEGER, method=TEXT) + " AND replica >= 0 AND step >= 0",
    ("minimum_id",),
)
UNMAPPED = SideTable("unmapped snapshot", _discoveries.UNMAPPED, "rowid", _types(point=TEXT, method=TEXT, reason=TEXT))
# seeds are text, because they may be larger than SQLite's integers
_SEED = (
    "length(seed) BETWEEN 1 AND 1000 AND ltrim(seed, '-') <> '' AND ltrim(seed, '-') NOT GLOB '*[^0-9]*'"
    " AND length(seed) <= length(ltrim(seed, '-')) + 1"
)
SEARCHES = SideTable(
    "search identity",
    _finds.SEARCHES,
    "search",
    _types(seed=TEXT, number=INTEGER, finds_known=INTEGER) + f" AND finds_known IN (0, 1) AND {_SEED}",
)
FINDS = SideTable(
    "find",
    _finds.FINDS,
    "rowid",
    _types(search=INTEGER, point=TEXT, point_id=INTEGER, hits=INTEGER)
    + f" AND point IN {_finds.POINTS!r} AND hits BETWEEN 1 AND {MOST_SEARCHES}",
)
STARTS = SideTable(
    "random start",
    _finds.STARTS,
    "rowid",
    _types(seed=TEXT, number=INTEGER, minimum_id=MAYBE, status=TEXT) + f" AND {_SEED}",
    ("minimum_id",),
)
BOUNDS = SideTable(
    "bound",
    _bounds.BOUNDS,
    "rowid",
    _types(minimum1_id=INTEGER, minimum2_id=INTEGER, value="'real'", points="'blob'")
    + " AND minimum1_id < minimum2_id AND abs(value) < 9e999 AND length(points) > 0 AND length(points) % 8 = 0",
    ("minimum1_id", "minimum2_id"),
)
ALL = (ATTEMPTS, INHERENT, DISCOVERIES, UNMAPPED, SEARCHES, FINDS, STARTS, BOUNDS)
POINTS = {
    "minimum": ("tbl_minima", "agescape_minima", "minimum_id"),
    "transition state": ("tbl_transition_states", "agescape_transition_states", "transition_state_id"),
}


def unsound_rows(connection: sqlite3.Connection, known: Collection[int]) -> list[SetAside]:
    """Rows of these tables that are not used; `known` are the ids of the minima that are used."""
    found = []
    present = _schema.tables(connection)
    for table in (table for table in ALL if table.name in present):
        query = f"SELECT {table.key} FROM {table.name} WHERE NOT ({table.sound}) ORDER BY {table.key}"
        found += [SetAside(table.kind, key, "a value in it is of a wrong kind") for (key,) in connection.execute(query)]
        for column in table.minima:
            found += _homeless(connection, table, column, known)
    return found + (_bounds_below_minima(connection, known) if BOUNDS.name in present else [])


def _homeless(connection: sqlite3.Connection, table: SideTable, column: str, known: Collection[int]) -> list[SetAside]:
    """Rows that name a missing minimum in this column."""
    named = connection.execute(
        f"SELECT DISTINCT {column} FROM {table.name} WHERE {column} IS NOT NULL AND {table.sound}"
    )
    found = []
    for unknown in _some(number for (number,) in named.fetchall() if number not in known):
        rows = connection.execute(
            f"SELECT {table.key}, {column} FROM {table.name} WHERE {column} IN ({_places(unknown)})"
            f" AND {table.sound} ORDER BY {table.key}",
            unknown,
        )
        found += [
            SetAside(table.kind, key, f"it names minimum {number}, which is missing or damaged") for key, number in rows
        ]
    return found


def _bounds_below_minima(connection: sqlite3.Connection, known: Collection[int]) -> list[SetAside]:
    """Bounds on the barrier between two minima that lie below one of them."""
    rows = connection.execute(
        f"SELECT b.rowid, a.energy, z.energy, value, a._id, z._id FROM {BOUNDS.name} b JOIN tbl_minima a"
        f" ON a._id = minimum1_id JOIN tbl_minima z ON z._id = minimum2_id WHERE {BOUNDS.sound} ORDER BY 1"
    )
    rows = [row for row in rows.fetchall() if row[4] in known and row[5] in known]
    numbers = np.array([row[1:4] for row in rows], dtype=np.float64).reshape(-1, 3)
    below = below_minima(numbers[:, 2], numbers[:, :2])
    return [
        SetAside(BOUNDS.kind, row[0], f"it is below one of its minima {row[4]} and {row[5]}")
        for row, wrong in zip(rows, below, strict=True)
        if wrong
    ]


def points_without_halves(connection: sqlite3.Connection, kind: str) -> list[SetAside]:
    """Certificates without a point; points without a certificate are pele's own and are ignored."""
    theirs, ours, key = POINTS[kind]
    rows = connection.execute(f"SELECT {key} FROM {ours} WHERE {key} NOT IN (SELECT _id FROM {theirs})")
    return [SetAside(kind, number, "it has no position") for (number,) in rows]


def next_search(connection: sqlite3.Connection) -> int:
    """The largest number of a search, sound or not, plus one."""
    query = f"SELECT MAX(search) FROM agescape_attempts WHERE search BETWEEN 0 AND {MOST_SEARCHES}"
    (largest,) = connection.execute(query).fetchone()
    return 0 if largest is None else largest + 1


def free_id(connection: sqlite3.Connection, kind: str) -> int | None:
    """An id for a new point that no row of any table names, damaged or not; None: the choice of SQLite."""
    theirs, ours, key = POINTS[kind]
    columns = [(theirs, "_id"), (ours, key)]
    present = _schema.tables(connection)
    columns += [(FINDS.name, "point_id")] if FINDS.name in present else []
    if kind == "transition state" and _unchecked.NAME in present:
        columns.append((_unchecked.NAME, "transition_state_id"))
    if kind == "minimum":
        columns += [(table.name, column) for table in ALL for column in table.minima if table.name in present]
        columns += [(ATTEMPTS.name, f"minimum{k}_id") for k in (1, 2)]
        columns += [("tbl_transition_states", f"_minimum{k}_id") for k in (1, 2)]
    largest = [
        connection.execute(f"SELECT MAX({column}) FROM {table} WHERE typeof({column}) = 'integer'").fetchone()[0]
        for table, column in columns
    ]
    number = max((value for value in largest if value is not None), default=0) + 1
    return number if 0 < number < 2**63 else None


def remove(connection: sqlite3.Connection, rows: Iterable[SetAside]) -> None:
    """Delete rows that are set aside, in a transaction of the caller.

    A search keeps its number, because what `explore` does next depends on the number of searches: wrong values in its
    row are replaced. Missing minima that searches began from become NULL.
    """
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.id)
    connection.execute("PRAGMA defer_foreign_keys = ON")
    for table in ALL[1:]:
        _delete(connection, table.name, table.key, by_kind.get(table.kind, ()))
    for kind in ("transition state", "minimum"):
        theirs, ours, key = POINTS[kind]
        _delete(connection, ours, key, by_kind.get(kind, ()))
        _delete(connection, theirs, "_id", by_kind.get(kind, ()))
    gone = " OR ".join(f"_minimum{k}_id NOT IN (SELECT _id FROM tbl_minima)" for k in (1, 2))
    connection.execute(  # pele's own that connected a missing minimum
        f"DELETE FROM tbl_transition_states WHERE ({gone})"
        " AND _id NOT IN (SELECT transition_state_id FROM agescape_transition_states)"
    )
    _mend_attempts(connection, by_kind.get(ATTEMPTS.kind, ()))
    if FINDS.name in _schema.tables(connection):  # finds of missing points
        for kind, (_, ours, key) in POINTS.items():
            connection.execute(
                f"DELETE FROM {FINDS.name} WHERE point = ? AND point_id NOT IN (SELECT {key} FROM {ours})", (kind,)
            )


def _mend_attempts(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    for some in _some(numbers):
        connection.execute(
            "UPDATE agescape_attempts SET kind = 'unknown', minimum1_id = NULL, minimum2_id = NULL,"
            f" status = 'DAMAGED', hessian_evaluations = 0 WHERE search IN ({_places(some)})",
            some,
        )
    connection.execute(f"DELETE FROM agescape_attempts WHERE NOT search BETWEEN 0 AND {MOST_SEARCHES}")
    for column in ("minimum1_id", "minimum2_id"):
        connection.execute(
            f"UPDATE agescape_attempts SET {column} = NULL"
            f" WHERE {column} NOT IN (SELECT minimum_id FROM agescape_minima)"
        )


def _delete(connection: sqlite3.Connection, table: str, key: str, numbers: Sequence[int]) -> None:
    for some in _some(numbers):
        connection.execute(f"DELETE FROM {table} WHERE {key} IN ({_places(some)})", some)


def _some(values: Iterable[int]) -> Iterable[list[int]]:
    numbers = list(values)
    return (numbers[first : first + SOME] for first in range(0, len(numbers), SOME))


def _places(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))


@cache
def say(path: Path, rows: tuple[SetAside, ...]) -> None:
    """Log set-aside rows once per process, however often the file is opened."""
    examples = "; ".join(map(str, rows[:NAMED])) + ("; ..." if len(rows) > NAMED else "")
    logger.warning(
        "%s: %d damaged row%s set aside (%s): agescape verify --repair removes damaged rows",
        path,
        len(rows),
        " is" if len(rows) == 1 else "s are",
        examples,
    )
