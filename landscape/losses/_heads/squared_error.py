"""Half the squared error: of one output and a number, or of K outputs and the indicator of a class."""

import numpy as np

from landscape.losses._math import FAST
from landscape.support import njit


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _errors(labels, start, n, n_outputs, outputs, error):
    """Outputs minus what they should be, (K, n), into `error`; labels are numbers, or classes if K > 1."""
    for c in range(n_outputs):
        z, row = outputs[c], error[c]
        if n_outputs == 1:
            for s in range(n):
                row[s] = z[s] - labels[start + s]
        else:
            for s in range(n):
                row[s] = z[s] - (1.0 if labels[start + s] == c else 0.0)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_deltas(labels, start, n, n_outputs, outputs, delta, scratch):
    """(z - y) / N into `delta`; the block's summed loss."""
    _errors(labels, start, n, n_outputs, outputs, delta)
    loss, scale = 0.0, 1.0 / labels.shape[0]
    for c in range(n_outputs):
        row = delta[c]
        for s in range(n):
            loss += row[s] * row[s]
        for s in range(n):
            row[s] *= scale
    return 0.5 * loss


@njit(forceinline=True, error_model="numpy")
def state_from(labels, start, n, n_outputs, outputs, delta, state):
    """Nothing: the second derivatives are constant."""


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_tangent(state, tangent, result, n_samples, n_outputs, n, scratch):
    """Derivative of the deltas along `tangent` (K, n)."""
    scale = 1.0 / n_samples
    for c in range(n_outputs):
        t, row = tangent[c], result[c]
        for s in range(n):
            row[s] = scale * t[s]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_scores(labels, start, n, n_outputs, outputs, top, best, total):
    """Summed loss, and number of rows whose first largest output is at the label."""
    for s in range(n):
        total[s] = 0.0
        top[s] = outputs[0, s]
        best[s] = 0.0
    for c in range(n_outputs):
        z = outputs[c]
        for s in range(n):
            larger = z[s] > top[s]
            best[s] = np.float64(c) if larger else best[s]
            top[s] = z[s] if larger else top[s]
            label = labels[start + s]
            wanted = label if n_outputs == 1 else (1.0 if label == c else 0.0)
            total[s] += (z[s] - wanted) * (z[s] - wanted)
    loss, correct = 0.0, 0.0
    for s in range(n):
        loss += 0.5 * total[s]
        correct += labels[start + s] == best[s]
    return loss, (np.nan if n_outputs == 1 else correct)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_losses(labels, start, n, n_outputs, outputs, result):
    """Loss of the rows of a block."""
    for s in range(n):
        total = 0.0
        for c in range(n_outputs):
            label = labels[start + s]
            wanted = label if n_outputs == 1 else (1.0 if label == c else 0.0)
            total += (outputs[c, s] - wanted) * (outputs[c, s] - wanted)
        result[start + s] = 0.5 * total
