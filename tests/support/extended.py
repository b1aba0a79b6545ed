"""Loss, gradient and Hessian of a network in extended precision: plain loops over rows, slow, independent."""

from itertools import pairwise

import numpy as np
import pytest

Extended = np.longdouble
needs_extended = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="long double is no longer than double on this machine"
)


def derivatives(loss, theta):
    """Gradient (P,) and Hessian (P, P) of a loss of a perceptron of tanh units, in long double."""
    theta = np.asarray(theta, Extended)
    penalty = np.where(
        loss.network.kernel_mask() | loss.regularize_biases, Extended(loss.regularization), Extended(0.0)
    )
    gradient, hessian = np.zeros(theta.size, Extended), np.zeros((theta.size, theta.size), Extended)
    for row, label in zip(np.asarray(loss.data.inputs, Extended), loss.data.labels, strict=True):
        first, second = _one_row(loss.network.layer_sizes, theta, row, label, OUTPUTS[loss.name])
        gradient += first / len(loss.data.labels)
        hessian += second / len(loss.data.labels)
    return gradient + 2 * penalty * theta, hessian + 2 * np.diag(penalty)


def _one_row(sizes, theta, h, label, outputs):
    n, start = theta.size, 0
    jacobian, bend = np.zeros((h.size, n), Extended), np.zeros((h.size, n, n), Extended)
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        bias = start + n_in * n_out
        z = h @ weights + theta[bias : bias + n_out]
        first, second = weights.T @ jacobian, np.einsum("ij,ikl->jkl", weights, bend)
        for j in range(n_out):
            for i in range(n_in):
                p = start + i * n_out + j
                first[j, p] += h[i]
                second[j, p] += jacobian[i]
                second[j, :, p] += jacobian[i]
            first[j, bias + j] += 1
        start = bias + n_out
        if k < len(sizes) - 2:
            h, small = np.tanh(z), np.exp(-2 * np.abs(z))
            slope = 4 * small / (1 + small) ** 2  # 1 / cosh^2
            jacobian = slope[:, None] * first
            bend = slope[:, None, None] * second - (2 * h * slope)[:, None, None] * first[:, :, None] * first[:, None]
    error, metric = outputs(z, label)
    return error @ first, first.T @ metric @ first + np.einsum("j,jkl->kl", error, second)


def _softmax(z, label):
    """First derivatives (K,) of the loss of a row by its outputs, and second ones (K, K)."""
    weights = np.exp(z - z.max())
    probability, total = weights / weights.sum(), weights.sum()
    error = probability.copy()
    error[label] = -(total - weights[label]) / total  # p - 1 without cancellation
    metric = -np.outer(probability, probability)
    metric[np.diag_indices(len(z))] = probability * (total - weights) / total
    return error, metric


def _squares(z, label):
    target = np.eye(len(z), dtype=Extended)[label] if len(z) > 1 else Extended(label)
    return z - target, np.eye(len(z), dtype=Extended)


def _logistic(z, label):
    small = np.exp(-np.abs(z))
    p, q = (np.where(sign * z > 0, 1, small) / (1 + small) for sign in (1, -1))  # of class 1, and of class 0
    return (-q if label else p), np.array([p * q])


OUTPUTS = {"cross-entropy": _softmax, "squared-error": _squares, "logistic": _logistic}
