"""Two ensembles run by run: the distance of their runs, and whether they move together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dynamics.displacement import mean_square_distances, recorded_pairs
from dynamics.runs import Trajectories
from landscape.support import Result

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReplicaOverlap(Result, shows=("distance", "overlap", "correlation")):
    """Run r of one ensemble compared with run r of another.

    Parameters
    ----------
    steps : (S,) int64
        Steps at which both have snapshots.
    distance : (R, S) float64
        Mean square distance per parameter between the two runs.
    distance_modulo : (R, S) float64
        The same between nearest images; nan unless requested.
    overlap : (R, S) float64
        Cosine of the angle between the two parameter vectors; nan if one is zero.
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    correlation : (R, W, T) float64
        Correlation coefficient of the two runs' displacements from tw; nan if a snapshot is missing in one of them, or
        a run did not move.
    """

    steps: NDArray[np.int64]
    distance: Array
    distance_modulo: Array
    overlap: Array
    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    correlation: Array


def replica_overlap(a: Trajectories, b: Trajectories, *, modulo_symmetry: bool = False) -> ReplicaOverlap:
    """Distance, overlap and correlation of displacements between run r of `a` and run r of `b`, for all r.

    With theta_a, theta_b the parameters of the two runs and d_a = theta_a(tw + t) - theta_a(tw):

        distance(s) = |theta_a(s) - theta_b(s)|^2 / P
        overlap(s) = theta_a(s) . theta_b(s) / (|theta_a(s)| |theta_b(s)|)
        correlation(tw, t) = d_a . d_b / (|d_a| |d_b|)

    The correlation is taken around zero, not around the mean over the components, which are of different kinds: 1 if
    the common slope moves the runs, 0 if independent noise does. It compares components one by one, so it is
    meaningful only for runs in the same image of the landscape, with a common start. Runs are read one at a time.
    Two-replica distances are common in spin glasses; these forms are defined here.

    Parameters
    ----------
    a, b : Trajectories
        With the same number of runs and parameters: for instance with the same starts and different minibatches, or
        vice versa.
    modulo_symmetry : bool
        True for `distance_modulo` too.

    Raises
    ------
    ValueError
        If they do not match or have no step in common.
    """
    steps, at_a, at_b = _common_steps(a, b)
    network = a.symmetries if modulo_symmetry else None
    distance, modulo, overlap = (np.full((a.replicas, steps.size), np.nan) for _ in range(3))
    correlation = np.empty((a.replicas, a.waiting_times.size, a.lags.size))
    for r in range(a.replicas):
        both = a.recorded[r, at_a] & b.recorded[r, at_b]
        pairs = recorded_pairs(steps[both], a.waiting_times, a.lags)
        x, y = (np.asarray(runs.snapshots[r], np.float64)[at[both]] for runs, at in ((a, at_a), (b, at_b)))
        distance[r, both] = ((x - y) ** 2).mean(axis=1)
        overlap[r, both] = cosines(x, y)
        correlation[r] = pairs.on_grid(cosines(pairs.displacements(x), pairs.displacements(y)))
        if network is not None:
            modulo[r, both] = mean_square_distances(network, x, y)[1]
    return ReplicaOverlap(steps, distance, modulo, overlap, a.waiting_times, a.lags, correlation)


def cosines(x: Array, y: Array) -> Array:
    """Cosines (K,) of the angles between rows of `x` and `y` (K, P); nan if a row is zero."""
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.einsum("kp,kp->k", x, y) / np.where(lengths > 0, lengths, np.nan)


def _common_steps(a: Trajectories, b: Trajectories) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    for name in ("replicas", "n_parameters", "layer_sizes"):
        if getattr(a, name) != getattr(b, name):
            msg = f"a and b must have the same {name}; got {getattr(a, name)} and {getattr(b, name)}"
            raise ValueError(msg)
    steps, at_a, at_b = np.intersect1d(a.steps, b.steps, assume_unique=True, return_indices=True)
    if not steps.size:
        msg = "a and b must have snapshots at common steps; they have none"
        raise ValueError(msg)
    return steps, at_a, at_b
