"""Additional tables about snapshots of runs: which one found a minimum, and why one belongs to none.

They are created when there is something to write, so that files of older versions stay unchanged and older versions
can read new files. A file without them has no information about either.
"""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from landscape.database import _schema
from landscape.database._records import Discovery

TABLES = """
CREATE TABLE IF NOT EXISTS agescape_discoveries (
    minimum_id INTEGER NOT NULL PRIMARY KEY REFERENCES tbl_minima (_id), run TEXT NOT NULL, replica INTEGER NOT NULL,
    step INTEGER NOT NULL, method TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS agescape_unmapped (
    point TEXT NOT NULL, method TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (point, method));
"""
DISCOVERIES, UNMAPPED = "agescape_discoveries", "agescape_unmapped"


@cache
def _expected() -> dict[str, _schema.Columns]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_schema.PELE_TABLES + TABLES)
        return {table: _schema.columns(connection, table) for table in (DISCOVERIES, UNMAPPED)}


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError if a file has these tables with other columns."""
    found = _schema.tables(connection)
    _schema.check_columns(connection, path, {name: columns for name, columns in _expected().items() if name in found})


def write_discovery(connection: sqlite3.Connection, minimum_id: int, discovery: Discovery) -> None:
    """Record which snapshot found a minimum."""
    _make_tables(connection)
    connection.execute(
        "INSERT INTO agescape_discoveries VALUES (?, ?, ?, ?, ?)",
        (minimum_id, discovery.run, discovery.replica, discovery.step, discovery.method),
    )


def write_unmapped(connection: sqlite3.Connection, point: str, method: str, reason: str) -> None:
    """Record why a point belongs to no minimum."""
    _make_tables(connection)
    connection.execute("INSERT OR REPLACE INTO agescape_unmapped VALUES (?, ?, ?)", (point, method, reason))


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, TABLES.split(";")):  # executescript would end the transaction
        connection.execute(statement)
