"""The tests that give verdicts: where an interval must lie for a claim to hold, and where for it to fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bridge.figures import Verdict
from landscape.support import Estimate

Array = NDArray[np.float64]

LEVEL = 0.05  # of the two-sided intervals


class Criterion(Protocol):
    """Where the interval of a number must lie. Comparisons with nan are False."""

    def __str__(self) -> str:
        """Say it, after the name of the number."""
        ...

    def holds(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """Whether a claim holds for intervals at 95 %."""
        ...

    def fails(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """Whether it fails for intervals corrected for their number."""
        ...


@dataclass(frozen=True)
class Below:
    """The number is below a bound."""

    bound: float

    def __str__(self) -> str:
        return f"below {self.bound:g}"

    def holds(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval is below."""
        return high < self.bound

    def fails(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval is above."""
        return low > self.bound


@dataclass(frozen=True)
class Above:
    """The number is above a bound."""

    bound: float

    def __str__(self) -> str:
        return f"above {self.bound:g}"

    def holds(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval is above."""
        return low > self.bound

    def fails(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval is below."""
        return high < self.bound


@dataclass(frozen=True)
class Within:
    """A difference is none: equivalence, with a margin.

    It holds if the interval lies within the margin (two one-sided tests, Schuirmann 1987, at 2.5 % each), and fails if
    the interval excludes 0 and does not lie within the margin.
    """

    margin: float

    def __str__(self) -> str:
        return f"0 within {self.margin:g}"

    def holds(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval lies within the margin."""
        return (low > -self.margin) & (high < self.margin)

    def fails(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval excludes 0, and is not within the margin."""
        return ((low > 0) | (high < 0)) & ~self.holds(low, high)


@dataclass(frozen=True)
class Beyond:
    """A difference matters: the opposite of `Within`. It fails if the interval lies within the margin."""

    margin: float

    def __str__(self) -> str:
        return f"farther from 0 than {self.margin:g}"

    def holds(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval is beyond the margin."""
        return (low > self.margin) | (high < -self.margin)

    def fails(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """The interval lies within the margin."""
        return (low > -self.margin) & (high < self.margin)


def runs_interval(numbers: Mapping[str, Any], level: float = LEVEL) -> Estimate[Array]:
    """Student's intervals over the runs of the contrasts (K,) on the first realization; nan without an error."""
    value, error, freedom = (_array(numbers[name])[0] for name in ("values", "errors", "freedoms"))
    there = np.isfinite(error) & (error > 0)
    reach = np.where(there, stats.t.isf(level / 2, np.where(there, freedom, 1.0)) * error, np.nan)
    return Estimate(value, value - reach, value + reach)


def realizations_interval(numbers: Mapping[str, Any], level: float = LEVEL) -> Estimate[Array]:
    """Means over the D realizations of the contrasts (K,), with Student's intervals of these D independent values.

    They include the runs: each value has its own draw of the data and of the runs. nan for one realization, if one of
    them has no value, and if all agree, because a spread of zero says nothing of others.
    """
    values = _array(numbers["values"])
    draws, mean = len(values), values.mean(axis=0)
    if draws < 2:
        return Estimate(mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan))
    error = values.std(axis=0, ddof=1) / np.sqrt(draws)
    reach = np.where(error > 0, stats.t.isf(level / 2, draws - 1) * error, np.nan)
    return Estimate(mean, mean - reach, mean + reach)


def verdict_of(test: Criterion, numbers: Mapping[str, Any]) -> Verdict:
    """HOLDS if the test holds for all K contrasts, FAILS if it fails for one, otherwise UNDECIDED.

    The intervals are those over the realizations, or those over the runs if there is one realization. One that fails
    is judged by intervals at 1 - 0.05 / K (Bonferroni), so that a true claim fails in at most 5 % of all cases. All
    must hold at 95 % each, which needs no correction (Berger 1982, intersection-union test).
    """
    values = _array(numbers["values"])
    interval = realizations_interval if len(values) > 1 else runs_interval
    if test.fails(*interval(numbers, LEVEL / values.shape[1]).interval).any():
        return Verdict.FAILS
    return Verdict.HOLDS if test.holds(*interval(numbers).interval).all() else Verdict.UNDECIDED


def _array(numbers: ArrayLike) -> Array:
    """Numbers of a JSON, nan where it says null."""
    return np.atleast_2d(np.array(numbers, dtype=np.float64))
