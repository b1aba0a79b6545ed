"""Ensembles of SGD runs.

Replica r is determined by (seed, r) alone: its start and its minibatches come from ``SeedSequence(seed,
spawn_key=(r,))``. The number of workers, interruptions and later extensions therefore change nothing, and other noises
with the same seed have the same starts. (On a processor with another vector length, sums round differently.)
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
from landscape.networks import MLP
from landscape.support import check_jobs, one_thread, package_version, shared

BLOCK = 5  # replicas per task
SNAPSHOTS = ("all", "waiting")


def train(
    network: MLP,
    data: Dataset,
    optimizer: SGD | None = None,
    *,
    replicas: int = 100,
    steps: int = 150_000,
    seed: int = 0,
    regularization: float = 1e-4,
    regularize_biases: bool = True,
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
    """Train `replicas` networks from different starts and record their trajectories.

    Parameters
    ----------
    network, data : MLP, Dataset
        The network, and the data whose training rows are used.
    optimizer : SGD
        By default ``SGD()``.
    replicas, steps, seed : int
        Number of runs, SGD steps of each, and the seed that determines them.
    regularization : float
        lambda of the penalty lambda |theta|^2; its gradient is 2 lambda theta.
    regularize_biases : bool
        False excludes the biases from the penalty.
    noise : str or Noise
        What makes the runs random (`dynamics.noises`): "sgd" for minibatches as in Keras' epochs, "replacement" for
        independent draws, ``Persistent(persistence=tau)``, "full" for all rows in every step, the control without
        noise, ``Langevin(temperature=T)``, "gaussian" for Gaussian noise with the covariance of SGD's.
    label_noise : float
        Probability in [0, 1] that the label of a drawn row is replaced by one of the other classes, all equally
        likely, each time the row is drawn. Curves use the true labels.
    shared_order : bool
        True gives all runs the random numbers of the first one, except for their starts: they see the same minibatches
        in the same order, and the same other noise. Runs are then not independent of each other.
    start : Start or array, optional
        Initial points of the runs (`dynamics.training`): ``Glorot()`` by default, ``Normal(sd)``,
        ``Points.load(path)``, ``Points.minima(path, ids)``, or an array (K, P) or (P,), where replica r starts at row
        r modulo K.
    path : path, optional
        HDF5 file for the runs. The same call continues an interrupted one: some seconds are lost if workers see this
        file's folder, otherwise the current block of 5 replicas of each worker. More replicas extend the file, fewer
        leave it unchanged.
    jobs : int
        Workers, -1 for all processors: threads by default (the kernels release the GIL), any other backend through
        `joblib.parallel_config`. They do not change the result.
    waiting_times, lags : sequence of int, optional
        Steps, ascending. Snapshots are taken at 0, tw and tw + lag. By default those of the paper and log-spaced
        lags up to `steps` minus the first waiting time (`dynamics.runs`). Each waiting time and each lag must have a
        displacement within the run; pairs of them beyond its end are nan.
    snapshots : {"all", "waiting"}
        "waiting" keeps snapshots at 0, the waiting times and the last step only, and computes the two-time
        displacements (mean square, also per layer, and mean fourth power) during the runs: memory and file then do not
        grow with the parameters times the lags. Analyses that need other snapshots (the split into drift and noise,
        displacements of the outputs and modulo symmetry, update alignment) are unavailable for these runs.
    progress : callable (done, total), optional
        Called with the number of finished replicas, first with those that already exist.

    Raises
    ------
    ValueError
        If an argument is out of range (the message names it), or the file at `path` was made with other settings.
    BlockingIOError
        If another process trains into the file at `path`.
    FloatingPointError
        If a run diverges: parameters beyond 1e30 (float32) or 1e150 (float64), infinite or not a number.
    """
    optimizer = SGD() if optimizer is None else optimizer
    check_arguments(network, data, optimizer, replicas, steps, seed, regularization, noise, jobs)
    waiting = default_waiting_times(steps) if waiting_times is None else waiting_times
    waiting = check_times("waiting_times", waiting, max(1, steps - 1))
    lag = check_times("lags", log_lags(max(1, steps - int(waiting[0]))) if lags is None else lags, steps)
    check_grid(waiting, lag, steps)
    start = Glorot() if start is None else as_start(start)
    start.draw(network, np.random.default_rng(0), 0)  # check that it fits
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
    """Run the replicas missing in `store`; blocks end at multiples of `BLOCK` and are consumed in order."""
    done = store.count()
    progress(min(done, replicas), replicas)
    if done >= replicas:
        return
    checkpoints = store.begin()
    _ = task.kernel, task.rows  # computed once, before the workers need them
    with one_thread():  # here, because threads would end it for each other
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
                if checkpoints:  # these settings never complete the ensemble: they must not block others
                    checkpoints.remove(range(replicas))
                rate = task.optimizer.learning_rate
                msg = f"replica {block.replica} diverged at step {block.step}; choose a learning_rate below {rate}"
                raise FloatingPointError(msg)
            store.add(block)
            progress(block.end, replicas)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns about results that are not consumed
            blocks.close()


def make_header(task: Task, regularization: float, regularize_biases: bool) -> Header:
    """The header of the file."""
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
    """Whether this is a finite integer."""
    return isinstance(value, int | float | np.number) and isfinite(value) and int(value) == value


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
    """Raise a ValueError that names the first argument out of range."""
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
    """Raise a ValueError if inputs are not finite in the precision of the runs."""
    largest = float(np.finfo(optimizer.dtype).max)
    size = max(data.inputs.max(initial=0.0), -data.inputs.min(initial=0.0))
    if size > largest:
        msg = (
            f"inputs must be within {largest:.3g}, the largest number of {optimizer.precision}; got {size:.3g}: "
            "standardize them"
        )
        raise ValueError(msg)
