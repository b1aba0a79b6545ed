"""The kinds of search of an exploration. They know neither the database nor the landscape."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from landscape import symmetry
from landscape.descent import QuenchResult, highest_point, quench
from landscape.losses import LARGE, Loss, OutOfTime, Watch, watched
from landscape.networks import MLP
from landscape.search._basin_hopping import BasinHopping, basin_hopping
from landscape.search._minimax import minimax_path
from landscape.search._saddles import (
    SaddleResult,
    SaddleStatus,
    band_between,
    find_transition_state,
    highest_between,
    search_from_minimum,
    search_from_peaks,
)
from landscape.stationary import Minimum, TransitionState
from landscape.support import one_thread

R = TypeVar("R")

COLLAPSED_SD, COLLAPSED_RANGE = 1e-2, (1e-3, 0.5)  # for the first searches; for later ones, log-uniform
COLLAPSED_STEP = 0.05  # of a large network from small weights: longer ones leave a small basin
FIRST_COLLAPSED = 2  # searches 0 and 1 start with very small weights
HOPS = 4
DISPLACEMENTS = (0.05, 3.0)  # Euclidean, log-uniform: first step off a minimum
SOFT_SHARE = 0.3  # share of single-ended searches along a soft direction
LINE_RISE = 0.02  # nats above the higher minimum: use the straight line up to here, beyond it the band
IMAGES = 20  # of a band
BAND_STEPS = (40, 100)  # of the first attempt, of repeats
PEAKS = 3  # peaks of a band to search from
MAX_STEPS = 150  # Hessians of one uphill search
PATH_STEPS = 40  # of a minimax path
SHORT = 1.0  # seconds: a batch of such searches is completed after a deadline


@dataclass(frozen=True, eq=False)
class Task:
    """One search, ready for a worker."""

    search: int
    kind: str
    seed: int
    start: tuple[int, Minimum] | None = None  # database id and minimum
    partner: tuple[int, Minimum] | None = None  # for a search between two
    repeat: int = 0  # number of earlier attempts at this pair
    through: tuple[Minimum, ...] = ()  # minima on the way between the two, for the first path


@dataclass(frozen=True, eq=False)
class Found:
    """What one search found: minima, and transition states with the minima at their two ends."""

    task: Task
    minima: tuple[Minimum, ...]
    connections: tuple[tuple[TransitionState, tuple[Minimum, ...]], ...]
    status: str
    hessian_evaluations: int
    bound: tuple[float, NDArray[np.float64]] | None = None  # a path (K, P) from start to partner, its highest loss


def rng_of(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of their own for each key: (search,), (search, 0) to plan it, (random start, 1)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def run_start(loss: Loss, seed: int, number: int, deadline: float = math.inf) -> QuenchResult | None:
    """Quench random start `number` of a seed, from its own random stream, which no search uses; None as of `run`."""
    return _in_time(loss, deadline, lambda timed: quench(timed, random_point(timed, rng_of(seed, number, 1))))


def run(loss: Loss, task: Task, deadline: float = math.inf) -> Found | None:
    """Run one search. The result depends on the loss and the task alone.

    None if it was not finished at the `deadline`, in seconds since the epoch, and had taken seconds then.
    """
    return _in_time(loss, deadline, lambda timed: _KINDS[task.kind](timed, task, rng_of(task.seed, task.search)))


def _in_time(loss: Loss, deadline: float, search: Callable[[Loss], R]) -> R | None:
    """What a search of a loss finds; None if its time is over, or was when it began and searches are not short."""
    if deadline == math.inf:
        with one_thread():
            return search(loss)
    if time.time() > deadline and _LATEST.seconds(deadline) > SHORT:
        return None
    watch = Watch(deadline)
    try:
        with one_thread():
            found = search(watched(loss, watch))
    except OutOfTime:
        _LATEST.note(deadline, math.inf)
        return None
    _LATEST.note(deadline, time.time() - watch.first[0] if watch.first else 0.0)
    return found


class _Latest:
    """How long the latest search took that this process did for a deadline."""

    def __init__(self) -> None:
        self._found = (math.inf, 0.0)

    def seconds(self, deadline: float) -> float:
        """Seconds without those of its first call, which may have compiled; zero if there is none."""
        return self._found[1] if self._found[0] == deadline else 0.0

    def note(self, deadline: float, seconds: float) -> None:
        """Remember one."""
        self._found = (deadline, seconds)


_LATEST = _Latest()


def _start(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    return _quenched(task, quench(loss, random_point(loss, rng)))


def random_point(loss: Loss, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random start (P,): as networks are initialized, or as the loss says."""
    if isinstance(loss.network, MLP):
        return loss.network.glorot_uniform(rng)
    own = getattr(loss, "random_point", None)
    return rng.normal(size=loss.n_parameters) if own is None else own(rng=rng)


def _collapsed(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    """Quench from small weights, the only way into minima that use fewer units."""
    sd = 10.0 ** rng.uniform(*np.log10(COLLAPSED_RANGE))
    if task.search < FIRST_COLLAPSED:
        sd = COLLAPSED_SD
    start = sd * rng.normal(size=loss.n_parameters)
    if start.size > LARGE:  # the flow needs an eigenproblem for each step
        return _quenched(task, quench(loss, start, max_step=COLLAPSED_STEP))
    return _quenched(task, quench(loss, start, method="flow"))


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
        found = find_transition_state(loss, top, line, max_steps=MAX_STEPS)
        return _connected(task, [found], bound_by(loss, np.array([a.coordinates, a.coordinates + line])))
    steps = BAND_STEPS[min(task.repeat, 1)]
    return _along_band(loss, task, rng, 0.1 * min(task.repeat, 5) if task.repeat > 1 else 0.0, steps)


def _along_band(loss: Loss, task: Task, rng: np.random.Generator, spread: float, steps: int = BAND_STEPS[1]) -> Found:
    """Searches from the peaks of an elastic band, which bounds the barrier."""
    assert task.start is not None
    assert task.partner is not None
    try:
        band = band_between(loss, task.start[1], task.partner[1], images=IMAGES, steps=steps, rng=rng, spread=spread)
    except FloatingPointError:
        return _not_finite(task)
    results = search_from_peaks(loss, band, peaks=PEAKS, max_steps=MAX_STEPS)
    return _connected(task, results, bound_by(loss, band.points))


def _bound(loss: Loss, task: Task, rng: np.random.Generator) -> Found:
    """A minimax path between two minima, at first through those on the way, and a search from its highest point.

    For a large network a long elastic band, which needs gradients only.
    """
    assert task.start is not None
    assert task.partner is not None
    if loss.n_parameters > LARGE:
        return _along_band(loss, task, rng, 0.0)
    first = [task.start[1].coordinates]
    for minimum in (*task.through, task.partner[1]):
        first.append(symmetry.nearest_image(loss.network, minimum.coordinates, first[-1]))
    start, *inner, end = first
    try:
        path = minimax_path(loss, start, end, steps=PATH_STEPS, initial=np.array(inner) if inner else None)
    except FloatingPointError:
        return _not_finite(task)
    found = []
    if path.highest > path.values[[0, -1]].max():
        found = [find_transition_state(loss, path.top, path.tangent, max_steps=MAX_STEPS)]
    return _connected(task, found, (path.highest, path.points), path.hessians)


def bound_by(loss: Loss, points: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]] | None:
    """A path (K, P) and its highest loss in nats; None unless that is finite."""
    highest, _ = highest_point(loss, points)
    return (highest, points) if np.isfinite(highest) else None


def _not_finite(task: Task) -> Found:
    return Found(task, (), (), SaddleStatus.NOT_FINITE.name, 0)


def _connected(
    task: Task,
    results: Sequence[SaddleResult],
    bound: tuple[float, NDArray[np.float64]] | None = None,
    hessians: int = 0,
) -> Found:
    connections = tuple((r.transition_state, r.minima) for r in results if r.transition_state is not None)
    status = results[0].status.name if results else "NO_PEAK"
    return Found(task, (), connections, status, hessians + sum(r.hessian_evaluations for r in results), bound)


_KINDS = {"start": _start, "collapsed": _collapsed, "hop": _hop, "saddle": _saddle, "escape": _saddle, "bound": _bound}
_KINDS |= dict.fromkeys(("connect", "untrap", "shortcut", "nearest", "random"), _between)
