"""An additional table: upper bounds on barriers, each with the path that shows it.

The highest loss along any continuous path between two minima bounds the barrier between them from above. A bound is no
transition state: it may be far above the barrier. The table is created when there is something to write.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.database import _schema
from landscape.database._records import Bound
from landscape.graph import LandscapeGraph, components, spanning_forest, with_bounds

BOUNDS = "agescape_bounds"
TABLE = f"""
CREATE TABLE IF NOT EXISTS {BOUNDS} (
    minimum1_id INTEGER NOT NULL REFERENCES tbl_minima (_id), minimum2_id INTEGER NOT NULL REFERENCES tbl_minima (_id),
    value FLOAT NOT NULL, points BLOB NOT NULL, PRIMARY KEY (minimum1_id, minimum2_id));
"""


@cache
def _expected() -> _schema.Columns:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_schema.PELE_TABLES + TABLE)
        return _schema.columns(connection, BOUNDS)


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise a ValueError if a file has this table with other columns."""
    if BOUNDS in _schema.tables(connection):
        _schema.check_columns(connection, path, {BOUNDS: _expected()})


def write(connection: sqlite3.Connection, bound: Bound) -> None:
    """Store a bound, unless the file has a lower one between the same minima."""
    connection.execute(TABLE)
    connection.execute(
        f"INSERT INTO {BOUNDS} VALUES (?, ?, ?, ?) ON CONFLICT (minimum1_id, minimum2_id)"
        " DO UPDATE SET value = excluded.value, points = excluded.points WHERE excluded.value < value",
        (*bound.minimum_ids, float(bound.value), np.asarray(bound.points, "<f8").tobytes()),
    )


def superseded(graph: LandscapeGraph) -> NDArray[np.bool_]:
    """Which of the bounds (b,) tell nothing new.

    Those between minima that transition states connect, and those between minima that transition states and lower
    bounds together connect at most as high.
    """
    ends = components(graph)[graph.bound_edges]
    across = np.flatnonzero(ends[:, 0] != ends[:, 1])
    rest = replace(graph, bound_edges=graph.bound_edges[across], bounds=graph.bounds[across])
    forest = spanning_forest(with_bounds(rest)) - graph.n_transition_states
    useless = np.ones(len(graph.bounds), dtype=bool)
    useless[across[forest[forest >= 0]]] = False
    return useless


def remove(connection: sqlite3.Connection, pairs: Sequence[Sequence[int]]) -> None:
    """Delete the bounds between these pairs of minima (ids, ascending), and the table with the last one."""
    connection.executemany(f"DELETE FROM {BOUNDS} WHERE minimum1_id = ? AND minimum2_id = ?", pairs)
    if not connection.execute(f"SELECT COUNT(*) FROM {BOUNDS}").fetchone()[0]:
        connection.execute(f"DROP TABLE {BOUNDS}")


def points_of(blob: bytes, n_parameters: int) -> NDArray[np.float64]:
    """The points (K, P) of a path; ValueError if they do not fit the parameters or are not finite."""
    values = np.frombuffer(blob, "<f8").astype(np.float64)
    if values.size < 2 * n_parameters or values.size % n_parameters or not np.isfinite(values).all():
        msg = f"its path holds no points of {n_parameters} finite parameters"
        raise ValueError(msg)
    return values.reshape(-1, n_parameters)
