"""Non-Gaussianity of the displacements: their fourth moment and alpha_2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dynamics.displacement._pairs import known_mean, two_time_moments
from dynamics.runs import Trajectories
from landscape.support import Estimate, Result

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NonGaussian(Result, shows=("n_parameters", "second", "fourth")):
    """Second and fourth moments of the displacements and what follows from them.

    Parameters
    ----------
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    second : (R, W, T) float64
        Mean over the P components d_p of a run's displacement of d_p^2; nan beyond the run.
    fourth : (R, W, T) float64
        Mean of d_p^4; nan beyond the run.
    n_parameters : int
        P.
    metadata : mapping
        That of the runs.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    second: Array
    fourth: Array
    n_parameters: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alpha_2(self) -> Array:
        """<d^4> / (3 <d^2>^2) - 1, (W, T), with means over components and runs; nan if nothing moved."""
        return alpha_2(known_mean(self.second), known_mean(self.fourth))

    @property
    def alpha_2_runs(self) -> Array:
        """The same with means over the components of one run, (R, W, T): how its components differ from each other."""
        return alpha_2(self.second, self.fourth)

    @property
    def alpha_2_lengths(self) -> Array:
        """P <|d|^4> / ((P + 2) <|d|^2>^2) - 1, (W, T), with means over runs: how the lengths of the runs' moves differ.

        It is also 0 for an isotropic Gaussian, and does not depend on the orientation of a run's displacement.
        """
        ratio = alpha_2(known_mean(self.second), known_mean(self.second**2)) + 1
        return 3.0 * self.n_parameters / (self.n_parameters + 2.0) * ratio - 1

    @property
    def runs_per_pair(self) -> NDArray[np.int64]:
        """Number of runs (W, T) that have the pair."""
        return (~np.isnan(self.second)).sum(axis=0)

    @property
    def standard_error(self) -> Array:
        """Standard error of `alpha_2`, (W, T), from the spread of the runs to first order; nan for one run."""
        runs = self.runs_per_pair
        moments = np.stack([self.second, self.fourth], axis=-1)
        mean = known_mean(moments)
        deviations = np.where(np.isnan(moments), 0.0, moments - mean)
        products = np.einsum("rwti,rwtj->wtij", deviations, deviations)
        spread = products / np.where(runs > 1, runs - 1, np.nan)[..., None, None]
        return alpha_2_error(mean[..., 0], mean[..., 1], spread, np.maximum(runs, 1))

    def estimate(self, confidence: float = 0.95) -> Estimate[Array]:
        """`alpha_2` (W, T) with Student's interval over the runs, from its `standard_error`; nan for one run."""
        reach = stats.t.isf((1 - confidence) / 2, np.maximum(self.runs_per_pair - 1, 1)) * self.standard_error
        return Estimate(self.alpha_2, self.alpha_2 - reach, self.alpha_2 + reach)


def non_gaussian(runs: Trajectories) -> NonGaussian:
    """Moments of the displacements theta_p(tw + t) - theta_p(tw), pooled over components and runs.

    alpha_2(tw, t) = <d^4> / (3 <d^2>^2) - 1: zero if components are Gaussian with one variance and zero mean; with two
    variances v_1, v_2 in shares f, 1 - f it is (f v_1^2 + (1 - f) v_2^2) / (f v_1 + (1 - f) v_2)^2 - 1. It is large if
    few parameters or few runs move much, and a common drift makes it smaller (-2 / 3 for d = +-1). Runs are read one
    at a time; a run is one sample of the standard error, because its components depend on each other.

    Source: Rahman, Phys. Rev. 136, A405 (1964), for the length r of an atom's displacement: 3 <r^4> / (5 <r^2>^2) - 1,
    which is `NonGaussian.alpha_2_lengths` with P = 3.

    Raises
    ------
    ValueError
        If no run has the two snapshots of any waiting time and lag.
    """
    second, fourth = two_time_moments(runs, "displacement", "fourth_moment")
    return NonGaussian(runs.waiting_times, runs.lags, second, fourth, runs.n_parameters, runs.metadata)


def alpha_2(second: Array, fourth: Array) -> Array:
    """Non-Gaussian parameter fourth / (3 second^2) - 1, nan where `second` is 0."""
    moved = np.where(second > 0, second, np.nan)
    return fourth / (3.0 * moved**2) - 1.0


def alpha_2_error(second: Array, fourth: Array, spread: Array, runs: NDArray[np.int64] | int) -> Array:
    """Standard error (...) of alpha_2 from the covariance (..., 2, 2) of a run's second and fourth moment.

    To first order d alpha_2 = (d m_4 - 2 m_4 / m_2 d m_2) / (3 m_2^2).
    """
    moved = np.where(second > 0, second, np.nan)
    slope = np.stack([-2.0 * fourth / moved, np.ones_like(moved)], axis=-1) / (3.0 * moved**2)[..., None]
    return np.sqrt(np.einsum("...i,...ij,...j->...", slope, spread, slope) / runs)
