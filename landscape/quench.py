"""Quench: from any point to the minimum it belongs to, with a certificate."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape._flow import FlowStep, gradient_flow
from landscape._lbfgs import lbfgs
from landscape._newton import newton
from landscape._preconditioned import preconditioned_lbfgs
from landscape.losses import Loss
from landscape.stationary import GRADIENT_TOLERANCE, LocalModel, Minimum, minimum_from
from landscape.workers import one_thread

Array = NDArray[np.float64]
Method = Literal["lbfgs", "flow"]

HANDOVER = 0.1  # norm of the gradient below which the first Hessian pays
MAX_STEPS = 20_000
PATH_ERROR = 1e-3  # of a step of the flow
FLOW_HANDOVER = 1e-7  # rms gradient below which the flow's last, quadratic part may give way to Newton


class QuenchStatus(Enum):
    """How a quench ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "the maximum number of steps was reached; increase max_steps"
    STALLED = "rounding errors keep the gradient above the tolerance; increase tolerance"
    SADDLE = "the gradient vanishes at a saddle; displace the start along the lowest eigenvector"
    NOT_FINITE = "the loss is not finite on the way; start from smaller parameters"


@dataclass(frozen=True, eq=False)
class QuenchResult:
    """Where a quench ended."""

    coordinates: Array  # (P,)
    value: float  # nats
    rms_gradient: float
    eigenvalues: Array  # of the exact Hessian, ascending, zero modes left out
    status: QuenchStatus
    gradient_evaluations: int
    hessian_evaluations: int

    @property
    def converged(self) -> bool:
        """Whether this is a certified minimum."""
        return self.status is QuenchStatus.CONVERGED

    @property
    def minimum(self) -> Minimum:
        """The certified minimum.

        Raises
        ------
        ValueError
            If the quench did not converge.
        """
        if not self.converged:
            msg = f"the quench ended without a minimum: {self.status.value}"
            raise ValueError(msg)
        return Minimum(self.coordinates, self.value, self.rms_gradient, self.eigenvalues)


def quench(
    loss: Loss,
    theta: ArrayLike,
    *,
    method: Method = "lbfgs",
    tolerance: float = GRADIENT_TOLERANCE,
    max_step: float = 1.0,
    max_steps: int = MAX_STEPS,
    path_error: float = PATH_ERROR,
) -> QuenchResult:
    """Minimise the loss from `theta` (P,) to an rms gradient of `tolerance`.

    Parameters
    ----------
    loss : Loss
    theta : (P,) array
    method : {"lbfgs", "flow"}
        "lbfgs": L-BFGS, preconditioned by an exact Hessian every 25 steps: the fastest, but its long steps
        may leave the basin. "flow": the gradient flow, integrated with error
        control, ends in the minimum whose basin `theta` lies in.
    tolerance : float
        rms gradient at the end.
    max_step : float
        Longest Euclidean step of method "lbfgs".
    max_steps : int
        Gradient evaluations of method "lbfgs", or Hessians of the flow.
    path_error : float
        Euclidean error of one step of the flow. Of 72 random starts of three networks 10 ended in another
        minimum than along an exact path at 1e-2, one at 1e-3 and none at 1e-4, for 1 : 1.9 : 4.5 Hessians.

    Raises
    ------
    ValueError
        If `theta` is not finite or an argument is out of range.
    """
    theta = np.array(theta, dtype=np.float64)
    _check(loss, theta, method, tolerance, max_step, max_steps, path_error)
    with one_thread():
        return _quench(loss, theta, method, tolerance, max_step, max_steps, path_error)


def _quench(
    loss: Loss, theta: Array, method: Method, tolerance: float, max_step: float, max_steps: int, path_error: float
) -> QuenchResult:
    modes = loss.zero_modes  # along these the minimum is a line: take its point nearest to the origin
    try:
        if method == "flow":
            return flow_quench(loss, theta, tolerance=tolerance, max_steps=max_steps, path_error=path_error)
        handover = max(tolerance, HANDOVER / np.sqrt(theta.size))
        first = lbfgs(loss, theta, tolerance=handover, max_step=max_step, max_steps=max_steps)
        descent = preconditioned_lbfgs(
            loss,
            first.point - modes.T @ (modes @ first.point),
            tolerance=tolerance,
            max_step=max_step,
            max_gradients=max_steps - first.evaluations,
        )
    except FloatingPointError:
        return _not_finite(theta)
    gradients = first.evaluations + descent.gradients
    return _result(descent.model, tolerance, gradients, descent.hessians, limit_reached=gradients >= max_steps)


def flow_quench(
    loss: Loss,
    theta: Array,
    *,
    tolerance: float = GRADIENT_TOLERANCE,
    max_steps: int = MAX_STEPS,
    path_error: float = PATH_ERROR,
    origin: Array | None = None,
    on_step: Callable[[FlowStep], object] | None = None,
    visit: Callable[[FlowStep], bool] | None = None,
) -> QuenchResult:
    """Follow the gradient flow from `theta` (P,), Newton at its end; `visit` may stop it (see `gradient_flow`)."""
    modes = loss.zero_modes
    try:
        model, flows, gradients = gradient_flow(
            loss, theta, tolerance=FLOW_HANDOVER, path_error=path_error, max_steps=max_steps, origin=origin,
            on_step=on_step, visit=visit,
        )  # fmt: skip
        newtons = 0
        if not model.index and flows < max_steps:  # else Newton would leave the saddle, or the path
            start = model.point - modes.T @ (modes @ model.point)
            model, newtons = newton(loss, start, tolerance=tolerance, radius=0.05)
    except FloatingPointError:
        return _not_finite(theta)
    limit_reached = flows >= max_steps
    return _result(model, tolerance, gradients, flows + newtons, limit_reached=limit_reached)


def _not_finite(theta: Array) -> QuenchResult:
    return QuenchResult(theta, np.inf, np.inf, np.zeros(0), QuenchStatus.NOT_FINITE, 0, 0)


def _result(model: LocalModel, tolerance: float, gradients: int, hessians: int, *, limit_reached: bool) -> QuenchResult:
    point = minimum_from(model)
    if model.rms_gradient <= tolerance:
        status = QuenchStatus.CONVERGED if model.eigenvalues[0] > 0.0 else QuenchStatus.SADDLE
    else:
        status = QuenchStatus.MAX_STEPS if limit_reached else QuenchStatus.STALLED
    return QuenchResult(
        point.coordinates, point.value, point.rms_gradient, point.eigenvalues, status, gradients, hessians
    )


def _check(
    loss: Loss, theta: Array, method: str, tolerance: float, max_step: float, max_steps: int, path_error: float
) -> None:
    check_start(loss, theta)
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(get_args(Method))}; got {method!r}"
        raise ValueError(msg)
    limits = {"tolerance": tolerance, "max_step": max_step, "max_steps": max_steps, "path_error": path_error}
    for name, value in limits.items():
        if not value > 0:
            msg = f"{name} must be positive; got {value}"
            raise ValueError(msg)


def check_start(loss: Loss, theta: Array) -> None:
    """Raise a ValueError unless `theta` is a finite point (P,) of this loss."""
    if theta.shape != (loss.n_parameters,) or not np.isfinite(theta).all():
        msg = f"theta must be finite with shape ({loss.n_parameters},); got shape {theta.shape}"
        raise ValueError(msg)
