"""When to record a run: the steps that a grid of waiting times and lags needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Steps, snapshot_steps, two_time_grid
from landscape.support import whole_number


@dataclass(frozen=True, eq=False, init=False)
class RecordingSchedule:
    """The steps at which a run is recorded, so that every pair of waiting time and lag within it has both its ends.

    Parameters
    ----------
    steps : int
        Length of the run, the number of updates (>= 2).
    waiting_times : (W,) int, optional
        Waiting times tw (steps). By default `dynamics.runs.default_waiting_times`.
    lags : (T,) int, optional
        Lags (steps). By default `dynamics.runs.log_lags`, up to the longest that the first waiting time leaves.

    Raises
    ------
    ValueError
        If times do not ascend strictly, or one of them has no displacement within the run.
    """

    steps: int
    waiting_times: Steps
    lags: Steps

    def __init__(self, steps: int, *, waiting_times: ArrayLike | None = None, lags: ArrayLike | None = None) -> None:
        steps = whole_number("steps", steps, 2, 2**53)
        waiting, lag = two_time_grid(steps, waiting_times, lags)
        for name, value in (("steps", steps), ("waiting_times", waiting), ("lags", lag)):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        grid = f"{self.waiting_times.size} waiting times, {self.lags.size} lags, {int(self.pairs.sum())} pairs"
        return f"RecordingSchedule({self.steps} steps, recorded at {self.recorded_steps.size} of them: {grid})"

    @property
    def recorded_steps(self) -> Steps:
        """The steps to record (S,), ascending: 0, every waiting time, every waiting time + lag, and the last step."""
        return np.union1d(snapshot_steps(self.waiting_times, self.lags, self.steps), self.steps)

    @property
    def pairs(self) -> NDArray[np.bool_]:
        """Which pairs of waiting time and lag lie within the run, (W, T)."""
        return self.waiting_times[:, None] + self.lags <= self.steps
