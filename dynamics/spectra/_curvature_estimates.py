"""Curvature along trajectories without matrices: Lanczos densities and noise alignment, with errors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.gradient_noise import estimate_alignment, minibatch_factor
from dynamics.runs import Trajectories
from dynamics.snapshots import Measurement, chosen_snapshots, loss_identity, measure_all, point_digest
from dynamics.spectra._lanczos import quadrature, unit_probes
from dynamics.spectra._spectral_density import SpectralDensity, density_of_rules
from dynamics.training import Optimizer
from landscape.losses import DataLoss
from landscape.support import Result, one_thread, whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CurvatureEstimates(
    Result,
    shows=("losses", "gradient_norms", "alignments", "n_parameters", "dimension"),
    axes={"K": "probe", "m": "node"},
):
    """Estimates of what `Curvature` holds, from K probes per point: S steps of R runs, M = P minus the zero modes.

    Parameters
    ----------
    runs : (R,) int64
        The runs.
    steps : (S,) int64
        The steps.
    n_parameters : int
        P.
    dimension : int
        M.
    losses : (R, S) float64
        Training loss in nats, exact.
    gradient_norms : (R, S) float64
        Norm of the gradient of the training loss, exact.
    nodes, weights, residuals : (R, S, K, m) float64
        Quadrature of every probe, as in `SpectralDensity`.
    noise : (R, S) float64
        Trace of the covariance of one row's gradient, exact.
    alignments : (R, S) float64
        Tr(C H) / (|C| |H|).
    alignment_errors : (R, S) float64
        Its standard error.
    curvature_noise : (R, S) float64
        Tr(C H) of one row's gradient.
    curvature_noise_errors : (R, S) float64
        Its standard error.
    rows : int
        Training rows N.
    learning_rate : float
        nan for optimizers other than SGD, whose noise has no effective temperature.
        As in `Curvature`.
    batch_size : int
        As in `Curvature`.
    replacement : bool
        As in `Curvature`.
    loss_unit : str
        As in `Curvature`.
    """

    runs: NDArray[np.int64]
    steps: NDArray[np.int64]
    n_parameters: int
    dimension: int
    losses: Array
    gradient_norms: Array
    nodes: Array
    weights: Array
    residuals: Array
    noise: Array
    alignments: Array
    alignment_errors: Array
    curvature_noise: Array
    curvature_noise_errors: Array
    rows: int
    learning_rate: float
    batch_size: int
    replacement: bool
    loss_unit: str = "nats"

    def density(self, run: int, step: int, width: float | None = None) -> SpectralDensity:
        """Spectral density of the `run`-th of the runs at the `step`-th of the steps (positions in the arrays)."""
        rules = (array[run, step] for array in (self.nodes, self.weights, self.residuals))
        return density_of_rules(self.dimension, *rules, width=width)

    @property
    def gradient_rms(self) -> Array:
        """|grad L| / sqrt(P), (R, S)."""
        return self.gradient_norms / np.sqrt(self.n_parameters)

    @property
    def negative_eigenvalues(self) -> tuple[Array, Array]:
        """Estimated number of negative eigenvalues and its standard error, both (R, S)."""
        return self._pairs(lambda density: density.negative_eigenvalues)

    @property
    def negative_bounds(self) -> tuple[Array, Array]:
        """Bounds on their number, see `SpectralDensity.negative_bounds`, both (R, S)."""
        return self._pairs(lambda density: density.negative_bounds)

    @property
    def negative_at_least(self) -> Array:
        """Certain lower bound on the number of negative eigenvalues, (R, S)."""
        return self._pairs(lambda density: (density.negative_at_least, 0.0))[0]

    @property
    def traces(self) -> tuple[Array, Array]:
        """Tr(H) and its standard error, both (R, S)."""
        return self._pairs(lambda density: density.trace)

    @property
    def largest(self) -> tuple[Array, Array]:
        """Largest eigenvalue and the residual of its Ritz pair, both (R, S)."""
        return self._pairs(lambda density: density.largest)

    @property
    def smallest(self) -> tuple[Array, Array]:
        """Smallest eigenvalue and the residual of its Ritz pair, both (R, S)."""
        return self._pairs(lambda density: density.smallest)

    @property
    def minibatch_factor(self) -> float:
        """From one row's covariance to that of a minibatch."""
        return minibatch_factor(self.rows, self.batch_size, replacement=self.replacement)

    @property
    def noise_traces(self) -> Array:
        """Tr of the covariance of the minibatch gradient, (R, S)."""
        return self.minibatch_factor * self.noise

    @property
    def temperatures(self) -> Array:
        """Effective temperature eta Tr(C) / (2 M), (R, S), in nats."""
        return 0.5 * self.learning_rate * self.noise_traces / self.dimension

    def _pairs(self, statistic: Callable[[SpectralDensity], tuple[float, float]]) -> tuple[Array, Array]:
        """Two numbers of every point, each (R, S)."""
        shape = self.losses.shape
        values = np.array([statistic(self.density(*index)) for index in np.ndindex(shape)], dtype=np.float64)
        return values[:, 0].reshape(shape), values[:, 1].reshape(shape)


def estimate_curvature(
    runs: Trajectories,
    loss: DataLoss,
    *,
    seed: int,
    steps: ArrayLike | None = None,
    replicas: ArrayLike | None = None,
    probes: int = 10,
    lanczos_steps: int = 80,
    optimizer: Optimizer | None = None,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> CurvatureEstimates:
    """Lanczos densities and noise alignment at snapshots of an ensemble.

    A point costs probes * (lanczos_steps + 1) products of the Hessian with a vector, and memory for `lanczos_steps`
    vectors instead of P.

    Parameters
    ----------
    runs, loss, steps, replicas, optimizer, path, jobs, progress
        As in `curvature`.
    seed : int
        Seed of the probes, which differ from point to point.
    probes : int
        Random vectors, as in `spectral_density`.
    lanczos_steps : int
        Hessian-vector products per random vector, as in `spectral_density`.

    Raises
    ------
    ValueError, FloatingPointError
        As in `curvature` and `spectral_density`.
    """
    chosen = chosen_snapshots(runs, loss, steps, replicas)
    optimizer = chosen.optimizer if optimizer is None else optimizer
    # raises errors before the work
    minibatch_factor(loss.data.rows, optimizer.batch_size, replacement=optimizer.replacement)
    identity = loss_identity(loss) | {
        "measurement": "curvature estimates",
        "version": 1,
        "seed": whole_number("seed", seed, 0),
        "probes": whole_number("probes", probes, 2),
        "lanczos_steps": whole_number("lanczos_steps", lanczos_steps, 2),
    }
    measured = measure_all(
        partial(estimate_at, loss=loss, identity=identity),
        chosen.points,
        identity,
        path=None if path is None else Path(path),
        jobs=jobs,
        progress=progress,
    )
    return CurvatureEstimates(
        runs=chosen.runs,
        steps=chosen.steps,
        n_parameters=loss.n_parameters,
        dimension=loss.n_parameters - len(loss.zero_modes),
        **{name: chosen.arrange([values[name] for values in measured]) for name in measured[0]},
        rows=loss.data.rows,
        learning_rate=optimizer.thermal_rate,
        batch_size=optimizer.batch_size,
        replacement=optimizer.replacement,
        loss_unit=loss.unit,
    )


def estimate_at(theta: Array, loss: DataLoss, identity: dict[str, int]) -> Measurement:
    """The fields of `CurvatureEstimates` for one point; the digest of the point seeds its probes."""
    rng = np.random.default_rng([identity["seed"], int(point_digest(theta, identity)[:16], 16)])
    starts = unit_probes(identity["probes"], theta.size, rng, loss.zero_modes)
    with one_thread():
        value, gradient = loss.value_and_gradient(theta)
        nodes, weights, residuals = quadrature(loss, theta, starts, identity["lanczos_steps"])
        products = np.array([loss.hessian_vector_product(theta, start) for start in starts])
        noise = estimate_alignment(loss, theta, starts, products)
    values = {
        "losses": value,
        "gradient_norms": np.linalg.norm(gradient),
        "nodes": nodes,
        "weights": weights,
        "residuals": residuals,
        "noise": noise.noise_trace,
        "alignments": noise.alignment,
        "alignment_errors": noise.alignment_error,
        "curvature_noise": noise.curvature_noise,
        "curvature_noise_errors": noise.curvature_noise_error,
    }
    return {name: np.asarray(number) for name, number in values.items()}
