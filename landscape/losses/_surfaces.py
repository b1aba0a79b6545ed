"""Surfaces with known minima, transition states and connections, for testing searches and for learning."""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph import LandscapeGraph
from landscape.networks import MLP

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class KnownPoints(NamedTuple):
    """Stationary points of a surface, and the minima that each transition state connects."""

    minima: Floats  # (n, P)
    minimum_values: Floats  # (n,)
    transition_states: Floats  # (m, P)
    transition_values: Floats  # (m,)
    edges: Integers  # (m, 2)

    @property
    def graph(self) -> LandscapeGraph:
        """The graph of these minima and transition states."""
        return LandscapeGraph(self.minimum_values, self.transition_values, self.edges)


class Surface:
    """A function of P coordinates without symmetries that follows the `Loss` protocol."""

    network: MLP | None = None

    def __init__(self, n_parameters: int) -> None:
        self.n_parameters = n_parameters
        self.zero_modes = np.zeros((0, n_parameters))

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Floats]:
        """Value and gradient (P,) at `theta` (P,)."""
        return self.value_gradient_hessian(theta)[:2]

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Floats, Floats]:
        """Value, gradient (P,) and Hessian (P, P) at `theta` (P,)."""
        raise NotImplementedError

    def _point(self, theta: ArrayLike) -> Floats:
        theta = np.asarray(theta, dtype=np.float64)
        if theta.shape != (self.n_parameters,):
            msg = f"theta must have shape ({self.n_parameters},) for this surface; got {theta.shape}"
            raise ValueError(msg)
        return theta


class MuellerBrown(Surface):
    """The surface of Mueller and Brown, Theor. Chim. Acta 53, 75 (1979): 3 minima, 2 transition states.

    Parameters
    ----------
    scale : float
        Factor that multiplies the original surface, whose values are of order 100.
    """

    _heights = np.array([-200.0, -100.0, -170.0, 15.0])
    _a = np.array([-1.0, -1.0, -6.5, 0.7])
    _b = np.array([0.0, 0.0, 11.0, 0.6])
    _c = np.array([-10.0, -10.0, -6.5, 0.7])
    _centers = np.array([[1.0, 0.0], [0.0, 0.5], [-0.5, 1.5], [-1.0, 1.0]])

    def __init__(self, scale: float = 0.01) -> None:
        super().__init__(2)
        if not (np.isfinite(scale) and scale > 0.0):
            msg = f"scale must be a positive number; got {scale!r}"
            raise ValueError(msg)
        self.scale = float(scale)

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Floats, Floats]:
        """Value, gradient (2,) and Hessian (2, 2) at `theta` (2,); far away they are not finite."""
        x, y = (self._point(theta) - self._centers).T
        with np.errstate(over="ignore", invalid="ignore"):
            exponent = self._a * x * x + self._b * x * y + self._c * y * y
            terms = self.scale * self._heights * np.exp(exponent)
            slope = np.array([2 * self._a * x + self._b * y, self._b * x + 2 * self._c * y])
            curvature = np.array([[2 * self._a, self._b], [self._b, 2 * self._c]])
            hessian = np.einsum("k,ik,jk->ij", terms, slope, slope) + curvature @ terms
            return float(terms.sum()), slope @ terms, hessian

    def known_points(self) -> KnownPoints:
        """The stationary points, lowest first: positions to 1e-6, values to 1e-5 of the original surface.

        Computed here by solving for a vanishing gradient; test_surfaces.py checks the gradient, the signs of the
        eigenvalues and the connections. To three decimals they are the values commonly quoted for this surface.
        """
        return KnownPoints(
            np.array([[-0.558224, 1.441726], [0.623499, 0.028038], [-0.050011, 0.466694]]),
            self.scale * np.array([-146.69952, -108.16672, -80.76782]),
            np.array([[0.212487, 0.292988], [-0.822002, 0.624313]]),
            self.scale * np.array([-72.24894, -40.66484]),
            np.array([[1, 2], [0, 2]]),
        )


class DoubleWells(Surface):
    """A sum over d coordinates of double wells: h ((x^2 - 1)^2 - 4 t (x^3 / 3 - x)).

    The slope is 4 h (x^2 - 1) (x - t): each coordinate has its minima at -1 and 1, with values -+ 8 h t / 3,
    and its top at t, with value h (1 - t^2)^2 + 4 h t^2 (1 - t^2 / 3). So there are 2^d minima,
    d 2^(d-1) transition states (one coordinate on its top) that connect the two minima on either side, and
    the gradient flow from x ends at the signs of x - t.

    Parameters
    ----------
    heights : (d,) array
        h > 0 of each coordinate.
    tilts : (d,) array or float
        t of each coordinate, between -1 and 1.

    Raises
    ------
    ValueError
        If a height is not positive, or a tilt not between -1 and 1.
    """

    def __init__(self, heights: ArrayLike, tilts: ArrayLike = 0.0) -> None:
        self.heights = np.array(heights, dtype=np.float64)
        if self.heights.ndim != 1 or not self.heights.size or not (self.heights > 0.0).all():
            msg = f"heights must be positive, one for each coordinate; got {heights!r}"
            raise ValueError(msg)
        super().__init__(self.heights.size)
        self.tilts = np.broadcast_to(np.asarray(tilts, dtype=np.float64), self.heights.shape).copy()
        if not (np.abs(self.tilts) < 1.0).all():
            msg = f"tilts must be between -1 and 1; got {tilts!r}"
            raise ValueError(msg)

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Floats, Floats]:
        """Value, gradient (d,) and Hessian (d, d) at `theta` (d,)."""
        x, h, t = self._point(theta), self.heights, self.tilts
        gradient = 4.0 * h * (x * x - 1.0) * (x - t)
        curvature = h * (12.0 * x * x - 8.0 * t * x - 4.0)
        return float(self._values(x).sum()), gradient, np.diag(curvature)

    def _values(self, x: Floats) -> Floats:
        """Value (..., d) of each coordinate."""
        return self.heights * ((x * x - 1.0) ** 2 - 4.0 * self.tilts * (x**3 / 3.0 - x))

    def known_points(self) -> KnownPoints:
        """All minima and transition states, in closed form."""
        d = self.n_parameters
        minima = np.array(list(product([-1.0, 1.0], repeat=d)))
        number = {tuple(corner): i for i, corner in enumerate(minima.tolist())}
        states, edges = [], []
        for i in range(d):
            for corner in minima[minima[:, i] < 0.0]:
                state, other = corner.copy(), corner.copy()
                state[i], other[i] = self.tilts[i], 1.0
                states.append(state)
                edges.append((number[tuple(corner.tolist())], number[tuple(other.tolist())]))
        points = np.array(states)
        return KnownPoints(
            minima, self._values(minima).sum(axis=1), points, self._values(points).sum(axis=1), np.array(edges)
        )

    def basin(self, theta: ArrayLike) -> Floats:
        """The minimum (d,) that the gradient flow from `theta` (d,) leads to."""
        return np.where(self._point(theta) > self.tilts, 1.0, -1.0)
