"""Descent without noise by the optimizer of the runs: its own steps along the mean of the minibatch gradient.

A control of Adam by all rows is another motion: without noise v is the square of the gradient alone, so that its steps
are longer than those of the runs, and near a minimum, where gradient and sqrt(v) vanish together, they keep the length
eta. Here only the fluctuation is left out. The gradient g is that of all rows, and v averages what it averages in the
runs, the mean of the squared minibatch gradients at the same point,

    E[g_B^2] = g^2 + f C_pp,

with the variance C_pp of the gradient of a row and f of `minibatch_factor`. This is the mean step of the runs to first
order in the fluctuations of v and of the point. The averages m and v, or the velocity, begin at what they would be
after tw steps at theta(tw), since runs store none; they forget it within 1 / (1 - beta) steps. C_pp is taken anew
after 1, 2, 4, ... steps. Derived here; tested by `test_descent_by_adam_is_the_mean_of_many_noisy_runs`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dynamics.gradient_noise import gradient_variance, minibatch_factor
from dynamics.snapshots import Measurement, loss_identity, measure_all
from dynamics.training import Optimizer
from landscape.losses import DataLoss
from landscape.support import one_thread

Array = NDArray[np.float64]
Steps = NDArray[np.int64]

TOGETHER = 50  # points side by side


def mean_steps(
    loss: DataLoss,
    starts: Array,
    ages: Steps,
    optimizer: Optimizer,
    lags: Steps,
    *,
    path: Path | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Array:
    """Mean square displacement (K, T) per parameter of descents without noise.

    Parameters
    ----------
    loss : CrossEntropyLoss or TorchLoss
    starts : (K, P)
    ages : (K,) int64
        Steps before, which the schedule and the corrections of Adam count.
    optimizer : Optimizer
    lags : (T,) int64
        Steps, ascending.
    path : Path, optional
        Folder of finished descents.
    jobs, progress
        Number of workers, and callable (done, total) of groups of descents; they do not change the result.
    """
    points = np.column_stack([ages.astype(np.float64), starts])
    groups = [points[first : first + TOGETHER] for first in range(0, len(points), TOGETHER)]
    about = optimizer.settings | {"learning_rate": optimizer.learning_rate, "schedule": str(optimizer.schedule)}
    about |= {"batch_size": optimizer.batch_size, "noise": optimizer.noise.name, "lags": lags.tolist()}
    found = measure_all(
        partial(_descend, loss=loss, optimizer=optimizer, lags=lags),
        groups,
        loss_identity(loss) | about | {"measurement": "mean steps", "version": 1},
        path=path,
        jobs=jobs,
        progress=progress,
    )
    return np.concatenate([values["squares"] for values in found])


def _descend(points: Array, *, loss: DataLoss, optimizer: Optimizer, lags: Steps) -> Measurement:
    """Mean squares (n, T) of the displacements from points (n, 1 + P), each with its age."""
    ages, starts = points[:, :1].astype(np.int64), points[:, 1:]
    noisy = "squares" in optimizer.state_names
    factor = minibatch_factor(loss.data.rows, optimizer.batch_size, replacement=optimizer.replacement)
    rates = _rates(optimizer, ages.ravel(), int(lags[-1]))
    theta, state, variance, squares = starts, (), np.zeros_like(starts), []
    with one_thread():
        for step in range(int(lags[-1])):
            slope = loss.values_and_gradients(theta)[1]
            if noisy and factor and step & (step - 1) == 0:
                variance = factor * np.array([gradient_variance(loss, point) for point in theta])
            square = slope * slope + variance
            state = state or optimizer.settled(slope, square, ages)
            theta, state = optimizer.step(theta, state, slope, rates[step], square=square)
            if step + 1 == lags[len(squares)]:
                squares.append(np.square(theta - starts).mean(axis=1))
    return {"squares": np.column_stack(squares)}


def _rates(optimizer: Optimizer, ages: Steps, steps: int) -> Array:
    """Rates (steps, n, 1), or (steps, K, n, 1), of the steps that follow ages (n,)."""
    different, index = np.unique(ages, return_inverse=True)
    rates: Array = np.stack(
        [optimizer.rates(age, age + steps).astype(np.float64) for age in different.tolist()], axis=-1
    )
    return np.moveaxis(rates, -2, 0)[..., index, None]
