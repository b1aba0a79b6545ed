"""The network in PATHSAMPLE's ``min.data`` and ``ts.data``, which PyGT and disconnectionDPS read, too."""

from pathlib import Path

import numpy as np

from landscape.interchange._kinetic_network import KineticNetwork
from landscape.interchange._text_tables import (
    Floats,
    Integers,
    Line,
    check_widths,
    coarsest_digit,
    floats,
    floats_or_nothing,
    integers,
    read_lines,
    read_set,
)

MINIMUM = "energy, log product of the squared frequencies, point-group order"
STATE = MINIMUM + ", two minima"
SETS = ("A", "B")


def read_pathsample_network(folder: Path) -> KineticNetwork:
    """Read ``min.data`` and ``ts.data``; beside them ``min.A``, ``min.B`` and ``communities.dat``, where they are."""
    minima, states = read_lines(folder / "min.data"), read_lines(folder / "ts.data")
    check_widths(minima, 3, MINIMUM)
    check_widths(states, 5, STATE)
    n = len(minima)
    ends = np.stack([_minima(states, column, n) for column in (3, 4)], axis=1)
    return KineticNetwork.of(
        folder,
        "PATHSAMPLE",
        floats(minima, 0),
        floats(states, 0),
        ends,
        rounding=max(coarsest_digit(minima, 0), coarsest_digit(states, 0)),
        columns=_columns(minima, slice(3, 6)) | _communities(folder, n),
        transition_columns=_columns(states, slice(5, 8)),
        sets={name: read_set(path, n) for name in SETS if (path := folder / f"min.{name}").is_file()},
    )


def _minima(lines: list[Line], column: int, n: int) -> Integers:
    """A column (m,) of minima, from 0."""
    found = integers(lines, column)
    wrong = np.flatnonzero((found < 1) | (found > n))
    if wrong.size:
        msg = f"{lines[wrong[0]][0]}: expected one of the minima 1 ... {n}, found {found[wrong[0]]}"
        raise ValueError(msg)
    return found - 1


def _columns(lines: list[Line], moments: slice) -> dict[str, Floats | None]:
    orders = integers(lines, 2)
    if (orders < 1).any():
        where = lines[int(np.argmax(orders < 1))][0]
        msg = f"{where}: the order of a point group must be 1 or more; got {orders.min()}"
        raise ValueError(msg)
    inertia = floats_or_nothing(lines, moments)
    return {
        "log_product": floats(lines, 1),
        "point_group_order": orders.astype(np.float64),
        "moments_of_inertia": inertia if inertia is not None and inertia.shape[1:] == (3,) else None,
    }


def _communities(folder: Path, n: int) -> dict[str, Floats]:
    """Communities of PyGT, a number from 0 for each minimum."""
    path = folder / "communities.dat"
    if not path.is_file():
        return {}
    found = integers(read_lines(path), 0)
    if found.size != n:
        msg = f"{path}: expected one line for each of the {n} minima of min.data, found {found.size}"
        raise ValueError(msg)
    return {"community": found.astype(np.float64)}
