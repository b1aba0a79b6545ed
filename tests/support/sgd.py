"""SGD one sample and one layer at a time, in float64."""

from itertools import pairwise

import numpy as np

from dynamics.noises import _random
from landscape.activations import ACTIVATIONS

RATE, DECAY, KEY = 0.3, 0.02, np.uint64(12345)


def naive_gradient(sizes, theta, inputs, labels, activation="tanh", loss="cross-entropy"):
    """Mean gradient of the loss, one sample and one layer at a time."""
    units = ACTIVATIONS[activation]
    total = np.zeros_like(theta)
    for x, label in zip(inputs, labels, strict=True):
        offset, layers, values, slopes = 0, [], [x], [1.0]
        for n_in, n_out in pairwise(sizes):
            kernel = theta[offset : offset + n_in * n_out].reshape(n_in, n_out)
            bias = theta[offset + n_in * n_out : offset + (n_in + 1) * n_out]
            layers.append((offset, kernel))
            offset += (n_in + 1) * n_out
            z = values[-1] @ kernel + bias
            value, slope, _ = units.derivatives(z)
            values.append(value if len(layers) < len(sizes) - 1 else z)
            slopes.append(slope)
        delta = naive_delta(values[-1], label, loss)
        for (start, kernel), value, slope in zip(layers[::-1], values[-2::-1], slopes[-2::-1], strict=True):
            total[start : start + kernel.size] += np.outer(value, delta).ravel()
            total[start + kernel.size : start + kernel.size + kernel.shape[1]] += delta
            delta = (kernel @ delta) * slope
    return total / len(labels)


def naive_delta(outputs, label, loss):
    """Derivative of the loss of one row by its outputs."""
    if loss == "squared-error":
        return outputs - (label if outputs.size == 1 else np.eye(outputs.size)[int(label)])
    if loss == "logistic":
        return 1.0 / (1.0 + np.exp(-outputs)) - label
    p = np.exp(outputs - outputs.max())
    return p / p.sum() - np.eye(outputs.size)[int(label)]


def naive_sgd(sizes, theta, inputs, labels, batch_size, steps, noise, activation="tanh", loss="cross-entropy"):
    """Theta before each step and at the end, (steps + 1, P), in float64."""
    theta, path = np.array(theta, dtype=np.float64), []
    order = np.empty(len(labels), np.int32)
    for step in range(steps):
        path.append(theta.copy())
        if noise == "full":
            rows = np.arange(len(labels))
        else:
            epoch, position = divmod(step, -(-len(labels) // batch_size))
            _random.shuffle(order, KEY, epoch)
            rows = order[position * batch_size : (position + 1) * batch_size]
        gradient = naive_gradient(sizes, theta, inputs[rows], labels[rows], activation, loss)
        theta = theta - RATE * (gradient + DECAY * theta)
    return np.array([*path, theta])


def problem(sizes, rows):
    rng = np.random.default_rng(rows)
    inputs = rng.normal(size=(rows, sizes[0])) / np.sqrt(sizes[0])
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    return inputs, rng.integers(0, sizes[-1], rows), 0.5 * rng.normal(size=n_parameters)
