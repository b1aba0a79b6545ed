"""L-BFGS in the metric of a factorized Hessian: the last part of a quench of a large network.

Near a minimum of a network with more parameters than it needs, thousands of curvatures are that of the penalty and a
few are a thousandth of it, along valleys that bend. Conjugate gradients take hundreds of products there for one Newton
step; factors of one Hessian, with negative pivots made positive, serve for many steps, and L-BFGS learns from the
gradients how the curvature changes. `_preconditioned` does the same with eigenvectors, which cost more here.
"""

import numpy as np
from numpy.typing import NDArray

from landscape.descent._truncated_newton import Walked, truncated_newton
from landscape.losses import Loss
from landscape.stationary import Factorization, metric_at, value_noise

Array = NDArray[np.float64]

MEMORY = 100  # pairs
REFRESH = 100  # steps with the factors of one Hessian, which cost about as much
FIRST_RADIUS = 0.1
SHRINK, GROW = 0.5, 2.0  # of the radius
RETRIES = 6  # shorter steps in a row before a new Hessian is due
POOR, EXCELLENT = 0.25, 0.75  # actual over predicted fall
STRAIGHT = 1e-12  # of a pair: least curvature relative to the change of the gradient


def factored_lbfgs(
    loss: Loss, start: Walked, *, tolerance: float, max_step: float, most: int, max_norm: float = np.inf
) -> Walked:
    """Minimize on from `start` to an rms gradient of `tolerance`.

    Ends earlier after `most` gradients in all, beyond `max_norm`, or if rounding prevents further progress. Where there
    are no factors, truncated Newton continues.
    """
    here, radius, moved = start, min(FIRST_RADIUS, max_step), True
    while moved and here.rms_gradient > tolerance and here.evaluations < most:
        metric = metric_at(loss, here.point)
        if metric is None:
            left = most - here.evaluations
            rest = truncated_newton(
                loss, here.point, tolerance=tolerance, max_step=max_step, most=left, max_norm=max_norm
            )
            cost = here.evaluations + rest.evaluations, here.hessians + rest.hessians
            return Walked(rest.point, rest.value, rest.gradient, *cost)
        there, radius = _walk(loss, here, metric, radius, (tolerance, max_step, most))
        moved = there.point is not here.point
        here = Walked(there.point, there.value, there.gradient, there.evaluations, here.hessians + 1)
        if np.linalg.norm(here.point) > max_norm:
            break
    return here


def _walk(
    loss: Loss, here: Walked, metric: Factorization, radius: float, limits: tuple[float, float, int]
) -> tuple[Walked, float]:
    """Steps in one metric until a new one is due, and the radius for the next; limits as in `factored_lbfgs`."""
    tolerance, max_step, most = limits
    pairs, steps, failures, longest = _Pairs(here.point.size), 0, 0, 0.0
    while steps < REFRESH and failures <= RETRIES and here.rms_gradient > tolerance and here.evaluations < most:
        step, share = pairs.step(here.gradient, metric, radius)
        length, slope = float(np.linalg.norm(step)), float(step @ here.gradient)
        value, gradient = loss.value_and_gradient(here.point + step)
        cost = here.evaluations + 1, here.hessians
        fall = -slope * (1.0 - 0.5 * share)  # what the quadratic model predicts
        noise = value_noise(here.value, 2.0 * fall / length**2, float(np.linalg.norm(here.point)))
        if fall > noise:
            ratio = (here.value - value) / fall
        else:  # the loss cannot resolve it
            ratio = 1.0 if gradient @ gradient < here.gradient @ here.gradient else -1.0
        if not ratio > 0.0:
            here, failures = Walked(here.point, here.value, here.gradient, *cost), failures + 1
            radius = SHRINK * length
            continue
        if ratio < POOR:
            radius = SHRINK * length
        elif ratio > EXCELLENT and share < 1.0:
            radius = min(GROW * radius, max_step)
        pairs.learn(step, gradient - here.gradient)
        here, failures, steps, longest = Walked(here.point + step, value, gradient, *cost), 0, steps + 1, length
    return here, max(radius, longest)


class _Pairs:
    """A ring of steps and changes of the gradient (M, P)."""

    def __init__(self, size: int) -> None:
        self._steps, self._changes = np.empty((MEMORY, size)), np.empty((MEMORY, size))
        self._number = 0

    def learn(self, step: Array, change: Array) -> None:
        """Keep a pair if the curvature along it is positive."""
        if step @ change > STRAIGHT * np.linalg.norm(step) * np.linalg.norm(change):
            row = self._number % MEMORY
            self._steps[row], self._changes[row] = step, change
            self._number += 1

    def step(self, gradient: Array, metric: Factorization, radius: float) -> tuple[Array, float]:
        """Step (P,) of the two-loop recursion (Nocedal 1980), at most `radius` long, and its share of the whole one."""
        used, step = range(max(0, self._number - MEMORY), self._number), -gradient
        weights = {}
        for k in reversed(used):
            s, y = self._steps[k % MEMORY], self._changes[k % MEMORY]
            weights[k] = (s @ step) / (s @ y)
            step -= weights[k] * y
        step = metric.solve(step)
        for k in used:
            s, y = self._steps[k % MEMORY], self._changes[k % MEMORY]
            step += (weights[k] - (y @ step) / (s @ y)) * s
        share = min(1.0, radius / max(float(np.linalg.norm(step)), 1e-300))
        return share * step, share
