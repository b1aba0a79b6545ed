"""Half the squared error of K outputs; `labels` (K N,) are what the outputs should be, one output after the other."""

from landscape.losses._math import FAST
from landscape.support import njit


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_deltas(labels, start, n, n_outputs, outputs, delta, scratch):
    """(z - y) / N into `delta`; the block's summed loss."""
    n_samples = labels.shape[0] // n_outputs
    loss, scale = 0.0, 1.0 / n_samples
    for c in range(n_outputs):
        z, row, first = outputs[c], delta[c], c * n_samples + start
        for s in range(n):
            row[s] = z[s] - labels[first + s]
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
    """Summed loss, and number of rows whose first largest output should be one; it means nothing in a regression."""
    n_samples = labels.shape[0] // n_outputs
    for s in range(n):
        total[s] = 0.0
        top[s] = outputs[0, s]
        best[s] = 0.0
    for c in range(n_outputs):
        z, first = outputs[c], c * n_samples + start
        for s in range(n):
            larger = z[s] > top[s]
            wanted = labels[first + s]
            best[s] = wanted if larger or c == 0 else best[s]
            top[s] = z[s] if larger else top[s]
            total[s] += (z[s] - wanted) * (z[s] - wanted)
    loss, correct = 0.0, 0
    for s in range(n):
        loss += 0.5 * total[s]
        correct += best[s] == 1.0
    return loss, correct


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_losses(labels, start, n, n_outputs, outputs, result):
    """Loss of the rows of a block."""
    n_samples = labels.shape[0] // n_outputs
    for s in range(n):
        total = 0.0
        for c in range(n_outputs):
            error = outputs[c, s] - labels[c * n_samples + start + s]
            total += error * error
        result[start + s] = 0.5 * total
