"""A second regime of aging: two exponents where one does not do."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics import _fits

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crossover:
    """Two power laws that meet at `waiting_time` and describe t*(tw) better than one."""

    waiting_time: int
    mu_before: float
    mu_after: float
    change_interval: tuple[float, float]  # of mu_after - mu_before, from the bootstrap, see `find_crossover`
    bic_gain: float  # BIC of one power law minus that of two, > 0


def find_crossover(
    waiting_times: NDArray[np.int64], y: Array, y_boot: Array, interval: Callable[..., tuple[Array, Array]]
) -> Crossover | None:
    """The best two slopes with their corner at an inner waiting time, if they are better than one.

    With six points and a free corner the BIC alone prefers two slopes for pure noise more often than not, so the
    change of slope must also differ from zero in the bootstrap. Its interval is that of Bonferroni for the number of
    corners tried: straight lines then pass for bent ones in about 1 - confidence of all cases.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    y, y_boot : (W,), (B, W) float64
        log t* and its bootstrap samples, nan where there is none.
    interval : callable (samples, *, comparisons) -> (low, high)
        Bootstrap interval, whose confidence is that of the whole search.
    """
    used = np.isfinite(y)
    if used.sum() < 5:
        return None
    times, x, y, y_boot = waiting_times[used], np.log(waiting_times[used]), y[used], y_boot[:, used]
    slope, intercept = _fits.line(x, y)
    one = _fits.bayesian_information(float(((y - intercept - slope * x) ** 2).sum()), x.size, 2)
    residuals = [float(_fits.hinge(x, y, k)[2]) for k in range(1, x.size - 1)]
    corner = int(np.argmin(residuals)) + 1
    two = _fits.bayesian_information(residuals[corner - 1], x.size, 4)
    before, after, _ = _fits.hinge(x, y_boot[np.isfinite(y_boot).all(axis=1)], corner)
    if one <= two or before.size == 0:
        return None
    low, high = (float(end) for end in interval(after - before, comparisons=len(residuals)))
    if low <= 0 <= high:
        return None
    mu_before, mu_after, _ = (float(v) for v in _fits.hinge(x, y, corner))
    return Crossover(int(times[corner]), mu_before, mu_after, (low, high), one - two)
