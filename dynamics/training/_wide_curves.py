"""Curves of networks with wide inputs: many points at once, in float32 through BLAS, the sums over the rows in float64.

The first layers of all points form one matrix, so that every row is read once for all of them. One by one
in float64 (`MLPLoss`) the curves take as long as the runs themselves.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.activations import Activation
from landscape.datasets import Dataset
from landscape.losses import HEADS, Head
from landscape.networks import MLP
from landscape.support import one_thread

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Labels = NDArray[Any]  # classes, or targets

ROWS = 1000  # rows at a time: with the activations of all points they stay in the caches
UNITS = 512  # numbers of first layers at a time


class _Sums(NamedTuple):
    """Sums over rows, at each of C points."""

    entropy: Array  # (C,)
    correct: Array  # (C,)
    gradient: Array  # (C, P)


def evaluate_wide(
    network: MLP, data: Dataset, penalty: Array, thetas: Array, head: Head = HEADS["cross-entropy"]
) -> Array:
    """Loss, accuracy, gradient norm, test loss and test accuracy at each of `thetas` (C, P), (C, 5)."""
    together = max(1, UNITS // network.layer_sizes[1])
    batches = [thetas[first : first + together] for first in range(0, len(thetas), together)]
    with one_thread(), np.errstate(over="ignore", invalid="ignore"):  # more threads would change the last bits
        return np.concatenate(
            [np.empty((0, 5)), *(_evaluate(network, data, penalty, batch, head) for batch in batches)]
        )


def _evaluate(network: MLP, data: Dataset, penalty: Array, thetas: Array, head: Head) -> Array:
    train = _sum(network, thetas, _chunks(data.inputs, data.pixels, data.labels), head, slopes=True)
    test = _sum(network, thetas, _chunks(data.test_inputs, data.test_pixels, data.test_labels), head, slopes=False)
    slope = np.linalg.norm(train.gradient / data.rows + 2.0 * penalty * thetas, axis=1)
    loss = train.entropy / data.rows + thetas**2 @ penalty
    tests = len(data.test_labels) or np.nan
    return np.stack([loss, train.correct / data.rows, slope, test.entropy / tests, test.correct / tests], axis=1)


def _chunks(inputs: Array, pixels: NDArray[np.uint8] | None, labels: Labels) -> Iterator[tuple[Single, Labels]]:
    """Rows in float32, in parts."""
    for start in range(0, len(labels), ROWS):
        part = slice(start, start + ROWS)
        rows = inputs[part].astype(np.float32) if pixels is None else pixels[part] * np.float32(1 / 255)
        yield rows, labels[part]


def _sum(network: MLP, thetas: Array, chunks: Iterator[tuple[Single, Labels]], head: Head, *, slopes: bool) -> _Sums:
    count = len(thetas)
    kernels, biases = _layers(network, thetas)
    sums = _Sums(np.zeros(count), np.zeros(count), np.zeros(thetas.shape if slopes else (count, 0)))
    for rows, labels in chunks:
        activations, steepness, logits = _forward(network.units, kernels, biases, rows)
        delta = (
            _add_scores(sums, logits, labels)
            if head.name == "cross-entropy"
            else _add_others(sums, logits, labels, head)
        )
        if slopes:
            _add_gradients(network, sums.gradient, kernels, activations, steepness, rows, delta)
    return sums


def _layers(network: MLP, thetas: Array) -> tuple[list[Single], list[Single]]:
    """Transposed kernels (C, n_out, n_in), for the first layer (C n_out, n_in), and biases (C, n_out, 1)."""
    layers = list(zip(*(network.unflatten(theta) for theta in thetas), strict=True))
    kernels = [np.stack([layer.kernel.T for layer in points]).astype(np.float32) for points in layers]
    biases = [np.stack([layer.bias for layer in points])[:, :, None].astype(np.float32) for points in layers]
    return [kernels[0].reshape(-1, network.layer_sizes[0]), *kernels[1:]], biases


def _forward(
    units: Activation, kernels: list[Single], biases: list[Single], rows: Single
) -> tuple[list[Single], list[Single], Single]:
    """Activations of the hidden layers, their slopes, and logits, each (C, units, n)."""
    sums = (kernels[0] @ rows.T).reshape(*biases[0].shape[:2], -1) + biases[0]
    activations, slopes = [], []
    for kernel, bias in zip(kernels[1:], biases[1:], strict=True):
        value, slope, _ = units.derivatives(sums)
        activations.append(value)
        slopes.append(slope)
        sums = kernel @ value + bias
    return activations, slopes, sums


def _add_scores(sums: _Sums, logits: Single, labels: Labels) -> Single:
    """Add the cross-entropies and hits of some rows; return the derivatives with respect to the logits, (C, K, n)."""
    places = np.arange(labels.size)
    logits -= logits.max(axis=1, keepdims=True)
    delta = np.exp(logits)
    totals = delta.sum(axis=1)
    sums.entropy[:] += (np.log(totals) - logits[:, labels, places]).sum(axis=1, dtype=np.float64)
    sums.correct[:] += (logits.argmax(axis=1) == labels).sum(axis=1)
    delta /= totals[:, None]
    delta[:, labels, places] -= np.float32(1)
    return delta


def _add_others(sums: _Sums, outputs: Single, labels: Labels, head: Head) -> Single:
    """The same for another loss."""
    deltas = np.empty_like(outputs)
    for k, z in enumerate(outputs.transpose(0, 2, 1)):
        sums.entropy[k] += head.losses(z, labels).sum(dtype=np.float64)
        sums.correct[k] += head.share_correct(z, labels) * len(labels)
        deltas[k] = head.deltas(z, labels).T
    return deltas


def _add_gradients(
    network: MLP,
    total: Array,
    kernels: list[Single],
    activations: list[Single],
    slopes: list[Single],
    rows: Single,
    delta: Single,
) -> None:
    """Add the gradients of some rows to `total` (C, P)."""
    end = network.n_parameters
    for kernel, below, slope in zip(kernels[:0:-1], activations[::-1], slopes[::-1], strict=True):
        end = _add_layer(total, end, delta @ below.transpose(0, 2, 1), delta)
        delta = (kernel.transpose(0, 2, 1) @ delta) * slope
    products = delta.reshape(-1, len(rows)) @ rows
    _add_layer(total, end, products.reshape(len(total), -1, rows.shape[1]), delta)


def _add_layer(total: Array, end: int, products: Single, delta: Single) -> int:
    """Add one layer's part, kernels (C, n_out, n_in), which ends at parameter `end`; return where it begins."""
    n_out, n_in = products.shape[1:]
    first = end - (n_in + 1) * n_out
    kernels = total[:, first : end - n_out].reshape(len(total), n_in, n_out)  # a view
    kernels += products.transpose(0, 2, 1)
    total[:, end - n_out : end] += delta.sum(axis=2, dtype=np.float64)
    return first
