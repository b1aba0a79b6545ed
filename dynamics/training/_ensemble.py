"""Ensembles of SGD runs.

Replica r is determined by (seed, r) alone: its start and its minibatches come from ``SeedSequence(seed,
spawn_key=(r,))``. The number of workers, interruptions and later extensions therefore change nothing, and other noises
with the same seed have the same starts. (On a processor with another vector length, sums round differently.)
"""

import logging
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike

from dynamics.runs import Trajectories
from dynamics.training._filling import run_task
from dynamics.training._optimizers import Optimizer
from dynamics.training._plan import make_plan
from dynamics.training._replica import KernelTask
from dynamics.training._sgd import SGD
from dynamics.training._starts import Glorot, Start, as_start
from landscape.datasets import Dataset
from landscape.losses import MLPLoss
from landscape.support import check_jobs, whole_number

FEWEST_MINIBATCHES = 10  # that the rows should make
LARGE_SHARE = 1 / 3  # of the rows in a minibatch, above which a warning is logged
log = logging.getLogger(__name__)


def train(
    loss: MLPLoss,
    optimizer: Optimizer | None = None,
    *,
    replicas: int = 100,
    steps: int = 150_000,
    seed: int = 0,
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
    loss : MLPLoss
        The loss to minimize: its network, on its training rows, with its penalty.
    optimizer : Optimizer
        Update rule, minibatches and noise; by default ``SGD()``.
    replicas : int
        Number of runs.
    steps : int
        Steps of SGD of each run.
    seed : int
        Determines every random number: run r depends on the seed and on r alone.
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
    waiting_times : sequence of int, optional
        Waiting times tw (steps), ascending; by default those of the paper (`dynamics.runs`). Snapshots are taken at 0,
        tw and tw + lag. Each waiting time and each lag must have a displacement within the run; pairs of them beyond
        its end are nan.
    lags : sequence of int, optional
        Lags (steps), ascending; by default log-spaced up to `steps` minus the first waiting time.
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
    if not isinstance(loss, MLPLoss):
        msg = f"loss must be an MLPLoss (use train_module for a torch module); got {type(loss).__name__}"
        raise TypeError(msg)
    optimizer = SGD() if optimizer is None else optimizer
    check_arguments(loss.data, optimizer, replicas=replicas, steps=steps, seed=seed, jobs=jobs)
    warn_of_large_minibatches(loss.data, optimizer)
    plan = make_plan(
        loss, optimizer, steps=steps, seed=seed, waiting_times=waiting_times, lags=lags, snapshots=snapshots
    )
    start = Glorot() if start is None else as_start(start)
    start.draw(loss.network, np.random.default_rng(0), 0)  # check that it fits
    return run_task(KernelTask(plan, loss.network, start, jobs, loss.name), replicas, path, progress)


def check_arguments(
    data: Dataset, optimizer: Optimizer, *, replicas: int, steps: int, seed: int, jobs: int = 1
) -> None:
    """Raise a ValueError that names the first argument of `train` out of range."""
    for name, value, least in (("replicas", replicas, 1), ("steps", steps, 2), ("seed", seed, 0)):
        whole_number(name, value, least)
    check_jobs(jobs)
    if data.is_regression and optimizer.label_noise > 0:
        what = "which has no classes (add noise to its targets)"
        msg = f"label_noise must be 0 for a regression, {what}; got {optimizer.label_noise}"
        raise ValueError(msg)
    check_range(data, optimizer)
    if optimizer.noise.uses_batch_size and optimizer.batch_size > data.rows:
        default = ", the default" if optimizer.batch_size == SGD.batch_size else ""
        msg = (
            f"batch_size must be at most the number of training rows, {data.rows}; got {optimizer.batch_size}{default}"
        )
        raise ValueError(msg)


def warn_of_large_minibatches(data: Dataset, optimizer: Optimizer, *, largest: float = LARGE_SHARE) -> None:
    """Log a warning if minibatches hold more than a share `largest` of the rows: little of their noise is left.

    Without replacement its variance is (1 - B/N) of that of independent draws: at a third of the rows two thirds.
    """
    share = optimizer.batch_size / data.rows
    if not largest < share <= 1.0 or not optimizer.noise.uses_batch_size or optimizer.replacement:
        return
    default = " (the default)" if optimizer.batch_size == SGD.batch_size else ""
    log.warning(
        "a minibatch of %d%s of %d training rows leaves the runs little noise; choose a minibatch of at most %d, or "
        "more rows", optimizer.batch_size, default, data.rows, max(1, data.rows // FEWEST_MINIBATCHES),
    )  # fmt: skip


def check_range(data: Dataset, optimizer: Optimizer) -> None:
    """Raise a ValueError if inputs are not finite in the precision of the runs."""
    largest = float(np.finfo(optimizer.dtype).max)
    size = max(data.inputs.max(initial=0.0), -data.inputs.min(initial=0.0))
    if size > largest:
        msg = (
            f"inputs must be within {largest:.3g}, the largest number of {optimizer.precision}; got {size:.3g}: "
            "standardize them"
        )
        raise ValueError(msg)
