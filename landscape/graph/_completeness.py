"""Lower bounds on the number of minima, from how often each was found.

Minima are the species, searches the sampled individuals. All of this holds for independent searches from one
distribution, such as quenches from random starts: count only their hits. There is no upper bound: minima that are
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
        Mean number of distinct minima in that many searches, drawn without replacement.
    observed : (k,) int64
        Number of distinct minima after that many searches, in their actual order.
    """

    searches: Integers
    expected: Floats
    observed: Integers


def chao1(hits: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """Chao1 (bias-corrected): in expectation a lower bound for the number of minima, found or not.

    Its interval covers the number of minima only if all have the same probability; `minima_at_least` gives a bound
    that always holds.

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.
    confidence : float
        Confidence of the interval, between 0 and 1.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If `hits` holds no hit, or values that are not counts, or `confidence` is not between 0 and 1.

    Notes
    -----
    With S minima found, f1 of them once and f2 twice, ``value = S + f1 (f1 - 1) / (2 (f2 + 1))``. It is
    a lower bound in expectation: if the probabilities of the minima differ much, there are more.

    Interval: the number not found, ``T = value - S``, is assumed log-normal (Chao 1987), ``low = S + T / K``, ``high =
    S + T K``, ``K = exp(z sqrt(log(1 + variance / T^2)))``. If at most one minimum was found only once, T = 0 and S
    itself may still be too small: with N hits in total a minimum is missed with probability ``P = exp(-N / S)``, ``low
    = S`` and ``high = (S + z sqrt(S P)) / (1 - P)`` (Colwell).

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
    """Lower bound on the number of minima from independent draws of one distribution, for any probabilities.

    Parameters
    ----------
    found : (N,) int
        Minimum that each random start led to, in the order of the starts.
    confidence : float
        Confidence of the lower bound, between 0 and 1.

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
    `low` is the smallest S that is consistent with the number D of distinct minima: N draws from S minima of equal
    probabilities give D or more with a probability above (1 - confidence) / 2. Unequal probabilities give fewer: given
    the number of draws that fell on two minima of probabilities a and b, finding both is the more likely the closer a
    is to b, and the rest does not depend on it; so making any two equal increases D, and in the limit all are equal.
    The probability is bounded from above by that of a Poisson number of repeated draws, or of empty minima: the latter
    is a sum of independent indicators (tested here against the exact distribution), whose lower tail is lighter.

    If probabilities differ much, the same bound for the rare minima alone is sharper: minima that the first half of
    the draws found at least twice are counted, and the rest of the second half are draws from the others. The better
    of the two bounds is returned, each at half the error. Derived here; tested by test_completeness.py on populations
    of known size.
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
    """The smallest number of minima for which `draws` draws plausibly give `distinct` distinct ones."""
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
    """Upper bound on the probability of `distinct` or more different ones among equally probable minima."""
    if distinct < 2:
        return 1.0
    share = np.log1p(-1.0 / minima) * draws if minima > 1 else -np.inf
    empty = minima * np.exp(share)
    repeats = draws + minima * np.expm1(share)
    bounds = [1.0]
    for allowed, mean in ((draws - distinct, repeats), (minima - distinct, empty)):
        if allowed <= mean - 1.0:  # there the Poisson tail is heavier than that of a sum of indicators
            bounds.append(float(pdtr(allowed, mean)))
    return min(bounds)


def good_turing_coverage(hits: ArrayLike) -> float:
    """Probability that one more search finds a known minimum, by Good and Turing.

    ``C = 1 - f1 / N`` with f1 minima found once in N hits: 0 if every hit was a new minimum.
    Source: Good, Biometrika 40, 237 (1953).

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.

    Raises
    ------
    ValueError
        If `hits` holds no hit, or values that are not counts.
    """
    hits = _positive(hits)
    return float(1 - (hits == 1).sum() / hits.sum())


def coverage_interval(hits: ArrayLike, confidence: float = 0.95) -> Estimate[float]:
    """Good-Turing coverage with a confidence interval: the probability that the next hit is of a known minimum.

    Parameters
    ----------
    hits : (n,) int
        How often each minimum was found; zeros are ignored.
    confidence : float
        Confidence of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If `hits` holds no hit, or values that are not counts, or `confidence` is not between 0 and 1.

    Notes
    -----
    With f1 minima found once, f2 twice, and N hits in total, the interval of the unseen probability M holds all values
    with

        (f1 - N M)^2 <= z^2 (N M (1 - M) + 2 F2),

    because f1 - N M has about the variance N M (1 - M) + 2 E f2: Esty, Ann. Stat. 11, 905 (1983), whose interval, with
    f1 / N for M and f2 for its mean on the right, has no width if all were found once. F2 is the upper end of Wilson's
    interval of a Poisson mean, f2 + z^2 / 2 + z sqrt(f2 + z^2 / 4) (our choice): the 95 % interval then holds in at
    least 94 % of the cases for uniform, geometric, power-law and mixed probabilities and 2 to 1000 draws (tested by
    test_completeness.py; conservative for few draws).
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
    """Distinct minima against the number of searches, in the actual order and averaged over all orders.

    Parameters
    ----------
    found : (N,) int
        The minimum that each search found, in the order of the searches.
    searches : (k,) int, optional
        Numbers of searches, 0 ... N, at which to evaluate the curve; by default up to 201 from 0 to N.

    Raises
    ------
    ValueError
        If `found` is empty or does not hold integers, or `searches` is not ascending within 0 ... N.

    Notes
    -----
    Rarefaction: a minimum found c times in N searches is absent from k of them, drawn without
    replacement, with the hypergeometric probability C(N - c, k) / C(N, k). Source: Hurlbert, Ecology 52,
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
        msg = f"confidence must be between 0 and 1; got {confidence!r}"
        raise ValueError(msg)
    return float(ndtri((1 + confidence) / 2))


def _rarefied(hits: Integers, searches: Integers) -> Floats:
    """Mean number of distinct minima (k,) in these numbers of searches."""
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
