"""L-BFGS without a line search, as in GMIN and pele: a step limit and a limit on the rise of the loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.support import njit

Array = NDArray[np.float64]

MEMORY = 10
FIRST_STEP = 0.1  # assumed inverse curvature before there is a pair
MAX_RISE = 1e-10  # relative to the loss at the start
SHRINK = 0.1
MAX_SHRINKS = 10


@dataclass(frozen=True, eq=False)
class Descent:
    """End of a minimization by gradients."""

    point: Array
    value: float
    gradient: Array
    evaluations: int
    converged: bool


@njit(cache=True)
def lbfgs_step(gradient, steps, changes, n_pairs, inverse, max_length):
    """Step of the two-loop recursion (Nocedal 1980), with the steepest-descent scale `inverse` (P,) in its middle.

    Pairs are stored in a ring: rows of `steps` and `changes` (M, P), of which `n_pairs` are filled.
    Returns the step (P,), at most `max_length` long and downhill, its length and the loss's slope along it.
    """
    memory = steps.shape[0]
    step = -gradient
    used = min(n_pairs, memory)
    weights, curvatures = np.empty(memory), np.empty(memory)
    for back in range(used):
        i = (n_pairs - 1 - back) % memory
        curvatures[i] = np.dot(changes[i], steps[i])
        weights[i] = np.dot(steps[i], step) / curvatures[i]
        step -= weights[i] * changes[i]
    step *= inverse
    for back in range(used - 1, -1, -1):
        i = (n_pairs - 1 - back) % memory
        step += steps[i] * (weights[i] - np.dot(changes[i], step) / curvatures[i])
    length, slope = np.sqrt(np.dot(step, step)), np.dot(step, gradient)
    factor = (-1.0 if slope > 0.0 else 1.0) * min(1.0, max_length / max(length, 1e-300))
    return step * factor, length * abs(factor), slope * factor


def lbfgs(
    loss: Loss, theta: Array, *, tolerance: float, max_step: float = 1.0, max_steps: int = 20_000, memory: int = MEMORY
) -> Descent:
    """Minimize from `theta` (P,) until the rms gradient is at most `tolerance`, with `memory` pairs."""
    point = theta
    value, gradient = loss.value_and_gradient(point)
    steps, changes = np.zeros((memory, point.size)), np.zeros((memory, point.size))
    n_pairs, inverse, evaluations = 0, np.full(point.size, FIRST_STEP), 1
    target, max_rise = tolerance * np.sqrt(point.size), MAX_RISE * abs(value)
    while (norm := np.linalg.norm(gradient)) > target and evaluations < max_steps:
        longest = max_step if n_pairs else min(max_step, FIRST_STEP * min(1.0, norm))
        step, _, _ = lbfgs_step(gradient, steps, changes, n_pairs, inverse, longest)
        for _ in range(MAX_SHRINKS):
            new_point = point + step
            new_value, new_gradient = loss.value_and_gradient(new_point)
            evaluations += 1
            if new_value <= value + max_rise:
                break
            step *= SHRINK
        else:
            if n_pairs == 0:
                break
            n_pairs, inverse = 0, np.full(point.size, FIRST_STEP)
            continue
        step, change = new_point - point, new_gradient - gradient
        curvature = float(step @ change)
        if curvature != 0.0:
            steps[n_pairs % memory], changes[n_pairs % memory] = step, change
            n_pairs += 1
            inverse = np.full(point.size, abs(curvature) / float(change @ change))
        point, value, gradient = new_point, new_value, new_gradient
    return Descent(point, value, gradient, evaluations, bool(np.linalg.norm(gradient) <= target))
