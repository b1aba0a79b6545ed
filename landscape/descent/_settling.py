"""The end of the gradient flow of a large network: when it is certain which minimum it leads to, and that minimum."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import linalg

from landscape.descent._by_products import FINER, newton_by
from landscape.descent._flow import SETTLED, SETTLED_CURVATURE
from landscape.descent._stabilized_flow import stabilized_flow
from landscape.descent._truncated_newton import Walked, conjugate_gradients, truncated_newton
from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, factors_at, products_of

Array = NDArray[np.float64]

NEAR = 0.1  # distance to the predicted minimum (within a distance of 1 from the origin relative to it): settled there?
SMALL = 1e-7  # rms gradient below which that is asked in any case
AGAIN = 0.5  # of the rms gradient at the last such question: when to ask again
FINE, PRODUCTS = 1e-2, 300  # relative residual of the predicted step, and its products
ROUGH, RESTARTS = 0.05, 10  # relative error of the change of the curvature, and ARPACK's restarts
MOST_EVALUATIONS = 200_000  # gradients and products of one path
LONGEST, LAST_PRODUCTS = 0.05, 5000  # of the steps from the predicted minimum: length, and gradients and products


@dataclass(frozen=True, eq=False)
class Flowed:
    """Where a flow was left: at the minimum that it leads to, if it `settled`."""

    here: Walked
    settled: bool
    limit_reached: bool


def flow_by_products(
    loss: Loss, theta: Array, *, tolerance: float, path_error: float, max_steps: int, origin: Array | None, on_step: Any
) -> Flowed:
    """Follow the gradient flow from `theta` (P,) to its minimum, as `gradient_flow` and `newton` do with Hessians.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the beginning.
    """
    evaluations, hessians, asked, largest = 1, 0, np.inf, 0.0
    for number, step in enumerate(stabilized_flow(loss, theta, path_error=path_error, origin=origin), 1):
        evaluations += step.evaluations
        if on_step is not None:
            on_step(step)
        here = Walked(step.end, step.value, step.end_gradient, evaluations, hessians)
        largest = max(largest, here.rms_gradient)
        if here.rms_gradient <= AGAIN * min(asked, largest):
            asked = here.rms_gradient
            distance = 1.0 if origin is None else min(1.0, float(np.linalg.norm(step.end - origin)))
            end, here = _settled(loss, here, NEAR * distance, FINER * tolerance)
            evaluations, hessians = here.evaluations, here.hessians
            if end is not None:
                return Flowed(end, True, False)
        limit_reached = number >= max_steps or evaluations >= MOST_EVALUATIONS
        if here.rms_gradient <= GRADIENT_TOLERANCE or limit_reached:
            return Flowed(here, False, limit_reached)
    raise AssertionError  # the flow has no end


def _settled(loss: Loss, here: Walked, near: float, tolerance: float) -> tuple[Walked | None, Walked]:
    """The minimum that the flow leads to, if that is certain, and the same point with the cost of the question.

    The conditions are those of `landscape.descent._flow.settles`: the quadratic model predicts the gradient at its
    minimum, and the curvature hardly changes on the way, both in the norm of the Hessian.
    """
    product = products_of(loss, here.point)
    newton = conjugate_gradients(product, here.gradient, tolerance=FINE, most=PRODUCTS)
    here = _costing(here, newton.products + 1, 0)
    left = np.linalg.norm(product(newton.step) + here.gradient)
    way = np.linalg.norm(newton.step)
    if left > 2.0 * FINE * np.linalg.norm(here.gradient) or (way > near and here.rms_gradient > SMALL):
        return None, here
    factors = factors_at(loss, here.point)
    here = _costing(here, 0, 1)
    if factors is None:  # too many parameters: no index is certain there, either
        return truncated_newton(
            loss, here.point + newton.step, tolerance=tolerance, max_step=LONGEST, most=LAST_PRODUCTS
        ), here
    if factors.negative:
        return None, here
    step = factors.solve(-here.gradient)
    end = here.point + step
    value, gradient = loss.value_and_gradient(end)
    here = _costing(here, 1, 0)
    if not gradient @ factors.solve(gradient) <= SETTLED**2 * abs(here.gradient @ step):
        return None, here
    if not _change(product, products_of(loss, end), factors.solve, here.point.size) <= SETTLED_CURVATURE:
        return None, here
    there = Walked(end, value, gradient, here.evaluations, here.hessians)
    there = newton_by(loss, factors, there, tolerance)
    if there.rms_gradient > tolerance:  # still that minimum, though older factors do not halve the gradient
        limits = {"tolerance": tolerance, "max_step": LONGEST, "most": LAST_PRODUCTS}
        last = truncated_newton(loss, there.point, **limits)
        cost = there.evaluations + last.evaluations, there.hessians + last.hessians
        there = Walked(last.point, last.value, last.gradient, *cost)
    return there, here


def _change(before: Any, after: Any, solve: Any, size: int) -> float:
    """Largest relative change of the curvature: of the eigenvalues of (after - before) x = change before x."""
    shape = (size, size)
    start = np.random.default_rng(0).normal(size=size)
    difference, norm, inverse = (
        linalg.LinearOperator(shape, matvec=operator, dtype=np.float64)  # pyright: ignore[reportCallIssue]
        for operator in (lambda vector: after(vector) - before(vector), before, solve)
    )
    solver: Any = linalg.eigsh
    try:
        found = solver(
            difference, 1, M=norm, Minv=inverse, which="LM", v0=start, tol=ROUGH, maxiter=RESTARTS,
            return_eigenvectors=False,
        )  # fmt: skip
    except linalg.ArpackNoConvergence:
        return np.inf
    except linalg.ArpackError:  # no change at all
        return 0.0
    return float(np.abs(found).max())


def _costing(here: Walked, evaluations: int, hessians: int) -> Walked:
    return Walked(here.point, here.value, here.gradient, here.evaluations + evaluations, here.hessians + hessians)
