"""Check all rows of a table and read the few numbers that a graph needs; in a large file the rest stays on the disk.

Rows are checked in chunks. Array operations accept a chunk whose values are all plainly valid; any other chunk goes
row by row through `RowReader`, which decides.
"""

import sqlite3
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape.database import _schema
from landscape.database._admission import LARGEST, moderate
from landscape.database._pickles import plain_numbers
from landscape.database._records import SetAside, positions
from landscape.database._rows import MOST_HITS, SELECT_MINIMA, SELECT_TRANSITION_STATES, BadRowError, RowReader
from landscape.graph import below_minima

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Record = TypeVar("Record")

CHUNK = 5000  # rows
MOST_DIGITS = 300  # of an orbit size


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of all minima, or of all transition states."""

    ids: Integers  # (n,)
    values: Floats  # (n,) nats
    ends: Integers  # (n, 2) ids of the minima that a transition state connects; (n, 0) for minima

    def where(self, chosen: NDArray[np.bool_]) -> "Columns":
        """The rows that `chosen` (n,) selects."""
        return Columns(self.ids[chosen], self.values[chosen], self.ends[chosen])

    def with_rows(self, rows: Sequence[tuple[int, float, *tuple[int, ...]]]) -> "Columns":
        """These rows and further ones (id, loss, *ends)."""
        if not rows:
            return self
        ids, values, *ends = zip(*rows, strict=True)
        more = np.array(ends, np.int64).reshape(self.ends.shape[1], len(rows)).T
        return Columns(
            np.append(self.ids, np.array(ids, np.int64)),
            np.append(self.values, np.array(values)),
            np.concatenate([self.ends, more]),
        )

    def lowest_first(self) -> "Columns":
        """The same rows, sorted by loss and then by id."""
        order = np.lexsort((self.ids, self.values))
        return Columns(self.ids[order], self.values[order], self.ends[order])


def read_minima(connection: sqlite3.Connection, reader: RowReader) -> tuple[Columns, list[SetAside]]:
    """All sound minima, and the damaged ones; raises the errors of `RowReader`."""
    return _read(connection, SELECT_MINIMA, reader, reader.minimum, "minimum")


def read_transition_states(connection: sqlite3.Connection, reader: RowReader) -> tuple[Columns, list[SetAside]]:
    """All transition states that are sound by themselves, and the damaged ones; raises the errors of `RowReader`."""
    return _read(connection, SELECT_TRANSITION_STATES, reader, reader.transition_state, "transition state")


def _read(
    connection: sqlite3.Connection, query: str, reader: RowReader, record: Callable[[tuple], Any], kind: str
) -> tuple[Columns, list[SetAside]]:
    n_ends = 2 * (kind == "transition state")
    ids, values, ends = [np.empty(0, np.int64)], [np.empty(0)], [np.empty((0, n_ends), np.int64)]
    aside: list[SetAside] = []
    for rows in _chunks(connection, query):
        columns = list(zip(*rows, strict=True))
        if reader.inertias or not _plain(columns, n_ends, reader.n_parameters):
            found = [_problem(row, record, kind) for row in rows]
            aside += filter(None, found)
            columns = list(zip(*(row for row, bad in zip(rows, found, strict=True) if bad is None), strict=True))
        if columns:
            ids.append(np.array(columns[0], np.int64))
            values.append(np.array(columns[1], np.float64))
            ends.append(np.array(columns[3 : 3 + n_ends], np.int64).reshape(n_ends, len(columns[0])).T)
    return Columns(np.concatenate(ids), np.concatenate(values), np.concatenate(ends)), aside


def _problem(row: tuple, record: Callable[[tuple], Any], kind: str) -> SetAside | None:
    try:
        record(row)
    except BadRowError as error:
        return SetAside(kind, row[0], str(error))
    return None


def with_sound_ends(minima: Columns, states: Columns) -> tuple[Columns, list[SetAside]]:
    """Transition states whose two minima exist and are not above them, and the others."""
    there = np.isin(states.ends, minima.ids)
    lost = np.logical_not(there.all(axis=1))
    missing = states.ends[np.arange(len(there)), there.argmin(axis=1)]
    aside = [
        SetAside("transition state", number, f"it connects minima {tuple(ends)}, and {one} is missing or damaged")
        for number, ends, one in zip(*(a[lost].tolist() for a in (states.ids, states.ends, missing)), strict=True)
    ]
    states = states.where(~lost)
    losses = minima.values[positions(minima.ids, states.ends)]
    depths = losses.max(axis=1, initial=-np.inf) - states.values
    below = below_minima(states.values, losses)
    aside += [
        SetAside("transition state", number, f"it is below one of its minima {a} and {b}, by {depth:.3g} nats")
        for number, depth, (a, b) in zip(*(a[below].tolist() for a in (states.ids, depths, states.ends)), strict=True)
    ]
    return states.where(~below), aside


def _chunks(connection: sqlite3.Connection, query: str) -> Iterator[list[tuple]]:
    cursor = connection.execute(query)
    try:
        while rows := cursor.fetchmany(CHUNK):
            yield rows
    finally:
        cursor.close()  # an unfinished cursor would lock the file


def _plain(columns: Sequence[Sequence[Any]], n_ends: int, n_parameters: int) -> bool:
    """Whether `RowReader` would certainly accept all values."""
    _, values, points, *rest = columns
    ends, rest = rest[:n_ends], rest[n_ends:]
    vectors = [points, rest.pop(0)] if n_ends else [points]
    gradients, spectra, hits, origins, searches, orbits = rest
    return (
        _finite(values)
        and _finite(gradients)
        and all(set(map(type, end)) == {int} for end in ends)
        and _counts(hits)
        and _counts([search for search in searches if search is not None])
        and set(map(type, origins)) == {str}
        and not any(_schema.UNREADABLE in origin for origin in set(origins))
        and set(map(type, orbits)) == {str}
        and all(len(orbit) < MOST_DIGITS and orbit.isdecimal() and int(orbit) for orbit in set(orbits))
        and _spectra(spectra, n_parameters, n_ends // 2)
        and all(plain_numbers(blobs, n_parameters, LARGEST) for blobs in vectors)
    )


def _finite(values: Sequence[Any]) -> bool:
    return set(map(type, values)) == {float} and moderate(values)


def _counts(values: Sequence[Any]) -> bool:
    return not values or (set(map(type, values)) == {int} and min(values) >= 0 and max(values) < MOST_HITS)


def _spectra(blobs: Sequence[Any], n_parameters: int, index: int) -> bool:
    """Whether all spectra have the right length and `index` negative numbers, then positive ones above any rounding."""
    if set(map(type, blobs)) != {bytes} or len(sizes := set(map(len, blobs))) != 1:
        return False
    (size,) = sizes
    if not 0 < size <= 8 * n_parameters or size % 8:
        return False
    values = np.frombuffer(b"".join(blobs), "<f8").reshape(len(blobs), -1)
    smallest, largest = np.abs(values).min(axis=1), np.abs(values).max(axis=1)
    right = (values[:, :index] < 0.0).all() and (values[:, index:] > 0.0).all()
    return moderate(values) and bool(right and (smallest > np.finfo(float).eps * n_parameters * largest).all())


class Records(Generic[Record]):
    """Records of a table by id, read on request and then kept."""

    def __init__(
        self,
        rows: Callable[..., list[tuple]],
        query: str,
        record: Callable[[tuple], Record],
        without: Container[int] = (),  # ids of rows that are set aside
    ) -> None:
        self._rows, self._query, self._record, self._without = rows, query, record, without
        self._known: dict[int, Record] = {}
        self._complete = False

    def __getitem__(self, number: int) -> Record:
        if number not in self._known:
            absent = self._complete or number in self._without
            rows = [] if absent else self._rows(f"{self._query} WHERE _id = ?", number)
            if not rows:
                raise KeyError(number)
            self._known[number] = self._record(rows[0])
        return self._known[number]

    def __setitem__(self, number: int, record: Record) -> None:
        self._known[number] = record

    def read_all(self) -> None:
        """Read all records that have not been read."""
        if not self._complete:
            rows = [row for row in self._rows(self._query) if row[0] not in self._without]
            read = {row[0]: self._record(row) for row in rows if row[0] not in self._known}
            self._known |= read
            self._complete = True


def pairs_of(columns: Columns) -> list[tuple[float, int]]:
    """Losses and ids, in the same order."""
    return list(zip(columns.values.tolist(), columns.ids.tolist(), strict=True))
