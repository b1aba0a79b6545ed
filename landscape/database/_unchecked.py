"""Transition states of which a file said what they join, and nobody has followed the paths down from them.

They come from other programs' files. A table that came later names them: it is made when there is something to
write, so that files of older versions stay as they are, and older versions can read these.
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
    """Ids of these transition states; ValueError if the table is another one."""
    if NAME not in _schema.tables(connection):
        return frozenset()
    _schema.check_columns(connection, path, {NAME: {"transition_state_id": "INTEGER"}})
    return frozenset(number for (number,) in connection.execute(f"SELECT transition_state_id FROM {NAME}"))


def mark_unchecked(connection: sqlite3.Connection, number: int) -> None:
    """Remember that nobody has followed the paths down from a transition state."""
    connection.execute(TABLE)
    connection.execute(f"INSERT OR IGNORE INTO {NAME} VALUES (?)", (number,))


def mark_checked(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Remember that the paths down from these transition states have been followed."""
    if NAME in _schema.tables(connection):
        connection.executemany(f"DELETE FROM {NAME} WHERE transition_state_id = ?", [(k,) for k in numbers])
