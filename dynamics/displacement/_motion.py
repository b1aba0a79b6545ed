"""Drift and noise: how fast the runs drift downhill, and how much of their displacement is drift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._pairs import known_mean, pairs_of
from dynamics.runs import Trajectories
from landscape.support import Result

Array = NDArray[np.float64]

SplitMethod = Literal["straightness", "shared start", "none"]
ALONG_GRADIENT = ("sgd", "nesterov")  # optimizers whose steps have the direction of the gradient or of sums of it
HALVES = (0.35, 0.65)  # tolerance within which a recorded lag counts as the middle of another


@dataclass(frozen=True, eq=False)
class DisplacementSplit(Result, shows=("method", "total", "drift")):
    """Result of `split_displacement`: per parameter, in squared parameter units; nan without an estimate.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    total : (R, W, T) float64
        Mean square displacement of each run.
    drift : (R, W, T) float64
        Its part that continues straight ("straightness") or is common to the runs ("shared start"). The estimate is
        unbiased: single values may be negative or above the total, so average over runs.
    method : str
        How they were separated; "none" if they were not, because snapshots are missing.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    total: Array
    drift: Array
    method: SplitMethod

    @property
    def drift_share(self) -> Array:
        """Mean drift over mean displacement, (W, T): 1 for pure drift, 0 for pure noise."""
        total = known_mean(np.where(np.isnan(self.drift), np.nan, self.total))
        return np.where(total > 0, known_mean(self.drift) / np.where(total > 0, total, 1.0), np.nan)


def split_displacement(runs: Trajectories, method: SplitMethod | None = None) -> DisplacementSplit:
    """Split the mean square displacement of each run into drift and noise.

    "straightness" needs only one run. With the displacements d1 and d2 over the first part f1 and the second part f2
    of a lag t (divided at the recorded lag nearest to t / 2), the drift is

        d1 . d2 / (f1 f2) / P,

    because noise with independent increments averages out of d1 . d2, and a constant velocity v leaves v^2 t^2. Noise
    is therefore everything that does not continue straight: also a curved path, or a velocity that changes within t
    (one that falls from v1 to v2 loses (v1 - v2)^2 t^2 / 4).

    "shared start" is for an ensemble whose replicas begin at one point and differ in their noise alone: the drift is
    the displacement common to them, d_r . mean of the other d_s / P, and the noise is the rest. It assumes nothing
    about the velocity, but counts it as noise that the runs are at different places with different slopes at tw.

    Parameters
    ----------
    runs : Trajectories
        With snapshots at tw and tw + lag. One run is in memory at a time. Where they are missing there is no estimate:
        of "shared start" also if they are missing in one of the runs.
    method : {"straightness", "shared start"}, optional
        By default the second if all (at least two) runs have the same first snapshot, otherwise the first. Shared
        starts need no model of the motion within a lag; other ensembles allow only the first.

    Raises
    ------
    ValueError
        If there is no pair of snapshots, the method is none of these, or the starts are not shared.
    """
    shared = share_start(runs)
    method = ("shared start" if shared else "straightness") if method is None else method
    if method == "straightness":
        parts = [_straightness(moved, runs.lags) for moved in _displacements(runs)]
    elif method == "shared start" and shared:
        every = _displacements(runs)
        common = next(every)
        for moved in every:
            common += moved
        parts = [_common(moved, common, runs.replicas) for moved in _displacements(runs)]
    else:
        expected = "'straightness', or 'shared start' if two or more runs have the same first snapshot"
        msg = f"method must be {expected}; got {method!r}"
        raise ValueError(msg)
    total, drift = (np.stack(values) for values in zip(*parts, strict=True))
    return DisplacementSplit(runs.waiting_times, runs.lags, total, drift, method)


def share_start(runs: Trajectories) -> bool:
    """Whether there are at least two runs and all have the same first snapshot, at step 0."""
    if runs.replicas < 2 or not runs.steps.size or runs.steps[0] != 0 or not runs.recorded[:, 0].all():
        return False
    first = np.asarray(runs.snapshots[0, 0])
    return bool(first.any()) and all(np.array_equal(first, runs.snapshots[r, 0]) for r in range(1, runs.replicas))


def gradient_speed(runs: Trajectories) -> Array:
    """Speed of the descent at the waiting times, (R, W): learning rate x norm of the full gradient, per step.

    The norm over all parameters, interpolated in log-log between the steps of the curve; with momentum m the rate is
    the effective one, rate / (1 - m). nan if the runs have no curve there or no learning rate, and for optimizers that
    scale the gradient (RMSprop, Adam): their speed does not follow from its norm.
    """
    if runs.metadata.get("optimizer", "sgd") not in ALONG_GRADIENT:
        return np.full((runs.replicas, runs.waiting_times.size), np.nan)
    rate = float(runs.metadata.get("learning_rate", np.nan)) / (1 - float(runs.metadata.get("momentum", 0.0) or 0.0))
    later = runs.curve_steps > 0
    steps, norms = runs.curve_steps[later], np.asarray(runs.gradient_norm)[:, later]
    if steps.size == 0:
        return np.full((runs.replicas, runs.waiting_times.size), np.nan)
    x, tiny = np.log(runs.waiting_times), np.finfo(float).tiny
    logs = [np.interp(x, np.log(steps), np.log(np.maximum(row, tiny)), left=np.nan, right=np.nan) for row in norms]
    return rate * np.exp(np.array(logs))


def difference_speed(split: DisplacementSplit, n_parameters: int, lags: Array) -> tuple[Array, Array]:
    """Speed from finite differences of the snapshots near given `lags` (W,), and the lags used.

    sqrt(P x mean drift) / lag, (W,), the root mean square over the runs per step: of the drift alone, because the
    total displacement over a short lag is mostly noise. The lag is the recorded one nearest in the logarithm that has
    an estimate; nan if the mean drift is not positive.
    """
    mean = known_mean(split.drift)
    speed, used = np.full(lags.shape, np.nan), np.full(lags.shape, np.nan)
    for w in np.flatnonzero(np.isfinite(lags) & (lags > 0)):
        there = np.flatnonzero(np.isfinite(mean[w]))
        if there.size:
            k = there[np.argmin(np.abs(np.log(split.lags[there] / lags[w])))]
            used[w] = split.lags[k]
            speed[w] = np.sqrt(n_parameters * mean[w, k]) / used[w] if mean[w, k] > 0 else np.nan
    return speed, used


def _displacements(runs: Trajectories) -> Iterator[Array]:
    """Displacements (W, T, P) of each run; nan where there is no pair."""
    for r, pairs in enumerate(pairs_of(runs)):
        yield pairs.on_grid(pairs.displacements(runs.snapshots_of(r)))


def _straightness(moved: Array, lags: NDArray[np.int64]) -> tuple[Array, Array]:
    """Displacement and drift (W, T) of a single run, whose displacements are `moved` (W, T, P)."""
    drift = np.full(moved.shape[:2], np.nan)
    for w, own in enumerate(moved):
        there = np.flatnonzero(~np.isnan(own[:, 0]))
        if there.size:
            recorded = lags[there]
            middle = np.abs(recorded - recorded[:, None] / 2).argmin(axis=1)
            first = recorded[middle] / recorded
            good = (first >= HALVES[0]) & (first <= HALVES[1])
            with np.errstate(divide="ignore"):
                scale = np.where(good, 1 / (first * (1 - first)), np.nan)
            start = own[there[middle]]
            drift[w, there] = (start * (own[there] - start)).mean(axis=-1) * scale
    return (moved**2).mean(axis=-1), drift


def _common(moved: Array, total: Array, replicas: int) -> tuple[Array, Array]:
    """Displacement and drift (W, T) of a run among others; all displacements, including its own, sum to `total`."""
    others = (total - moved) / (replicas - 1)
    return (moved**2).mean(axis=-1), (moved * others).mean(axis=-1)
