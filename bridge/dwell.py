"""Dwell times: how long runs stay in a minimum, and how that depends on their age.

Snapshots tell where a run is at some steps only. A stay begins half-way between the last snapshot elsewhere and the
first one in the minimum; what is known for certain lies between `shortest` and `longest`. A run may also have
left and come back between two snapshots: dwell times are those seen at the spacing of the snapshots.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import CensoredData, ecdf

from bridge.inherent import InherentStructures

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dwells:
    """D stays of R runs in a minimum, run after run in the order of time. All times are in steps.

    The stays of a run cover it without gaps: their lengths sum to the time from its first to its last snapshot.

    Attributes
    ----------
    runs : (D,) int64
    minimum_ids : (D,) int64
        0 while the snapshots belong to no minimum.
    begins, ends : (D,) float64
        Where the stay begins and ends.
    shortest, longest : (D,) int64
        Bounds of its length: from the first to the last snapshot in it, and between the snapshots around it.
    left_censored, right_censored : (D,) bool
        Whether the stay began before the run's first snapshot, or outlasts its last one: then it is at least so long.
    """

    runs: Integers
    minimum_ids: Integers
    begins: Floats
    ends: Floats
    shortest: Integers
    longest: Integers
    left_censored: Flags
    right_censored: Flags

    @property
    def lengths(self) -> Floats:
        """Dwell times (D,)."""
        return self.ends - self.begins

    @property
    def complete(self) -> Flags:
        """Stays (D,) in a minimum of which both ends were seen."""
        return ~self.left_censored & ~self.right_censored & (self.minimum_ids > 0)


def dwells(structures: InherentStructures) -> Dwells:
    """Divide each run into its stays in one minimum."""
    steps = structures.steps
    parts = [_stays(ids) for ids in structures.minimum_ids]
    runs = np.repeat(np.arange(len(parts)), [len(first) for first, _ in parts])
    first, last = (np.concatenate([part[k] for part in parts]) for k in range(2))
    edges = np.concatenate([steps[:1], 0.5 * (steps[:-1] + steps[1:]), steps[-1:]]).astype(np.float64)
    before, after = steps[np.maximum(first - 1, 0)], steps[np.minimum(last + 1, steps.size - 1)]
    return Dwells(
        runs=runs,
        minimum_ids=structures.minimum_ids[runs, first],
        begins=edges[first],
        ends=edges[last + 1],
        shortest=steps[last] - steps[first],
        longest=after - before,
        left_censored=first == 0,
        right_censored=last == steps.size - 1,
    )


def _stays(ids: Integers) -> tuple[Integers, Integers]:
    """First and last position of each stretch of equal entries."""
    changes = np.flatnonzero(np.diff(ids))
    return np.append(0, changes + 1), np.append(changes, ids.size - 1)


@dataclass(frozen=True, eq=False)
class ResidualDwells:
    """How long R runs of W ages still stay where they are.

    Attributes
    ----------
    waiting_times : (W,) float64
        Ages tw in steps.
    times : (R, W) float64
        Steps from tw to the end of the stay; nan where the run is in no minimum then.
    censored : (R, W) bool
        Whether the run ended first: then the time is at least so long.
    lengths : (R, W) float64
        Whole length of the stay that holds tw.
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
        """Median (W,) residual dwell time; nan where more than half of the runs outlast their records."""
        curves = [self.survival(w) for w in range(self.waiting_times.size)]
        return np.array([float(t[p <= 0.5].min()) if (p <= 0.5).any() else np.nan for t, p in curves])


def residual_dwells(stays: Dwells, waiting_times: ArrayLike) -> ResidualDwells:
    """For each run and age tw, what is left of the stay at tw.

    Raises
    ------
    ValueError
        If a waiting time lies outside the runs.
    """
    ages = np.atleast_1d(np.asarray(waiting_times, dtype=np.float64))
    low, high = stays.begins.min(), stays.ends.max()
    if outside := [age for age in ages.tolist() if not low <= age <= high]:
        msg = f"waiting_times must lie within the mapped steps, {low:g} ... {high:g}; got {outside[0]:g}"
        raise ValueError(msg)
    times, lengths = (np.full((stays.runs.max() + 1, ages.size), np.nan) for _ in range(2))
    censored = np.zeros(times.shape, dtype=bool)
    for w, age in enumerate(ages):
        inside = (stays.begins <= age) & ((age < stays.ends) | (stays.right_censored & (age == stays.ends)))
        inside &= stays.minimum_ids > 0
        runs = stays.runs[inside]
        times[runs, w] = stays.ends[inside] - age
        lengths[runs, w] = stays.lengths[inside]
        censored[runs, w] = stays.right_censored[inside]
    return ResidualDwells(ages, times, censored, lengths)
