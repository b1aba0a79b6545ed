"""Rank correlations of two quantities given others, over networks on several realizations of the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from dynamics.plots import COLORS
from dynamics.statistics import over_runs
from landscape.support import RNG, Estimate

ROUNDING = 1e-9
FEWEST = 3  # networks besides one for each quantity that the correlation is given
ONE = 1.0
RESAMPLES = 999


def partial_rank_correlation(x: ArrayLike, y: ArrayLike, given: Sequence[ArrayLike] = ()) -> float:
    """Spearman's correlation of x (n,) and y (n,) given other quantities (n,), in closed form from the ranks.

    It is S_xy / sqrt(S_xx S_yy) with S_ab = C_ab - C_ag C_gg^-1 C_gb, where C is the correlation matrix of all ranks, a
    and b are x or y, and g the others: Pearson's partial correlation, of ranks. Without others it is Spearman's.
    Derived here, tested against the correlation of the residuals of least squares on the ranks of the others.

    Networks with nan are left out. nan for too few networks, and if x or y has no spread or follows from the others.
    Others that are constant, or follow from one another, are no problem.
    """
    columns = np.array([x, y, *given], dtype=np.float64)
    columns = columns[:, np.isfinite(columns).all(axis=0)]
    if columns.shape[1] < FEWEST + len(given):
        return float("nan")
    ranks = rankdata(columns, axis=1)
    ranks = ranks[np.ptp(ranks, axis=1) > 0]
    if len(ranks) < 2 or (np.ptp(columns[:2], axis=1) == 0).any():
        return float("nan")
    matrix = np.corrcoef(ranks)
    inverse = np.linalg.pinv(matrix[2:, 2:], rcond=ROUNDING)
    left = matrix[:2, :2] - matrix[:2, 2:] @ inverse @ matrix[2:, :2]
    if np.diag(left).min() < ROUNDING:
        return float("nan")
    return float(np.clip(left[0, 1] / np.sqrt(left[0, 0] * left[1, 1]), -ONE, ONE))


def clustered_rank_correlation(
    x: ArrayLike,
    y: ArrayLike,
    realizations: ArrayLike,
    given: Sequence[ArrayLike] = (),
    *,
    resamples: int = RESAMPLES,
    rng: RNG = 0,
) -> Estimate[float]:
    """`partial_rank_correlation` with the interval at 95 % of the clustered bootstrap over realizations (n,).

    All networks on one realization of the data are drawn together, because they share its rows. The interval is
    Student's with D - 1 degrees of freedom, of D realizations; it has a value from two on, and is a rough one for
    fewer than about eight. Source: Field and Welsh, J. R. Statist. Soc. B 69, 369 (2007), the cluster bootstrap.
    """
    table = np.array([x, y, *given], dtype=np.float64)
    names, cluster = np.unique(np.asarray(realizations), return_inverse=True)

    def statistic(counts: NDArray[np.int64]) -> float:
        drawn = np.repeat(table, counts[cluster], axis=1)
        return partial_rank_correlation(drawn[0], drawn[1], list(drawn[2:]))

    return over_runs(statistic, names.size, within=(-ONE, ONE), resamples=resamples, rng=rng)


def correlations_given(
    x: ArrayLike,
    y: ArrayLike,
    realizations: ArrayLike,
    given: Mapping[str, ArrayLike],
    *,
    resamples: int = RESAMPLES,
    rng: RNG = 0,
) -> dict[str, Any]:
    """The correlation alone, given each of two or more quantities, and given all, each with its interval.

    As lists for JSON: `given` names the rows, `correlation` with `_low` and `_high` their numbers.
    """
    controls = {"nothing": [], **{name: [values] for name, values in given.items()}}
    if len(given) > 1:
        controls |= {" and ".join(given): list(given.values())}
    found = [
        clustered_rank_correlation(x, y, realizations, part, resamples=resamples, rng=rng) for part in controls.values()
    ]
    return {
        "given": list(controls),
        "correlation": [one.value for one in found],
        "correlation_low": [one.low for one in found],
        "correlation_high": [one.high for one in found],
    }


def draw_correlations(numbers: Mapping[str, Any], ax: Axes) -> None:
    """The correlations of `correlations_given` with their intervals, one below the other."""
    value, low, high = (np.array(numbers[f"correlation{end}"], dtype=np.float64) for end in ("", "_low", "_high"))
    bars = np.maximum(np.nan_to_num([value - low, high - value]), 0.0)
    ax.errorbar(value, range(len(value)), xerr=bars, fmt="o", color=COLORS[0], capsize=3)
    ax.axvline(0.0, color="0.5", linestyle="--", linewidth=1)
    ax.set_yticks(range(len(value)), numbers["given"])
    ax.set(ylim=(len(value) - 0.5, -0.5), xlim=(-1.05, 1.05), ylabel="given")
    ax.set_xlabel(r"rank correlation with $\mu$ (95 %, over realizations)")
