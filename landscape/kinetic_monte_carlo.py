"""Kinetic Monte Carlo: random walks over minima with given rates, exact in law."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.rates import RateNetwork

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RandomWalk:
    """A walk over minima.

    Parameters
    ----------
    minima : (k + 1,) int64
        In the order of visits.
    times : (k + 1,) float64
        When each was entered; the first is 0.
    horizon : float
        When the walk ended.
    """

    minima: Integers
    times: Floats
    horizon: float

    def at(self, times: ArrayLike) -> Integers:
        """Minimum (...) in which the walk is at `times` (...), which lie within it."""
        return self.minima[np.searchsorted(self.times, times, side="right") - 1]

    @property
    def dwell_times(self) -> Floats:
        """Time (k + 1,) in each minimum; the last is cut by the horizon. They sum to it."""
        return np.diff(np.append(self.times, self.horizon))


def random_walk(network: RateNetwork, start: int, horizon: float, rng: np.random.Generator) -> RandomWalk:
    """Walk from minimum `start` for a time `horizon`: exponential dwell times, jumps in proportion to the rates.

    Source: Bortz, Kalos and Lebowitz, J. Comput. Phys. 17, 10 (1975); Gillespie, J. Comput. Phys. 22, 403 (1976) (cited
    from memory).

    Raises
    ------
    ValueError
        If `start` is no minimum of the network, or `horizon` is not positive and finite.
    """
    if not 0 <= start < network.n_minima:
        msg = f"start must be a minimum 0 ... {network.n_minima - 1}; got {start!r}"
        raise ValueError(msg)
    if not (np.isfinite(horizon) and horizon > 0.0):
        msg = f"horizon must be positive and finite; got {horizon!r}"
        raise ValueError(msg)
    ways = network.rates
    minima, times, time = [int(start)], [0.0], 0.0
    while True:
        here = slice(ways.indptr[minima[-1]], ways.indptr[minima[-1] + 1])
        cumulated = np.cumsum(ways.data[here])
        if not cumulated.size or cumulated[-1] <= 0.0:
            break
        time += rng.exponential(1.0 / cumulated[-1])
        if time >= horizon:
            break
        choice = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
        minima.append(int(ways.indices[here][min(choice, cumulated.size - 1)]))
        times.append(time)
    return RandomWalk(np.array(minima), np.array(times), float(horizon))
