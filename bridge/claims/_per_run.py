"""Numbers of an ensemble with the influence of each run on them: standard errors in closed form.

A smooth function f of means over R runs changes by the mean over the runs of their influences u_r (the delta method),
so its standard error is the standard deviation of u over sqrt(R). Differences of numbers of the same runs, or of runs
that start alike, subtract run by run. Source: Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982),
chapter 6 (the infinitesimal jackknife); tested against the bootstrap of `dynamics.aging`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.claims._claim import Contrast

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PerRun:
    """A number and the influences (R,) of its runs, whose mean is 0."""

    value: float
    influence: Array

    @property
    def error(self) -> float:
        """Standard error over the runs; nan for one run."""
        runs = self.influence.size
        return float(self.influence.std(ddof=1) / np.sqrt(runs)) if runs > 1 else float("nan")

    @property
    def freedom(self) -> float:
        """Degrees of freedom, R - 1."""
        return self.influence.size - 1.0

    def __add__(self, other: "PerRun") -> "PerRun":
        return PerRun(self.value + other.value, self.influence + other.influence)

    def __mul__(self, factor: float) -> "PerRun":
        return PerRun(factor * self.value, factor * self.influence)

    def __sub__(self, other: "PerRun") -> "PerRun":
        """Difference of numbers of the same runs, or of runs that start alike."""
        return self + other * -1.0

    def named(self, name: str) -> Contrast:
        """As a contrast of a claim."""
        return Contrast(name, self.value, self.error, self.freedom)


def mean(values: ArrayLike) -> PerRun:
    """Mean of the values (R,) of the runs."""
    given = np.asarray(values, dtype=np.float64)
    return PerRun(float(given.mean()), given - given.mean())


def log_mean(values: ArrayLike) -> PerRun:
    """Logarithm of that mean; nan unless all values are finite and their mean is positive."""
    given = np.asarray(values, dtype=np.float64)
    average = given.mean() if np.isfinite(given).all() else np.nan
    if not average > 0:
        return PerRun(float("nan"), np.full(given.shape, np.nan))
    return PerRun(float(np.log(average)), given / average - 1.0)


def slope(x: ArrayLike, values: Array) -> PerRun:
    """Least-squares slope against x (W,) of the logarithm of the mean over the runs of `values` (R, W).

    Of t*(tw) of single runs against log tw it is mu of the paper's average.
    """
    x = np.asarray(x, dtype=np.float64)
    centered = x - x.mean()
    weights = centered / (centered**2).sum()
    parts = [log_mean(column) * weight for column, weight in zip(values.T, weights, strict=True)]
    return PerRun(sum(part.value for part in parts), np.sum([part.influence for part in parts], axis=0))


def independent(name: str, a: PerRun, b: PerRun) -> Contrast:
    """A - b of ensembles that do not depend on each other, with the degrees of freedom of Welch and Satterthwaite."""
    squares = np.array([a.error, b.error]) ** 2
    total = float(squares.sum())
    if not total > 0:
        return Contrast(name, a.value - b.value, float("nan"), float("nan"))
    freedom = total**2 / float((squares**2 / np.array([a.freedom, b.freedom])).sum())
    return Contrast(name, a.value - b.value, total**0.5, freedom)
