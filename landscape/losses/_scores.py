"""Compiled loss (of cross-entropy, and the text for others) and share of correct rows, forward only."""

import numpy as np

from landscape.losses._heads.cross_entropy import block_losses, block_scores
from landscape.losses._kernels import BLOCK, forward, offsets
from landscape.support import njit


@njit(error_model="numpy", cache=True)
def row_losses(theta, sizes, inputs, labels):
    """Loss of each row, (N,); `inputs` (D, N)."""
    units, parameters = offsets(sizes)
    last, n_samples = sizes.shape[0] - 1, inputs.shape[1]
    size = min(BLOCK, n_samples)
    activation, result = np.empty((units[-1], size)), np.empty(n_samples)
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        forward(theta, sizes, units, parameters, inputs, start, n, activation, activation, activation, 0)
        block_losses(labels, start, n, sizes[last], activation[units[last] :], result)
    return result


@njit(error_model="numpy", cache=True)
def scores(theta, sizes, inputs, labels):
    """Mean loss, without penalty, and share of rows classified correctly; `inputs` (D, N) with N > 0."""
    units, parameters = offsets(sizes)
    last, n_samples = sizes.shape[0] - 1, inputs.shape[1]
    size = min(BLOCK, n_samples)
    activation = np.empty((units[-1], size))
    scratch = np.empty((3, size))
    total, correct = 0.0, 0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        forward(theta, sizes, units, parameters, inputs, start, n, activation, activation, activation, 0)
        logits = activation[units[last] :]
        block = block_scores(labels, start, n, sizes[last], logits, scratch[0], scratch[1], scratch[2])
        total += block[0]
        correct += block[1]
    return total / n_samples, correct / n_samples
