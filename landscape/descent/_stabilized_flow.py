"""The gradient flow of a large network: an explicit method whose stages cover the stiff modes, without a Hessian.

Runge-Kutta-Chebyshev of order 2 (RKC; Sommeijer, Shampine and Verwer, J. Comput. Appl. Math. 88, 315, 1998): s stages,
a gradient each, are stable up to a time step of 0.65 s^2 over the largest curvature. Its error estimate controls the
time step as in `gradient_flow`, and so does the loss, which must not rise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from landscape.losses import Loss
from landscape.stationary import lanczos, products_of

Array = NDArray[np.float64]

DAMPING = 2.0 / 13.0
MOST_STAGES = 600
REACH = 1.54  # s >= 1 + sqrt(1 + REACH * time * largest curvature)
MARGIN = 1.05  # on the largest curvature
LARGEST_PRODUCTS, LARGEST_ERROR = 20, 0.02  # for it, and its relative error
RENEW = 10  # steps between two estimates of it
MAX_GROWTH, MAX_SHRINK, SAFETY = 5.0, 0.1, 0.8  # of the time step
FIRST = 1.0  # time step times the largest curvature
VISIBLE_RISE = 1e-13  # relative to the loss, or to 1 nat: possible increase by rounding


class Stages(NamedTuple):
    """Coefficients of the stages 1 to s: of the start, the two stages before, and the gradients (s + 1,) each."""

    first: float
    mu: Array
    nu: Array
    mu_gradient: Array
    start_gradient: Array


@lru_cache(maxsize=MOST_STAGES)
def stages(s: int) -> Stages:
    """Coefficients of RKC with `s` >= 2 stages: equations 2.2 to 2.8 of the paper."""
    w0 = 1.0 + DAMPING / s**2
    t, d, dd = np.ones(s + 1), np.zeros(s + 1), np.zeros(s + 1)  # Chebyshev polynomials and two derivatives at w0
    t[1], d[1] = w0, 1.0
    for j in range(2, s + 1):
        t[j] = 2.0 * w0 * t[j - 1] - t[j - 2]
        d[j] = 2.0 * t[j - 1] + 2.0 * w0 * d[j - 1] - d[j - 2]
        dd[j] = 4.0 * d[j - 1] + 2.0 * w0 * dd[j - 1] - dd[j - 2]
    w1 = d[s] / dd[s]
    b = np.empty(s + 1)
    b[2:] = dd[2:] / d[2:] ** 2
    b[:2] = b[2]
    a = 1.0 - b * t
    mu, nu, mu_gradient = np.zeros(s + 1), np.zeros(s + 1), np.zeros(s + 1)
    mu[2:], nu[2:] = 2.0 * w0 * b[2:] / b[1:-1], -b[2:] / b[:-2]
    mu_gradient[2:] = 2.0 * w1 * b[2:] / b[1:-1]
    return Stages(b[1] * w1, mu, nu, mu_gradient, -np.append(0.0, a[:-1]) * mu_gradient)


@dataclass(frozen=True, eq=False)
class ChebyshevStep:
    """A step of the flow: its two ends (P,), their losses and gradients, the time, and its estimated error (P,)."""

    begin: Array
    end: Array
    begin_gradient: Array
    end_gradient: Array
    value: float
    time: float
    error: Array
    evaluations: int


def stabilized_flow(
    loss: Loss, theta: Array, *, path_error: float, origin: Array | None = None
) -> Iterator[ChebyshevStep]:
    """Steps of the gradient flow from `theta` (P,), without end; `path_error` and `origin` as in `gradient_flow`.

    Raises
    ------
    FloatingPointError
        If the loss is not finite at the beginning, or no step is short enough.
    """
    value, gradient = loss.value_and_gradient(theta)
    point, largest = theta, _Largest(loss)
    curvature, evaluations = largest.at(theta)
    time = FIRST / max(curvature, np.finfo(float).tiny)
    while True:
        allowed = path_error * (1.0 if origin is None else min(1.0, float(np.linalg.norm(point - origin))))
        while True:
            curvature, products = largest.at(point)
            time = min(time, ((MOST_STAGES - 1) ** 2 - 1) / (REACH * max(curvature, np.finfo(float).tiny)))
            number = max(2, int(np.ceil(1.0 + np.sqrt(1.0 + REACH * time * curvature))))
            end, end_value, end_gradient = _advance(loss, point, gradient, time, stages(number))
            evaluations += number + products
            error = 0.8 * (point - end) - 0.4 * time * (gradient + end_gradient)
            size = float(np.linalg.norm(error))
            if size <= allowed and end_value <= value + VISIBLE_RISE * max(1.0, abs(value)):
                break
            largest.due = largest.age > 0
            time *= min(0.5, max(MAX_SHRINK, _factor(allowed, size)))
            if time * curvature < np.finfo(float).eps:
                msg = f"the gradient flow makes no step at a point with |theta| = {np.linalg.norm(point):.3g}"
                raise FloatingPointError(msg)
        yield ChebyshevStep(point, end, gradient, end_gradient, end_value, time, error, evaluations)
        point, value, gradient, evaluations = end, end_value, end_gradient, 0
        time *= min(MAX_GROWTH, _factor(allowed, size))
        largest.age += 1


class _Largest:
    """The largest curvature near the latest point."""

    def __init__(self, loss: Loss) -> None:
        self._loss, self._vector = loss, np.random.default_rng(0).normal(size=loss.n_parameters)
        self.value, self.age, self.due = 0.0, 0, True

    def at(self, point: Array) -> tuple[float, int]:
        """Estimate it again, with the number of products."""
        if self.age < RENEW and not self.due:
            return self.value, 0
        ritz = None
        for ritz in lanczos(products_of(self._loss, point), self._vector, LARGEST_PRODUCTS):
            which = int(np.abs(ritz.values).argmax())
            if ritz.errors[which] <= LARGEST_ERROR * abs(ritz.values[which]):
                break
        assert ritz is not None
        which = int(np.abs(ritz.values).argmax())
        self.value = MARGIN * float(abs(ritz.values[which]) + ritz.errors[which])
        self._vector, self.age, self.due = ritz.vector(which), 0, False
        return self.value, len(ritz.values)


@np.errstate(over="ignore", invalid="ignore")  # a trial far away, where the loss is not finite, is shortened
def _advance(loss: Loss, point: Array, gradient: Array, time: float, of: Stages) -> tuple[Array, float, Array]:
    """Last stage of a step, with the loss and the gradient there."""
    before, here = point, point - of.first * time * gradient
    value, slope = loss.value_and_gradient(here)
    for j in range(2, len(of.mu)):
        there = (1.0 - of.mu[j] - of.nu[j]) * point + of.mu[j] * here + of.nu[j] * before
        there -= time * (of.mu_gradient[j] * slope + of.start_gradient[j] * gradient)
        before, here = here, there
        value, slope = loss.value_and_gradient(here)
        if not np.isfinite(value):
            break
    return here, value, slope


def _factor(allowed: float, error: float) -> float:
    """Factor for the time step that makes its error, of order 3, the allowed one."""
    return SAFETY * (allowed / max(error, 1e-300)) ** (1.0 / 3.0) if np.isfinite(error) else MAX_SHRINK
