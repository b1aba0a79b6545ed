"""L-BFGS without a line search, as in GMIN and pele: a step limit and a limit on the rise of the loss."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from landscape.losses import Loss

Array = NDArray[np.float64]

MEMORY = 10
FIRST_STEP = 0.1  # inverse curvature assumed before there is a pair
MAX_RISE = 1e-10  # nats
SHRINK = 0.1
MAX_SHRINKS = 10


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a minimisation by gradients ended."""

    point: Array
    value: float
    gradient: Array
    evaluations: int
    converged: bool


@njit(cache=True)
def _direction(gradient, steps, changes, n_pairs, scale):
    """Two-loop recursion (Nocedal 1980); pairs are stored in a ring."""
    memory = steps.shape[0]
    direction = -gradient
    used = min(n_pairs, memory)
    weights = np.empty(memory)
    for back in range(used):
        i = (n_pairs - 1 - back) % memory
        weights[i] = np.dot(steps[i], direction) / np.dot(changes[i], steps[i])
        direction -= weights[i] * changes[i]
    direction *= scale
    for back in range(used - 1, -1, -1):
        i = (n_pairs - 1 - back) % memory
        beta = np.dot(changes[i], direction) / np.dot(changes[i], steps[i])
        direction += steps[i] * (weights[i] - beta)
    if np.dot(direction, gradient) > 0.0:
        direction = -direction
    return direction


def lbfgs(loss: Loss, theta: Array, *, tolerance: float, max_step: float = 1.0, max_steps: int = 20_000) -> Descent:
    """Minimise from `theta` (P,) until the rms gradient is at most `tolerance`."""
    point = theta
    value, gradient = loss.value_and_gradient(point)
    steps, changes = np.zeros((MEMORY, point.size)), np.zeros((MEMORY, point.size))
    n_pairs, scale, evaluations = 0, FIRST_STEP, 1
    target = tolerance * np.sqrt(point.size)
    while (norm := np.linalg.norm(gradient)) > target and evaluations < max_steps:
        direction = _direction(gradient, steps, changes, n_pairs, scale)
        if n_pairs == 0:
            direction *= min(1.0, 1.0 / norm)
        direction *= min(1.0, max_step / np.linalg.norm(direction))
        for _ in range(MAX_SHRINKS):
            new_point = point + direction
            new_value, new_gradient = loss.value_and_gradient(new_point)
            evaluations += 1
            if new_value <= value + MAX_RISE:
                break
            direction *= SHRINK
        else:
            if n_pairs == 0:
                break
            n_pairs, scale = 0, FIRST_STEP
            continue
        step, change = new_point - point, new_gradient - gradient
        curvature = float(step @ change)
        if curvature != 0.0:
            steps[n_pairs % MEMORY], changes[n_pairs % MEMORY] = step, change
            n_pairs += 1
            scale = abs(curvature) / float(change @ change)
        point, value, gradient = new_point, new_value, new_gradient
    return Descent(point, value, gradient, evaluations, bool(np.linalg.norm(gradient) <= target))
