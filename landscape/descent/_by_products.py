"""Quench of a large network: gradients and products with the Hessian down to the point, then one Hessian for it.

L-BFGS goes most of the way, truncated Newton the rest; where its steps take too many products, L-BFGS in the metric of
a factorized Hessian. At the end a Hessian is factorized for the index, and to decide by Newton's step whether there is
a stationary point, as `_location` does with a spectrum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.descent._factored import factored_lbfgs
from landscape.descent._lbfgs import lbfgs
from landscape.descent._location import CONTRACTION, MOST_STEPS, SIGNAL, Location, runs_out
from landscape.descent._truncated_newton import Walked, conjugate_gradients, truncated_newton
from landscape.losses import Loss
from landscape.stationary import VALUE_RESOLUTION, Factorization, InertiaModel, inertia_model

Array = NDArray[np.float64]

MEMORY = 100  # pairs of L-BFGS: of 2-50-50-4 half the gradients that 40 take
HANDOVER = 1e-6  # rms gradient below which products pay
FINER = 1e-2  # of the tolerance: the last step of Newton's method costs little and settles the point
ESCAPES = 10  # saddles that a quench leaves along their lowest mode
FIRST_PUSH, LEAST_PUSH = 0.1, 1e-6  # off a saddle
SOFT = 1e-6  # relative to the largest eigenvalue: modes along which a loss may run away
HALF = 0.5  # least contraction of the gradient by a step with older factors
EXACT = 1e-10  # residual of conjugate gradients where nothing has been factorized


@dataclass(frozen=True, eq=False)
class Reached:
    """A model and what is at its point, with the cost of both."""

    model: InertiaModel
    location: Location
    gradients: int  # products included
    hessians: int


def newton_step(model: InertiaModel, gradient: Array) -> Array:
    """Newton's step (P,) for this gradient."""
    if model.factorization is not None:
        return model.factorization.solve(-gradient)
    return conjugate_gradients(model.product, gradient, tolerance=EXACT).step


def newton_by(loss: Loss, factors: Factorization, here: Walked, tolerance: float) -> Walked:
    """Newton's steps with factors of a Hessian nearby, to an rms gradient of `tolerance` or while they halve it."""
    while here.rms_gradient > tolerance:
        point = here.point + factors.solve(-here.gradient)
        there = Walked(point, *loss.value_and_gradient(point), here.evaluations + 1, here.hessians)
        if not there.rms_gradient <= HALF * here.rms_gradient:
            break
        here = there
    return here


def descend(loss: Loss, theta: Array, *, tolerance: float, max_step: float, most: int, far: float) -> Reached:
    """Minimize from `theta` (P,) and model the loss there; `far` from the origin it tests for a runaway.

    Raises
    ------
    FloatingPointError
        If the loss is not finite on the way.
    """
    first = lbfgs(loss, theta, tolerance=max(tolerance, HANDOVER), max_step=max_step, max_steps=most, memory=MEMORY)
    modes = loss.zero_modes  # along zero modes the minimum is a line: take its point nearest to the origin
    start, gradients, hessians = first.point - modes.T @ (modes @ first.point), first.evaluations, 0
    escapes = 0
    while True:
        limits = {"tolerance": FINER * tolerance, "max_step": max_step, "most": most - gradients, "max_norm": far}
        walked = truncated_newton(loss, start, **limits, factorize=False)
        if walked.rms_gradient > tolerance and np.linalg.norm(walked.point) <= far:
            walked = factored_lbfgs(loss, walked, **limits)
        model = inertia_model(loss, walked.point)
        gradients, hessians = gradients + walked.evaluations, hessians + walked.hessians + 1
        if np.linalg.norm(model.point) > far:
            if runs_away(loss, model):
                return Reached(model, Location.RUNAWAY, gradients, hessians)
            start, far = model.point, np.inf
            continue
        if not model.signs.negative or escapes >= ESCAPES or gradients >= most:
            break
        start, escapes = _beside(loss, model), escapes + 1
    return Reached(model, Location.POINT, gradients, hessians)


def _beside(loss: Loss, model: InertiaModel) -> Array:
    """A point (P,) off a saddle along its lowest mode, where the loss is lower."""
    mode, push = model.eigenvectors[:, 0], FIRST_PUSH
    while push > LEAST_PUSH:
        points = [model.point + way * push * mode for way in (1.0, -1.0)]
        values = [loss.value_and_gradient(point)[0] for point in points]
        if min(values) < model.value:
            return points[int(np.argmin(values))]
        push *= 0.25
    return points[0]


def settle(loss: Loss, reached: Reached) -> Reached:
    """Decide what is at a point whose gradient is small, after the necessary steps of Newton's method.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the end of a Newton step.
    """
    model, gradients, hessians = reached.model, reached.gradients, reached.hessians
    for steps in range(MOST_STEPS + 1):
        undetermined = model.factorization is not None and model.signs.flat
        if undetermined:
            return _elsewhere(loss, Reached(model, Location.FLAT, gradients, hessians))
        step = newton_step(model, model.gradient)
        contracts = all(_is_predicted(loss, model, step, side) for side in (1.0, -1.0))
        gradients += 2
        if contracts and (_is_resolved(model, step) or steps == MOST_STEPS):
            return Reached(model, Location.POINT, gradients, hessians)
        trial, gradients = model.point + step, gradients + 1
        better = np.linalg.norm(loss.value_and_gradient(trial)[1]) < np.linalg.norm(model.gradient)
        if steps == MOST_STEPS or not better:
            break
        model, hessians = inertia_model(loss, trial), hessians + 1
    if contracts:  # rounding prevents improvement
        return Reached(model, Location.POINT, gradients, hessians)
    return _elsewhere(loss, Reached(model, Location.FLAT, gradients, hessians))


def _elsewhere(loss: Loss, flat: Reached) -> Reached:
    away = runs_away(loss, flat.model)
    return Reached(flat.model, Location.RUNAWAY, flat.gradients, flat.hessians) if away else flat


def runs_away(loss: Loss, model: InertiaModel) -> bool:
    """Whether the loss decreases all the way out along theta, or along its component in the softest modes."""
    modes, below = loss.zero_modes, max(SOFT * model.inertia.largest, 100.0 * model.rounding.hessian)
    vectors = model.eigenvectors[:, model.eigenvalues <= below]
    whole = model.point - modes.T @ (modes @ model.point)
    soft = vectors @ (vectors.T @ whole)
    return runs_out(loss, model.point, model.value, soft, whole)


def _is_predicted(loss: Loss, model: InertiaModel, step: Array, side: float) -> bool:
    """Whether the gradient changes as the Hessian predicts, to a fifth of a step.

    The step is lengthened along the softest mode, to one side, until the change exceeds rounding.
    """
    visible = SIGNAL * model.rounding.gradient / abs(model.eigenvalues[model.softest])
    step = step + side * visible * model.eigenvectors[:, model.softest]
    _, gradient = loss.value_and_gradient(model.point + step)
    error = newton_step(model, gradient - model.gradient - model.product(step))
    return bool(np.linalg.norm(error) <= CONTRACTION * np.linalg.norm(step))


def _is_resolved(model: InertiaModel, step: Array) -> bool:
    """Whether Newton's step would lower the loss, or the gradient, by less than is visible."""
    negative = model.eigenvectors[:, model.eigenvalues < 0.0]
    uphill = float((negative.T @ model.gradient) @ (negative.T @ step))
    fall = 0.5 * (abs(float(model.gradient @ step) - uphill) + abs(uphill))
    small = np.linalg.norm(model.gradient) <= model.rounding.gradient
    return bool(fall <= VALUE_RESOLUTION * abs(model.value) or small)
