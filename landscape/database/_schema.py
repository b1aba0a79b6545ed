"""The SQLite schema: pele's tables, version 2 of its schema, and our own."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path

from landscape.support import reading

PELE_VERSION = 2
VERSION = 1  # of our tables

Columns = Mapping[str, str]  # declared type by name

UNREADABLE = "\ufffd"  # replaces values that are not text
READING, WRITING = 5.0, 30.0  # seconds to wait for another process: commits are short, transactions may not be

PELE_TABLES = """
CREATE TABLE tbl_minima (
    _id INTEGER NOT NULL PRIMARY KEY, energy FLOAT, coords BLOB, fvib FLOAT, pgorder INTEGER,
    invalid INTEGER, user_data BLOB);
CREATE TABLE tbl_transition_states (
    _id INTEGER NOT NULL PRIMARY KEY, energy FLOAT, coords BLOB,
    _minimum1_id INTEGER REFERENCES tbl_minima (_id), _minimum2_id INTEGER REFERENCES tbl_minima (_id),
    eigenval FLOAT, eigenvec BLOB, fvib FLOAT, pgorder INTEGER, invalid INTEGER, user_data BLOB);
CREATE TABLE tbl_system_property (
    _id INTEGER NOT NULL PRIMARY KEY, property_name VARCHAR, int_value INTEGER, float_value FLOAT,
    string_value VARCHAR, pickle_value BLOB);
CREATE INDEX idx_transition_states ON tbl_transition_states (_minimum1_id, _minimum2_id);
CREATE INDEX idx_minimum_energy ON tbl_minima (energy);
CREATE INDEX idx_transition_state_energy ON tbl_transition_states (energy);
"""

# An inherent structure is the minimum where the quench of a point of a trajectory (its digest) ended; NULL: in none.
# `search` is the number of the search that first found a point; NULL: it came from elsewhere
OUR_TABLES = """
CREATE TABLE agescape_provenance (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE agescape_minima (
    minimum_id INTEGER NOT NULL PRIMARY KEY REFERENCES tbl_minima (_id), canonical_key TEXT NOT NULL,
    hits INTEGER NOT NULL, origin TEXT NOT NULL, search INTEGER, rms_gradient FLOAT NOT NULL,
    eigenvalues BLOB NOT NULL, log_determinant FLOAT NOT NULL, trace FLOAT NOT NULL, orbit_size TEXT NOT NULL);
CREATE TABLE agescape_transition_states (
    transition_state_id INTEGER NOT NULL PRIMARY KEY REFERENCES tbl_transition_states (_id),
    canonical_key TEXT NOT NULL, hits INTEGER NOT NULL, origin TEXT NOT NULL, search INTEGER,
    rms_gradient FLOAT NOT NULL, eigenvalues BLOB NOT NULL, log_determinant FLOAT NOT NULL, trace FLOAT NOT NULL,
    orbit_size TEXT NOT NULL);
CREATE TABLE agescape_attempts (
    search INTEGER NOT NULL PRIMARY KEY, kind TEXT NOT NULL, minimum1_id INTEGER, minimum2_id INTEGER,
    status TEXT NOT NULL, hessian_evaluations INTEGER NOT NULL);
CREATE TABLE agescape_inherent_structures (
    point TEXT NOT NULL, method TEXT NOT NULL, minimum_id INTEGER REFERENCES tbl_minima (_id),
    PRIMARY KEY (point, method));
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open a file without letting its schema run functions; transactions are explicit.

    `UNREADABLE` replaces text that is not UTF-8; sqlite3 itself would stop there.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=READING)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@contextmanager
def patiently(connection: sqlite3.Connection) -> Iterator[None]:
    """Wait for other processes as long as a writer does, unless the waiting time has been changed."""
    (before,) = connection.execute("PRAGMA busy_timeout").fetchone()
    if before == int(1000 * READING):
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * WRITING)}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before}")


def create(path: Path, provenance: Sequence[tuple[str, str]]) -> None:
    """Create a file with all tables, empty except for the provenance: rows of names and values."""
    with closing(connect(path)) as connection:
        connection.executescript(f"PRAGMA user_version = {PELE_VERSION}; BEGIN IMMEDIATE; {PELE_TABLES} {OUR_TABLES}")
        connection.executemany("INSERT INTO agescape_provenance VALUES (?, ?)", provenance)
        connection.execute("COMMIT")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError unless the file has our tables and nothing that acts on its own."""
    check_passive(connection, path)
    check_columns(connection, path, _our_columns())
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != PELE_VERSION:
        msg = f"{path} has schema version {version}; expected {PELE_VERSION}"
        raise ValueError(msg)


def check_passive(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError if this is not an SQLite file, or holds a trigger or view, which would act on its own.

    Raises TimeoutError, PermissionError, OSError or MemoryError if it cannot be read now (`sqlite_failure`).
    """
    with reading(path, "is not an SQLite file, or is damaged"):
        objects = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    if active := [name for kind, name in objects if kind in {"trigger", "view"}]:
        msg = f"{path} is refused: it holds the trigger or view {active[0]!r}, which agescape never writes"
        raise ValueError(msg)


def tables(connection: sqlite3.Connection) -> set[str]:
    """Names of the tables in a file."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> Columns:
    """Declared type of each column of a table; marks generated columns, which SQLite computes."""
    # table_info would hide generated columns
    rows = connection.execute("SELECT name, type, hidden FROM pragma_table_xinfo(?)", (table,))
    return {name: f"{kind.upper()}{' GENERATED' if hidden else ''}" for name, kind, hidden in rows}


def check_columns(connection: sqlite3.Connection, path: Path, expected: Mapping[str, Columns]) -> None:
    """Raise a ValueError unless a file has these tables with these columns; further tables are allowed."""
    if missing := expected.keys() - tables(connection):
        msg = f"{path} is not a database of minima of agescape: it has no table {min(missing)!r}"
        raise ValueError(msg)
    for table, wanted in sorted(expected.items()):
        if (found := columns(connection, table)) != wanted:
            differs = f"in table {table} {_difference(found, wanted)}"
            msg = f"{path} was written by another version of agescape, or is damaged: {differs}"
            raise ValueError(msg)


def _difference(found: Columns, wanted: Columns) -> str:
    for name, kind in wanted.items():
        if name not in found:
            return f"there is no column {name!r}"
        if found[name] != kind:
            return f"column {name!r} is of type {found[name]!r}, not {kind!r}"
    return f"column {min(found.keys() - wanted.keys())!r} is unknown"


@cache
def _our_columns() -> dict[str, Columns]:
    """The columns of all our tables, read from the statements that create them, so that there is no second list."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(PELE_TABLES + OUR_TABLES)
        return {table: columns(connection, table) for table in tables(connection)}
