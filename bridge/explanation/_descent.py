"""Aging without noise: descent from each run's position at each waiting time, without a quadratic model."""

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.explanation._clock import without_clock
from bridge.explanation._mean_steps import mean_steps
from bridge.explanation._relaxation import snapshots_at
from dynamics.displacement import MeanSquareDisplacement
from dynamics.noises import Full
from dynamics.runs import Trajectories
from dynamics.snapshots import check_loss
from dynamics.training import ModuleLoss, Optimizer, Points, optimizer_of_runs, train, train_module
from landscape.losses import DataLoss, TorchLoss

Array = NDArray[np.float64]
TOGETHER = 50  # descents of a module side by side


def descent_displacement(
    runs: Trajectories,
    loss: DataLoss,
    *,
    longest: int | None = None,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> MeanSquareDisplacement:
    """Displacement of descent from theta(tw) by the optimizer of the runs, without the noise of their gradients.

    For plain SGD this is gradient descent with the learning rate of the runs. It is pure relaxation: the descent stays
    in the gradient-flow basin of theta(tw) (except for its finite steps), crosses no barrier and has no noise. Further
    motion of the runs is due to noise, including hops. Whereas the full-batch *control* of `age` starts with the runs,
    this starts again at every waiting time.

    Runs with momentum, a schedule or another optimizer descend by its own steps along the mean gradient; the mean
    square by which RMSprop, Adam and AdamW divide keeps the variance of the minibatch gradient
    (`bridge.explanation._mean_steps`). These descents need not stay in a basin of the gradient flow.

    Parameters
    ----------
    runs : Trajectories
        Runs that `train` or `train_module` made.
    loss : MLPLoss or TorchLoss
        The loss that they descend.
    longest : int, optional
        Longest lag, in steps; by default the last waiting time. A step costs one gradient over all rows.
    path : path, optional
        HDF5 file for finished descents; a folder unless the runs are of plain SGD.
    jobs, progress
        As in `dynamics.train`; `jobs` does not change the result.

    Returns
    -------
    MeanSquareDisplacement
        At the lags of `runs` up to `longest`.

    Raises
    ------
    ValueError
        If the loss is not that of the runs, fewer than two lags are left, or the optimizer is unknown
        (`descent_optimizer`).
    """
    check_loss(runs, loss)
    optimizer = descent_optimizer(runs)
    longest = int(runs.waiting_times[-1]) if longest is None else int(longest)
    lags = runs.lags[runs.lags <= longest]
    if lags.size < 2:
        msg = f"longest must leave at least two lags of the runs, {runs.lags[:2]} and more; got {longest}"
        raise ValueError(msg)
    starts = snapshots_at(runs, runs.waiting_times).reshape(-1, loss.n_parameters)
    if without_clock(runs):
        ages = np.tile(runs.waiting_times, runs.replicas)
        folder = None if path is None else Path(path)
        squares = mean_steps(loss, starts, ages, optimizer, lags, path=folder, jobs=jobs, progress=progress)
    else:
        squares = _full_batch(loss, starts, optimizer, lags, path=path, jobs=jobs, progress=progress)
    values = squares.reshape(runs.replicas, runs.waiting_times.size, lags.size)
    values[:, runs.waiting_times[:, None] + lags > runs.steps[-1]] = np.nan
    return MeanSquareDisplacement(runs.waiting_times, lags, values, runs.metadata)


def descent_optimizer(runs: Trajectories) -> Optimizer:
    """The optimizer of the runs, from their metadata.

    Raises
    ------
    ValueError
        If it is unknown, or the mean square of its gradients is: that of noisy labels.
    """
    known = {"batch_size": 1} | dict(runs.metadata)  # of SGD without noise it makes no difference
    optimizer = optimizer_of_runs(known)
    if runs.metadata.get("label_noise") and "squares" in optimizer.state_names:
        msg = f"runs by {optimizer.name} must have no label_noise, which would add to the mean square of its gradients"
        raise ValueError(msg)
    return optimizer


def _full_batch(
    loss: DataLoss,
    starts: Array,
    optimizer: Optimizer,
    lags: NDArray[np.int64],
    *,
    path: str | PathLike[str] | None,
    jobs: int,
    progress: Callable[[int, int], object] | None,
) -> Array:
    """Mean square displacements (K, T) of gradient descents from `starts` (K, P)."""
    batch_size = min(loss.data.rows, optimizer.batch_size)
    optimizer = replace(optimizer, batch_size=batch_size, noise=Full())
    common: dict[str, Any] = {
        "replicas": len(starts),
        "steps": max(int(lags[-1]), 2),
        "waiting_times": [1],
        "lags": np.unique(np.maximum(lags - 1, 1)),  # snapshots at 0, 1 and 1 + lag
        "path": path,
        "progress": progress,
    }
    if isinstance(loss, TorchLoss):
        trained = ModuleLoss(loss.module, loss.data, loss.regularization, loss.regularize_biases, loss.name)
        fallen = train_module(trained, optimizer, start=starts, block=min(len(starts), TOGETHER), **common)
    else:
        fallen = train(loss, optimizer, start=Points(starts), jobs=jobs, **common)
    at = np.searchsorted(fallen.steps, lags)
    squares = np.empty((len(starts), lags.size))
    for k in range(len(starts)):
        theta = np.asarray(fallen.snapshots[k])
        squares[k] = ((theta[at] - theta[0]) ** 2).mean(axis=1)
    return squares
