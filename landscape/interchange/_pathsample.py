"""The files of PATHSAMPLE (D. J. Wales): min.data, ts.data, points.min and points.ts in one folder.

``min.data`` has a line per minimum: energy, log product of the squared frequencies (here the log product of the
Hessian's eigenvalues), point-group order, three moments of inertia. ``ts.data`` has a line per transition state:
energy, log product of the positive eigenvalues, point-group order, its two minima counted from 1, three moments
of inertia. ``points.min`` and ``points.ts`` are direct-access files of Fortran: float64 coordinates one record
after the other, with nothing between them. Networks have no moments of inertia; the files hold ones, as pele's do.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landscape.database import Database, StoredMinimum, StoredTransitionState, edges_of
from landscape.interchange._certification import Candidates, Imported, Progress, Said, import_candidates
from landscape.interchange._text_tables import number, plain
from landscape.losses import Loss
from landscape.stationary import Derived
from landscape.support import new_file

Array = NDArray[np.float64]
_Line = tuple[str, str, list[int]]  # its place, its energy as written, its integers

FILES = ("points.min", "points.ts", "ts.data", "min.data")  # in the order in which they appear
MAX_LINE = 1024  # bytes; a line of PATHSAMPLE has about 140
MAX_EXPONENT = 300  # powers of ten: a zero may have any
MAX_INTEGER = 2**31 - 1  # PATHSAMPLE reads point-group orders into default integers


def export_pathsample(database: Database, folder: str | Path) -> None:
    """Write the four files into `folder`, creating it: minima and transition states, lowest first.

    Existing files are replaced. ``min.data`` is removed first and written last, so that partial files are never read
    as complete.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    minima, states = database.minima, database.transition_states
    ends = 1 + edges_of(minima, states)
    writers: dict[str, Callable[[Path], object]] = {
        "points.min": lambda path: _write_points(path, minima),
        "points.ts": lambda path: _write_points(path, states),
        "ts.data": lambda path: _write_lines(path, map(partial(_state_line, database), states, ends.tolist())),
        "min.data": lambda path: _write_lines(path, (_minimum_line(database, minimum) for minimum in minima)),
    }
    (folder / "min.data").unlink(missing_ok=True)
    for name in FILES:
        with new_file(folder / name) as unfinished:
            writers[name](unfinished)


def _write_points(path: Path, stored: Iterable[StoredMinimum | StoredTransitionState]) -> None:
    with path.open("xb") as file:
        for point in stored:
            file.write(point.point.coordinates.astype("<f8").tobytes())


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with path.open("x", encoding="ascii", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _minimum_line(database: Database, stored: StoredMinimum) -> str:
    order = _point_group_order(database, stored)
    return f"{stored.point.value!r} {stored.point.log_determinant!r} {order} 1 1 1"


def _state_line(database: Database, stored: StoredTransitionState, ends: list[int]) -> str:
    order = _point_group_order(database, stored)
    return f"{stored.point.value!r} {stored.point.log_product!r} {order} {ends[0]} {ends[1]} 1 1 1"


def _point_group_order(database: Database, stored: StoredMinimum | StoredTransitionState) -> int:
    return min(Derived.of(database.network, stored.point).stabilizer, MAX_INTEGER)


# ---------------------------------------------------------------- reading


def import_pathsample(
    folder: str | Path,
    loss: Loss,
    output: str | Path,
    *,
    check_paths: bool = False,
    byte_order: Literal["<", ">"] = "<",
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Imported:
    """Make a database from PATHSAMPLE's files, with those points that are stationary points of `loss`.

    The files hold no certificates, so all numbers except the coordinates and the minima that a transition state
    connects are computed again (see `import_candidates`, also for the arguments). Points whose energy in the file
    differs from the loss at their coordinates, beyond the last digit, are rejected; if only the order differs, the
    files are.

    Parameters
    ----------
    byte_order : {"<", ">"}
        Byte order of the coordinates: little-endian or, from some Fortran compilers, big-endian.

    Raises
    ------
    FileNotFoundError
        If one of the four files is missing.
    ValueError
        If a file is not as described, with its path and line; or as for `import_candidates`.
    """
    candidates = read_pathsample(folder, loss.n_parameters, byte_order=byte_order)
    return import_candidates(candidates, loss, output, check_paths=check_paths, seed=seed, jobs=jobs, progress=progress)


def read_pathsample(
    folder: str | Path, n_parameters: int | None = None, *, byte_order: Literal["<", ">"] = "<"
) -> Candidates:
    """Read coordinates (n, P) and (m, P), energies and edges; raises the errors of `import_pathsample`.

    Without `n_parameters` the number of coordinates follows from the size of ``points.min``.
    """
    folder = Path(folder)
    _check_complete(folder)
    if n_parameters is None:
        n_parameters = _record_length(folder)
    minima = _read_points(folder / "points.min", n_parameters, byte_order)
    states = _read_points(folder / "points.ts", n_parameters, byte_order)
    of_minima = list(_read_lines(folder / "min.data", len(minima), integers=slice(2, 3)))
    of_states = list(_read_lines(folder / "ts.data", len(states), integers=slice(2, 5)))
    ends = np.zeros((len(states), 2), dtype=np.int64)
    for k, (where, _, (_, first, second)) in enumerate(of_states):
        if not (1 <= first <= len(minima) and 1 <= second <= len(minima)):
            msg = f"{where}: expected two of the minima 1 ... {len(minima)}, found {first} and {second}"
            raise ValueError(msg)
        ends[k] = first - 1, second - 1
    return Candidates(folder, minima, states, ends, _said(of_minima), _said(of_states))


def _check_complete(folder: Path) -> None:
    for name in FILES:
        if not (folder / name).is_file():
            msg = f"{folder} has no {name}: expected min.data, ts.data, points.min and points.ts"
            raise FileNotFoundError(msg)


def _record_length(folder: Path) -> int:
    """Number of coordinates of a minimum: the size of points.min per line of min.data."""
    path, lines = folder / "points.min", folder / "min.data"
    size, n = path.stat().st_size, 0
    if lines.stat().st_size <= (size // 8 + 1) * MAX_LINE:  # a point has at least one coordinate
        n = sum(bool(line.strip()) for line in lines.read_bytes().split(b"\n"))
    if n == 0 or size % (8 * n) or not size:
        msg = f"{path}: expected {n} records of float64 numbers, one for each line of min.data; found {size} bytes"
        raise ValueError(msg)
    return size // (8 * n)


def _said(lines: Sequence[_Line]) -> Said:
    """Energies with half a unit of their last digit, because PATHSAMPLE writes decimals."""
    numbers = [Decimal(plain(word)) for _, word, _ in lines]
    return Said(
        losses=np.array([float(number) for number in numbers]),
        rounding=np.array([0.5 * 10.0 ** min(int(number.as_tuple().exponent), MAX_EXPONENT) for number in numbers]),
        valid=np.ones(len(numbers), dtype=np.bool_),
        names=[where for where, _, _ in lines],
    )


def _read_points(path: Path, n_parameters: int, byte_order: str) -> Array:
    size, record = path.stat().st_size, 8 * n_parameters
    if size % record:
        msg = (
            f"{path}: expected records of {n_parameters} float64 numbers ({record} bytes), one per parameter of the "
            f"network, found {size} bytes"
        )
        raise ValueError(msg)
    points = np.fromfile(path, dtype=f"{byte_order}f8").astype(np.float64)
    return points.reshape(-1, n_parameters)


def _read_lines(path: Path, n: int, *, integers: slice) -> Iterator[_Line]:
    """Place, energy and integers of each line, after checking that there are n lines of numbers."""
    expected = f"{path}: expected one line for each of the {n} records of coordinates"
    if (size := path.stat().st_size) > (n + 1) * MAX_LINE:
        msg = f"{expected}, found {size} bytes"
        raise ValueError(msg)
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    if len(lines) != n:
        msg = f"{expected}, found {len(lines)} lines"
        raise ValueError(msg)
    for k, line in enumerate(lines, start=1):
        yield (where := f"{path}, line {k}"), *_numbers(line, where, integers)


def _numbers(line: bytes, where: str, integers: slice) -> tuple[str, list[int]]:
    words: list[str] = []
    try:
        words = line.decode("ascii").split()
        found = [int(word) for word in words[integers]]
        others = [number(word) for word in words]
    except ValueError:
        others, found = [], []
    if len(found) < integers.stop - integers.start or not others:
        msg = (
            f"{where}: expected finite numbers, the {integers.start + 1}. to {integers.stop}. whole; found {line!r:.80}"
        )
        raise ValueError(msg)
    return words[0], found
