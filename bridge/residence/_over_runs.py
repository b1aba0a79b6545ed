"""Numbers of the residence of an ensemble with their intervals over the runs."""

import numpy as np
from numpy.typing import NDArray

from bridge.residence._dwell import Dwells
from bridge.residence._histories import mean_overlap
from bridge.residence._jumps import Jumps
from dynamics.statistics import NOT_NEGATIVE, ZERO_TO_ONE, mean_over_runs, over_runs
from landscape.support import Estimate

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def jumps_per_run(hops: Jumps, runs: int) -> Estimate[float]:
    """Number of jumps of a run: mean over so many runs, with Student's interval."""
    return mean_over_runs(np.bincount(hops.runs, minlength=runs), within=NOT_NEGATIVE)


def median_dwell(stays: Dwells, runs: int) -> Estimate[float]:
    """Median length in steps of the stays with both ends observed; nan without any."""
    complete = stays.complete
    return median_of_runs(stays.lengths[complete], stays.runs[complete], runs, within=NOT_NEGATIVE)


def overlap_of_runs(overlaps: Floats) -> Estimate[float]:
    """`mean_overlap` of two runs; in the bootstrap a run and its copy are no pair."""
    return over_runs(lambda counts: mean_overlap(overlaps, counts), len(overlaps), within=ZERO_TO_ONE)


def median_of_runs(
    values: Floats, of_run: Integers, runs: int, *, within: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate[float]:
    """Median of `values` (K,) of the runs `of_run` (K,), with the interval of the bootstrap over so many runs."""

    def median(counts: Integers) -> float:
        drawn = np.repeat(values, counts[of_run])
        return float(np.median(drawn)) if drawn.size else np.nan

    return over_runs(median, runs, within=within)
