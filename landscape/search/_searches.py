"""The kinds of search of an exploration. They know neither the database nor the landscape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.descent import QuenchResult, quench
from landscape.losses import Loss
from landscape.search._basin_hopping import BasinHopping, basin_hopping
from landscape.search._saddles import (
    SaddleResult,
    find_transition_state,
    highest_between,
    search_along_band,
    search_from_minimum,
)
from landscape.stationary import Minimum, TransitionState
from landscape.support import one_thread

COLLAPSED_SD, COLLAPSED_RANGE = 1e-2, (1e-3, 0.5)  # for the first searches; for later ones, log-uniform
FIRST_COLLAPSED = 2  # searches 0 and 1 start with very small weights
HOPS = 4
DISPLACEMENTS = (0.05, 3.0)  # Euclidean, log-uniform: first step off a minimum
SOFT_SHARE = 0.3  # share of single-ended searches along a soft direction
LINE_RISE = 0.02  # nats above the higher minimum: use the straight line up to here, beyond it the band
BAND_STEPS = (40, 100)  # of the first attempt, of repeats
PEAKS = 3  # peaks of a band to search from
MAX_STEPS = 150  # Hessians of one uphill search


@dataclass(frozen=True, eq=False)
class Task:
    """One search, ready for a worker."""

    search: int
    kind: str
    seed: int
    start: tuple[int, Minimum] | None = None  # database id and minimum
    partner: tuple[int, Minimum] | None = None  # for a search between two
    repeat: int = 0  # number of earlier attempts at this pair


@dataclass(frozen=True, eq=False)
class Found:
    """What one search found: minima, and transition states with the minima at their two ends."""

    task: Task
    minima: tuple[Minimum, ...]
    connections: tuple[tuple[TransitionState, tuple[Minimum, ...]], ...]
    status: str
    hessian_evaluations: int


def rng_of(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of their own for each key: (search,), (search, 0) to plan it, (random start, 1)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def run_start(loss: Loss, seed: int, number: int) -> QuenchResult:
    """Quench random start `number` of a seed, from its own random stream, which no search uses."""
    with one_thread():
        return quench(loss, _random_point(loss, rng_of(seed, number, 1)))


def run(loss: Loss, task: Task) -> Found:
    """Run one search. The result depends on the loss and the task alone."""
    with one_thread():
        return _KINDS[task.kind](loss, task, rng_of(task.seed, task.search))


def _start(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    return _quenched(task, quench(loss, _random_point(loss, rng)))


def _random_point(loss: Loss, rng: np.random.Generator) -> NDArray[np.float64]:
    if loss.network is not None:
        return loss.network.glorot_uniform(rng)
    return rng.normal(size=loss.n_parameters)


def _collapsed(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    """Quench from small weights, the only way into minima that use fewer units."""
    sd = 10.0 ** rng.uniform(*np.log10(COLLAPSED_RANGE))
    if task.search < FIRST_COLLAPSED:
        sd = COLLAPSED_SD
    return _quenched(task, quench(loss, sd * rng.normal(size=loss.n_parameters), method="flow"))


def _quenched(task: Task, result: QuenchResult) -> Found:
    minima = (result.minimum,) if result.converged else ()
    return Found(task, minima, (), result.status.name, result.hessian_evaluations)


def _hop(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    assert task.start is not None
    walk = basin_hopping(loss, task.start[1], rng=rng, steps=HOPS, settings=BasinHopping())
    return Found(task, walk.minima, (), f"ACCEPTED {walk.accepted} OF {HOPS}", 0)


def _saddle(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    assert task.start is not None
    low, high = np.log(DISPLACEMENTS)
    displacement = float(np.exp(rng.uniform(low, high)))
    soft = bool(rng.random() < SOFT_SHARE)
    result = search_from_minimum(
        loss, task.start[1], rng=rng, displacement=displacement, soft=soft, max_steps=MAX_STEPS
    )
    return _connected(task, [result])


def _between(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    """The straight line if it is low and untried, otherwise a band; repeats perturb it."""
    assert task.start is not None
    assert task.partner is not None
    a, b = task.start[1], task.partner[1]
    top, highest, line = highest_between(loss, a, b)
    if task.repeat == 0 and highest <= max(a.value, b.value) + LINE_RISE:
        return _connected(task, [find_transition_state(loss, top, line, max_steps=MAX_STEPS)])
    spread = 0.1 * min(task.repeat, 5) if task.repeat > 1 else 0.0
    results = search_along_band(
        loss, a, b, steps=BAND_STEPS[min(task.repeat, 1)], peaks=PEAKS, max_steps=MAX_STEPS, rng=rng, spread=spread
    )
    return _connected(task, list(results))


def _connected(task: Task, results: Sequence[SaddleResult]) -> Found:
    connections = tuple((r.transition_state, r.minima) for r in results if r.transition_state is not None)
    status = results[0].status.name if results else "NO_PEAK"
    return Found(task, (), connections, status, sum(r.hessian_evaluations for r in results))


_KINDS = {"start": _start, "collapsed": _collapsed, "hop": _hop, "saddle": _saddle, "escape": _saddle}
_KINDS |= dict.fromkeys(("connect", "untrap", "shortcut", "nearest", "random"), _between)
