"""Magnitudes of minibatch gradients at recorded snapshots."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.displacement import check_data
from dynamics.runs import Trajectories
from landscape.datasets import Dataset
from landscape.losses import DataLoss, TorchLoss, gradient_over_rows, loss_kind
from landscape.support import RNG, Result, one_thread, whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradientMagnitudes(Result, shows=("full", "minibatch", "noise", "batches", "batch_size")):
    """Norms of gradients, including the penalty, in nats per parameter unit.

    Parameters
    ----------
    steps : (S,) int64
        Steps of the snapshots used.
    full : (R, S) float64
        Norm |g| of the gradient over all training rows; nan, like the others, where a run has no snapshot.
    minibatch : (R, S) float64
        Mean of the norm |g_B| over random minibatches.
    noise : (R, S) float64
        Root mean square of |g_B - g| over them.
    batches : int
        Number of minibatches at each snapshot.
    batch_size : int
        Their size (rows).
    loss_unit : str
        Unit of the losses in words; empty for a squared error.
    """

    steps: NDArray[np.int64]
    full: Array
    minibatch: Array
    noise: Array
    batches: int
    batch_size: int
    loss_unit: str = "nats"


def minibatch_gradients(
    runs: Trajectories,
    data: Dataset,
    *,
    rng: RNG = None,
    batches: int = 20,
    batch_size: int | None = None,
    steps: ArrayLike | None = None,
    module: TorchLoss | None = None,
) -> GradientMagnitudes:
    """Norms of the gradient over freshly drawn minibatches and over all rows.

    Each of the `batches` minibatches at a snapshot has `batch_size` different rows (by default the batch size of the
    runs), drawn independently of the others and of the order of rows in the runs. E |g_B|^2 = |g|^2 + noise^2, and
    noise^2 = (N - B) / (N - 1) tr(C) / B, where C is the covariance of the gradients of the N single rows: the
    variance of a mean over rows drawn without replacement (`minibatch_factor`). Runs are read one by one.

    Parameters
    ----------
    runs : Trajectories
        Runs with their snapshots.
    data : Dataset
        The data set on which the runs were trained.
    rng : None, int or Generator
        Generator of the minibatches.
    batches : int
        Number of minibatches at each snapshot.
    batch_size : int
        Their size (rows); by default that of the runs.
    steps : sequence of int, optional
        Steps of the snapshots to use; by default all.
    module : TorchLoss, optional
        The loss of the runs, if they are those of a torch module.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it, or if the data are not those of the runs.
    """
    rng = np.random.default_rng(rng)
    check_data(runs, data)
    penalty = _penalty(runs, runs.network.kernel_mask() if module is None else module.kernel_mask())
    size: Any = runs.metadata.get("batch_size") if batch_size is None else batch_size
    whole_number("batch_size", size, 1, data.rows)
    whole_number("batches", batches, 1)
    wanted = runs.steps if steps is None else np.asarray(steps, dtype=np.int64)
    absent = wanted[~np.isin(wanted, runs.steps)]
    if absent.size:
        msg = f"steps must be those of snapshots; there is none at step {absent[0]}{runs.advice}"
        raise ValueError(msg)
    at = np.searchsorted(runs.steps, wanted)
    loss = without_penalty(runs, data, module)
    values = np.full((3, runs.replicas, wanted.size), np.nan)
    for r in range(runs.replicas):
        points = np.asarray(runs.snapshots[r], dtype=np.float64)[at]
        for s in np.flatnonzero(runs.recorded[r, at]):
            theta = points[s]
            full = loss.value_and_gradient(theta)[1] + 2.0 * penalty * theta
            drawn = drawn_gradients(loss, data, penalty, theta, rng, batches, size)
            noise = np.sqrt(((drawn - full) ** 2).sum(axis=1).mean())
            values[:, r, s] = np.linalg.norm(full), np.linalg.norm(drawn, axis=1).mean(), noise
    full, minibatch, noise = values
    return GradientMagnitudes(wanted, full, minibatch, noise, int(batches), int(size), loss.unit)


def without_penalty(runs: Trajectories, data: Dataset, module: TorchLoss | None) -> DataLoss:
    """The loss of the runs without its penalty."""
    if module is not None:
        return module.without_penalty()
    return loss_kind(runs.loss_name)(runs.network, data, 0.0)


def _penalty(runs: Trajectories, kernels: NDArray[np.bool_]) -> Array:
    """Lambda of every parameter, (P,), from the metadata of the runs and the mask (P,) of those that are no biases."""
    for name in ("regularization", "regularize_biases"):
        if name not in runs.metadata:
            msg = f"runs must have {name} in their metadata; these have {', '.join(runs.metadata) or 'none'}"
            raise ValueError(msg)
    held = kernels | bool(runs.metadata["regularize_biases"])
    return np.where(held, float(runs.metadata["regularization"]), 0.0)


def drawn_gradients(
    loss: DataLoss,
    data: Dataset,
    penalty: Array,
    theta: Array,
    rng: np.random.Generator,
    batches: int,
    size: int,
) -> Array:
    """Gradients (batches, P) over random rows."""
    data = loss.data
    gradients = np.empty((batches, theta.size))
    with one_thread():  # more threads would change the last bits
        for gradient in gradients:
            rows = rng.choice(data.rows, size, replace=False, shuffle=False)
            few = data.inputs[rows], data.labels[rows]
            gradient[:] = (
                loss.gradients_of_rows(theta, *few).mean(axis=0)
                if isinstance(loss, TorchLoss)
                else gradient_over_rows(loss.network, theta, *few, head=loss.head)
            )
    return gradients + 2.0 * penalty * theta
