"""The two downhill paths of a transition state: off it along its unstable manifold, then down with the flow."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.descent._deviation import Deviation, KrylovDeviation
from landscape.descent._flow import FlowStep
from landscape.descent._quench import QuenchResult, flow_quench, flow_quench_by_products
from landscape.descent._stabilized_flow import ChebyshevStep
from landscape.descent._truncated_newton import inexact_step
from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, InertiaModel, LocalModel
from landscape.support import Result

Array = NDArray[np.float64]

FIRST_PUSH, MIN_PUSH, MAX_PUSH = 1e-3, 1e-7, 0.5  # Euclidean displacement off a transition state
VISIBLE_DROP = 1e-13  # nats: a smaller drop is indistinguishable from rounding
VISIBLE = 10.0  # factor by which the gradient after the push exceeds its bound at the transition state
STEEPER = 0.5  # relative error of the quadratic model's slope after the push
BENT = 0.1  # relative deviation of the unstable manifold from the mode
BEND_ERROR = 1e-2  # relative, of the solution without a spectrum
SHRINK, MAX_SHRINKS = 0.25, 10  # reduction of the push if the quadratic model has a larger error
PATH_ERRORS = (1e-3, 1e-4, 1e-5, 1e-6)  # error of a step of the flow: the next one if the deviation may decide
TUBE = 0.01  # a deviation without effect: paths that separate to different minima are 0.3 apart


@dataclass(frozen=True, eq=False)
class DownhillPath(Result, shows=("result.value", "result.status", "deviation", "on_a_ridge"), axes={"T": "point"}):
    """A path down from a transition state.

    Attributes
    ----------
    result : QuenchResult
        Where it ends.
    points : (T, P) float64
        Points from the transition state to where Newton's method took over.
    deviation : float
        Bound on the deviation due to the errors of its steps.
    """

    result: QuenchResult
    points: Array
    deviation: float

    @property
    def on_a_ridge(self) -> bool:
        """Whether errors as small as the last ones may still change where it ends."""
        return self.deviation > TUBE


def follow_down(
    loss: Loss,
    model: LocalModel | InertiaModel,
    sign: float,
    *,
    path_errors: tuple[float, ...] = PATH_ERRORS,
    with_points: bool = False,
) -> DownhillPath:
    """Follow the gradient flow down from the transition state at a model's point, along `sign` times its mode.

    Each of `path_errors` bounds the error of a step (within a distance of 1, relative to the distance). The first is
    enough in a convex valley. The errors are carried along the path and grow where the curvature across it is
    negative; if they exceed `TUBE`, the path is followed again with the next bound. A model without a spectrum is left
    by a flow without one (`stabilized_flow`).
    """
    start = push_off(loss, model, sign)
    gradients = hessians = 0
    follow = _followed if isinstance(model, LocalModel) else _followed_by_products
    for path_error in path_errors:
        result, points, deviation = follow(loss, model.point, start, path_error, with_points)
        gradients += result.gradient_evaluations
        hessians += result.hessian_evaluations
        if not result.converged or deviation <= TUBE:
            break
    result = replace(result, gradient_evaluations=gradients, hessian_evaluations=hessians)
    return DownhillPath(result, np.concatenate([model.point[None], start[None], *points]), deviation)


def _followed(
    loss: Loss, origin: Array, start: Array, path_error: float, with_points: bool
) -> tuple[QuenchResult, list[Array], float]:
    """End of the flow from `start` (P,), points (k, P) of its steps, and its deviation."""
    deviation, points = Deviation(origin), []

    def record(step: FlowStep) -> None:
        deviation.carry(step)
        if with_points:
            points.append(step.way)

    result = flow_quench(loss, start, path_error=path_error, origin=origin, on_step=record)
    return result, points, deviation.largest


def _followed_by_products(
    loss: Loss, origin: Array, start: Array, path_error: float, with_points: bool
) -> tuple[QuenchResult, list[Array], float]:
    deviation, points = KrylovDeviation(loss, origin), []

    def record(step: ChebyshevStep) -> None:
        deviation.carry(step)
        if with_points:
            points.append(step.end[None])

    result = flow_quench_by_products(loss, start, path_error=path_error, origin=origin, on_step=record)
    cost = result.gradient_evaluations + deviation.products
    return replace(result, gradient_evaluations=cost), points, deviation.largest


def push_off(
    loss: Loss, model: LocalModel | InertiaModel, sign: float, *, share: float = 1.0, bent: bool = True
) -> Array:
    """Point (P,) near a transition state, on its unstable manifold to second order.

    The push s along the negative mode v is long enough for the gradient to exceed that of the transition state itself,
    but short enough for the quadratic model to hold: if both are impossible, the flow stops at once, at a saddle
    within its certificate. With T = D3 loss the manifold is s v + s^2 a, where (H + 2 |lambda_0|) a = -T(v, v) / 2
    across v (derived here from d theta / dt = -gradient: along the manifold d s / dt = |lambda_0| s). T(v, v) s^2 is
    the sum of the gradients at s v and -s v.

    Parameters
    ----------
    share : float
        Share of that push.
    bent : bool
        Whether to add s^2 a.
    """
    mode, curvature = model.eigenvectors[:, 0], max(abs(float(model.eigenvalues[0])), np.finfo(float).tiny)
    unseen = max(abs(float(mode @ model.gradient)), GRADIENT_TOLERANCE * np.sqrt(mode.size))
    push = min(max(FIRST_PUSH, VISIBLE * unseen / curvature), MAX_PUSH)
    for _ in range(MAX_SHRINKS):
        sides = np.array([loss.value_and_gradient(model.point + way * push * mode)[1] for way in (1.0, -1.0)])
        change, bend = _second_order(loss, model, sides - model.gradient, curvature)
        steeper = change + curvature * push * np.array([1.0, -1.0])
        if np.abs(steeper).max() <= STEEPER * curvature * push and np.linalg.norm(bend) <= BENT * push:
            break
        push *= SHRINK
    else:
        return _where_it_falls(loss, model, sign, share)
    point = model.point + sign * share * push * mode
    return point + share**2 * bend if bent else point


def _second_order(
    loss: Loss, model: LocalModel | InertiaModel, changes: Array, curvature: float
) -> tuple[Array, Array]:
    """From the changes of the gradient (2, P) on both sides: those along the mode (2,), and s^2 a (P,)."""
    if isinstance(model, LocalModel):
        behind = changes @ model.eigenvectors
        bend = -0.5 * behind.sum(axis=0) / (model.eigenvalues + 2.0 * curvature)
        bend[0] = 0.0
        return behind[:, 0], model.eigenvectors @ bend
    mode = model.eigenvectors[:, 0]

    def shifted(vector: Array) -> Array:
        return model.product(vector) + 2.0 * curvature * vector

    limits = {"radius": np.inf, "tolerance": BEND_ERROR, "across": mode}
    bend, _, _ = inexact_step(loss, model.point, shifted, 0.5 * changes.sum(axis=0), **limits)
    return changes @ mode, bend.step


def _where_it_falls(loss: Loss, model: LocalModel | InertiaModel, sign: float, share: float) -> Array:
    """Point (P,) along the negative mode where the loss drops visibly, for saddles too stiff for a quadratic model.

    Moves outward while the loss does not drop, inward where it rises: the ravine that the mode leads into bends, and
    its sides are steep (the loss rises with the fourth power of the push).
    """
    push, risen = FIRST_PUSH, False
    while True:
        point = model.point + sign * share * push * model.eigenvectors[:, 0]
        change = loss.value_and_gradient(point)[0] - model.value
        risen = risen or change > VISIBLE_DROP
        push *= 0.5 if risen else 2.0
        if change < -VISIBLE_DROP or not MIN_PUSH <= push <= 2.0 * MAX_PUSH:
            return point
