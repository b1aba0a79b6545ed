"""Kinetic Monte Carlo: random walks over minima with given rates, exact in law."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.kinetics._rates import RateNetwork
from landscape.support import RNG, Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_JUMPS = 10_000_000


@dataclass(frozen=True, eq=False)
class RandomWalk(Result, axes={"k + 1": "visit"}):
    """A walk over minima.

    Parameters
    ----------
    minima : (k + 1,) int64
        In the order of visits.
    times : (k + 1,) float64
        Time of entering each; the first is 0.
    horizon : float
        When the walk ended.
    """

    minima: Integers
    times: Floats
    horizon: float

    def at(self, times: ArrayLike) -> Integers:
        """Minimum (...) in which the walk is at `times` (...), which must be within it."""
        return self.minima[np.searchsorted(self.times, times, side="right") - 1]

    @property
    def dwell_times(self) -> Floats:
        """Time (k + 1,) in each minimum; the last is cut off at the horizon. They sum to it."""
        return np.diff(np.append(self.times, self.horizon))


def random_walk(
    network: RateNetwork, start: int, horizon: float, *, rng: RNG = None, max_jumps: int = MAX_JUMPS
) -> RandomWalk:
    """Walk from minimum `start` for a time `horizon`: exponential dwell times, jumps in proportion to the rates.

    The algorithm of Bortz, Kalos and Lebowitz, J. Comput. Phys. 17, 10 (1975), and Gillespie, J. Comput. Phys. 22, 403
    (1976); test_kinetics.py compares it with the master equation.

    Parameters
    ----------
    network : RateNetwork
    start : int
    horizon : float
        In units of gradient-flow time.
    rng : None, int or Generator
    max_jumps : int
        Largest number of jumps: if rates between two minima are 10^20 times those out of the pair, a walk never
        leaves, and `first_passage_times` gives the answer instead.

    Raises
    ------
    ValueError
        If `start` is not a minimum of the network, or `horizon` is not positive and finite.
    RuntimeError
        If the walk takes more than `max_jumps` jumps.
    """
    rng = np.random.default_rng(rng)
    if not 0 <= start < network.n_minima:
        msg = f"start must be a minimum 0 ... {network.n_minima - 1}; got {start!r}"
        raise ValueError(msg)
    if not (np.isfinite(horizon) and horizon > 0.0):
        msg = f"horizon must be positive and finite; got {horizon!r}"
        raise ValueError(msg)
    steps, dwell = network.steps, network.dwell_times
    first = np.searchsorted(steps.start, np.arange(network.n_minima + 1))
    chances: dict[int, Floats] = {}  # cumulative probabilities of the exits of each visited minimum
    minima, times, time = [int(start)], [0.0], 0.0
    while True:
        i = minima[-1]
        here = slice(first[i], first[i + 1])
        if not np.isfinite(dwell[i]):
            break
        time += dwell[i] * rng.exponential()
        if time >= horizon:
            break
        if len(minima) > max_jumps:
            msg = (
                f"the walk made {max_jumps} jumps and reached the time {time:.3g} of {horizon:.3g}: lower horizon, "
                "or use the master equation"
            )
            raise RuntimeError(msg)
        if i not in chances:
            logs = steps.log_rates[here]
            chances[i] = np.cumsum(np.exp(logs - logs.max()))
        choice = np.searchsorted(chances[i], rng.random() * chances[i][-1], side="right")
        minima.append(int(steps.end[here][min(choice, chances[i].size - 1)]))
        times.append(time)
    return RandomWalk(np.array(minima), np.array(times), float(horizon))
