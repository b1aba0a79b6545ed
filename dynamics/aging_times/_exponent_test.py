"""Whether two ensembles have different exponents mu."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.aging_times._crossings import Average, Crossings, check_fit, crossings
from dynamics.aging_times._data_collapse import start_alike
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _resampling
from landscape.support import RNG, Estimate, Result, seed_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExponentDifference(Result, shows=("difference", "p_value", "mu_a", "mu_b", "paired")):
    """Result of `compare_exponents`; nan if a value does not exist.

    Parameters
    ----------
    difference : Estimate
        mu of `a` minus mu of `b`.
    p_value : float
        Probability of a difference at least as large, of either sign, if both ensembles had the same mu.
    mu_a, mu_b : float
        The two exponents.
    errors : (2,) float64
        Their standard errors over the runs.
    freedom : float
        Degrees of freedom of Student's t.
    paired : bool
        Whether run r of both was compared with each other, because they start alike.
    average : str
        Which t* the exponents are of, see `dynamics.aging`.
    threshold, confidence : float
        Arguments of `compare_exponents`.
    """

    difference: Estimate[float]
    p_value: float
    mu_a: float
    mu_b: float
    errors: Array
    freedom: float
    paired: bool
    average: Average
    threshold: float
    confidence: float

    @property
    def status(self) -> str:
        """That of `difference`: "ok", or what is missing or wrong and what to do."""
        return self.difference.status


def compare_exponents(
    a: MeanSquareDisplacement,
    b: MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    average: Average = "t* of the mean",
    confidence: float = 0.95,
    resamples: int = 1000,
    rng: RNG = 0,
) -> ExponentDifference:
    """Test whether the exponents mu of t* ~ tw^mu of two ensembles differ.

    The statistic is (mu_a - mu_b) / sqrt(s_a^2 + s_b^2), where the standard errors s are those of the bootstrap over
    runs. It is compared with Student's t with the degrees of freedom of Welch and Satterthwaite, as that of two means
    with different variances: (s_a^2 + s_b^2)^2 / (s_a^4 / (R_a - 1) + s_b^4 / (R_b - 1)). Ensembles whose runs start
    alike (the same seed, start, data and number of runs) are dependent: then the same runs are drawn in both, s is the
    standard error of the difference, and there are R - 1 degrees of freedom.

    Waiting times may differ: each exponent is that over its own.

    Sources: Welch, Biometrika 34, 28 (1947); the rate of rejections is measured in test_exponent_test.py.

    Parameters
    ----------
    a, b : MeanSquareDisplacement
    threshold : float
        > 0.
    average : {"t* of the mean", "mean of t*"}
        Which t*, as in `dynamics.aging`.
    confidence, resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    rng = seed_of(rng)
    for msd in (a, b):
        check_fit(msd, confidence, resamples, threshold)
    paired = start_alike([a, b])
    draws = [_resampling.run_counts(msd.replicas, resamples, rng + k * (not paired)) for k, msd in enumerate((a, b))]
    found = [crossings(msd, counts, threshold, average) for msd, counts in zip((a, b), draws, strict=True)]
    logs = [np.log(msd.waiting_times) for msd in (a, b)]
    mu = [float(_fits.line(x, one.log)[0]) for x, one in zip(logs, found, strict=True)]
    slopes = [_fits.strict_line(x, one.log_samples, np.isfinite(one.log)) for x, one in zip(logs, found, strict=True)]
    runs = np.array([one.fewest for one in found])
    errors = np.array([float(_resampling.standard_error(*pair)) for pair in zip(slopes, runs, strict=True)])
    error, freedom = _welch(errors, runs)
    if paired:
        error, freedom = float(_resampling.standard_error(slopes[0] - slopes[1], int(runs.min()))), runs.min() - 1.0
    difference = mu[0] - mu[1]
    reach = float(stats.t.isf((1 - confidence) / 2, freedom)) * error
    reach += sum(one.slope_reach(x) for x, one in zip(logs, found, strict=True))
    return ExponentDifference(
        difference=Estimate(difference, difference - reach, difference + reach, _status(mu, error, found)),
        p_value=float(2 * stats.t.sf(abs(difference) / error, freedom)),
        mu_a=mu[0],
        mu_b=mu[1],
        errors=errors,
        freedom=float(freedom),
        paired=paired,
        average=average,
        threshold=float(threshold),
        confidence=float(confidence),
    )


def _welch(errors: Array, runs: NDArray[np.int64]) -> tuple[float, float]:
    """Standard error of the difference, and its degrees of freedom."""
    variances = errors**2
    if not np.isfinite(variances).all() or not variances.any():
        return float("nan"), float("nan")
    return float(np.sqrt(variances.sum())), float(variances.sum() ** 2 / (variances**2 / (runs - 1)).sum())


def _status(mu: list[float], error: float, found: list[Crossings]) -> Status:
    """What is wrong with the comparison."""
    if not np.isfinite(mu).all():
        return Status.ONE_EXPONENT_MISSING
    if any(one.ambiguous.any() for one in found):
        return Status.AMBIGUOUS
    if single := [one.single for one in found if one.single != Status.OK]:
        return single[0]
    if not error > 0:
        return Status.HANGS_ON_SINGLE_RUNS
    if any(one.runs_change for one in found):
        return Status.RUNS_CHANGE
    return Status.WIDE_GAP if any(one.wide.any() for one in found) else Status.OK
