"""Whether there is a stationary point where a search ended: what a small gradient alone does not say.

A gradient is as small as one likes far out where a loss levels off, and along flat directions. What tells a point that
is there is Newton's step: near a point it lands within h/2 of its own length from it, h <= 1/2 (Kantorovich; Ciarlet
and Mardare, Analysis and Applications 10, 249, 2012), while for a loss that falls like e^-r the next step is as long
as the one before and the same Hessian proposes 0.37 of it, for r^-k at least as much, in a valley x^4 0.30. So the
step that the Hessian proposes after Newton's step has to be a fifth as long, or the gradient within its rounding; and
the loss must be resolved, its predicted fall below 1e-12 of it. Where that does not hold, further Newton steps are
made until it does.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from landscape._rounding import Rounding
from landscape.losses import Loss
from landscape.stationary import LocalModel, StationaryPoint, local_model, rounding_of, signs_of, typed_point
from landscape.tolerances import VALUE_RESOLUTION

Array = NDArray[np.float64]

CONTRACTION = 0.2
MOST_STEPS = 12  # Newton steps
SOFT_SHARE = 0.1  # of a step: modes that it goes along are followed outwards
FURTHER = (1.0, 10.0, 100.0)  # times as far out, where a loss that runs away has risen nowhere
SEEN = 1e-11  # of the loss: a difference that rounding does not make


class Location(Enum):
    """What there is at the end of a search."""

    POINT = "a stationary point"
    FLAT = "along some directions neither gradient nor Hessian say anything"
    RUNAWAY = "the loss falls outwards for ever"


@dataclass(frozen=True, eq=False)
class Located:
    """The model at the point, after what Newton steps were needed, and what there is."""

    model: LocalModel
    location: Location
    rounding: Rounding
    gradients: int
    hessians: int

    @property
    def point(self) -> StationaryPoint | None:
        """The point, a `Minimum` or `TransitionState` where it is one; None where there is none."""
        return typed_point(self.model, self.rounding.hessian) if self.location is Location.POINT else None


def locate(loss: Loss, model: LocalModel) -> Located:
    """Decide what there is at the point of a model whose gradient is small.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the end of a Newton step.
    """
    gradients = 0
    for hessians in range(MOST_STEPS + 1):
        rounding = rounding_of(loss, model)
        if signs_of(model.free, rounding.hessian).flat:
            soft = np.abs(model.eigenvalues) <= 100.0 * rounding.hessian
            return _elsewhere(loss, model, soft, Located(model, Location.FLAT, rounding, gradients, hessians))
        here = Located(model, Location.POINT, rounding, gradients, hessians)
        if np.linalg.norm(model.gradient) <= rounding.gradient:
            return here
        step = -model.projections / model.eigenvalues
        contracts = _contracts(loss, model, step, rounding)
        gradients += 1
        if contracts and (_is_resolved(model, step) or hessians == MOST_STEPS):
            return replace(here, gradients=gradients)
        if hessians < MOST_STEPS:
            trial = local_model(loss, model.point + model.eigenvectors @ step)
            if trial.rms_gradient < model.rms_gradient:
                model = trial
                continue
        what = Location.POINT if contracts else Location.FLAT  # rounding keeps it from getting better, or it is none
        here = Located(model, what, rounding, gradients, hessians + 1)
        break
    soft = np.abs(step) >= SOFT_SHARE * np.abs(step).max()
    return here if contracts else _elsewhere(loss, model, soft, here)


def _contracts(loss: Loss, model: LocalModel, step: Array, rounding: Rounding) -> bool:
    """Whether the gradient after Newton's `step` (P,), in the eigenbasis, asks for a much shorter one."""
    _, gradient = loss.value_and_gradient(model.point + model.eigenvectors @ step)
    after = np.linalg.norm(model.eigenvectors.T @ gradient / model.eigenvalues)
    return bool(np.linalg.norm(gradient) <= rounding.gradient or after <= CONTRACTION * np.linalg.norm(step))


def _is_resolved(model: LocalModel, step: Array) -> bool:
    return bool(0.5 * np.abs(model.projections * step).sum() <= VALUE_RESOLUTION * abs(model.value))


def _elsewhere(loss: Loss, model: LocalModel, soft: NDArray[np.bool_], flat: Located) -> Located:
    """`flat`, or that the loss runs away along `soft` modes (P,) of a model that is no point."""
    return replace(flat, location=Location.RUNAWAY) if runs_away(loss, model, soft) else flat


def runs_away(loss: Loss, model: LocalModel, soft: NDArray[np.bool_]) -> bool:
    """Whether the loss falls all the way out along the part of theta that lies in the `soft` modes (P,).

    It does if it is higher half-way back and no higher up to a hundred times as far out. A penalty would make it rise.
    """
    modes = model.eigenvectors[:, soft & ~model.zero]
    out = modes @ (modes.T @ model.point)
    noise = SEEN * abs(model.value)
    with np.errstate(all="ignore"):
        back, _ = loss.value_and_gradient(model.point - 0.5 * out)
        further = [loss.value_and_gradient(model.point + times * out)[0] for times in FURTHER]
    return bool(back > model.value + noise and max(further) <= model.value + noise)
