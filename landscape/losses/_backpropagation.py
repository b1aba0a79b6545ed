"""Backpropagation in NumPy: the gradients of single rows, and of few rows that change from call to call.

The compiled loss is faster where the same rows are used again, but it prepares them and gives sums over rows only.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses._outputs import CROSS_ENTROPY, Head
from landscape.networks import MLP

Array = NDArray[np.float64]
Labels = NDArray[Any]


def gradient_over_rows(
    network: MLP, theta: ArrayLike, inputs: Array, labels: Labels, *, head: Head = CROSS_ENTROPY
) -> Array:
    """Gradient (P,) of the mean loss, without penalty, over rows `inputs` (N, D), `labels` (N,) at `theta` (P,)."""
    parts: list[Array] = []
    for incoming, delta in _layers_from_the_last(network, theta, inputs, labels, len(labels), head):
        parts = [(incoming.T @ delta).ravel(), delta.sum(axis=0), *parts]
    return np.concatenate(parts)


def gradients_of_rows(
    network: MLP, theta: ArrayLike, inputs: Array, labels: Labels, *, head: Head = CROSS_ENTROPY
) -> Array:
    """Gradient (N, P) of each row's loss, without penalty; arguments as of `gradient_over_rows`.

    A row's gradient by a kernel is the outer product of what comes into the layer and the derivative by what goes out.
    """
    parts: list[Array] = []
    for incoming, delta in _layers_from_the_last(network, theta, inputs, labels, 1, head):
        outer = incoming[:, :, None] * delta[:, None, :]
        parts = [outer.reshape(len(delta), -1), delta, *parts]
    return np.concatenate(parts, axis=1)


def _layers_from_the_last(
    network: MLP, theta: ArrayLike, inputs: Array, labels: Labels, divisor: int, head: Head
) -> Iterator[tuple[Array, Array]]:
    """What comes into each layer (N, n_in), and the derivatives (N, n_out) of loss / divisor by what goes out."""
    layers = network.unflatten(theta)
    # arrays that came from another process lie anywhere in memory
    incoming, slopes = [np.require(inputs, np.float64, ["C", "ALIGNED"])], []
    for layer in layers[:-1]:
        above, slope, _ = network.units.derivatives(incoming[-1] @ layer.kernel + layer.bias)
        incoming.append(above)
        slopes.append(slope)
    delta = head.deltas(incoming[-1] @ layers[-1].kernel + layers[-1].bias, labels) / divisor
    yield incoming[-1], delta
    for layer, slope, below in zip(layers[:0:-1], slopes[::-1], incoming[-2::-1], strict=True):
        delta = (delta @ layer.kernel.T) * slope
        yield below, delta
