"""Curvature along trajectories: exact spectra of the Hessian and the noise of the gradient, at chosen snapshots."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.gradient_noise import effective_temperatures, gradient_noise, minibatch_factor, noise_alignment
from dynamics.runs import Trajectories
from dynamics.snapshots import Measurement, chosen_snapshots, loss_identity, measure_all
from dynamics.training import Optimizer
from landscape.losses import DataLoss, sign_rounding
from landscape.stationary import local_model
from landscape.support import Result, one_thread

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curvature(
    Result,
    shows=("losses", "gradient_norms", "eigenvalues", "alignments", "learning_rate", "batch_size"),
    axes={"M": "mode"},
):
    """Hessian and gradient noise at S steps of R runs. M = P minus the zero modes of the loss.

    The Hessian and the gradient are those of the training loss over all rows, penalty included; the noise is that of
    the gradient of one row. Arrays are float64 unless stated otherwise.

    Parameters
    ----------
    runs : (R,) int64
        The runs.
    steps : (S,) int64
        The steps.
    losses : (R, S)
        Training loss, nats.
    gradient_norms : (R, S)
        |grad L|, over all rows and including the penalty. Herrera Segura et al. 2022 (arXiv 2209.02517) report it as
        0.02, 0.07 and 0.12 for one, two and three hidden layers; `gradient_rms` is smaller by sqrt(P).
    eigenvalues : (R, S, M)
        Eigenvalues of the exact Hessian, ascending.
    noise_eigenvalues : (R, S, P)
        Eigenvalues of the covariance of one row's gradient, ascending.
    mode_noise : (R, S, M)
        Variance of one row's gradient along the eigenvectors of the Hessian.
    alignments, isotropic_alignments, overlaps : (R, S)
        As in `NoiseAlignment`.
    leading : int
        Dimension k of the spaces of `overlaps`.
    rows : int
        Training rows N.
    learning_rate : float
        nan for optimizers other than SGD, whose noise has no effective temperature.
        eta of the runs.
    batch_size : int
        B of the runs.
    replacement : bool
        Whether minibatches are drawn with replacement.
    loss_unit : str
        Unit of the losses in words; empty for a squared error.
    """

    runs: NDArray[np.int64]
    steps: NDArray[np.int64]
    losses: Array
    gradient_norms: Array
    eigenvalues: Array
    noise_eigenvalues: Array
    mode_noise: Array
    alignments: Array
    isotropic_alignments: Array
    overlaps: Array
    leading: int
    rows: int
    learning_rate: float
    batch_size: int
    replacement: bool
    loss_unit: str = "nats"

    @property
    def n_parameters(self) -> int:
        """Number P of parameters."""
        return self.noise_eigenvalues.shape[-1]

    @property
    def gradient_rms(self) -> Array:
        """|grad L| / sqrt(P), (R, S)."""
        return self.gradient_norms / np.sqrt(self.n_parameters)

    @property
    def tolerances(self) -> Array:
        """Magnitude within which rounding leaves an eigenvalue no sign, (R, S)."""
        return sign_rounding(self.eigenvalues.shape[-1], np.abs(self.eigenvalues).max(axis=-1))

    @property
    def negative_eigenvalues(self) -> NDArray[np.int64]:
        """Number of negative eigenvalues, (R, S): those below minus `tolerances`."""
        return (self.eigenvalues < -self.tolerances[..., None]).sum(axis=-1)

    @property
    def negative_share(self) -> Array:
        """Their share of all M eigenvalues, (R, S)."""
        return self.negative_eigenvalues / self.eigenvalues.shape[-1]

    @property
    def negative_weight(self) -> Array:
        """Their share of the sum of magnitudes, (R, S): how much of the curvature is downward."""
        magnitudes = np.abs(self.eigenvalues)
        return (magnitudes * (self.eigenvalues < 0)).sum(axis=-1) / magnitudes.sum(axis=-1)

    @property
    def traces(self) -> Array:
        """Tr(H), (R, S)."""
        return self.eigenvalues.sum(axis=-1)

    @property
    def largest(self) -> Array:
        """Largest eigenvalue of H, (R, S); descent is unstable beyond 2 / learning_rate."""
        return self.eigenvalues[..., -1]

    @property
    def smallest(self) -> Array:
        """Smallest eigenvalue of H, (R, S)."""
        return self.eigenvalues[..., 0]

    @property
    def minibatch_factor(self) -> float:
        """From one row's covariance to that of a minibatch, see `dynamics.gradient_noise.minibatch_factor`."""
        return minibatch_factor(self.rows, self.batch_size, replacement=self.replacement)

    @property
    def noise_traces(self) -> Array:
        """Tr of the covariance of the minibatch gradient, (R, S)."""
        return self.minibatch_factor * self.noise_eigenvalues.sum(axis=-1)

    @property
    def mode_temperatures(self) -> Array:
        """T_i = eta C_ii / 2 of every mode of the Hessian, (R, S, M), in nats: see `effective_temperatures`."""
        return effective_temperatures(self.mode_noise, self.learning_rate, self.minibatch_factor)

    @property
    def temperatures(self) -> Array:
        """Effective temperature eta Tr(C) / (2 M), the mean over the modes, (R, S), in nats."""
        return self.mode_temperatures.mean(axis=-1)

    @property
    def curved_temperatures(self) -> Array:
        """Mean of T_i weighted by curvature, eta Tr(C H) / (2 Tr H), (R, S), in nats; nan if Tr H <= 0.

        Larger than `temperatures` if the noise is along the stiff modes.
        """
        weighted, traces = (self.mode_temperatures * self.eigenvalues).sum(axis=-1), self.traces
        return np.divide(weighted, traces, out=np.full_like(traces, np.nan), where=traces > 0)


def curvature(
    runs: Trajectories,
    loss: DataLoss,
    *,
    steps: ArrayLike | None = None,
    replicas: ArrayLike | None = None,
    optimizer: Optimizer | None = None,
    leading: int | None = None,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Curvature:
    """Exact Hessian spectra and gradient noise at snapshots of an ensemble.

    A point costs an exact Hessian, two eigendecompositions and N P^2 operations for the noise: milliseconds at P = 70,
    N = 1000; minutes at P = 4000, N = 60000, where `estimate_curvature` is cheaper.

    Parameters
    ----------
    runs : Trajectories
    loss : MLPLoss or TorchLoss
        The loss that they descend.
    steps : int array, optional
        Steps with a snapshot; by default 0 and up to ten more, evenly spaced in the logarithm.
    replicas : int array, optional
        The runs; by default all.
    optimizer : Optimizer, optional
        Its learning rate, batch size and minibatches set the scale of the noise; by default those of the runs.
    leading : int, optional
        Dimension of the leading spaces of noise and Hessian to compare; by default the number of classes, and one
        for a regression.
    path : path, optional
        Folder for finished points: a repeated call continues from there.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the loss is not that of the runs, there is no snapshot at a step, or a run does not exist.
    FloatingPointError
        If the loss is not finite at a snapshot.
    """
    chosen = chosen_snapshots(runs, loss, steps, replicas)
    optimizer = chosen.optimizer if optimizer is None else optimizer
    free = loss.n_parameters - len(loss.zero_modes)
    leading = min(max(loss.data.n_classes, 1), free) if leading is None else leading
    if not 1 <= leading <= free:
        msg = f"leading must be in 1 ... {free}, the number of eigenvalues; got {leading!r}"
        raise ValueError(msg)
    # raises errors before the work
    minibatch_factor(loss.data.rows, optimizer.batch_size, replacement=optimizer.replacement)
    measured = measure_all(
        partial(measure_exactly, loss=loss, leading=int(leading)),
        chosen.points,
        loss_identity(loss) | {"measurement": "exact curvature", "version": 1, "leading": int(leading)},
        path=None if path is None else Path(path),
        jobs=jobs,
        progress=progress,
    )
    return Curvature(
        runs=chosen.runs,
        steps=chosen.steps,
        **{name: chosen.arrange([values[name] for values in measured]) for name in measured[0]},
        leading=int(leading),
        rows=loss.data.rows,
        learning_rate=optimizer.thermal_rate,
        batch_size=optimizer.batch_size,
        replacement=optimizer.replacement,
        loss_unit=loss.unit,
    )


def measure_exactly(theta: Array, loss: DataLoss, leading: int) -> Measurement:
    """The fields of `Curvature` for one point."""
    with one_thread():
        model = local_model(loss, theta)
        kept = ~model.zero if model.zero.any() else slice(None)  # a slice copies no P^2 numbers
        noise = noise_alignment(
            gradient_noise(loss, theta), model.eigenvalues[kept], model.eigenvectors[:, kept], leading
        )
    values = {
        "losses": model.value,
        "gradient_norms": np.linalg.norm(model.gradient),
        "eigenvalues": model.eigenvalues[kept],
        "noise_eigenvalues": noise.noise_eigenvalues,
        "mode_noise": noise.mode_noise,
        "alignments": noise.alignment,
        "isotropic_alignments": noise.isotropic_alignment,
        "overlaps": noise.overlap,
    }
    return {name: np.asarray(value) for name, value in values.items()}
