"""Which minima lie close together: aligned distances to the nearest few, kept up as minima are found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landscape import symmetry
from landscape.networks import MLP
from landscape.stationary import Minimum

Array = NDArray[np.float64]

CANDIDATES = 24  # earlier minima whose distance is computed: the nearest by invariants


class Neighbours:
    """Pairs of minima that may be close, with their distance after alignment.

    A minimum is paired with the nearest of those with smaller ids, so that the pairs among any first few
    minima do not depend on what came later.
    """

    def __init__(self, network: MLP | None) -> None:
        self._network = network
        self._ids: list[int] = []
        self._points: list[Array] = []
        self._invariants: list[Array] = []
        self._pairs: list[NDArray[np.int64]] = []  # (k, 2) ids
        self._distances: list[Array] = []

    def update(self, minima: Sequence[tuple[int, Minimum]]) -> None:
        """Add minima (id, minimum) that are not known yet."""
        known = set(self._ids)
        for number, minimum in sorted(minima, key=lambda pair: pair[0]):
            if number not in known:
                self._add(number, minimum.coordinates)

    def _add(self, number: int, point: Array) -> None:
        own = symmetry.invariants(self._network, point)
        if self._ids:
            gaps = np.linalg.norm(np.array(self._invariants) - own, axis=1)
            nearest = np.argsort(gaps, kind="stable")[:CANDIDATES]
            self._pairs.append(np.array([[self._ids[k], number] for k in nearest]))
            others = np.array([self._points[k] for k in nearest])
            self._distances.append(symmetry.distances(self._network, point, others))
        self._ids.append(number)
        self._points.append(point)
        self._invariants.append(own)

    def pairs(self, numbers: Sequence[int]) -> tuple[NDArray[np.int64], Array]:
        """Pairs among the minima with these ids, as positions (m, 2) in the sequence, and distances (m,)."""
        if not self._pairs:
            return np.empty((0, 2), np.int64), np.empty(0)
        pairs, distances = np.concatenate(self._pairs), np.concatenate(self._distances)
        position = np.full(max(self._ids) + 1, -1, dtype=np.int64)
        position[np.array(numbers, dtype=np.int64)] = np.arange(len(numbers))
        places = position[pairs]
        inside = (places >= 0).all(axis=1)
        return places[inside], distances[inside]
