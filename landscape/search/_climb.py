"""Uphill to a saddle by products with the Hessian: hybrid eigenvector following without an eigenproblem.

One mode is followed uphill and the loss minimized across it (Munro and Wales, Phys. Rev. B 59, 3969, 1999; Kumeda,
Munro and Wales, Chem. Phys. Lett. 341, 185, 2001): here the mode by Lanczos iterations that begin with the previous
one, and the step across it by conjugate gradients within a trust radius, preconditioned by factors of a Hessian where
they take many products. The Hessian is factorized for the last steps and for the certificate.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landscape.descent import Walked, inexact_step, newton_by
from landscape.losses import Loss
from landscape.stationary import Factorization, InertiaModel, factors_at, inertia_model, lanczos, products_of

Array = NDArray[np.float64]

FIRST_RADIUS, MIN_RADIUS, MAX_RADIUS = 0.3, 1e-3, 1.0
# errors of a predicted gradient, relative to the gradient: below the first a radius grows, above the second it shrinks,
# above the last the step is taken back
EXCELLENT, FAIR, POOR = 0.4, 1.0, 3.0
VISIBLE_DROP = 1e-13  # nats: a smaller drop is indistinguishable from rounding
LOOSEST = 0.1  # relative error of the mode's curvature and residual across it; falls with the root of the rms gradient
FOLLOWING, LOWEST = 24, 60  # products for the mode: before and after an eigenvalue is negative
STRAY = 0.3  # of the direction to follow, in random directions: they show where else an eigenvalue is negative
SEED = 21  # of these: results repeat
NEAR = 1e-6  # rms gradient below which factors of the Hessian pay
AGAIN = 0.1  # of the rms gradient of the last attempt: when the next is due


def climb(
    loss: Loss, theta: Array, direction: Array, *, tolerance: float, max_steps: int
) -> tuple[InertiaModel | None, int]:
    """Follow an eigenvector uphill from `theta` (P,) until the rms gradient is at most `tolerance`.

    Until an eigenvalue is negative it is the eigenvector with the largest overlap with `direction` (P,).

    Returns
    -------
    model : InertiaModel or None
        At the end; None after `max_steps` steps.
    hessians : int
        Number of Hessians.

    Raises
    ------
    FloatingPointError
        If the loss is not finite on the way.
    """
    walk, due = _Walk(loss, theta, direction), NEAR
    for _ in range(max_steps):
        if walk.here.rms_gradient <= tolerance or walk.stuck:
            break
        if walk.here.rms_gradient <= due:
            due = AGAIN * walk.here.rms_gradient
            if walk.polish(tolerance):
                break
        walk.step()
    else:
        return None, walk.hessians
    return inertia_model(loss, walk.here.point), walk.hessians + 1


class _Walk:
    """A point that climbs, its mode, and what its steps have learned."""

    def __init__(self, loss: Loss, theta: Array, direction: Array) -> None:
        self.loss, self.here = loss, _place(loss, theta)
        self.mode = direction / np.linalg.norm(direction)
        self.radius, self.hessians, self.stuck = FIRST_RADIUS, 0, False
        self._metric: Factorization | None = None
        self._rng, self._negative, self._idle = np.random.default_rng(SEED), False, 0

    def step(self) -> None:
        """One step, taken back if the Hessian does not predict the gradient after it."""
        product, here = products_of(self.loss, self.here.point), self.here
        accuracy = min(LOOSEST, np.sqrt(here.rms_gradient))
        curvature = self._follow(product, accuracy)
        along = _uphill(float(self.mode @ here.gradient), curvature)
        across, self._metric, hessians = inexact_step(
            self.loss, here.point, product, here.gradient, metric=self._metric, radius=self.radius, tolerance=accuracy,
            across=self.mode,
        )  # fmt: skip
        self.hessians += hessians
        step = along * self.mode + across.step
        step *= min(1.0, self.radius / max(float(np.linalg.norm(step)), 1e-300))
        there = _place(self.loss, here.point + step)
        if abs(float(step @ here.gradient)) < VISIBLE_DROP:  # only rounding is left to compare
            self._idle = 0 if there.rms_gradient < here.rms_gradient else self._idle + 1
            self.here, self.stuck = there, self._idle > 5
            return
        length = float(np.linalg.norm(step))
        error = float(np.linalg.norm(there.gradient - here.gradient - product(step)))
        error /= max(float(np.linalg.norm(here.gradient)), 1e-300)
        if error <= POOR or length <= 2.0 * MIN_RADIUS:
            self.here = there
        self.radius = next_radius(error, length, self.radius)

    def _follow(self, product: Callable[[Array], Array], accuracy: float) -> float:
        """Renew the mode and return its curvature."""
        start = self.mode
        if not self._negative:
            stray = self._rng.normal(size=start.size)
            modes = self.loss.zero_modes
            stray -= modes.T @ (modes @ stray)
            start = start + STRAY * stray / np.linalg.norm(stray)
        which, ritz = 0, None
        for ritz in lanczos(product, start, LOWEST if self._negative else FOLLOWING):
            which = 0 if ritz.values[0] < 0.0 else int(np.abs(ritz.turn.T @ (ritz.basis @ self.mode)).argmax())
            if ritz.errors[which] <= accuracy * abs(ritz.values[which]):
                break
        assert ritz is not None
        self._negative = bool(ritz.values[which] < 0.0)
        mode = ritz.vector(which)
        self.mode = mode if mode @ self.mode >= 0.0 else -mode
        return float(ritz.values[which])

    def polish(self, tolerance: float) -> bool:
        """Newton steps with the factors of one Hessian; False if they do not lead to a saddle of index 1 nearby."""
        factors = factors_at(self.loss, self.here.point)
        self.hessians += 1
        if factors is None or factors.negative != 1:
            return False
        self.here = newton_by(self.loss, factors, self.here, tolerance)
        return self.here.rms_gradient <= tolerance


def _place(loss: Loss, point: Array) -> Walked:
    value, gradient = loss.value_and_gradient(point)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        msg = f"the loss is not finite at a point with |theta| = {np.linalg.norm(point):.3g}"
        raise FloatingPointError(msg)
    return Walked(point, value, gradient, 0, 0)


def _uphill(slope: float, curvature: float) -> float:
    """Step along the mode (Wales 1994, equation 9): becomes the Newton step when the slope is small."""
    size = max(abs(curvature), 1e-12)
    ratio = 2.0 * slope / size
    return 2.0 * slope / (size * (1.0 + np.sqrt(1.0 + ratio * ratio)))


def next_radius(error: float, length: float, radius: float) -> float:
    """Trust radius after a step of this error and length."""
    if not error <= POOR:
        return max(0.5 * length, MIN_RADIUS)
    if error > FAIR:
        return max(0.6 * min(radius, 1.5 * length), MIN_RADIUS)
    return min(1.3 * radius, MAX_RADIUS) if error < EXCELLENT else radius
