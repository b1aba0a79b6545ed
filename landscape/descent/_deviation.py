"""How far a computed flow may be from its exact path: the errors of its steps, carried along it."""

import numpy as np
from numpy.typing import NDArray

from landscape.descent._flow import FlowStep
from landscape.descent._stabilized_flow import ChebyshevStep
from landscape.losses import Loss
from landscape.stationary import lanczos, products_of

Array = NDArray[np.float64]

STIFF = 0.1  # share of a step after which its stiff modes have decayed
KRYLOV, KRYLOV_ERROR = 40, 0.03  # most products for the decay in one step, and its relative error
GREATEST = 50.0  # logarithm of the growth in one step
LAG = 0.5  # share of the length on which the path is straight: a shorter component along the path is a shift in time


class Deviation:
    """The sum of the errors of the steps of a flow, each carried along it by d delta / dt = -Hessian delta.

    Neighboring paths converge in a valley and separate where the curvature across the path is negative: there an error
    grows, and near a ridge it may decide which minimum the flow reaches. A short component along the path is a shift
    in time, not a deviation, except where the path falls off a ridge and the deviation reaches the ridge's other side.

    Attributes
    ----------
    largest : float
        Its largest Euclidean length so far; within a distance of 1 from `origin` (P,), relative to that distance.
    """

    def __init__(self, origin: Array) -> None:
        self.largest = 0.0
        self._origin = origin
        self._delta = np.zeros(origin.size)

    def carry(self, step: FlowStep) -> None:
        """Include one more step of the flow."""
        model = step.model
        delta = model.eigenvectors.T @ self._delta
        direction, straight = slow_direction(step)
        lag = float(direction @ delta)
        if abs(lag) <= LAG * straight:
            delta = delta - lag * direction
        delta = np.exp(-step.time * model.eigenvalues) * delta + step.error
        self._delta = model.eigenvectors @ delta
        distance = min(1.0, float(np.linalg.norm(step.end - self._origin)))
        self.largest = max(self.largest, float(np.linalg.norm(delta)) / max(distance, np.finfo(float).tiny))


def slow_direction(step: FlowStep) -> tuple[Array, float]:
    """Unit vector (P,) along the flow at the beginning of a step, in the eigenbasis, and how long it is straight.

    Uses the velocity v that remains after the stiff modes have decayed: the integrator's error puts a computed point
    off the slow manifold, and this error dominates the gradient there. The length is v^2 / |dv/dt|: the radius of the
    bend, or the distance from a saddle that the path comes from; a flow on the saddle's other side lags behind by more
    than that.
    """
    eigenvalues = step.model.eigenvalues
    velocity = np.exp(-STIFF * step.time * eigenvalues) * step.model.projections
    tiny = float(np.finfo(float).tiny)
    speed = max(float(np.linalg.norm(velocity)), tiny)
    return velocity / speed, speed * speed / max(float(np.linalg.norm(eigenvalues * velocity)), tiny)


class KrylovDeviation:
    """The same for steps without a Hessian: exp(-time Hessian) acts in a Krylov space."""

    def __init__(self, loss: Loss, origin: Array) -> None:
        self.largest, self.products = 0.0, 0
        self._loss, self._origin = loss, origin
        self._delta = np.zeros(origin.size)
        self._before: tuple[Array, float] | None = None  # mean velocity and time of the last step

    def carry(self, step: ChebyshevStep) -> None:
        """Include one more step of the flow."""
        delta = self._without_lag(self._delta, step)
        self._delta = self._decayed(delta, step) + step.error
        distance = min(1.0, float(np.linalg.norm(step.end - self._origin)))
        self.largest = max(self.largest, float(np.linalg.norm(self._delta)) / max(distance, np.finfo(float).tiny))

    def _without_lag(self, delta: Array, step: ChebyshevStep) -> Array:
        velocity = (step.end - step.begin) / step.time
        speed = float(np.linalg.norm(velocity))
        before, self._before = self._before, (velocity, step.time)
        if before is None or speed == 0.0:
            return delta
        turn = float(np.linalg.norm(velocity - before[0])) / (0.5 * (step.time + before[1]))
        lag = float(velocity @ delta) / speed
        return delta - lag / speed * velocity if abs(lag) * turn <= LAG * speed**2 else delta

    def _decayed(self, delta: Array, step: ChebyshevStep) -> Array:
        if not delta.any():
            return delta
        found, ritz = np.zeros(1), None
        for ritz in lanczos(products_of(self._loss, step.begin), delta, KRYLOV):
            factors = np.exp(np.minimum(-step.time * ritz.values, GREATEST))
            found = ritz.turn @ (factors * ritz.turn[0])
            if len(found) > 1 and abs(found[-1]) <= KRYLOV_ERROR * np.linalg.norm(found):
                break
        assert ritz is not None
        self.products += len(found)
        return float(np.linalg.norm(delta)) * (found @ ritz.basis)
