"""Changing a database behind the program's back."""

import sqlite3
from contextlib import closing


def alter(path, statement, *values):
    """Run one statement on a file: the number of rows it changed."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).rowcount
