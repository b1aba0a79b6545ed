"""Which law does t*(tw) follow? Time-translation invariance, simple aging, a free exponent, logarithmic growth."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from dynamics.aging_times._crossings import Average, Crossings, check_fit, crossings
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Result

Array = NDArray[np.float64]

FormName = Literal["stationary", "simple aging", "power law", "logarithmic"]
FIXED = {"stationary": 0.0, "simple aging": 1.0}  # exponents
# a form this much above the best has substantial support, too: Burnham and Anderson, Sociol. Methods Res. 33, 261, 2004
CLOSE_AIC = 2.0
LEAST_WAITING_TIMES = 4  # two more than the parameters of the most general form


@dataclass(frozen=True, eq=False)
class FormComparison(Result, shows=("best", "supported", "exponents", "aic"), axes={"F": "form"}):
    """Result of `compare_forms` for the F = 4 forms; nan if a value does not exist.

    Parameters
    ----------
    names : tuple of str
        "stationary", "simple aging", "power law", "logarithmic".
    exponents : (F,) float64
        mu of each form, 0 and 1 if it is fixed; for the logarithmic form ln(tw + t*) / ln tw.
    errors : (F,) float64
        Standard error of mu, over the runs; nan if the exponent is fixed or the comparison is refused.
    amplitudes : (F,) float64
        c of t* = c tw^mu; nan for the logarithmic form.
    chi_square : (F,) float64
        Least chi-square of each form; the residual sum of squares of ln t* if the comparison is refused.
    aic : (F,) float64
        Akaike's criterion minus that of the best form: 0 for the best, above 10 for forms without support.
    p_value : (F,) float64
        Probability of a chi-square at least as large if the form were true. (`chi_square` itself assumes a known
        covariance.)
    worst_misfit : (F,) float64
        Largest relative deviation of t* from each form.
    t_star : (F, W) float64
        t* of each form, in steps.
    best : str or None
        The form of least AIC; None if the comparison is refused or that form fails.
    supported : tuple of str
        Forms that are not told apart from the best: those within `CLOSE_AIC` = 2 of it, which do not fail, the best
        first.
    status : Status
        "ok", or what is missing and what to do.
    """

    names: tuple[FormName, ...]
    exponents: Array
    errors: Array
    amplitudes: Array
    chi_square: Array
    aic: Array
    p_value: Array
    worst_misfit: Array
    t_star: Array
    best: FormName | None
    supported: tuple[FormName, ...]
    status: Status


def compare_forms(
    msd: MeanSquareDisplacement,
    threshold: float = 1e-2,
    *,
    average: Average = "t* of the mean",
    resamples: int = 1000,
    rng: RNG = 0,
) -> FormComparison:
    """Compare four laws for t*(tw), the lag at which the displacement reaches `threshold`, averaged as in `aging`.

    Each is a form of the scaling hypothesis that Delta depends on h(tw + t) / h(tw) alone, or for a free mu on
    t / tw^mu:

    - "stationary", h(s) = e^s: t* = c (time-translation invariance, mu = 0);
    - "simple aging", h(s) = s: t* = c tw (mu = 1);
    - "power law": t* = c tw^mu;
    - "logarithmic", h(s) = ln s, as for domains that grow with ln s: tw + t* = tw^k with k > 1.

    What each form says of t* (`t_star`, `exponents`, `worst_misfit`) is its ordinary least-squares fit to ln t*, for
    the power law that of `aging`. Each form is tested by its least chi2 = r^T C^-1 r with the full covariance C of the
    waiting times, which come from the same runs: C is from the bootstrap over runs, times R / (R - 1), plus the error
    of interpolating between lags. Where errors are strongly correlated, the curve of least chi2 may pass by all points:
    a common shift of all of them costs little. So it decides whether a form can be true, and does not describe the
    points (tested on errors with a correlation of 0.99).

    The inverse of a covariance estimated from R runs is too large on average; chi2 corrects this by the factor
    (R - W - 2) / (R - 1) (the mean of the inverse; tested by simulation in test_goodness.py). The criterion is AIC =
    chi2 + 2 x number of parameters (1, 1, 2, 1), with C assumed known; p-values are those of Hotelling's T2, which
    includes its estimation. All four may be bad: if the best has a p-value below 0.01, there is no best.

    Source of the forms: Vincent, Hammann, Ocio, Bouchaud and Cugliandolo, "Slow dynamics and aging in spin glasses",
    arXiv cond-mat/9607224.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, 0.95, resamples, threshold)
    found = crossings(msd, _resampling.run_counts(msd.replicas, resamples, rng), threshold, average)
    y, used = found.log, np.isfinite(found.log)
    boot = found.log_samples[:, used]
    boot = boot[np.isfinite(boot).all(axis=1)]
    status = _status(found, len(boot))
    covariance = _covariance(boot, found) if status == Status.OK else None
    return _compare(np.log(msd.waiting_times), y, used, covariance, found.fewest, status)


def _status(found: Crossings, samples: int) -> Status:
    waiting_times = int(np.isfinite(found.log).sum())
    if found.ambiguous.any():
        return Status.AMBIGUOUS
    if found.runs_change:
        return Status.RUNS_CHANGE
    if waiting_times < LEAST_WAITING_TIMES:
        return Status.TOO_FEW_WAITING_TIMES
    enough = found.fewest >= waiting_times + 3 and samples > waiting_times
    return Status.OK if enough else Status.TOO_FEW_RUNS_FOR_COVARIANCE


def _covariance(boot: Array, found: Crossings) -> Array:
    estimate = np.cov(boot, rowvar=False) * found.fewest / (found.fewest - 1)
    errors = _fits.INTERPOLATION_ERROR**2 + found.reach[np.isfinite(found.log)] ** 2
    return estimate + errors * np.eye(boot.shape[1])


def _compare(
    x: Array, y: Array, used: NDArray[np.bool_], covariance: Array | None, replicas: int, status: Status
) -> FormComparison:
    names: tuple[FormName, ...] = get_args(FormName)
    fits = [_fit(name, x, y, used, covariance) for name in names]
    exponents, errors, amplitudes, chi_square, log_t = (np.array(values) for values in zip(*fits, strict=True))
    parameters = np.array([1, 1, 2, 1])
    aic, p_value, best = np.full(4, np.nan), np.full(4, np.nan), None
    if covariance is not None:
        waiting_times = int(used.sum())
        freedom = waiting_times - parameters
        p_value = np.array([_goodness.hotelling(*part, replicas) for part in zip(chi_square, freedom, strict=True)])
        chi_square = chi_square * (replicas - waiting_times - 2) / (replicas - 1)
        aic = chi_square + 2 * parameters
        aic = aic - aic.min()
        least = int(aic.argmin())
        status = Status.NONE_FITS if _goodness.fails(p_value[least]) else status
        best = names[least] if status == Status.OK else None
    close = [k for k in np.argsort(aic).tolist() if aic[k] <= CLOSE_AIC and not _goodness.fails(float(p_value[k]))]
    supported = tuple(names[k] for k in close if best is not None)
    worst = np.array([_goodness.worst_misfit(y - row) for row in log_t])
    t_star = np.exp(log_t)
    return FormComparison(
        names, exponents, errors, amplitudes, chi_square, aic, p_value, worst, t_star, best, supported, status
    )


class _Fit(NamedTuple):
    """Of a form: exponent, its standard error, amplitude, chi-square, and ln t* (W,)."""

    exponent: float
    error: float
    amplitude: float
    chi_square: float
    log_t: Array


def _fit(name: FormName, x: Array, y: Array, used: NDArray[np.bool_], covariance: Array | None) -> _Fit:
    """The ordinary least-squares fit, which describes the points, and the least chi-square, which tests the form."""
    if not used.any() or (name == "logarithmic" and not (x[used] > 0).all()):  # that has no t* at tw = 1
        return _Fit(np.nan, np.nan, np.nan, np.inf if used.any() else np.nan, np.full(x.size, np.nan))
    least = _least_logarithmic if name == "logarithmic" else partial(_least_linear, FIXED.get(name))
    plain = np.eye(int(used.sum()))
    exponent, amplitude, log_t, effects = least(x, y, used, plain)
    if covariance is None:
        return _Fit(exponent, np.nan, amplitude, _square(y[used] - log_t[used], plain), log_t)
    error = float(np.sqrt(effects @ covariance @ effects)) if name not in FIXED else np.nan
    inverse: Any = np.linalg.inv(covariance)
    best = least(x, y, used, inverse)[2]
    return _Fit(exponent, error, amplitude, _square(y[used] - best[used], inverse), log_t)


def _square(residual: Array, weights: Array) -> float:
    return float(residual @ weights @ residual)


def _least_linear(
    fixed: float | None, x: Array, y: Array, used: NDArray[np.bool_], weights: Array
) -> tuple[float, float, Array, Array]:
    """Exponent, amplitude, ln t* (W,), and how the exponent changes with each used ln t*."""
    design = np.ones((x.size, 1)) if fixed is not None else np.stack([np.ones_like(x), x], axis=1)
    effects = np.linalg.pinv(design[used].T @ weights @ design[used]) @ design[used].T @ weights
    solution = effects @ (y - (fixed or 0.0) * x)[used]
    mu = float(solution[1]) if fixed is None else fixed
    return mu, float(np.exp(solution[0])), solution[0] + mu * x, effects[-1]


def _least_logarithmic(
    x: Array, y: Array, used: NDArray[np.bool_], weights: Array
) -> tuple[float, float, Array, Array]:
    """The same of tw^k - tw, which has no amplitude."""

    def log_t_star(log_excess: float) -> Array:
        """Ln(tw^k - tw), with ln(k - 1) as the parameter: k > 1."""
        return x + np.log(np.expm1(np.exp(log_excess) * x))

    def cost(log_excess: float) -> float:
        return _square((y - log_t_star(log_excess))[used], weights)

    center = float(np.mean(np.log(np.logaddexp(x[used], y[used]) / x[used] - 1 + 1e-300)))
    found: Any = optimize.minimize_scalar(
        cost, bounds=(center - 5, center + 5), method="bounded", options={"xatol": 1e-10}
    )
    best = float(found.x)
    slope = (log_t_star(best + 1e-5) - log_t_star(best - 1e-5))[used] / 2e-5
    effects = np.exp(best) * (weights @ slope) / (slope @ weights @ slope)
    return 1 + float(np.exp(best)), np.nan, log_t_star(best), effects
