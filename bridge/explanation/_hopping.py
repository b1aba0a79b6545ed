"""Master-equation prediction of hopping on the network of minima, starting from the minima of the runs.

Given rates k_ij between minima (`landscape.kinetics.langer_rates`) and the minima i that the runs are in at age tw,
the probability of being in j a time t later is P_ij(t) = [exp(K t)]_ji. Averaged over the runs it predicts

    C(tw, t) = <P_ii(t)>,    MSD_hop(tw, t) = <sum_j P_ij(t) d_ij^2> / P

with the distances d_ij modulo symmetry. Hops between images of one minimum do not count, neither here nor in the
observed hops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import share_of_runs
from landscape import symmetry
from landscape.database import Database, StoredMinimum, StoredTransitionState
from landscape.graph import components
from landscape.kinetics import Barriers, langer_rates, transition_probabilities
from landscape.networks import MLP
from landscape.support import Estimate, Result
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

THIN = 0.5  # share of the runs below which coverage is thin
LOW = 3.0  # smallest height of a barrier in temperatures
NEGLIGIBLE = 1e-6  # probability of a minimum below which its distance is not computed


class HoppingStatus(StrEnum):
    """Status of the prediction; if something is missing, the value is the remedy."""

    OK = "ok"
    NOT_COVERED = (
        "no prediction: at some waiting time no run is in a minimum that the database connects to another; "
        "map the runs (agescape overlay) and connect their minima (explore --connect visited)"
    )
    THIN = (
        "at some waiting time fewer than half of the runs are in a minimum that the database connects to "
        "another; map the runs (agescape overlay) and connect their minima (explore --connect visited)"
    )
    LOW_BARRIERS = (
        "half of the exits of these minima are lower than 3 temperatures, where Kramers-Langer rates do not hold; "
        "lower the temperature (learning rate / batch size), or do not trust the prediction"
    )


@dataclass(frozen=True, eq=False)
class Region:
    """The region that runs can reach from n minima: whole components of the graph, with m transition states."""

    minima: Sequence[StoredMinimum]
    states: Sequence[StoredTransitionState]

    @property
    def numbers(self) -> Integers:
        """Database ids (n,), ascending."""
        return np.array([minimum.id for minimum in self.minima], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Hopping(Result, shows=("coverage", "same", "dwell_times")):
    """Hops of R runs as the master equation predicts them, at W waiting times and T lags (steps).

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    covered : (R, W) bool
        Whether a run is in a minimum that the database connects to another. The others are left out.
    minimum_ids : (V,) int64
        Minima that covered runs are in, ascending.
    dwell_times : (V,) float64
        Mean time in each before it is left for another minimum, in steps.
    same : (W, T) float64
        C(tw, t): probability of being in the same minimum, including returns; nan if no run is covered.
    displacement : MeanSquareDisplacement
        Mean square displacement of each run by hops, per parameter; nan for runs that are not covered.
    left_out : (W, T) float64
        Probability of minima that are so unlikely (below 1e-6) that their distance was not computed.
    barrier_over_temperature : (k,) float64
        Heights of the exits of these minima, in temperatures.
    status : HoppingStatus
    """

    waiting_times: Integers
    lags: Integers
    covered: Flags
    minimum_ids: Integers
    dwell_times: Array
    same: Array
    displacement: MeanSquareDisplacement
    left_out: Array
    barrier_over_temperature: Array
    status: HoppingStatus

    @property
    def coverage(self) -> Estimate[Array]:
        """Share (W,) of the runs that are covered, with its exact 95 % interval."""
        return share_of_runs(self.covered.sum(axis=0), len(self.covered))

    @property
    def low_barriers(self) -> float:
        """Share of the exits that are lower than 3 temperatures; nan without exits."""
        return float((self.barrier_over_temperature < LOW).mean()) if self.barrier_over_temperature.size else np.nan


@dataclass(frozen=True, eq=False)
class CoveredRuns:
    """Which of R runs are in minima that the database connects to another, at W waiting times.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    covered : (R, W) bool
    minimum_ids : (V,) int64
        Minima that covered runs are in, ascending.
    """

    waiting_times: Integers
    covered: Flags
    minimum_ids: Integers


def covered_runs(minimum_ids: Integers, region: Region, waiting_times: Integers) -> CoveredRuns:
    """Which runs are covered; `minimum_ids` (R, W) as in `predict_hopping`."""
    edges = Barriers.of(region.minima, region.states).edges
    leads_out = region.numbers[np.unique(edges[edges[:, 0] != edges[:, 1]])]
    covered = np.isin(minimum_ids, leads_out)
    return CoveredRuns(waiting_times, covered, np.unique(minimum_ids[covered]))


def region_around(minimum_ids: ArrayLike, database: Database) -> Region:
    """The known components of the graph of minima that contain `minimum_ids` (any shape; 0 is none)."""
    numbers, component = database.minimum_ids(), components(database.graph())
    inside = np.sort(numbers[np.isin(component, component[np.isin(numbers, minimum_ids)])]).tolist()
    known = set(inside)
    return Region(
        [database.minimum(number) for number in inside],
        [state for state in database.transition_states if state.minimum_ids[0] in known],
    )


def predict_hopping(
    minimum_ids: ArrayLike,
    region: Region,
    network: MLP | PermutationSpec | None,
    temperature: ArrayLike,
    *,
    learning_rate: float,
    waiting_times: ArrayLike,
    lags: ArrayLike,
) -> Hopping:
    """Predict the hops of runs from their minima by the master equation with Kramers-Langer rates.

    Parameters
    ----------
    minimum_ids : (R, W) int array
        Database id of the minimum that each run is in at each waiting time; 0 if the database does not have it.
    region : Region
        The region around them (`region_around`).
    network : MLP or None
        Network whose symmetries the distances divide out.
    temperature : float or (m, 2) array
        Temperature in nats: of Langevin dynamics, or of each exit (`exit_temperatures`), as in
        `landscape.kinetics.langer_rates`.
    learning_rate : float
        Gradient-flow time of a step.
    waiting_times : (W,)
        Waiting times tw (steps).
    lags : (T,) int array
        Lags (steps).

    Raises
    ------
    ValueError
        If `minimum_ids` is not (R, W), or a temperature is not positive.
    """
    ids, ages, steps = (np.asarray(array, dtype=np.int64) for array in (minimum_ids, waiting_times, lags))
    if ids.ndim != 2 or ids.shape[1] != ages.size or not ids.size:
        msg = f"minimum_ids must have shape (R, {ages.size}), R > 0; got {ids.shape}"
        raise ValueError(msg)
    barriers, numbers = Barriers.of(region.minima, region.states), region.numbers
    found = covered_runs(ids, region, ages)
    covered, visited = found.covered, found.minimum_ids
    here, of_run = np.searchsorted(numbers, visited), np.searchsorted(visited, np.where(covered, ids, 0))
    rates = langer_rates(barriers, temperature)
    stay, squares, left_out = (np.full((steps.size, visited.size + 1), np.nan) for _ in range(3))  # the last: none
    points = np.array([minimum.point.coordinates for minimum in region.minima])
    known = np.full((visited.size, numbers.size), np.nan)
    for t, p in enumerate(transition_probabilities(rates, here, learning_rate * steps) if visited.size else ()):
        _add_distances(known, p > NEGLIGIBLE, points, here, network)
        stay[t, :-1] = p[np.arange(visited.size), here]
        squares[t, :-1] = np.nansum(p * known, axis=1) / points.shape[1]
        left_out[t, :-1] = (p * np.isnan(known)).sum(axis=1)
    of_run = np.where(covered, of_run, visited.size)
    runs = np.moveaxis(np.array([stay[:, of_run], squares[:, of_run], left_out[:, of_run]]), 1, -1)  # (3, R, W, T)
    ways_out = np.isin(barriers.edges, here) & (barriers.edges[:, :1] != barriers.edges[:, 1:])
    ratios = _ratios(barriers, temperature)[ways_out]
    return Hopping(
        waiting_times=ages,
        lags=steps,
        covered=covered,
        minimum_ids=visited,
        dwell_times=rates.dwell_times[here] / learning_rate,
        same=mean_of_covered(runs[0], covered),
        displacement=MeanSquareDisplacement(ages, steps, runs[1]),
        left_out=mean_of_covered(runs[2], covered),
        barrier_over_temperature=ratios,
        status=_status(covered, ratios),
    )


def _add_distances(
    known: Array, wanted: Flags, points: Array, here: Integers, network: MLP | PermutationSpec | None
) -> None:
    """Fill in the wanted and unknown squared distances modulo symmetry (V, n)."""
    for v, i in enumerate(here.tolist()):
        new = np.flatnonzero(wanted[v] & np.isnan(known[v]))
        if new.size:
            known[v, new] = np.where(new == i, 0.0, symmetry.distances(network, points[i], points[new]) ** 2)


def _ratios(barriers: Barriers, temperature: ArrayLike) -> Array:
    with np.errstate(over="ignore"):  # vanishing temperature: infinitely high
        return barriers.heights / np.asarray(temperature, dtype=np.float64)


def _status(covered: Flags, ratios: Array) -> HoppingStatus:
    share = covered.mean(axis=0).min()
    if share == 0.0:
        return HoppingStatus.NOT_COVERED
    if share < THIN:
        return HoppingStatus.THIN
    return HoppingStatus.LOW_BARRIERS if np.median(ratios) < LOW else HoppingStatus.OK


def mean_of_covered(values: Array, covered: Flags) -> Array:
    """Mean (W, T) of `values` (R, W, T) over the covered runs (R, W); nan without any."""
    count = covered.sum(axis=0)[:, None]
    total = np.where(covered[..., None], values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
