"""The minima of an ensemble over time: their loss, their number, and returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.mapping import InherentStructures
from bridge.residence._presence import UNKNOWN, Residence
from dynamics.statistics import ZERO_TO_ONE, ratio_over_runs
from landscape.support import Estimate, Result

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History(Result, shows=("mean_loss", "distinct", "returns", "departures")):
    """R runs in V minima, at S steps.

    Attributes
    ----------
    steps : (S,) int64
    mean_loss : (S,) float64
        Loss of the inherent structure in nats, mean over the runs; nan without any.
    low_loss : (S,) float64
        Lower end of the range of the middle 80 % of the runs.
    high_loss : (S,) float64
        Upper end of this range.
    distinct : (R, S) int64
        Number of different minima observed for each run up to a step.
    distinct_of_all : (S,) int64
        The same for all runs together: the first-visit curve.
    minimum_ids : (V,) int64
        Minima in the order of their first visit, those of one step by id.
    first_visits : (V,) int64
        Step of it.
    returns_of_runs : (R,) int64
        Departures of each run that were followed by a return to the same minimum.
    departures_of_runs : (R,) int64
        Departures of each run from a minimum.
    loss_unit : str
        Unit of the losses in words; empty for a squared error.
    """

    steps: Integers
    mean_loss: Floats
    low_loss: Floats
    high_loss: Floats
    distinct: Integers
    distinct_of_all: Integers
    minimum_ids: Integers
    first_visits: Integers
    returns_of_runs: Integers
    departures_of_runs: Integers
    loss_unit: str = "nats"

    @property
    def returns(self) -> int:
        """Returns of all runs."""
        return int(self.returns_of_runs.sum())

    @property
    def departures(self) -> int:
        """Departures of all runs."""
        return int(self.departures_of_runs.sum())

    @property
    def return_probability(self) -> Estimate[float]:
        """Share of the departures followed by a return before the run ends; nan without a departure."""
        return ratio_over_runs(self.returns_of_runs, self.departures_of_runs, within=ZERO_TO_ONE)


def history(structures: InherentStructures) -> History:
    """Follow the minima of all runs in time. Snapshots that belong to no minimum are left out."""
    ids, steps = structures.minimum_ids, structures.steps
    numbers, first = _first_columns(ids)
    order = np.lexsort((numbers, first))
    low, high = _quantiles(structures.losses)
    residence = Residence.of(structures)
    leaving = residence.successive()
    return History(
        steps=steps,
        mean_loss=_mean(structures.losses),
        low_loss=low,
        high_loss=high,
        distinct=np.array([_count_up_to(_first_columns(run[None])[1], steps.size) for run in ids]),
        distinct_of_all=_count_up_to(first, steps.size),
        minimum_ids=numbers[order],
        first_visits=steps[first[order]],
        returns_of_runs=_returns(residence),
        departures_of_runs=np.bincount(leaving.runs[leaving.left], minlength=len(ids)).astype(np.int64),
        loss_unit=structures.loss_unit,
    )


def _first_columns(ids: Integers) -> tuple[Integers, Integers]:
    """Minima in ids (R, S), ascending, and the first column of each."""
    by_column = ids.T.ravel()  # all runs at the first step, then at the second, ...
    numbers, first = np.unique(by_column, return_index=True)
    known = numbers != UNKNOWN
    return numbers[known], first[known] // len(ids)


def _count_up_to(first: Integers, n_steps: int) -> Integers:
    return np.cumsum(np.bincount(first, minlength=n_steps))


def _mean(losses: Floats) -> Floats:
    known = np.isfinite(losses)
    return np.where(known.any(axis=0), np.nan_to_num(losses).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)


def _quantiles(losses: Floats) -> tuple[Floats, Floats]:
    columns = [column[np.isfinite(column)] for column in losses.T]
    ranges = [np.percentile(column, [10, 90]) if column.size else (np.nan, np.nan) for column in columns]
    low, high = np.array(ranges).T
    return low, high


def _returns(residence: Residence) -> Integers:
    """Departures (R,) followed by a return: all stays of a run in a minimum except the last one there."""
    runs, first, _ = residence.stays()
    (of, _), visits = np.unique([runs, residence.ids[runs, first]], axis=1, return_counts=True)
    return np.bincount(of, visits - 1, minlength=len(residence.ids)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Persistence(Result, shows=("same", "returned")):
    """Share of runs that are in the minimum of age tw at later steps.

    Attributes
    ----------
    waiting_times : (W,) int64
    steps : (S,) int64
    same : (W, S) float64
        Share of the runs that at a step are in the minimum of age tw; nan before tw.
    returned : (W, S) float64
        Share of the runs that are there and were observed elsewhere in between; nan before tw.
    """

    waiting_times: Integers
    steps: Integers
    same: Floats
    returned: Floats


def persistence(structures: InherentStructures, waiting_times: ArrayLike) -> Persistence:
    """Compare the minima at ages tw with those of later steps; runs in no minimum at either step are left out.

    Raises
    ------
    ValueError
        If a waiting time is not a mapped step.
    """
    begins, residence = structures.places(waiting_times), Residence.of(structures)
    ages = structures.steps[begins]
    same, returned = (np.full((ages.size, structures.steps.size), np.nan) for _ in range(2))
    for w, begin in enumerate(begins):
        there, elsewhere = residence.compare(int(begin))
        was_elsewhere = np.logical_or.accumulate(elsewhere, axis=1)
        runs = (there | elsewhere).sum(axis=0)
        for target, what in ((same, there), (returned, there & was_elsewhere)):
            target[w, begin:] = np.where(runs > 0, what.sum(axis=0) / np.maximum(runs, 1), np.nan)
    return Persistence(ages, structures.steps, same, returned)


def shared_minima(structures: InherentStructures) -> Floats:
    """Overlap (R, R) of the sets of minima that two runs visit: common over all minima of both (Jaccard).

    nan if neither run was observed in a minimum.
    """
    return _jaccard(structures.minimum_ids)


def _jaccard(ids: Integers) -> Floats:
    """Overlap (R, R) of the sets in the rows of ids (R, S)."""
    numbers = np.unique(ids)
    numbers = numbers[numbers != UNKNOWN]
    visited = np.array([np.isin(numbers, run) for run in ids], dtype=np.int64)
    common = visited @ visited.T
    sizes = visited.sum(axis=1)
    union = sizes[:, None] + sizes - common
    return np.where(union > 0, common / np.maximum(union, 1), np.nan)


def mean_overlap(overlaps: Floats, counts: Integers | None = None) -> float:
    """Mean over pairs of different runs of their overlap (R, R); nan without a pair.

    `counts` (R,) is how often a sample holds each run: a run and its copy are no pair.
    """
    first, second = np.triu_indices(len(overlaps), 1)
    weights = np.ones(first.size) if counts is None else (counts[first] * counts[second]).astype(np.float64)
    pairs = overlaps[first, second]
    used = np.isfinite(pairs) & (weights > 0)
    return float(np.average(pairs[used], weights=weights[used])) if used.any() else np.nan


@dataclass(frozen=True, eq=False)
class Overlaps(Result, shows=("visited", "together")):
    """How much two different runs have in common, at S steps: means over all pairs.

    Attributes
    ----------
    steps : (S,) int64
    visited : (S,) float64
        Overlap (Jaccard, `shared_minima`) of the sets of minima observed up to a step; nan without such a pair.
    together : (S,) float64
        Share of the pairs of runs in a minimum that are in the same one; nan without a pair.
    """

    steps: Integers
    visited: Floats
    together: Floats


def overlaps(structures: InherentStructures) -> Overlaps:
    """Overlap of the minima visited by different runs over time."""
    ids, steps = structures.minimum_ids, structures.steps
    up_to = [mean_overlap(_jaccard(ids[:, : s + 1])) for s in range(steps.size)]
    return Overlaps(steps, np.array(up_to), np.array([_together(column[column != UNKNOWN]) for column in ids.T]))


def _together(ids: Integers) -> float:
    """Share of the pairs of entries that are equal; nan without a pair."""
    _, counts = np.unique(ids, return_counts=True)
    return float((counts * (counts - 1)).sum() / (ids.size * (ids.size - 1))) if ids.size > 1 else np.nan
