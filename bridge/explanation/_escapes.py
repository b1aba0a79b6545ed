"""Measured escape times: Langevin runs from one minimum until they stay in another basin."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dynamics.noises import Langevin
from dynamics.runs import Trajectories
from dynamics.training import SGD, Points, train
from landscape.descent import Method, is_stationary, quench
from landscape.losses import DataLoss, MLPLoss
from landscape.stationary import Minimum, certificate, local_model, same_point
from landscape.support import Estimate, Result, run_tasks

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Escapes(Result, shows=("rate", "confidence", "times")):
    """First escapes of R runs from the minimum in which they started.

    Parameters
    ----------
    times : (R,) float64
        Gradient-flow time (learning rate x steps) of each escape, or of the end of the run without one.
    escaped : (R,) bool
    rate : Estimate
        Escapes per unit of gradient-flow time: the maximum-likelihood estimate for exponential times censored at the
        end of the runs, and its exact interval. nan without an escape.
    confidence : float
    """

    times: Array
    escaped: NDArray[np.bool_]
    rate: Estimate[float]
    confidence: float

    @property
    def mean_time(self) -> float:
        """Mean escape time, 1 / rate."""
        return 1.0 / self.rate.value


def langevin_escapes(
    loss: MLPLoss,
    minimum: ArrayLike,
    temperature: float,
    *,
    learning_rate: float = 0.1,
    replicas: int = 100,
    steps: int = 100_000,
    every: int = 1000,
    seed: int = 0,
    method: Method = "flow",
    confidence: float = 0.95,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Escapes:
    """Run Langevin dynamics from a minimum and record when each run leaves it.

    A run has escaped at the first of two consecutive snapshots that are in another basin than that of the minimum,
    including another image of it; snapshots whose quench ends in no minimum are left out (`bridge.residence`). Choose
    `every` longer than the relaxation time at the barrier, 1 / (learning rate |lambda_b|), so that a run that turns
    back on the ridge does not count, and much shorter than the escape time.

    Parameters
    ----------
    loss : MLPLoss
    minimum : (P,) array
    temperature : float
        In nats.
    learning_rate, replicas, steps, seed
        As in `dynamics.train`.
    every : int
        Steps between two snapshots.
    method : {"flow", "lbfgs"}
        Quench that maps a snapshot.
    confidence : float
        Confidence of the interval of the rate.
    jobs, progress
        Number of workers, and callable (done, total) of runs; they do not change the result.

    Raises
    ------
    ValueError
        If `minimum` is not a minimum, or `steps` is less than twice `every`.
    """
    if every < 1 or steps < 2 * every:
        msg = f"steps must be at least twice every; got steps={steps!r}, every={every!r}"
        raise ValueError(msg)
    model = local_model(loss, np.array(minimum, dtype=np.float64))
    home = certificate(loss, model)
    if not (isinstance(home, Minimum) and is_stationary(loss, model)):
        found = f"its rms gradient is {home.rms_gradient:.2g}, its lowest eigenvalue {home.eigenvalues[0]:.2g}"
        msg = f"minimum must be a minimum; {found}; quench it"
        raise ValueError(msg)
    lags = every * np.arange(1, steps // every)
    runs = train(
        loss,
        SGD(learning_rate, min(loss.data.rows, 100), precision="float64", noise=Langevin(temperature)),
        replicas=replicas,
        steps=int(every + lags[-1]),
        seed=seed,
        start=Points(home.coordinates),
        waiting_times=[every],
        lags=lags,
        jobs=jobs,
    )
    return first_escapes(
        runs, loss, home, learning_rate, method=method, confidence=confidence, jobs=jobs, progress=progress
    )


def first_escapes(
    runs: Trajectories,
    loss: DataLoss,
    home: Minimum,
    learning_rate: float,
    *,
    method: Method = "flow",
    confidence: float = 0.95,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Escapes:
    """When runs that start in the basin of the minimum `home` leave it."""
    runs.check_recorded(runs.steps)
    tasks = (
        delayed(_first_escape)(loss, np.asarray(runs.snapshots[r], dtype=np.float64), home, method)
        for r in range(runs.replicas)
    )
    at = np.array(list(run_tasks(tasks, runs.replicas, jobs=jobs, progress=progress)))
    escaped = at >= 0
    times = learning_rate * np.where(escaped, runs.steps[at], runs.steps[-1])
    return Escapes(times, escaped, exponential_rate(times, escaped, confidence), confidence)


def exponential_rate(times: ArrayLike, happened: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """Rate of exponential times, some of them censored: k / sum of all times for k events, and its interval.

    The interval is that of a Poisson count, chi^2 quantiles of 2 k and 2 k + 2 degrees of freedom over twice the sum;
    tested by test_cut_exponential_times_give_their_rate.
    """
    total, k = float(np.sum(times)), int(np.sum(happened))
    if total <= 0.0:
        return Estimate(np.nan, np.nan, np.nan)
    tail = (1.0 - confidence) / 2.0
    low = float(stats.chi2.ppf(tail, 2 * k)) / (2.0 * total) if k else 0.0
    high = float(stats.chi2.ppf(1.0 - tail, 2 * k + 2)) / (2.0 * total)
    return Estimate(k / total if k else np.nan, low, high)


def _first_escape(loss: DataLoss, snapshots: Array, home: Minimum, method: Method) -> int:
    """Position of the first of two consecutive snapshots elsewhere, without those that have no minimum; -1: none."""
    elsewhere = -1  # the last snapshot, if it is elsewhere
    for k, theta in enumerate(snapshots):
        result = quench(loss, theta, method=method)
        if not result.converged:
            continue
        away = not same_point(None, home, result.minimum)
        if away and elsewhere >= 0:
            return elsewhere
        elsewhere = k if away else -1
    return -1
