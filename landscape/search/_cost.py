"""How long one search of a loss takes, estimated from a few calls before any search begins."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.losses import LARGE, Loss
from landscape.networks import MLP
from landscape.search._searches import random_point
from landscape.support import one_thread

# gradients and Hessians of one search, of networks with 50 to 4000 parameters, within a factor of three
TYPICAL = {"lbfgs": (1000, 10), "flow": (700, 200), "transition state": (300, 150)}
# above LARGE: gradients, products included, and Hessians, factorized
TYPICAL_LARGE = {"lbfgs": (2000, 2), "flow": (6000, 4), "transition state": (20_000, 10)}
FACTORIZATION = 0.1  # of the time of the eigenvectors
EIGENPROBLEM = 400  # largest matrix that is decomposed for the estimate; the time grows with the third power
LONGEST = 10.0  # seconds: a Hessian of a module that would take longer is not computed, but estimated
GRADIENTS_PER_COLUMN = 3.0  # cost of a column of a module's Hessian


@dataclass(frozen=True)
class Cost:
    """What the calls of a loss cost, in seconds of one core.

    Attributes
    ----------
    parameters : int
        P.
    gradient : float
        Of a gradient.
    hessian : float
        Of a Hessian.
    eigenvectors : float
        Of the eigenvectors of a Hessian.
    """

    parameters: int
    gradient: float
    hessian: float
    eigenvectors: float

    @property
    def spectrum(self) -> float:
        """Of a Hessian with its eigenvectors."""
        return self.hessian + self.eigenvectors

    def seconds(self, search: str) -> float:
        """Of one search: "lbfgs" or "flow" (quenches), or "transition state". Within a factor of three or so."""
        if self.parameters <= LARGE:
            gradients, hessians = TYPICAL[search]
            return gradients * self.gradient + hessians * self.spectrum
        gradients, hessians = TYPICAL_LARGE[search]
        return gradients * self.gradient + hessians * (self.hessian + FACTORIZATION * self.eigenvectors)


def cost_of(loss: Loss, *, clock: Callable[[], float] = time.perf_counter) -> Cost:
    """Measure a gradient and a Hessian at a random start, and a small eigenproblem.

    A Hessian of a torch module that would take longer than ten seconds is estimated from the gradient. `clock` gives
    seconds.
    """
    point = random_point(loss, np.random.default_rng(0))
    with one_thread():
        loss.value_and_gradient(point)  # compiled
        gradient = _seconds(clock, loss.value_and_gradient, point)
        by_columns = hessian = GRADIENTS_PER_COLUMN * point.size * gradient
        if by_columns <= LONGEST or isinstance(loss.network, MLP):
            hessian = _seconds(clock, loss.value_gradient_hessian, point)
            if hessian > by_columns:  # it may have been compiled
                hessian = _seconds(clock, loss.value_gradient_hessian, point)
        size = min(point.size, EIGENPROBLEM)
        matrix = np.random.default_rng(0).normal(size=(size, size))
        eigenvectors = _seconds(clock, np.linalg.eigh, matrix + matrix.T)
    return Cost(point.size, gradient, hessian, eigenvectors * (point.size / size) ** 3)


def _seconds(clock: Callable[[], float], call: Callable[[Any], object], argument: Any) -> float:
    begin = clock()
    call(argument)
    return clock() - begin
