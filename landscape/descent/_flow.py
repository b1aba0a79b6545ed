"""Gradient flow d theta / dt = -gradient: the path of steepest descent and the basin it ends in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, LocalModel, local_model
from landscape.support import njit

Array = NDArray[np.float64]

MAX_GROWTH, MAX_SHRINK = 5.0, 0.1  # limits on the change of the time step from one step, or attempt, to the next
SAFETY = 0.9  # share of the time step that the error estimate allows
MAX_DECAY = 100.0  # time step times the softest curvature of a valley, after which everything has decayed
NO_CURVATURE = 1e-290  # smaller changes count as none
MAX_EXPONENT = 2.0  # time step times the most negative curvature: limit on the growth of an instability in one step
ROUNDING = 1e-12  # relative to the largest |theta| on the way: a minimum this close is the point itself
FRACTIONS = np.geomspace(1e-3, 1.0, 31)  # shares of a step where its path is sampled: stiff modes decay early in it
MIDDLE, LATE = 0.5, 0.9  # shares of a step where the gradient's remainder is evaluated
VISIBLE_RISE = 1e-13  # relative to the loss, or to 1 nat: possible increase by rounding
SETTLED = 0.1  # largest remaining gradient at the minimum that the quadratic model predicts, in its own norm
SETTLED_CURVATURE = 0.5  # largest relative change of the curvature on the way there


@njit(cache=True)
def phi_functions(z):
    """phi_1 to phi_4 (4, n) of z (n,): phi_0 = e^z, phi_k+1(z) = (phi_k(z) - 1 / k!) / z."""
    result = np.empty((4, z.shape[0]))
    for i in range(z.shape[0]):
        x = z[i]
        if abs(x) < 1.0:  # the upward recurrence would cancel
            term, last = 1.0 / 24.0, 0.0
            for n in range(5, 22):
                last += term
                term *= x / n
            third = 1.0 / 6.0 + x * last
            second = 0.5 + x * third
            first = 1.0 + x * second
        else:
            first = np.expm1(x) / x
            second = (first - 1.0) / x
            third = (second - 0.5) / x
            last = (third - 1.0 / 6.0) / x
        result[0, i], result[1, i], result[2, i], result[3, i] = first, second, third, last
    return result


@dataclass(frozen=True, eq=False)
class FlowStep:
    """One step of the flow: from the point of a model, for a time.

    In the model's eigenbasis the gradient is `projections` + eigenvalues * displacement + a remainder, and the
    remainder after a share s of the time is `square` s^2 + `cube` s^3, (P,) each.
    """

    model: LocalModel
    time: float
    square: Array
    cube: Array
    error: Array  # (P,) estimate in the eigenbasis: the difference to the method of order 3

    def displacement(self, share: float) -> Array:
        """Displacement (P,) of the flow from the model's point after a share of the time, in the eigenbasis."""
        time = share * self.time
        first, _, third, fourth = phi_functions(-time * self.model.eigenvalues)
        remainder = 2.0 * share**2 * third * self.square + 6.0 * share**3 * fourth * self.cube
        return -time * (first * self.model.projections + remainder)

    def point(self, share: float) -> Array:
        """The same in parameter space."""
        return self.model.point + self.model.eigenvectors @ self.displacement(share)

    @cached_property
    def end(self) -> Array:
        """The point (P,) where the step ends."""
        return self.point(1.0)

    @cached_property
    def way(self) -> Array:
        """Points (k, P) inside the step, at `FRACTIONS` of its time."""
        return (
            self.model.point + np.array([self.displacement(share) for share in FRACTIONS]) @ self.model.eigenvectors.T
        )


def gradient_flow(
    loss: Loss,
    theta: Array,
    *,
    tolerance: float,
    path_error: float,
    max_steps: int = 5_000,
    origin: Array | None = None,
    on_step: Callable[[FlowStep], object] | None = None,
    visit: Callable[[FlowStep], bool] | None = None,
) -> tuple[LocalModel, int, int]:
    """Follow the gradient flow from `theta` (P,) until the quadratic model determines its minimum.

    Exponential Rosenbrock method of order 5 with an embedded error estimate of order 3 (exprb53s3; Luan and Ostermann,
    J. Comput. Appl. Math. 255, 417, 2014; tests confirm the order), exact in the quadratic part of the loss, so that
    stiffness costs nothing: three gradients and a Hessian per step. `path_error` bounds the Euclidean error of one
    step; within a distance of 1 from `origin` (P,), such as a saddle that the path comes from, it is relative to that
    distance. No step raises the loss. `on_step` receives each step, and so does `visit`, before the Hessian at its
    end; the flow stops there if `visit` returns true.

    The flow ends if the rms gradient is at most `tolerance`, or the minimum of the quadratic model is within the
    allowed error, and that minimum is one of the loss (see `settles`): a flat shoulder, from which the flow continues,
    also has a small gradient and a positive Hessian.

    Returns
    -------
    model : LocalModel
        Model at the minimum that the quadratic model predicts, or at the last point. An eigenvalue is negative there
        if `max_steps` was reached, or if the path ends on a saddle, with a gradient as small as that of a stationary
        point.
    hessians, gradients : int
        Number of evaluations of each.
    """
    model, size = local_model(loss, theta), float(np.linalg.norm(theta))
    time = MAX_EXPONENT / max(-model.eigenvalues[0], np.median(np.abs(model.eigenvalues)), np.finfo(float).tiny)
    gradients = more = 0
    for evaluations in range(1, max_steps + 1):
        allowed = path_error * (1.0 if origin is None else min(1.0, float(np.linalg.norm(model.point - origin))))
        end, checks = _end(loss, model, tolerance, allowed, ROUNDING * size)
        gradients, more = gradients + checks[1], more + checks[0]
        if end is not None:
            return end, evaluations + more, gradients
        step, tried = _allowed_step(loss, model, min(time, _longest(model)), allowed)
        gradients += tried
        if on_step is not None:
            on_step(step)
        if visit is not None and visit(step):
            return model, evaluations + more, gradients
        model, size = local_model(loss, step.end), max(size, float(np.linalg.norm(step.end)))
        time = step.time * min(MAX_GROWTH, _factor(allowed, float(np.linalg.norm(step.error))))
    return model, max_steps, gradients


def _end(
    loss: Loss, model: LocalModel, tolerance: float, allowed: float, rounding: float
) -> tuple[LocalModel | None, tuple[int, int]]:
    """Model at the minimum that the flow settles in, or at its last point; None if it goes on.

    And the numbers of Hessians and gradients needed to decide.
    """
    if model.rms_gradient <= GRADIENT_TOLERANCE:
        return model, (0, 0)
    if model.eigenvalues[0] <= 0.0:
        return None, (0, 0)
    way = float(np.linalg.norm(model.projections / model.eigenvalues))  # to the minimum that the model predicts
    if way <= rounding:
        return model, (0, 0)
    if model.rms_gradient > tolerance and way > allowed:
        return None, (0, 0)
    there, hessians = settles(loss, model)
    return there, (hessians, 1)


def _longest(model: LocalModel) -> float:
    """Longest time step from a model's point."""
    lowest = float(model.eigenvalues[0])
    return (MAX_EXPONENT if lowest < 0.0 else MAX_DECAY) / max(abs(lowest), NO_CURVATURE)


@np.errstate(over="ignore", invalid="ignore")  # a trial far away, where the loss is not finite, is shortened
def _allowed_step(loss: Loss, model: LocalModel, time: float, allowed: float) -> tuple[FlowStep, int]:
    """A step from a model's point with the allowed error, no longer than `time`, and its number of gradients."""
    gradients = 0
    while True:
        step = _step(loss, model, time)
        error = float(np.linalg.norm(step.error))
        gradients += 2
        if error > allowed or not np.isfinite(error):
            time *= max(MAX_SHRINK, _factor(allowed, error))
            continue
        gradients += 1
        if _falls(loss, step):
            return step, gradients
        time *= MAX_SHRINK


def _factor(allowed: float, error: float) -> float:
    """Factor for the time step that makes its error, of order 4, the allowed one."""
    return SAFETY * (allowed / max(error, 1e-300)) ** 0.25 if np.isfinite(error) else MAX_SHRINK


def _falls(loss: Loss, step: FlowStep) -> bool:
    value, before = loss.value_and_gradient(step.end)[0], step.model.value
    return value <= before + VISIBLE_RISE * max(1.0, abs(before))


def _step(loss: Loss, model: LocalModel, time: float) -> FlowStep:
    """A step of exprb53s3 from a model's point, in its eigenbasis; its error is not finite where the loss is not.

    Powers 2 and 3 of the time interpolate the remainder of the gradient at the two inner points; the method of order 3
    uses power 2 alone.
    """
    projections, eigenvalues = model.projections, model.eigenvalues

    def remainder(displacement: Array) -> Array:
        _, gradient = loss.value_and_gradient(model.point + model.eigenvectors @ displacement)
        return model.eigenvectors.T @ gradient - projections - eigenvalues * displacement

    middle, late = (phi_functions(-share * time * eigenvalues) for share in (MIDDLE, LATE))
    early = remainder(-MIDDLE * time * middle[0] * projections)
    bend = (27.0 / 25.0 * middle[2] + 729.0 / 125.0 * late[2]) * early
    later = remainder(-time * (LATE * late[0] * projections + bend))
    gap = LATE - MIDDLE
    square = (LATE / MIDDLE**2 * early - MIDDLE / LATE**2 * later) / gap
    cube = (later / LATE**2 - early / MIDDLE**2) / gap
    _, _, third, fourth = phi_functions(-time * eigenvalues)
    coarse = 2.0 * early + 150.0 / 81.0 * later
    error = -time * (third * (2.0 * square - coarse) + 6.0 * fourth * cube)
    return FlowStep(model, time, square, cube, error)


def settles(loss: Loss, model: LocalModel) -> tuple[LocalModel | None, int]:
    """Whether the flow from the point of a positive definite model leads to that model's minimum.

    The remaining gradient at the predicted minimum must be small, and the curvature must not change much on the way,
    both in the norm that the model's Hessian defines, so that neither depends on the units of the loss or the
    parameters. If the loss is convex in the ellipsoid around its minimum through the point, the flow cannot leave it,
    because the loss only decreases.

    Returns
    -------
    there : LocalModel or None
        Model at that minimum, if it does.
    hessians : int
        Number of Hessians needed to decide: 0 or 1.
    """
    scale = np.where(model.zero, 0.0, 1.0 / np.sqrt(model.eigenvalues))
    step = -scale * scale * model.projections
    end = model.point + model.eigenvectors @ step
    _, gradient = loss.value_and_gradient(end)
    left = np.linalg.norm(scale * (model.eigenvectors.T @ gradient))
    if not left <= SETTLED * np.linalg.norm(scale * model.projections):
        return None, 0
    try:
        there = local_model(loss, end)
    except FloatingPointError:
        return None, 1
    turned = (model.eigenvectors * scale).T @ there.eigenvectors
    change = (turned * there.eigenvalues) @ turned.T - np.diag(np.where(model.zero, 0.0, 1.0))
    change[model.zero, :] = change[:, model.zero] = 0.0
    return there if np.abs(np.linalg.eigvalsh(change)).max() <= SETTLED_CURVATURE else None, 1
