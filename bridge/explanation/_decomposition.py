"""The parts of a displacement: hops between basins, symmetric images, and motion inside a basin.

With theta_IS the minimum whose basin contains theta (its inherent structure) and delta = theta - theta_IS, a
displacement d is d_IS + d_intra, the difference of the theta_IS and that of the delta, and

    |d|^2 = |d_IS|^2 + |d_intra|^2 + 2 d_IS . d_intra.

|d_IS|^2 is the squared distance modulo symmetry (a hop to another minimum) plus the excess over the nearest image (a
walk among images of one network). d_intra is projected on the eigenvectors of the Hessian at theta_IS(tw): soft modes
have not relaxed by the age tw, eta lambda tw < 1; the others are stiff. Runs whose learning rate is no clock (`_clock`)
have no such modes, and d_intra is one part. The cross term is not a small correction: when
a run crosses a ridge between basins, theta_IS jumps while theta does not, and d_intra jumps back.

The split into inherent structures and vibrations follows Stillinger and Weber (Phys. Rev. A 25, 978, 1982); the
further parts are defined here, and test_decomposition.py checks that they sum to the total.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from bridge.explanation._clock import plain_learning_rate, without_clock
from bridge.mapping import UNKNOWN, QuenchedSnapshots
from bridge.residence import compare_places
from dynamics.displacement import MeanSquareDisplacement
from dynamics.runs import Trajectories
from landscape import symmetry
from landscape.losses import DataLoss
from landscape.networks import MLP
from landscape.stationary import LocalModel, local_model
from landscape.support import Result, one_thread, run_tasks
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]

PARTS = ("hop", "image", "soft", "stiff", "cross")
UNDIVIDED = ("hop", "image", "intra", "cross")  # without a clock
GRIDS = ("total", "inherent", "hop", "image", "intra", "soft", "stiff", "cross")


@dataclass(frozen=True, eq=False)
class Decomposition(Result, shows=("exact_images", "total.values", "hop.values")):
    """Parts of the displacement of R runs, each per parameter; nan if a snapshot has no inherent structure.

    Parameters
    ----------
    total : MeanSquareDisplacement
        |d|^2 / P.
    inherent : MeanSquareDisplacement
        |d_IS|^2 / P.
    hop : MeanSquareDisplacement
        Distance modulo symmetry; with `image` it adds up to `inherent`.
    image : MeanSquareDisplacement
        The excess of `inherent` that is due to images.
    intra : MeanSquareDisplacement
        |d_intra|^2 / P.
    soft : MeanSquareDisplacement
        Part of it along soft modes; with `stiff` it adds up to the whole. nan for runs other than by plain SGD.
    stiff : MeanSquareDisplacement
        Part of it along stiff modes; nan likewise.
    cross : MeanSquareDisplacement
        2 d_IS . d_intra / P, of either sign. hop + image + intra + cross = total.
    changed : (R, W, T) bool
        Whether the two snapshots are known to be in different basins (`bridge.residence`).
    exact_images : bool
        Whether nearest images are certain to be the nearest; otherwise `hop` is an upper bound.
    """

    total: MeanSquareDisplacement
    inherent: MeanSquareDisplacement
    hop: MeanSquareDisplacement
    image: MeanSquareDisplacement
    intra: MeanSquareDisplacement
    soft: MeanSquareDisplacement
    stiff: MeanSquareDisplacement
    cross: MeanSquareDisplacement
    changed: NDArray[np.bool_]
    exact_images: bool

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether both snapshots (R, W, T) have an inherent structure; otherwise no part is known."""
        return np.isfinite(self.inherent.values)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that add up to the total: "soft" and "stiff", or "intra" in their place."""
        return UNDIVIDED if np.isnan(self.soft.values).all() and not np.isnan(self.intra.values).all() else PARTS

    @property
    def shares(self) -> dict[str, Array]:
        """Mean of each part over that of the total, (W, T), over the known runs; nan without any."""
        total = self._sum(self.total.values)
        return {name: ratio(self._sum(getattr(self, name).values), total) for name in self.parts}

    @property
    def changed_share(self) -> Array:
        """Share (W, T) of the known runs that are in another basin; nan without any."""
        return ratio(self._sum(self.changed), self._sum(self.known))

    @property
    def share_of_changed(self) -> Array:
        """Share (W, T) of the displacement of the known runs due to those in another basin; nan without any."""
        total = np.nan_to_num(self.total.values)
        return ratio(self._sum(total * self.changed), self._sum(total))

    def _sum(self, values: NDArray[Any]) -> Array:
        """Sum (W, T) of `values` (R, W, T) over the known runs."""
        return np.where(self.known, values, 0.0).sum(axis=0)


def ratio(part: Array, whole: Array) -> Array:
    """Divide `part` by `whole`; nan if `whole` is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def decomposition_steps(runs: Trajectories, lags: ArrayLike) -> NDArray[np.int64]:
    """Steps whose snapshots `decompose` needs at these lags: tw and tw + lag, as far as the runs have them."""
    ends = runs.waiting_times[:, None] + np.asarray(lags, dtype=np.int64)
    return np.unique([*runs.waiting_times, *ends[np.isin(ends, runs.steps)]])


def decompose(
    runs: Trajectories,
    loss: DataLoss,
    quenched: QuenchedSnapshots,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Decomposition:
    """Decompose the displacement of runs whose snapshots were quenched.

    Parameters
    ----------
    runs : Trajectories
        The first ones are those of `quenched`, with its waiting times.
    loss : MLPLoss or TorchLoss
    quenched : QuenchedSnapshots
        Quenched snapshots at all waiting times; lags with all snapshots are used (`decomposition_steps`).
    jobs, progress
        Number of workers, and callable (done, total) of runs; they do not change the result.

    Raises
    ------
    ValueError
        If `quenched` lacks a waiting time, or has fewer than two lags in common with the runs.
    """
    rate = np.nan if without_clock(runs) else plain_learning_rate(runs)
    return decompose_points(
        quenched, loss, runs.waiting_times, runs.lags, rate, recorded=runs.steps, jobs=jobs, progress=progress
    )


def decompose_points(
    quenched: QuenchedSnapshots,
    loss: DataLoss,
    waiting_times: NDArray[np.int64],
    lags: NDArray[np.int64],
    learning_rate: float,
    *,
    recorded: NDArray[np.int64] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Decomposition:
    """Like `decompose`, for quenched points on a two-time grid without runs; nan as learning rate is no clock.

    `recorded` are the steps that the runs have, by default all: pairs of other steps are unknown (nan).
    """
    steps, network = quenched.steps, loss.network
    if not np.isin(waiting_times, steps).all():
        absent = waiting_times[~np.isin(waiting_times, steps)][0]
        msg = f"quenched must have all waiting times, {waiting_times}; it lacks {absent}"
        raise ValueError(msg)
    ends = waiting_times[:, None] + lags
    absent = ends > steps[-1] if recorded is None else ~np.isin(ends, recorded)
    kept = (np.isin(ends, steps) | absent).all(axis=0) & np.isin(ends, steps).any(axis=0)
    lags, ends = lags[kept], ends[:, kept]
    if lags.size < 2:
        msg = f"quenched must have the snapshots of at least two lags (decomposition_steps); it has those of {lags}"
        raise ValueError(msg)
    start, end = np.searchsorted(steps, waiting_times), np.searchsorted(steps, ends)
    inside = np.isin(ends, steps)
    tasks = (
        delayed(_decompose_run)(
            loss, quenched.points[r], quenched.coordinates[r], quenched.basins[r].tolist(), start,
            np.minimum(end, steps.size - 1), 1.0 / (learning_rate * waiting_times),
        )
        for r in range(quenched.runs.size)
    )  # fmt: skip
    rows = list(run_tasks(tasks, quenched.runs.size, jobs=jobs, progress=progress))
    grids = np.where(inside, np.array(rows), np.nan)
    template = MeanSquareDisplacement(waiting_times, lags, grids[:, 0])
    parts = {name: replace(template, values=grids[:, k]) for k, name in enumerate(GRIDS)}
    later = quenched.basins[:, np.minimum(end, steps.size - 1)]
    _, changed = compare_places(quenched.basins[:, start][..., None], later)
    return Decomposition(**parts, changed=inside & changed, exact_images=symmetry.is_exact(network))


def _decompose_run(
    loss: DataLoss,
    points: Array,
    coordinates: Array,
    basins: list[int],
    start: NDArray[np.intp],
    end: NDArray[np.intp],
    soft_below: Array,
) -> Array:
    """The `GRIDS` (8, W, T) of one run. `soft_below` (W,): largest eigenvalue of a soft mode; nan if there are none."""
    grid = np.full((len(GRIDS), *end.shape), np.nan)
    models: dict[int, LocalModel] = {}
    hops: dict[tuple[int, int], float] = {}
    with one_thread():
        for w, i in enumerate(start.tolist()):
            if basins[i] == UNKNOWN:
                continue
            if basins[i] not in models:
                models[basins[i]] = local_model(loss, coordinates[i])
            model = models[basins[i]]
            soft = model.eigenvectors[:, model.zero | (model.eigenvalues < soft_below[w])]
            moved = points[end[w]] - points[i]  # (T, P)
            leapt = coordinates[end[w]] - coordinates[i]
            inside = moved - leapt
            squares = [(array**2).mean(axis=1) for array in (moved, leapt, inside)]
            modulo = np.array([_hop(loss.network, coordinates, basins, i, j, hops) for j in end[w].tolist()])
            along_soft = ((inside @ soft) ** 2).sum(axis=1) / moved.shape[1]
            along_soft = np.where(np.isnan(soft_below[w]), np.nan, along_soft)
            cross = 2.0 * (leapt * inside).mean(axis=1)
            grid[:, w] = [
                squares[0], squares[1], modulo, squares[1] - modulo, squares[2],
                along_soft, squares[2] - along_soft, cross
            ]  # fmt: skip
    return grid


def _hop(
    network: MLP | PermutationSpec | None,
    coordinates: Array,
    basins: list[int],
    i: int,
    j: int,
    known: dict[tuple[int, int], float],
) -> float:
    """Mean square distance modulo symmetry of the minima of snapshots i and j; each pair of basins is computed once."""
    pair = (basins[i], basins[j])
    if pair[1] == UNKNOWN:
        return float("nan")
    if pair[0] == pair[1]:
        return 0.0
    if pair not in known:
        plain = np.linalg.norm(coordinates[j] - coordinates[i])
        nearest = min(symmetry.distance(network, coordinates[i], coordinates[j]), plain)
        known[pair] = known[pair[1], pair[0]] = float(nearest**2) / coordinates.shape[1]
    return known[pair]
