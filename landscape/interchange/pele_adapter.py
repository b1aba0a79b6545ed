"""Adapter to pele: its database, disconnectivity graph and minimizers on our files and losses.

The only module that imports pele, and only inside functions: pele has wheels for few platforms, and
everything else runs without it.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.database import Database, UnsafePickleError, _schema, load_array
from landscape.losses import Loss

Array = NDArray[np.float64]

logger = logging.getLogger(__name__)

ARRAY_COLUMNS = {"tbl_minima": ("coords",), "tbl_transition_states": ("coords", "eigenvec")}
# pele unpickles these columns; agescape never writes them
OPEN_COLUMNS = {
    "tbl_minima": "user_data",
    "tbl_transition_states": "user_data",
    "tbl_system_property": "pickle_value",
}
# pele is written for SQLAlchemy 1.4, which announces version 2 on import and on opening a file
SQLALCHEMY_WARNINGS = (
    "Deprecated API features detected",
    r"The ``declarative_base\(\)`` function is now available",
    r"The Engine\.has_table\(\) method is deprecated",
)
MAX_STEPS = 100_000


@dataclass(frozen=True)
class PeleQuench:
    """Result of one of pele's minimizers."""

    coordinates: Array  # (P,)
    value: float  # nats
    rms_gradient: float
    evaluations: int  # of the gradient
    converged: bool


def open_database(path: str | Path) -> Any:
    """Open a database as a `pele.storage.Database`, after checking every pickle that pele would read.

    pele unpickles without checks, and unpickling can execute code from the file. Therefore the file must be a database
    of agescape, its arrays must be plain arrays in every row (pele also reads rows that agescape ignores), and the
    columns in which pele keeps arbitrary objects must be empty.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not one of agescape or holds a pickle that is not a plain array: the message names the path.
    ImportError
        If pele is not installed.
    """
    storage = _import_storage()
    path = Path(path).resolve()
    if "?" in str(path):  # SQLAlchemy would open the file named by the part before it
        msg = f"pele cannot open a path with a question mark; got {path}"
        raise ValueError(msg)
    with Database(path) as ours:
        damaged = ours.set_aside
    _check_pickles(path)
    if damaged:
        msg = f"{path} holds damaged rows, which pele would read: remove them with agescape verify --repair"
        raise ValueError(msg)
    with _sqlalchemy_silenced():
        return storage.Database(db=str(path), createdb=False)


def close_database(database: Any) -> None:
    """Close a `pele.storage.Database`, which has no method for it."""
    database.session.close()
    database.connection.close()
    database.engine.dispose()


def disconnectivity_graph(path: str | Path, **options: Any) -> Any:
    """The `DisconnectivityGraph` of pele for a database, calculated and ready for its `plot`.

    It shows the component of the global minimum, or the largest one if that has fewer than three minima. pele's output
    is logged.

    Parameters
    ----------
    path : path
        A database of agescape; it is checked as in `open_database`.
    **options
        Options of pele's `DisconnectivityGraph`: ``nlevels``, ``Emax``, ``subgraph_size``, ...

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As in `open_database`; ValueError also if no transition state connects two minima.
    """
    with _imports_pele():
        from pele.utils import disconnectivity_graph as drawing  # noqa: PLC0415 (optional)
    database = open_database(path)
    try:
        graph = drawing.database2graph(database)
        graph.remove_edges_from([edge for edge in graph.edges if edge[0] == edge[1]])
        if not graph.number_of_edges():
            msg = f"{path} holds no transition state between two minima: there is no disconnectivity graph to draw"
            raise ValueError(msg)
        highest = max(state.energy for _, _, state in graph.edges(data="ts"))
        # pele's default highest level is the highest transition state, which rounding may exclude
        options = {"Emax": highest + 1e-12 * max(1.0, abs(highest)), **options}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            result = drawing.DisconnectivityGraph(graph, **options)
            result.calculate()
    finally:
        close_database(database)
    for line in printed.getvalue().splitlines():
        logger.info("pele: %s", line)
    return result


def potential(loss: Loss) -> Any:
    """The loss as a pele `BasePotential`: energies are nats, coordinates are parameters (P,).

    Raises
    ------
    ImportError
        If pele is not installed.
    """
    with _imports_pele():
        from pele.potentials import BasePotential  # noqa: PLC0415 (optional)

    class LossPotential(BasePotential):
        """Energy, gradient and Hessian of a loss under pele's names."""

        def getEnergy(self, coords: Array) -> float:
            return loss.value_and_gradient(coords)[0]

        def getEnergyGradient(self, coords: Array) -> tuple[float, Array]:
            return loss.value_and_gradient(coords)

        def getEnergyGradientHessian(self, coords: Array) -> tuple[float, Array, Array]:
            return loss.value_gradient_hessian(coords)

    return LossPotential()


def quench_cpp(loss: Loss, theta: ArrayLike, tolerance: float = 1e-8, **options: Any) -> PeleQuench:
    """Minimize from `theta` (P,) to an rms gradient of `tolerance` with pele's L-BFGS in C++.

    For comparison with `landscape.quench`, which also certifies its result.

    Parameters
    ----------
    loss : Loss
    theta : (P,) array
    tolerance : float
        rms gradient at the end.
    **options
        Options of pele's minimizer: ``nsteps``, ``maxstep``, ``maxErise``, ``M``, ...

    Raises
    ------
    ImportError
        If pele is not installed.
    """
    with _imports_pele():
        from pele.optimize import lbfgs_cpp  # noqa: PLC0415 (optional)
    return _quench(lbfgs_cpp, loss, theta, tolerance, options)


def quench_py(loss: Loss, theta: ArrayLike, tolerance: float = 1e-8, **options: Any) -> PeleQuench:
    """Minimize from `theta` (P,) with pele's L-BFGS in Python; arguments and errors as in `quench_cpp`."""
    with _imports_pele():
        from pele.optimize import lbfgs_py  # noqa: PLC0415 (optional)
    return _quench(lbfgs_py, loss, theta, tolerance, options)


def _quench(
    minimiser: Callable[..., Any], loss: Loss, theta: ArrayLike, tolerance: float, options: dict[str, Any]
) -> PeleQuench:
    start = np.array(theta, dtype=np.float64)
    result = minimiser(start, potential(loss), tol=tolerance, **{"nsteps": MAX_STEPS, **options})
    return PeleQuench(
        coordinates=np.array(result.coords),
        value=float(result.energy),
        rms_gradient=float(result.rms),
        evaluations=int(result.nfev),
        converged=bool(result.success),
    )


def _import_storage() -> Any:
    with _imports_pele():
        from pele import storage  # noqa: PLC0415 (optional)
    return storage


@contextlib.contextmanager
def _imports_pele() -> Iterator[None]:
    """Say how to install pele if it is missing."""
    try:
        with _sqlalchemy_silenced():
            yield
    except ImportError as error:
        msg = (
            "this needs pele, which cannot be imported here "
            f"({error}); it has wheels for Linux on x86_64 and for macOS 14 or later: pip install pele"
        )
        raise ImportError(msg, name=error.name) from error


@contextlib.contextmanager
def _sqlalchemy_silenced() -> Iterator[None]:
    with warnings.catch_warnings():
        for message in SQLALCHEMY_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        yield


def _check_pickles(path: Path) -> None:
    """Reject a file with anything but plain arrays where pele would unpickle."""
    with contextlib.closing(_schema.connect(path)) as connection:
        for table, columns in ARRAY_COLUMNS.items():
            for column in columns:
                for number, blob in connection.execute(f"SELECT _id, {column} FROM {table} WHERE {column} NOTNULL"):
                    _check_array(blob, f"{path} is refused: {column} of {table} {number}")
        for table, column in OPEN_COLUMNS.items():
            found = connection.execute(f"SELECT _id FROM {table} WHERE {column} NOTNULL LIMIT 1").fetchone()
            if found:
                msg = f"{path} is refused: {column} of {table} {found[0]} is set, and pele would unpickle it"
                raise ValueError(msg)


def _check_array(blob: Any, what: str) -> None:
    try:
        load_array(blob if isinstance(blob, bytes) else b"")
    except UnsafePickleError as error:
        msg = f"{what} is not a plain array: {error}"
        raise ValueError(msg) from error
