"""Do the basins age? How long after an age tw a share of the runs is in another minimum than then."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.inherent import InherentStructures
from dynamics import MeanSquareDisplacement

Integers = NDArray[np.int64]

SHARE = 0.2  # of the runs that have departed, at which `dynamics.aging` reads the time


def departures(structures: InherentStructures, waiting_times: ArrayLike) -> MeanSquareDisplacement:
    """Whether a run is in another minimum than at age tw: 0 or 1, in place of a squared displacement.

    So `dynamics.aging` at a threshold of 0.2 gives the time until a fifth of the runs is elsewhere, and its exponent:
    0 where the residence in a basin does not depend on age, 1 where it grows with it. Between two snapshots a run
    counts as where the nearer one was, so that times are known to half the interval between snapshots; a snapshot in no
    minimum counts as where the run was before.

    Parameters
    ----------
    structures : InherentStructures
    waiting_times : (W,) int array
        Those that were mapped.

    Returns
    -------
    MeanSquareDisplacement
        Lags are all differences of a mapped step and an earlier waiting time.

    Raises
    ------
    ValueError
        If a waiting time is none of the mapped steps, or none has a later one.
    """
    steps, begins = structures.steps, np.unique(structures.places(waiting_times))
    ages = steps[begins]
    between = steps - ages[:, None]
    lags = np.unique(between[between > 0])
    if not lags.size:
        msg = f"waiting_times must have a later mapped step; got {ages.tolist()} of {steps.tolist()}"
        raise ValueError(msg)
    ids, times = _filled(structures.minimum_ids), ages[:, None] + lags
    then = ids[:, begins, None]
    later = ids[:, np.searchsorted((steps[:-1] + steps[1:]) / 2, times)]
    return MeanSquareDisplacement(ages, lags, np.where(times <= steps[-1], (later != then).astype(float), np.nan))


def _filled(ids: Integers) -> Integers:
    """Minima (R, S), with the one before where there is none."""
    known = np.where(ids > 0, np.arange(ids.shape[1]), 0)
    return np.take_along_axis(ids, np.maximum.accumulate(known, axis=1), axis=1)
