"""How far off its exact path a computed flow may be: the errors of its steps, carried along it."""

import numpy as np
from numpy.typing import NDArray

from landscape._flow import FlowStep

Array = NDArray[np.float64]

STIFF = 0.1  # of a step: what is stiff in it has died out by then


class Deviation:
    """The sum of the errors of the steps of a flow, each carried along it by d delta / dt = -Hessian delta.

    Neighboring paths approach each other across a valley and part where the curvature across the path is negative:
    there an error grows, and near a ridge it may decide which minimum the flow comes to. What is along the path is
    a shift in time, no deviation.

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
        velocity = np.exp(-STIFF * step.time * model.eigenvalues) * model.projections
        if (speed := float(np.linalg.norm(velocity))) > 0.0:
            delta = delta - velocity * (velocity @ delta) / speed**2
        delta = np.exp(-step.time * model.eigenvalues) * delta + step.error
        self._delta = model.eigenvectors @ delta
        distance = min(1.0, float(np.linalg.norm(step.end - self._origin)))
        self.largest = max(self.largest, float(np.linalg.norm(delta)) / max(distance, np.finfo(float).tiny))
