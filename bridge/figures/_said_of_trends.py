"""What the paper says about the ends of the phase, about noises, generalization and landscapes; some as a question."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bridge.figures._said_of_curvature import NAMES
from bridge.figures._statements import Numbers, Outcome, Statement, decided, listed, values
from landscape.support import Estimate

Array = NDArray[np.float64]

LEVEL = 0.05
MARGIN = 0.1  # exponents that differ by less are the same
WEAK = 0.3  # rank correlations that are smaller are none


def misfit_of_one_value(value: Array, low: Array, high: Array) -> tuple[float, float]:
    """The mean weighted by the intervals, and the p-value of chi-square that all numbers are equal; nan for one.

    Errors are the intervals at 95 % over those of a normal, so that few draws count for less. For three to eight draws
    of equal numbers p is below 0.025 in 1 to 3 % of cases (simulated; Welch's test has the same range).
    """
    error = (high - low) / (2 * stats.norm.isf(LEVEL / 2))
    known = np.isfinite(value) & (error > 0)
    value, weight = value[known], error[known] ** -2.0
    if value.size < 2:
        return float("nan"), float("nan")
    mean = float((weight * value).sum() / weight.sum())
    return mean, float(stats.chi2.sf((weight * (value - mean) ** 2).sum(), value.size - 1))


def _below_one(ours: Numbers) -> Iterator[tuple[str, Array]]:
    """Exponents (3, A) with the ends of their intervals, of each data set with alpha < 1."""
    for name in NAMES:
        if name in ours:
            below = values(ours[name], "alpha") < 1.0
            ends = (f"mu{end}" for end in ("", "_low", "_high"))
            yield name, np.array([values(ours[name], end)[below] for end in ends])


def _one_exponent(ours: Numbers) -> Outcome:
    same, differ, said, why = [], [], [], []
    for name, (mu, low, high) in _below_one(ours):
        mean, p = misfit_of_one_value(mu, low, high)
        same.append(bool((np.maximum(high - mean, mean - low) < MARGIN).all()))
        differ.append(p < LEVEL / len(NAMES))
        said.append(f"{NAMES[name]} {listed(mu)}")
        why.append(f"{NAMES[name]} p = {listed(p, '.1g')} (chi-square)")
    reason = f"with rising alpha below 1; that they are equal: {', '.join(why)}"
    return Outcome("; ".join(said), decided(same, differ), reason)


SAID_OF_JAMMING = (
    Statement(
        "one_exponent",
        "section 4",
        "One subaging exponent holds in the whole underparametrized (jammed) phase.",
        _one_exponent,
    ),
)


def _correlations(ours: Numbers) -> str:
    value, low, high = (values(ours, f"correlation{end}") for end in ("", "_low", "_high"))
    parts = zip(ours["given"], value, low, high, strict=True)
    said = [f"{Estimate(v, a, b):.2f} given {name}" if np.isfinite([v, a, b]).all() else f"{listed(v)} given {name}"
            for name, v, a, b in parts]  # fmt: skip
    return "; ".join(said)


def _generalization_matters(ours: Numbers) -> Outcome:
    said, low, high = _correlations(ours), values(ours, "correlation_low")[-1], values(ours, "correlation_high")[-1]
    reason = (
        "rank correlations of mu with the generalization error; it counts what is left given both N and depth, within "
        f"{WEAK:g} of 0 is none"
    )
    return Outcome(said, decided((low > 0) | (high < 0), (low > -WEAK) & (high < WEAK)), reason)


def _landscape_immaterial(ours: Numbers) -> Outcome:
    said, low, high = _correlations(ours), values(ours, "correlation_low"), values(ours, "correlation_high")
    at = ours["given"].index("N")
    low, high = low[at], high[at]
    reason = (
        f"rank correlations of mu with the number of minima; it counts the one given N, none is within {WEAK:g} of 0"
    )
    return Outcome(said, decided((low > -WEAK) & (high < WEAK), (low > 0) | (high < 0)), reason)


def _robust_to_noise(ours: Numbers) -> Outcome:
    same, differ, said = [], [], []
    parts = [(name, ours[name]) for name in NAMES if name in ours]
    tests = sum(len(part["persistence"]) for _, part in parts)
    for name, part in parts:
        few = slice(1, 1 + len(part["persistence"]))  # behind SGD, before the other optimizers
        low, high, p = (values(part, end)[few] for end in ("difference_low", "difference_high", "difference_p"))
        same.append((low > -MARGIN) & (high < MARGIN))
        differ.append(p < LEVEL / tests)
        said.append(f"{NAMES[name]} {listed(values(part, 'mu')[few])}, SGD {listed(values(part, 'mu')[0])}")
    worst = [f"{count.sum()} of {count.size} on {NAMES[name]}" for count, (name, _) in zip(differ, parts, strict=True)]
    reason = f"mu with rising persistence; differs from SGD's from the same starts: {', '.join(worst)}"
    return Outcome("; ".join(said), decided(np.concatenate(same), np.concatenate(differ)), reason)


SAID_OF_PERSISTENT = (
    Statement(
        "robust",
        "section 4, as a question",
        "Subaging is robust to another noise, persistent SGD.",
        _robust_to_noise,
    ),
)
SAID_OF_MU_GENERALIZATION = (
    Statement(
        "connected",
        "section 4, as a question",
        "The subaging behavior is connected with the generalization error.",
        _generalization_matters,
    ),
)
SAID_OF_MINIMA_MU = (
    Statement(
        "immaterial",
        "section 1",
        "Details of the landscape do not matter for the mean square displacement.",
        _landscape_immaterial,
    ),
)
