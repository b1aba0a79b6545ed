"""How many minima there are at least, judged by how often each was found.

Minima are the species, searches the sampled individuals. All of this holds for searches that are independent and drawn
alike, as quenches from random starts are: count those hits only. Nothing bounds the number from above: minima that are
hardly ever found may be many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri, pdtr

from landscape.support import Estimate, Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DiscoveryCurve(Result):
    """Distinct minima against the number of searches.

    Attributes
    ----------
    searches : (k,) int64
        Numbers of searches, ascending.
    expected : (k,) float64
        Mean number of distinct minima in so many of the searches, drawn without replacement.
    observed : (k,) int64
        Number of distinct minima after so many searches, in the order in which they were made.
    """

    searches: Integers
    expected: Floats
    observed: Integers


def chao1(hits: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """Chao1 (bias-corrected): in expectation a lower bound for the number of minima, found or not.

    Its interval is that of the number of minima only where all have the same chance: see `minima_at_least` for a bound
    that always holds.

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.
    confidence : float
        Of the interval, between 0 and 1.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If `hits` holds no hit, or anything but counts, or `confidence` is not between 0 and 1.

    Notes
    -----
    With S minima found, f1 of them once and f2 twice, ``value = S + f1 (f1 - 1) / (2 (f2 + 1))``. It is
    a lower bound in expectation: where the chances of the minima differ much there are more.

    Interval: the number not found, ``T = value - S``, is taken as log-normal (Chao 1987), ``low = S + T / K``,
    ``high = S + T K``, ``K = exp(z sqrt(log(1 + variance / T^2)))``. Where at most one minimum was found
    only once, T = 0 and S itself may still be short: with N hits in all a minimum is missed with chance
    ``P = exp(-N / S)``, ``low = S`` and ``high = (S + z sqrt(S P)) / (1 - P)`` (Colwell).

    Sources: Chao, Scand. J. Stat. 11, 265 (1984); Chao, Biometrics 43, 783 (1987); variances and the case
    T = 0: Colwell, EstimateS user's guide, appendix B.
    """
    z = _quantile(confidence)
    hits = _positive(hits)
    found, f1, f2 = float(hits.size), float((hits == 1).sum()), float((hits == 2).sum())
    missing = f1 * (f1 - 1) / (2 * (f2 + 1))
    if missing == 0:
        missed = np.exp(-hits.sum() / found)
        return Estimate(found, found, float((found + z * np.sqrt(found * missed)) / (1 - missed)))
    factor = np.exp(z * np.sqrt(np.log1p(_variance(found, f1, f2) / missing**2)))
    return Estimate(found + missing, float(found + missing / factor), float(found + missing * factor))


def minima_at_least(found: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """How many minima there are at least, from independent draws that are alike, whatever the chances of the minima.

    Parameters
    ----------
    found : (N,) int
        The minimum that each random start led to, in the order of the starts.
    confidence : float
        Of the lower bound, between 0 and 1.

    Returns
    -------
    Estimate
        `value` is Chao1, a lower bound in expectation; `low` is the lower bound at this confidence; `high` is inf.

    Raises
    ------
    ValueError
        If `found` is empty or does not hold integers, or `confidence` is not between 0 and 1.

    Notes
    -----
    `low` is the smallest S that the number D of distinct minima does not contradict: N draws from S minima of equal
    chances give D or more with a probability above (1 - confidence) / 2. With unequal chances they give fewer: given
    how many draws fell on two minima of chances a and b, whether both were found is the likelier the nearer a is to b,
    and the rest does not depend on it; so making any two equal makes D larger, and in the limit all are. The
    probability is bounded from above by that of a Poisson number of repeated draws, or of empty minima: the latter is a
    sum of independent indicators (tested against the exact distribution here), whose lower tail is lighter.

    Where chances differ much, the same bound for the rare minima alone says more: those that the first half of the
    draws found at least twice are counted, and the rest of the second half are draws from the others. The better of
    the two bounds is given, each at half the error. Derived here; tested on populations whose number is known.
    """
    _quantile(confidence)
    found = _integers("found", found)
    if found.size == 0:
        msg = "found must name the minimum of at least one start; got none"
        raise ValueError(msg)
    error = (1.0 - confidence) / 2.0
    hits = np.unique(found, return_counts=True)[1]
    first, second = np.array_split(found, 2)
    names, counts = np.unique(first, return_counts=True)
    common = names[counts >= 2]
    rare = second[~np.isin(second, common)]
    low = max(
        _fewest(hits.size, found.size, error), common.size + _fewest(np.unique(rare).size, rare.size, error), hits.size
    )
    return Estimate(max(chao1(hits).value, float(low)), float(low), float("inf"))


def _fewest(distinct: int, draws: int, error: float) -> int:
    """The smallest number of minima of which so many draws may well have given so many distinct ones."""
    low, high = distinct, max(distinct, 1)
    while _chance_of_as_many(high, distinct, draws) <= error:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _chance_of_as_many(middle, distinct, draws) <= error:
            low = middle
        else:
            high = middle
    return high if _chance_of_as_many(low, distinct, draws) <= error else low


def _chance_of_as_many(minima: int, distinct: int, draws: int) -> float:
    """Upper bound for the probability of `distinct` or more of so many minima, all alike, in so many draws."""
    if distinct < 2:
        return 1.0
    share = np.log1p(-1.0 / minima) * draws if minima > 1 else -np.inf
    empty = minima * np.exp(share)
    repeats = draws + minima * np.expm1(share)
    bounds = [1.0]
    for allowed, mean in ((draws - distinct, repeats), (minima - distinct, empty)):
        if allowed <= mean - 1.0:  # there the tail of a Poisson number is heavier than that of a sum of indicators
            bounds.append(float(pdtr(allowed, mean)))
    return min(bounds)


def good_turing_coverage(hits: ArrayLike) -> float:
    """Chance that one more search finds a minimum that is already known, by Good and Turing.

    ``C = 1 - f1 / N`` with f1 minima found once in N hits: 0 if every hit was a new minimum.
    Source: Good, Biometrika 40, 237 (1953).

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.

    Raises
    ------
    ValueError
        If `hits` holds no hit, or anything but counts.
    """
    hits = _positive(hits)
    return float(1 - (hits == 1).sum() / hits.sum())


def coverage_interval(hits: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """Good and Turing's coverage with a confidence interval: the chance that the next hit is of a known minimum.

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.
    confidence : float
        Of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If `hits` holds no hit, or anything but counts, or `confidence` is not between 0 and 1.

    Notes
    -----
    With f1 minima found once, f2 twice, N hits in all, the unseen chance M is all those for which

        (f1 - N M)^2 <= z^2 (N M (1 - M) + 2 F2),

    as f1 - N M has about the variance N M (1 - M) + 2 E f2: Esty, Ann. Stat. 11, 905 (1983), whose interval, with
    f1 / N for M and f2 for its mean on the right, has no width where all were found once. F2 is the upper
    end of Wilson's interval of a Poisson mean, f2 + z^2 / 2 + z sqrt(f2 + z^2 / 4) (our choice): then the interval of
    95 % holds in at least 94 % of the cases for uniform, geometric, power-law and mixed chances and 2 to 1000 draws (a
    test; with few draws in nearly all cases: it is conservative).
    """
    z = _quantile(confidence)
    value, hits = good_turing_coverage(hits), _positive(hits)
    total, f1, f2 = float(hits.sum()), float((hits == 1).sum()), float((hits == 2).sum())
    twice = f2 + z * z / 2.0 + z * np.sqrt(f2 + z * z / 4.0)
    a, b, c = total**2 + z * z * total, 2.0 * total * f1 + z * z * total, f1 * f1 - 2.0 * z * z * twice
    root = np.sqrt(b * b - 4.0 * a * c)
    unseen = np.clip(np.array([b - root, b + root]) / (2.0 * a), 0.0, 1.0)
    return Estimate(value, float(1.0 - unseen[1]), float(1.0 - unseen[0]))


def discovery_curve(found: ArrayLike, searches: ArrayLike | None = None) -> DiscoveryCurve:
    """Distinct minima against the number of searches, as it went and on average over all orders.

    Parameters
    ----------
    found : (N,) int
        The minimum that each search found, in the order of the searches.
    searches : (k,) int, optional
        Numbers of searches, 0 ... N, to give the curve at; by default up to 201 from 0 to N.

    Raises
    ------
    ValueError
        If `found` is empty or does not hold integers, or `searches` is not ascending within 0 ... N.

    Notes
    -----
    Rarefaction: a minimum found c times in N searches is absent from k of them, drawn without
    replacement, with the hypergeometric chance C(N - c, k) / C(N, k). Source: Hurlbert, Ecology 52,
    577 (1971).
    """
    found = _integers("found", found)
    if found.size == 0:
        msg = "found must name the minimum of at least one search; got none"
        raise ValueError(msg)
    total = found.size
    default = np.unique(np.linspace(0, total, 201).astype(np.int64))
    searches = default if searches is None else _within(searches, total)
    _, first, hits = np.unique(found, return_index=True, return_counts=True)
    observed = np.searchsorted(np.sort(first), searches)  # firsts among searches 0 ... k - 1
    return DiscoveryCurve(searches, _rarefied(hits, searches), observed)


def _quantile(confidence: float) -> float:
    """Half-width, in standard deviations, of the normal interval with this confidence."""
    if not 0 < confidence < 1:
        msg = f"confidence must lie between 0 and 1; got {confidence!r}"
        raise ValueError(msg)
    return float(ndtri((1 + confidence) / 2))


def _rarefied(hits: Integers, searches: Integers) -> Floats:
    """Mean number of distinct minima (k,) in so many of the searches."""
    counts, multiplicity = np.unique(hits, return_counts=True)
    total = hits.sum()
    rest = (total - counts)[:, None]
    possible = searches <= rest
    k = np.where(possible, searches, 0)
    absent = _log_binomial(rest, k) - _log_binomial(total, k)
    return hits.size - multiplicity.astype(np.float64) @ np.where(possible, np.exp(absent), 0.0)


def _log_binomial(n: Integers, k: Integers) -> Floats:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _variance(found: float, f1: float, f2: float) -> float:
    """Variance of the bias-corrected Chao1."""
    if f2 == 0:
        total = found + f1 * (f1 - 1) / 2
        return f1 * (f1 - 1) / 2 + f1 * (2 * f1 - 1) ** 2 / 4 - f1**4 / (4 * total)
    g = 1 / (f2 + 1)
    return f1 * (f1 - 1) * g / 2 + f1 * (2 * f1 - 1) ** 2 * g**2 / 4 + f1**2 * f2 * (f1 - 1) ** 2 * g**4 / 4


def _integers(name: str, values: ArrayLike) -> Integers:
    array = np.array(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{name} must be integers of shape (n,); got {array.dtype} of shape {array.shape}"
        raise ValueError(msg)
    return array.astype(np.int64)


def _positive(hits: ArrayLike) -> Integers:
    array = _integers("hits", hits)
    if array.min(initial=0) < 0:
        msg = f"hits must not be negative; entry {np.argmin(array)} is {array.min()}"
        raise ValueError(msg)
    if not array.any():
        msg = f"hits must hold at least one hit; got {array.size} minima without any"
        raise ValueError(msg)
    return array[array > 0]


def _within(searches: ArrayLike, total: int) -> Integers:
    array = _integers("searches", searches)
    if (np.diff(array) <= 0).any() or array.min(initial=0) < 0 or array.max(initial=0) > total:
        msg = f"searches must be ascending within 0 ... {total}; got {array}"
        raise ValueError(msg)
    return array
