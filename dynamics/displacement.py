"""The two-time mean square displacement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics._pairs import two_time_moments
from dynamics.trajectories import Trajectories


@dataclass(frozen=True, eq=False)
class MeanSquareDisplacement:
    """Two-time mean square displacement of every run.

    Parameters
    ----------
    waiting_times, lags : (W,), (T,) int64
        Steps.
    values : (R, W, T) float64
        Per parameter (of whatever moves: `dynamics.outputs` has outputs instead), nan where waiting time + lag lies
        beyond the run.
    metadata : mapping
        That of the runs.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    values: NDArray[np.float64]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.waiting_times), len(self.lags))
        if self.values.ndim != 3 or self.values.shape[1:] != shape or len(self.values) == 0:
            msg = f"values must have shape (R, {shape[0]}, {shape[1]}) for these times; got {self.values.shape}"
            raise ValueError(msg)

    @property
    def replicas(self) -> int:
        """Number R of runs."""
        return len(self.values)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the runs, (W, T)."""
        return self.values.mean(axis=0)


def mean_square_displacement(runs: Trajectories) -> MeanSquareDisplacement:
    """Two-time mean square displacement of each run.

    Delta(tw, t) = (1 / P) sum_p [theta_p(tw + t) - theta_p(tw)]^2, for one run; the published curves are the mean
    over the runs, `MeanSquareDisplacement.mean`. Runs are read one at a time; differences are taken in float64. Runs
    that were trained with snapshots="waiting" bring the same numbers with them.

    Source: Herrera Segura et al. 2022 (arXiv 2209.02517), equation 2.

    Raises
    ------
    ValueError
        If a snapshot that the waiting times and lags call for is missing.
    """
    (values,) = two_time_moments(runs, "displacement")
    return MeanSquareDisplacement(runs.waiting_times, runs.lags, values, runs.metadata)
