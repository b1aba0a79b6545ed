"""Van Hove function: the distribution of the displacements of single parameters."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.displacement._pairs import known_mean, pairs_of, two_time_moments
from dynamics.runs import Trajectories
from dynamics.statistics import NOT_NEGATIVE, mean_over_runs
from landscape.support import Estimate, Result

Array = NDArray[np.float64]
Scale = Literal["ensemble", "run"]

EDGES = np.linspace(-6.0, 6.0, 49)
TAIL = 3.0  # of the scale: a Gaussian is beyond in 0.0027 of all cases


@dataclass(frozen=True, eq=False)
class VanHove(Result, shows=("scale", "tail"), axes={"N": "bin"}):
    """Distribution of rescaled displacements of parameters. W waiting times, T lags, N bins; nan where none is known.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    edges : (N + 1,) float64
        Ends of the bins, in units of the scale.
    density : Estimate of (W, T, N) float64
        Density of x = displacement / scale, mean over the runs, with Student's interval.
    tail : Estimate of (W, T) float64
        Share of the parameters with |x| > 3; 0.0027 for a Gaussian.
    distance : (W, T) float64
        Total variation distance between the binned density and the Gaussian of unit variance: 0 if they agree, 1 if
        they do not overlap. Positive by chance for few displacements.
    scale : str
        Argument of `van_hove`.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    edges: Array
    density: Estimate[Array]
    tail: Estimate[Array]
    distance: Array
    scale: Scale

    @property
    def gaussian(self) -> Array:
        """Density (N,) of the Gaussian in the bins."""
        return np.diff(stats.norm.cdf(self.edges)) / np.diff(self.edges)


def van_hove(runs: Trajectories, scale: Scale = "ensemble") -> VanHove:
    """Distribution of the displacements of single parameters, rescaled to unit variance.

    The self part of the van Hove function, G(x; tw, t) = <(1 / P) sum_p delta(x - d_p / s)> with the displacements d_p
    between tw and tw + t. With the scale "ensemble", s^2 is the mean square displacement over all runs, so that the
    distribution is that of all displacements; with "run" it is that of the run, which leaves how the parameters of one
    run differ, not how the runs do. Either is the Gaussian of unit variance for Brownian motion with many parameters.

    Its fourth moment is `non_gaussian`. Runs are read one at a time. Source: Berthier, Biroli, Bouchaud and Jack, arXiv
    1009.4765, for particles; tested on Gaussian walks and on a mixture of two variances.

    Raises
    ------
    ValueError
        If there is no such scale, or no run has the snapshots of any pair.
    """
    if scale not in get_args(Scale):
        msg = f"scale must be one of {', '.join(get_args(Scale))}; got {scale!r}"
        raise ValueError(msg)
    shares, tails = [], []
    (squares,) = two_time_moments(runs, "displacement")
    common = known_mean(squares)
    for r, pairs in enumerate(pairs_of(runs)):
        square = (squares[r] if scale == "run" else common)[pairs.within]
        x = pairs.displacements(runs.snapshots_of(r)) / np.sqrt(np.where(square > 0, square, np.nan))[:, None]
        shares.append(pairs.on_grid(_binned(x)))
        tails.append(pairs.on_grid(np.where(square > 0, (np.abs(x) > TAIL).mean(axis=1), np.nan)))
    density = mean_over_runs(np.stack(shares) / np.diff(EDGES), within=NOT_NEGATIVE)
    tail = mean_over_runs(np.stack(tails), within=NOT_NEGATIVE)
    expected = np.diff(stats.norm.cdf(EDGES))
    apart = np.abs(density.value * np.diff(EDGES) - expected).sum(axis=-1)
    outside = np.abs(1 - (density.value * np.diff(EDGES)).sum(axis=-1) - (1 - expected.sum()))
    return VanHove(runs.waiting_times, runs.lags, EDGES, density, tail, 0.5 * (apart + outside), scale)


def _binned(x: Array) -> Array:
    """Shares (K, N) of each row of `x` (K, P) in the bins; nan for a row that did not move."""
    inside = np.isfinite(x) & (x >= EDGES[0]) & (x < EDGES[-1])
    bins = np.floor((np.where(inside, x, 0.0) - EDGES[0]) / (EDGES[1] - EDGES[0])).astype(np.int64)
    row, count = np.nonzero(inside)[0], EDGES.size - 1
    counts = np.bincount(row * count + bins[inside], minlength=len(x) * count).reshape(len(x), count)
    return np.where(np.isfinite(x).all(axis=1, keepdims=True), counts / x.shape[1], np.nan)
