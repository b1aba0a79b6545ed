"""Crossings of a threshold by the displacement, with the bootstrap over runs: t*, and whether it is unique."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement import MeanSquareDisplacement, check_times_of, known_mean
from dynamics.statistics import Status, _fits, _resampling

Array = NDArray[np.float64]

Average = Literal["t* of the mean", "mean of t*"]
MATERIAL = np.log(1.1)  # first and last crossing closer than 10 % count as one t*
MATERIAL_OF_ONE_RUN = np.log(1.25)  # without a spread
ERRORS = 3.0  # first and last crossing count as two from this many standard errors on
WIDE = 2.0  # ratio of the lags on either side of t* above which a gap is wide


@dataclass(frozen=True, eq=False)
class Crossings:
    """Crossings by the mean over the runs, or means of those of single runs. Lags in steps.

    Parameters
    ----------
    first : (W,) float64
        Result of `first_crossing`: 0 and inf if there is none.
    last : (W,) float64
        Result of `last_crossing`: 0 and inf if there is none.
    first_samples, last_samples : (B, W) float64
        The same for bootstrap samples of the runs.
    replicas : int
        Number R of all runs.
    runs : (W,) int64
        Number of runs behind each t*: those that have the lags around it.
    between : (W, 2) float64
        The recorded lags on either side of t*; nan without one.
    reach : (W,) float64
        How far ln t* may be from its interpolation across a gap (`interpolation_reach`).
    runs_change : bool
        Whether different t* come from different runs.
    """

    first: Array
    last: Array
    first_samples: Array
    last_samples: Array
    replicas: int
    runs: NDArray[np.int64]
    between: Array
    reach: Array
    runs_change: bool

    @cached_property
    def log(self) -> Array:
        """Log t* (W,), nan if there is none."""
        return _fits.log_finite(self.first)

    @cached_property
    def log_samples(self) -> Array:
        """Log t* (B, W) of the bootstrap samples."""
        return _fits.log_finite(self.first_samples)

    @cached_property
    def fewest(self) -> int:
        """The least number of runs behind a t*; that of all runs without any."""
        return int(self.runs[np.isfinite(self.log)].min(initial=self.replicas))

    @property
    def single(self) -> Status:
        """Why there is no interval, if the fewest are one run; OK otherwise."""
        if self.fewest > 1:
            return Status.OK
        return Status.TIME_OF_ONE_RUN if self.replicas > 1 else Status.TOO_FEW_RUNS

    @cached_property
    def wide(self) -> NDArray[np.bool_]:
        """Whether (W,) t* is interpolated across a gap of more than a factor `WIDE`."""
        return (self.reach > 0) & (self.between[:, 1] > WIDE * self.between[:, 0])

    def slope_reach(self, x: Array) -> float:
        """How far the slope of ln t* over `x` (W,) may be from the fit because of `reach`."""
        used = np.isfinite(self.log)
        centered = x[used] - x[used].mean() if used.any() else x[used]
        return float(np.abs(centered) @ self.reach[used] / (centered @ centered)) if used.sum() > 1 else 0.0

    @cached_property
    def ambiguous(self) -> NDArray[np.bool_]:
        """Whether (W,) the last crossing is later than the first by more than noise.

        The ratio must be above 1.1 and three standard errors of its logarithm; the more precise of the two crossings
        counts, because the samples of the other jump between branches of a non-monotonic curve.
        """
        errors = [
            _resampling.standard_error(_fits.log_finite(samples), self.runs)
            for samples in (self.first_samples, self.last_samples)
        ]
        noise = np.fmin(*errors)
        limit = np.where(self.runs > 1, np.fmax(MATERIAL, ERRORS * noise), MATERIAL_OF_ONE_RUN)
        reached, dips = np.isfinite(self.first), self.last > np.maximum(self.first, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return reached & dips & (np.log(self.last / self.first) > limit)


def check_fit(msd: MeanSquareDisplacement, confidence: float, resamples: int, threshold: float = 1.0) -> None:
    """Raise a ValueError that names the first argument of a fit to the displacement which is out of its range."""
    check_threshold(threshold)
    _resampling.check_resampling(confidence, resamples)
    check_times_of(msd)


def check_threshold(threshold: float) -> None:
    """Raise a ValueError unless it is a displacement that can be reached."""
    if not (np.isfinite(threshold) and threshold > 0):
        msg = f"threshold must be positive and finite; got {threshold!r}"
        raise ValueError(msg)


def crossings(
    msd: MeanSquareDisplacement,
    counts: NDArray[np.int64],
    threshold: float,
    average: Average = "t* of the mean",
    *,
    means: Array | None = None,
) -> Crossings:
    """Crossings of `threshold` by the mean of `msd`, or means over the runs, with samples of `counts` (B, R).

    `means` is `resampled(msd, counts)`, if it is known.
    """
    check_average(average)
    if average == "mean of t*":
        return _means_of_runs(msd, counts, threshold)
    return _of_mean(msd, resampled(msd, counts) if means is None else means, threshold)


def _of_mean(msd: MeanSquareDisplacement, means: Array, threshold: float) -> Crossings:
    """Crossings of `threshold` by the mean of `msd` and by its bootstrap samples `means` (B, W, T)."""
    mean = msd.mean
    before, index = _fits.bracket(mean, threshold)
    found = (before >= 0) & (index > 0)
    known = [
        np.take_along_axis(np.isfinite(msd.values), np.maximum(k, 0)[None, :, None], -1)[..., 0]
        for k in (before, index)
    ]
    between = np.where(found[:, None], msd.lags[np.stack([np.maximum(before, 0), index], axis=1)], np.nan)
    return Crossings(
        _fits.first_crossing(msd.lags, mean, threshold),
        _fits.last_crossing(msd.lags, mean, threshold),
        _fits.first_crossing(msd.lags, means, threshold),
        _fits.last_crossing(msd.lags, means, threshold),
        msd.replicas,
        np.where(found, (known[0] | known[1]).sum(axis=0), msd.replicas),
        between,
        _fits.interpolation_reach(msd.lags, mean, threshold),
        _differ(np.concatenate(known, axis=1)[:, np.tile(found, 2)]),
    )


def _means_of_runs(msd: MeanSquareDisplacement, counts: NDArray[np.int64], threshold: float) -> Crossings:
    """Means over the runs of their own crossings: inf if one of them does not cross, 0 if one is above at first."""
    has = np.asarray(np.isfinite(msd.values).any(axis=-1))
    own, last = (
        np.where(has, crossing(msd.lags, msd.values, threshold), np.nan)
        for crossing in (_fits.first_crossing, _fits.last_crossing)
    )
    early = (own == 0).any(axis=0)
    firsts, lasts = (np.where(early | np.isinf(each).any(axis=0), np.nan, each) for each in (own, last))
    none = np.where(np.isinf(own).any(axis=0), np.inf, np.where(early, 0.0, np.inf))
    means = [(known_mean(each), _resampling.resampled_known_means(counts, each)) for each in (firsts, lasts)]
    (first, first_samples), (final, last_samples) = means
    exists = np.isfinite(first)
    reaches = np.array([_fits.interpolation_reach(msd.lags, each, threshold) for each in msd.values])
    return Crossings(
        np.where(exists, first, none),
        np.where(exists, np.where(np.isfinite(final), final, np.inf), none),
        np.where(exists, first_samples, none),
        np.where(exists, np.where(np.isfinite(last_samples), last_samples, np.inf), none),
        msd.replicas,
        np.where(exists, has.sum(axis=0), msd.replicas),
        _widest(msd, threshold, exists),
        np.where(exists, known_mean(reaches * firsts) / np.where(exists, first, 1.0), 0.0),
        _differ(has[:, exists]),
    )


def _widest(msd: MeanSquareDisplacement, threshold: float, exists: NDArray[np.bool_]) -> Array:
    """Lags (W, 2) on either side of the t* of that run whose lags are farthest apart."""
    between = np.full((exists.size, 2), np.nan)
    before, index = _fits.bracket(msd.values, threshold)
    for w in np.flatnonzero(exists):
        own = msd.lags[np.stack([before[:, w], index[:, w]], axis=1)[before[:, w] >= 0]]
        between[w] = own[(own[:, 1] / own[:, 0]).argmax()]
    return between


def _differ(runs: NDArray[np.bool_]) -> bool:
    """Whether the sets of runs in the columns (R, n) are not all the same."""
    return any(not np.array_equal(column, runs[:, 0]) for column in runs.T)


def resampled(msd: MeanSquareDisplacement, counts: NDArray[np.int64]) -> Array:
    """Means (B, W, T) over bootstrap samples of the runs, of those that have a pair."""
    means = _resampling.resampled_means if msd.recorded is None else _resampling.resampled_known_means
    return means(counts, msd.values)


def check_average(average: str) -> None:
    """Raise a ValueError unless it is one of `Average`."""
    if average not in get_args(Average):
        msg = f"average must be one of {', '.join(map(repr, get_args(Average)))}; got {average!r}"
        raise ValueError(msg)
