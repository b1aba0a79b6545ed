"""Databases that pele made: its tables alone, read without pele and without unpickling what they hold."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape import _schema
from landscape._pickles import UnsafePickleError, load_array
from landscape.interchange.certification import Candidates, Imported, Progress, import_candidates
from landscape.losses import Loss
from landscape.reading import check_sqlite_file, reading

Array = NDArray[np.float64]

# all that is read; files of pele's first schema have no more either
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
    """Make a database of one that pele made: of those points that are stationary points of `loss`.

    All numbers but the coordinates, and which minima a transition state joins, are computed anew (see
    `certification.import_candidates`, also for the arguments). pele's `user_data` and system properties, which
    may hold any object, are not read.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no pele database, is one of ours, or holds a pickle that is not a plain array: the message names
        the path; or as for `import_candidates`.
    """
    candidates = read_pele(source, loss.n_parameters)
    return import_candidates(candidates, loss, output, check_paths=check_paths, seed=seed, jobs=jobs, progress=progress)


def read_pele(source: str | Path, n_parameters: int) -> Candidates:
    """Coordinates (n, P) and (m, P) and what joins what; errors as of `import_pele`."""
    source = Path(source)
    check_sqlite_file(source)
    with closing(_schema.connect(source)) as connection, reading(source):
        _check(connection, source)
        return _read(connection, source, n_parameters)


def _check(connection: sqlite3.Connection, source: Path) -> None:
    _schema.check_passive(connection, source)
    present = _schema.tables(connection)
    if "agescape_provenance" in present:
        msg = f"{source} is a database of agescape, with certificates and hits: use it as it is, or merge it"
        raise ValueError(msg)
    for table, wanted in COLUMNS.items():
        found = _schema.columns(connection, table) if table in present else {}
        if wrong := [name for name, kind in wanted.items() if found.get(name) != kind]:
            msg = (
                f"{source} is no database of pele: table {table} has no column {wrong[0]!r} of type {wanted[wrong[0]]}"
            )
            raise ValueError(msg)


def _read(connection: sqlite3.Connection, source: Path, n_parameters: int) -> Candidates:
    minima = connection.execute("SELECT _id, coords FROM tbl_minima ORDER BY energy, _id").fetchall()
    states = connection.execute(
        "SELECT _id, coords, _minimum1_id, _minimum2_id FROM tbl_transition_states ORDER BY energy, _id"
    ).fetchall()
    position = {number: k for k, (number, _) in enumerate(minima)}
    ends = np.zeros((len(states), 2), dtype=np.int64)
    for k, (number, _, *joined) in enumerate(states):
        if not all(end in position for end in joined):
            msg = f"{source} is damaged: transition state {number} joins minima {joined[0]!r} and {joined[1]!r}"
            raise ValueError(msg)
        ends[k] = [position[end] for end in joined]
    return Candidates(
        source,
        _arrays([(blob, f"{source} is refused: coords of minimum {number}") for number, blob in minima], n_parameters),
        _arrays(
            [(blob, f"{source} is refused: coords of transition state {number}") for number, blob, *_ in states],
            n_parameters,
        ),
        ends,
    )


def _arrays(blobs: list[tuple[Any, str]], n_parameters: int) -> Array:
    points = np.zeros((len(blobs), n_parameters))
    for k, (blob, what) in enumerate(blobs):
        points[k] = _array(blob, n_parameters, what)
    return points


def _array(blob: Any, n_parameters: int, what: str) -> Array:
    try:
        array = load_array(blob if isinstance(blob, bytes) else b"")
    except UnsafePickleError as error:
        msg = f"{what} is not a plain array: {error}"
        raise ValueError(msg) from error
    if array.size != n_parameters:
        msg = f"{what} has {array.size} numbers, and the loss {n_parameters} parameters"
        raise ValueError(msg)
    return array
