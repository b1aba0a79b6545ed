"""Scaling forms of whole displacement curves, both regimes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.aging_times._crossings import check_fit, resampled
from dynamics.aging_times._scaling_models import MODELS, Fitted, Model, fit
from dynamics.displacement import MeanSquareDisplacement
from dynamics.statistics import Status, _fits, _goodness, _resampling
from landscape.support import RNG, Estimate, Result

Array = NDArray[np.float64]

LEAST_WAITING_TIMES = 4
LEAST_LAGS = 4
MOST_LAGS = 24  # of one curve, evenly spaced in the logarithm: more carry no information and cost time
TIE = 1.001  # mean square errors closer than this ratio are equal: the form with fewer parameters is the best
FLOOR = 5e-3  # error of the spline that stands for the unknown function, in natural logarithms


@dataclass(frozen=True, eq=False)
class CurveScaling(Result, shows=("best", "supported", "error", "mu"), axes={"F": "form"}):
    """Result of `compare_curve_scaling` for F forms; nan if a value does not exist.

    Parameters
    ----------
    names : tuple of str
        Of the forms.
    mu : Estimate of (F,) float64
        The exponent; nan if the form has none.
    second : Estimate of (F,) float64
        Exponent of the waiting time in the second regime ("two power laws"), of the lag in the stationary part
        ("additive", "multiplicative"); nan for the others.
    misfit : (F,) float64
        Root mean square deviation of ln Delta from the form, fitted to all curves.
    error : Estimate of (F,) float64
        Root mean square error of the prediction of a curve from the other waiting times, in ln Delta: 0.1 is 10 %.
    noise : (F,) float64
        What `error` would be if the form were true, from the spread of the runs.
    excess : Estimate of (F,) float64
        Mean square error minus that of the best form, over the same runs.
    p_value : (F,) float64
        Probability of predictions at least as wrong, in level and slope of each curve, if the form were true.
    points : int
        Number of points (tw, t) that every form predicts.
    window : tuple of float
        Range of the displacements.
    confidence : float
        Of the intervals.
    best : str or None
        The form with the least error; None if it fails (p below 0.01).
    supported : tuple of str
        Forms that do not fail and whose error is not larger than that of the best beyond its interval.
    status : Status
        "ok", or what is missing or wrong and what to do.
    """

    names: tuple[str, ...]
    mu: Estimate[Array]
    second: Estimate[Array]
    misfit: Array
    error: Estimate[Array]
    noise: Array
    excess: Estimate[Array]
    p_value: Array
    points: int
    window: tuple[float, float]
    confidence: float
    best: str | None
    supported: tuple[str, ...]
    status: Status


def compare_curve_scaling(
    msd: MeanSquareDisplacement,
    window: tuple[float, float] = (1e-3, np.inf),
    *,
    forms: Sequence[str] = tuple(MODELS),
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> CurveScaling:
    """Compare scaling forms of whole curves Delta(tw, t) by how well they predict a curve that they have not seen.

    With any smooth function F (a cubic spline in the logarithm),

    - "stationary": F(t), "simple aging": F(t / tw), "power law": F(t / tw^mu);
    - "two power laws": (t / tw^mu)^a up to where (t / tw^mu2)^a2 is smaller, rounded where they meet: a regime after
      the other, each with its own exponent;
    - "effective time": F([(tw + t)^(1 - mu) - tw^(1 - mu)] / (1 - mu)), one form for both regimes: t / tw^mu for t much
      smaller than tw, and t^(1 - mu) without any tw for t much larger, where curves of all ages meet. It is exact for
      motion whose rate depends on the age alone, as s^-mu (`dynamics.synthetic.aging_walk`);
    - "additive" and "multiplicative": A t^a + F and t^a F of the effective time, 0 <= a <= 1, with a stationary part
      beside the aging one or in it, as for spin glasses.

    Each form is fitted to all waiting times but one, by least squares in ln Delta, and predicts the curve that was left
    out, where the others say what F is. `error` is over the points that all forms predict. Intervals are Student's
    over the runs: the fits follow the bootstrap samples to first order, without another fit. Hotelling's T2 tests the
    level and the slope of the errors of each curve.

    For spin glasses, Vincent et al. (arXiv cond-mat/9607224) review the scaling of whole curves. That the age does not
    matter for long lags is known from them as the end of aging (Sibani and Kenning, arXiv 0902.3556). The comparison
    is derived here, tested on exact forms and walks.

    Parameters
    ----------
    msd : MeanSquareDisplacement
        Of the runs.
    window : (low, high)
        Displacements to use; the rattling of stiff directions at short lags is below the default.
    forms : sequence of str
        Names of the forms to compare.
    confidence, resamples, rng
        Of the bootstrap over runs.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples)
    if unknown := [name for name in forms if name not in MODELS]:
        msg = f"forms must be some of {', '.join(MODELS)}; got {unknown[0]!r}"
        raise ValueError(msg)
    if not 0 <= window[0] < window[1]:
        msg = f"window must be two ascending displacements >= 0; got {window!r}"
        raise ValueError(msg)
    used = _used(msd, window)
    status = _status(msd, used)
    if status in (Status.TOO_FEW_WAITING_TIMES_FOR_SCALING, Status.TOO_FEW_RUNS):
        return _nothing(tuple(forms), window, confidence, status)
    w, k = np.nonzero(used)
    tw, t, y = msd.waiting_times[w].astype(float), msd.lags[k].astype(float), np.log(msd.mean[used])
    samples = _fits.log_finite(resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng))[:, used])
    moved = np.where(np.isfinite(samples), samples - y, 0.0)  # (B, N)
    found = [_predictions(MODELS[name], tw, t, y, moved) for name in forms]
    return _compared(tuple(forms), found, w, np.log(t), status, window, confidence, msd.replicas)


@dataclass(frozen=True)
class _Predictions:
    """Of one form: theta with its samples (B, p), errors (N,) of its predictions with their changes (B, N)."""

    theta: Array
    samples: Array
    misfit: float
    errors: Array
    changes: Array


def _predictions(model: Model, tw: Array, t: Array, y: Array, moved: Array) -> _Predictions:
    """Fit to all curves and to all but one, and what each fit says of the curve that it has not seen."""
    whole = fit(model, tw, t, y)
    errors, changes = np.full(y.size, np.nan), np.full(moved.shape, np.nan)
    for age in np.unique(tw):
        out = tw == age
        part = fit(model, tw[~out], t[~out], y[~out], whole.phi)
        seen = np.flatnonzero(out)[part.within(tw[out], t[out])]
        errors[seen] = part.predict(part.phi, tw[seen], t[seen]) - y[seen]
        changes[:, seen] = _followed(part, moved[:, ~out]) @ part.slopes(tw[seen], t[seen]).T - moved[:, seen]
    samples = np.where(whole.held, np.nan, whole.phi + _followed(whole, moved))
    misfit = float(np.sqrt(((whole.predict(whole.phi, tw, t) - y) ** 2).mean()))
    return _Predictions(whole.theta, samples[:, : whole.theta.size], misfit, errors, changes)


def _followed(fitted: Fitted, moved: Array) -> Array:
    """Changes (B, p) of the parameters with those of the points (B, N), to first order."""
    return moved @ np.linalg.pinv(fitted.slopes(fitted.tw, fitted.t), rcond=1e-8).T


def _compared(
    names: tuple[str, ...],
    found: Sequence[_Predictions],
    curve: NDArray[np.intp],
    x: Array,
    status: Status,
    window: tuple[float, float],
    confidence: float,
    runs: int,
) -> CurveScaling:
    both = np.asarray(np.isfinite(np.stack([one.errors for one in found])).all(axis=0))
    squares = np.array([(one.errors[both] ** 2).mean() for one in found])
    # to first order in the changes: their own squares would make every sample worse
    changes = np.stack([2 * (one.errors * one.changes)[:, both].mean(axis=1) for one in found], axis=1)
    root = np.sqrt(squares)
    least = min(range(len(found)), key=lambda f: (squares[f] > TIE * squares.min(), found[f].theta.size))
    excess, others = squares - squares[least], changes - changes[:, [least]]
    p_value = np.array([_goodness.lack_of_fit(*_contrasts(one, both, curve, x), runs, floor=FLOOR) for one in found])
    if status == Status.OK and _goodness.fails(p_value[least]):
        status = Status.NO_FORM_SCALES
    beside = _resampling.estimates(excess, excess + others, confidence, runs)
    good = [not _goodness.fails(p) and not low > 0 for p, low in zip(p_value, beside.low, strict=True)]
    return CurveScaling(
        names=names,
        mu=_parameter(found, [0] * len(names), confidence, runs),
        second=_parameter(found, [{7: 1, 3: 2, 2: 1}.get(one.theta.size, 9) for one in found], confidence, runs),
        misfit=np.array([one.misfit for one in found]),
        error=_resampling.estimates(root, root + changes / (2 * root), confidence, runs, status),
        noise=np.array([np.sqrt((one.changes[:, both] ** 2).mean() * runs / (runs - 1)) for one in found]),
        excess=beside,
        p_value=p_value,
        points=int(both.sum()),
        window=(float(window[0]), float(window[1])),
        confidence=float(confidence),
        best=names[least] if status == Status.OK else None,
        supported=tuple(name for name, fine in zip(names, good, strict=True) if fine),
        status=status,
    )


def _parameter(found: Sequence[_Predictions], which: Sequence[int], confidence: float, runs: int) -> Estimate[Array]:
    """One parameter of each form, nan if it has none there."""
    values = np.array([one.theta[k] if k < one.theta.size else np.nan for one, k in zip(found, which, strict=True)])
    nothing = np.full(len(found[0].samples), np.nan)
    columns = [one.samples[:, k] if k < one.theta.size else nothing for one, k in zip(found, which, strict=True)]
    return _resampling.estimates(values, np.stack(columns, axis=1), confidence, runs)


def _contrasts(found: _Predictions, both: NDArray[np.bool_], curve: NDArray[np.intp], x: Array) -> tuple[Array, Array]:
    """Level, then slope, of the errors of every predicted curve, (q,) and their changes (B, q) around them."""
    parts = []
    for number in np.unique(curve[both]):
        own = both & (curve == number)
        patterns = _goodness.polynomials(x[own], 2) / np.sqrt(own.sum())
        parts.append((found.errors[own] @ patterns, found.changes[:, own] @ patterns))
    order = [(part, degree) for degree in (0, 1) for part in parts if part[0].size > degree]
    value = np.array([part[0][degree] for part, degree in order])
    return value, value + np.stack([part[1][:, degree] for part, degree in order], axis=1)


def _used(msd: MeanSquareDisplacement, window: tuple[float, float]) -> NDArray[np.bool_]:
    """Points (W, T) in the window, at most `MOST_LAGS` of a curve; none of a curve with fewer than `LEAST_LAGS`."""
    inside = np.isfinite(_fits.log_finite(msd.mean)) & (msd.mean >= window[0]) & (msd.mean <= window[1])
    used = np.zeros_like(inside)
    for row, there in zip(used, inside, strict=True):
        own = np.flatnonzero(there)
        if own.size >= LEAST_LAGS:
            row[own[np.unique(np.rint(np.linspace(0, own.size - 1, min(own.size, MOST_LAGS))).astype(int))]] = True
    return used


def _status(msd: MeanSquareDisplacement, used: NDArray[np.bool_]) -> Status:
    if used.any(axis=1).sum() < LEAST_WAITING_TIMES:
        return Status.TOO_FEW_WAITING_TIMES_FOR_SCALING
    if msd.replicas < 2:
        return Status.TOO_FEW_RUNS
    return Status.OK if msd.is_complete else Status.RUNS_CHANGE


def _nothing(names: tuple[str, ...], window: tuple[float, float], confidence: float, status: Status) -> CurveScaling:
    no = np.full(len(names), np.nan)
    unknown = Estimate(no, no, no, status)
    ends = (float(window[0]), float(window[1]))
    return CurveScaling(names, unknown, unknown, no, unknown, no, unknown, no, 0, ends, confidence, None, (), status)
