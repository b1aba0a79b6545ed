"""Lower bounds on the number of minima: Chao1, and a bound that holds for any probabilities."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import pdtr

from landscape.completeness._hits import integers, positive, quantile
from landscape.support import Estimate


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
    z = quantile(confidence)
    hits = positive(hits)
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
    quantile(confidence)
    found = integers("found", found)
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


def _variance(found: float, f1: float, f2: float) -> float:
    """Variance of the bias-corrected Chao1."""
    if f2 == 0:
        total = found + f1 * (f1 - 1) / 2
        return f1 * (f1 - 1) / 2 + f1 * (2 * f1 - 1) ** 2 / 4 - f1**4 / (4 * total)
    g = 1 / (f2 + 1)
    return f1 * (f1 - 1) * g / 2 + f1 * (2 * f1 - 1) ** 2 * g**2 / 4 + f1**2 * f2 * (f1 - 1) ** 2 * g**4 / 4
