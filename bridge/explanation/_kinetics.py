"""Rates of escape at the temperature of SGD's gradient noise, compared with the jumps of SGD.

SGD has no temperature: its noise depends on the position and is aligned with the curvature. The strength of the noise
in units of energy takes its place, eta C / 2 with the covariance C of the minibatch gradient
(`dynamics.gradient_noise.effective_temperatures`). For crossing a barrier the noise along the unstable mode matters,
near the minimum that along the modes weighted by their curvature: both temperatures are given, with their rates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.explanation._escapes import exponential_rate
from bridge.mapping import UNKNOWN, QuenchedSnapshots
from bridge.residence import Residence
from dynamics.gradient_noise import effective_temperatures, gradient_noise, minibatch_factor
from dynamics.snapshots import Measurement, loss_identity, measure_all
from dynamics.training import Optimizer
from landscape import symmetry
from landscape.database import Database, StoredMinimum, StoredTransitionState
from landscape.kinetics import Barriers, exit_rates
from landscape.losses import DataLoss
from landscape.stationary import certify, local_model
from landscape.support import Estimate, Result, one_thread, stacked

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EffectiveTemperatures(Result, axes={"K": "point"}, units={"mean": "nats", "curved": "nats", "softest": "nats"}):
    """Temperature of SGD's gradient noise at K stationary points, in nats.

    Parameters
    ----------
    mean : (K,) float64
        eta Tr(C) / (2 P): over all modes.
    curved : (K,) float64
        eta sum_i C_ii |lambda_i| / (2 sum_i |lambda_i|): weighted by curvature.
    softest : (K,) float64
        eta C_11 / 2 along the lowest mode: at a transition state the unstable one, across the barrier. Zero within
        rounding if symmetry forbids noise along it, as for two equal units that the path separates.
    """

    mean: Array
    curved: Array
    softest: Array


def temperatures_at(
    loss: DataLoss,
    points: Sequence[ArrayLike] | Array,
    optimizer: Optimizer,
    *,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> EffectiveTemperatures:
    """Effective temperatures of SGD at minima and saddles, from the exact covariance of the gradient noise.

    Parameters
    ----------
    loss : MLPLoss or TorchLoss
    points : K arrays (P,)
    optimizer : Optimizer
        Its learning rate, batch size and minibatches count; see `dynamics.gradient_noise.minibatch_factor`.
    path : path, optional
        Folder for finished points.
    jobs, progress
        Number of workers, and callable (done, total); they do not change the result.

    Raises
    ------
    ValueError
        If the batch size does not match the rows.
    """
    factor = minibatch_factor(loss.data.rows, optimizer.batch_size, replacement=optimizer.replacement)
    found = measure_all(
        partial(_noise_along_modes, loss=loss),
        [np.asarray(point, dtype=np.float64) for point in points],
        loss_identity(loss) | {"measurement": "noise along modes", "version": 1},
        path=None if path is None else Path(path),
        jobs=jobs,
        progress=progress,
    )
    shape = (len(found), -1) if found else (0, 1)
    curvature = np.abs(np.array([values["eigenvalues"] for values in found])).reshape(shape)
    noise = np.array([values["mode_noise"] for values in found]).reshape(shape)
    t = np.maximum(effective_temperatures(noise, optimizer.thermal_rate, factor), 0.0)  # rounding makes zeros negative
    return EffectiveTemperatures(t.mean(axis=1), (t * curvature).sum(axis=1) / curvature.sum(axis=1), t[:, 0])


def exit_temperatures(
    loss: DataLoss,
    minima: Sequence[StoredMinimum],
    states: Sequence[StoredTransitionState],
    optimizer: Optimizer,
    *,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Array]:
    """Temperature (m, 2) of the exits over m transition states, from the first and from the second minimum of each.

    "curved" is that of the minimum, weighted by curvature, "unstable" that along the unstable mode at the transition
    state. If there is none, it is the smallest positive number, at which nothing happens. Arguments as in
    `temperatures_at`; `minima` must hold both ends of each of `states`.
    """
    points = [record.point.coordinates for record in (*minima, *states)]
    t = temperatures_at(loss, points, optimizer, path=path, jobs=jobs, progress=progress)
    chosen = {
        "curved": t.curved[: len(minima)][Barriers.of(minima, states).edges],
        "unstable": np.repeat(t.softest[len(minima) :, None], 2, axis=1),
    }
    return {name: np.maximum(values, np.finfo(float).tiny) for name, values in chosen.items()}


def _noise_along_modes(theta: Array, loss: DataLoss) -> Measurement:
    with one_thread():
        model = local_model(loss, theta)
        modes = model.eigenvectors[:, ~model.zero]
        covariance = gradient_noise(loss, theta).covariance
        return {
            "eigenvalues": model.eigenvalues[~model.zero],
            "mode_noise": np.einsum("pm,pm->m", modes, covariance @ modes),
        }


@dataclass(frozen=True, eq=False)
class JumpRates(Result, shows=("rates", "jumps", "unplaced"), axes={"S - 1": "interval"}):
    """How often the runs change basins between S quenched steps; the intervals between them are S - 1.

    Parameters
    ----------
    steps : (S,) int64
    jumps : (S - 1,) int64
        Changes of basin within each interval.
    exposures : (S - 1,) int64
        Runs with an inherent structure at both ends of the interval: for the others it is unknown whether they left.
    rates : Estimate of (S - 1,) float64
        Jumps per step of a run, and the 95 % interval of a Poisson count: a lower bound on the rate if runs jump more
        than once in an interval. nan without exposure.
    images : (S - 1,) int64
        Jumps to another image of the same minimum, judged by the losses (within 1e-9).
    unplaced : int
        Further changes of basin whose interval is unknown, across snapshots without an inherent structure. `jumps` and
        these are all departures (`bridge.residence`).
    """

    steps: NDArray[np.int64]
    jumps: NDArray[np.int64]
    exposures: NDArray[np.int64]
    rates: Estimate[Array]
    images: NDArray[np.int64]
    unplaced: int


def jump_rates(quenched: QuenchedSnapshots) -> JumpRates:
    """Count the changes of basin between consecutive quenched snapshots."""
    residence, lengths = Residence.of_basins(quenched), np.diff(quenched.steps)
    runs, before, after, left = residence.successive()
    placed = after - before == 1
    both, jumped = (np.zeros((len(quenched.basins), lengths.size), dtype=bool) for _ in range(2))
    both[runs[placed], before[placed]] = True
    jumped[runs[placed & left], before[placed & left]] = True
    rows = [
        exponential_rate(exposed * length, count)
        for exposed, length, count in zip(both.sum(axis=0), lengths, jumped.sum(axis=0), strict=True)
    ]
    images = jumped & (np.abs(np.diff(quenched.losses, axis=1)) < 1e-9)
    return JumpRates(
        quenched.steps, jumped.sum(axis=0), both.sum(axis=0), stacked(rows), images.sum(axis=0),
        int((left & ~placed).sum()),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PredictedJumps(Result, shows=("minimum_ids",)):
    """Jumps predicted by Kramers-Langer rates at effective temperatures for runs in known minima.

    Parameters
    ----------
    minimum_ids : (R, S) int64
        Database id of the minimum of each quenched snapshot; 0 if the database does not have it.
    with_exits : (R, S) bool
        Whether the database knows a transition state there.
    rates : dict of str to (S,) float64
        Mean rate of escape, images included, per step over the snapshots with exits, for each choice of temperature
        (`exit_temperatures`). nan if no snapshot has exits. A lower bound if exits are unknown; the theory requires
        barriers of several temperatures (`barrier_over_temperature`).
    expected : dict of str to float
        Jumps expected from these rates between the quenched steps, over the intervals that begin with exits and have
        an inherent structure at both ends. Compare with the counted ones (`JumpRates.jumps`), of which at most one per
        interval is observed.
    displacement_rates : dict of str to (S,) float64
        Mean square displacement per parameter and step due to these hops (modulo symmetry), to first order in time.
    barrier_over_temperature : dict of str to (k, 2) float64
        Heights in units of the temperature, of each of the k transition states from both of its minima.
    barriers : (k, 2) float64
        The heights, in nats.
    """

    minimum_ids: NDArray[np.int64]
    with_exits: NDArray[np.bool_]
    rates: dict[str, Array]
    expected: dict[str, float]
    displacement_rates: dict[str, Array]
    barrier_over_temperature: dict[str, Array]
    barriers: Array


def predicted_jumps(
    quenched: QuenchedSnapshots,
    loss: DataLoss,
    database: Database,
    optimizer: Optimizer | None,
    *,
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> PredictedJumps:
    """Predict how often the runs leave their minima.

    Without an optimizer there is no temperature, and nothing is predicted: the dictionaries are empty.

    Parameters
    ----------
    quenched : QuenchedSnapshots
    loss : MLPLoss or TorchLoss
    database : Database
        Minima and transition states of `loss`; nothing is added.
    optimizer, path, jobs, progress
        As in `temperatures_at`.
    """
    ids = ids_in_database(quenched, loss, database)
    visited = set(np.unique(ids).tolist()) - {UNKNOWN}
    states = [state for state in database.transition_states if visited & set(state.minimum_ids)]
    numbers = sorted(visited | {number for state in states for number in state.minimum_ids})
    minima = [database.minimum(number) for number in numbers]
    chosen: dict[str, Array] = {}
    if optimizer is not None:
        chosen = exit_temperatures(loss, minima, states, optimizer, path=path, jobs=jobs, progress=progress)
    barriers = Barriers.of(minima, states)
    lengths = _squared_lengths(loss, minima, states) / loss.n_parameters
    exits, rates, displacements = np.zeros(len(minima), dtype=bool), {}, {}
    exits[barriers.edges.ravel()] = True
    found = ids != UNKNOWN
    position = np.searchsorted(numbers, np.where(found, ids, numbers[0] if numbers else 0))
    known = found & (exits[position] if numbers else False)
    for name, temperature in chosen.items():
        each = optimizer.learning_rate * exit_rates(barriers, temperature)  # pyright: ignore[reportOptionalMemberAccess]
        for target, weights in ((rates, each), (displacements, each * lengths[:, None])):
            total = np.bincount(barriers.edges.ravel(), weights.ravel(), len(minima))
            target[name] = _mean_over_known(
                np.asarray(total[position], dtype=float) if numbers else np.zeros(ids.shape), known
            )
    with np.errstate(over="ignore"):
        ratios = {name: barriers.heights / temperature for name, temperature in chosen.items()}
    exposures = (known[:, :-1] & quenched.known[:, 1:]).sum(axis=0) * np.diff(quenched.steps)
    expected = {name: float(np.nansum(values[:-1] * exposures)) for name, values in rates.items()}
    return PredictedJumps(ids, known, rates, expected, displacements, ratios, barriers.heights)


def ids_in_database(quenched: QuenchedSnapshots, loss: DataLoss, database: Database) -> NDArray[np.int64]:
    """Database id (R, S) of each snapshot's minimum, 0 if there is none; every basin is looked up once."""
    ids = np.full(quenched.basins.shape, UNKNOWN, dtype=np.int64)
    for r, basins in enumerate(quenched.basins):
        for basin in np.unique(basins[basins != UNKNOWN]):
            where = basins == basin
            found = database.find_minimum(certify(loss, quenched.coordinates[r, where.argmax()]))  # pyright: ignore
            ids[r, where] = found.id if found else UNKNOWN
    return ids


def _squared_lengths(loss: DataLoss, minima: Sequence[StoredMinimum], states: Sequence[StoredTransitionState]) -> Array:
    """Squared distance (k,) modulo symmetry of the two minima that each transition state connects."""
    known = {minimum.id: minimum.point.coordinates for minimum in minima}
    pairs = {state.minimum_ids for state in states}
    lengths = {(a, b): symmetry.distance(loss.network, known[a], known[b]) ** 2 for a, b in pairs}
    return np.array([lengths[state.minimum_ids] for state in states])


def _mean_over_known(values: Array, known: NDArray[np.bool_]) -> Array:
    count = known.sum(axis=0)
    return np.where(count > 0, (values * known).sum(axis=0) / np.maximum(count, 1), np.nan)
