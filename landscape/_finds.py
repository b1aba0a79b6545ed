"""Tables that came later: which search is which, what each one found, and fresh random starts.

A search is known by its seed and its number in the exploration of that seed, which together are all its randomness: so
the same search in two files is recognized, and its hits count once. A file without these tables says nothing of either;
they are made when there is something to write, so that files of older versions stay as they are, and older versions can
read these.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from landscape import _schema
from landscape.records import Find, RandomStart, SearchOrigin

TABLES = """
CREATE TABLE IF NOT EXISTS agescape_searches (
    search INTEGER NOT NULL PRIMARY KEY, seed TEXT NOT NULL, number INTEGER NOT NULL, finds_known INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS agescape_finds (
    search INTEGER NOT NULL, point TEXT NOT NULL, point_id INTEGER NOT NULL, hits INTEGER NOT NULL,
    PRIMARY KEY (search, point, point_id));
CREATE TABLE IF NOT EXISTS agescape_random_starts (
    seed TEXT NOT NULL, number INTEGER NOT NULL, minimum_id INTEGER, status TEXT NOT NULL, PRIMARY KEY (seed, number));
"""
SEARCHES, FINDS, STARTS = "agescape_searches", "agescape_finds", "agescape_random_starts"
POINTS = ("minimum", "transition state")


@cache
def _expected() -> dict[str, _schema.Columns]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        return {table: _schema.columns(connection, table) for table in (SEARCHES, FINDS, STARTS)}


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError if a file has these tables with other columns."""
    found = _schema.tables(connection)
    _schema.check_columns(connection, path, {name: columns for name, columns in _expected().items() if name in found})


def read_origins(connection: sqlite3.Connection, path: Path) -> list[SearchOrigin]:
    """Which searches the file says the identity of; ValueError if a value is of a wrong type."""
    rows = _rows(
        connection, SEARCHES, "SELECT search, seed, number, finds_known FROM agescape_searches ORDER BY search"
    )
    for row in rows:
        if list(map(type, row)) != [int, str, int, int] or not _is_whole(row[1]) or row[3] not in {0, 1}:
            _damaged(path, "searches", row)
    return [SearchOrigin(search, int(seed), number, bool(known)) for search, seed, number, known in rows]


def read_finds(connection: sqlite3.Connection, path: Path) -> list[Find]:
    """What each search found; ValueError if a value is of a wrong type."""
    query = "SELECT search, point, point_id, hits FROM agescape_finds ORDER BY search, point, point_id"
    rows = _rows(connection, FINDS, query)
    for row in rows:
        if list(map(type, row)) != [int, str, int, int] or row[1] not in POINTS or row[3] < 1:
            _damaged(path, "finds", row)
    return [Find(*row) for row in rows]


def read_starts(connection: sqlite3.Connection, path: Path) -> list[RandomStart]:
    """The fresh random starts, by seed and number; ValueError if a value is of a wrong type."""
    rows = _rows(connection, STARTS, "SELECT seed, number, minimum_id, status FROM agescape_random_starts")
    for row in rows:
        if not isinstance(row[2], int | None) or list(map(type, (*row[:2], row[3]))) != [str, int, str]:
            _damaged(path, "random starts", row)
        if not _is_whole(row[0]):
            _damaged(path, "random starts", row)
    return sorted(
        (RandomStart(int(seed), number, minimum, status) for seed, number, minimum, status in rows),
        key=lambda start: (start.seed, start.number),
    )


def read_start_finds(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Seed, number and minimum (id) of every search from a random start of which the file knows what it found."""
    if not {SEARCHES, FINDS} <= _schema.tables(connection):
        return []
    return connection.execute(
        "SELECT seed, number, point_id FROM agescape_attempts JOIN agescape_searches USING (search)"
        " JOIN agescape_finds USING (search) WHERE kind = 'start' AND point = 'minimum' ORDER BY seed, number"
    ).fetchall()


def write_search(connection: sqlite3.Connection, origin: SearchOrigin, finds: Sequence[Find]) -> None:
    """Remember which search it was, and what it found."""
    _make_tables(connection)
    connection.execute(
        "INSERT INTO agescape_searches VALUES (?, ?, ?, ?)",
        (origin.search, str(origin.seed), origin.number, int(origin.finds_known)),
    )
    connection.executemany(
        "INSERT INTO agescape_finds VALUES (?, ?, ?, ?)",
        [(find.search, find.point, find.point_id, find.hits) for find in finds],
    )


def write_start(connection: sqlite3.Connection, start: RandomStart) -> None:
    """Remember where a random start led."""
    _make_tables(connection)
    connection.execute(
        "INSERT INTO agescape_random_starts VALUES (?, ?, ?, ?)",
        (str(start.seed), start.number, start.minimum_id, start.status),
    )


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _damaged(path: Path, what: str, row: tuple) -> None:
    msg = f"{path} is damaged: among its {what} there is {row!r:.200}"
    raise ValueError(msg)


def _rows(connection: sqlite3.Connection, table: str, query: str) -> list[tuple]:
    return connection.execute(query).fetchall() if table in _schema.tables(connection) else []


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, TABLES.split(";")):  # executescript would end the transaction
        connection.execute(statement)
