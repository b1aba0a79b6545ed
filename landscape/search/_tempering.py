"""Basin-hopping parallel tempering: walkers on a ladder of temperatures exchange their minima.

Strodel, Lee, Whittleston and Wales, J. Am. Chem. Soc. 132, 13300 (2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss
from landscape.search._basin_hopping import BasinHopping, Walk, Walker, basin_hopping, first_walker
from landscape.stationary import Minimum
from landscape.support import check_jobs, one_thread, worker_pool

Array = NDArray[np.float64]

DEFAULTS = BasinHopping()


@dataclass(frozen=True, eq=False)
class Tempering:
    """Walkers on a ladder of temperatures, and what they found.

    The exchanges offered and accepted are counted per pair of neighbours: (K - 1,) each.
    """

    temperatures: Array  # (K,) nats
    walkers: tuple[Walker, ...]  # one per temperature
    minima: tuple[tuple[Minimum, ...], ...]  # of each temperature: every converged quench in order, repeats included
    accepted: NDArray[np.int64]  # (K,) steps
    exchanges_offered: NDArray[np.int64]
    exchanges_accepted: NDArray[np.int64]
    sweeps: int  # since the first start
    seed: int

    @property
    def lowest(self) -> Minimum:
        """The lowest minimum seen."""
        seen = [walker.current for walker in self.walkers] + [m for found in self.minima for m in found]
        return min(seen, key=lambda minimum: minimum.value)


def parallel_tempering(
    loss: Loss,
    starts: Sequence[Minimum | ArrayLike] | Tempering,
    temperatures: ArrayLike,
    *,
    seed: int,
    sweeps: int,
    jobs: int = 1,
    steps: int = 1,
    settings: BasinHopping = DEFAULTS,
) -> Tempering:
    """Walk on all temperatures in parallel; after each sweep neighbours exchange their minima by Metropolis.

    The result depends on the arguments but for `jobs`; s sweeps and t more from the `Tempering` they give are
    s + t sweeps from the start.

    Parameters
    ----------
    loss : Loss
    starts : sequence of Minimum or (P,) array, or Tempering
        One per temperature, quenched where it is not a minimum; or an earlier result, to go on with.
    temperatures : (K,) array
        In nats, ascending.
    seed : int
    sweeps : int
        How often all walkers advance and neighbours may exchange.
    jobs : int
        Worker processes; `joblib.parallel_config` may send them elsewhere.
    steps : int
        Basin-hopping steps of each walker in a sweep.
    settings : BasinHopping
        Its moves; its temperature is replaced by that of the ladder. Lengths of steps stay with a
        temperature, the minima wander.

    Raises
    ------
    ValueError
        If an argument is out of range, `starts` does not fit the temperatures or the seed, the temperature is
        to adapt, or a start does not quench to a minimum.
    """
    temperatures = np.array(temperatures, dtype=np.float64)
    _check(temperatures, sweeps, steps, jobs, settings)
    with worker_pool(jobs) as parallel:
        state = (
            _checked(starts, temperatures, seed)
            if isinstance(starts, Tempering)
            else _first(parallel, loss, starts, temperatures, seed, settings)
        )
        found: list[list[Minimum]] = [list(minima) for minima in state.minima]
        for sweep in range(state.sweeps, state.sweeps + sweeps):
            walks: Any = parallel(
                delayed(_walk)(loss, walker, (seed, sweep, k), steps, settings)
                for k, walker in enumerate(state.walkers)
            )
            walks = list(walks)
            for minima, walk in zip(found, walks, strict=True):
                minima.extend(walk.minima)
            state = _exchanged(state, [walk.walker for walk in walks], sweep)
            state = replace(state, accepted=state.accepted + np.array([walk.accepted for walk in walks]))
    return replace(state, minima=tuple(map(tuple, found)))


def _walk(loss: Loss, walker: Walker, key: tuple[int, int, int], steps: int, settings: BasinHopping) -> Walk:
    with one_thread():
        return basin_hopping(loss, walker, rng=_rng(*key), steps=steps, settings=settings)


def _rng(seed: int, sweep: int, k: int) -> np.random.Generator:
    """Random numbers of walker k in one sweep; k = K for the exchanges."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(sweep, k)))


def _first(
    parallel: Any,
    loss: Loss,
    starts: Sequence[Minimum | ArrayLike],
    temperatures: Array,
    seed: int,
    settings: BasinHopping,
) -> Tempering:
    if len(starts) != len(temperatures):
        msg = f"starts must be one per temperature; got {len(starts)} for {len(temperatures)} temperatures"
        raise ValueError(msg)
    walkers = parallel(
        delayed(first_walker)(loss, start, replace(settings, temperature=float(temperature)))
        for start, temperature in zip(starts, temperatures, strict=True)
    )
    n = len(temperatures)
    pairs = np.zeros(n - 1, np.int64)
    return Tempering(temperatures, tuple(walkers), ((),) * n, np.zeros(n, np.int64), pairs, pairs, 0, seed)


def _exchanged(state: Tempering, walkers: list[Walker], sweep: int) -> Tempering:
    """Offer every second pair of neighbours an exchange, even and odd pairs in turn."""
    n = len(walkers)
    offered, accepted = state.exchanges_offered.copy(), state.exchanges_accepted.copy()
    thresholds = _rng(state.seed, sweep, n).random(n - 1)
    for k in range(sweep % 2, n - 1, 2):
        cold, hot = walkers[k], walkers[k + 1]
        offered[k] += 1
        if thresholds[k] < exchange_probability(
            (cold.current.value, hot.current.value), (cold.temperature, hot.temperature)
        ):
            accepted[k] += 1
            walkers[k], walkers[k + 1] = replace(cold, current=hot.current), replace(hot, current=cold.current)
    return replace(
        state, walkers=tuple(walkers), exchanges_offered=offered, exchanges_accepted=accepted, sweeps=sweep + 1
    )


def exchange_probability(values: tuple[float, float], temperatures: tuple[float, float]) -> float:
    """min(1, exp[(1/T_1 - 1/T_2) (E_1 - E_2)]): keeps the product of the two Boltzmann distributions."""
    exponent = (1.0 / temperatures[0] - 1.0 / temperatures[1]) * (values[0] - values[1])
    return float(np.exp(min(0.0, exponent)))


def _checked(state: Tempering, temperatures: Array, seed: int) -> Tempering:
    if not np.array_equal(state.temperatures, temperatures) or state.seed != seed:
        msg = (
            "to go on, temperatures and seed must be those of the earlier result, "
            f"{state.temperatures.tolist()} and {state.seed}; got {temperatures.tolist()} and {seed}"
        )
        raise ValueError(msg)
    return state


def _check(temperatures: Array, sweeps: int, steps: int, jobs: int, settings: BasinHopping) -> None:
    if temperatures.ndim != 1 or not temperatures.size or not (temperatures > 0.0).all():
        msg = f"temperatures must be positive, at least one, in one dimension; got {temperatures.tolist()}"
        raise ValueError(msg)
    if not (np.diff(temperatures) > 0.0).all() or not np.isfinite(temperatures).all():
        msg = f"temperatures must be finite and ascending; got {temperatures.tolist()}"
        raise ValueError(msg)
    for name, value, least in (("sweeps", sweeps, 0), ("steps", steps, 1)):
        if value < least:
            msg = f"{name} must be at least {least}; got {value}"
            raise ValueError(msg)
    check_jobs(jobs)
    if settings.target_acceptance is not None:
        msg = f"the ladder fixes the temperatures; target_acceptance must be None, got {settings.target_acceptance}"
        raise ValueError(msg)
