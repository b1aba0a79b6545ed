"""Coverage: the probability that one more search finds a known minimum."""

import numpy as np
from numpy.typing import ArrayLike

from landscape.completeness._hits import positive, quantile
from landscape.support import Estimate


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
    hits = positive(hits)
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
    z = quantile(confidence)
    value, hits = good_turing_coverage(hits), positive(hits)
    total, f1, f2 = float(hits.sum()), float((hits == 1).sum()), float((hits == 2).sum())
    twice = f2 + z * z / 2.0 + z * np.sqrt(f2 + z * z / 4.0)
    a, b, c = total**2 + z * z * total, 2.0 * total * f1 + z * z * total, f1 * f1 - 2.0 * z * z * twice
    root = np.sqrt(b * b - 4.0 * a * c)
    unseen = np.clip(np.array([b - root, b + root]) / (2.0 * a), 0.0, 1.0)
    return Estimate(value, float(1.0 - unseen[1]), float(1.0 - unseen[0]))
