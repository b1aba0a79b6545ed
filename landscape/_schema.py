"""The SQLite schema: pele's tables, version 2 of its schema, and ours beside them."""

import sqlite3
from pathlib import Path

PELE_VERSION = 2
VERSION = 1  # of our tables

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

# An inherent structure is where the quench of a point of a trajectory (its digest) ended; NULL: in no minimum.
# `search` is the number of the search that found a point first; NULL: it came from elsewhere
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

TABLES = {
    "tbl_minima", "tbl_transition_states", "tbl_system_property", "agescape_provenance", "agescape_minima",
    "agescape_transition_states", "agescape_attempts",
    "agescape_inherent_structures",
}  # fmt: skip


def connect(path: Path) -> sqlite3.Connection:
    """Open a file without letting its schema run functions; transactions are explicit."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def create(path: Path) -> sqlite3.Connection:
    """Make a new, empty file with all tables."""
    connection = connect(path)
    connection.executescript(
        f"BEGIN IMMEDIATE; PRAGMA user_version = {PELE_VERSION}; {PELE_TABLES} {OUR_TABLES} COMMIT;"
    )
    return connection


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError unless the file has our tables, and nothing that could act on its own."""
    try:
        objects = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        msg = f"{path} is not an SQLite file: {error}"
        raise ValueError(msg) from error
    if active := [name for kind, name in objects if kind in {"trigger", "view"}]:
        msg = f"{path} is refused: it holds the trigger or view {active[0]!r}, which no file of ours has"
        raise ValueError(msg)
    if missing := TABLES - {name for kind, name in objects if kind == "table"}:
        msg = f"{path} is not a database of minima of agescape: it has no table {min(missing)!r}"
        raise ValueError(msg)
    if version != PELE_VERSION:
        msg = f"{path} has schema version {version}; expected {PELE_VERSION}"
        raise ValueError(msg)
