"""A second regime of aging: two exponents if one is not enough."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.statistics import _fits, _goodness, _resampling
from landscape.support import Estimate, Result

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crossover(Result):
    """Two power laws that meet at `waiting_time` and describe t*(tw) better than one."""

    waiting_time: int
    mu_before: float
    mu_after: float
    change: Estimate[float]  # mu_after - mu_before, see `find_crossover`
    bic_gain: float  # BIC of one power law minus that of two, > 0
    p_value: float = float("nan")  # of the two power laws, see `dynamics.statistics._goodness.lack_of_fit`


def crossover_numbers(crossover: Crossover | None) -> dict[str, Any] | None:
    """A crossover for JSON, its change as an interval alone."""
    if crossover is None:
        return None
    names = ("waiting_time", "mu_before", "mu_after", "bic_gain", "p_value")
    return {name: getattr(crossover, name) for name in names} | {"change_interval": crossover.change.interval}


def find_crossover(
    waiting_times: NDArray[np.int64], y: Array, y_boot: Array, *, runs: int, confidence: float
) -> Crossover | None:
    """The best two slopes with their corner at an inner waiting time, if they are better than one.

    With six points and a free corner the BIC alone prefers two slopes for pure noise more often than not, so the
    change of slope must also differ from zero. Its interval is Student's with Bonferroni's correction for the number
    of corners tried: straight lines are mistaken for bent ones in at most 1 - confidence of all cases, at any number
    of runs (measured: docs/concepts/intervals.md). With two or three runs only a very sharp bend is found.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    y : (W,) float64
        log t*, nan if there is none.
    y_boot : (B, W) float64
        The same for bootstrap samples of the runs.
    runs : int
        Number of runs behind the samples.
    confidence : float
        Confidence of the whole search.
    """
    used = np.isfinite(y)
    if used.sum() < 5 or runs < 2:
        return None
    times, x, y, y_boot = waiting_times[used], np.log(waiting_times[used]), y[used], y_boot[:, used]
    slope, intercept = _fits.line(x, y)
    one = _fits.bayesian_information(float(((y - intercept - slope * x) ** 2).sum()), x.size, 2)
    residuals = [float(_fits.hinge(x, y, k)[2]) for k in range(1, x.size - 1)]
    corner = int(np.argmin(residuals)) + 1
    two = _fits.bayesian_information(residuals[corner - 1], x.size, 4)
    mu_before, mu_after, _ = (float(v) for v in _fits.hinge(x, y, corner))
    before, after, _ = _fits.hinge(x, y_boot, corner)
    change = _resampling.estimate(mu_after - mu_before, after - before, confidence, runs, comparisons=len(residuals))
    if one <= two or not (change.low > 0 or change.high < 0):
        return None
    patterns = _goodness.beyond(_fits.hinge_design(x, corner), x)
    p_value = _goodness.lack_of_fit(y @ patterns, y_boot @ patterns, runs)
    return Crossover(int(times[corner]), mu_before, mu_after, change, one - two, p_value)
