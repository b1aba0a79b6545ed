"""An additional table: the certificates of points of large networks, which have an inertia and not a full spectrum.

It is created when there is something to write, so that files of small networks stay as they were.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from landscape.database import _schema
from landscape.stationary import Inertia

NAME = "agescape_inertias"
COLUMNS = {"minimum": "minimum_id", "transition state": "transition_state_id"}
TABLE = f"""
CREATE TABLE IF NOT EXISTS {NAME} (
    minimum_id INTEGER UNIQUE REFERENCES tbl_minima (_id) ON DELETE CASCADE,
    transition_state_id INTEGER UNIQUE REFERENCES tbl_transition_states (_id) ON DELETE CASCADE,
    numbers BLOB NOT NULL)
"""
DECLARED = {"minimum_id": "INTEGER", "transition_state_id": "INTEGER", "numbers": "BLOB"}

Inertias = Mapping[tuple[str, int], object]


def read_inertias(connection: sqlite3.Connection, path: Path) -> Inertias:
    """What the file has in place of an inertia, by kind and id of the point; ValueError if the columns are others."""
    if NAME not in _schema.tables(connection):
        return {}
    _schema.check_columns(connection, path, {NAME: DECLARED})
    return {
        (kind, number): numbers
        for kind, column in COLUMNS.items()
        for number, numbers in connection.execute(f"SELECT {column}, numbers FROM {NAME} WHERE {column} IS NOT NULL")
    }


def inertia_from(numbers: object) -> Inertia | None:
    """The inertia of a row; ValueError if it is damaged."""
    if not isinstance(numbers, bytes) or len(numbers) % 8:
        msg = "its inertia is not an array of numbers"
        raise ValueError(msg)
    return Inertia.from_array(np.frombuffer(numbers, "<f8").astype(np.float64))


def write(connection: sqlite3.Connection, kind: str, number: int, inertia: Inertia) -> None:
    """Store the inertia of a point."""
    connection.execute(TABLE)
    connection.execute(
        f"INSERT INTO {NAME} ({COLUMNS[kind]}, numbers) VALUES (?, ?)",
        (number, np.asarray(inertia.to_array(), "<f8").tobytes()),
    )
