"""Two phases of learning, the approach of the displacement curves, and the bend of t* against the plateau."""

import numpy as np
from numpy.typing import NDArray

from bridge.claims import _ensembles
from bridge.claims._aging_times import displacement, times
from bridge.claims._claim import Contrast
from bridge.claims._per_run import PerRun, independent, log_mean, mean, slope
from bridge.figures import Ensemble, Work
from dynamics.aging_times import BEND
from dynamics.displacement import MeanSquareDisplacement
from dynamics.observables import update_alignment
from dynamics.runs import WAITING_TIMES

Array = NDArray[np.float64]

FIRST_PHASE = (10, 300)  # steps: at the start, and where the loss has left the plateau and falls fast
SECOND_PHASE = 10_000  # from this step on
MIDDLE_LAG, LONG_LAG = 1000, 20_000  # steps


def aligned_first(work: Work, draw: int) -> list[Contrast]:
    """Mean cosine of consecutive updates at each step of `FIRST_PHASE`."""
    return [
        mean(_cosines(work, one, at, at)).named(f"{one.label}, step {at}")
        for one in _ensembles.phases(work.scale, draw)
        for at in FIRST_PHASE
    ]


def aligned_second(work: Work, draw: int) -> list[Contrast]:
    """Mean cosine of consecutive updates from `SECOND_PHASE` on."""
    parts = _ensembles.phases(work.scale, draw)
    return [mean(_cosines(work, one, SECOND_PHASE, one.steps)).named(one.label) for one in parts]


def _cosines(work: Work, ensemble: Ensemble, first: int, last: int) -> Array:
    """Mean (R,) over the recorded steps in a range of the cosine of the updates from there and from the next step."""
    found = update_alignment(work.runs(ensemble), [1])
    chosen = (found.steps >= first) & (found.steps <= last)
    return np.nanmean(found.values[:, 0, chosen], axis=1)


def approach(work: Work, draw: int) -> list[Contrast]:
    """Distance of the curves of the first and the last waiting time at the last lag up to 20000 less that at lag 1000.

    A distance is |ln Delta(first tw, t) - ln Delta(last tw, t)|.
    """
    found = []
    for one in _ensembles.depths(work.scale, draw):
        msd = displacement(work, one)
        common = np.flatnonzero(np.isfinite(msd.values).all(axis=(0, 1)) & (msd.lags <= LONG_LAG))
        middle = common[np.abs(np.log(msd.lags[common] / MIDDLE_LAG)).argmin()]
        last, near = (_distance(msd, k) for k in (common[-1], middle))
        found.append((last - near).named(f"{one.label}, lags {msd.lags[common[-1]]} and {msd.lags[middle]}"))
    return found


def _distance(msd: MeanSquareDisplacement, lag: int) -> PerRun:
    """Distance of the curves of the first and the last waiting time at a lag."""
    ratio = log_mean(msd.values[:, 0, lag]) - log_mean(msd.values[:, -1, lag])
    return ratio * float(np.sign(ratio.value))


def bend_by_plateau(work: Work, draw: int) -> list[Contrast]:
    """Bend of the half of the runs that leave the plateau later less that of the other half.

    A bend is mu before the crossover less mu behind it. A run leaves the plateau when its loss is halfway from that of
    the best constant prediction to the mean loss at the end.
    """
    return [_bends(work, one) for one in _ensembles.depths(work.scale, draw)]


def _bends(work: Work, ensemble: Ensemble) -> Contrast:
    each, leaving = times(work, ensemble), leaving_times(work, ensemble)
    late = leaving > np.median(leaving)
    parts = [bend(each[chosen]) for chosen in (late, ~late)]
    return independent(ensemble.label, *parts)


def bend(each: Array) -> PerRun:
    """Slope before the published crossover less that behind it, of t* (R, W) at the paper's waiting times."""
    before = np.array(WAITING_TIMES) < BEND
    logs = np.log(WAITING_TIMES)
    return slope(logs[before], each[:, before]) - slope(logs[~before], each[:, ~before])


def leaving_times(work: Work, ensemble: Ensemble) -> Array:
    """Steps (R,) at which the loss of each run first is halfway from the constant prediction to the end."""
    runs = work.runs(ensemble)
    loss, steps = np.asarray(runs.loss, dtype=np.float64), runs.curve_steps
    level = 0.5 * (constant_loss(work.data(ensemble).labels) + loss[:, -1].mean())
    return np.array([_first_below(steps[1:], one[1:], level) for one in loss])


def constant_loss(labels: NDArray[np.integer]) -> float:
    """Cross-entropy of the best constant prediction (nats)."""
    shares = np.bincount(labels) / labels.size
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _first_below(steps: NDArray[np.int64], loss: Array, level: float) -> float:
    below = np.flatnonzero(loss < level)
    if not below.size:
        return float("inf")
    at = max(int(below[0]), 1)
    pair = slice(at - 1, at + 1)
    return float(np.exp(np.interp(-level, -loss[pair], np.log(steps[pair]))))
