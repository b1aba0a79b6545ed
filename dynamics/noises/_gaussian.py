"""Gaussian noise with the covariance of SGD's gradient."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numba import njit

from dynamics.noises._base import Compiled, Noise
from dynamics.noises._full import draw_all
from dynamics.noises._random import NOISE, normals, stream


@njit
def weigh_randomly(weights, variance, words):
    """Weights 1 / N + sqrt(variance) (xi_n - mean of xi)."""
    rows = weights.size
    normals(weights, words)
    mean = 0.0
    for n in range(rows):
        mean += weights[n] / rows
    scale = np.sqrt(variance)
    for n in range(rows):
        weights[n] = 1.0 / rows + scale * (weights[n] - mean)


@njit
def weigh_without_replacement(weights, step, batch_size, key, numbers):
    """Weights whose gradient has the covariance of a minibatch drawn without replacement."""
    rows = weights.size
    variance = (rows - batch_size) / (batch_size * rows * max(rows - 1.0, 1.0))
    weigh_randomly(weights, variance, stream(key, NOISE, step))


@njit
def weigh_with_replacement(weights, step, batch_size, key, numbers):
    """Weights whose gradient has the covariance of a minibatch drawn with replacement."""
    weigh_randomly(weights, 1.0 / (batch_size * weights.size), stream(key, NOISE, step))


@dataclass(frozen=True)
class Gaussian(Noise):
    """The full-batch gradient and a Gaussian vector with the covariance of SGD's minibatch gradient; "gaussian".

    Let g_n be the gradients of the N rows, G their mean and S = sum_n (g_n - G)(g_n - G)^T / N. The mean of B of them
    has the covariance S / B when drawn with replacement, and S (N - B) / (B (N - 1)) without (the correction for a
    finite population, tested by enumeration of all minibatches in test_gradient_noise.py). The vector c sum_n
    (xi_n - mean of xi) g_n with standard Gaussians xi_n is c sum_n xi_n (g_n - G) and has the covariance c^2 N S,
    exactly. So one backward pass with weights 1 / N + c (xi_n - mean of xi), c^2 = (N - B) / (B N (N - 1)), is
    gradient and noise at once.

    Steps are independent of each other: the dependence of SGD's minibatches within an epoch is lost, and so are all
    moments above the second. B = N is gradient descent.
    """

    name: ClassVar[str] = "gaussian"
    draw: ClassVar[Compiled] = staticmethod(draw_all)
    weigh: ClassVar[Compiled | None] = staticmethod(weigh_without_replacement)
    all_rows: ClassVar[bool] = True


@dataclass(frozen=True)
class GaussianReplacement(Gaussian):
    """Like `Gaussian`, for minibatches drawn with replacement, c^2 = 1 / (B N); "gaussian-replacement"."""

    name: ClassVar[str] = "gaussian-replacement"
    replacement: ClassVar[bool] = True
    weigh: ClassVar[Compiled | None] = staticmethod(weigh_with_replacement)
