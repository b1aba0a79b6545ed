"""The same ensemble on several realizations of a data set: contributions of data and runs to the spread of mu."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.aging_times._crossings import Average, Crossings, check_fit, crossings
from dynamics.displacement import MeanSquareDisplacement
from dynamics.runs import check_alike
from dynamics.statistics import Status, _goodness, _resampling
from landscape.support import RNG, Estimate, Result, seed_of

Array = NDArray[np.float64]

BEND = 10**3.6  # steps: where Herrera Segura et al. 2022 (arXiv 2209.02517) see mu change


@dataclass(frozen=True, eq=False)
class ExponentSpread(Result, shows=("mean", "sd", "standard_error", "each"), axes={"D": "realization"}):
    """An exponent on D realizations; nan if a value does not exist.

    Parameters
    ----------
    each : Estimate of (D,) float64
        mu of each realization, from the average over its runs, with its interval over the runs.
    run_sd : (D,) float64
        Standard error of each, over its runs.
    p_value : (D,) float64
        Probability of a misfit at least as large if t* of the realization were a power law.
    mean : Estimate
        Mean over the realizations with a mu; interval over realizations and runs (`compare_realizations`).
    """

    each: Estimate[Array]
    run_sd: Array
    p_value: Array
    mean: Estimate[float]

    @property
    def number(self) -> int:
        """Number of realizations with a mu."""
        return int(np.isfinite(self.each.value).sum())

    @property
    def sd(self) -> float:
        """Standard deviation over the realizations: data and runs together."""
        return float(np.nanstd(self.each.value, ddof=1)) if self.number > 1 else float("nan")

    @property
    def standard_error(self) -> float:
        """Standard error of `mean`."""
        return self.sd / float(np.sqrt(max(self.number, 1)))

    @property
    def within_sd(self) -> float:
        """Spread due to the runs: root mean square of `run_sd`."""
        there = np.isfinite(self.run_sd)
        return float(np.sqrt((self.run_sd[there] ** 2).mean())) if there.any() else float("nan")

    @property
    def between_sd(self) -> float:
        """Spread due to the data: sqrt(sd^2 - within_sd^2), 0 if the runs explain all of the spread."""
        return float(np.sqrt(max(self.sd**2 - self.within_sd**2, 0.0))) if self.number > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Realizations(
    Result, shows=("mu.mean", "later_mu.mean", "from_waiting_time", "threshold"), axes={"D": "realization"}
):
    """Result of `compare_realizations`. D realizations, W waiting times.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    t_star : (D, W) float64
        Steps; nan if the threshold is not reached, or exceeded at the first lag already.
    mu : ExponentSpread
        Over all waiting times.
    later_mu : ExponentSpread
        Over those beyond `from_waiting_time`: the slope beyond the bend.
    average : str
        Which t*, an argument of `compare_realizations`.
    from_waiting_time, threshold, confidence : float
        Arguments of `compare_realizations`.
    replicas : (D,) int64
        Runs of each.
    status : Status
        "ok", or what is missing and what to do.
    """

    waiting_times: NDArray[np.int64]
    t_star: Array
    mu: ExponentSpread
    later_mu: ExponentSpread
    average: Average
    from_waiting_time: float
    threshold: float
    confidence: float
    replicas: NDArray[np.int64]
    status: Status

    @property
    def later_waiting_times(self) -> NDArray[np.int64]:
        """The waiting times of `later_mu`."""
        return self.waiting_times[self.waiting_times > self.from_waiting_time]


def compare_realizations(
    displacements: Sequence[MeanSquareDisplacement],
    threshold: float = 1e-2,
    *,
    average: Average = "t* of the mean",
    from_waiting_time: float = BEND,
    confidence: float = 0.95,
    resamples: int = 1000,
    rng: RNG = 0,
) -> Realizations:
    """Exponent mu of t* ~ tw^mu on each realization, its mean, and the spread over data and over runs.

    Each mu is the least-squares slope of log t* against log tw, t* averaged over the runs as in `aging`. The
    interval of the mean is Student's over the D values, mean -+ t_{D-1} sd / sqrt(D): each value has its own draw of
    the data and of the runs, and the values are independent, so that their spread includes both. (With a variance b
    over data and w over runs the mean of D values has (b + w) / D, and sd^2 estimates b + w.)

    Parameters
    ----------
    displacements : sequence of MeanSquareDisplacement
        One per realization, of the same waiting times: the same kind of data, drawn with another seed.
    threshold : float
        Delta*, > 0.
    average : {"t* of the mean", "mean of t*"}
        Which t*, as in `aging`.
    from_waiting_time : float
        Steps; `later_mu` is fitted to the waiting times beyond it.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it; also if ensembles differ in more than the seeds of
        their data and runs, or share their data. Thin data are no error but a `status`.
    """
    rng = seed_of(rng)
    _check(displacements, threshold, confidence, resamples)
    x = np.log(displacements[0].waiting_times)
    found = [_crossings(msd, threshold, average, resamples, rng + d) for d, msd in enumerate(displacements)]
    runs = np.array([msd.replicas for msd in displacements])
    later = displacements[0].waiting_times > from_waiting_time
    spreads = [_spread(x, found, chosen, confidence) for chosen in (np.ones(x.size, np.bool_), later)]
    return Realizations(
        waiting_times=displacements[0].waiting_times,
        t_star=np.exp([part.log for part in found]),
        mu=spreads[0],
        later_mu=spreads[1],
        average=average,
        from_waiting_time=float(from_waiting_time),
        threshold=float(threshold),
        confidence=float(confidence),
        replicas=runs,
        status=_status(spreads[0], found, runs),
    )


def _crossings(msd: MeanSquareDisplacement, threshold: float, average: Average, resamples: int, rng: RNG) -> Crossings:
    return crossings(msd, _resampling.run_counts(msd.replicas, resamples, rng), threshold, average)


def _spread(x: Array, found: list[Crossings], chosen: NDArray[np.bool_], confidence: float) -> ExponentSpread:
    """The slopes of each realization over the chosen waiting times."""
    parts = np.array([_slope(x[chosen], part.log[chosen], part.log_samples[:, chosen], part.fewest, confidence)
                      for part in found])  # fmt: skip
    values, low, high, run_sd, p_value = parts.T
    return ExponentSpread(Estimate(values, low, high), run_sd, p_value, _mean(values[np.isfinite(values)], confidence))


def _slope(x: Array, y: Array, samples: Array, runs: int, confidence: float) -> tuple[float, ...]:
    """mu, its interval, its standard deviation over the runs, and the p-value of the line."""
    law = _goodness.power_law(x, y, samples, runs)
    mu = _resampling.estimate(law.exponent, law.samples, confidence, runs)
    return mu.value, *mu.interval, float(_resampling.standard_error(law.samples, runs)), law.p_value


def _mean(values: Array, confidence: float) -> Estimate[float]:
    """Mean of independent `values` (D,) with Student's interval."""
    nan = float("nan")
    if values.size < 2:
        return Estimate(float(values.mean()) if values.size else nan, nan, nan, Status.TOO_FEW_REALIZATIONS)
    reach = stats.t.ppf(0.5 + confidence / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    return Estimate(float(values.mean()), float(values.mean() - reach), float(values.mean() + reach))


def _status(spread: ExponentSpread, found: list[Crossings], runs: NDArray[np.int64]) -> Status:
    if spread.number < 2:
        return Status.TOO_FEW_REALIZATIONS
    if any(part.ambiguous.any() for part in found):
        return Status.AMBIGUOUS
    if runs.min() < 2:
        return Status.TOO_FEW_RUNS
    if single := [part.single for part in found if part.single != Status.OK]:
        return single[0]
    if any(part.runs_change for part in found):
        return Status.RUNS_CHANGE
    tested = spread.p_value[np.isfinite(spread.p_value)]
    failing = tested.size and _goodness.fails(float(tested.min()) * tested.size)  # Bonferroni
    return Status.NOT_A_POWER_LAW if failing else Status.OK


def _check(
    displacements: Sequence[MeanSquareDisplacement], threshold: float, confidence: float, resamples: int
) -> None:
    if not displacements:
        msg = "displacements must hold at least one; got none"
        raise ValueError(msg)
    first = displacements[0]
    for msd in displacements:
        check_fit(msd, confidence, resamples, threshold)
        if not np.array_equal(msd.waiting_times, first.waiting_times):
            msg = f"displacements must have the same waiting_times; got {first.waiting_times} and {msd.waiting_times}"
            raise ValueError(msg)
    metadata = [msd.metadata for msd in displacements]
    check_alike(metadata, but=("data",), what="realizations must differ only in the seed of their data and of the runs")
    _check_data([msd.metadata.get("data_sha256") for msd in displacements])


def _check_data(digests: list[Any]) -> None:
    known = [digest for digest in digests if digest is not None]
    for k, digest in enumerate(digests):
        if digest is not None and known.count(digest) > 1:
            msg = f"realizations must be of different data; number {k + 1} has those of another one, sha256 {digest}"
            raise ValueError(msg)
