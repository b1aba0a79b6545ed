"""Whether there is a stationary point where a search ended, which a small gradient alone does not show.

A gradient is arbitrarily small far out where a loss levels off, and along flat directions. Newton's step detects a
stationary point: near a point it lands within h/2 of its own length from it, h <= 1/2 (Kantorovich; Ciarlet and
Mardare, Analysis and Applications 10, 249, 2012), whereas for a loss that decays like e^-r the next step is as long as
the one before and the same Hessian proposes 0.37 of it, for r^-k at least as much, in a valley x^4 0.30. Therefore the
step that the Hessian proposes after Newton's step must be at most a fifth as long (if rounding hides the gradient,
longer steps to either side are tried), and the predicted decrease of the loss must be below 1e-12 of it. Otherwise
further Newton steps are made.
"""

from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from landscape.descent._lbfgs import lbfgs
from landscape.descent._preconditioned import preconditioned_lbfgs
from landscape.losses import LARGE, Loss, Rounding
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    VALUE_RESOLUTION,
    LocalModel,
    Signs,
    StationaryPoint,
    local_model,
    rounding_of,
    signs_of,
    typed_point,
)
from landscape.support import Result

Array = NDArray[np.float64]

CONTRACTION = 0.2
SIGNAL = 10.0  # in units of the rounding of the gradient
MOST_STEPS = 12  # Newton steps
SOFT_SHARE = 0.1  # share of a step: modes along it are followed outward
FURTHER = (1.0, 10.0, 100.0)  # factor of the distance up to which a runaway loss must not rise
FAR, TRIES = 10.0, 300  # start of a minimization that searches for a bent path outward, and its gradients
SEEN = 1e-11  # relative to the loss: a difference larger than rounding


class Location(Enum):
    """What is at the end of a search."""

    POINT = "a stationary point"
    FLAT = "along some directions rounding hides both gradient and Hessian"
    RUNAWAY = "the loss decreases outward without bound"


@dataclass(frozen=True, eq=False)
class Located(Result, shows=("location", "model.value", "gradients", "hessians")):
    """The model at the point after the necessary Newton steps, and what is there."""

    model: LocalModel
    location: Location
    rounding: Rounding
    gradients: int
    hessians: int

    @property
    def signs(self) -> Signs:
        """Signs of the eigenvalues."""
        return signs_of(self.model.free, self.rounding.hessian)

    @property
    def point(self) -> StationaryPoint | None:
        """The point, a `Minimum` or `TransitionState` if it is one; None if there is none."""
        return typed_point(self.model, self.rounding.hessian) if self.location is Location.POINT else None


def locate(loss: Loss, model: LocalModel) -> Located:
    """Decide what is at the point of a model whose gradient is small.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the end of a Newton step.
    """
    rounding = rounding_of(loss, model, coarse=True)
    if not signs_of(model.free, rounding.hessian).flat:  # usually one gradient is enough
        step = -model.projections / model.eigenvalues
        back = -_visible(model, rounding) * np.copysign(1.0, step[_softest(model)])
        if _is_resolved(model, step, 0.0) and _is_predicted(loss, model, step, back):
            return Located(model, Location.POINT, rounding, 1, 0)
    return _settle(loss, model)


def _settle(loss: Loss, model: LocalModel) -> Located:
    """The same with sharper bounds on the rounding, to both sides, with Newton steps while they improve the point."""
    gradients = 0
    for hessians in range(MOST_STEPS + 1):
        rounding = rounding_of(loss, model)
        if signs_of(model.free, rounding.hessian).flat:
            soft = np.abs(model.eigenvalues) <= 100.0 * rounding.hessian
            return _elsewhere(loss, model, soft, Located(model, Location.FLAT, rounding, gradients, hessians))
        here = Located(model, Location.POINT, rounding, gradients, hessians)
        step = -model.projections / model.eigenvalues
        contracts = _contracts(loss, model, step, rounding)
        gradients += 2
        if contracts and (_is_resolved(model, step, rounding.gradient) or hessians == MOST_STEPS):
            return replace(here, gradients=gradients)
        if hessians < MOST_STEPS:
            trial = local_model(loss, model.point + model.eigenvectors @ step)
            if trial.rms_gradient < model.rms_gradient:
                model = trial
                continue
        what = Location.POINT if contracts else Location.FLAT  # rounding prevents improvement, or there is no point
        here = Located(model, what, rounding, gradients, hessians + 1)
        break
    soft = np.abs(step) >= SOFT_SHARE * np.abs(step).max()
    return here if contracts else _elsewhere(loss, model, soft, here)


def _contracts(loss: Loss, model: LocalModel, step: Array, rounding: Rounding) -> bool:
    """Whether the Hessian predicts the gradient after Newton's `step` (P,), in the eigenbasis, to a fifth of the step.

    The softest mode is added to either side until the change of the gradient exceeds its rounding.
    """
    visible = _visible(model, rounding)
    return all(_is_predicted(loss, model, step, more) for more in (visible, -visible))


def _softest(model: LocalModel) -> int:
    return int(np.argmin(np.abs(model.free)))  # zero modes come last


def _visible(model: LocalModel, rounding: Rounding) -> float:
    """Distance along the softest mode at which the gradient changes by more than its rounding."""
    return SIGNAL * rounding.gradient / abs(model.eigenvalues[_softest(model)])


def _is_predicted(loss: Loss, model: LocalModel, step: Array, more: float) -> bool:
    """Whether the gradient changes as the Hessian predicts after a step lengthened along the softest mode."""
    step = step.copy()
    step[_softest(model)] += more
    _, gradient = loss.value_and_gradient(model.point + model.eigenvectors @ step)
    error = (model.eigenvectors.T @ gradient - model.projections) / model.eigenvalues - step
    return bool(np.linalg.norm(error[~model.zero]) <= CONTRACTION * np.linalg.norm(step))


def _is_resolved(model: LocalModel, step: Array, rounding: float) -> bool:
    """Whether Newton's step would lower the loss, or the gradient, by less than is visible."""
    fall = 0.5 * np.abs(model.projections * step).sum()
    return bool(fall <= VALUE_RESOLUTION * abs(model.value) or np.linalg.norm(model.gradient) <= rounding)


def _elsewhere(loss: Loss, model: LocalModel, soft: NDArray[np.bool_], flat: Located) -> Located:
    """`flat`, or runaway along `soft` modes (P,), for a model that is not at a stationary point."""
    return replace(flat, location=Location.RUNAWAY) if runs_away(loss, model, soft) else flat


def runs_away(loss: Loss, model: LocalModel, soft: NDArray[np.bool_]) -> bool:
    """Whether the loss decreases all the way out along theta (P,), or along its component in the `soft` modes.

    It does if it is higher halfway back and rises nowhere straight ahead, up to a hundred times as far; or, because
    the path may bend, if a minimization from ten times as far out ends there and no higher. A penalty would make it
    rise.
    """
    soft_modes, modes = (model.eigenvectors[:, chosen & ~model.zero] for chosen in (soft, np.ones_like(soft)))
    part, whole = soft_modes @ (soft_modes.T @ model.point), modes @ (modes.T @ model.point)
    return runs_out(loss, model.point, model.value, part, whole)


def runs_out(loss: Loss, point: Array, value: float, part: Array, whole: Array) -> bool:
    """Whether the loss decreases outward from `point` (P,) along either vector (P,); the path along `part` may bend."""
    noise = SEEN * abs(value)
    with np.errstate(all="ignore"):
        if _falls(loss, point, value, part, noise) or _falls(loss, point, value, whole, noise):
            return True
        return _rises_back(loss, point, value, part, noise) and _bends_away(loss, point, value, part, noise)


def _rises_back(loss: Loss, point: Array, value: float, out: Array, noise: float) -> bool:
    return loss.value_and_gradient(point - 0.5 * out)[0] > value + noise


def _falls(loss: Loss, point: Array, value: float, out: Array, noise: float) -> bool:
    """Whether the loss is higher halfway back along `out` (P,) and rises nowhere further out."""
    if not _rises_back(loss, point, value, out, noise):
        return False
    further = [loss.value_and_gradient(point + times * out)[0] for times in FURTHER]
    return all(b <= a + noise for a, b in pairwise([value, *further]))


def _bends_away(loss: Loss, point: Array, value: float, out: Array, noise: float) -> bool:
    norm = np.linalg.norm(point)
    if np.linalg.norm(out) < 0.5 * norm:
        return False
    try:
        end, end_value = _further_out(loss, point + FAR * out)
    except FloatingPointError:
        return False
    return bool(end_value <= value + noise and np.linalg.norm(end) >= 0.5 * FAR * norm)


def _further_out(loss: Loss, start: Array) -> tuple[Array, float]:
    """Where a short minimization from far out ends, (P,), and the loss there."""
    if start.size > LARGE:
        by_gradients = lbfgs(loss, start, tolerance=GRADIENT_TOLERANCE, max_steps=TRIES)
        return by_gradients.point, by_gradients.value
    end = preconditioned_lbfgs(loss, start, tolerance=GRADIENT_TOLERANCE, max_step=1.0, max_gradients=TRIES).model
    return end.point, end.value
