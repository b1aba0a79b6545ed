"""L-BFGS preconditioned by the exact Hessian: a few Hessians replace many hundred gradients.

The curvatures of these losses span six orders of magnitude, which is what makes plain L-BFGS slow, and the soft
valleys bend, which is what makes Newton's method slow. The Hessian is therefore evaluated now and then, the absolute
values of its eigenvalues (Dauphin et al. 2014) scale the steps, and from there L-BFGS learns the change of the
curvature from gradients alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.descent._lbfgs import lbfgs_step
from landscape.descent._newton import trust_region_step
from landscape.losses import Loss, rounding_of_norms
from landscape.stationary import LocalModel, local_model, value_noise
from landscape.support import njit

Array = NDArray[np.float64]

REFRESH = 25  # steps between two Hessians; one with its eigenvectors costs about ten gradients
MEMORY = 25  # pairs
FLOOR = 1e-5  # lower limit of the curvature, as long as one is negative
FIRST_RADIUS = 0.5
SHRINK, GROW = 0.25, 2.0  # of the radius
RETRIES = 2  # shorter steps in a row before a new Hessian is cheaper
MAX_RETRIES = 40  # of the first step: after this many quarterings it is as short as rounding
SADDLE_RMS = 1e-5  # below this gradient a negative mode is always followed
SMALL = 1e-2  # largest curvature below which these two are scaled down


@dataclass(frozen=True, eq=False)
class Descent:
    """End of the minimization: a model with the certificate, and its cost."""

    model: LocalModel
    gradients: int
    hessians: int


@dataclass(eq=False)
class _Walk:
    """Gradient steps between two Hessians; `projections` are the gradient in the eigenbasis of the first."""

    point: Array
    value: float
    projections: Array
    radius: float
    gradients: int = 0
    steps: int = 0
    last_length: float = 0.0  # of the last step taken


@njit(cache=True)
def inverse_metric(metric, projections, radius):
    """1 / (metric + shift), (P,), with the smallest shift >= 0 that keeps the step within `radius` (to 1 %)."""
    if np.sqrt(np.sum((projections / metric) ** 2)) <= radius:
        return 1.0 / metric
    low, high = 0.0, np.sqrt(np.sum(projections**2)) / radius
    while True:  # the length decreases with the shift, and at `high` it is below the radius
        shift = 0.5 * (low + high)
        length = np.sqrt(np.sum((projections / (metric + shift)) ** 2))
        if abs(length - radius) <= 1e-2 * radius or high - low <= 1e-12 * high:
            return 1.0 / (metric + shift)
        if length > radius:
            low = shift
        else:
            high = shift


@njit(cache=True)
def _propose(point, basis, projections, steps, changes, n_pairs, inverse, radius):
    """Step in the eigenbasis, its length and slope, and its end point (P,): `lbfgs_step` and one product."""
    step, length, slope = lbfgs_step(projections, steps, changes, n_pairs, inverse, radius)
    return step, length, slope, point + np.dot(basis, step)


@njit(cache=True)
def _learn(step, length, change, steps, changes, n_pairs):
    """Store a pair if the curvature along it is positive; return the number of pairs."""
    if np.dot(step, change) > 1e-12 * length * np.sqrt(np.dot(change, change)):
        row = n_pairs % steps.shape[0]
        for p in range(step.size):
            steps[row, p], changes[row, p] = step[p], change[p]
        return n_pairs + 1
    return n_pairs


def preconditioned_lbfgs(
    loss: Loss, theta: Array, *, tolerance: float, max_step: float, max_gradients: int, max_norm: float = np.inf
) -> Descent:
    """Minimize from `theta` (P,) to an rms gradient of `tolerance` without eigenvalues negative beyond rounding.

    Ends earlier after `max_gradients`, beyond `max_norm`, or if rounding prevents further progress.

    Raises
    ------
    FloatingPointError
        If the loss is not finite on the way.
    """
    model, radius, gradients, hessians = local_model(loss, theta), min(FIRST_RADIUS, max_step), 0, 1
    noise = value_noise(model.value, float(np.abs(model.eigenvalues).max()), float(np.linalg.norm(model.point)))
    while gradients < max_gradients and not (model.rms_gradient <= tolerance and not model.index):
        walk = _walk(loss, model, radius, tolerance, max_step, max_gradients - gradients, noise)
        gradients += walk.gradients
        radius = max(walk.radius, walk.last_length)  # failures at the end do not count: the Hessian was old
        if walk.steps == 0:
            break
        model, hessians = local_model(loss, walk.point), hessians + 1
        if np.linalg.norm(walk.point) > max_norm:
            break
    return Descent(model, gradients, hessians)


def _walk(
    loss: Loss, model: LocalModel, radius: float, tolerance: float, max_step: float, max_gradients: int, noise: float
) -> _Walk:
    """Take steps from the point of `model` until they fail, the gradient is small, or a new Hessian is due.

    `noise` is the largest invisible change of the loss, in nats.
    """
    eigenvalues, basis, size = model.eigenvalues, model.eigenvectors, model.point.size
    scale = min(1.0, float(np.abs(eigenvalues).max()) / SMALL)
    floor = FLOOR * scale if model.index else rounding_of_norms(eigenvalues, 0.0).hessian
    metric = np.maximum(np.abs(eigenvalues), max(floor, 1e-300))
    walk = _Walk(model.point, model.value, model.projections, radius)
    refresh, target, failures = max(REFRESH, size // 4), tolerance * np.sqrt(size), 0
    steps, changes, n_pairs = np.empty((MEMORY, size)), np.empty((MEMORY, size)), 0
    finite = True  # of the values since the last step
    escapes = model.index > 0 and model.rms_gradient < SADDLE_RMS * scale
    inverse = inverse_metric(metric, walk.projections, radius)
    while walk.steps < refresh and walk.gradients < max_gradients:
        if escapes:
            step = trust_region_step(eigenvalues, walk.projections, walk.radius)
            length, slope, point = float(np.linalg.norm(step)), -np.inf, walk.point + basis @ step
        else:
            step, length, slope, point = _propose(
                walk.point, basis, walk.projections, steps, changes, n_pairs, inverse, walk.radius
            )
        value, gradient = loss.value_and_gradient(point)
        walk.gradients += 1
        projections = basis.T @ gradient
        if not _is_downhill(walk, value, projections, slope, noise):
            failures, finite = failures + 1, finite and bool(np.isfinite(value))
            if walk.steps and -0.5 * slope <= noise:  # rounding, not the length of the step
                break
            walk.radius = SHRINK * length
            if failures > (RETRIES if walk.steps else MAX_RETRIES):
                _check_finite(walk, finite=finite)
                break
            if walk.steps == 0:
                inverse = inverse_metric(metric, walk.projections, walk.radius)
            continue
        if length > 0.9 * walk.radius:
            walk.radius = min(GROW * walk.radius, max_step)
        if not escapes:
            n_pairs = _learn(step, length, projections - walk.projections, steps, changes, n_pairs)
        walk.point, walk.value, walk.projections = point, value, projections
        walk.steps, walk.last_length, escapes, failures, finite = walk.steps + 1, length, False, 0, True
        if projections @ projections <= target * target:
            break
    return walk


def _is_downhill(walk: _Walk, value: float, projections: Array, slope: float, noise: float) -> bool:
    """Whether a step of this slope went down; if the loss cannot resolve it, the gradient decides."""
    if -0.5 * slope > noise:
        return value < walk.value
    return bool(projections @ projections < walk.projections @ walk.projections) and value <= walk.value + noise


def _check_finite(walk: _Walk, *, finite: bool) -> None:
    if walk.steps == 0 and not finite:
        msg = f"the loss is not finite near a point with |theta| = {np.linalg.norm(walk.point):.3g}"
        raise FloatingPointError(msg)
