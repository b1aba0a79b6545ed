"""Statistics of an ensemble with their intervals over the runs, which are independent of one another.

`within` are the limits of a quantity, such as 0 and 1 of a share: an interval ends there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dynamics.statistics import _resampling
from dynamics.statistics._status import Status
from landscape.support import RNG, Estimate

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

CONFIDENCE, RESAMPLES = 0.95, 1000
ROUNDING = 1e-12  # relative error below which runs agree
Limits = tuple[float, float]
NONE: Limits = (-np.inf, np.inf)
ZERO_TO_ONE: Limits = (0.0, 1.0)
NOT_NEGATIVE: Limits = (0.0, np.inf)


def mean_over_runs(values: ArrayLike, confidence: float = CONFIDENCE, *, within: Limits = NONE) -> Estimate[Any]:
    """Mean over the runs of `values` (R, ...), nan left out, with Student's interval of the runs that have one.

    mean -+ t_{R-1} sd / sqrt(R). The interval is nan for fewer than two runs, and if all agree: their spread, zero,
    says nothing of others.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    number = known.sum(axis=0)
    mean = np.where(number > 0, np.where(known, given, 0.0).sum(axis=0) / np.maximum(number, 1), np.nan)
    squares = (np.where(known, given - mean, 0.0) ** 2).sum(axis=0)
    error = np.sqrt(squares / np.maximum(number * (number - 1), 1))
    return _student(mean, np.where(number > 1, error, np.nan), number, confidence, within)


def ratio_over_runs(
    parts: ArrayLike,
    wholes: ArrayLike,
    *,
    within: Limits = NONE,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: RNG = 0,
) -> Estimate[Any]:
    """Sum over the runs of `parts` (R, ...) over that of `wholes`, with the interval of the bootstrap over runs.

    The value is nan where the sum of `wholes` is not positive, the interval where it does not exist or all runs agree.
    """
    part, whole = (np.asarray(given, dtype=np.float64) for given in (parts, wholes))
    counts = _resampling.run_counts(len(part), resamples, rng)

    def divided(drawn: Integers) -> Array:
        sums = [np.tensordot(drawn, given, axes=(-1, 0)) for given in (part, whole)]
        return np.where(sums[1] > 0, sums[0] / np.where(sums[1] > 0, sums[1], 1.0), np.nan)

    value, samples = divided(np.ones(len(part), dtype=np.int64)), divided(counts)
    return _student(value, _resampling.standard_error(samples, len(part)), np.asarray(len(part)), confidence, within)


def over_runs(
    statistic: Callable[[Integers], float],
    runs: int,
    *,
    within: Limits = NONE,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    rng: RNG = 0,
) -> Estimate[float]:
    """Any statistic of R runs with the interval of the bootstrap over runs.

    Parameters
    ----------
    statistic : callable
        From the number of times (R,) that a sample holds each run to the statistic of the sample; nan if it does not
        exist.
    runs : int
        R.
    """
    samples = np.array([statistic(counts) for counts in _resampling.run_counts(runs, resamples, rng)], dtype=np.float64)
    value = np.float64(statistic(np.ones(runs, dtype=np.int64)))
    return _student(value, _resampling.standard_error(samples, runs), np.asarray(runs), confidence, within)


def share_of_runs(some: ArrayLike, known: ArrayLike, confidence: float = CONFIDENCE) -> Estimate[Array]:
    """Share (...) `some` / `known` of independent runs, with its exact interval; nan without any.

    Clopper and Pearson, Biometrika 26, 404 (1934): quantiles of beta distributions, as in `scipy.stats.binomtest`.
    """
    k, n = (np.asarray(given, dtype=np.float64) for given in (some, known))
    tail = (1 - confidence) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = k / n
    low = np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, stats.beta.isf(tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return Estimate(np.asarray(share), np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan))


def _student(value: Any, error: Any, runs: NDArray[np.int64], confidence: float, within: Limits) -> Estimate[Any]:
    """Student's interval around `value` (...) with its standard `error` (...), from so many `runs`."""
    some = np.where(error > ROUNDING * np.abs(value), error, np.nan)
    reach = stats.t.isf((1 - confidence) / 2, np.maximum(runs - 1, 1)) * some
    low, high = np.maximum(value - reach, within[0]), np.minimum(value + reach, within[1])
    if np.ndim(value):
        return Estimate(np.asarray(value), low, high)
    return Estimate(float(value), float(low), float(high), _status(float(value), float(low), int(runs)))


def _status(value: float, low: float, runs: int) -> str:
    """Why a number has no interval."""
    if np.isnan(value) or np.isfinite(low):
        return Status.OK
    return Status.TOO_FEW_RUNS if runs < 2 else Status.RUNS_AGREE
