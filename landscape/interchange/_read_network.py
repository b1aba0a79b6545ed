"""The network in any file that agescape reads: the format is recognized by the content."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landscape.database import Database, StoredMinimum, StoredTransitionState
from landscape.interchange._archive import Archive
from landscape.interchange._graphml import read_graphml
from landscape.interchange._kinetic_network import KineticNetwork
from landscape.interchange._lon import read_lon_lists, read_lon_trace
from landscape.interchange._npz_network import read_npz_network
from landscape.interchange._pathsample_network import read_pathsample_network
from landscape.interchange._pele_files import is_pele, read_pele_network
from landscape.interchange._text_tables import Floats, read_lines
from landscape.interchange._topsearch import read_topsearch_network
from landscape.stationary import Minimum, TransitionState
from landscape.symmetry import group_order

SQLITE, ZIP = b"SQLite format 3\0", b"PK"
OF_FOLDER = ("min.data", "ts.data", "min.A", "min.B", "communities.dat", "min.coords", "ts.coords", "pairlist",
             "points.min", "points.ts")  # fmt: skip
LISTS = (".nodes", ".edges")


def read_network(path: str | Path) -> KineticNetwork:
    """Read minima and transition states of any system, without a loss.

    Parameters
    ----------
    path : path
        A database of agescape or of pele (any version of its schema, also written by Python 2); an npz file that
        agescape exported; a GraphML file; a folder with the ``min.data`` and ``ts.data`` of PATHSAMPLE, PyGT or
        topography-searcher, or one of these files; a local optima network, ``F.csv`` or ``F.nodes``. Coordinates are
        not read.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, or one of its files is missing.
    ValueError
        If it is none of these, or damaged: the message names the path and, of a text file, the line.
    """
    path = Path(path)
    if path.name in OF_FOLDER and path.is_file():
        path = path.parent
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        msg = f"no file or folder at {path}"
        raise FileNotFoundError(msg)
    if path.suffix in LISTS:
        return read_lon_lists(path)
    if path.suffix == ".csv":
        return read_lon_trace(path)
    with path.open("rb") as file:
        start = file.read(len(SQLITE))
    if start == SQLITE:
        return read_pele_network(path) if is_pele(path) else _of_file(path)
    if start.startswith(ZIP):
        return read_npz_network(Archive(path))
    if start.lstrip(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return read_graphml(path)
    msg = (
        f"{path} is no landscape: expected a database, an npz or GraphML file, a folder with min.data and ts.data, "
        "or a local optima network (F.csv, F.nodes)"
    )
    raise ValueError(msg)


def is_foreign(path: str | Path) -> bool:
    """Whether a path is that of a landscape which is no database of agescape: `Database` opens those."""
    path = Path(path)
    if path.is_dir() or path.suffix in {*LISTS, ".csv"} or path.name in OF_FOLDER:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(len(SQLITE))
    return is_pele(path) if start == SQLITE else start.startswith((ZIP, b"<"))


def _of_folder(folder: Path) -> KineticNetwork:
    """A folder of text files; topography-searcher has fewer columns than PATHSAMPLE."""
    if not (folder / "min.data").is_file():
        if len(nodes := sorted(folder.glob("*.nodes"))) == 1:
            return read_lon_lists(nodes[0])
        msg = f"{folder} has no min.data: expected min.data and ts.data"
        raise FileNotFoundError(msg)
    if not (folder / "ts.data").is_file():
        msg = f"{folder} has no ts.data: expected min.data and ts.data"
        raise FileNotFoundError(msg)
    first = [len(words) for _, words in read_lines(folder / "min.data")[:1]]
    return read_topsearch_network(folder) if first == [2] else read_pathsample_network(folder)


def _of_file(path: Path) -> KineticNetwork:
    with Database(path) as database:
        return network_of(database)


def network_of(database: Database) -> KineticNetwork:
    """The network of a database of agescape, lowest minima first, with what its rates need."""
    minima, states = database.minima, database.transition_states
    unstable = np.array([stored.point.eigenvalues[0] for stored in states])
    graph = database.graph()
    return KineticNetwork(
        source=database.path,
        format="agescape",
        graph=graph,
        ids=database.minimum_ids(),
        columns=_columns(database, minima) | {"hits": database.hits().astype(np.float64)},
        transition_columns=_columns(database, states) | {"lowest_eigenvalue": unstable},
        metadata=database.provenance.dataset,
    )


def _columns(
    database: Database, points: Sequence[StoredMinimum] | Sequence[StoredTransitionState]
) -> dict[str, Floats]:
    order = group_order(database.network)
    return {
        "log_product": np.array([_log_product(one.point) for one in points]),
        "point_group_order": np.array([float(max(order // one.orbit_size, 1)) for one in points]),
        "orbit_size": np.array([float(one.orbit_size) for one in points]),
    }


def _log_product(point: Minimum | TransitionState) -> float:
    """Sum of the logarithms of the positive eigenvalues."""
    if point.inertia is not None:
        return point.log_product if isinstance(point, TransitionState) else point.log_determinant
    return float(np.log(point.eigenvalues[point.eigenvalues > 0.0]).sum())
