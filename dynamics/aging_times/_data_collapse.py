"""The exponents that make curves collapse: Delta(t / tw^mu), and t* in units of gradient-flow time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.aging_times._crossings import check_fit, resampled
from dynamics.displacement import MeanSquareDisplacement
from dynamics.runs import check_alike
from dynamics.statistics import Status, _fits, _goodness, _resampling, minimize, misfits, mismatch
from landscape.support import RNG, Estimate, Result, seed_of

Array = NDArray[np.float64]

WIDEST = 1.0  # largest useful interval of an exponent, which should distinguish 0, 1 and 2
FLOOR = 5e-3  # error of linear interpolation between lags, in natural logarithms
EXPONENTS = np.linspace(-1.0, 3.0, 41)  # search range of the exponent


LEAST_RUNS = 3  # measured: python benchmarks/intervals.py, docs/concepts/intervals.md


@dataclass(frozen=True, eq=False)
class Collapse(Result):
    """Result of `collapse` and `learning_rate_collapse`; nan if a value does not exist.

    Parameters
    ----------
    exponent : Estimate
        The exponent that collapses best. Its status is also that of the whole.
    p_value : float
        Probability of curves that differ at least as much after the collapse (in level and slope, see `collapse`) if
        they were one function.
    distance : float
        Root mean square distance between the collapsed curves, in natural logarithms: 0.1 is 10 %.
    distance_at_0 : float
        The same with the exponent 0.
    distance_at_1 : float
        The same with the exponent 1.
    exponents : (41,) float64
        Exponents that were tried.
    distances : (41,) float64
        The distance for each of them; nan if the curves overlap too little.
    window : tuple of float
        Range of the compared displacements.
    confidence : float
        Of the interval.
    """

    exponent: Estimate[float]
    p_value: float
    distance: float
    distance_at_0: float
    distance_at_1: float
    exponents: Array
    distances: Array
    window: tuple[float, float]
    confidence: float

    @property
    def status(self) -> str:
        """That of `exponent`: "ok", or what is missing and what to do."""
        return self.exponent.status


def collapse(
    msd: MeanSquareDisplacement,
    window: tuple[float, float] = (0.0, np.inf),
    *,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> Collapse:
    """Exponent mu for which Delta(tw, t) of all waiting times best collapses onto one function of t / tw^mu.

    The cost is the mean squared distance of ln Delta between every pair of curves over their common range, each curve
    in turn interpolated as the reference for the others, in the manner of Bhattacharjee and Seno, J. Phys. A 34, 6375
    (2001) (with a quadratic distance, in logarithms). The points compared are those whose displacement is in `window`
    (squared parameter units per parameter): with a window of a decade around Delta* the result is comparable to mu of
    `dynamics.aging`; without one all lags count.

    Hotelling's T2 tests whether the curves do collapse: it uses the level and the slope of each collapsed curve
    against the mean of the others, without the part that a change of the exponent can remove.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    check_fit(msd, confidence, resamples)
    if not 0 <= window[0] < window[1]:
        msg = f"window must be two ascending displacements >= 0; got {window!r}"
        raise ValueError(msg)
    means = np.concatenate([msd.mean[None], resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng))])
    log_tw, log_t = np.log(msd.waiting_times), np.log(msd.lags)
    xs, ys, used, shifts = [], [], [], []
    for w in range(log_tw.size):
        there = np.isfinite(_fits.log_finite(means[:, w])).all(axis=0)
        inside = (means[0, w] >= window[0]) & (means[0, w] <= window[1]) & there
        if inside.sum() >= 3:
            xs.append(log_t[there])
            ys.append(np.log(means[:, w, there]))
            used.append(inside[there])
            shifts.append(-log_tw[w])
    found = _best(xs, ys, used, np.array(shifts), 0.0, 0.5, window, confidence, msd.replicas)
    change = found.status == Status.OK and not msd.is_complete
    return replace(found, exponent=replace(found.exponent, status=Status.RUNS_CHANGE)) if change else found


def learning_rate_collapse(
    displacements: Sequence[MeanSquareDisplacement],
    learning_rates: Sequence[float] | ArrayLike,
    threshold: float = 1e-2,
    *,
    confidence: float = 0.95,
    resamples: int = 200,
    rng: RNG = 0,
) -> Collapse:
    """Exponent k for which t*(tw) of runs with different learning rates is one function in units of rate^-k steps.

    Gradient flow depends on steps and learning rate only by their product, so that rate x t* is one function of rate x
    tw, whatever the rate: k = 1. Motion that is diffusion by gradient noise, D ~ rate^2 at fixed batch size, has k = 2
    instead (where the displacement grows as t), and k = 0 means that only the steps count. The cost is that of
    `collapse`, for ln(rate^k t*) against ln(rate^k tw), where a fifth of the points must overlap (half of them for
    `collapse`). Waiting times without a t* are left out. k = 1 can only be found if the range of the waiting times is
    wider than the ratio of the learning rates.

    The shift by k moves a curve along the diagonal, and t* proportional to tw is along it: then every k fits, and the
    interval shows it. Ensembles with the same seed start alike, so that the errors of their t* are correlated: the
    common part drops out of the bootstrap, which draws the same runs in all of them. (Learning rates 0.025, 0.05 and
    0.1, 40 runs of 60000 steps each from the same starts: 1.03, in 0.86 ... 1.20; in 0.69 ... 1.38 with independent
    draws.) All ensembles must have the same optimizer; the exponents above are those of SGD.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it. Insufficient data give a `status`, not an error.
    """
    rng = seed_of(rng)
    _resampling.check_resampling(confidence, resamples)
    rates = np.asarray(learning_rates, dtype=np.float64)
    if rates.shape != (len(displacements),) or not (rates > 0).all():
        expected = f"{len(displacements)} positive numbers, one for each ensemble"
        msg = f"learning_rates must be {expected}; got {learning_rates!r}"
        raise ValueError(msg)
    metadata = [msd.metadata for msd in displacements]
    check_alike(metadata, but=("learning_rate",), what="displacements must differ only in their learning rate and seed")
    xs, ys, used, shifts = [], [], [], []
    alike = start_alike(displacements)
    for k, msd in enumerate(displacements):
        own = resampled(msd, _resampling.run_counts(msd.replicas, resamples, rng if alike else rng + k))
        means = np.concatenate([msd.mean[None], own])
        y = _fits.log_finite(_fits.first_crossing(msd.lags, means, threshold))
        there = np.isfinite(y).mean(axis=0) > 0.9
        there &= np.isfinite(y[0])
        if there.sum() >= 3:
            xs.append(np.log(msd.waiting_times[there]))
            ys.append(np.where(np.isnan(y), y[0], y)[:, there])  # the few samples without a value keep the estimate
            used.append(np.ones(there.sum(), dtype=np.bool_))
            shifts.append(np.log(rates[k]))
    fewest = min((msd.replicas for msd in displacements), default=1)
    return _best(xs, ys, used, np.array(shifts), 1.0, 0.2, (threshold, threshold), confidence, fewest)


def start_alike(displacements: Sequence[MeanSquareDisplacement]) -> bool:
    """Whether run r of every ensemble began at the same point, according to their metadata."""
    named = [tuple(str(msd.metadata.get(name)) for name in ("seed", "start", "data_sha256")) for msd in displacements]
    known = all("seed" in msd.metadata for msd in displacements)
    return known and len(set(named)) == 1 and len({msd.replicas for msd in displacements}) == 1


def _best(
    xs: list[Array],
    ys: list[Array],
    used: list[NDArray[np.bool_]],
    shifts: Array,
    with_y: float,
    least_overlap: float,
    window: tuple[float, float],
    confidence: float,
    runs: int,
) -> Collapse:
    """The best exponent; the first of the stacked curves is the estimate, the others are its bootstrap samples."""

    def cost(exponent: Array) -> Array:
        moved = np.atleast_1d(exponent)[:, None] * shifts
        return mismatch(xs, ys, used, moved, with_y * moved, least_overlap)

    nothing = np.full(EXPONENTS.size, np.nan)
    nan = float("nan")
    low_window, high_window = (float(end) for end in window)
    if len(xs) < 2:
        none = Estimate(nan, nan, nan, Status.TOO_LITTLE_OVERLAP)
        return Collapse(none, nan, nan, nan, nan, EXPONENTS, nothing, (low_window, high_window), confidence)
    found, least = minimize(cost, EXPONENTS)
    curve = np.array([cost(np.full(1, value))[0] for value in EXPONENTS])
    exponent = _resampling.estimate(float(found[0]), found[1:], confidence, runs)
    moved = found[:, None] * shifts
    p_value = _lack_of_collapse(*misfits(xs, ys, used, moved, with_y * moved), shifts, runs)
    at_0, at_1 = (_root(cost(np.full(1, value))[0]) for value in (0.0, 1.0))
    return Collapse(
        exponent=replace(exponent, status=_status(exponent, curve, p_value, runs)),
        p_value=p_value,
        distance=float(np.sqrt(least[0])),
        distance_at_0=at_0,
        distance_at_1=at_1,
        exponents=EXPONENTS,
        distances=np.array([_root(value) for value in curve]),
        window=(low_window, high_window),
        confidence=float(confidence),
    )


def _lack_of_collapse(levels: Array, slopes: Array, shifts: Array, runs: int) -> float:
    """P-value of `levels` and `slopes` (1 + B, K), without the part common to all curves.

    The part of the levels that is linear in the shift (log tw) is excluded, too: the exponent has made it zero.
    """
    patterns = _goodness.polynomials(shifts, shifts.size)[:, 1:]
    parts = [
        part @ patterns[:, k] for k in range(patterns.shape[1]) for part in ((levels, slopes) if k > 0 else (slopes,))
    ]
    contrasts = np.stack(parts, axis=1)
    return _goodness.lack_of_fit(contrasts[0], contrasts[1:], runs, floor=FLOOR)


def _root(square: float) -> float:
    return float(np.sqrt(square)) if np.isfinite(square) else float("nan")


def _status(exponent: Estimate[float], costs: Array, p_value: float, runs: int) -> Status:
    if np.isnan(exponent.value):
        return Status.TOO_LITTLE_OVERLAP
    above = int(np.searchsorted(EXPONENTS, exponent.value))
    around = costs[max(above - 2, 0) : above + 2]  # two of the searched exponents on either side
    if around.size < 4 or not np.isfinite(around).all():
        return Status.AT_THE_EDGE
    if runs < LEAST_RUNS:
        return Status.TOO_FEW_RUNS_FOR_COLLAPSE
    if not exponent.high - exponent.low <= WIDEST:
        return Status.NOT_DETERMINED
    return Status.DOES_NOT_COLLAPSE if _goodness.fails(p_value) else Status.OK
