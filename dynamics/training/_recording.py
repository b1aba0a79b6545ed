"""The record of one run, filled during the run, with memory independent of its steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.runs import Steps, displacement_moments, nan_moments

MOST_BYTES = 2**21  # bytes of the points of one call of the kernel


class Recording:
    """Snapshots and curve points of a run, and with `moments` its two-time displacements.

    Parameters
    ----------
    snapshot_steps : (S,) int64
        Steps at which points are kept.
    curve_steps : (C,) int64
        Steps at which points are kept.
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    n_steps : int
        Number of steps of the run.
    sizes : (G,) int64, optional
        Groups of parameters; None if displacements are computed later from the snapshots.
    n_parameters, dtype
        Size and precision of a point.
    """

    def __init__(
        self,
        snapshot_steps: Steps,
        curve_steps: Steps,
        waiting_times: Steps,
        lags: Steps,
        n_steps: int,
        sizes: NDArray[np.int64] | None,
        n_parameters: int,
        dtype: np.dtype,
    ) -> None:
        self._kept = {"snapshots": snapshot_steps, "curve_points": curve_steps}
        self._waiting, self._lags, self._sizes = waiting_times, lags, sizes
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.zeros((steps.size, n_parameters), dtype) for name, steps in self._kept.items()
        }
        self.steps = np.union1d(snapshot_steps, curve_steps)
        if sizes is not None:
            self.arrays |= nan_moments((waiting_times.size, lags.size), sizes.size)
            ends = np.unique(waiting_times[:, None] + lags)
            self.steps = np.union1d(self.steps, ends[ends <= n_steps])
        self._most = max(2, MOST_BYTES // (n_parameters * dtype.itemsize))

    def cut(self, first: int, stop: int) -> tuple[Steps, int]:
        """The steps to record from `first` to `stop`, both included, and where to stop to limit memory."""
        low, high = np.searchsorted(self.steps, (first, stop + 1))
        if high - low > self._most:
            high = low + self._most
            stop = int(self.steps[high - 1])
        return self.steps[low:high], stop

    def take(self, steps: Steps, points: NDArray[Any]) -> None:
        """Keep the wanted ones of `points` (K, P) at these steps (K,), all steps to record."""
        if not steps.size:
            return
        for name, kept in self._kept.items():
            low, high = np.searchsorted(kept, (steps[0], steps[-1] + 1))
            self.arrays[name][low:high] = points[np.searchsorted(steps, kept[low:high])]
        if self._sizes is not None:
            for w, tw in enumerate(self._waiting.tolist()):
                low, high = np.searchsorted(tw + self._lags, (steps[0], steps[-1] + 1))
                if low < high:
                    ends = points[np.searchsorted(steps, tw + self._lags[low:high])]
                    self._measure(w, slice(low, high), ends)

    def _measure(self, w: int, lags: slice, ends: NDArray[Any]) -> None:
        """Displacements from waiting time w to the points `ends`."""
        at = np.searchsorted(self._kept["snapshots"], self._waiting[w])
        origin = self.arrays["snapshots"][at].astype(np.float64)
        for name, values in displacement_moments(ends.astype(np.float64) - origin, self._sizes).items():
            self.arrays[name][w, lags] = values

    def state(self, step: int) -> dict[str, NDArray[Any]]:
        """The state after all steps up to and including `step`."""
        ends = {name: np.searchsorted(steps, step, side="right") for name, steps in self._kept.items()}
        return {name: array[: ends.get(name, len(array))] for name, array in self.arrays.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore a result of `state`."""
        for name, array in self.arrays.items():
            array[: len(state[name])] = state[name]
