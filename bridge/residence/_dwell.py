"""Dwell times: how long runs stay in a minimum, and how that depends on their age.

`Residence` defines stays and what is unknown. Snapshots show where a run is at some steps only: a stay begins at the
midpoint between the last snapshot elsewhere and the first one in the minimum; its true length is between `shortest`
and `longest`. A run may also have left and returned between two snapshots: dwell times are those resolved by the
spacing of the snapshots.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import CensoredData, ecdf

from bridge.mapping import InherentStructures
from bridge.residence._presence import UNKNOWN, Residence
from landscape.database import Database
from landscape.support import Result

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dwells(
    Result,
    shows=("lengths",),
    axes={"D": "stay"},
    units=dict.fromkeys(("begins", "ends", "shortest", "longest", "seen"), "steps"),
):
    """D stays of R runs in a minimum, run after run in the order of time. All times are in steps.

    The stays of a run cover it without gaps: their lengths sum to the time from its first to its last snapshot.
    Snapshots without a minimum do not end a stay; before the first and after the last snapshot with a minimum there is
    a stay with the minimum 0.

    Attributes
    ----------
    runs : (D,) int64
    minimum_ids : (D,) int64
        0 if unknown: before the first snapshot with a minimum, and after the last one.
    begins : (D,) float64
        Beginning of the stay: the midpoint between two snapshots, or the limit of what is known.
    ends : (D,) float64
        End of the stay: the same.
    shortest : (D,) int64
        Lower bound of its length: steps between neighboring snapshots that are both in it.
    longest : (D,) int64
        Upper bound of its length: steps between the snapshots around it that are in other minima (or the ends of the
        run).
    left_censored : (D,) bool
        Whether the run was not observed elsewhere before: the stay is then at least this long.
    right_censored : (D,) bool
        Whether the run was not observed elsewhere after: the stay is then at least this long.
    seen : (D,) float64
        Steps that are nearer to a snapshot in it than to any other, including those without a minimum: the observed
        time in the minimum. 0 for the minimum 0.
    """

    runs: Integers
    minimum_ids: Integers
    begins: Floats
    ends: Floats
    shortest: Integers
    longest: Integers
    left_censored: Flags
    right_censored: Flags
    seen: Floats

    @property
    def known(self) -> Flags:
        """Stays (D,) in a minimum: the others say that nothing is known."""
        return self.minimum_ids != UNKNOWN

    def at(self, time: float) -> Flags:
        """Stays (D,) in a minimum that hold a time in steps: at most one of each run.

        Raises
        ------
        ValueError
            If the time lies outside the runs.
        """
        low, high = self.begins.min(), self.ends.max()
        if not low <= time <= high:
            msg = f"a waiting time must lie within the mapped steps, {low:g} ... {high:g}; got {time:g}"
            raise ValueError(msg)
        before_end = (time < self.ends) | (self.right_censored & (time == self.ends))
        return self.known & (self.begins <= time) & before_end

    def sum_by_minimum(self, weights: Floats, database: Database) -> Floats:
        """Sum (n,) of the weights (D,) of the stays in each minimum of a database, lowest first."""
        places = database.positions(self.minimum_ids[self.known])
        return np.bincount(places, weights[self.known], minlength=database.n_minima).astype(np.float64)

    @property
    def lengths(self) -> Floats:
        """Dwell times (D,)."""
        return self.ends - self.begins

    @property
    def complete(self) -> Flags:
        """Stays (D,) in a minimum with both ends observed."""
        return ~self.left_censored & ~self.right_censored & self.known


def dwells(structures: InherentStructures) -> Dwells:
    """Divide each run into its stays in one minimum."""
    return stays_of(Residence.of(structures))


def stays_of(residence: Residence) -> Dwells:
    """The same for any places."""
    rows = [row for r in range(len(residence.ids)) for row in _stays_of_run(residence, r)]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return Dwells(*columns)


def _stays_of_run(residence: Residence, run: int) -> list[tuple]:
    """Rows of `Dwells` of one run."""
    steps, one = residence.steps, Residence(residence.steps, residence.ids[run : run + 1])
    _, first, last = one.stays()
    low, high = int(steps[0]), int(steps[-1])
    if not first.size:
        return [_nothing_known(run, low, high)]
    borders = 0.5 * (steps[last[:-1]] + steps[first[1:]])
    begins = np.append(steps[first[0]], borders).tolist()
    ends = np.append(borders, steps[last[-1]]).tolist()
    left, entered = [low, *steps[last[:-1]].tolist()], [*steps[first[1:]].tolist(), high]
    neighbors = one.known[0, 1:] & one.known[0, :-1]
    together = np.append(0, np.cumsum(np.where(neighbors, np.diff(steps), 0)))  # neighbors up to each snapshot
    cells = np.append(0.0, np.cumsum(np.where(one.known[0], one.cells, 0.0)))
    rows = [
        (
            run, int(one.ids[0, a]), begins[k], ends[k], int(together[b] - together[a]), entered[k] - left[k],
            k == 0, k == first.size - 1, float(cells[b + 1] - cells[a]),
        )
        for k, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True))
    ]  # fmt: skip
    before = [_nothing_known(run, low, int(steps[first[0]]))] if first[0] > 0 else []
    after = [_nothing_known(run, int(steps[last[-1]]), high)] if last[-1] < steps.size - 1 else []
    return [*before, *rows, *after]


def _nothing_known(run: int, begin: int, end: int) -> tuple:
    return run, UNKNOWN, float(begin), float(end), 0, end - begin, True, True, 0.0


@dataclass(frozen=True, eq=False)
class ResidualDwells(Result, shows=("times", "lengths"), units={"times": "steps", "lengths": "steps"}):
    """Residual dwell times of R runs at W ages.

    Attributes
    ----------
    waiting_times : (W,) float64
        Ages tw in steps.
    times : (R, W) float64
        Steps from tw to the end of the stay; nan if the minimum of the run is unknown then.
    censored : (R, W) bool
        Whether the run was not observed elsewhere afterward: the time is then at least this long.
    lengths : (R, W) float64
        Whole length of the stay that contains tw.
    """

    waiting_times: Floats
    times: Floats
    censored: Flags
    lengths: Floats

    def survival(self, w: int) -> tuple[Floats, Floats]:
        """Times (k,) and the probability (k,) that a run of age w stays longer.

        The estimator of Kaplan and Meier (J. Am. Stat. Assoc. 53, 457, 1958), which uses censored times as well. Empty
        without a run in a minimum.
        """
        known = np.isfinite(self.times[:, w])
        times, censored = self.times[known, w], self.censored[known, w]
        if not times.size:
            return np.empty(0), np.empty(0)
        curve = ecdf(CensoredData(uncensored=times[~censored], right=times[censored])).sf
        return curve.quantiles, curve.probabilities

    @property
    def medians(self) -> Floats:
        """Median (W,) residual dwell time; nan if more than half of the runs are censored."""
        curves = [self.survival(w) for w in range(self.waiting_times.size)]
        return np.array([float(t[p <= 0.5].min()) if (p <= 0.5).any() else np.nan for t, p in curves])


def residual_dwells(stays: Dwells, waiting_times: ArrayLike) -> ResidualDwells:
    """Residual length of the stay at tw, for each run and age tw.

    Raises
    ------
    ValueError
        If a waiting time is outside the runs.
    """
    ages = np.atleast_1d(np.asarray(waiting_times, dtype=np.float64))
    times, lengths = (np.full((stays.runs.max() + 1, ages.size), np.nan) for _ in range(2))
    censored = np.zeros(times.shape, dtype=bool)
    for w, age in enumerate(ages):
        inside = stays.at(age)
        runs = stays.runs[inside]
        times[runs, w] = stays.ends[inside] - age
        lengths[runs, w] = stays.lengths[inside]
        censored[runs, w] = stays.right_censored[inside]
    return ResidualDwells(ages, times, censored, lengths)
