"""The stationary points in an npz file: read, checked and added to a database."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.database import Database, Discovery, moderate
from landscape.interchange._archive import NOTHING, Archive
from landscape.stationary import Inertia, Minimum, TransitionState

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """One point from the arrays."""

    what: str  # begins a message about what is wrong with it
    id: int
    coordinates: Array
    value: float
    rms_gradient: float
    eigenvalues: Array
    inertia: Inertia | None
    hits: int
    origin: str
    search: int | None

    def check(self) -> None:
        """Raise a ValueError if a number is invalid."""
        numbers = [self.value, self.rms_gradient, *self.coordinates.tolist(), *self.eigenvalues.tolist()]
        if not moderate(numbers) or not self.eigenvalues.size or not self.eigenvalues.all():
            msg = f"{self.what} has numbers that are not finite, or an eigenvalue of 0"
            raise ValueError(msg)
        if self.hits < 0 or (self.search or 0) < 0:
            msg = f"{self.what} has {self.hits} hits and search {self.search}"
            raise ValueError(msg)


def read_points(archive: Archive, prefix: str, n_parameters: int) -> list[Point]:
    ids = archive.get(f"{prefix}_ids", "i", None)
    if not np.array_equal(ids, np.arange(1, len(ids) + 1)):
        msg = f"{prefix}_ids should be 1 ... {len(ids)}"
        raise ValueError(msg)
    scalars = {"losses": "f", "rms_gradients": "f", "hits": "i", "origins": "U", "searches": "i"}
    columns = {name: archive.get(f"{prefix}_{name}", kind, len(ids)).tolist() for name, kind in scalars.items()}
    coordinates = archive.get(f"{prefix}_coordinates", "f", len(ids), n_parameters)
    eigenvalues = archive.get(f"{prefix}_eigenvalues", "f", len(ids), n_parameters)
    inertias = _inertias(archive, prefix, len(ids))
    points = [
        Point(
            what=f"{archive.path} is damaged: entry {k} of {prefix}",
            id=k + 1,
            coordinates=coordinates[k].astype(np.float64),
            value=columns["losses"][k],
            rms_gradient=columns["rms_gradients"][k],
            eigenvalues=eigenvalues[k, : _length(eigenvalues[k])].astype(np.float64),
            inertia=inertias[k],
            hits=columns["hits"][k],
            origin=columns["origins"][k],
            search=None if columns["searches"][k] == NOTHING else columns["searches"][k],
        )
        for k in range(len(ids))
    ]
    for point in points:
        point.check()
    return points


def _inertias(archive: Archive, prefix: str, number: int) -> list[Inertia | None]:
    if not archive.has(f"{prefix}_inertias", exactly=True):
        return [None] * number
    rows = archive.get(f"{prefix}_inertias", "f", number, None)
    return [Inertia.from_array(row[: _length(row)].astype(np.float64)) for row in rows]


def _length(eigenvalues: Array) -> int:
    """Number of entries before the nans at the end."""
    return int(np.flatnonzero(~np.isnan(eigenvalues)).max(initial=-1)) + 1


def add_minimum(database: Database, point: Point, discovery: Discovery | None) -> None:
    what = point.coordinates, point.value, point.rms_gradient, point.eigenvalues
    minimum = Minimum(*what, inertia=point.inertia)
    _refuse(point, database.minimum_problem(minimum))
    added = database.add_minimum(
        minimum, origin=point.origin, search=point.search, hits=point.hits, discovery=discovery
    )
    _check_added(point, *added)


def add_state(database: Database, point: Point, mode: Array, ends: tuple[int, int], ends_checked: bool) -> None:
    if not moderate(mode):
        msg = f"{point.what} has an eigenvector that is not finite"
        raise ValueError(msg)
    what = point.coordinates, point.value, point.rms_gradient, point.eigenvalues
    state = TransitionState(*what, mode, inertia=point.inertia)
    _refuse(point, database.transition_state_problem(state, ends))
    added = database.add_transition_state(
        state, ends, origin=point.origin, search=point.search, hits=point.hits, ends_checked=ends_checked
    )
    _check_added(point, *added)


def _refuse(point: Point, problem: str | None) -> None:
    if problem is not None:
        msg = f"{point.what}: {problem}"
        raise ValueError(msg)


def _check_added(point: Point, number: int, new: bool) -> None:
    if not new:
        msg = f"{point.what} is the same point as the one with id {number}"
        raise ValueError(msg)
