"""Trust-region Newton minimization in the eigenbasis of the exact Hessian."""

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.stationary import LocalModel, local_model, value_noise

Array = NDArray[np.float64]

MAX_REJECTIONS = 8  # in a row, if only rounding is left


def trust_region_step(eigenvalues: Array, projections: Array, radius: float) -> Array:
    """Minimizer of the quadratic model within `radius`, in the eigenbasis (More and Sorensen 1983).

    Solves |p| = radius for p_i = -g_i / (lambda_i + shift) by safeguarded Newton on 1/|p|; in the hard
    case (no gradient along the lowest mode) the missing length goes along that mode.
    """
    lowest = eigenvalues[0]
    if lowest > 0.0:
        newton = -projections / eigenvalues
        if np.linalg.norm(newton) <= radius:
            return newton
    low = max(0.0, -lowest)
    high = low + np.linalg.norm(projections) / radius
    shift = low + 1e-3 * (high - low)
    for _ in range(60):
        step = -projections / np.maximum(eigenvalues + shift, 1e-300)
        length = np.linalg.norm(step)
        if abs(length - radius) <= 1e-3 * radius:
            return step
        low, high = (shift, high) if length > radius else (low, shift)
        slope = (step**2 / np.maximum(eigenvalues + shift, 1e-300)).sum() / max(length, 1e-300)
        proposal = shift + (length - radius) / radius * length / max(slope, 1e-300)
        shift = proposal if low < proposal < high else 0.5 * (low + high)
    step = -projections / np.maximum(eigenvalues + high, 1e-300)
    if (missing := radius**2 - step @ step) > 0.0 and lowest <= 0.0:
        step[0] += np.copysign(np.sqrt(missing + step[0] ** 2) - abs(step[0]), step[0])
    return step


def newton(
    loss: Loss,
    start: LocalModel,
    *,
    tolerance: float,
    radius: float = 0.5,
    max_radius: float = 3.0,
    max_steps: int = 300,
) -> tuple[LocalModel, int]:
    """Minimize from the point of a model; return the last local model and the number of further Hessians.

    Ends if the rms gradient is at most `tolerance` and no eigenvalue is negative beyond rounding, after `max_steps`,
    or if rounding prevents further progress.
    """
    model, rejections = start, 0
    noise = value_noise(model.value, float(np.abs(model.eigenvalues).max()), float(np.linalg.norm(model.point)))
    for evaluations in range(1, max_steps + 1):
        if (model.rms_gradient <= tolerance and not model.index) or rejections > MAX_REJECTIONS:
            return model, evaluations - 1
        step = trust_region_step(model.eigenvalues, model.projections, radius)
        predicted = -(model.projections @ step + 0.5 * (model.eigenvalues * step) @ step)
        trial = local_model(loss, model.point + model.eigenvectors @ step)
        if predicted < noise:  # the loss cannot resolve it: let the gradient decide
            accepted, ratio = trial.rms_gradient < model.rms_gradient or model.eigenvalues[0] <= 0.0, 1.0
            rejections = 0 if accepted else rejections + 1
        else:
            ratio = (model.value - trial.value) / predicted
            accepted = ratio > 1e-4
        length = float(np.linalg.norm(step))
        if ratio < 0.25 or not accepted:
            radius = 0.25 * length
        elif ratio > 0.75 and length > 0.9 * radius:
            radius = min(2.0 * radius, max_radius)
        if accepted:
            model = trial
    return model, max_steps
