"""Gradient flow d theta / dt = -gradient: the path of steepest descent and the basin it ends in."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape._heights import rounding
from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, LocalModel, local_model

Array = NDArray[np.float64]

SHORTER = 0.2  # of the time step, after one that ended higher than it began
VALUE_NOISE = 1e-12  # nats: how far a loss of nearly zero may rise by rounding
MAX_GROWTH = 5.0  # of the time step from one step to the next
MAX_EXPONENT = 2.0  # time step times the most negative curvature: how far an instability may grow in one step
FRACTIONS = np.geomspace(1e-3, 1.0, 31)  # of a step, where its way is sampled: stiff modes decay early in it
SMALL = 1e-2  # below this the series of phi_3 is used


def phi_1(z: Array) -> Array:
    """(e^z - 1) / z."""
    safe = np.where(z == 0.0, 1.0, z)
    return np.where(z == 0.0, 1.0, np.expm1(safe) / safe)


def _phi_3(z: Array) -> Array:
    """(e^z - 1 - z - z^2 / 2) / z^3."""
    safe = np.where(np.abs(z) < SMALL, 1.0, z)
    closed = (np.expm1(safe) - safe - 0.5 * safe * safe) / safe**3
    series = 1 / 6 + z * (1 / 24 + z * (1 / 120 + z * (1 / 720 + z / 5040)))
    return np.where(np.abs(z) < SMALL, series, closed)


def gradient_flow(
    loss: Loss,
    theta: Array,
    *,
    tolerance: float,
    path_error: float,
    max_steps: int = 5_000,
    on_step: Callable[[Array], object] | None = None,
    visit: Callable[[LocalModel, float, Array], bool] | None = None,
) -> tuple[LocalModel, int, int]:
    """Follow the gradient flow from `theta` (P,) until the rms gradient is at most `tolerance`.

    Exponential Rosenbrock method of order 3 with its embedded error estimate (exprb32; Hochbruck,
    Ostermann and Schweitzer, SIAM J. Numer. Anal. 47, 786, 2009), exact in the quadratic part of the
    loss, so that stiffness costs nothing. `path_error` bounds the Euclidean error of one step; where the loss would
    have risen after it (along a stiff mode a small error costs much), a shorter step is taken. `on_step` is
    given the way of each step, points (k, P) from just behind its begin to its end. `visit` is given the model at
    the begin of each step, its length in time and its end (P,); the flow stops there, before the Hessian at that end,
    if it says so.

    Returns
    -------
    model : LocalModel
        At the last point. An eigenvalue is negative there if `max_steps` was reached, or if the path ends on
        a saddle: the gradient is as small as that of a stationary point.
    hessians, gradients : int
        Number of evaluations of each.
    """
    model, gradients = local_model(loss, theta), 0
    time = 1.0 / np.abs(model.eigenvalues).max()
    for evaluations in range(1, max_steps + 1):
        eigenvalues, projections = model.eigenvalues, model.projections
        if model.rms_gradient <= (tolerance if eigenvalues[0] > 0.0 else GRADIENT_TOLERANCE):
            return model, evaluations, gradients
        if eigenvalues[0] < 0.0:
            time = min(time, MAX_EXPONENT / -eigenvalues[0])
        while True:
            first = -time * phi_1(-time * eigenvalues) * projections
            _, gradient = loss.value_and_gradient(model.point + model.eigenvectors @ first)
            gradients += 1
            remainder = model.eigenvectors.T @ gradient - projections - eigenvalues * first
            correction = -2.0 * time * _phi_3(-time * eigenvalues) * remainder
            error = float(np.linalg.norm(correction))
            factor = 0.9 * (path_error / max(error, 1e-300)) ** (1 / 3)
            if error <= path_error:
                break
            time *= max(0.2, factor)
        end = model.point + model.eigenvectors @ (first + correction)
        gradients += 1
        if not loss.value_and_gradient(end)[0] <= model.value + rounding(model.value) + VALUE_NOISE:
            time *= SHORTER
            continue
        if on_step is not None:
            on_step(way(model, time, correction))
        if visit is not None and visit(model, time, end):
            return model, evaluations, gradients
        model = local_model(loss, end)
        time *= min(MAX_GROWTH, max(0.2, factor))
    return model, max_steps, gradients


def way(model: LocalModel, time: float, correction: Array) -> Array:
    """Points (k, P) inside a step: the flow of the quadratic model, and of the correction its leading power."""
    times = time * FRACTIONS[:, None]
    within = -times * phi_1(-times * model.eigenvalues) * model.projections
    return model.point + (within + FRACTIONS[:, None] ** 3 * correction) @ model.eigenvectors.T
