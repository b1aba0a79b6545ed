"""Spectral density of a Hessian from products with vectors: stochastic Lanczos quadrature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.spectra._lanczos import EPSILON, Curved, quadrature, unit_probes
from landscape.losses import sign_rounding
from landscape.support import RNG, Result, whole_number

Array = NDArray[np.float64]

REACH = 6.0  # widths of the broadening beyond the outermost nodes: less than 1e-8 of the density is farther
FINEST = 100_000  # widths in the range of the nodes: the grid has four points per width


@dataclass(frozen=True, eq=False)
class SpectralDensity(
    Result, shows=("dimension", "width", "nodes"), axes={"K": "probe", "m": "node", "G": "eigenvalue"}
):
    """Estimate of the spectrum of a symmetric matrix of M dimensions from K random probes.

    Errors are standard errors over the probes: they include neither the finite number m of Lanczos steps (see
    `negative_bounds` and the residuals) nor the broadening.

    Parameters
    ----------
    dimension : int
        M: the number of parameters minus that of zero modes.
    nodes : (K, m) float64
        Nodes of the Gauss quadrature of every probe: Ritz values, ascending; nan if a probe needed fewer than m steps.
    weights : (K, m) float64
        Weights of the nodes, which sum to 1; 0 if a probe needed fewer than m steps.
    residuals : (K, m) float64
        Residuals of the Ritz pairs: an eigenvalue is within this distance of the node.
    width : float
        Standard deviation of the Gaussian that broadens every node.
    grid : (G,) float64
        Eigenvalues at which the density is given.
    density : (G,) float64
        Density of eigenvalues, with the integral 1.
    density_error : (G,) float64
        Its standard error.
    """

    dimension: int
    nodes: Array
    weights: Array
    residuals: Array
    width: float
    grid: Array
    density: Array
    density_error: Array

    def moment(self, order: int) -> tuple[float, float]:
        """Tr(H^order) and its standard error; without quadrature error for orders up to 2 m - 1."""
        return self._sum(np.nan_to_num(self.nodes) ** order * self.weights)

    @property
    def trace(self) -> tuple[float, float]:
        """Tr(H) and its standard error."""
        return self.moment(1)

    @property
    def tolerance(self) -> float:
        """Magnitude below which rounding hides the sign of a node."""
        return float(sign_rounding(self.dimension, np.nanmax(np.abs(self.nodes))))

    @property
    def negative_eigenvalues(self) -> tuple[float, float]:
        """Number of negative eigenvalues, M times the weight of negative nodes, and its standard error."""
        return self._sum(np.where(self.nodes < -self.tolerance, self.weights, 0.0))

    @property
    def negative_at_least(self) -> int:
        """Certain lower bound on the number of negative eigenvalues: the most negative Ritz values of one probe.

        The k-th Ritz value is not below the k-th eigenvalue (Cauchy's interlacing).
        """
        return int((self.nodes < -self.tolerance).sum(axis=1).max())

    @property
    def negative_bounds(self) -> tuple[float, float]:
        """Mean over the probes of the quadrature's bounds on the number of negative eigenvalues.

        The weight of a probe's measure below x is bounded by the weights of the nodes below x, without and with the
        one that is next to x on either side (the inequalities of Chebyshev, Markov and Stieltjes for Gauss quadrature;
        test_curvature.py compares with exact spectra). They are wide if many eigenvalues are near zero.
        """
        below = np.where(self.nodes < -self.tolerance, self.weights, 0.0)
        above = np.where(self.nodes >= -self.tolerance, self.weights, 0.0)
        counts = (self.nodes < -self.tolerance).sum(axis=1)
        rows = np.arange(len(counts))
        last = np.where(counts > 0, below[rows, counts - 1], 0.0)
        first = np.where(counts < self.nodes.shape[1], above[rows, np.minimum(counts, self.nodes.shape[1] - 1)], 0.0)
        low, high = (below.sum(axis=1) - last).mean(), (below.sum(axis=1) + first).mean()
        return float(self.dimension * low), float(self.dimension * min(high, 1.0))

    @property
    def smallest(self) -> tuple[float, float]:
        """Smallest eigenvalue and the residual of its Ritz pair; it may be lower, never higher."""
        k = np.nanargmin(self.nodes)
        return float(self.nodes.flat[k]), float(self.residuals.flat[k])

    @property
    def largest(self) -> tuple[float, float]:
        """Largest eigenvalue and the residual of its Ritz pair; it may be higher, never lower."""
        k = np.nanargmax(self.nodes)
        return float(self.nodes.flat[k]), float(self.residuals.flat[k])

    def _sum(self, terms: Array) -> tuple[float, float]:
        """M times the mean over the probes of the sum of `terms` (K, m), and the standard error."""
        sums = self.dimension * terms.sum(axis=1)
        return float(sums.mean()), float(sums.std(ddof=1) / np.sqrt(len(sums)))


def spectral_density(
    loss: Curved,
    theta: ArrayLike,
    *,
    rng: RNG = None,
    probes: int = 10,
    steps: int = 80,
    width: float | None = None,
) -> SpectralDensity:
    """Density of the eigenvalues of the Hessian at `theta` (P,), from probes * steps products with vectors.

    phi(x) = < sum_j w_j g(x - theta_j) >: for each probe v, uniform on the sphere, nodes and weights of the Gauss
    quadrature of v^T f(H) v (eigenvalues of Lanczos' tridiagonal matrix, squared first components of its
    eigenvectors), broadened by a Gaussian g.

    Source: Chen, Trogdon and Ubaru (arXiv 2105.06595) analyze the method with probes from the sphere; for networks
    Ghorbani, Krishnan and Xiao (arXiv 1901.10159).

    Parameters
    ----------
    loss : Curved
    theta : (P,)
    rng : None, int or Generator
        Of the probes.
    probes : int
        K >= 2; errors fall as 1 / sqrt(K).
    steps : int
        Lanczos steps m per probe, >= 2; at most the dimension is used. The resolution is about the range over m.
    width : float, optional
        Standard deviation of the broadening; by default the range of the nodes over m.

    Raises
    ------
    ValueError
        If an argument is out of range.
    FloatingPointError
        If a product is not finite.
    """
    rng = np.random.default_rng(rng)
    starts = unit_probes(whole_number("probes", probes, 2), loss.n_parameters, rng, loss.zero_modes)
    return density_of_rules(loss.n_parameters - len(loss.zero_modes), *quadrature(loss, theta, starts, steps), width)


def density_of_rules(
    dimension: int, nodes: Array, weights: Array, residuals: Array, width: float | None = None
) -> SpectralDensity:
    """Broaden the result of `quadrature`; `width` as in `spectral_density`.

    Raises
    ------
    ValueError
        If the width is not positive, or so small that the grid would have more than half a million points.
    """
    width = _default_width(nodes) if width is None else width
    finest = float(np.nanmax(nodes) - np.nanmin(nodes)) / FINEST
    if not (np.isfinite(width) and width > 0 and width >= finest):
        msg = f"width must be positive, finite and at least {finest:.3g}, a {FINEST}th of the range; got {width!r}"
        raise ValueError(msg)
    grid = _grid(nodes, width)
    densities = np.array([broadened(n, grid, width, w) for n, w in zip(nodes, weights, strict=True)])
    error = densities.std(axis=0, ddof=1) / np.sqrt(len(densities))
    return SpectralDensity(dimension, nodes, weights, residuals, width, grid, densities.mean(axis=0), error)


def broadened(eigenvalues: ArrayLike, grid: ArrayLike, width: float, weights: ArrayLike | None = None) -> Array:
    """Density (G,) of eigenvalues (M,), each a Gaussian of standard deviation `width`, with equal or given weights."""
    values, x = np.asarray(eigenvalues, dtype=np.float64), np.asarray(grid, dtype=np.float64)
    shares = np.full(values.size, 1.0 / values.size) if weights is None else np.asarray(weights, dtype=np.float64)
    used = shares > 0
    scaled = (x[:, None] - values[used]) / width
    return np.exp(-0.5 * scaled**2) @ shares[used] / (np.sqrt(2.0 * np.pi) * width)


def _default_width(nodes: Array) -> float:
    """Range of the nodes over the number of steps; without a range, a thousandth of the magnitude."""
    low, high = np.nanmin(nodes), np.nanmax(nodes)
    return max(float(high - low) / nodes.shape[1], 1e-3 * float(max(abs(low), abs(high))), float(EPSILON))


def _grid(nodes: Array, width: float) -> Array:
    """Abscissas a quarter of the width apart, far enough out for all of the density."""
    low, high = np.nanmin(nodes) - REACH * width, np.nanmax(nodes) + REACH * width
    return np.linspace(low, high, int(np.ceil(4.0 * (high - low) / width)) + 1)
