"""Additional tables: the identity of searches, what each one found, and fresh random starts.

A search is identified by its seed and its number in the exploration of that seed, because they are all its
randomness: the same search in two files is recognized, and its hits count once. The tables are created when there
is something to write, so that files of older versions stay unchanged and older versions can read new files. A file
without them has no information about either.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from landscape.database import _schema
from landscape.database._records import Find, RandomStart, SearchOrigin

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


def write_search(connection: sqlite3.Connection, origin: SearchOrigin, finds: Sequence[Find]) -> None:
    """Record the identity of a search and what it found."""
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
    """Record where a random start led."""
    _make_tables(connection)
    connection.execute(
        "INSERT INTO agescape_random_starts VALUES (?, ?, ?, ?)",
        (str(start.seed), start.number, start.minimum_id, start.status),
    )


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, TABLES.split(";")):  # executescript would end the transaction
        connection.execute(statement)
