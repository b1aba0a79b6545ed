"""Rank correlations over the rows of a comparison, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, permutation_test, spearmanr

from bridge.comparison._rows import ComparisonRow, row_numbers
from landscape.support import RNG, Estimate, Result

FEWEST = 4  # rows: the interval's variance is divided by n - 3
QUANTITIES = (
    "minima", "estimated_minima", "median_barrier", "median_climb", "funnelled", "visited_entropy", "parameters",
    "rows",
)  # fmt: skip


@dataclass(frozen=True)
class RankCorrelation(Result, shows=("quantity", "coefficient", "p", "rows")):
    """Spearman's rank correlation of a quantity with mu; nan if too few rows have both.

    Parameters
    ----------
    quantity : str
        A field of `ComparisonRow`.
    coefficient : Estimate
        With its 95 % interval.
    p : float
        Two-sided, by permutation.
    rows : int
        Number of rows with both.
    """

    quantity: str
    coefficient: Estimate[float]
    p: float
    rows: int


def rank_correlations(rows: Sequence[ComparisonRow], *, rng: RNG = None) -> tuple[RankCorrelation, ...]:
    """Rank correlation with mu of all `QUANTITIES`. `rng` draws the permutations."""
    rng = np.random.default_rng(rng)
    numbers = [row_numbers(row) for row in rows]
    mu = [row["mu"] for row in numbers]
    return tuple(rank_correlation(name, [row[name] for row in numbers], mu, rng=rng) for name in QUANTITIES)


def rank_correlation(
    quantity: str, x: ArrayLike, y: ArrayLike, *, rng: RNG = None, confidence: float = 0.95
) -> RankCorrelation:
    """Spearman's coefficient of `x` (n,) and `y` (n,), pairs with nan left out.

    The interval is that of Fisher's transform with the variance (1 + rho^2 / 2) / (n - 3). Source: Bonett and Wright,
    Psychometrika 65, 23 (2000), as in https://dgbonett.github.io/statpsych/reference/ci.spear.html. The rows are
    assumed independent; because they share data sets and architectures, the interval is a lower bound on the
    uncertainty.
    """
    pairs = np.column_stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    n = len(pairs)
    if n < FEWEST or any(np.ptp(column) == 0 for column in pairs.T):
        return RankCorrelation(quantity, Estimate(np.nan, np.nan, np.nan), np.nan, n)
    a, b = pairs.T
    value = _spearman(a, b)
    coefficient = Estimate(value, *spearman_interval(value, n, confidence))
    test = permutation_test(
        (a,),
        lambda part: _spearman(part, b),
        permutation_type="pairings",
        n_resamples=4999,
        rng=np.random.default_rng(rng),
    )
    return RankCorrelation(quantity, coefficient, float(test.pvalue), n)


def spearman_interval(value: float, rows: int, confidence: float) -> tuple[float, float]:
    """Interval of Spearman's coefficient `value` for a number of independent rows, see `rank_correlation`.

    The coefficient takes steps of 12 / (n^3 - n). A value of 1 or -1 is known only up to this rounding: the transform
    is taken half a step away, and the interval ends at 1 or -1. (At 1 itself it would be [1, 1], with too little
    coverage: for 4 to 6 rows of a bivariate normal in 0.47 to 0.92 instead of 0.95.)
    """
    largest = 1 - 6 / (rows**3 - rows)
    reach = norm.ppf(0.5 + confidence / 2) * np.sqrt((1 + value**2 / 2) / (rows - 3))
    center = np.arctanh(np.clip(value, -largest, largest))
    low = -1.0 if value < -largest else float(np.tanh(center - reach))
    return low, 1.0 if value > largest else float(np.tanh(center + reach))


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b).statistic)  # pyright: ignore
