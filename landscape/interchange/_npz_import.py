"""From an npz file back to the database that was exported, bit for bit."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.database import (
    Attempt,
    Bound,
    Database,
    Discovery,
    Find,
    Provenance,
    RandomStart,
    SearchOrigin,
    check_new,
    loss_of,
    moderate,
    new_database,
    read_provenance,
)
from landscape.interchange._archive import Archive, later_rows, rows
from landscape.interchange._npz import (
    ATTEMPTS,
    BOUNDS,
    DISCOVERIES,
    FINDS,
    MINIMA,
    ORIGINS,
    STARTS,
    STATES,
    STRUCTURES,
    UNCHECKED,
    UNMAPPED,
    Discovered,
    Origin,
    Start,
    Structure,
    Unmapped,
)
from landscape.interchange._npz_points import Point, add_minimum, add_state, read_points
from landscape.stationary import GRADIENT_TOLERANCE
from landscape.support import Result, about, reading, sqlite_failure

Array = NDArray[np.float64]

MAX_GRADIENT = 10.0 * GRADIENT_TOLERANCE  # rms gradient: rounding of a vanishing one on another machine
LOSS_ERROR = 1e-9  # relative: a larger difference from the loss at the coordinates is an error


@dataclass(frozen=True)
class Restored(Result):
    """Contents of a restored database."""

    path: Path
    minima: int
    transition_states: int
    searches: int
    losses_checked: bool  # whether the losses were computed again; false if the data are unavailable


def import_npz(source: str | Path, output: str | Path) -> Restored:
    """Restore the database that `export_npz` wrote, with the same ids, certificates and hits.

    Losses and gradients are computed again if the data set can be reconstructed here; the other numbers of the
    certificates are read unchanged, as from a database: `verify` computes them again.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, holds what a database must not, or a loss differs from that at the coordinates: the
        message names the path.
    FileExistsError
        If `output` exists.
    """
    source = Path(source)
    archive = Archive(source)
    check_new(output)
    with reading(source):
        contents = _contents(archive)
    with about(source), new_database(output, contents.provenance) as database:
        _fill(database, contents, source)
        losses_checked = _check_losses(database, [*contents.minima, *contents.states])
    sizes = len(contents.minima), len(contents.states), len(contents.attempts)
    return Restored(Path(output), *sizes, losses_checked)


@dataclass(frozen=True, eq=False)
class _Contents:
    """What the arrays say, checked as far as that needs no database."""

    provenance: Provenance
    minima: list[Point]
    states: list[Point]
    ends: list[tuple[int, int]]  # minima of each transition state
    modes: Array  # its eigenvector
    discoveries: dict[int, Discovery]  # by minimum
    unchecked: set[int]
    attempts: list[Attempt]
    origins: dict[int, SearchOrigin]  # by search
    finds: dict[int, list[Find]]  # by search
    starts: list[RandomStart]
    structures: list[Structure]
    reasons: dict[tuple[str, str], str]  # by point and method
    bounds: list[Bound]


def _contents(archive: Archive) -> _Contents:
    provenance = provenance_in(archive)
    minima, states = (read_points(archive, prefix, provenance.n_parameters) for prefix in (MINIMA, STATES))
    finds: dict[int, list[Find]] = defaultdict(list)
    for find in later_rows(FINDS, archive, Find):
        finds[find.search].append(find)
    contents = _Contents(
        provenance,
        minima,
        states,
        ends=[(a, b) for a, b in archive.get(f"{STATES}_minimum_ids", "i", len(states), 2).tolist()],
        modes=archive.get(f"{STATES}_eigenvectors", "f", len(states), provenance.n_parameters).astype(np.float64),
        discoveries={
            one.minimum_id: Discovery(one.run, one.replica, one.step, one.method)
            for one in later_rows(DISCOVERIES, archive, Discovered)
        },
        unchecked=set(archive.get(UNCHECKED, "i", None).tolist()) if archive.has("unchecked") else set(),
        attempts=rows(ATTEMPTS, archive, Attempt),
        origins=_origins(archive),
        finds=finds,
        starts=[
            RandomStart(int(one.seed), one.number, one.minimum_id, one.status)
            for one in later_rows(STARTS, archive, Start)
        ],
        structures=rows(STRUCTURES, archive, Structure),
        reasons={(one.point, one.method): one.reason for one in later_rows(UNMAPPED, archive, Unmapped)},
        bounds=_bounds(archive, provenance.n_parameters),
    )
    _check_minimum_ids(contents)
    return contents


def _check_minimum_ids(contents: _Contents) -> None:
    """Raise a ValueError if anything names a minimum that the file does not hold."""
    for numbers in (
        *contents.ends,
        *(attempt.minimum_ids for attempt in contents.attempts),
        [start.minimum_id for start in contents.starts],
        [structure.minimum_id for structure in contents.structures],
        *(bound.minimum_ids for bound in contents.bounds),
    ):
        for number in numbers:
            if number is not None and not 1 <= number <= len(contents.minima):
                msg = f"it names minimum {number}, which it does not hold"
                raise ValueError(msg)


def _fill(database: Database, contents: _Contents, source: Path) -> None:
    for point in contents.minima:
        add_minimum(database, point, contents.discoveries.get(point.id))
    for point, mode, ends in zip(contents.states, contents.modes, contents.ends, strict=True):
        add_state(database, point, mode, ends, point.id not in contents.unchecked)
    try:
        _fill_side_tables(database, contents)
    except sqlite3.IntegrityError as error:  # a search or a start that is there twice
        raise sqlite_failure(error, source) from error


def _fill_side_tables(database: Database, contents: _Contents) -> None:
    for attempt in contents.attempts:
        finds = contents.finds.get(attempt.search, [])
        database.add_attempt(attempt, contents.origins.get(attempt.search), finds)
    for start in contents.starts:
        database.add_random_start(start)
    for one in contents.structures:
        reason = contents.reasons.get((one.point, one.method))
        database.add_inherent_structure(one.point, one.method, one.minimum_id, reason)
    for bound in contents.bounds:
        database.add_bound(bound)


def _check_losses(database: Database, points: Sequence[Point]) -> bool:
    """Compare the file with the loss at the coordinates; False if the loss cannot be reconstructed.

    Raises
    ------
    ValueError
        If a point has a different loss, or its gradient does not vanish.
    """
    try:
        loss = loss_of(database)
    except (ValueError, OSError):
        return False
    for point in points:
        value, gradient = loss.value_and_gradient(point.coordinates)
        if not abs(value - point.value) <= LOSS_ERROR * max(1.0, abs(value)):
            msg = f"{point.what} has the loss {value!r} at its coordinates, the file says {point.value!r}"
            raise ValueError(msg)
        if not (rms := float(np.sqrt(gradient @ gradient / gradient.size))) <= MAX_GRADIENT:
            msg = f"{point.what} is not stationary: its rms gradient is {rms:.3g}"
            raise ValueError(msg)
    return True


def _origins(archive: Archive) -> dict[int, SearchOrigin]:
    found = later_rows(ORIGINS, archive, Origin)
    return {one.search: SearchOrigin(one.search, int(one.seed), one.number, one.finds_known) for one in found}


def provenance_in(archive: Archive) -> Provenance:
    with reading(archive.path, "is damaged: its provenance cannot be read"):
        parsed = json.loads(str(archive.get("provenance", "U")))
        provenance = read_provenance({name: json.dumps(value) for name, value in parsed.items()}, archive.path)
    if provenance.network is not None and provenance.network.n_parameters != provenance.n_parameters:
        msg = f"its network has {provenance.network.n_parameters} parameters, not {provenance.n_parameters}"
        raise ValueError(msg)
    return provenance


def _bounds(archive: Archive, n_parameters: int) -> list[Bound]:
    if not archive.has(BOUNDS):
        return []
    ends = archive.get(f"{BOUNDS}_minimum_ids", "i", None, 2)
    values = archive.get(f"{BOUNDS}_values", "f", len(ends)).tolist()
    sizes = archive.get(f"{BOUNDS}_sizes", "i", len(ends))
    points = archive.get(f"{BOUNDS}_points", "f", None, n_parameters).astype(np.float64)
    if (sizes < 2).any() or sizes.sum() != len(points) or not moderate(points.ravel()):
        msg = f"{BOUNDS}_sizes should be 2 or more and sum to the number of points, which should be finite"
        raise ValueError(msg)
    last = np.cumsum(sizes)
    paths = [points[end - size : end] for size, end in zip(sizes, last, strict=True)]
    return [Bound((a, b), value, path) for (a, b), value, path in zip(ends.tolist(), values, paths, strict=True)]
