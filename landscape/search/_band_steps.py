"""Steps of an elastic band: L-BFGS on all images together, in a metric of exact Hessians, within a trusted length."""

import numpy as np
from numpy.typing import NDArray

from landscape.descent import lbfgs_step
from landscape.losses import Loss
from landscape.stationary import local_model

Array = NDArray[np.float64]

MEMORY = 6  # pairs of L-BFGS
SAMPLES = 4  # images whose Hessians define the metric
FLOOR = 0.1  # relative to their mean absolute eigenvalue: softer directions count as this stiff
RENEW = 50  # steps between two updates of the metric
LARGEST_SIZE = 300  # parameters: beyond it a Hessian costs more than it saves
FIRST_STEP = 0.1  # of the trusted length without a metric
LONGER, SHORTER = 1.3, 0.25  # factors of the trusted length after a good and a bad step
POSITIVE = 1e-8  # cosine of step and change below which a pair is left out, because the force is not a gradient


class Metric:
    """The root W (P, P) of the inverse of the mean absolute Hessian: in W^-1 theta all directions are equally stiff.

    With it, bands of 20 images between minima of (2, 4, 4, 4, 4) reach about half the height at the same cost.
    """

    def __init__(self, loss: Loss, images: Array) -> None:
        chosen = np.unique(np.linspace(0, len(images) - 1, SAMPLES + 2)[1:-1].astype(int))
        mean = np.zeros((images.shape[1],) * 2)
        for image in images[chosen]:
            model = local_model(loss, image)
            mean += (model.eigenvectors * np.abs(model.eigenvalues)) @ model.eigenvectors.T / len(chosen)
        eigenvalues, vectors = np.linalg.eigh(mean)
        scale = np.sqrt(np.maximum(eigenvalues + FLOOR * eigenvalues.mean(), np.finfo(float).tiny))
        self.root, self.inverse = (vectors / scale) @ vectors.T, (vectors * scale) @ vectors.T
        self.hessians = len(chosen)


class Steps:
    """Proposes steps (K, P) for K images and learns from their results."""

    def __init__(self, loss: Loss, images: Array, longest: float) -> None:
        self.hessians = 0
        self._loss, self._longest, self._trusted = loss, longest, longest
        self._metric: Metric | None = None
        self._memory = np.empty((2, MEMORY, images.size))
        self._begin(images)

    @property
    def stuck(self) -> bool:
        """Whether even the shortest steps worsened the band."""
        return self._trusted < 1e-9 * self._longest

    def propose(self, force: Array) -> Array:
        """The L-BFGS step, limited to the trusted length for each image."""
        slope = force if self._metric is None else force @ self._metric.root
        if not self._pairs and self._metric is None:
            largest = max(float(np.linalg.norm(force, axis=1).max()), np.finfo(float).tiny)
            self._scale = np.full(force.size, FIRST_STEP * self._trusted / largest)
        memory = self._memory
        step, _, _ = lbfgs_step(-slope.ravel(), memory[0], memory[1], self._pairs, self._scale, np.inf)
        step = step.reshape(force.shape)
        if self._metric is not None:
            step = step @ self._metric.root
        length = max(float(np.linalg.norm(step, axis=1).max()), np.finfo(float).tiny)
        return step * min(1.0, self._trusted / length)

    def accept(self, images: Array, step: Array, change: Array) -> None:
        """Accept a step, along which the force decreased by `change` (K, P)."""
        self._trusted = min(LONGER * self._trusted, self._longest)
        self._age += 1
        if self._age >= RENEW and self._metric is not None:
            self._begin(images)
            return
        if self._metric is not None:
            step, change = step @ self._metric.inverse, change @ self._metric.root
        step, change = step.ravel(), change.ravel()
        curvature = float(step @ change)
        if curvature > POSITIVE * float(np.linalg.norm(step) * np.linalg.norm(change)):
            at = self._pairs % MEMORY
            self._memory[0, at], self._memory[1, at] = step, change
            self._pairs += 1
            self._scale = np.full(step.size, curvature / float(change @ change))

    def reject(self, images: Array, step: Array) -> None:
        """Reject a step that worsened the band: start again with shorter ones."""
        self._begin(images)
        self._trusted = SHORTER * min(self._trusted, float(np.linalg.norm(step, axis=1).max()))

    def _begin(self, images: Array) -> None:
        self._pairs, self._age, self._scale = 0, 0, np.ones(images.size)
        if images.shape[1] <= LARGEST_SIZE:
            self._metric = Metric(self._loss, images)
            self.hessians += self._metric.hessians
