"""Phases of learning, distinguished by whether successive updates point the same way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.observables._overlap import cosines
from dynamics.runs import Steps, Trajectories
from landscape.support import Result

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UpdateAlignment(Result, shows=("stride", "values")):
    """Cosines of updates that are some steps apart.

    Parameters
    ----------
    steps : (K,) int64
        Steps k at which the first of two updates begins.
    separations : (M,) int64
        Steps s from one update to the other.
    stride : int
        Steps h that an update takes: 1 for single steps.
    values : (R, M, K) float64
        Cosines; nan if a snapshot is missing or a run did not move.
    lengths : (R, K) float64
        |theta(k + h) - theta(k)|.
    """

    steps: NDArray[np.int64]
    separations: NDArray[np.int64]
    stride: int
    values: Array
    lengths: Array

    @property
    def mean(self) -> Array:
        """Mean (M, K) over the runs that have a value; nan if none has."""
        return _mean(self.values)

    @property
    def standard_error(self) -> Array:
        """Standard error of `mean`, (M, K), from the spread of the runs; nan for fewer than two."""
        count = np.isfinite(self.values).sum(axis=0)
        variance = _mean((self.values - self.mean) ** 2) / np.where(count > 1, count - 1, np.nan)
        return np.sqrt(variance)


def update_alignment(runs: Trajectories, separations: Sequence[int] | ArrayLike, *, stride: int = 1) -> UpdateAlignment:
    """Cosine between updates: cos(theta(k + h) - theta(k), theta(k + h + s) - theta(k + s)), h the `stride`.

    All k with the necessary snapshots are used; `alignment_lags` gives the lags to record. For updates that consist of
    a common drift v and independent noise of mean square length sigma^2, it is |v|^2 / (|v|^2 + sigma^2) up to order 1
    / sqrt(P): 1 for straight motion, 0 for Brownian, 1/2 if drift and noise are equal. Separations that are not
    multiples of the stride, and those smaller than it, compare updates that share steps. Snapshots in float32 leave an
    error of about 1e-7 |theta| over the length of an update. Runs are read one at a time. Updates are whole steps: with
    momentum m, or Adam's mean of gradients, those less than some 1 / (1 - m) steps apart are aligned by it even if the
    gradients are independent.

    Herrera Segura et al. (arXiv 2209.02517) describe the phases by the alignment of updates, after Feng and Tu; this
    measure of it is defined here.

    Raises
    ------
    ValueError
        If a separation or the stride is not a whole number >= 1, or no two such updates were recorded.
    """
    apart, stride = _whole("separations", separations), int(_whole("stride", [stride])[0])
    steps = runs.steps[np.isin(runs.steps + stride, runs.steps)]
    there = np.array([np.isin(steps + s, steps) for s in apart]).reshape(apart.size, -1)
    kept = there.any(axis=0)
    if not kept.any():
        lags = alignment_lags(apart, stride=stride)
        msg = (
            f"separations {apart.tolist()} with stride {stride} need snapshots that the runs do not have; train with "
            f"lags=alignment_lags(...) (--lags {','.join(map(str, lags.tolist()))}) and snapshots='all' "
            "(--snapshots all)"
        )
        raise ValueError(msg)
    starts = steps[kept]
    values = np.full((runs.replicas, apart.size, starts.size), np.nan)
    lengths = np.empty((runs.replicas, starts.size))
    for r in range(runs.replicas):
        theta = np.asarray(runs.snapshots[r], dtype=np.float64)
        updates = theta[np.searchsorted(runs.steps, steps + stride)] - theta[np.searchsorted(runs.steps, steps)]
        lengths[r] = np.linalg.norm(updates[kept], axis=1)
        for m, s in enumerate(apart):
            first = np.flatnonzero(there[m])
            values[r, m, there[m][kept]] = cosines(updates[first], updates[np.searchsorted(steps, steps[first] + s)])
    return UpdateAlignment(starts, apart, stride, values, lengths)


def alignment_lags(
    separations: Sequence[int] | ArrayLike, *, stride: int = 1, updates: int = 1, lags: ArrayLike = ()
) -> Steps:
    """Lags for `train` so that `update_alignment` has its snapshots at each waiting time.

    Parameters
    ----------
    separations, stride
        As in `update_alignment`.
    updates : int
        Number of first updates at each waiting time, at tw, tw + 1, ...; more reduce the noise.
    lags : sequence of int
        Additional lags, for instance ``log_lags(...)``.
    """
    apart, counts = _whole("separations", separations), _whole("stride, updates", [stride, updates])
    first = np.arange(counts[1])
    ends = (first[:, None] + np.concatenate([[0], apart])).ravel()
    union = np.concatenate([ends, ends + counts[0], np.asarray(lags, dtype=np.int64)])
    return np.unique(union[union > 0]).astype(np.int64)


def _whole(name: str, values: Sequence[int] | ArrayLike) -> Steps:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer) or array.min() < 1:
        msg = f"{name} must be whole numbers >= 1; got {values!r}"
        raise ValueError(msg)
    return array.astype(np.int64)


def _mean(values: Array) -> Array:
    """Mean over the first axis without nan."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    return np.where(there, values, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)
