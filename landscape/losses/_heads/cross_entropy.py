"""Softmax cross-entropy."""

import numpy as np

from landscape.losses._math import FAST, exp, log
from landscape.support import njit


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def _softmax(labels, start, n, n_classes, logits, probability, scratch):
    """Softmax of `logits` (K, n) into `probability`, divided by N; the block's summed cross-entropy."""
    n_samples = labels.shape[0]
    top, total = scratch[0], scratch[1]
    for s in range(n):
        top[s] = logits[0, s]
        total[s] = 0.0
    for c in range(1, n_classes):
        for s in range(n):
            top[s] = max(top[s], logits[c, s])
    for c in range(n_classes):
        row = probability[c]
        source = logits[c]
        for s in range(n):
            e = exp(source[s] - top[s])
            row[s] = e
            total[s] += e
    loss = 0.0
    for s in range(n):
        loss += log(total[s]) + top[s] - logits[labels[start + s], s]
    for s in range(n):
        total[s] = 1.0 / (n_samples * total[s])
    for c in range(n_classes):
        row = probability[c]
        for s in range(n):
            row[s] *= total[s]
    return loss


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_deltas(labels, start, n, n_classes, logits, delta, scratch):
    """Derivatives of the loss with respect to the logits (K, n), divided by N, into `delta`; the summed loss."""
    loss = _softmax(labels, start, n, n_classes, logits, delta, scratch)
    for s in range(n):
        delta[labels[start + s], s] -= 1.0 / labels.shape[0]
    return loss


@njit(forceinline=True, error_model="numpy")
def state_from(labels, start, n, n_classes, logits, delta, probability):
    """Recover softmax / N from the output deltas."""
    for c in range(n_classes):
        for s in range(n):
            probability[c, s] = delta[c, s]
    for s in range(n):
        probability[labels[start + s], s] += 1.0 / labels.shape[0]


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def output_tangent(probability, tangent, result, n_samples, n_classes, n, mean):
    """Derivative of softmax / N along `tangent` (K, n): p (t - sum p t), with `probability` = p / N."""
    for s in range(n):
        mean[s] = 0.0
    for c in range(n_classes):
        p, t = probability[c], tangent[c]
        for s in range(n):
            mean[s] += p[s] * t[s]
    for c in range(n_classes):
        p, t, row = probability[c], tangent[c], result[c]
        for s in range(n):
            row[s] = p[s] * (t[s] - n_samples * mean[s])


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_scores(labels, start, n, n_classes, logits, top, best, total):
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


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def block_losses(labels, start, n, n_classes, logits, result):
    """Cross-entropy of the rows of a block, from logits (K, n)."""
    for s in range(n):
        top = logits[0, s]
        for c in range(1, n_classes):
            top = max(top, logits[c, s])
        total = 0.0
        for c in range(n_classes):
            total += exp(logits[c, s] - top)
        result[start + s] = log(total) + top - logits[labels[start + s], s]
