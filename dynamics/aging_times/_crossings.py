"""Crossings of a threshold by the mean displacement, with the bootstrap over runs: t*, and whether it is unique."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement import MeanSquareDisplacement, check_times_of
from dynamics.statistics import _fits, _resampling

Array = NDArray[np.float64]

MATERIAL = np.log(1.1)  # first and last crossing closer than 10 % count as one t*
MATERIAL_OF_ONE_RUN = np.log(1.25)  # without a spread
ERRORS = 3.0  # first and last crossing count as two from this many standard errors on


@dataclass(frozen=True, eq=False)
class Crossings:
    """Crossings of the mean over the runs; W waiting times, B bootstrap samples, R runs. Lags in steps.

    Parameters
    ----------
    first : (W,) float64
        Result of `first_crossing`: 0 and inf if there is none.
    last : (W,) float64
        Result of `last_crossing`: 0 and inf if there is none.
    first_samples, last_samples : (B, W) float64
        The same for bootstrap samples of the runs.
    runs : int
        Number R.
    """

    first: Array
    last: Array
    first_samples: Array
    last_samples: Array
    runs: int

    @cached_property
    def log(self) -> Array:
        """Log t* (W,), nan if there is none."""
        return _fits.log_finite(self.first)

    @cached_property
    def log_samples(self) -> Array:
        """Log t* (B, W) of the bootstrap samples."""
        return _fits.log_finite(self.first_samples)

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
        limit = np.fmax(MATERIAL, ERRORS * noise) if self.runs > 1 else np.full(self.first.shape, MATERIAL_OF_ONE_RUN)
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


def crossings(msd: MeanSquareDisplacement, means: Array, threshold: float) -> Crossings:
    """Crossings of `threshold` by the mean of `msd` and by its bootstrap samples `means` (B, W, T)."""
    mean = msd.mean
    return Crossings(
        _fits.first_crossing(msd.lags, mean, threshold),
        _fits.last_crossing(msd.lags, mean, threshold),
        _fits.first_crossing(msd.lags, means, threshold),
        _fits.last_crossing(msd.lags, means, threshold),
        msd.replicas,
    )
