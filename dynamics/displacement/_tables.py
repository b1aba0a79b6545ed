"""Two-time displacement that others measured: curves in tables."""

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._msd import MeanSquareDisplacement
from landscape.datasets import Fields, read_fields
from landscape.support import read_arrays

Array = NDArray[np.float64]

# names of columns and arrays, in small letters and with underscores
NAMES: Mapping[str, tuple[str, ...]] = {
    "tw": ("tw", "t_w", "waiting_time", "waiting_times"),
    "t": ("t", "lag", "lags", "tau"),
    "msd": ("msd", "mean_square_displacement", "displacement", "values"),
    "run": ("run", "replica"),
}
TABLES = (".csv", ".tsv", ".tab", ".txt", ".dat", ".npz")  # suffixes of tables
EXPECTED = (
    "expected columns tw, t, msd and perhaps run, or a column t and one for each waiting time, whose name is the number"
)
EXPECTED_ARRAYS = "expected arrays tw (W,), t (T,), msd (W, T) or (R, W, T), or all of one length (and perhaps run)"
MOST = 1 << 27  # numbers of a grid: 1 GiB
LARGEST = 2.0**53  # steps beyond are not exact


def read_displacement(path: str | PathLike[str]) -> MeanSquareDisplacement:
    """Read curves of the two-time mean square displacement, of runs that nobody has here.

    A text (CSV or another delimiter, which is detected) or an npz file has

    - columns or arrays ``tw``, ``t`` and ``msd`` of equal length, and ``run`` if there are several runs; or
    - a column ``t``, and one for each waiting time, whose name contains that as its only number (``100``, ``tw=100``);
      in npz files arrays ``tw`` (W,), ``t`` (T,) and ``msd`` (W, T) or, of R runs, (R, W, T).

    Also taken are the names waiting_time; lag, tau; displacement; replica. Units in brackets are skipped, as in
    ``t (steps)``. Missing values are pairs that were not recorded; curves need not share their lags. The lag 0 is
    skipped. Times are whole numbers of steps; displacements may have any unit, that of the threshold of `aging`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table, a time is not a whole number of steps above 0, a displacement is negative, or a pair
        is there twice: the message names the file, and of a text the line.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        return _of_arrays(path)
    fields = read_fields(path)
    named = _roles(fields.names)
    if {"tw", "t", "msd"} <= named.keys():
        columns = {role: _column(fields, k) for role, k in named.items()}
        return _of_columns(path, columns, [f", line {place}" for place in fields.places])
    if not _waiting_times(fields.names):
        msg = f"{path} is no table of displacements: {EXPECTED}; its columns are {', '.join(fields.names) or 'unnamed'}"
        raise ValueError(msg)
    return _of_curves(path, fields, named["t"])


def is_displacement_table(path: str | PathLike[str]) -> bool:
    """Whether a file is one for `read_displacement`, by its suffix and the names in it."""
    path = Path(path)
    if not path.is_file():
        return False
    try:
        if path.suffix.lower() == ".npz":
            return {"tw", "t", "msd"} <= _roles(tuple(read_arrays(path))).keys()
        if path.suffix.lower() not in TABLES:
            return False
        names = read_fields(path, most=1).names
    except (ValueError, OSError):
        return False
    return {"tw", "t", "msd"} <= _roles(names).keys() or bool(_waiting_times(names))


def _roles(names: Sequence[str]) -> dict[str, int]:
    """Which column is which; of several with the same meaning the first."""
    plain = [re.sub(r"\W+", "_", re.sub(r"[(\[].*", "", name).strip().lower()) for name in names]
    found = {role: [k for k, name in enumerate(plain) if name in known] for role, known in NAMES.items()}
    return {role: columns[0] for role, columns in found.items() if columns}


def _waiting_times(names: Sequence[str]) -> dict[int, int]:
    """Waiting times by the columns that have one in their name; {} unless all do but that of the lags."""
    lags = _roles(names).get("t")
    numbers = {k: re.findall(r"\d+(?:\.\d*)?(?:[eE]\+?\d+)?", name) for k, name in enumerate(names) if k != lags}
    if lags is None or not numbers or any(len(found) != 1 for found in numbers.values()):
        return {}
    times = {k: float(found[0]) for k, found in numbers.items()}
    return {k: int(time) for k, time in times.items()} if all(time.is_integer() for time in times.values()) else {}


def _column(fields: Fields, k: int) -> Array:
    return np.array([fields.number(row, k) for row in range(len(fields.rows))])


def _of_curves(path: Path, fields: Fields, lags: int) -> MeanSquareDisplacement:
    """One column a waiting time."""
    times = _waiting_times(fields.names)
    rows = len(fields.rows)
    columns = {
        "tw": np.repeat(np.array(list(times.values()), np.float64), rows),
        "t": np.tile(_column(fields, lags), len(times)),
        "msd": np.concatenate([_column(fields, k) for k in times]),
    }
    return _of_columns(path, columns, [f", line {place}" for place in fields.places] * len(times))


def _of_arrays(path: Path) -> MeanSquareDisplacement:
    arrays = read_arrays(path)
    roles = _roles(tuple(arrays))
    found: dict[str, Any] = {role: list(arrays.values())[k] for role, k in roles.items()}
    if not {"tw", "t", "msd"} <= found.keys() or any(array.dtype.kind not in "iuf" for array in found.values()):
        msg = f"{path} is no table of displacements: {EXPECTED_ARRAYS} of numbers; it has {', '.join(arrays)}"
        raise ValueError(msg)
    if (values := found["msd"]).ndim in {2, 3}:
        values = values if values.ndim == 3 else values[None]
        if values.shape[1:] != (found["tw"].size, found["t"].size):
            msg = f"{path}: {EXPECTED_ARRAYS}; got {[array.shape for array in found.values()]}"
            raise ValueError(msg)
        runs, waiting, lags = np.meshgrid(np.arange(len(values)), found["tw"], found["t"], indexing="ij")
        found = {"run": runs, "tw": waiting, "t": lags, "msd": values}
    columns = {role: np.ravel(array).astype(np.float64) for role, array in found.items()}
    if len({column.size for column in columns.values()}) > 1:
        msg = f"{path}: {EXPECTED_ARRAYS}; got {[array.shape for array in found.values()]}"
        raise ValueError(msg)
    return _of_columns(path, columns, [f", entry {k}" for k in range(columns["t"].size)])


def _of_columns(path: Path, columns: Mapping[str, Array], places: Sequence[str]) -> MeanSquareDisplacement:
    """Curves from rows of waiting time, lag, displacement and perhaps run, which come from these `places`."""
    _check(path, columns, places)
    used = np.flatnonzero(np.isfinite(columns["msd"]) & (columns["t"] > 0))
    if not used.size:
        msg = f"{path} has no displacement at a lag above 0"
        raise ValueError(msg)
    waiting, w = np.unique(columns["tw"][used].astype(np.int64), return_inverse=True)
    lags, t = np.unique(columns["t"][used].astype(np.int64), return_inverse=True)
    runs, r = np.unique(columns["run"][used] if "run" in columns else np.zeros(used.size), return_inverse=True)
    if runs.size * waiting.size * lags.size > MOST:
        msg = f"{path} has {runs.size} runs, {waiting.size} waiting times and {lags.size} lags: curves must share lags"
        raise ValueError(msg)
    values = np.full((runs.size, waiting.size, lags.size), np.nan)
    at = np.ravel_multi_index((r.ravel(), w.ravel(), t.ravel()), values.shape)
    _, first, counts = np.unique(at, return_index=True, return_counts=True)
    if (counts > 1).any():
        again = int(used[np.setdiff1d(np.arange(used.size), first)[0]])
        msg = f"{path}{places[again]}: waiting time {columns['tw'][again]:g} and lag {columns['t'][again]:g} are there"
        msg += " twice; several runs need a column run"
        raise ValueError(msg)
    values.ravel()[at] = columns["msd"][used]
    return MeanSquareDisplacement(waiting, lags, values, {"table": str(path)}, ~np.isnan(values))


def _check(path: Path, columns: Mapping[str, Array], places: Sequence[str]) -> None:
    """Raise a ValueError at the first row that is no displacement between two steps."""
    limits = {"tw": (1, "a whole number of steps above 0"), "t": (0, "a whole number of steps")}
    for role, (least, expected) in limits.items():
        column = columns[role]
        wrong = ~((column >= least) & (column <= LARGEST) & (np.round(column) == column))
        if wrong.any():
            row = int(wrong.argmax())
            what = "waiting time" if role == "tw" else "lag"
            msg = f"{path}{places[row]}: a {what} must be {expected}; got {column[row]:g}"
            raise ValueError(msg)
    wrong = (columns["msd"] < 0) | np.isinf(columns["msd"])
    if wrong.any():
        row = int(wrong.argmax())
        msg = f"{path}{places[row]}: a displacement must be finite and not negative; got {columns['msd'][row]:g}"
        raise ValueError(msg)
