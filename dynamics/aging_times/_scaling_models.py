"""Scaling forms of a whole displacement curve Delta(tw, t), as functions to fit to its logarithm."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, optimize

Array = NDArray[np.float64]

COEFFICIENTS = 8  # of the cubic spline that stands for the unknown function F
HOLD = 1e-3  # keeps coefficients finite that no point determines
STEP = 1e-6  # of the finite differences
AT_LIMIT = 1e-4  # parameters nearer to a limit are at it, and those that change ln Delta less have no effect


@dataclass(frozen=True)
class Model:
    """Logarithm of Delta = F(ln x), combined with a stationary part; F is any smooth function.

    Parameters
    ----------
    variable : callable (theta, tw, t) -> (N,) ln x
    start, low, high : tuple of float
        Parameters theta at the beginning of the search, and their limits; the exponent mu is the first.
    combine : callable (theta, F, t) -> (N,) ln Delta
        How F and the stationary part make up the displacement.
    has_function : bool
        Whether there is an F; without one, theta is all.
    """

    variable: Callable[[Array, Array, Array], Array]
    start: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    combine: Callable[[Array, Array, Array], Array] = lambda _theta, function, _t: function
    has_function: bool = True

    def predict(self, phi: Array, tw: Array, t: Array, ends: tuple[float, float]) -> Array:
        """Logarithm (N,) of Delta for theta and the coefficients of F in `phi`, known between the `ends` of ln x."""
        theta = phi[: len(self.start)]
        x = self.variable(theta, tw, t)
        function = _basis(x, ends) @ phi[theta.size :] if self.has_function else x
        return self.combine(theta, function, t)


@dataclass(frozen=True)
class Fitted:
    """A model with its parameters: theta, and the coefficients of F between the `ends` of ln x."""

    model: Model
    phi: Array
    tw: Array
    t: Array
    held: NDArray[np.bool_]  # (p,) parameters that the points do not determine: at a limit, or without an effect

    @property
    def theta(self) -> Array:
        """Parameters other than those of F."""
        return self.phi[: len(self.model.start)]

    def predict(self, phi: Array, tw: Array, t: Array) -> Array:
        """Logarithm of Delta (N,) with other parameters; F spans the fitted points."""
        return self.model.predict(phi, tw, t, self._ends(phi))

    def within(self, tw: Array, t: Array) -> NDArray[np.bool_]:
        """Where (N,) F is known."""
        if not self.model.has_function:
            return np.ones(tw.shape, dtype=np.bool_)
        low, high = self._ends(self.phi)
        x = self.model.variable(self.theta, tw, t)
        return (x >= low) & (x <= high)

    def slopes(self, tw: Array, t: Array) -> Array:
        """Derivatives (N, p) of ln Delta by the parameters, 0 for those that are held."""
        steps = STEP * np.diag(~self.held)
        return np.stack(
            [(self.predict(self.phi + d, tw, t) - self.predict(self.phi - d, tw, t)) / (2 * STEP) for d in steps],
            axis=1,
        )

    def _ends(self, phi: Array) -> tuple[float, float]:
        x = self.model.variable(phi[: len(self.model.start)], self.tw, self.t)
        return float(x.min()), float(x.max())


def fit(model: Model, tw: Array, t: Array, y: Array, start: Array | None = None) -> Fitted:
    """Least squares of ln Delta `y` (N,), from the model's own start or from a fit to other points."""
    first = _first(model, tw, t, y) if start is None else start
    free = np.full(first.size - len(model.start), np.inf)
    low, high = np.concatenate([model.low, -free]), np.concatenate([model.high, free])
    none = Fitted(model, first, tw, t, np.zeros(first.size, dtype=np.bool_))

    def misfit(phi: Array) -> Array:
        return np.concatenate([none.predict(phi, tw, t) - y, HOLD * phi[len(model.start) :]])

    found: Any = optimize.least_squares(misfit, first, bounds=(low, high), x_scale="jac", max_nfev=100)
    loose = replace(none, phi=found.x)
    effect = np.abs(loose.slopes(tw, t)).max(axis=0)
    return replace(loose, held=(found.x - low < AT_LIMIT) | (high - found.x < AT_LIMIT) | (effect < AT_LIMIT))


def _first(model: Model, tw: Array, t: Array, y: Array) -> Array:
    """The model's start, with the F that fits best there."""
    theta = np.array(model.start)
    if not model.has_function:
        return _two_lines(theta, tw, t, y)
    x = model.variable(theta, tw, t)
    solution: Any = np.linalg.lstsq(_basis(x, (float(x.min()), float(x.max()))), y, rcond=None)
    return np.concatenate([theta, solution[0]])


def _two_lines(theta: Array, tw: Array, t: Array, y: Array) -> Array:
    """Levels of the two power laws that pass through the middle of the points."""
    levels = [np.median(y - theta[k + 2] * (np.log(t) - theta[k] * np.log(tw))) for k in (0, 1)]
    return np.concatenate([theta[:4], np.array(levels, dtype=np.float64), theta[6:]])


def _basis(x: Array, ends: tuple[float, float]) -> Array:
    """Cubic B-splines (N, `COEFFICIENTS`) at `x` (N,), constant beyond the ends."""
    low, high = ends
    knots = np.concatenate([[low] * 3, np.linspace(low, high, COEFFICIENTS - 2), [high] * 3])
    return interpolate.BSpline.design_matrix(np.clip(x, low, high), knots, 3).toarray()


def effective_time(mu: float, tw: Array, t: Array) -> Array:
    """Logarithm of [(tw + t)^(1 - mu) - tw^(1 - mu)] / (1 - mu), which is ln(1 + t / tw) for mu = 1."""
    ages, power = np.log1p(t / tw), 1.0 - mu
    grown = ages if abs(power) < 1e-8 else np.expm1(power * ages) / power
    return np.log(grown) + power * np.log(tw)


def _scaled(theta: Array, tw: Array, t: Array) -> Array:
    return np.log(t) - theta[0] * np.log(tw)


def _clock(theta: Array, tw: Array, t: Array) -> Array:
    return effective_time(float(theta[0]), tw, t)


def _both(theta: Array, tw: Array, t: Array) -> Array:
    """The lower of two power laws, rounded where they meet: theta = mu, mu2, a, a2, ln A, ln A2, ln sharpness."""
    sharp = np.exp(theta[6])
    lines = [theta[k + 4] + theta[k + 2] * (np.log(t) - theta[k] * np.log(tw)) for k in (0, 1)]
    return -np.logaddexp(-sharp * lines[0], -sharp * lines[1]) / sharp


MODELS: dict[str, Model] = {
    "stationary": Model(lambda _theta, _tw, t: np.log(t)),
    "simple aging": Model(lambda _theta, tw, t: np.log(t / tw)),
    "power law": Model(_scaled, (0.7,), (-1.0,), (3.0,)),
    "two power laws": Model(
        _both,
        (0.8, 0.4, 1.6, 0.5, 0.0, 0.0, 0.0),
        (-1.0, -1.0, 0.0, 0.0, -np.inf, -np.inf, -2.0),
        (3.0, 3.0, 3.0, 3.0, np.inf, np.inf, 3.0),
        has_function=False,
    ),
    "effective time": Model(_clock, (0.7,), (-1.0,), (3.0,)),
    "additive": Model(
        _clock,
        (0.7, -12.0, 0.5),
        (-1.0, -40.0, 0.0),
        (3.0, 5.0, 1.0),
        combine=lambda theta, function, t: np.logaddexp(theta[1] + theta[2] * np.log(t), function),
    ),
    "multiplicative": Model(
        _clock,
        (0.7, 0.1),
        (-1.0, 0.0),
        (3.0, 1.0),
        combine=lambda theta, function, t: theta[1] * np.log(t) + function,
    ),
}
