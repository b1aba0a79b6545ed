"""The bootstrap over runs: whole runs are drawn with replacement, since what one run does is dependent in time."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.displacement import MeanSquareDisplacement, check_runs

Array = NDArray[np.float64]


def run_counts(replicas: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each run is in each bootstrap sample, (B, R)."""
    return np.random.default_rng(seed).multinomial(replicas, np.full(replicas, 1 / replicas), resamples)


def resampled_means(counts: NDArray[np.int64], values: Array) -> Array:
    """Mean (B, ...) of `values` (R, ...) over bootstrap samples that hold run r ``counts[:, r]`` times.

    nan where a run has nan.
    """
    missing = np.isnan(values).any(axis=0)
    filled = np.where(missing, 0.0, values).reshape(len(values), -1)
    means = (counts / len(values)) @ filled
    return np.where(missing, np.nan, means.reshape(-1, *values.shape[1:]))


def interval(samples: Array, confidence: float, runs: int, *, comparisons: int = 1) -> tuple[Array, Array]:
    """Expanded percentile interval over the first axis of bootstrap `samples` (B, ...) of so many `runs`.

    The plain percentile interval is too narrow for few runs, for two reasons: the spread of the bootstrap is
    sqrt((R - 1) / R) of the true one, and its quantiles are those of a normal, not of Student's t. Both are mended by
    taking the percentiles at Phi(-sqrt(R / (R - 1)) t_{R-1}) in place of alpha / 2. (Hesterberg, The American
    Statistician 69, 371 (2015); cited from memory.) Measured: for 5 runs the coverage rises from 0.86 ... 0.92 to
    0.94 ... 0.98. BCa intervals were worse than plain percentiles for mu, studentized ones three times as wide.

    `comparisons` > 1 asks for Bonferroni's correction. An end is nan where it falls on a sample that is 0 or inf
    (beyond the lags) after a logarithm, or where there is no sample but nan; both are nan for fewer than two runs.
    """
    ordered = np.sort(samples, axis=0)  # nan comes last
    if runs < 2:
        nothing = np.full(samples.shape[1:], np.nan)
        return nothing, nothing
    tail = (1 - confidence) / (2 * comparisons)
    expanded = float(stats.norm.cdf(np.sqrt(runs / (runs - 1)) * stats.t.ppf(tail, runs - 1)))
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    ends = []
    for q in (expanded, 1 - expanded):
        index = np.rint(q * last).astype(np.int64)
        ends.append(np.take_along_axis(ordered, index[None], axis=0)[0])
    return ends[0], ends[1]


def float_interval(samples: Array, confidence: float, runs: int) -> tuple[float, float]:
    """`interval` of one number, from `samples` (B,)."""
    low, high = interval(samples, confidence, runs)
    return float(low), float(high)


def check_resampling(confidence: float, resamples: int) -> None:
    """Raise a ValueError that names the first argument out of its range."""
    if not 0 < confidence < 1:
        msg = f"confidence must lie between 0 and 1; got {confidence!r}"
        raise ValueError(msg)
    if int(resamples) != resamples or resamples < 1:
        msg = f"resamples must be a whole number >= 1; got {resamples!r}"
        raise ValueError(msg)


def check_times_of(msd: MeanSquareDisplacement) -> None:
    """Raise a ValueError where there is no logarithm of the times, no curve, or a run that diverged."""
    if msd.lags.size < 2 or msd.waiting_times.min() < 1:
        msg = f"msd must have at least two lags, and waiting times >= 1; got {msd.lags} and {msd.waiting_times}"
        raise ValueError(msg)
    check_runs(msd)
