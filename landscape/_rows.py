"""Rows of the SQLite tables as records, every value checked: a column of SQLite holds any type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape import _schema, symmetry
from landscape._pickles import UnsafePickleError, load_array
from landscape.records import Provenance, StoredMinimum, StoredTransitionState
from landscape.stationary import Minimum, TransitionState

Array = NDArray[np.float64]

LARGEST = symmetry.LARGEST  # of any number: no loss, eigenvalue or weight comes near

_EXTRA_COLUMNS = "rms_gradient, eigenvalues, hits, origin, search, orbit_size"
SELECT_MINIMA = f"SELECT _id, energy, coords, {_EXTRA_COLUMNS} FROM tbl_minima JOIN agescape_minima ON _id = minimum_id"
SELECT_TRANSITION_STATES = (
    f"SELECT _id, energy, coords, _minimum1_id, _minimum2_id, eigenvec, {_EXTRA_COLUMNS} FROM tbl_transition_states"
    " JOIN agescape_transition_states ON _id = transition_state_id"
)


def moderate(values: ArrayLike) -> bool:
    """Whether all numbers are finite, and their squares too."""
    return bool((np.abs(values) < LARGEST).all())


@dataclass(frozen=True)
class RowReader:
    """Makes records of rows; errors name the file and the point."""

    path: Path
    n_parameters: int

    def _array(self, blob: Any, what: str) -> Array:
        try:
            array = load_array(blob if isinstance(blob, bytes) else b"")
        except UnsafePickleError as error:
            msg = f"{self.path} is refused: {what} is not a plain array: {error}"
            raise ValueError(msg) from error
        if array.size != self.n_parameters or not moderate(array):
            msg = f"{self.path} is damaged: {what} should be {self.n_parameters} numbers, finite and below {LARGEST:g}"
            raise ValueError(msg)
        return array

    def _number(self, value: Any, kind: type, what: str) -> Any:
        """`value` if it is a finite number of this kind; SQLite columns hold any type."""
        if type(value) is not kind or not moderate(value):
            msg = f"{self.path} is damaged: {what} is {value!r:.200}, not a finite {kind.__name__}"
            raise ValueError(msg)
        return value

    def _certificate(self, rms_gradient: Any, eigenvalues: Any, what: str) -> tuple[float, Array]:
        sizes = range(8, 8 * self.n_parameters + 1, 8)
        if not isinstance(eigenvalues, bytes) or len(eigenvalues) not in sizes:
            msg = f"{self.path} is damaged: the eigenvalues of {what} are no array of numbers"
            raise ValueError(msg)
        values = np.frombuffer(eigenvalues, dtype="<f8").astype(np.float64)
        if not moderate(values) or not values.all():
            msg = f"{self.path} is damaged: the eigenvalues of {what} are not finite, or one is 0"
            raise ValueError(msg)
        return self._number(rms_gradient, float, f"the gradient of {what}"), values

    def _bookkeeping(self, values: list[Any], what: str) -> tuple[int, str, Any, int]:
        hits, origin, search, orbit = values
        if not (isinstance(origin, str) and isinstance(orbit, str) and orbit.isdecimal()):
            msg = f"{self.path} is damaged: {what} has origin {origin!r} and orbit size {orbit!r}"
            raise ValueError(msg)
        search = None if search is None else self._number(search, int, f"the search of {what}")
        return self._number(hits, int, f"the hits of {what}"), origin, search, int(orbit)

    def minimum(self, row: tuple) -> StoredMinimum:
        """Record of a row of `SELECT_MINIMA`."""
        number, value, coordinates, rms_gradient, eigenvalues, *rest = row
        what = f"minimum {number}"
        point = Minimum(
            self._array(coordinates, f"the position of {what}"),
            self._number(value, float, f"the loss of {what}"),
            *self._certificate(rms_gradient, eigenvalues, what),
        )
        return StoredMinimum(number, point, *self._bookkeeping(rest, what))

    def transition_state(self, row: tuple) -> StoredTransitionState:
        """Record of a row of `SELECT_TRANSITION_STATES`."""
        number, value, coordinates, first, second, mode, rms_gradient, eigenvalues, *rest = row
        what = f"transition state {number}"
        point = TransitionState(
            self._array(coordinates, f"the position of {what}"),
            self._number(value, float, f"the loss of {what}"),
            *self._certificate(rms_gradient, eigenvalues, what),
            eigenvector=self._array(mode, f"the eigenvector of {what}"),
        )
        ends = tuple(self._number(end, int, f"an end of {what}") for end in (first, second))
        return StoredTransitionState(number, point, ends, *self._bookkeeping(rest, what))


def read_provenance(rows: Mapping[str, str], path: Path) -> Provenance:
    """Provenance from the rows (name, JSON) of its table."""
    try:
        values = {name: json.loads(value) for name, value in rows.items()}
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


def _wrong_field(provenance: Provenance) -> str | None:
    """Name of the first field of a wrong type or value; JSON holds any."""
    sizes = provenance.layer_sizes
    right = {
        "n_parameters": _is_whole(provenance.n_parameters, 1),
        "layer_sizes": sizes is None or (len(sizes) >= 2 and all(_is_whole(n, 1) for n in sizes)),
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


def _is_whole(value: Any, lowest: int) -> bool:
    return type(value) is int and value >= lowest
