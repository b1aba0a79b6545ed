"""From a database to the arrays of an npz file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.database import Attempt, Database, Find, StoredMinimum, StoredTransitionState, _schema
from landscape.interchange._archive import NOTHING, Arrays, columns
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
from landscape.stationary import Inertia
from landscape.support import new_file

Array = NDArray[np.float64]
Stored = StoredMinimum | StoredTransitionState


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
    starts = [Start(str(s.seed), s.number, number[s.minimum_id], s.status) for s in database.random_starts()]
    attempts = [
        replace(attempt, minimum_ids=tuple(number[end] for end in attempt.minimum_ids))
        for attempt in database.attempts()
    ]
    n_parameters = database.provenance.n_parameters
    provenance = {**database.provenance.stored, "schema": _schema.VERSION}
    structures = [
        Structure(point, method, number[end])
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
        **columns(STRUCTURES, structures, Structure),
        **columns(DISCOVERIES, _discoveries(minima), Discovered),
        **columns(UNMAPPED, _unmapped(database), Unmapped),
        UNCHECKED: np.array(unchecked, np.int64),
        **columns(
            ORIGINS,
            [Origin(o.search, str(o.seed), o.number, o.finds_known) for o in database.search_origins()],
            Origin,
        ),
        **columns(FINDS, finds, Find),
        **columns(STARTS, starts, Start),
        **_bound_arrays(database, number, n_parameters),
    }
    with new_file(path) as unfinished, unfinished.open("xb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _discoveries(minima: Sequence[StoredMinimum]) -> list[Discovered]:
    return [Discovered(stored.id, **asdict(stored.discovery)) for stored in minima if stored.discovery]


def _unmapped(database: Database) -> list[Unmapped]:
    methods = database.quench_methods()
    return [Unmapped(point, m, reason) for m in methods for point, reason in sorted(database.unmapped(m).items())]


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


def _matrix(vectors: Sequence[Array], width: int) -> Array:
    """Vectors as rows, padded with nan."""
    matrix = np.full((len(vectors), width), np.nan)
    for row, vector in zip(matrix, vectors, strict=True):
        row[: vector.size] = vector
    return matrix
