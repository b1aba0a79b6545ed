"""Training loss, accuracy and gradient of one point, over all rows, in float64."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.datasets import Dataset
from landscape.networks import MLP

Array = NDArray[np.float64]


class Curves(NamedTuple):
    """What `evaluate_curves` returns, per replica and curve step."""

    loss: Array
    accuracy: Array
    gradient_norm: Array


def evaluate_curves(network: MLP, data: Dataset, penalty: Array, thetas: Array) -> Curves:
    """Loss with penalty (nats), accuracy and gradient norm of each of `thetas` (C, P), each (C,).

    `penalty` (P,) is the lambda of every parameter. The loss is the mean cross-entropy plus
    sum_p penalty_p theta_p^2 (Herrera Segura et al. 2022, equation 1); the gradient is that of this loss.
    """
    # Arrays that came through a network lie anywhere in memory, and NumPy sums those that are not aligned otherwise.
    inputs, penalty = (np.require(array, np.float64, ["C", "ALIGNED"]) for array in (data.inputs, penalty))
    rows = [evaluate(network, inputs, data.labels, penalty, theta) for theta in np.asarray(thetas, dtype=np.float64)]
    values = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Curves(*np.ascontiguousarray(values.T))


def evaluate(
    network: MLP, inputs: Array, labels: NDArray[np.int64], penalty: Array, theta: Array
) -> tuple[float, float, float]:
    """Loss, accuracy and gradient norm at one `theta` (P,)."""
    layers = network.unflatten(theta)
    activations = [inputs]
    for layer in layers[:-1]:
        activations.append(np.tanh(activations[-1] @ layer.kernel + layer.bias))
    logits = activations[-1] @ layers[-1].kernel + layers[-1].bias
    logits -= logits.max(axis=1, keepdims=True)
    exponentials = np.exp(logits)
    sums = exponentials.sum(axis=1)
    rows = np.arange(labels.size)
    entropy = (np.log(sums) - logits[rows, labels]).mean()
    accuracy = (logits.argmax(axis=1) == labels).mean()

    delta = exponentials / sums[:, None]
    delta[rows, labels] -= 1.0
    delta /= labels.size
    parts: list[Array] = []
    for layer, activation in zip(reversed(layers), reversed(activations), strict=True):
        parts = [(activation.T @ delta).ravel(), delta.sum(axis=0), *parts]
        delta = (delta @ layer.kernel.T) * (1.0 - activation**2)
    gradient = np.concatenate(parts) + 2.0 * penalty * theta
    return float(entropy + penalty @ theta**2), float(accuracy), float(np.linalg.norm(gradient))
