"""Rows of the SQLite tables as records, every value checked: a column of SQLite holds any type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape import losses
from landscape.activations import ACTIVATIONS
from landscape.database import _schema
from landscape.database._admission import minimum_problem, moderate, transition_state_problem
from landscape.database._inertias import Inertias, inertia_from
from landscape.database._pickles import HostilePickleError, UnsafePickleError, load_array
from landscape.database._records import Provenance, StoredMinimum, StoredTransitionState
from landscape.stationary import Inertia, Minimum, TransitionState

Array = NDArray[np.float64]

MOST_HITS = 2**53  # and searches: more than anyone can run
MOST_DIGITS = 4000  # of an orbit size; Python reads up to 4300

_EXTRA_COLUMNS = "rms_gradient, eigenvalues, hits, origin, search, orbit_size"
SELECT_MINIMA = f"SELECT _id, energy, coords, {_EXTRA_COLUMNS} FROM tbl_minima JOIN agescape_minima ON _id = minimum_id"
SELECT_TRANSITION_STATES = (
    f"SELECT _id, energy, coords, _minimum1_id, _minimum2_id, eigenvec, {_EXTRA_COLUMNS} FROM tbl_transition_states"
    " JOIN agescape_transition_states ON _id = transition_state_id"
)


class BadRowError(ValueError):
    """A damaged row; the message says why, as in "its loss is ..."."""


@dataclass(frozen=True)
class RowReader:
    """Turns rows into records; raises a `BadRowError` for a damaged row and a ValueError for a hostile file."""

    path: Path
    n_parameters: int
    inertias: Inertias = field(default_factory=dict)  # of the points that have no full spectrum

    def _array(self, blob: Any, name: str, what: str) -> Array:
        try:
            return load_array(blob if isinstance(blob, bytes) else b"")
        except HostilePickleError as error:
            msg = f"{self.path} is refused: the {name} of {what} is not a plain array: {error}"
            raise ValueError(msg) from error
        except UnsafePickleError as error:
            msg = f"its {name} is not a plain array: {error}"
            raise BadRowError(msg) from error

    @staticmethod
    def _number(value: Any, kind: type, name: str) -> Any:
        """`value` if it is a finite number of this kind; SQLite columns hold any type."""
        if type(value) is not kind or not moderate(value):
            msg = f"its {name} is {value!r:.200}, not a finite {kind.__name__}"
            raise BadRowError(msg)
        return value

    def _count(self, value: Any, name: str) -> int:
        if not 0 <= self._number(value, int, name) < MOST_HITS:
            msg = f"its {name} is {value}, not a number of searches"
            raise BadRowError(msg)
        return value

    @staticmethod
    def _eigenvalues(blob: Any) -> Array:
        if not isinstance(blob, bytes) or len(blob) % 8:
            msg = "its eigenvalues are not an array of numbers"
            raise BadRowError(msg)
        return np.frombuffer(blob, dtype="<f8").astype(np.float64)

    def _inertia(self, kind: str, number: int) -> Inertia | None:
        if (kind, number) not in self.inertias:
            return None
        try:
            return inertia_from(self.inertias[kind, number])
        except ValueError as error:
            raise BadRowError(str(error)) from error

    def _bookkeeping(self, values: list[Any]) -> tuple[int, str, Any, int]:
        hits, origin, search, orbit = values
        digits = isinstance(orbit, str) and orbit.isdecimal() and len(orbit) < MOST_DIGITS and int(orbit)
        if not digits or not isinstance(origin, str) or _schema.UNREADABLE in origin:
            msg = f"its origin is {origin!r:.200} and its orbit size {orbit!r:.200}"
            raise BadRowError(msg)
        search = None if search is None else self._count(search, "search")
        return self._count(hits, "hits"), origin, search, int(orbit)

    def minimum(self, row: tuple) -> StoredMinimum:
        """Record of a row of `SELECT_MINIMA`."""
        number, value, coordinates, rms_gradient, eigenvalues, *rest = row
        point = Minimum(
            self._array(coordinates, "position", f"minimum {number}"),
            self._number(value, float, "loss"),
            self._number(rms_gradient, float, "rms gradient"),
            self._eigenvalues(eigenvalues),
            inertia=self._inertia("minimum", number),
        )
        _check(minimum_problem(point, self.n_parameters))
        return StoredMinimum(number, point, *self._bookkeeping(rest))

    def transition_state(self, row: tuple) -> StoredTransitionState:
        """Record of a row of `SELECT_TRANSITION_STATES`."""
        number, value, coordinates, first, second, mode, rms_gradient, eigenvalues, *rest = row
        what = f"transition state {number}"
        point = TransitionState(
            self._array(coordinates, "position", what),
            self._number(value, float, "loss"),
            self._number(rms_gradient, float, "rms gradient"),
            self._eigenvalues(eigenvalues),
            eigenvector=self._array(mode, "eigenvector", what),
            inertia=self._inertia("transition state", number),
        )
        _check(transition_state_problem(point, self.n_parameters))
        ends = tuple(self._number(end, int, "end") for end in (first, second))
        return StoredTransitionState(number, point, ends, *self._bookkeeping(rest))


def _check(problem: str | None) -> None:
    if problem is not None:
        raise BadRowError(problem)


def read_provenance(rows: Mapping[str, str], path: Path) -> Provenance:
    """Provenance from the rows (name, JSON) of its table."""
    try:
        values = {name: json.loads(_readable(value)) for name, value in rows.items()}
        version = values.pop("schema")
        sizes = values.pop("layer_sizes")
        provenance = Provenance(layer_sizes=None if sizes is None else tuple(sizes), **values)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        msg = f"{path} is damaged: its provenance cannot be read ({error})"
        raise ValueError(msg) from error
    wrong = _wrong_field(provenance)
    if wrong is not None and version == _schema.VERSION:
        msg = f"{path} is damaged: {wrong} in its provenance is {getattr(provenance, wrong)!r:.200}"
        raise ValueError(msg)
    if version != _schema.VERSION:
        msg = f"{path} was written by another version of agescape: schema {version}, expected {_schema.VERSION}"
        raise ValueError(msg)
    return provenance


def _readable(value: Any) -> Any:
    if isinstance(value, str) and _schema.UNREADABLE in value:  # JSON of ours is ASCII
        msg = "it is not text"
        raise ValueError(msg)
    return value


def _wrong_field(provenance: Provenance) -> str | None:
    """Name of the first field of a wrong type or value; JSON holds any."""
    sizes = provenance.layer_sizes
    right = {
        "n_parameters": _is_whole(provenance.n_parameters, 1),
        "layer_sizes": sizes is None or (len(sizes) >= 2 and all(_is_whole(n, 1) for n in sizes)),
        "activation": isinstance(provenance.activation, str) and provenance.activation in ACTIVATIONS,
        "loss": isinstance(provenance.loss, str) and provenance.loss in losses.HEADS,
        "module": provenance.module is None or _is_module(provenance),
        "dataset": isinstance(provenance.dataset, dict),
        "dataset_sha256": isinstance(provenance.dataset_sha256, str),
        "regularization": isinstance(provenance.regularization, int | float)
        and not isinstance(provenance.regularization, bool)
        and 0 <= provenance.regularization < np.inf,
        "regularize_biases": isinstance(provenance.regularize_biases, bool),
        "seed": _is_whole(provenance.seed, 0),
        "versions": isinstance(provenance.versions, dict)
        and all(isinstance(version, str) for version in provenance.versions.values()),
    }
    return next((name for name, fine in right.items() if not fine), None)


def _is_module(provenance: Provenance) -> bool:
    try:
        source = provenance.source
    except ValueError:
        return False
    fits = source is not None and (source.spec is None or source.spec.n_parameters == provenance.n_parameters)
    return fits and provenance.layer_sizes is None


def _is_whole(value: Any, lowest: int) -> bool:
    return type(value) is int and value >= lowest
