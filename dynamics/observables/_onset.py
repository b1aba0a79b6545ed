"""Onset of the slow phase, from the alignment of updates and from the loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.observables._phases import UpdateAlignment
from dynamics.runs import Trajectories
from dynamics.statistics import Status, _resampling
from landscape.support import RNG, Estimate, Result

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Onset(Result, shows=("step", "level", "confidence"), axes={"K": "curve_step"}):
    """The step from which on a curve stays below a level. Times in steps; nan if a value does not exist.

    Parameters
    ----------
    step : Estimate
        Onset of the mean curve of the runs, interpolated in log step. Its interval over the runs is Student's on the
        logarithm of the step; nan if bootstrap samples have no onset. Its status is also that of the whole.
    runs : (R,) float64
        Onset of every single run.
    steps : (K,) float64
        Steps of the curve.
    curve : (K,) float64
        The mean curve that was searched.
    level, confidence : float
        Arguments of the search.
    """

    step: Estimate[float]
    runs: Array
    steps: Array
    curve: Array
    level: float
    confidence: float

    @property
    def status(self) -> str:
        """That of `step`: "ok", or what is missing and what to do."""
        return self.step.status


@dataclass(frozen=True, eq=False)
class Onsets(Result, shows=("loss.step", "loss.status")):
    """Onset of the slow phase by both criteria; `alignment` is None if no updates were recorded."""

    loss: Onset
    alignment: Onset | None


def onset_from_alignment(
    alignment: UpdateAlignment,
    *,
    separation: int | None = None,
    level: float = 0.5,
    confidence: float = 0.95,
    resamples: int = 1000,
    rng: RNG = 0,
) -> Onset:
    """The step from which on the alignment of updates stays below `level`.

    At 1/2 the noise of an update is as large as its drift (`update_alignment`), so the runs follow the slope before
    the onset and diffuse after it. The curve is the mean over the runs at one separation (by default the smallest), at
    all steps > 0 at which every run has moved; it is not smoothed. Full-batch descent has no onset: `STILL_FAST`.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.
    """
    wanted = int(alignment.separations.min()) if separation is None else separation
    if wanted not in alignment.separations:
        msg = f"separation must be one of {alignment.separations.tolist()}; got {separation!r}"
        raise ValueError(msg)
    if not -1 < level < 1:
        msg = f"level must be between -1 and 1; got {level!r}"
        raise ValueError(msg)
    values = alignment.values[:, list(alignment.separations).index(wanted)]
    used = np.isfinite(values).all(axis=0) & (alignment.steps > 0)
    return _onset(alignment.steps[used].astype(np.float64), values[:, used], level, False, confidence, resamples, rng)


def onset_from_loss(
    runs: Trajectories, *, level: float = 0.5, confidence: float = 0.95, resamples: int = 1000, rng: RNG = 0
) -> Onset:
    """The step from which on the training loss falls more slowly than `level` times its largest rate.

    The rate is -dL / d ln s of the mean loss over the runs, by differences between the recorded steps s >= 1 and
    placed at their geometric mean; the curve is this rate over its largest value. It depends neither on the unit of
    time nor on the loss after the last step. With several drops the onset follows the last one that is steep enough.
    Defined here.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it, or runs with fewer than three curve steps >= 1.
    """
    if not 0 < level < 1:
        msg = f"level must be between 0 and 1; got {level!r}"
        raise ValueError(msg)
    later = runs.curve_steps >= 1
    if later.sum() < 3:
        msg = f"runs must have at least three curve steps >= 1; got {later.sum()}"
        raise ValueError(msg)
    log_steps = np.log(runs.curve_steps[later])
    rates = -np.diff(np.asarray(runs.loss)[:, later], axis=1) / np.diff(log_steps)
    middle = np.exp((log_steps[1:] + log_steps[:-1]) / 2)
    return _onset(middle, rates, level, True, confidence, resamples, rng)


def _onset(
    steps: Array, values: Array, level: float, relative: bool, confidence: float, resamples: int, rng: RNG
) -> Onset:
    """Onset of the mean of `values` (R, K); `relative` to the largest value of each curve."""
    _resampling.check_resampling(confidence, resamples)
    replicas = len(values)
    if steps.size < 2:
        nan = float("nan")
        runs, mean = np.full(replicas, nan), values.mean(axis=0)
        none = Estimate(nan, nan, nan, Status.TOO_FEW_STEPS)
        return Onset(none, runs, steps, mean, level, confidence)
    curve = _scaled(values.mean(axis=0), relative)
    step = float(_last_fall(steps, curve, level))
    existing = _existing(np.array(step))
    low = high = np.nan
    if replicas > 1:
        means = _resampling.bootstrap_means(values, resamples, rng)
        samples = _last_fall(steps, _scaled(means, relative), level)
        logs = np.log(_existing(samples))
        low, high = np.exp(_resampling.interval(np.log(existing), logs, confidence, replicas))
    return Onset(
        step=Estimate(float(existing), float(low), float(high), _status(step, replicas)),
        runs=_existing(_last_fall(steps, _scaled(values, relative), level)),
        steps=steps,
        curve=curve,
        level=float(level),
        confidence=float(confidence),
    )


def _existing(onsets: Array) -> Array:
    """`onsets` with nan for those before the first (0) or after the last step (inf)."""
    return np.where(np.isfinite(onsets) & (onsets > 0), onsets, np.nan)


def _status(step: float, replicas: int) -> Status:
    if step == 0:
        return Status.SLOW_AT_FIRST
    if np.isinf(step):
        return Status.STILL_FAST
    return Status.TOO_FEW_RUNS if replicas < 2 else Status.OK


def _scaled(curves: Array, relative: bool) -> Array:
    """`curves` (..., K) over the largest value of each if `relative`; 0 if a loss never falls."""
    if not relative:
        return curves
    top = curves.max(axis=-1, keepdims=True)
    return np.where(top > 0, curves / np.where(top > 0, top, 1.0), 0.0)


def _last_fall(steps: Array, curves: Array, level: float) -> Array:
    """Step (...) from which on `curves` (..., K) stay below `level`: 0 if always, inf if never."""
    last = curves.shape[-1] - 1
    above = curves >= level
    k = last - above[..., ::-1].argmax(axis=-1)  # the last one above
    left = np.minimum(k, last - 1)[..., None]
    high, low = (np.take_along_axis(curves, index, -1)[..., 0] for index in (left, left + 1))
    drop = np.where(high > low, high - low, 1.0)
    fraction = np.clip((high - level) / drop, 0.0, 1.0)
    log_steps = np.log(steps)
    log_left, log_right = log_steps[left[..., 0]], log_steps[left[..., 0] + 1]
    fall = np.exp(log_left + fraction * (log_right - log_left))
    fall = np.where(k == last, np.inf, fall)
    return np.where(above.any(axis=-1), fall, 0.0)
