"""Ensembles of SGD runs.

Replica r is determined by (seed, r) alone: its start and its minibatches come from
``SeedSequence(seed, spawn_key=(r,))``. So the number of workers, interruptions and later extensions change nothing,
and other noises with the same seed run from the same starts. (On another processor, whose vectors have
another length, sums round differently.)
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike

from dynamics.noises import Noise, make_noise
from dynamics.runs import (
    Trajectories,
    check_grid,
    check_times,
    curve_steps,
    default_waiting_times,
    log_lags,
    snapshot_steps,
)
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._replica import Divergence, Task, run_block
from dynamics.training._sgd import SGD
from dynamics.training._starts import Glorot, Start, as_start
from dynamics.training._store import Header, Store, open_store
from landscape.datasets import Dataset
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP
from landscape.support import check_jobs, one_thread, package_version, shared

BLOCK = 5  # replicas a task
SNAPSHOTS = ("all", "waiting")


def train(
    loss: CrossEntropyLoss,
    optimizer: SGD | None = None,
    *,
    replicas: int = 100,
    steps: int = 150_000,
    seed: int = 0,
    noise: str | Noise = "sgd",
    label_noise: float = 0.0,
    shared_order: bool = False,
    start: Start | ArrayLike | None = None,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    waiting_times: Sequence[int] | ArrayLike | None = None,
    lags: Sequence[int] | ArrayLike | None = None,
    snapshots: str = "all",
    progress: Callable[[int, int], object] | None = None,
) -> Trajectories:
    """Train `replicas` networks from different starts and record where they are.

    Parameters
    ----------
    loss : CrossEntropyLoss
        What is minimized: its network, on its training rows, with its penalty.
    optimizer : SGD
        By default ``SGD()``.
    replicas, steps, seed : int
        Number of runs, SGD steps of each, and what determines them.
    noise : str or Noise
        What makes the runs random (`dynamics.noises`): "sgd" for minibatches as in Keras' epochs, "replacement" for
        independent draws, ``Persistent(persistence=tau)``, "full" for all rows in every step, the control without
        noise, ``Langevin(temperature=T)``, "gaussian" for Gaussian noise with the covariance of SGD's.
    label_noise : float
        Probability in [0, 1] that the label of a drawn row is replaced by one of the other classes, all equally likely;
        anew whenever a row is drawn. Curves use the true labels.
    shared_order : bool
        True gives all runs the random numbers of the first one, but for their starts: they see the same minibatches in
        the same order, and the same other noise. Runs are then no longer independent of each other.
    start : Start or array, optional
        Where the runs start (`dynamics.training`): ``Glorot()`` by default, ``Normal(sd)``, ``Points.load(path)``,
        ``Points.minima(path, ids)``, or an array (K, P) or (P,), where replica r starts at row r modulo K.
    path : path, optional
        HDF5 file for the runs. The same call goes on where an interrupted one was: some seconds are lost, where
        workers see this file's folder, else the block of 5 replicas that each worker was at. Asking for more replicas
        extends the file, for fewer leaves it as it is.
    jobs : int
        Workers, -1 for all processors: threads by default (the kernels release the GIL), any other backend through
        `joblib.parallel_config`. The result does not depend on it.
    waiting_times, lags : sequence of int, optional
        Steps, ascending. Snapshots are taken at 0, tw and tw + lag. By default those of the paper and log-spaced
        lags up to `steps` minus the first waiting time (`dynamics.runs`). Each waiting time and each lag must have a
        displacement within the run; pairs of them beyond its end are nan.
    snapshots : {"all", "waiting"}
        "waiting" keeps snapshots at 0, the waiting times and the last step only, and takes the two-time displacements
        (mean square, of each layer too, and mean fourth power) while the runs go on: memory and file then do not grow
        with the parameters times the lags. What needs other snapshots (the split into drift and noise, displacements
        of the outputs and modulo symmetry, update alignment) is not to be had of such runs.
    progress : callable (done, total), optional
        Called with the number of replicas finished, first with those that were there.

    Raises
    ------
    ValueError
        For an argument out of its range, which it names; also where the file at `path` was made with other settings.
    BlockingIOError
        If another process trains into the file at `path`.
    FloatingPointError
        If a run diverges: parameters beyond 1e30 (float32) or 1e150 (float64), infinite or not a number.
    """
    network, data, regularization, regularize_biases = _parts_of(loss)
    optimizer = SGD() if optimizer is None else optimizer
    check_arguments(network, data, optimizer, replicas, steps, seed, regularization, noise, jobs)
    waiting = default_waiting_times(steps) if waiting_times is None else waiting_times
    waiting = check_times("waiting_times", waiting, max(1, steps - 1))
    lag = check_times("lags", log_lags(max(1, steps - int(waiting[0]))) if lags is None else lags, steps)
    check_grid(waiting, lag, steps)
    start = Glorot() if start is None else as_start(start)
    start.draw(network, np.random.default_rng(0), 0)  # does it fit?
    if not 0 <= label_noise <= 1:
        msg = f"label_noise must be a probability in [0, 1]; got {label_noise!r}"
        raise ValueError(msg)
    if snapshots not in SNAPSHOTS:
        msg = f"snapshots must be one of {', '.join(SNAPSHOTS)}; got {snapshots!r}"
        raise ValueError(msg)
    kept = snapshot_steps(waiting, lag, steps) if snapshots == "all" else np.unique([0, *waiting.tolist(), steps])
    mask = np.ones(network.n_parameters) if regularize_biases else network.kernel_mask().astype(float)
    task = Task(
        network=network,
        data=data,
        optimizer=optimizer,
        noise=make_noise(noise),
        label_noise=float(label_noise),
        start=start,
        penalty=regularization * mask,
        seed=int(seed),
        steps=int(steps),
        snapshot_steps=kept.astype(np.int64),
        curve_steps=curve_steps(steps),
        waiting_times=waiting,
        lags=lag,
        accumulates=snapshots == "waiting",
        shared_order=bool(shared_order),
    )
    header = make_header(task, regularization, regularize_biases)
    with open_store(None if path is None else Path(path), header) as store:
        fill(store, task, replicas, jobs, progress or (lambda done, total: None))
        return store.finish().first(replicas)


def fill(store: Store, task: Task, replicas: int, jobs: int, progress: Callable[[int, int], object]) -> None:
    """Run what is missing in `store`; blocks end at multiples of `BLOCK` and are consumed in order."""
    done = store.count()
    progress(min(done, replicas), replicas)
    if done >= replicas:
        return
    checkpoints = store.begin()
    _ = task.kernel, task.rows  # made once, before the workers ask for them
    with one_thread():  # here, and not where threads would end it for each other
        _consume(store, task, done, replicas, jobs, progress, checkpoints)


def _consume(
    store: Store,
    task: Task,
    done: int,
    replicas: int,
    jobs: int,
    progress: Callable[[int, int], object],
    checkpoints: Checkpoints | None,
) -> None:
    cuts = [done, *range((done // BLOCK + 1) * BLOCK, replicas, BLOCK), replicas]
    common = shared(task)
    calls = (joblib.delayed(run_block)(common, first, end, checkpoints) for first, end in pairwise(cuts))
    blocks: Any = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(calls)
    try:
        for block in blocks:
            if isinstance(block, Divergence):
                if checkpoints:  # with these settings the ensemble is never complete: they must not refuse others
                    checkpoints.remove(range(replicas))
                rate = task.optimizer.learning_rate
                msg = f"replica {block.replica} diverged at step {block.step}; choose a learning_rate below {rate}"
                raise FloatingPointError(msg)
            store.add(block)
            progress(block.end, replicas)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns of results that nobody took: so it is after an interruption
            blocks.close()


def make_header(task: Task, regularization: float, regularize_biases: bool) -> Header:
    """What the file says about the runs."""
    settings = {
        "layer_sizes": list(task.network.layer_sizes),
        "data_sha256": task.data.sha256,
        **task.noise.settings,
        "label_noise": task.label_noise,
        "shared_order": task.shared_order,
        "start": str(task.start),
        **asdict(task.optimizer),
        "schedule": str(task.optimizer.schedule),
        "batch_size": task.batch_size,
        "steps": task.steps,
        "seed": task.seed,
        "regularization": float(regularization),
        "regularize_biases": bool(regularize_biases),
        "snapshots": "waiting" if task.accumulates else "all",
        "waiting_times": task.waiting_times.tolist(),
        "lags": task.lags.tolist(),
        "curve_steps": task.curve_steps.tolist(),
    }
    lists = ("waiting_times", "lags", "curve_steps")  # in the file as arrays of their own
    scalars = {name: value for name, value in settings.items() if name not in lists}
    release = package_version("agescape")
    metadata = scalars | {"data": dict(task.data.metadata), "rows": task.data.rows, "version": release}
    shared = {
        "steps": task.snapshot_steps,
        "curve_steps": task.curve_steps,
        "waiting_times": task.waiting_times,
        "lags": task.lags,
    }
    return Header(task.network.layer_sizes, shared, settings, metadata)


def is_whole(value: Any) -> bool:
    """Whether this is a finite whole number."""
    return isinstance(value, int | float | np.number) and isfinite(value) and int(value) == value


def _parts_of(loss: CrossEntropyLoss) -> tuple[MLP, Dataset, float, bool]:
    """What the kernels need of a loss."""
    if not isinstance(loss, CrossEntropyLoss):
        msg = f"loss must be a CrossEntropyLoss (a torch module goes to train_module); got {type(loss).__name__}"
        raise TypeError(msg)
    return loss.network, loss.data, loss.regularization, loss.regularize_biases


def check_arguments(
    network: MLP,
    data: Dataset,
    optimizer: SGD,
    replicas: int,
    steps: int,
    seed: int,
    regularization: float,
    noise: str | Noise,
    jobs: int,
) -> None:
    """Raise a ValueError that names the first argument out of its range."""
    for name, value, least in (("replicas", replicas, 1), ("steps", steps, 2), ("seed", seed, 0)):
        if not is_whole(value) or value < least:
            msg = f"{name} must be a whole number >= {least}; got {value!r}"
            raise ValueError(msg)
    if not (np.isfinite(regularization) and regularization >= 0):
        msg = f"regularization must be finite and >= 0; got {regularization!r}"
        raise ValueError(msg)
    check_jobs(jobs)
    check_range(data, optimizer)
    ends = (network.layer_sizes[0], network.layer_sizes[-1])
    if ends != (data.n_features, data.n_classes):
        msg = f"network must have {data.n_features} inputs and {data.n_classes} outputs for this data; got {ends}"
        raise ValueError(msg)
    if make_noise(noise).uses_batch_size and optimizer.batch_size > data.rows:
        msg = f"batch_size must be at most the number of training rows, {data.rows}; got {optimizer.batch_size}"
        raise ValueError(msg)


def check_range(data: Dataset, optimizer: SGD) -> None:
    """Raise a ValueError where inputs are no finite numbers in the precision of the runs."""
    largest = float(np.finfo(optimizer.dtype).max)
    size = max(data.inputs.max(initial=0.0), -data.inputs.min(initial=0.0))
    if size > largest:
        msg = (
            f"inputs must lie within {largest:.3g}, the largest number of {optimizer.precision}; got {size:.3g}: "
            "standardize them"
        )
        raise ValueError(msg)
