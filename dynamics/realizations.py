"""The same ensemble on several realizations of a data set: how much of mu is the data's, how much the runs'."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics import _fits, _resampling
from dynamics.displacement import MeanSquareDisplacement

Array = NDArray[np.float64]

BEND = 10**3.6  # steps: where Herrera Segura et al. 2022 (arXiv 2209.02517) see mu change
SAME = ("layer_sizes", "learning_rate", "batch_size", "noise", "momentum", "schedule", "start", "rows",
        "regularization", "regularize_biases")  # fmt: skip


class RealizationStatus(StrEnum):
    """What became of the mean; where something is missing, the value is the remedy."""

    OK = "ok"
    TOO_FEW_REALIZATIONS = (
        "the spread is not defined: fewer than two realizations have a mu; train on more data sets (--dataset-seeds), "
        "or choose another threshold or longer runs"
    )
    TOO_FEW_RUNS = "the spread over runs is not defined: one run has none; train at least two replicas on each data set"


@dataclass(frozen=True, eq=False)
class ExponentSpread:
    """An exponent on D realizations; nan where a value does not exist.

    Parameters
    ----------
    values : (D,) float64
        mu of each realization, from the mean over its runs.
    low, high : (D,) float64
        Bootstrap interval of each, over its runs.
    run_sd : (D,) float64
        Bootstrap standard deviation of each, over its runs.
    mean_low, mean_high : float
        Bootstrap interval of `mean` over realizations and runs (`compare_realizations`).
    """

    values: Array
    low: Array
    high: Array
    run_sd: Array
    mean_low: float
    mean_high: float

    @property
    def number(self) -> int:
        """Realizations that have a mu."""
        return int(np.isfinite(self.values).sum())

    @property
    def mean(self) -> float:
        """Mean over the realizations that have one."""
        return float(np.nanmean(self.values)) if self.number else float("nan")

    @property
    def sd(self) -> float:
        """Standard deviation over the realizations: data and runs together."""
        return float(np.nanstd(self.values, ddof=1)) if self.number > 1 else float("nan")

    @property
    def standard_error(self) -> float:
        """Of `mean`."""
        return self.sd / float(np.sqrt(max(self.number, 1)))

    @property
    def within_sd(self) -> float:
        """What the runs alone make: root mean square of `run_sd`."""
        there = np.isfinite(self.run_sd)
        return float(np.sqrt((self.run_sd[there] ** 2).mean())) if there.any() else float("nan")

    @property
    def between_sd(self) -> float:
        """What the data alone make: sqrt(sd^2 - within_sd^2), 0 where the runs explain all of the spread."""
        return float(np.sqrt(max(self.sd**2 - self.within_sd**2, 0.0))) if self.number > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Realizations:
    """Result of `compare_realizations`. D realizations, W waiting times.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    t_star : (D, W) float64
        Steps; nan where the threshold is not reached, or at the first lag already.
    mu : ExponentSpread
        Over all waiting times.
    later_mu : ExponentSpread
        Over those beyond `from_waiting_time`: the slope behind the bend.
    from_waiting_time, threshold, confidence : float
        What was asked for.
    replicas : (D,) int64
        Runs of each.
    status : RealizationStatus
        "ok", or what is missing and how to get it.
    """

    waiting_times: NDArray[np.int64]
    t_star: Array
    mu: ExponentSpread
    later_mu: ExponentSpread
    from_waiting_time: float
    threshold: float
    confidence: float
    replicas: NDArray[np.int64]
    status: RealizationStatus

    @property
    def later_waiting_times(self) -> NDArray[np.int64]:
        """Those that `later_mu` is fitted to."""
        return self.waiting_times[self.waiting_times > self.from_waiting_time]


def compare_realizations(
    displacements: Sequence[MeanSquareDisplacement],
    threshold: float = 1e-2,
    *,
    from_waiting_time: float = BEND,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Realizations:
    """Exponent mu of t* ~ tw^mu on each realization, its mean, and the spread over data beside that over runs.

    Each mu is the least-squares slope of log t* against log tw, t* from the mean over the runs, as in `aging`. The
    interval of the mean is a nested bootstrap: realizations are drawn with replacement, and the runs of each one drawn,
    with replacement too, independently when it is drawn twice. Its ends are the expanded percentiles of
    `_resampling.interval` for D independent units. With a variance b over data and w over runs, the variance of the
    mean is (b + w) / D, that of nested samples (b + 2 w) / D but for (D - 1) / D, which the expansion mends: the
    noise of the runs counts twice. So the interval is too wide where the runs make most of the spread, and right where
    the data do. (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8, on nested data; cited from memory.)

    Parameters
    ----------
    displacements : sequence of MeanSquareDisplacement
        One per realization, of the same waiting times.
    threshold : float
        Delta*, > 0.
    from_waiting_time : float
        Steps; `later_mu` is fitted to the waiting times beyond it.

    Raises
    ------
    ValueError
        For an argument out of its range, which it names; for ensembles that differ in more than their data, or do not
        differ in these. Thin data are no error but a `status`.
    """
    _check(displacements, threshold, confidence, resamples)
    x = np.log(displacements[0].waiting_times)
    logs = [_log_t_star(msd, threshold, resamples, seed + d) for d, msd in enumerate(displacements)]
    runs = np.array([msd.replicas for msd in displacements])
    later = displacements[0].waiting_times > from_waiting_time
    spreads = [
        _spread(x[chosen], [stack[:, chosen] for stack in logs], runs, confidence, seed)
        for chosen in (np.ones(x.size, np.bool_), later)
    ]
    return Realizations(
        waiting_times=displacements[0].waiting_times,
        t_star=np.exp([stack[0] for stack in logs]),
        mu=spreads[0],
        later_mu=spreads[1],
        from_waiting_time=float(from_waiting_time),
        threshold=float(threshold),
        confidence=float(confidence),
        replicas=runs,
        status=_status(spreads[0], runs),
    )


def _log_t_star(msd: MeanSquareDisplacement, threshold: float, resamples: int, seed: int) -> Array:
    """Log t* (1 + B, W): of all runs, and of bootstrap samples of them; nan where the first has none."""
    counts = _resampling.run_counts(msd.replicas, resamples, seed)
    means = np.concatenate([msd.mean[None], _resampling.resampled_means(counts, msd.values)])
    logs = _fits.log_finite(_fits.first_crossing(msd.lags, means, threshold))
    return np.where(np.isfinite(logs[0]), logs, np.nan)


def _spread(x: Array, logs: list[Array], runs: NDArray[np.int64], confidence: float, seed: int) -> ExponentSpread:
    slopes = np.array([_fits.line(x, stack)[0] for stack in logs])  # (D, 1 + B)
    values, samples = slopes[:, 0], slopes[:, 1:]
    ends = [_resampling.float_interval(row, confidence, n) for row, n in zip(samples, runs.tolist(), strict=True)]
    low, high = np.array(ends).T
    several = np.isfinite(values) & (runs > 1)
    run_sd = np.array([np.nanstd(row, ddof=1) if ok else np.nan for row, ok in zip(samples, several, strict=True)])
    known = np.where(np.isfinite(samples), samples, values[:, None])[np.isfinite(values)]
    means = _nested_means(known, np.random.default_rng(seed))
    return ExponentSpread(values, low, high, run_sd, *_resampling.float_interval(means, confidence, len(known)))


def _nested_means(samples: Array, rng: np.random.Generator) -> Array:
    """Means (B,) over D realizations drawn with replacement from `samples` (D, B), one sample of each draw's runs."""
    number, resamples = samples.shape
    if number == 0:
        return np.full(resamples, np.nan)
    drawn = rng.integers(number, size=(resamples, number))
    return samples[drawn, rng.integers(resamples, size=drawn.shape)].mean(axis=1)


def _status(spread: ExponentSpread, runs: NDArray[np.int64]) -> RealizationStatus:
    if spread.number < 2:
        return RealizationStatus.TOO_FEW_REALIZATIONS
    return RealizationStatus.TOO_FEW_RUNS if runs.min() < 2 else RealizationStatus.OK


def _check(
    displacements: Sequence[MeanSquareDisplacement], threshold: float, confidence: float, resamples: int
) -> None:
    if not (np.isfinite(threshold) and threshold > 0):
        msg = f"threshold must be positive and finite; got {threshold!r}"
        raise ValueError(msg)
    _resampling.check_resampling(confidence, resamples)
    if not displacements:
        msg = "displacements must hold at least one; got none"
        raise ValueError(msg)
    first = displacements[0]
    for msd in displacements:
        _resampling.check_times_of(msd)
        if not np.array_equal(msd.waiting_times, first.waiting_times):
            msg = f"displacements must have the same waiting_times; got {first.waiting_times} and {msd.waiting_times}"
            raise ValueError(msg)
        for name in SAME:
            if msd.metadata.get(name) != first.metadata.get(name):
                values = f"{first.metadata.get(name)!r} and {msd.metadata.get(name)!r}"
                msg = f"realizations must differ in their data alone; {name} is {values}"
                raise ValueError(msg)
    _check_data([msd.metadata.get("data_sha256") for msd in displacements])


def _check_data(digests: list[Any]) -> None:
    known = [digest for digest in digests if digest is not None]
    for k, digest in enumerate(digests):
        if digest is not None and known.count(digest) > 1:
            msg = f"realizations must be of different data; number {k + 1} has those of another one, sha256 {digest}"
            raise ValueError(msg)
