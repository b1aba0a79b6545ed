"""Departures: the time after an age tw until a share of the runs is in another minimum."""

import numpy as np
from numpy.typing import ArrayLike

from bridge.mapping import InherentStructures
from bridge.residence._presence import Residence, compare_places
from dynamics.displacement import MeanSquareDisplacement, of_known

SHARE = 0.2  # share of departed runs at which `dynamics.aging` reads the time


def departures(structures: InherentStructures, waiting_times: ArrayLike) -> MeanSquareDisplacement:
    """Whether a run is in another minimum than at age tw, 0 or 1, in the form of a squared displacement.

    So `dynamics.aging` at a threshold of 0.2 gives the time until a fifth of the runs is elsewhere, and its exponent:
    0 if the residence in a basin does not depend on age, 1 if it is proportional to it. Between two snapshots with a
    minimum a run counts as where the nearer one was, so that times are known to half the interval between them; before
    the first and after the last it is not known where a run is (`bridge.residence`). At each tw and lag the mean is
    over the runs known at both; `of_known` weights them accordingly.

    Parameters
    ----------
    structures : InherentStructures
    waiting_times : (W,) int array
        Mapped waiting times.

    Returns
    -------
    MeanSquareDisplacement
        Lags are all differences of a mapped step and an earlier waiting time; nan if no run is known.

    Raises
    ------
    ValueError
        If a waiting time is not a mapped step, or none has a later one.
    """
    steps, begins = structures.steps, np.unique(structures.places(waiting_times))
    ages = steps[begins]
    between = steps - ages[:, None]
    lags = np.unique(between[between > 0])
    if not lags.size:
        msg = f"waiting_times must have a later mapped step; got {ages.tolist()} of {steps.tolist()}"
        raise ValueError(msg)
    residence, times = Residence.of(structures), ages[:, None] + lags
    later = residence.at(times.ravel()).reshape(-1, *times.shape)
    there, elsewhere = compare_places(residence.at(ages)[..., None], later)
    return of_known(MeanSquareDisplacement(ages, lags, np.where(there | elsewhere, elsewhere.astype(float), np.nan)))
