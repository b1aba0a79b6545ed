"""How well a fitted form describes the data: a test of the residuals, and the worst misfit.

A true form leaves only noise. Its residuals are projected on a few smooth patterns (bends of low degree), and
Hotelling's T2 tests whether these projections differ from zero by more than the spread of the runs. With R runs at
most R - 1 patterns can be tested, and irrelevant patterns cost power: so the first (R - 1) / 2 are used, in the order
of their degree.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.statistics import _fits, _resampling

Array = NDArray[np.float64]

REFUSED_BELOW = 0.01  # p-value below which a form fails; a true one does in 1 % of all cases


def fails(p_value: float) -> bool:
    """Whether a form with this p-value fails; one that could not be tested (nan) does not."""
    return bool(p_value < REFUSED_BELOW)


def worst_misfit(residuals: Array) -> float:
    """Largest relative deviation of the data from the form, from `residuals` of their logarithms; nan without any."""
    return float(np.expm1(np.nanmax(np.abs(residuals)))) if np.isfinite(residuals).any() else float("nan")


def polynomials(x: Array, number: int) -> Array:
    """Orthonormal polynomials (N, k) of degree 0, 1, ... on the points `x` (N,), at most `number` and N of them."""
    scaled = 2 * (x - x.min()) / max(np.ptp(x), np.finfo(np.float64).tiny) - 1
    count = min(number, np.unique(x).size)
    return np.linalg.qr(np.polynomial.legendre.legvander(scaled, count - 1))[0]


def beyond(design: Array, x: Array) -> Array:
    """Orthonormal patterns (N, N - p) that a linear form with `design` (N, p) cannot produce, low degrees first."""
    basis = np.linalg.qr(design)[0]
    for column in polynomials(x, x.size).T:
        left = column - basis @ (basis.T @ column)
        left -= basis @ (basis.T @ left)  # twice: the first pass leaves rounding where little remains
        if np.linalg.norm(left) > 1e-6:
            basis = np.column_stack([basis, left / np.linalg.norm(left)])
    return basis[:, design.shape[1] :]


def lack_of_fit(
    contrasts: Array,
    samples: Array,
    runs: int,
    *,
    floor: float = _fits.INTERPOLATION_ERROR,
    more: Array | None = None,
) -> float:
    """Probability of `contrasts` (q,) at least this large if all were zero, from their bootstrap `samples` (B, q).

    Hotelling's T2 of the first contrasts, with the covariance of the samples times R / (R - 1) and `floor` squared on
    its diagonal and `more` (q, q) added to it: F = T2 (n - q + 1) / (n q) with n = R - 1 has q and n - q + 1 degrees of
    freedom (exact for means of Gaussian runs; tested on closed forms). nan if there is nothing to test: no contrast,
    one run, or missing samples.

    Source: the test of a mean in https://octave.sourceforge.io/statistics/function/hotelling_test.html.
    """
    there = np.isfinite(samples).all(axis=1)
    tested = min(contrasts.size, max(1, (runs - 1) // 2))
    missing = there.sum() < (1 - _resampling.MOST_MISSING) * len(samples) or there.sum() < 2
    if runs < 2 or not contrasts.size or missing or not np.isfinite(contrasts).all():
        return float("nan")
    value, spread = contrasts[:tested], samples[there, :tested]
    deviation = spread - spread.mean(axis=0)
    covariance = deviation.T @ deviation / len(spread) * runs / (runs - 1) + floor**2 * np.eye(tested)
    covariance += 0.0 if more is None else more[:tested, :tested]
    return hotelling(float(value @ np.linalg.solve(covariance, value)), tested, runs)


def hotelling(square: float, freedom: int, runs: int) -> float:
    """Probability of a larger T2, given its degrees of freedom and the number of runs behind the covariance."""
    n = runs - 1
    return float(stats.f.sf(square * (n - freedom + 1) / (n * freedom), freedom, n - freedom + 1))


def line_misfit(x: Array, y: Array, samples: Array, runs: int, reach: Array | None = None) -> tuple[float, float]:
    """P-value and worst relative misfit of a straight line through `y` (W,) over `x` (W,); samples (B, W).

    `reach` (W,) are errors of single points that the samples do not have.

    Points with nan are left out; p is nan for fewer than three.
    """
    used = np.isfinite(y)
    if used.sum() < 2:
        return float("nan"), float("nan")
    x, y = x[used], y[used]
    slope, intercept = _fits.line(x, y)
    patterns = polynomials(x, x.size)[:, 2:]
    more = None if reach is None else patterns.T @ (reach[used, None] ** 2 * patterns)
    return lack_of_fit(y @ patterns, samples[:, used] @ patterns, runs, more=more), worst_misfit(
        y - intercept - slope * x
    )


class PowerLaw(NamedTuple):
    """Least-squares line through logarithms, see `power_law`."""

    exponent: float
    samples: Array  # (B,) of the exponent; nan where a sample lacks one of the points
    intercept: float
    p_value: float
    worst_misfit: float


def power_law(x: Array, y: Array, samples: Array, runs: int, reach: Array | None = None) -> PowerLaw:
    """The line of `line_misfit` and how well it does: exponent of exp(y) ~ exp(x)^mu, with bootstrap `samples` (B, W).

    Points (W,) where `y` is nan are left out, of the samples too.
    """
    exponent, intercept = (float(value) for value in _fits.line(x, y))
    slopes = _fits.strict_line(x, samples, np.isfinite(y))
    return PowerLaw(exponent, slopes, intercept, *line_misfit(x, y, samples, runs, reach))
