"""Databases that pele made: only its tables, read without pele and without unpickling."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.database import UnsafePickleError, _schema, load_array
from landscape.interchange._certification import Candidates, Imported, Progress, Said, import_candidates
from landscape.losses import Loss
from landscape.support import check_sqlite_file, reading

Array = NDArray[np.float64]

# required columns; later versions of pele's schema also mark points as invalid
COLUMNS = {
    "tbl_minima": {"_id": "INTEGER", "energy": "FLOAT", "coords": "BLOB"},
    "tbl_transition_states": {
        "_id": "INTEGER", "energy": "FLOAT", "coords": "BLOB", "_minimum1_id": "INTEGER", "_minimum2_id": "INTEGER",
    },
}  # fmt: skip


def import_pele(
    source: str | Path,
    loss: Loss,
    output: str | Path,
    *,
    check_paths: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Imported:
    """Make a database from one that pele made, with those points that are stationary points of `loss`.

    All numbers except the coordinates and the minima that a transition state connects are computed again (see
    `import_candidates`, also for the arguments); points whose energy in the file differs from the loss at their
    coordinates, and those that pele marked as invalid, are rejected. pele's `user_data` and system properties, which
    may hold any object, are not read. All versions of its schema are supported, including files from Python 2.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a pele database, is one of agescape, or holds a pickle that is not a plain array: the message names
        the path; or as for `import_candidates`.
    """
    candidates = read_pele(source)
    return import_candidates(candidates, loss, output, check_paths=check_paths, seed=seed, jobs=jobs, progress=progress)


def read_pele(source: str | Path) -> Candidates:
    """Read coordinates (n, P) and (m, P), energies and edges of any system, without checks.

    `Candidates.graph` turns them into a graph for `disconnectivity_tree`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As for `import_pele`; also if points have different numbers of coordinates.
    """
    source = Path(source)
    check_sqlite_file(source)
    with closing(_schema.connect(source)) as connection, reading(source):
        _check(connection, source)
        return _read(connection, source)


def _check(connection: sqlite3.Connection, source: Path) -> None:
    _schema.check_passive(connection, source)
    present = _schema.tables(connection)
    if "agescape_provenance" in present:
        msg = f"{source} is a database of agescape, with certificates and hits: use it directly, or merge it"
        raise ValueError(msg)
    for table, wanted in COLUMNS.items():
        found = _schema.columns(connection, table) if table in present else {}
        if wrong := [name for name, kind in wanted.items() if found.get(name) != kind]:
            msg = (
                f"{source} is no database of pele: table {table} has no column {wrong[0]!r} of type {wanted[wrong[0]]}"
            )
            raise ValueError(msg)


def _read(connection: sqlite3.Connection, source: Path) -> Candidates:
    minima, states = (_rows(connection, table) for table in COLUMNS)
    position = {row[0]: k for k, row in enumerate(minima)}
    ends = np.zeros((len(states), 2), dtype=np.int64)
    for k, (number, *_, first, second) in enumerate(states):
        if not (first in position and second in position):
            msg = f"{source} is damaged: transition state {number} connects minima {first!r} and {second!r}"
            raise ValueError(msg)
        ends[k] = position[first], position[second]
    n_parameters = None
    parts = []
    for rows, kind in ((minima, "minimum"), (states, "transition state")):
        points = [_array(row[2], f"{source} is refused: coords of {kind} {row[0]}", n_parameters) for row in rows[:1]]
        n_parameters = points[0].size if points else n_parameters
        points += [_array(row[2], f"{source} is refused: coords of {kind} {row[0]}", n_parameters) for row in rows[1:]]
        parts.append(np.array(points).reshape(len(points), n_parameters or 0))
    said = [_said(source, rows, kind) for rows, kind in ((minima, "minimum"), (states, "transition state"))]
    return Candidates(source, parts[0], parts[1], ends, *said)


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple]:
    """Id, energy, coordinates, mark of each point, and the minima that a transition state connects, lowest first."""
    marked = "invalid" in _schema.columns(connection, table)
    ends = ", _minimum1_id, _minimum2_id" if table == "tbl_transition_states" else ""
    query = f"SELECT _id, energy, coords, {'invalid' if marked else 'NULL'}{ends} FROM {table} ORDER BY energy, _id"
    return connection.execute(query).fetchall()


def _said(source: Path, rows: list[tuple], kind: str) -> Said:
    for number, energy, *_ in rows:
        if not (energy is None or (isinstance(energy, int | float) and np.isfinite(energy))):
            msg = f"{source} is damaged: the energy of {kind} {number} is {energy!r:.200}"
            raise ValueError(msg)
    return Said(
        losses=np.array([np.nan if row[1] is None else row[1] for row in rows], dtype=np.float64),
        rounding=np.zeros(len(rows)),
        valid=np.array([not row[3] for row in rows], dtype=np.bool_),
        names=[f"{kind} {row[0]}" for row in rows],
    )


def _array(blob: Any, what: str, n_parameters: int | None) -> Array:
    try:
        array = load_array(blob if isinstance(blob, bytes) else b"")
    except UnsafePickleError as error:
        msg = f"{what} is not a plain array: {error}"
        raise ValueError(msg) from error
    if n_parameters is not None and array.size != n_parameters:
        msg = f"{what} has {array.size} numbers, and those before it {n_parameters}"
        raise ValueError(msg)
    return array
