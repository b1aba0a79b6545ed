"""A whole database as plain arrays in one npz file, for NumPy and programs that read its files; and back, bit for bit.

``provenance`` is JSON text. Points have ``minima_*`` and ``transition_states_*``, one entry per point in the order of
their ids: ``ids``, ``coordinates`` (n, P), ``losses`` in nats, ``rms_gradients``, ``eigenvalues`` (n, P) that end in
nan if zero modes are left out or only some are known (then there are ``inertias``, the numbers of
`landscape.stationary.Inertia`), ``log_determinants``, ``traces``, ``orbit_sizes`` as text (they may be huge), ``hits``,
``origins``, ``searches`` (-1: none); transition states also ``eigenvectors`` (m, P) and ``minimum_ids`` (m, 2). Then
``attempts_*`` and ``inherent_structures_*``, one entry per search and per quenched point of a trajectory (-1: no
minimum), ``discoveries_*`` (the snapshot that found a minimum), ``unmapped_*`` (why a point belongs to none),
``search_origins_*`` and ``finds_*`` (identity of a search and what it found), ``random_starts_*``,
``bounds_*`` (upper bounds on barriers: ``minimum_ids`` (b, 2), ``values`` in nats, ``sizes``, the numbers of points of
their paths, and ``points`` (sum of sizes, P)), and ``unchecked_ends``, the ids of transition states whose paths nobody
has followed: files of older versions lack these.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
    StoredMinimum,
    StoredTransitionState,
    _schema,
    check_new,
    loss_of,
    moderate,
    new_database,
    read_provenance,
)
from landscape.interchange._archive import NOTHING, Archive, Arrays, columns, later_rows, rows
from landscape.stationary import GRADIENT_TOLERANCE, Inertia, Minimum, TransitionState
from landscape.support import Result, about, new_file, reading, sqlite_failure

Array = NDArray[np.float64]
Stored = StoredMinimum | StoredTransitionState

MINIMA, STATES, ATTEMPTS, STRUCTURES = "minima", "transition_states", "attempts", "inherent_structures"
DISCOVERIES, UNMAPPED, UNCHECKED = "discoveries", "unmapped", "unchecked_ends"
ORIGINS, FINDS, STARTS, BOUNDS = "search_origins", "finds", "random_starts", "bounds"
MAX_GRADIENT = 10.0 * GRADIENT_TOLERANCE  # rms gradient: rounding of a vanishing one on another machine
LOSS_ERROR = 1e-9  # relative: a larger difference from the loss at the coordinates is an error


@dataclass(frozen=True)
class _Structure:
    """Quench result of a point of a trajectory."""

    point: str
    method: str
    minimum_id: int | None


@dataclass(frozen=True)
class _Discovered:
    """The snapshot that found a minimum."""

    minimum_id: int
    run: str
    replica: int
    step: int
    method: str


@dataclass(frozen=True)
class _Unmapped:
    """Why a point of a trajectory belongs to no minimum."""

    point: str
    method: str
    reason: str


@dataclass(frozen=True)
class _Origin:
    """Identity of a search; seeds may be too large for a column of numbers."""

    search: int
    seed: str
    number: int
    finds_known: bool


@dataclass(frozen=True)
class _Start:
    """A fresh random start."""

    seed: str
    number: int
    minimum_id: int | None
    status: str


@dataclass(frozen=True)
class Restored(Result):
    """Contents of a restored database."""

    path: Path
    minima: int
    transition_states: int
    searches: int
    losses_checked: bool  # whether the losses were computed again; false if the data are unavailable


def export_npz(database: Database, path: str | Path) -> None:
    """Write the whole database; ``numpy.load(path)`` reads it, without pickles.

    Ids are those of the database; if some are missing (for example after a repair), points are renumbered from 1.
    """
    minima = sorted(database.minima, key=lambda stored: stored.id)
    number = {None: None} | {stored.id: k for k, stored in enumerate(minima, start=1)}
    minima = [replace(stored, id=k) for k, stored in enumerate(minima, start=1)]
    kept_states = sorted(database.transition_states, key=lambda stored: stored.id)
    state_number = {stored.id: k for k, stored in enumerate(kept_states, start=1)}
    states = [
        replace(stored, id=k, minimum_ids=tuple(number[end] for end in stored.minimum_ids))
        for k, stored in enumerate(kept_states, start=1)
    ]
    unchecked = sorted(state_number[one] for one in database.unchecked_ends() if one in state_number)
    finds = [
        replace(find, point_id=new)
        for find in database.finds()
        if (new := (number if find.point == "minimum" else state_number).get(find.point_id)) is not None
    ]
    starts = [_Start(str(s.seed), s.number, number[s.minimum_id], s.status) for s in database.random_starts()]
    attempts = [
        replace(attempt, minimum_ids=tuple(number[end] for end in attempt.minimum_ids))
        for attempt in database.attempts()
    ]
    n_parameters = database.provenance.n_parameters
    provenance = {**database.provenance.stored, "schema": _schema.VERSION}
    structures = [
        _Structure(point, method, number[end])
        for method in database.quench_methods()
        for point, end in sorted(database.inherent_structures(method).items())
    ]
    arrays: Arrays = {
        "provenance": np.array(json.dumps(provenance)),
        **_point_arrays(MINIMA, minima, n_parameters),
        **_point_arrays(STATES, states, n_parameters),
        f"{STATES}_eigenvectors": _matrix([stored.point.eigenvector for stored in states], n_parameters),
        f"{STATES}_minimum_ids": np.array([stored.minimum_ids for stored in states], np.int64).reshape(-1, 2),
        **columns(ATTEMPTS, attempts, Attempt),
        **columns(STRUCTURES, structures, _Structure),
        **columns(DISCOVERIES, _discoveries(minima), _Discovered),
        **columns(UNMAPPED, _unmapped(database), _Unmapped),
        UNCHECKED: np.array(unchecked, np.int64),
        **columns(
            ORIGINS,
            [_Origin(o.search, str(o.seed), o.number, o.finds_known) for o in database.search_origins()],
            _Origin,
        ),
        **columns(FINDS, finds, Find),
        **columns(STARTS, starts, _Start),
        **_bound_arrays(database, number, n_parameters),
    }
    with new_file(path) as unfinished, unfinished.open("xb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _discoveries(minima: Sequence[StoredMinimum]) -> list[_Discovered]:
    return [_Discovered(stored.id, **asdict(stored.discovery)) for stored in minima if stored.discovery]


def _unmapped(database: Database) -> list[_Unmapped]:
    methods = database.quench_methods()
    return [_Unmapped(point, m, reason) for m in methods for point, reason in sorted(database.unmapped(m).items())]


def _point_arrays(prefix: str, points: Sequence[Stored], n_parameters: int) -> Arrays:
    searches = [NOTHING if stored.search is None else stored.search for stored in points]
    arrays = {
        "ids": np.array([stored.id for stored in points], np.int64),
        "coordinates": _matrix([stored.point.coordinates for stored in points], n_parameters),
        "losses": np.array([stored.point.value for stored in points]),
        "rms_gradients": np.array([stored.point.rms_gradient for stored in points]),
        "eigenvalues": _matrix([stored.point.eigenvalues for stored in points], n_parameters),
        "log_determinants": np.array([stored.point.log_determinant for stored in points]),
        "traces": np.array([stored.point.trace for stored in points]),
        "orbit_sizes": np.array([str(stored.orbit_size) for stored in points], np.str_),
        "hits": np.array([stored.hits for stored in points], np.int64),
        "origins": np.array([stored.origin for stored in points], np.str_),
        "searches": np.array(searches, np.int64),
    }
    if any(stored.point.inertia is not None for stored in points):
        arrays["inertias"] = _ragged([_numbers(stored.point.inertia) for stored in points])
    return {f"{prefix}_{name}": array for name, array in arrays.items()}


def _numbers(inertia: Inertia | None) -> Array:
    return np.empty(0) if inertia is None else inertia.to_array()


def _ragged(vectors: Sequence[Array]) -> Array:
    """Rows of different lengths, filled up with nan."""
    return _matrix(vectors, max(vector.size for vector in vectors))


def _bound_arrays(database: Database, number: Mapping[int | None, int | None], n_parameters: int) -> Arrays:
    """Upper bounds on barriers with new ids of their minima, which are in the order of the old ones."""
    bounds = [database.bound((a, b)) for a, b in database.bounds()[0].tolist()]
    ends = [[number[end] for end in bound.minimum_ids] for bound in bounds]
    return {
        f"{BOUNDS}_minimum_ids": np.array(ends, np.int64).reshape(-1, 2),
        f"{BOUNDS}_values": np.array([bound.value for bound in bounds]),
        f"{BOUNDS}_sizes": np.array([len(bound.points) for bound in bounds], np.int64),
        f"{BOUNDS}_points": np.concatenate([np.empty((0, n_parameters)), *(bound.points for bound in bounds)]),
    }


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


def _matrix(vectors: Sequence[Array], width: int) -> Array:
    """Vectors as rows, padded with nan."""
    matrix = np.full((len(vectors), width), np.nan)
    for row, vector in zip(matrix, vectors, strict=True):
        row[: vector.size] = vector
    return matrix


# ---------------------------------------------------------------- reading


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
    minima: list["_Point"]
    states: list["_Point"]
    ends: list[tuple[int, int]]  # minima of each transition state
    modes: Array  # its eigenvector
    discoveries: dict[int, Discovery]  # by minimum
    unchecked: set[int]
    attempts: list[Attempt]
    origins: dict[int, SearchOrigin]  # by search
    finds: dict[int, list[Find]]  # by search
    starts: list[RandomStart]
    structures: list[_Structure]
    reasons: dict[tuple[str, str], str]  # by point and method
    bounds: list[Bound]


def _contents(archive: Archive) -> _Contents:
    provenance = provenance_in(archive)
    minima, states = (_points(archive, prefix, provenance.n_parameters) for prefix in (MINIMA, STATES))
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
            for one in later_rows(DISCOVERIES, archive, _Discovered)
        },
        unchecked=set(archive.get(UNCHECKED, "i", None).tolist()) if archive.has("unchecked") else set(),
        attempts=rows(ATTEMPTS, archive, Attempt),
        origins=_origins(archive),
        finds=finds,
        starts=[
            RandomStart(int(one.seed), one.number, one.minimum_id, one.status)
            for one in later_rows(STARTS, archive, _Start)
        ],
        structures=rows(STRUCTURES, archive, _Structure),
        reasons={(one.point, one.method): one.reason for one in later_rows(UNMAPPED, archive, _Unmapped)},
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
        _add_minimum(database, point, contents.discoveries.get(point.id))
    for point, mode, ends in zip(contents.states, contents.modes, contents.ends, strict=True):
        _add_state(database, point, mode, ends, point.id not in contents.unchecked)
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


def _check_losses(database: Database, points: Sequence["_Point"]) -> bool:
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
    found = later_rows(ORIGINS, archive, _Origin)
    return {one.search: SearchOrigin(one.search, int(one.seed), one.number, one.finds_known) for one in found}


def provenance_in(archive: Archive) -> Provenance:
    with reading(archive.path, "is damaged: its provenance cannot be read"):
        parsed = json.loads(str(archive.get("provenance", "U")))
        provenance = read_provenance({name: json.dumps(value) for name, value in parsed.items()}, archive.path)
    if provenance.network is not None and provenance.network.n_parameters != provenance.n_parameters:
        msg = f"its network has {provenance.network.n_parameters} parameters, not {provenance.n_parameters}"
        raise ValueError(msg)
    return provenance


@dataclass(frozen=True, eq=False)
class _Point:
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


def _points(archive: Archive, prefix: str, n_parameters: int) -> list[_Point]:
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
        _Point(
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


def _add_minimum(database: Database, point: _Point, discovery: Discovery | None) -> None:
    what = point.coordinates, point.value, point.rms_gradient, point.eigenvalues
    minimum = Minimum(*what, inertia=point.inertia)
    _refuse(point, database.minimum_problem(minimum))
    added = database.add_minimum(
        minimum, origin=point.origin, search=point.search, hits=point.hits, discovery=discovery
    )
    _check_added(point, *added)


def _add_state(database: Database, point: _Point, mode: Array, ends: tuple[int, int], ends_checked: bool) -> None:
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


def _refuse(point: _Point, problem: str | None) -> None:
    if problem is not None:
        msg = f"{point.what}: {problem}"
        raise ValueError(msg)


def _check_added(point: _Point, number: int, new: bool) -> None:
    if not new:
        msg = f"{point.what} is the same point as the one with id {number}"
        raise ValueError(msg)
