"""The two-time mean square displacement."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement._pairs import known_mean, two_time_moments
from dynamics.runs import Trajectories
from landscape.support import Result


@dataclass(frozen=True, eq=False)
class MeanSquareDisplacement(Result, shows=("values",)):
    """Two-time mean square displacement of every run.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    values : (R, W, T) float64
        Squared displacement of a parameter, or of the outputs, on average, in squared units of what moves. nan for a
        pair that was not recorded, as if waiting time + lag is beyond the run.
    metadata : mapping
        That of the runs.
    recorded : (R, W, T) bool, optional
        Which pairs of waiting time and lag were recorded: their values must be numbers. By default all runs have the
        pairs for which any of them has a number.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    values: NDArray[np.float64]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    recorded: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.waiting_times), len(self.lags))
        if self.values.ndim != 3 or self.values.shape[1:] != shape or len(self.values) == 0:
            msg = f"values must have shape (R, {shape[0]}, {shape[1]}) for these times; got {self.values.shape}"
            raise ValueError(msg)
        if self.recorded is not None and self.recorded.shape != self.values.shape:
            msg = f"recorded must have shape {self.values.shape} for these values; got {self.recorded.shape}"
            raise ValueError(msg)

    @property
    def replicas(self) -> int:
        """Number R of runs."""
        return len(self.values)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean (W, T) over the runs that have the pair; nan if none has."""
        return self.values.mean(axis=0) if self.recorded is None else known_mean(self.values)

    def beyond(self, waiting_time: float) -> "MeanSquareDisplacement":
        """The part at waiting times beyond this one (steps); ValueError if there is none."""
        later = self.waiting_times > waiting_time
        if not later.any():
            msg = f"waiting_time must be below the last one, {self.waiting_times[-1]}; got {waiting_time:g}"
            raise ValueError(msg)
        recorded = None if self.recorded is None else self.recorded[:, later]
        return replace(self, waiting_times=self.waiting_times[later], values=self.values[:, later], recorded=recorded)

    @property
    def runs_per_pair(self) -> NDArray[np.int64]:
        """Number of runs (W, T) that have the pair."""
        return np.isfinite(self.values).sum(axis=0)

    @property
    def has_gaps(self) -> bool:
        """Whether a lag is missing in all runs between two that were recorded, at any waiting time."""
        known = np.asarray(np.isfinite(self.values).any(axis=0))
        later = np.logical_or.accumulate(known[:, ::-1], axis=1)[:, ::-1]
        return bool((~known & later & np.logical_or.accumulate(known, axis=1)).any())

    @property
    def is_complete(self) -> bool:
        """Whether every run has every pair that any of them has."""
        return self.recorded is None or all(np.array_equal(run, self.recorded[0]) for run in self.recorded)


def mean_square_displacement(runs: Trajectories) -> MeanSquareDisplacement:
    """Two-time mean square displacement of each run.

    Delta(tw, t) = (1 / P) sum_p [theta_p(tw + t) - theta_p(tw)]^2, for one run; the published curves are the mean over
    the runs, `MeanSquareDisplacement.mean`. Runs are read one at a time; differences are taken in float64. Runs
    trained with snapshots="waiting" already contain the same numbers. A pair of which a snapshot was not recorded is
    nan, also of single runs; `MeanSquareDisplacement.runs_per_pair` counts those that have it.

    Source: Herrera Segura et al. 2022 (arXiv 2209.02517), equation 2.

    Raises
    ------
    ValueError
        If no run has the two snapshots of any waiting time and lag.
    TypeError
        If `runs` are no `Trajectories`, but a path, for instance.
    """
    if not isinstance(runs, Trajectories):
        msg = f"runs must be Trajectories; got {type(runs).__name__}: load_trajectories(path) opens a file"
        raise TypeError(msg)
    (values,) = two_time_moments(runs, "displacement")
    return MeanSquareDisplacement(runs.waiting_times, runs.lags, values, runs.metadata, ~np.isnan(values))


def of_known(msd: MeanSquareDisplacement, counted: NDArray[np.bool_] | None = None) -> MeanSquareDisplacement:
    """Displacement whose mean over all runs equals that over the runs with a number, for `dynamics.aging`.

    If only n of R runs have a number (and are among the `counted` ones (R, W)), theirs are multiplied by R / n and the
    others are 0, so that intervals include the chance of having one. Single runs of the result are meaningless. nan if
    no run has a number.
    """
    known = np.isfinite(msd.values)
    if counted is not None:
        known &= counted[..., None]
    share = known.mean(axis=0)
    some = share > 0
    values = np.where(known, msd.values / np.where(some, share, 1.0), np.where(some, 0.0, np.nan))
    return replace(msd, values=values, recorded=None)


def check_runs(msd: MeanSquareDisplacement) -> None:
    """Raise a ValueError that names runs without a number at times where others have one.

    Beyond the end of the runs none has one. A run without one before it diverged, or its quenches failed.
    """
    known = np.isfinite(msd.values)
    missing = ~known & (known.any(axis=0) if msd.recorded is None else msd.recorded)
    if not missing.any():
        return
    runs = np.flatnonzero(missing.any(axis=(1, 2)))
    w, t = np.argwhere(missing[runs[0]])[0]
    msg = (
        f"the displacement of run {runs[0]} is {msd.values[runs[0], w, t]} at waiting time {msd.waiting_times[w]} and "
        f"lag {msd.lags[t]}, where other runs have a number ({runs.size} of {msd.replicas} runs have none: "
        f"{some_of(runs.tolist())}). Has it diverged? Leave these runs out, or train with a smaller learning rate"
    )
    raise ValueError(msg)


def some_of(numbers: list[int], most: int = 8) -> str:
    """A few numbers, for a message."""
    return ", ".join(map(str, numbers[:most])) + (" and others" if len(numbers) > most else "")


def check_times_of(msd: MeanSquareDisplacement) -> None:
    """Raise a ValueError if the times have no logarithm, there is no curve, or a run diverged.

    A TypeError if it is no displacement: runs themselves are easily passed.
    """
    if not isinstance(msd, MeanSquareDisplacement):
        hint = ": pass mean_square_displacement(runs)" if isinstance(msd, Trajectories) else ""
        msg = f"msd must be a MeanSquareDisplacement; got {type(msd).__name__}{hint}"
        raise TypeError(msg)
    if msd.lags.size < 2 or msd.waiting_times.min() < 1:
        msg = f"msd must have at least two lags, and waiting times >= 1; got {msd.lags} and {msd.waiting_times}"
        raise ValueError(msg)
    check_runs(msd)
