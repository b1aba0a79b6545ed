"""The noise of minibatch gradients at a point: gradients of single samples and their covariance."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import DataLoss, TorchLoss, gradients_of_rows
from landscape.support import Result, one_thread

Array = NDArray[np.float64]

BLOCK_NUMBERS = 4_000_000  # numbers in a block of per-sample gradients: 32 MB


@dataclass(frozen=True, eq=False)
class GradientNoise(Result, shows=("trace", "rows")):
    """Mean and covariance of the gradients of single samples at a point.

    Parameters
    ----------
    rows : int
        Number N of training rows.
    mean : (P,) float64
        Mean gradient of the loss, without penalty.
    covariance : (P, P) float64
        (1 / N) sum_n (g_n - mean) (g_n - mean)^T, the covariance of the gradient of one row drawn at random.
    """

    rows: int
    mean: Array
    covariance: Array

    @property
    def trace(self) -> float:
        """Trace of the covariance: mean square distance of a sample's gradient from the mean."""
        return float(np.trace(self.covariance))

    def minibatch(self, batch_size: int, *, replacement: bool = False) -> Array:
        """Covariance (P, P) of the gradient of a minibatch of `batch_size` rows, see `minibatch_factor`."""
        return minibatch_factor(self.rows, batch_size, replacement=replacement) * self.covariance


def minibatch_factor(rows: int, batch_size: int, *, replacement: bool = False) -> float:
    """Factor between the covariance of one row's gradient and that of the mean over a minibatch.

    1 / B with replacement; (1 / B) (N - B) / (N - 1) without, which is zero for all of the data. Both are exact:
    the covariance of one row is taken over the N rows themselves.

    It is the covariance within one step. Steps of one epoch without replacement are correlated with each other (their
    noises sum to zero over the epoch), which this factor does not include.

    This is the variance of the mean of a simple random sample from a finite population, tested by enumeration of all
    minibatches in test_gradient_noise.py.

    Raises
    ------
    ValueError
        If the batch size is less than 1 or, without replacement, more than the rows.
    """
    if batch_size < 1 or (batch_size > rows and not replacement):
        msg = f"batch_size must be in 1 ... {rows}, the number of rows; got {batch_size!r}"
        raise ValueError(msg)
    if replacement:
        return 1.0 / batch_size
    return (rows - batch_size) / (batch_size * (rows - 1)) if rows > 1 else 0.0


def per_sample_gradients(loss: DataLoss, theta: ArrayLike, rows: slice = slice(None)) -> Array:
    """Gradients (n, P) of the loss of single training rows at `theta` (P,), without the penalty.

    One backward pass for all rows of the slice; the gradient of a layer's kernel is the outer product of its incoming
    activations with the derivative of the loss with respect to its outputs.

    Raises
    ------
    ValueError
        If `theta` does not have shape (P,).
    """
    chosen = loss.data.inputs[rows], loss.data.labels[rows]
    if isinstance(loss, TorchLoss):
        return loss.gradients_of_rows(theta, *chosen)
    return gradients_of_rows(loss.network, theta, *chosen, head=loss.head)


def gradient_noise(loss: DataLoss, theta: ArrayLike) -> GradientNoise:
    """Mean and exact covariance of the per-sample gradients over all training rows at `theta` (P,).

    The penalty has the same gradient for every row and drops out. Two passes in blocks of rows, so that no precision
    is lost by subtracting large numbers; memory P^2 and a block. Time N P^2.

    Raises
    ------
    ValueError
        If `theta` does not have shape (P,).
    """
    theta = checked(loss, theta)
    mean = mean_gradient(loss, theta)
    covariance = np.zeros((theta.size, theta.size))
    with one_thread():
        for deviations in centered_gradients(loss, theta, mean):
            covariance += deviations.T @ deviations
    return GradientNoise(loss.data.rows, mean, covariance / loss.data.rows)


def gradient_variance(loss: DataLoss, theta: ArrayLike) -> Array:
    """The diagonal (P,) of the covariance of `gradient_noise` alone, in time N P.

    Raises
    ------
    ValueError
        If `theta` does not have shape (P,).
    """
    theta = checked(loss, theta)
    blocks = centered_gradients(loss, theta, mean_gradient(loss, theta))
    return sum((np.square(deviations).sum(axis=0) for deviations in blocks), np.zeros(theta.size)) / loss.data.rows


def checked(loss: DataLoss, theta: ArrayLike) -> Array:
    """`theta` as a float64 array of shape (P,), or a ValueError that says what it was."""
    return loss.check(theta) if isinstance(loss, TorchLoss) else loss.network.check(theta)


def mean_gradient(loss: DataLoss, theta: Array) -> Array:
    """Gradient (P,) of the mean loss of the rows alone: that of the loss minus that of its penalty."""
    kernels = loss.kernel_mask() if isinstance(loss, TorchLoss) else loss.network.kernel_mask()
    held = kernels | loss.regularize_biases
    return loss.value_and_gradient(theta)[1] - 2.0 * loss.regularization * held * theta


def centered_gradients(loss: DataLoss, theta: Array, mean: Array) -> Iterator[Array]:
    """Per-sample gradients minus their mean, block by block (n, P); the blocks depend on P alone."""
    size = max(1, BLOCK_NUMBERS // theta.size)
    for start in range(0, loss.data.rows, size):
        yield per_sample_gradients(loss, theta, slice(start, start + size)) - mean
