"""Aging without barriers: runs that slide down soft modes, as predicted by a quadratic model of the loss.

A run at theta(tw) in a quadratic well around theta_0 with Hessian eigenvalues lambda_i moves, by gradient descent, by

    MSD(tw, t) = (1 / P) sum_i c_i(tw)^2 (1 - (1 - eta lambda_i)^t)^2,    c_i = v_i . (theta(tw) - theta_0).

and its loss changes by sum_i lambda_i c_i^2 ((1 - eta lambda_i)^(2 t) - 1) / 2. Along modes of negative curvature this
has no lower bound, but the loss has: none of data is below zero. If the model predicts less than zero, it has run
away, and its exponentially growing displacement is meaningless (`Relaxation.ran_away`).

Derived here (tested by `test_full_batch_descent_in_a_quadratic_well_is_predicted_exactly` and
`test_the_loss_of_a_quadratic_model`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from bridge.explanation._clock import plain_learning_rate
from dynamics.displacement import MeanSquareDisplacement
from dynamics.runs import Trajectories
from dynamics.snapshots import check_loss
from landscape.losses import DataLoss, Loss
from landscape.stationary import LocalModel, local_model
from landscape.support import Result, one_thread, run_tasks

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Model = Literal["minimum", "local"]

MAX_EXPONENT = 100.0  # limit of the growth along modes of negative curvature, beyond any threshold

FLAT = 1e-30  # in place of an eigenvalue of exactly zero


@dataclass(frozen=True, eq=False)
class Relaxation(Result, shows=("model", "learning_rate", "anharmonicity", "msd.values"), axes={"T": "lag"}):
    """Relaxation predicted by quadratic models, for R runs and W waiting times.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Predicted displacement, for `dynamics.aging` and `dynamics.aging_times.agreement`.
    model : {"minimum", "local"}
        Where the loss was expanded: at a minimum, or at the snapshot theta(tw) itself.
    eigenvalues : (R, W, P) float64
        lambda_i, ascending. Zero modes of the loss have 0.
    components : (R, W, P) float64
        c_i. Zero modes of the loss have 0.
    anharmonicity : (R, W) float64
        |g - H (theta(tw) - theta_0)| / |g|, g the gradient at theta(tw): 0 in a quadratic well. nan for "local", which
        has this gradient by construction.
    learning_rate : float
    ran_away : (R, W, T) bool
        Whether the predicted loss is below zero. Never for a loss that is not one of data.
    """

    msd: MeanSquareDisplacement
    model: Model
    eigenvalues: Array
    components: Array
    anharmonicity: Array
    learning_rate: float
    ran_away: Flags

    @property
    def known(self) -> Flags:
        """Whether there is a prediction (R, W), which requires a known minimum to expand around."""
        return np.all(np.isfinite(self.components), axis=-1)

    @property
    def negative(self) -> NDArray[np.int64]:
        """Number (R, W) of negative eigenvalues: along these the runs accelerate."""
        return (self.eigenvalues < 0).sum(axis=-1)

    @property
    def zero(self) -> NDArray[np.int64]:
        """Number (R, W) of zero modes: they never move."""
        return (self.eigenvalues == 0).sum(axis=-1)

    @property
    def unstable(self) -> NDArray[np.int64]:
        """Number (R, W) of modes with eta lambda > 2: steps of this size do not converge along them."""
        return (self.learning_rate * self.eigenvalues > 2).sum(axis=-1)

    @property
    def distances(self) -> Array:
        """|theta(tw) - theta_0|, (R, W)."""
        return np.linalg.norm(self.components, axis=-1)


def harmonic_displacement(
    components: ArrayLike, eigenvalues: ArrayLike, lags: ArrayLike, learning_rate: float, *, discrete: bool = False
) -> Array:
    """Displacement (..., T) per parameter after `lags` (T,) steps in a quadratic well.

    Parameters
    ----------
    components : (..., P)
        c_i.
    eigenvalues : (..., P)
        lambda_i. Growth, where lambda_i < 0, ends at a factor e^100.
    lags : (T,)
        Steps.
    learning_rate : float
    discrete : bool
        Steps of gradient descent, (1 - eta lambda)^t; otherwise the gradient flow, exp(-eta lambda t). They differ if
        eta lambda is not small: for stiff modes, which relax before any relevant lag. The steps diverge if eta lambda
        > 2.
    """
    moved = _moved(eigenvalues, lags, learning_rate, discrete=discrete)
    return ((np.asarray(components, dtype=np.float64)[..., None, :] * moved) ** 2).mean(axis=-1)


def harmonic_loss_change(
    components: ArrayLike, eigenvalues: ArrayLike, lags: ArrayLike, learning_rate: float, *, discrete: bool = False
) -> Array:
    """Change (..., T) of the loss in nats in a quadratic well; arguments as in `harmonic_displacement`."""
    moved = _moved(eigenvalues, lags, learning_rate, discrete=discrete)
    c, lam = (np.asarray(array, dtype=np.float64)[..., None, :] for array in (components, eigenvalues))
    return 0.5 * ((lam * c) * (c * moved) * (moved + 2.0)).sum(axis=-1)


def _moved(eigenvalues: ArrayLike, lags: ArrayLike, learning_rate: float, *, discrete: bool) -> Array:
    """Distance (..., T, P) that each mode has moved, in units of its component."""
    lam = np.asarray(eigenvalues, dtype=np.float64)[..., None, :]
    t = np.asarray(lags)[:, None]
    if discrete:
        step = learning_rate * lam
        beyond = step > 1.0  # the step overshoots the bottom
        with np.errstate(divide="ignore"):
            exponent = np.minimum(np.log1p(np.where(beyond, step - 2.0, -step)) * t, MAX_EXPONENT)
        return np.where(beyond & (t % 2 == 1), -np.exp(exponent) - 1.0, np.expm1(exponent))
    return np.expm1(np.minimum(-learning_rate * lam * t, MAX_EXPONENT))


def relaxation(
    runs: Trajectories,
    loss: Loss,
    minima: ArrayLike | None = None,
    *,
    discrete: bool = False,
    partial: bool = False,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Relaxation:
    """Predict the displacement of each run from theta(tw) on by relaxation in a quadratic well.

    Parameters
    ----------
    runs : Trajectories
        Runs by plain SGD: constant learning rate, no momentum.
    loss : Loss
        The loss that they descend, including its penalty; checked for a loss of data.
    minima : (R, P) or (R, W, P) array, optional
        Minima to expand around: the final one of each run, or that of each waiting time (`quenched_snapshots`), in the
        same image. By default the loss is expanded at theta(tw) itself, with c_i = g_i / lambda_i and its gradient g.
    discrete : bool
        See `harmonic_displacement`.
    partial : bool
        Whether `minima` may contain nan for quenches without a minimum: those runs and waiting times have no
        prediction (nan). Otherwise nan raises an error.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total) of runs, optional

    Raises
    ------
    ValueError
        If the loss is not that of the runs, `minima` have another shape or are not finite, or the runs were not made
        by plain SGD.
    """
    if isinstance(loss, DataLoss):
        check_loss(runs, loss)
    rate = plain_learning_rate(runs)
    starts = snapshots_at(runs, runs.waiting_times)
    centers: Any = [None] * runs.replicas if minima is None else _centers(minima, starts, partial=partial)
    tasks = (delayed(_expand)(loss, points, center) for points, center in zip(starts, centers, strict=True))
    results = list(run_tasks(tasks, runs.replicas, jobs=jobs, progress=progress))
    eigenvalues, components, anharmonicity, losses = (np.array(part) for part in zip(*results, strict=True))
    values = harmonic_displacement(components, eigenvalues, runs.lags, rate, discrete=discrete)
    predicted = losses[..., None] + harmonic_loss_change(components, eigenvalues, runs.lags, rate, discrete=discrete)
    beyond = runs.waiting_times[:, None] + runs.lags > runs.steps[-1]
    values[:, beyond] = np.nan
    msd = MeanSquareDisplacement(runs.waiting_times, runs.lags, values, runs.metadata)
    return Relaxation(
        msd=msd,
        model="local" if minima is None else "minimum",
        eigenvalues=eigenvalues,
        components=components,
        anharmonicity=anharmonicity,
        learning_rate=rate,
        ran_away=(predicted < 0) & ~beyond & isinstance(loss, DataLoss),
    )


def snapshots_at(runs: Trajectories, steps: ArrayLike) -> Array:
    """Snapshots (R, S, P) of all runs at `steps` (S,), in float64."""
    runs.check_recorded(steps)
    at = np.searchsorted(runs.steps, steps)
    return np.array([np.asarray(runs.snapshots[r])[at] for r in range(runs.replicas)], dtype=np.float64)


def _centers(minima: ArrayLike, starts: Array, *, partial: bool) -> Array:
    centers = np.asarray(minima, dtype=np.float64)
    if centers.ndim == 2:
        centers = np.broadcast_to(centers[:, None], (len(centers), *starts.shape[1:]))
    finite = np.isfinite(centers).all() or (partial and not np.isinf(centers).any())
    if centers.shape != starts.shape or not finite:
        msg = (
            f"minima must be finite with shape {starts[:, 0].shape} or {starts.shape}; got shape "
            f"{np.shape(minima)}" + ("" if finite else " with nan: some quench found no minimum")
        )
        raise ValueError(msg)
    return centers


def _expand(loss: Loss, points: Array, centers: Array | None) -> tuple[Array, ...]:
    """Eigenvalues, components (W, P), anharmonicity and modeled loss at theta(tw) (W,) of one run."""
    with one_thread():
        if centers is None:
            results = [_at_point(local_model(loss, theta)) for theta in points]
        else:
            different, index = np.unique(centers, axis=0, return_inverse=True)
            models = [None if np.isnan(center).any() else local_model(loss, center) for center in different]
            results = [_around(models[k], loss, theta) for k, theta in zip(index.ravel(), points, strict=True)]
    return tuple(np.array(part) for part in zip(*results, strict=True))


def _at_point(model: LocalModel) -> tuple[Array, Array, float, float]:
    """Expansion at theta(tw): a virtual stationary point at a distance -g_i / lambda_i along each mode."""
    # along a flat mode with a slope it is infinitely far away: (g / lambda) (exp(-lambda t) - 1) still becomes -g t
    values = np.where(model.eigenvalues == 0, FLAT, model.eigenvalues)
    components = np.where(model.zero, 0.0, model.projections / values)
    return np.where(model.zero, 0.0, values), components, float("nan"), model.value


def _around(model: LocalModel | None, loss: Loss, theta: Array) -> tuple[Array, Array, float, float]:
    if model is None:
        nothing = np.full(theta.shape, np.nan)
        return nothing, nothing, float("nan"), float("nan")
    components = np.where(model.zero, 0.0, model.eigenvectors.T @ (theta - model.point))
    eigenvalues = np.where(model.zero, 0.0, model.eigenvalues)
    gradient = loss.value_and_gradient(theta)[1]
    error = np.linalg.norm(gradient - model.eigenvectors @ (eigenvalues * components))
    size = np.linalg.norm(gradient)
    value = model.value + 0.5 * float((eigenvalues * components**2).sum())
    return eigenvalues, components, float(error / size) if size > 0 else 0.0, value
