"""Close minima: aligned distances to the nearest few, updated as minima are found."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from landscape import symmetry
from landscape.networks import MLP
from landscape.stationary import Minimum

Array = NDArray[np.float64]

CANDIDATES = 24  # number of earlier minima whose distance is computed: the nearest by invariants


class Neighbours:
    """Pairs of minima that may be close, with their distance after alignment.

    A minimum is paired with the nearest of those with smaller ids, so that pairs among earlier minima do not depend on
    later ones.
    """

    def __init__(self, network: MLP | None) -> None:
        self._network = network
        self._points: list[Array] = []
        self._ids = _Rows(np.int64)
        self._invariants = _Rows(np.float64)
        self._pairs = _Rows(np.int64)  # (k, 2) ids
        self._distances = _Rows(np.float64)

    def unknown(self, numbers: NDArray[np.int64]) -> list[int]:
        """Those of the ids (n,) that have not been added, ascending."""
        return np.setdiff1d(numbers, self._ids.values).tolist()

    def update(self, minima: Sequence[tuple[int, Minimum]]) -> None:
        """Add new minima (id, minimum)."""
        known = set(self._ids.values.tolist())
        for number, minimum in sorted(minima, key=lambda pair: pair[0]):
            if number not in known:
                self._add(number, minimum.coordinates)

    def _add(self, number: int, point: Array) -> None:
        own = symmetry.invariants(self._network, point)
        if self._points:
            nearest = _smallest(cdist(own[None], self._invariants.values)[0])
            self._pairs.append(np.column_stack([self._ids.values[nearest], np.full(len(nearest), number)]))
            others = np.array([self._points[k] for k in nearest])
            self._distances.append(symmetry.distances(self._network, point, others))
        self._ids.append(np.array([number]))
        self._points.append(point)
        self._invariants.append(own[None])

    def pairs(self, numbers: ArrayLike) -> tuple[NDArray[np.int64], Array]:
        """Pairs among the minima with these ids, as positions (m, 2) in the sequence, and distances (m,)."""
        if len(self._points) < 2:
            return np.empty((0, 2), np.int64), np.empty(0)
        numbers = np.asarray(numbers, dtype=np.int64)
        position = np.full(int(self._ids.values.max()) + 1, -1, dtype=np.int64)
        position[numbers] = np.arange(len(numbers))
        places = position[self._pairs.values]
        inside = (places >= 0).all(axis=1)
        return places[inside], self._distances.values[inside]


class _Rows:
    """An array with amortized appending of rows."""

    def __init__(self, dtype: type) -> None:
        self._array, self._used = np.empty(0, dtype), 0

    @property
    def values(self) -> NDArray[Any]:
        """All rows, as a view that is valid until the next append."""
        return self._array[: self._used]

    def append(self, rows: NDArray[Any]) -> None:
        end = self._used + len(rows)
        if end > len(self._array):
            larger = np.empty((max(end, 2 * self._used), *rows.shape[1:]), self._array.dtype)
            if self._used:
                larger[: self._used] = self.values
            self._array = larger
        self._array[self._used : end] = rows
        self._used = end


def _smallest(gaps: Array) -> NDArray[np.intp]:
    """Positions of the `CANDIDATES` smallest, ascending; the first among equal ones."""
    if len(gaps) <= CANDIDATES:
        return np.argsort(gaps, kind="stable")
    low = np.flatnonzero(gaps <= np.partition(gaps, CANDIDATES - 1)[CANDIDATES - 1])
    return low[np.argsort(gaps[low], kind="stable")][:CANDIDATES]
