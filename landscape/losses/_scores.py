"""Compiled cross-entropy and share of correct rows, forward only, for rows without gradients."""

import numpy as np

from landscape.losses._kernels import BLOCK, forward, offsets
from landscape.losses._math import FAST, exp, log
from landscape.support import njit


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _block_scores(labels, start, n, n_classes, logits, top, best, total):
    """Summed cross-entropy, and number of rows whose first largest logit (K, n) is at the label."""
    for s in range(n):
        top[s] = logits[0, s]
        best[s] = 0.0
        total[s] = 0.0
    for c in range(1, n_classes):
        row = logits[c]
        for s in range(n):
            larger = row[s] > top[s]
            best[s] = np.float64(c) if larger else best[s]
            top[s] = row[s] if larger else top[s]
    for c in range(n_classes):
        row = logits[c]
        for s in range(n):
            total[s] += exp(row[s] - top[s])
    entropy, correct = 0.0, 0
    for s in range(n):
        label = labels[start + s]
        entropy += log(total[s]) + top[s] - logits[label, s]
        correct += label == best[s]
    return entropy, correct


@njit(error_model="numpy", cache=True)
def cross_entropies(theta, sizes, inputs, labels):
    """Cross-entropy of each row, (N,); `inputs` (D, N)."""
    units, parameters = offsets(sizes)
    last, n_samples = sizes.shape[0] - 1, labels.shape[0]
    size = min(BLOCK, n_samples)
    activation, result = np.empty((units[-1], size)), np.empty(n_samples)
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        forward(theta, sizes, units, parameters, inputs, start, n, activation, activation, activation, 0)
        _block_entropies(labels, start, n, sizes[last], activation[units[last] :], result)
    return result


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _block_entropies(labels, start, n, n_classes, logits, result):
    """Cross-entropy of the rows of a block, from logits (K, n)."""
    for s in range(n):
        top = logits[0, s]
        for c in range(1, n_classes):
            top = max(top, logits[c, s])
        total = 0.0
        for c in range(n_classes):
            total += exp(logits[c, s] - top)
        result[start + s] = log(total) + top - logits[labels[start + s], s]


@njit(error_model="numpy", cache=True)
def scores(theta, sizes, inputs, labels):
    """Mean cross-entropy and share of rows classified correctly; `inputs` (D, N) with N > 0."""
    units, parameters = offsets(sizes)
    last, n_samples = sizes.shape[0] - 1, labels.shape[0]
    size = min(BLOCK, n_samples)
    activation = np.empty((units[-1], size))
    scratch = np.empty((3, size))
    entropy, correct = 0.0, 0
    for start in range(0, n_samples, size):
        n = min(size, n_samples - start)
        forward(theta, sizes, units, parameters, inputs, start, n, activation, activation, activation, 0)
        logits = activation[units[last] :]
        block = _block_scores(labels, start, n, sizes[last], logits, scratch[0], scratch[1], scratch[2])
        entropy += block[0]
        correct += block[1]
    return entropy / n_samples, correct / n_samples
