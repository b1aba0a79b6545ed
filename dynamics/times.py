"""When to look: waiting times, lags, and the steps at which snapshots and curves are recorded.

All times are numbers of SGD steps; step 0 is the start.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Steps = NDArray[np.int64]

WAITING_TIMES = (1300, 2100, 3200, 4500, 6400, 10000)
"""The waiting times of Herrera Segura et al. 2022 (arXiv 2209.02517)."""


def log_lags(max_lag: int, per_decade: int = 16) -> Steps:
    """Whole numbers from 1 to `max_lag`, both included, evenly spaced in the logarithm, each once.

    Raises
    ------
    ValueError
        If an argument is < 1.
    """
    for name, value in (("max_lag", max_lag), ("per_decade", per_decade)):
        if value < 1:
            msg = f"{name} must be >= 1; got {value!r}"
            raise ValueError(msg)
    count = int(np.ceil(per_decade * np.log10(max_lag))) + 1
    return np.unique(np.rint(np.geomspace(1, max_lag, count)).astype(np.int64))


def default_waiting_times(steps: int) -> Steps:
    """The paper's waiting times tw with 2 tw <= `steps`, so that the lags reach tw.

    Runs too short for two of them get up to six, log-spaced from a twentieth to a half of `steps`.
    """
    paper = [tw for tw in WAITING_TIMES if 2 * tw <= steps]
    if len(paper) >= 2:
        return np.array(paper, dtype=np.int64)
    spaced = np.rint(np.geomspace(max(1, steps / 20), max(1, steps / 2), len(WAITING_TIMES)))
    return np.unique(spaced.astype(np.int64))


def snapshot_steps(waiting_times: ArrayLike, lags: ArrayLike, steps: int) -> Steps:
    """Ascending union of 0, every waiting time and every waiting time + lag, up to `steps`."""
    waiting, lag = np.asarray(waiting_times, dtype=np.int64), np.asarray(lags, dtype=np.int64)
    union = np.unique(np.concatenate([[0], waiting, (waiting[:, None] + lag).ravel()]))
    return union[union <= steps]


def curve_steps(steps: int, per_decade: int = 8) -> Steps:
    """Step 0 and log-spaced steps up to `steps`, both included: 43 for 150000."""
    return np.concatenate([[0], log_lags(steps, per_decade)]).astype(np.int64)


def check_times(name: str, times: Sequence[int] | ArrayLike, largest: int) -> Steps:
    """`times` as int64, or a ValueError that names them unless they ascend strictly within 1 ... `largest`."""
    array = np.asarray(times)
    whole = array.ndim == 1 and array.size > 0 and np.issubdtype(array.dtype, np.integer)
    if not (whole and array[0] >= 1 and array[-1] <= largest and (np.diff(array) > 0).all()):
        msg = f"{name} must be whole numbers that ascend strictly within 1 ... {largest}; got {times!r}"
        raise ValueError(msg)
    return array.astype(np.int64)
