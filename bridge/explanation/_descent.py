"""Aging without noise: full-batch descent from each run's position at each waiting time, without a quadratic model."""

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from bridge.explanation._relaxation import plain_learning_rate, snapshots_at
from dynamics.displacement import MeanSquareDisplacement
from dynamics.noises import Full
from dynamics.runs import Trajectories
from dynamics.snapshots import check_loss
from dynamics.training import SGD, ModuleLoss, Points, train, train_module
from landscape.losses import DataLoss, TorchLoss

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
    """Displacement of full-batch gradient descent from theta(tw), with the learning rate of the runs.

    This is pure relaxation: the descent stays in the gradient-flow basin of theta(tw) (except for its finite steps),
    crosses no barrier and has no noise. Further motion of the runs is due to noise, including hops. Whereas the
    full-batch *control* of `age` starts with the runs, this starts again at every waiting time.

    Parameters
    ----------
    runs : Trajectories
        Runs by plain SGD: constant learning rate, no momentum.
    loss : MLPLoss or TorchLoss
        The loss that they descend.
    longest : int, optional
        Longest lag, in steps; by default the last waiting time. A step costs one gradient over all rows.
    path : path, optional
        HDF5 file for finished descents.
    jobs, progress
        As in `dynamics.train`; `jobs` does not change the result.

    Returns
    -------
    MeanSquareDisplacement
        At the lags of `runs` up to `longest`.

    Raises
    ------
    ValueError
        If the loss is not that of the runs, they were not made by plain SGD, or fewer than two lags are left.
    """
    check_loss(runs, loss)
    longest = int(runs.waiting_times[-1]) if longest is None else int(longest)
    lags = runs.lags[runs.lags <= longest]
    if lags.size < 2:
        msg = f"longest must leave at least two lags of the runs, {runs.lags[:2]} and more; got {longest}"
        raise ValueError(msg)
    starts = snapshots_at(runs, runs.waiting_times).reshape(-1, loss.n_parameters)
    batch_size = min(loss.data.rows, runs.metadata.get("batch_size", 1))
    optimizer = SGD(plain_learning_rate(runs), batch_size, precision="float64", noise=Full())
    common: dict[str, Any] = {
        "replicas": len(starts),
        "steps": max(int(lags[-1]), 2),
        "waiting_times": [1],
        "lags": np.unique(np.maximum(lags - 1, 1)),  # snapshots at 0, 1 and 1 + lag
        "path": path,
        "progress": progress,
    }
    if isinstance(loss, TorchLoss):
        trained = ModuleLoss(loss.module, loss.data, loss.regularization, loss.regularize_biases)
        fallen = train_module(trained, optimizer, start=starts, block=min(len(starts), TOGETHER), **common)
    else:
        fallen = train(loss, optimizer, start=Points(starts), jobs=jobs, **common)
    at = np.searchsorted(fallen.steps, lags)
    squares = np.empty((len(starts), lags.size))
    for k in range(len(starts)):
        theta = np.asarray(fallen.snapshots[k])
        squares[k] = ((theta[at] - theta[0]) ** 2).mean(axis=1)
    values = squares.reshape(runs.replicas, runs.waiting_times.size, lags.size)
    values[:, runs.waiting_times[:, None] + lags > runs.steps[-1]] = np.nan
    return MeanSquareDisplacement(runs.waiting_times, lags, values, runs.metadata)
