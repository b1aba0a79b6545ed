"""Random walks whose aging is known: what `aging` finds in them must be what was put in."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.times import snapshot_steps
from dynamics.trajectories import Trajectories

Array = NDArray[np.float64]


def brownian(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    diffusion: float,
    rng: np.random.Generator,
) -> Trajectories:
    """Brownian motion in `parameters` dimensions: stationary, so mu = 0.

    The mean square displacement per coordinate is 2 D t for every waiting time, with D = `diffusion` in square
    parameter units per step: t* = threshold / (2 D). It is exact at the recorded steps.
    """
    metadata = {"process": "brownian", "diffusion": diffusion}
    return _walk(replicas, parameters, waiting_times, lags, diffusion, np.asarray, rng, metadata)


def aging_walk(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    diffusion: float,
    rng: np.random.Generator,
    *,
    mu: float,
) -> Trajectories:
    """Scaled Brownian motion, whose diffusion coefficient falls with its age: D(s) = `diffusion` s^-mu.

    It is Brownian motion on the clock h(s) = integral from 1 to s of u^-mu du, so per coordinate

        MSD(tw, t) = 2 D [h(tw + t) - h(tw)],   h(s) = (s^(1 - mu) - 1) / (1 - mu), or ln s for mu = 1.

    For t much smaller than tw this is 2 D t tw^-mu, hence t* = threshold tw^mu / (2 D): the exponent is mu. The
    relative error of this t* is about mu t* / (2 tw), which makes the slope wrong by about
    mu (mu - 1) t* / (2 tw); for mu = 1 it is exact at any t*. `aging_walk_t_star` is exact for all.
    Source: Lim and Muniandy, Phys. Rev. E 66, 021114 (2002).
    """
    metadata = {"process": "aging_walk", "diffusion": diffusion, "mu": mu}
    return _walk(replicas, parameters, waiting_times, lags, diffusion, lambda s: _clock(s, mu), rng, metadata)


def aging_walk_t_star(waiting_times: ArrayLike, threshold: float, diffusion: float, mu: float) -> Array:
    """Exact t* (W,) of `aging_walk`; inf where the walk never gets so far (possible for mu > 1)."""
    tw = np.asarray(waiting_times, dtype=np.float64)
    target = _clock(tw, mu) + threshold / (2.0 * diffusion)
    if mu == 1.0:
        return np.exp(target) - tw
    base = 1.0 + (1.0 - mu) * target
    return np.where(base > 0, np.maximum(base, np.finfo(float).tiny) ** (1.0 / (1.0 - mu)) - tw, np.inf)


def _clock(steps: ArrayLike, mu: float) -> Array:
    """Age h(s) of the walk: 0 up to step 1."""
    log_steps = np.log(np.maximum(np.asarray(steps, dtype=np.float64), 1.0))
    return log_steps if mu == 1.0 else np.expm1((1.0 - mu) * log_steps) / (1.0 - mu)


def _walk(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    diffusion: float,
    clock: Callable[[NDArray[np.int64]], Array],
    rng: np.random.Generator,
    metadata: dict[str, object],
) -> Trajectories:
    """Gaussian increments of variance 2 D (difference of clock) between the recorded steps."""
    waiting, lag = np.asarray(waiting_times, dtype=np.int64), np.asarray(lags, dtype=np.int64)
    steps = snapshot_steps(waiting, lag, int(waiting.max() + lag.max()))
    width = np.sqrt(2.0 * diffusion * np.diff(clock(steps)))
    jumps = rng.standard_normal((replicas, steps.size - 1, parameters)) * width[:, None]
    snapshots = np.concatenate([np.zeros((replicas, 1, parameters)), jumps.cumsum(axis=1)], axis=1)
    no_curve = np.empty((replicas, 0))
    no_steps = np.empty(0, dtype=np.int64)
    return Trajectories((), steps, snapshots, waiting, lag, no_steps, no_curve, no_curve, no_curve, metadata)
