"""Imported transition states whose downhill paths have not been followed.

They come from other programs' files. An additional table names them; it is created when there is something to write,
so that files of older versions stay unchanged and older versions can read new files.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from landscape.database import _schema

NAME = "agescape_unchecked_ends"
TABLE = f"""
CREATE TABLE IF NOT EXISTS {NAME} (
    transition_state_id INTEGER NOT NULL PRIMARY KEY REFERENCES tbl_transition_states (_id) ON DELETE CASCADE)
"""


def read_unchecked(connection: sqlite3.Connection, path: Path) -> frozenset[int]:
    """Ids of these transition states; ValueError if the table has other columns."""
    if NAME not in _schema.tables(connection):
        return frozenset()
    _schema.check_columns(connection, path, {NAME: {"transition_state_id": "INTEGER"}})
    return frozenset(number for (number,) in connection.execute(f"SELECT transition_state_id FROM {NAME}"))


def mark_unchecked(connection: sqlite3.Connection, number: int) -> None:
    """Mark a transition state whose downhill paths have not been followed."""
    connection.execute(TABLE)
    connection.execute(f"INSERT OR IGNORE INTO {NAME} VALUES (?)", (number,))


def mark_checked(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Mark transition states whose downhill paths have been followed."""
    if NAME in _schema.tables(connection):
        connection.executemany(f"DELETE FROM {NAME} WHERE transition_state_id = ?", [(k,) for k in numbers])
