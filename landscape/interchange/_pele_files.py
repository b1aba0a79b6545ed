"""Databases that pele made: only its tables, read without pele and without unpickling."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.database import UnsafePickleError, _schema, load_array
from landscape.interchange._certification import Candidates, Imported, Progress, Said, import_candidates
from landscape.interchange._kinetic_network import KineticNetwork
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

POINT = ("_id", "energy", "invalid", "fvib", "pgorder")
ENDS = ("_minimum1_id", "_minimum2_id")


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


def is_pele(path: Path) -> bool:
    """Whether an SQLite file is a database of pele rather than one of agescape, which has more tables."""
    check_sqlite_file(path)
    with closing(_schema.connect(path)) as connection, reading(path):
        return not any(name.startswith("agescape") for name in _schema.tables(connection))


def read_pele_network(source: Path) -> KineticNetwork:
    """Read the network of any system without its coordinates: no pickle is read.

    Log products (pele's ``fvib``), point-group orders and negative eigenvalues are columns where all points have them.
    Points that pele marked as invalid are left out.
    """
    with closing(_schema.connect(source)) as connection, reading(source):
        _check(connection, source)
        tables = []
        for table in COLUMNS:
            present = _schema.columns(connection, table)
            wanted = [name if name in present else "NULL" for name in (*POINT, "eigenval", *ENDS)]
            tables.append(connection.execute(f"SELECT {', '.join(wanted)} FROM {table} ORDER BY _id").fetchall())
        return _network(source, tables[0], tables[1])


def _network(source: Path, minima: list[tuple], states: list[tuple]) -> KineticNetwork:
    kept = [row for row in minima if not row[2]]
    position = {row[0]: k for k, row in enumerate(kept)}
    known = {row[0] for row in minima}
    for number, *_, first, second in states:
        if not (first in known and second in known):
            msg = f"{source} is damaged: transition state {number} connects minima {first!r} and {second!r}"
            raise ValueError(msg)
    kept_states = [row for row in states if not row[2] and row[-2] in position and row[-1] in position]
    left_out = {
        "minima that pele marked as invalid": len(minima) - len(kept),
        "transition states that pele marked as invalid, or whose minima it did": len(states) - len(kept_states),
    }
    energies = [
        _said(source, rows, kind).losses for rows, kind in ((kept, "minimum"), (kept_states, "transition state"))
    ]
    return KineticNetwork.of(
        source,
        "pele",
        energies[0],
        energies[1],
        [[position[row[-2]], position[row[-1]]] for row in kept_states],
        ids=[row[0] for row in kept],
        columns={"log_product": _column(kept, 3), "point_group_order": _column(kept, 4)},
        transition_columns={
            "log_product": _column(kept_states, 3),
            "point_group_order": _column(kept_states, 4),
            "lowest_eigenvalue": _column(kept_states, 5),
        },
        left_out={reason: number for reason, number in left_out.items() if number},
    )


def _column(rows: list[tuple], column: int) -> list[float] | None:
    """A column of finite numbers; None if a point has none."""
    values = [row[column] for row in rows]
    known = all(isinstance(value, int | float) and np.isfinite(value) for value in values)
    return [float(value) for value in values] if known else None


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
