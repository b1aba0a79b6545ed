"""Hops of SGD: predicted by the master equation at the temperatures of its noise, and observed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.explanation._decomposition import Decomposition
from bridge.explanation._escapes import exponential_rate
from bridge.explanation._hopping import CoveredRuns, Hopping, covered_runs, predict_hopping, region_around
from bridge.explanation._kinetics import exit_temperatures
from bridge.mapping import QuenchedSnapshots
from bridge.residence import Residence, stays_of
from dynamics.aging_times import Aging, aging, at_lags
from dynamics.displacement import MeanSquareDisplacement, of_known
from dynamics.statistics import share_of_runs
from dynamics.training import Optimizer
from landscape.database import Database
from landscape.losses import DataLoss
from landscape.support import RNG, Estimate, Result, seed_of, stacked

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ObservedHops(Result, shows=("same", "dwell_times", "departures")):
    """Observed hops of the covered runs, at W waiting times and T lags (steps).

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    same : Estimate of (W, T) float64
        Share of the covered runs that are in the same minimum at tw and tw + t, among those with one at both, and its
        exact 95 % interval; nan without any.
    minimum_ids : (V,) int64
    stays : (V,) float64
        Steps that the runs were observed in each of these minima, up to the last waiting time and lag.
    departures : (V,) int64
        Stays with an observed end (`bridge.residence`), at most one between two snapshots.
    dwell_times : Estimate of (V,) float64
        Mean time in the minimum, stays / departures, and its 95 % interval; inf without a departure, nan without a
        stay.
    """

    waiting_times: Integers
    lags: Integers
    same: Estimate[Array]
    minimum_ids: Integers
    stays: Array
    departures: Integers
    dwell_times: Estimate[Array]


def observed_hops(
    quenched: QuenchedSnapshots, minimum_ids: ArrayLike, hopping: Hopping | CoveredRuns, lags: ArrayLike
) -> ObservedHops:
    """Observe in the same runs what `hopping` predicts, at the lags (T,) with quenched snapshots.

    Parameters
    ----------
    quenched : QuenchedSnapshots
        S steps, all waiting times among them.
    minimum_ids : (R, S) int array
        Database ids of its minima, 0 if the database does not have one: an unknown basin counts as elsewhere.
    hopping : Hopping or CoveredRuns
    lags : (T,) int array
        Lags beyond the last quenched step, or without a snapshot, have nan.
    """
    wanted = np.asarray(lags, dtype=np.int64)
    residence = Residence.of_quenched(quenched, np.asarray(minimum_ids, dtype=np.int64))
    shape = (hopping.waiting_times.size, wanted.size)
    same = Estimate(np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan))
    for w, t in np.ndindex(*shape):
        i, j = (np.flatnonzero(quenched.steps == hopping.waiting_times[w] + lag) for lag in (0, wanted[t]))
        if not (i.size and j.size):
            continue
        there, elsewhere = (flags[hopping.covered[:, w], j[0] - i[0]] for flags in residence.compare(int(i[0])))
        found = share_of_runs(there.sum(), (there | elsewhere).sum())
        same.value[w, t], same.low[w, t], same.high[w, t] = found.value, found.low, found.high
    often = quenched.steps <= hopping.waiting_times[-1] + wanted[-1]  # not the long rest of the runs
    found = stays_of(Residence(residence.steps[often], residence.ids[:, often]))
    stays = [found.minimum_ids == number for number in hopping.minimum_ids]
    total = np.array([found.lengths[stay].sum() for stay in stays])
    left = np.array([(~found.right_censored[stay]).sum() for stay in stays], dtype=np.int64)
    means = stacked([mean_dwell_time(length, count) for length, count in zip(total, left, strict=True)])
    return ObservedHops(hopping.waiting_times, wanted, same, hopping.minimum_ids, total, left, means)


def mean_dwell_time(total: float, departures: int) -> Estimate[float]:
    """Mean of dwell times with sum `total` and `departures` observed ends, and its 95 % interval.

    inf without an observed end; nan if the runs were not observed to stay at all.
    """
    if total <= 0.0:
        return Estimate(np.nan, np.nan, np.nan)
    rate = exponential_rate(total, departures)
    with np.errstate(divide="ignore"):
        mean, shortest, longest = 1.0 / np.array([np.nan_to_num(rate.value), rate.high, rate.low])
    return Estimate(float(mean), float(shortest), float(longest))


@dataclass(frozen=True, eq=False)
class HoppingComparison(Result, shows=("observed.same",)):
    """Predicted and observed hops of the runs in minima that the database connects to another.

    Parameters
    ----------
    covered : (R, W) bool
        Which runs these are.
    predicted : dict of str to Hopping
        For each choice of temperature (`exit_temperatures`); empty if there is none.
    observed : ObservedHops
    fits : dict of str to Aging
        t* and mu at one threshold of the displacement by hops, for each choice and as observed ("inherent"), and of
        the whole displacement ("raw").
    """

    covered: Flags
    predicted: Mapping[str, Hopping]
    observed: ObservedHops
    fits: Mapping[str, Aging]

    @property
    def coverage(self) -> Estimate[Array]:
        """Share (W,) of the runs that are covered, with its exact 95 % interval."""
        return share_of_runs(self.covered.sum(axis=0), len(self.covered))

    @property
    def dwell_times(self) -> dict[str, float]:
        """Mean dwell time predicted for the minima, weighted by the observed time in each, for each choice.

        inf if no departure is predicted; nan if no run was observed to stay.
        """
        total = float(self.observed.stays.sum())
        never = np.inf if total > 0 else np.nan
        return {name: total / count if count > 0 else never for name, count in self.expected_departures.items()}

    @property
    def expected_departures(self) -> dict[str, float]:
        """Departures that the predicted dwell times give for the observed stays, for each choice of temperature."""
        stays = self.observed.stays
        return {name: float((stays / hopping.dwell_times).sum()) for name, hopping in self.predicted.items()}


def compare_hopping(
    quenched: QuenchedSnapshots,
    loss: DataLoss,
    database: Database,
    optimizer: Optimizer | None,
    *,
    minimum_ids: Integers,
    msd: MeanSquareDisplacement,
    parted: Decomposition,
    threshold: float,
    path: Path | None = None,
    rng: RNG = 0,
    jobs: int = 1,
    progress: Callable[[str, int, int], object] | None = None,
) -> HoppingComparison:
    """Predict the hops of SGD at both choices of temperature and compare them with the observed ones.

    Parameters
    ----------
    quenched : QuenchedSnapshots
    loss : MLPLoss or TorchLoss
    database : Database
    optimizer : Optimizer or None
        Of the runs; as in `temperatures_at`. None if they have no temperature: then nothing is predicted.
    minimum_ids : (R, S) int64
        Ids of its minima in the database (`PredictedJumps.minimum_ids`).
    msd : MeanSquareDisplacement
        Of the same runs.
    parted : Decomposition
        Of the same runs; its lags, as far as all waiting times have them, are those compared.
    threshold : float
        Of t*.
    path, jobs
        As in `temperatures_at`.
    rng : None, int or Generator
        Of the bootstrap.
    progress : callable (what, done, total), optional
    """
    rng = seed_of(rng)
    report = progress or (lambda what, done, total: None)
    ages = msd.waiting_times
    ids = minimum_ids[:, np.searchsorted(quenched.steps, ages)]
    region = region_around(ids, database)
    hop, found, predicted = _at_common_lags(parted.hop), covered_runs(ids, region, ages), {}
    if optimizer is not None:
        temperatures = exit_temperatures(
            loss,
            region.minima,
            region.states,
            optimizer,
            path=path,
            jobs=jobs,
            progress=lambda done, total: report("temperatures", done, total),
        )
        lags = hopping_lags(msd.lags, hop.lags)
        for k, (name, temperature) in enumerate(temperatures.items()):
            predicted[name] = predict_hopping(
                ids,
                region,
                loss.network,
                temperature,
                learning_rate=optimizer.learning_rate,
                waiting_times=ages,
                lags=lags,
            )
            report("hopping", k + 1, len(temperatures))
    moved = {name: hopping.displacement for name, hopping in predicted.items()} | {"inherent": hop, "raw": msd}
    return HoppingComparison(
        found.covered,
        predicted,
        observed_hops(quenched, minimum_ids, found, hop.lags),
        {name: aging(of_covered(each, found.covered), threshold, rng=rng) for name, each in moved.items()},
    )


def _at_common_lags(msd: MeanSquareDisplacement) -> MeanSquareDisplacement:
    """Only lags common to all waiting times; up to the end of the runs, only the first one has lags."""
    found = np.isfinite(msd.values).any(axis=0)
    common = msd.lags[found.sum(axis=0) == found.sum(axis=0).max()]
    return at_lags(msd, common) if common.size > 1 else msd


def hopping_lags(lags: NDArray[np.int64], quenched: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lags (T,) at which hops are predicted: the quenched ones, and about three per decade before."""
    earlier = lags[lags < quenched[0]]
    wanted = np.geomspace(1, quenched[0], 1 + int(3 * np.log10(quenched[0])))
    chosen = (
        earlier[np.unique(np.abs(np.log(earlier) - np.log(wanted)[:, None]).argmin(axis=1))] if earlier.size else []
    )
    return np.array([*chosen, *quenched], dtype=np.int64)


def of_covered(msd: MeanSquareDisplacement, covered: Flags) -> MeanSquareDisplacement:
    """Displacement whose mean over all runs equals that over the covered ones (R, W), for `dynamics.aging`.

    Covered runs have the weight R over their number, others zero (`dynamics.displacement.of_known`); a covered run
    without an inherent structure at tw + t is unknown there.
    """
    return of_known(msd, covered)
