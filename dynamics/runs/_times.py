"""Time grids: waiting times, lags, and the steps at which snapshots and curves are recorded.

All times are numbers of SGD steps; step 0 is the start.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.support import whole_number

Steps = NDArray[np.int64]
LAST_STEP = 2**53

WAITING_TIMES = (1300, 2100, 3200, 4500, 6400, 10000)
"""The waiting times of Herrera Segura et al. 2022 (arXiv 2209.02517)."""


def log_lags(max_lag: int, per_decade: int = 16, *, multiple_of: int = 1) -> Steps:
    """Whole multiples of `multiple_of` up to `max_lag`, evenly spaced in the logarithm, each once.

    The first is `multiple_of`, the last the largest multiple up to `max_lag`: 1 and `max_lag` by default.

    Why multiples: minibatches drawn without replacement use every row once in an epoch of ceil(N / B) steps, so that
    the gradient noise of a whole epoch nearly cancels (its mean gradient is the full one up to the motion within the
    epoch), and the mean square displacement dips at lags that are multiples of the epoch. A grid that mixes both kinds
    of lags zigzags, and t* on it depends on which kind is near. With ``multiple_of=epoch`` all lags are of the same
    kind. Choose waiting times that are multiples, too, as in the paper (an epoch of 10 steps), because the noise
    cancels over epochs from their beginning.

    Raises
    ------
    ValueError
        If an argument is < 1, or `multiple_of` is larger than `max_lag`.
    """
    for name, value in (("max_lag", max_lag), ("per_decade", per_decade), ("multiple_of", multiple_of)):
        if value < 1:
            msg = f"{name} must be >= 1; got {value!r}"
            raise ValueError(msg)
    largest = max_lag // multiple_of
    if largest < 1:
        msg = f"multiple_of must be at most max_lag, {max_lag}; got {multiple_of!r}"
        raise ValueError(msg)
    count = int(np.ceil(per_decade * np.log10(largest))) + 1
    return np.unique(np.rint(np.geomspace(1, largest, count)).astype(np.int64)) * multiple_of


def default_waiting_times(steps: int) -> Steps:
    """The paper's waiting times tw with 2 tw <= `steps`, so that the lags reach tw.

    Runs too short for two of them get up to six, log-spaced from a twentieth to half of `steps`.
    """
    steps = whole_number("steps", steps, 2, LAST_STEP)
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


def check_grid(waiting_times: Steps, lags: Steps, steps: int) -> None:
    """Raise a ValueError if a waiting time or a lag has no displacement within runs of `steps` steps.

    Single pairs may be beyond the end of the runs: later waiting times have fewer lags.
    """
    first, last = int(waiting_times[0]), int(waiting_times[-1])
    if first + int(lags[-1]) <= steps and last + int(lags[0]) <= steps:
        return
    if first + int(lags[-1]) > steps:
        wrong = int(lags[lags > steps - first][0])
        what = f"no waiting time is followed by lag {wrong}: lags must be at most {steps - first}"
    else:
        wrong = int(waiting_times[waiting_times > steps - int(lags[0])][0])
        what = f"waiting time {wrong} is followed by no lag: waiting_times must be at most {steps - int(lags[0])}"
    msg = (
        f"waiting_times + lags must be within the runs: the largest is {last} + {int(lags[-1])} = "
        f"{last + int(lags[-1])} of {steps} steps, and {what}, or steps larger"
    )
    raise ValueError(msg)


def two_time_grid(
    steps: int, waiting_times: ArrayLike | None = None, lags: ArrayLike | None = None
) -> tuple[Steps, Steps]:
    """Waiting times and lags for runs of `steps` steps, checked.

    By default `default_waiting_times`, and `log_lags` up to the longest that the first waiting time leaves.

    Raises
    ------
    ValueError
        If they do not ascend strictly, or one of them has no displacement within the runs.
    """
    waiting = default_waiting_times(steps) if waiting_times is None else waiting_times
    waiting = check_times("waiting_times", waiting, max(1, steps - 1))
    lag = check_times("lags", log_lags(max(1, steps - int(waiting[0]))) if lags is None else lags, steps)
    check_grid(waiting, lag, steps)
    return waiting, lag


def check_times(name: str, times: Sequence[int] | ArrayLike, largest: int) -> Steps:
    """`times` as int64; ValueError unless they ascend strictly within 1 ... `largest`."""
    array = np.asarray(times)
    whole = array.ndim == 1 and array.size > 0 and np.issubdtype(array.dtype, np.integer)
    if not (whole and array[0] >= 1 and array[-1] <= largest and (np.diff(array) > 0).all()):
        msg = f"{name} must be whole numbers that ascend strictly within 1 ... {largest}; got {times!r}"
        raise ValueError(msg)
    return array.astype(np.int64)


def grid_of(
    steps: ArrayLike, *, waiting_times: ArrayLike | None = None, most: int = 12, per_decade: int = 16
) -> tuple[Steps, Steps]:
    """Waiting times (W,) and lags (T,) for snapshots at any `steps`, as few as show the logarithmic scale.

    The lags of a waiting time are the differences to later steps. In each of `per_decade` equal parts of a decade one
    is kept, that which most waiting times have: so that a grid of powers of two and then of every thousand gives lags
    of whole thousands to all waiting times that have them. The union of these is the grid, on which not every pair
    exists (`mean_square_displacement` has nan there).

    Parameters
    ----------
    steps : (S,) int
        Steps with a snapshot, in any run; repetitions do not matter.
    waiting_times : (W,) int, optional
        Steps among them. By default at most `most` of those that are >= 1 and not beyond half of the last step, as
        evenly spaced in the logarithm as possible.
    most : int
        Largest number of waiting times.
    per_decade : int
        Lags in each decade.

    Raises
    ------
    ValueError
        If a waiting time is not among the steps, or none is followed by another step.
    """
    every = np.unique(np.asarray(steps, dtype=np.int64))
    later = every[every >= 1]
    if later.size < 2:
        msg = f"steps must have at least two >= 1, between which runs move; got {every.tolist()}"
        raise ValueError(msg)
    if waiting_times is None:
        half = later[2 * later <= later[-1]]
        waiting = spaced(half if half.size else later[:1], most)
    else:
        waiting = check_times("waiting_times", waiting_times, int(later[-1]))
        if absent := np.setdiff1d(waiting, later).tolist():
            msg = f"waiting_times must be steps with a snapshot; there is none at {absent[0]}"
            raise ValueError(msg)
    own = [later[later > tw] - tw for tw in waiting]
    lags, count = np.unique(np.concatenate(own), return_counts=True)
    if not lags.size:
        msg = f"waiting_times must be followed by a step with a snapshot; the last is {later[-1]}"
        raise ValueError(msg)
    part = np.floor(per_decade * np.log10(lags)).astype(np.int64)
    order = np.lexsort((lags, -count, part))  # the most frequent of each part first, the shortest among equals
    kept = [_first_of_each(part[order], order[np.isin(lags[order], mine)], np.isin(lags[order], mine)) for mine in own]
    return waiting, lags[np.unique(np.concatenate(kept))]


def _first_of_each(parts: Steps, positions: NDArray[np.intp], chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The first of the `positions` in each of their parts."""
    return positions[np.unique(parts[chosen], return_index=True)[1]]


def spaced(steps: Steps, count: int) -> Steps:
    """At most `count` of positive `steps` (S,), as evenly spaced in the logarithm as possible."""
    if steps.size <= count:
        return steps
    wanted = np.geomspace(steps[0], steps[-1], count)
    return np.unique(steps[np.abs(np.log(steps) - np.log(wanted)[:, None]).argmin(axis=1)])
