"""Quench: from any point to the minimum it belongs to, with a certificate."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.descent._by_products import SOFT, Reached, descend, runs_away as runs_away_by_products, settle
from landscape.descent._flow import FlowStep, gradient_flow
from landscape.descent._lbfgs import lbfgs
from landscape.descent._location import Location, locate, runs_away
from landscape.descent._newton import newton
from landscape.descent._preconditioned import Descent, preconditioned_lbfgs
from landscape.descent._settling import flow_by_products
from landscape.descent._stabilized_flow import ChebyshevStep
from landscape.losses import LARGE, Loss, check_searchable
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    Inertia,
    InertiaModel,
    LocalModel,
    Minimum,
    inertia_model,
    local_model,
    rounding_of,
    signs_of,
)
from landscape.support import Result, check_positive, one_thread

Array = NDArray[np.float64]
Method = Literal["lbfgs", "flow"]

HANDOVER = 0.1  # norm of the gradient below which the first Hessian pays
MAX_STEPS = 20_000
PATH_ERROR = 1e-3  # error of a step of the flow
FAR = 30.0  # distance from the origin, in units of that of the start and absolute, that triggers a runaway test
FINER = 1e-4  # relative to the tolerance, if it is not a small gradient
FLOW_HANDOVER = 1e-7  # rms gradient below which Newton may replace the flow's last, quadratic part


class QuenchStatus(Enum):
    """How a quench ended; the value is the remedy."""

    CONVERGED = "converged"
    MAX_STEPS = "the maximum number of steps was reached; increase max_steps"
    STALLED = "rounding errors keep the gradient above the tolerance; increase tolerance"
    SADDLE = "the gradient vanishes at a saddle; displace the start along the lowest eigenvector"
    DEGENERATE = (
        "the loss is flat along some directions, within rounding, so this is not an isolated minimum; "
        "standardize the inputs, increase regularization, or leave out features that others determine"
    )
    RUNAWAY = "the loss decreases without bound as the parameters grow: there is no minimum; use regularization > 0"
    UNCERTIFIED = (
        "no eigenvalue was found to be negative, but there are too many parameters for a factorization of the Hessian, "
        "so this may not be a minimum; use a network of at most 10000 parameters"
    )
    NOT_FINITE = "the loss is not finite on the way; start from smaller parameters"


_STATUS = {
    Location.POINT: QuenchStatus.CONVERGED,
    Location.FLAT: QuenchStatus.DEGENERATE,
    Location.RUNAWAY: QuenchStatus.RUNAWAY,
}


@dataclass(frozen=True, eq=False)
class QuenchResult(
    Result,
    shows=("value", "rms_gradient", "flat", "gradient_evaluations", "hessian_evaluations"),
    axes={"M": "mode"},
    units={"value": "nats"},
):
    """Where a quench ended.

    Attributes
    ----------
    coordinates : (P,) float64
        The parameters.
    value : float
        Loss in nats.
    rms_gradient : float
        Root mean square of the components of the gradient.
    eigenvalues : (M,) float64
        Of the exact Hessian, ascending, zero modes left out: all of them, unless there is an `inertia`.
    status : QuenchStatus
        Converged, or why not.
    gradient_evaluations, hessian_evaluations : int
        What it cost.
    hessian_rounding : float
        Spectral norm of the rounding of the Hessian: eigenvalues within it have no sign.
    inertia : Inertia or None
        As in `landscape.stationary.StationaryPoint`.
    """

    coordinates: Array
    value: float
    rms_gradient: float
    eigenvalues: Array
    status: QuenchStatus
    gradient_evaluations: int
    hessian_evaluations: int
    hessian_rounding: float = 0.0
    inertia: Inertia | None = None

    @property
    def flat(self) -> int:
        """Number k of directions along which the loss is flat within rounding."""
        if self.inertia is not None:
            return self.inertia.signs.flat
        return signs_of(self.eigenvalues, self.hessian_rounding).flat

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
        return Minimum(
            self.coordinates,
            self.value,
            self.rms_gradient,
            self.eigenvalues,
            hessian_rounding=self.hessian_rounding,
            inertia=self.inertia,
        )


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
    """Minimize the loss from `theta` (P,) to an rms gradient of `tolerance`.

    Parameters
    ----------
    loss : Loss
    theta : (P,) array
    method : {"lbfgs", "flow"}
        "lbfgs": L-BFGS, preconditioned by an exact Hessian every 25 steps: the fastest, but its long steps
        may leave the basin. Above `landscape.losses.LARGE` parameters it continues with truncated Newton
        steps, whose products with the Hessian need no eigenproblem. "flow": the gradient flow, integrated with error
        control, ends in the minimum whose basin contains `theta`.
    tolerance : float
        rms gradient at the end.
    max_step : float
        Longest Euclidean step of method "lbfgs".
    max_steps : int
        Gradient evaluations of method "lbfgs", products included, or Hessians of the flow.
    path_error : float
        Euclidean error of one step of the flow. Of 72 random starts of three networks, 10 at 1e-2, one at 1e-3 and
        none at 1e-4 ended in another minimum than along an exact path, for 1 : 1.9 : 4.5 Hessians.

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
    try:
        if method == "flow" and theta.size > LARGE:
            return flow_quench_by_products(loss, theta, tolerance=tolerance, max_steps=max_steps, path_error=path_error)
        if method == "flow":
            return flow_quench(loss, theta, tolerance=tolerance, max_steps=max_steps, path_error=path_error)
        if theta.size > LARGE:
            return _quench_by_products(loss, theta, tolerance, max_step, max_steps)
        return _lbfgs_quench(loss, theta, tolerance, max_step, max_steps)
    except FloatingPointError:
        return _not_finite(theta)


def _lbfgs_quench(loss: Loss, theta: Array, tolerance: float, max_step: float, max_steps: int) -> QuenchResult:
    """First by gradients alone, then with a Hessian now and then; tests for a runaway when it is far out."""
    modes = loss.zero_modes  # along zero modes the minimum is a line: take its point nearest to the origin
    handover = max(tolerance, HANDOVER / np.sqrt(theta.size))
    first = lbfgs(loss, theta, tolerance=handover, max_step=max_step, max_steps=max_steps)
    start, far = first.point - modes.T @ (modes @ first.point), FAR * (1.0 + float(np.linalg.norm(theta)))
    descent = _descent(loss, start, tolerance, max_step, max_steps - first.evaluations, far)
    gradients, hessians = first.evaluations + descent.gradients, descent.hessians
    result = _result(loss, descent.model, tolerance, gradients, hessians, limit_reached=gradients >= max_steps)
    if result.status is QuenchStatus.DEGENERATE and not result.flat:  # even this gradient is large in this landscape
        descent = _descent(loss, result.coordinates, FINER * tolerance, max_step, max_steps - gradients, far)
        gradients, hessians = gradients + descent.gradients, hessians + descent.hessians
        result = _result(loss, descent.model, tolerance, gradients, hessians, limit_reached=gradients >= max_steps)
    return result


def _quench_by_products(loss: Loss, theta: Array, tolerance: float, max_step: float, max_steps: int) -> QuenchResult:
    """The same for many parameters, without an eigenproblem."""
    far = FAR * (1.0 + float(np.linalg.norm(theta)))
    end = descend(loss, theta, tolerance=tolerance, max_step=max_step, most=max_steps, far=far)
    return _result_by_products(loss, end, tolerance, limit_reached=end.gradients >= max_steps)


def flow_quench_by_products(
    loss: Loss,
    theta: Array,
    *,
    tolerance: float = GRADIENT_TOLERANCE,
    max_steps: int = MAX_STEPS,
    path_error: float = PATH_ERROR,
    origin: Array | None = None,
    on_step: Callable[[ChebyshevStep], object] | None = None,
) -> QuenchResult:
    """`flow_quench` for many parameters, without an eigenproblem: `max_steps` counts steps of many gradients."""
    try:
        flowed = flow_by_products(
            loss, theta, tolerance=tolerance, path_error=path_error, max_steps=max_steps, origin=origin, on_step=on_step
        )
        here, modes = flowed.here, loss.zero_modes
        model = inertia_model(loss, here.point - modes.T @ (modes @ here.point))
        end = Reached(model, Location.POINT, here.evaluations, here.hessians + 1)
        return _result_by_products(loss, end, tolerance, limit_reached=flowed.limit_reached)
    except FloatingPointError:
        return _not_finite(theta)


def _result_by_products(loss: Loss, end: Reached, tolerance: float, *, limit_reached: bool) -> QuenchResult:
    if is_stationary(loss, end.model, tolerance) and end.location is Location.POINT:
        end = settle(loss, end)
        status = _status_by_products(end)
    elif end.location is Location.RUNAWAY or runs_away_by_products(loss, end.model):
        status = QuenchStatus.RUNAWAY
    else:
        status = QuenchStatus.MAX_STEPS if limit_reached else QuenchStatus.STALLED
    model = end.model
    what = model.point, model.value, model.rms_gradient, model.eigenvalues
    return QuenchResult(*what, status, end.gradients, end.hessians, model.rounding.hessian, model.inertia)


def _status_by_products(end: Reached) -> QuenchStatus:
    if end.model.signs.negative and end.location is not Location.RUNAWAY:
        return QuenchStatus.SADDLE
    if end.location is Location.POINT and end.model.factorization is None:
        return QuenchStatus.UNCERTIFIED
    return _STATUS[end.location]


def _descent(loss: Loss, start: Array, tolerance: float, max_step: float, max_gradients: int, far: float) -> Descent:
    """Preconditioned L-BFGS that tests for a runaway once it is `far` from the origin."""
    first = preconditioned_lbfgs(
        loss, start, tolerance=tolerance, max_step=max_step, max_gradients=max_gradients, max_norm=far
    )
    point = first.model.point
    if np.linalg.norm(point) <= far or _is_lost(loss, first.model):
        return first
    rest = max_gradients - first.gradients
    then = preconditioned_lbfgs(loss, point, tolerance=tolerance, max_step=max_step, max_gradients=rest)
    return Descent(then.model, first.gradients + then.gradients, first.hessians + then.hessians)


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
    """Follow the gradient flow from `theta` (P,), with Newton at its end; `visit` may stop it (see `gradient_flow`)."""
    stopped = False

    def stops(step: FlowStep) -> bool:
        nonlocal stopped
        stopped = visit is not None and visit(step)
        return stopped

    try:
        model, flows, gradients = gradient_flow(
            loss, theta, tolerance=FLOW_HANDOVER, path_error=path_error, max_steps=max_steps, origin=origin,
            on_step=on_step, visit=None if visit is None else stops,
        )  # fmt: skip
        modes, newtons, limit_reached = loss.zero_modes, 0, flows >= max_steps
        if not (model.index or limit_reached or stopped):  # otherwise Newton would leave the saddle, or the path
            if len(modes):
                model = local_model(loss, model.point - modes.T @ (modes @ model.point))
            model, newtons = newton(loss, model, tolerance=tolerance, radius=0.05)
        if stopped:
            return _ended(model, QuenchStatus.STALLED, gradients, flows, 0.0)
        return _result(loss, model, tolerance, gradients, flows + newtons, limit_reached=limit_reached)
    except FloatingPointError:
        return _not_finite(theta)


def _not_finite(theta: Array) -> QuenchResult:
    return QuenchResult(theta, np.inf, np.inf, np.zeros(0), QuenchStatus.NOT_FINITE, 0, 0)


def _result(
    loss: Loss, model: LocalModel, tolerance: float, gradients: int, hessians: int, *, limit_reached: bool
) -> QuenchResult:
    rounding = rounding_of(loss, model, coarse=True)
    if is_stationary(loss, model, tolerance):
        found = locate(loss, model)
        model, rounding = found.model, found.rounding
        gradients, hessians = gradients + found.gradients, hessians + found.hessians
        status = _STATUS[found.location] if found.signs.negative == 0 else QuenchStatus.SADDLE
    elif _is_lost(loss, model):
        status = QuenchStatus.RUNAWAY
    else:
        status = QuenchStatus.MAX_STEPS if limit_reached else QuenchStatus.STALLED
    return _ended(model, status, gradients, hessians, rounding.hessian)


def _ended(model: LocalModel, status: QuenchStatus, gradients: int, hessians: int, rounding: float) -> QuenchResult:
    return QuenchResult(model.point, model.value, model.rms_gradient, model.free, status, gradients, hessians, rounding)


def _is_lost(loss: Loss, model: LocalModel) -> bool:
    """Whether an unfinished quench runs away along soft modes."""
    return runs_away(loss, model, model.eigenvalues <= SOFT * np.abs(model.free).max(initial=0.0))


def is_stationary(loss: Loss, model: LocalModel | InertiaModel, tolerance: float = GRADIENT_TOLERANCE) -> bool:
    """Whether the gradient is within the tolerance; rounding relaxes the standard tolerance, or a larger one."""
    if model.rms_gradient <= tolerance:
        return True
    if tolerance < GRADIENT_TOLERANCE:
        return False
    rounding = model.rounding if isinstance(model, InertiaModel) else rounding_of(loss, model)
    return bool(np.linalg.norm(model.gradient) <= rounding.gradient)


def _check(
    loss: Loss, theta: Array, method: str, tolerance: float, max_step: float, max_steps: int, path_error: float
) -> None:
    check_point(loss, theta)
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(get_args(Method))}; got {method!r}"
        raise ValueError(msg)
    check_positive(tolerance=tolerance, max_step=max_step, max_steps=max_steps, path_error=path_error)


def check_point(loss: Loss, point: Array, name: str = "theta") -> None:
    """Raise a ValueError unless it is a finite point (P,) of this loss, and the loss has stationary points to find."""
    check_searchable(loss)
    if point.shape != (loss.n_parameters,) or not np.isfinite(point).all():
        msg = f"{name} must be finite with shape ({loss.n_parameters},); got shape {point.shape}"
        raise ValueError(msg)
