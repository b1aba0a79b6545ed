"""Distinct minima against the number of searches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from landscape.completeness._hits import Integers, integers
from landscape.support import Result

Floats = NDArray[np.float64]


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
    found = integers("found", found)
    if found.size == 0:
        msg = "found must name the minimum of at least one search; got none"
        raise ValueError(msg)
    total = found.size
    default = np.unique(np.linspace(0, total, 201).astype(np.int64))
    searches = default if searches is None else _within(searches, total)
    _, first, hits = np.unique(found, return_index=True, return_counts=True)
    observed = np.searchsorted(np.sort(first), searches)  # firsts among searches 0 ... k - 1
    return DiscoveryCurve(searches, _rarefied(hits, searches), observed)


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


def _within(searches: ArrayLike, total: int) -> Integers:
    array = integers("searches", searches)
    if (np.diff(array) <= 0).any() or array.min(initial=0) < 0 or array.max(initial=0) > total:
        msg = f"searches must be ascending within 0 ... {total}; got {array}"
        raise ValueError(msg)
    return array
