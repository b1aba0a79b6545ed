"""How far off its exact path a computed flow may be: the errors of its steps, carried along it."""

import numpy as np
from numpy.typing import NDArray

from landscape.descent._flow import FlowStep

Array = NDArray[np.float64]

STIFF = 0.1  # of a step: what is stiff in it has died out by then
LAG = 0.5  # of the length on which the path is straight: below it what is along the path is a shift in time


class Deviation:
    """The sum of the errors of the steps of a flow, each carried along it by d delta / dt = -Hessian delta.

    Neighboring paths approach each other across a valley and part where the curvature across the path is negative:
    there an error grows, and near a ridge it may decide which minimum the flow comes to. What is along the path is
    a shift in time, no deviation, while it is short: not where the path falls off a ridge and the deviation reaches
    to the ridge's other side.

    Attributes
    ----------
    largest : float
        Its largest Euclidean length so far; within a distance of 1 from `origin` (P,) as a part of that distance.
    """

    def __init__(self, origin: Array) -> None:
        self.largest = 0.0
        self._origin = origin
        self._delta = np.zeros(origin.size)

    def carry(self, step: FlowStep) -> None:
        """Take one more step of the flow into account."""
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
    """Unit vector (P,) along the flow at the begin of a step, in the eigenbasis, and on what length it is straight.

    Of the velocity v that is left once the stiff modes have died out: a computed point lies off the slow manifold by
    the integrator's error, and the gradient there is mostly due to that. The length is v^2 / |dv/dt|: the radius of
    the bend, or the distance from a saddle that the path comes from: a flow on the saddle's other side lags behind by
    more than that.
    """
    eigenvalues = step.model.eigenvalues
    velocity = np.exp(-STIFF * step.time * eigenvalues) * step.model.projections
    tiny = float(np.finfo(float).tiny)
    speed = max(float(np.linalg.norm(velocity)), tiny)
    return velocity / speed, speed * speed / max(float(np.linalg.norm(eigenvalues * velocity)), tiny)
