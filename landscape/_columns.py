"""All rows of a table checked, and of each the few numbers that a graph needs: in a large file the rest stays there.

The rows are looked at in chunks. Where every value of a chunk is plainly what it should be, which arrays together
decide, that is all; any other chunk goes row by row through `RowReader`, whose word is final.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape._pickles import plain_numbers
from landscape._rows import LARGEST, SELECT_MINIMA, SELECT_TRANSITION_STATES, RowReader, moderate

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Record = TypeVar("Record")

CHUNK = 5000  # rows
DENSE = 10  # largest id per number of ids
MOST_DIGITS = 300  # of an orbit size


@dataclass(frozen=True, eq=False)
class Columns:
    """Of all minima, or transition states."""

    ids: Integers  # (n,)
    values: Floats  # (n,) nats
    ends: Integers  # (n, 2) ids of the minima that a transition state joins; (n, 0) for minima

    def with_rows(self, rows: Sequence[tuple[int, float, *tuple[int, ...]]]) -> "Columns":
        """These and more of (id, loss, *ends)."""
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
        """The same by their losses, then their ids."""
        order = np.lexsort((self.ids, self.values))
        return Columns(self.ids[order], self.values[order], self.ends[order])


def read_minima(connection: sqlite3.Connection, reader: RowReader) -> Columns:
    """Check all minima; ValueError as of `RowReader`."""
    return _read(connection, SELECT_MINIMA, reader, reader.minimum, 0)


def read_transition_states(connection: sqlite3.Connection, reader: RowReader) -> Columns:
    """Check all transition states; ValueError as of `RowReader`."""
    return _read(connection, SELECT_TRANSITION_STATES, reader, reader.transition_state, 2)


def _read(
    connection: sqlite3.Connection, query: str, reader: RowReader, record: Callable[[tuple], Any], n_ends: int
) -> Columns:
    ids, values, ends = [np.empty(0, np.int64)], [np.empty(0)], [np.empty((0, n_ends), np.int64)]
    for rows in _chunks(connection, query):
        columns = list(zip(*rows, strict=True))
        if not _plain(columns, n_ends, reader.n_parameters):
            for row in rows:
                record(row)
        ids.append(np.array(columns[0], np.int64))
        values.append(np.array(columns[1], np.float64))
        ends.append(np.array(columns[3 : 3 + n_ends], np.int64).reshape(n_ends, len(rows)).T)
    return Columns(np.concatenate(ids), np.concatenate(values), np.concatenate(ends))


def _chunks(connection: sqlite3.Connection, query: str) -> Iterator[list[tuple]]:
    cursor = connection.execute(query)
    try:
        while rows := cursor.fetchmany(CHUNK):
            yield rows
    finally:
        cursor.close()  # left half-way it would lock the file


def _plain(columns: Sequence[Sequence[Any]], n_ends: int, n_parameters: int) -> bool:
    """Whether all is beyond doubt what `RowReader` would take."""
    _, values, points, *rest = columns
    ends, rest = rest[:n_ends], rest[n_ends:]
    vectors = [points, rest.pop(0)] if n_ends else [points]
    gradients, spectra, hits, origins, searches, orbits = rest
    return (
        _finite(values)
        and _finite(gradients)
        and all(set(map(type, end)) == {int} for end in ends)
        and set(map(type, hits)) == {int}
        and set(map(type, origins)) == {str}
        and set(map(type, searches)) <= {int, type(None)}
        and set(map(type, orbits)) == {str}
        and all(len(orbit) < MOST_DIGITS and orbit.isdecimal() for orbit in set(orbits))
        and _spectra(spectra, n_parameters)
        and all(plain_numbers(blobs, n_parameters, LARGEST) for blobs in vectors)
    )


def _finite(values: Sequence[Any]) -> bool:
    return set(map(type, values)) == {float} and moderate(values)


def _spectra(blobs: Sequence[Any], n_parameters: int) -> bool:
    if set(map(type, blobs)) != {bytes}:
        return False
    fits = all(0 < size <= 8 * n_parameters and size % 8 == 0 for size in set(map(len, blobs)))
    values = np.frombuffer(b"".join(blobs), "<f8") if fits else np.zeros(1)
    return moderate(values) and bool(values.all())


class Records(Generic[Record]):
    """Records of a table by their ids, read when they are asked for and then kept."""

    def __init__(self, rows: Callable[..., list[tuple]], query: str, record: Callable[[tuple], Record]) -> None:
        self._rows, self._query, self._record = rows, query, record
        self._known: dict[int, Record] = {}
        self._complete = False

    def __getitem__(self, number: int) -> Record:
        if number not in self._known:
            rows = [] if self._complete else self._rows(f"{self._query} WHERE _id = ?", number)
            if not rows:
                raise KeyError(number)
            self._known[number] = self._record(rows[0])
        return self._known[number]

    def __setitem__(self, number: int, record: Record) -> None:
        self._known[number] = record

    def read_all(self) -> None:
        """Read all that were not yet."""
        if not self._complete:
            read = {row[0]: self._record(row) for row in self._rows(self._query) if row[0] not in self._known}
            self._known |= read
            self._complete = True


def pairs_of(columns: Columns) -> list[tuple[float, int]]:
    """Losses and ids, in the same order."""
    return list(zip(columns.values.tolist(), columns.ids.tolist(), strict=True))


def places(ids: Integers, wanted: Integers) -> Integers:
    """Where `wanted`, of any shape, stand among the `ids` (n,), which hold them all."""
    if ids.size and ids.min() >= 0 and ids.max() < DENSE * ids.size:  # as good as always: a table, not a search
        table = np.empty(ids.max() + 1, np.int64)
        table[ids] = np.arange(ids.size)
        return table[wanted]
    order = np.argsort(ids)
    return order[np.searchsorted(ids, wanted, sorter=order)] if ids.size else np.zeros(wanted.shape, np.int64)
