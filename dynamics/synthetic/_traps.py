"""Bouchaud's trap model: aging from a broad distribution of trapping times."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gamma

from dynamics.runs import Steps, Trajectories, snapshot_steps
from landscape.support import RNG, check_positive

Array = NDArray[np.float64]


def trap_model(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    temperature: float,
    *,
    rng: RNG = None,
    variance: float = 1.0,
    walk: bool = False,
) -> Trajectories:
    """Trap model with exponential energies: every parameter hops independently from trap to trap.

    A trap's depth E has the density exp(-E) (in units of the glass temperature), the walker leaves it after an
    exponential time of mean exp(E / `temperature`) steps, and the next trap is random: trapping times therefore have a
    power-law tail tau^(-1 - x) with x = `temperature`, without a mean for x < 1, and the process ages.

    - ``walk=False``, Bouchaud's model: each trap is a new place, normal of variance `variance` about 0. The
      displacement depends only on whether a parameter has hopped since tw; its probability is a function of t / tw, so
      t* ~ tw for every threshold below 2 `variance`: mu = 1 for x < 1 (`trap_model_displacement`), 0 for x > 1.
    - ``walk=True``: each hop is a step of that variance from where one is (continuous-time random walk). The number of
      hops grows as s^x, so MSD ~ (tw + t)^x - tw^x: mu = 1 - x if t* is much smaller than tw, with D(s) ~ s^(x-1).

    Both hold for waiting times much longer than 1 step. Models: Bouchaud, J. Phys. I France 2, 1705 (1992); Monthus
    and Bouchaud, J. Phys. A 29, 3847 (1996). The formulas are derived here and compared with simulations by
    test_dynamics_analysis.py.

    Raises
    ------
    ValueError
        If `temperature` or `variance` is not positive.
    """
    rng = np.random.default_rng(rng)
    check_positive(temperature=temperature, variance=variance)
    waiting, lag, steps = recorded_steps(waiting_times, lags)
    snapshots = np.empty((replicas, steps.size, parameters))
    for r in range(replicas):
        for p in range(parameters):
            hops = _hops_before(steps, temperature, rng)
            places = np.sqrt(variance) * rng.standard_normal(hops[-1] + 1)
            snapshots[r, :, p] = (places.cumsum() if walk else places)[hops]
    metadata = {"process": "trap_model", "temperature": temperature, "variance": variance, "walk": walk}
    return recorded_process(steps, snapshots, waiting, lag, metadata)


def trap_model_displacement(
    waiting_times: ArrayLike, lags: ArrayLike, temperature: float, variance: float = 1.0, *, walk: bool = False
) -> Array:
    """Mean square displacement (W, T) of `trap_model` per parameter for long waiting times and x = `temperature` < 1.

    Bouchaud's model: 2 `variance` [1 - Pi], where Pi = sin(pi x) / pi integral from t / tw to infinity of
    du / (u^x (1 + u)) is the probability of no hop in tw ... tw + t (Dynkin's and Lamperti's arcsine law). The walk:
    `variance` times the mean number of hops, [(tw + t)^x - tw^x] sin(pi x) / (pi x Gamma(1 + x)).
    """
    if not 0 < temperature < 1:
        msg = f"temperature must be between 0 and 1, where the model ages; got {temperature!r}"
        raise ValueError(msg)
    tw, t = np.asarray(waiting_times, dtype=np.float64)[:, None], np.asarray(lags, dtype=np.float64)
    x = temperature
    if walk:
        rate = np.sinc(x) / gamma(1 + x)
        return variance * rate * ((tw + t) ** x - tw**x)
    return 2 * variance * (1 - betainc(x, 1 - x, tw / (tw + t)))


def _hops_before(steps: Steps, temperature: float, rng: np.random.Generator) -> NDArray[np.intp]:
    """Number of hops (S,) up to each of `steps`, by one walker that begins in a fresh trap at step 0."""
    times = np.zeros(1)
    while times[-1] <= steps[-1]:
        count = max(16, times.size)
        # exp(E / T) of an exponential E; a walker with an infinite trapping time never hops
        trapped = np.exp(np.minimum(rng.exponential(size=count) / temperature, 700.0)) * rng.exponential(size=count)
        times = np.concatenate([times, times[-1] + trapped.cumsum()])
    return np.searchsorted(times[1:], steps, side="right")


def recorded_steps(
    waiting_times: Sequence[int] | ArrayLike, lags: Sequence[int] | ArrayLike
) -> tuple[Steps, Steps, Steps]:
    """Waiting times, lags and the steps that they require."""
    waiting, lag = np.asarray(waiting_times, dtype=np.int64), np.asarray(lags, dtype=np.int64)
    return waiting, lag, snapshot_steps(waiting, lag, int(waiting.max() + lag.max()))


def recorded_process(
    steps: Steps, snapshots: Array, waiting: Steps, lags: Steps, metadata: Mapping[str, Any]
) -> Trajectories:
    """Trajectories from `snapshots` (R, S, P) of a process without a network and curves."""
    no_curve = np.empty((len(snapshots), 0))
    no_steps = np.empty(0, dtype=np.int64)
    return Trajectories((), steps, snapshots, waiting, lags, no_steps, no_curve, no_curve, no_curve, metadata)
