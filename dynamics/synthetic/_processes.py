"""Processes with known aging, with which the analysis is tested.

Every function takes the number of runs and of parameters, the waiting times and lags (steps) and a Generator, and
returns `Trajectories` that are exact at the recorded steps. The trap model is in `_traps`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories
from dynamics.synthetic._traps import recorded_process, recorded_steps, trap_model, trap_model_displacement
from landscape.support import RNG

__all__ = [
    "aging_walk",
    "aging_walk_t_star",
    "brownian",
    "drifting_walk",
    "ornstein_uhlenbeck",
    "trap_model",
    "trap_model_displacement",
    "wandering_walk",
]

Array = NDArray[np.float64]


def brownian(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    diffusion: float,
    *,
    rng: RNG = None,
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
    *,
    rng: RNG = None,
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
    """Exact t* (W,) of `aging_walk`; inf if the walk never gets that far (possible for mu > 1)."""
    tw = np.asarray(waiting_times, dtype=np.float64)
    target = _clock(tw, mu) + threshold / (2.0 * diffusion)
    if mu == 1.0:
        return np.exp(target) - tw
    base = 1.0 + (1.0 - mu) * target
    return np.where(base > 0, np.maximum(base, np.finfo(float).tiny) ** (1.0 / (1.0 - mu)) - tw, np.inf)


def wandering_walk(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    diffusion: float,
    *,
    rng: RNG = None,
    mu: float,
    spread: float,
    memory: float = 1.0,
) -> Trajectories:
    """`aging_walk` with a fluctuating diffusion coefficient in every run, correlated over neighboring waiting times.

    D(s) = `diffusion` s^-mu exp(`spread` X(ln s) - `spread`^2 / 2) with a stationary Ornstein-Uhlenbeck process X of
    unit variance in ln s, <X(u) X(u')> = exp(-|u - u'| / `memory`), one for each run and held between recorded steps.
    Its exponential has the mean 1, so that the mean square displacement and t* are those of `aging_walk`; but single
    runs have log-normal amplitudes, similar at neighboring waiting times, as for runs of SGD.
    """
    rng = np.random.default_rng(rng)
    waiting, lag, steps = recorded_steps(waiting_times, lags)
    middle = np.log(np.maximum((steps[1:] + steps[:-1]) / 2, 1.0))
    kept = np.exp(-np.diff(middle) / memory)
    x = _correlated(rng.standard_normal((replicas, middle.size)), kept)
    clock = 2.0 * diffusion * np.diff(_clock(steps, mu)) * np.exp(spread * x - spread**2 / 2)
    snapshots = _from_zero(rng.standard_normal((replicas, middle.size, parameters)) * np.sqrt(clock)[..., None])
    metadata = {"process": "wandering_walk", "diffusion": diffusion, "mu": mu, "spread": spread, "memory": memory}
    return recorded_process(steps, snapshots, waiting, lag, metadata)


def ornstein_uhlenbeck(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    variance: float,
    relaxation_time: float,
    *,
    rng: RNG = None,
) -> Trajectories:
    """Stationary Ornstein-Uhlenbeck process, equilibrated diffusion in a harmonic well: mu = 0.

    Per coordinate MSD(tw, t) = 2 s2 (1 - exp(-t / tau)) for every waiting time, with s2 = `variance` (parameter units
    squared) and tau = `relaxation_time` (steps): t* = -tau ln(1 - threshold / (2 s2)), and none beyond 2 s2.
    Source: Uhlenbeck and Ornstein, Phys. Rev. 36, 823 (1930).
    """
    rng = np.random.default_rng(rng)
    waiting, lag, steps = recorded_steps(waiting_times, lags)
    decay = np.exp(-np.diff(steps) / relaxation_time)
    normal = rng.standard_normal((replicas, steps.size, parameters))
    snapshots = _correlated(np.sqrt(variance) * normal, decay)
    metadata = {"process": "ornstein_uhlenbeck", "variance": variance, "relaxation_time": relaxation_time}
    return recorded_process(steps, snapshots, waiting, lag, metadata)


def drifting_walk(
    replicas: int,
    parameters: int,
    waiting_times: Sequence[int] | ArrayLike,
    lags: Sequence[int] | ArrayLike,
    speed: float,
    diffusion: float,
    *,
    rng: RNG = None,
    mu: float = 0.0,
    shared_direction: bool = False,
) -> Trajectories:
    """Drift along a straight line whose speed falls as s^-mu, and Brownian motion around it.

    The velocity has the norm |v(s)| = `speed` s^-mu (parameter units per step) and a direction drawn for each run, or
    one for all with `shared_direction`. Per coordinate, with the clock h of `aging_walk` and P parameters,

        MSD(tw, t) = speed^2 [h(tw + t) - h(tw)]^2 / P + 2 D t,

    the first term the drift, the second the noise with D = `diffusion`. If drift dominates and t* is much smaller than
    tw, t* = sqrt(P threshold) / |v(tw)| ~ tw^mu.
    """
    rng = np.random.default_rng(rng)
    waiting, lag, steps = recorded_steps(waiting_times, lags)
    direction = rng.standard_normal((1 if shared_direction else replicas, 1, parameters))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    width = np.sqrt(2 * diffusion * np.diff(steps))
    noise = _from_zero(rng.standard_normal((replicas, steps.size - 1, parameters)) * width[:, None])
    snapshots = speed * _clock(steps, mu)[:, None] * direction + noise
    metadata = {"process": "drifting_walk", "speed": speed, "diffusion": diffusion, "mu": mu}
    return recorded_process(steps, snapshots, waiting, lag, metadata)


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
    rng: RNG,
    metadata: dict[str, object],
) -> Trajectories:
    """Gaussian increments of variance 2 D (difference of clock) between the recorded steps."""
    rng = np.random.default_rng(rng)
    waiting, lag, steps = recorded_steps(waiting_times, lags)
    width = np.sqrt(2.0 * diffusion * np.diff(clock(steps)))
    snapshots = _from_zero(rng.standard_normal((replicas, steps.size - 1, parameters)) * width[:, None])
    return recorded_process(steps, snapshots, waiting, lag, metadata)


def _correlated(normal: Array, kept: Array) -> Array:
    """Stationary Gaussian sequences (R, K, ...) from independent ones; neighbors correlate by `kept` (K - 1,)."""
    values = normal.copy()
    for k, share in enumerate(kept):
        values[:, k + 1] = share * values[:, k] + np.sqrt(1 - share**2) * normal[:, k + 1]
    return values


def _from_zero(jumps: Array) -> Array:
    """Positions (R, S, P) of walks that begin at zero, from their jumps (R, S - 1, P)."""
    return np.concatenate([np.zeros_like(jumps[:, :1]), jumps.cumsum(axis=1)], axis=1)
