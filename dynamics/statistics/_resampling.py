"""The bootstrap over runs: whole runs are drawn with replacement, because times within a run are dependent.

Written here because `scipy.stats.bootstrap` has percentile and BCa intervals, whose coverage is too low for few runs,
and it resamples for every statistic: here all statistics of an ensemble share the same samples.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from dynamics.statistics._status import Status
from landscape.support import RNG, Estimate, whole_number

Array = NDArray[np.float64]

MOST_MISSING = 0.05  # largest share of bootstrap samples without a value for which an interval is given


def run_counts(replicas: int, resamples: int, rng: RNG) -> NDArray[np.int64]:
    """Number of times each run is in each bootstrap sample, (B, R); of one run, whose samples are all alike, two."""
    if replicas == 1:
        return np.ones((min(resamples, 2), 1), dtype=np.int64)
    return np.random.default_rng(rng).multinomial(replicas, np.full(replicas, 1 / replicas), resamples)


def resampled_means(counts: NDArray[np.int64], values: Array) -> Array:
    """Mean (B, ...) of `values` (R, ...) over bootstrap samples that hold run r ``counts[:, r]`` times.

    nan if a run has nan.
    """
    missing = np.isnan(values).any(axis=0)
    filled = np.where(missing, 0.0, values).reshape(len(values), -1)
    means = (counts / len(values)) @ filled
    return np.where(missing, np.nan, means.reshape(-1, *values.shape[1:]))


def resampled_known_means(counts: NDArray[np.int64], values: Array) -> Array:
    """The same with the mean over those drawn runs that have a number; nan where none has."""
    means, known = resampled_means(counts, values), ~np.isnan(values)
    some = known.any(axis=0) & ~known.all(axis=0)
    if some.any():
        number = counts @ known[:, some]
        total = counts @ np.where(known[:, some], values[:, some], 0.0)
        means[:, some] = total / np.where(number > 0, number, np.nan)
    return means


def bootstrap_means(values: Array, resamples: int, rng: RNG) -> Array:
    """Mean (B, ...) of `values` (R, ...) over bootstrap samples of the runs."""
    return resampled_means(run_counts(len(values), resamples, rng), values)


def standard_error(samples: Array, runs: int | NDArray[np.int64]) -> Array:
    """Standard error (...) over the first axis of bootstrap `samples` (B, ...), given the number or numbers of `runs`.

    The spread of the samples times sqrt(R / (R - 1)): the variance of resampled means of R numbers is (R - 1) / R of
    that of fresh means. nan for fewer than two runs or samples, and if more than `MOST_MISSING` of the samples have no
    value: the number then depends on single runs, and the others underestimate its error.
    """
    nothing = np.full(samples.shape[1:], np.nan)
    if np.max(runs, initial=0) < 2 or len(samples) < 2:
        return nothing
    there = np.isfinite(samples)
    number = there.sum(axis=0)
    enough = (number >= (1 - MOST_MISSING) * len(samples)) & (np.asarray(runs) > 1)
    mean = np.where(there, samples, 0.0).sum(axis=0) / np.maximum(number, 1)
    square = (np.where(there, samples - mean, 0.0) ** 2).sum(axis=0) / np.maximum(number, 1)
    return np.where(enough, np.sqrt(square * runs / np.maximum(np.asarray(runs) - 1, 1)), nothing)


def interval(
    estimate: ArrayLike, samples: Array, confidence: float, runs: int | NDArray[np.int64], *, comparisons: int = 1
) -> tuple[Array, Array]:
    """Student's interval (...) around an `estimate` (...), from its bootstrap `samples` (B, ...) and number of `runs`.

    estimate -+ t_{R-1} x `standard_error`: for a mean of Gaussian runs this is the exact interval at any number of
    runs. Percentiles of the bootstrap are not: with a probability of 2^(1-R) all runs are on one side of the truth,
    and no percentile reaches beyond them, so that 95 % intervals from 2, 3, 4, 5 runs cover in 0.49, 0.74, 0.85, 0.90
    (see also Hesterberg, arXiv 1411.5279). Take logarithms of positive quantities first. Measured coverage:
    docs/concepts/intervals.md.

    `comparisons` > 1 applies Bonferroni's correction. nan if the standard error is.
    """
    center = np.asarray(estimate, dtype=np.float64)
    error = standard_error(samples, runs)
    if np.max(runs, initial=0) < 2:
        return error, error
    reach = stats.t.isf((1 - confidence) / (2 * comparisons), np.maximum(np.asarray(runs) - 1, 1)) * error
    return center - reach, center + reach


def estimate(
    value: float, samples: Array, confidence: float, runs: int, status: str = "ok", *, comparisons: int = 1
) -> Estimate[float]:
    """A number with its `interval`, from `samples` (B,); if it has none, its status says why."""
    low, high = interval(value, samples, confidence, runs, comparisons=comparisons)
    if status == Status.OK and np.isfinite(value) and np.isnan(low):
        status = Status.NO_INTERVAL if runs > 1 else Status.TOO_FEW_RUNS
    return Estimate(float(value), float(low), float(high), status)


def estimates(
    values: Array, samples: Array, confidence: float, runs: int | NDArray[np.int64], status: str = "ok"
) -> Estimate[Array]:
    """Numbers (...) with their `interval`, from `samples` (B, ...)."""
    return Estimate(values, *interval(values, samples, confidence, runs), status)


def check_resampling(confidence: float, resamples: int) -> None:
    """Raise a ValueError that names the first argument out of range."""
    if not 0 < confidence < 1:
        msg = f"confidence must be between 0 and 1; got {confidence!r}"
        raise ValueError(msg)
    whole_number("resamples", resamples, 1)
