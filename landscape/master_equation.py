"""The master equation on a network of rates: occupation, two-time correlation, first passage."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import expm_multiply, spsolve

from landscape._contour import contour_exponential, inside_contour
from landscape.rates import RateNetwork

Floats = NDArray[np.float64]

DENSE = 100  # minima up to which a full matrix exponential is as fast as anything
STIFF = 200.0  # fastest rate times t beyond which it and the contour win: `expm_multiply` takes about as many products


def generator(network: RateNetwork) -> csc_array:
    """K (n, n) of dp/dt = K p: ``K[j, i]`` the rate from i to j, columns sum to zero."""
    return csc_array(network.rates.T - diags_array(network.escape_rates))


def occupations(network: RateNetwork, start: ArrayLike, times: ArrayLike) -> Floats:
    """Occupation p(t) = exp(K t) p(0), (T, n).

    By SciPy's `expm_multiply`, whose time grows with the fastest rate times t; where that is more than 200, by the full
    matrix exponential of up to 100 minima, and of more by quadrature along a contour, which costs 12 sparse solves.

    Parameters
    ----------
    network : RateNetwork
    start : (n,) array
        p(0), not negative, of sum 1.
    times : (T,) array
        In units of gradient-flow time, not negative.

    Raises
    ------
    ValueError
        If `start` is no distribution over the minima, or a time is negative.
    """
    p, t = _distribution(network, start), _times(times)
    return np.array(list(_evolve(network, p, t))).reshape(t.size, p.size)


def same_minimum(network: RateNetwork, start: ArrayLike, waiting: float, lags: ArrayLike) -> Floats:
    """Two-time correlation C(tw, t), (T,): probability to be in the same minimum at tw and at tw + t.

    Excursions that have come back by tw + t count as having stayed.

    Raises
    ------
    ValueError
        As `occupations`.
    """
    before = occupations(network, start, [waiting])[0]
    return two_time_mean(network, before / before.sum(), np.eye(network.n_minima), lags)


def two_time_mean(network: RateNetwork, before: ArrayLike, quantity: ArrayLike, lags: ArrayLike) -> Floats:
    """Mean (T,) of ``quantity[i, j]`` between the minimum i at tw, distributed as `before`, and j at tw + t.

    With the squared distances between the minima as `quantity` it is the mean square displacement of hopping.

    Raises
    ------
    ValueError
        As `occupations`, or if `quantity` is not (n, n).
    """
    p, t, s = _distribution(network, before), _times(lags), np.asarray(quantity, dtype=np.float64)
    n = network.n_minima
    if s.shape != (n, n):
        msg = f"quantity must have shape ({n}, {n}); got {s.shape}"
        raise ValueError(msg)
    there = np.flatnonzero(p)
    moved = transition_probabilities(network, there, t)
    return np.array([(p[there, None] * rows * s[there]).sum() for rows in moved])


def transition_probabilities(network: RateNetwork, starts: ArrayLike, lags: ArrayLike) -> Iterator[Floats]:
    """Yield P(t) (V, n) for each lag: ``P[v, j]`` the probability to be in minimum j a time t after ``starts[v]``.

    Raises
    ------
    ValueError
        If a start is no minimum of the network, or a lag is negative.
    """
    t, first, n = _times(lags), np.asarray(starts, dtype=np.int64), network.n_minima
    if first.ndim != 1 or ((first < 0) | (first >= n)).any():
        msg = f"starts must be minima 0 ... {n - 1}, shape (V,); got {starts!r}"
        raise ValueError(msg)
    columns = np.zeros((n, first.size))
    columns[first, np.arange(first.size)] = 1.0
    return (moved.T for moved in _evolve(network, columns, t))


def first_passage_times(network: RateNetwork, targets: ArrayLike) -> Floats:
    """Mean time (n,) until one of the minima `targets` is reached; 0 there, inf where it need never be.

    Solves sum_j k_ij (tau_j - tau_i) = -1. (pele's NGT does the same by eliminating minima, which keeps its digits
    where rates differ by more than ten orders of magnitude.)

    Raises
    ------
    ValueError
        If a target is no minimum of the network, or there is none.
    """
    goal = np.unique(np.asarray(targets, dtype=np.int64))
    n = network.n_minima
    if not goal.size or goal[0] < 0 or goal[-1] >= n:
        msg = f"targets must be minima 0 ... {n - 1}; got {targets!r}"
        raise ValueError(msg)
    labels = connected_components(network.rates, directed=False)[1]
    times = np.where(np.isin(labels, labels[goal]), 0.0, np.inf)
    free = np.setdiff1d(np.flatnonzero(np.isfinite(times)), goal)
    if free.size:
        k: Any = csr_array(generator(network).T)
        k = csc_array(k[free][:, free])
        times[free] = spsolve(k, -np.ones(free.size))
    return times


def _evolve(network: RateNetwork, columns: Floats, times: Floats) -> Iterator[Floats]:
    """exp(K t) times `columns` (n,) or (n, c) for each time, freed of rounding: none negative, sums conserved."""
    k, total = generator(network), columns.sum(axis=0)
    for time in times.tolist():
        moved = np.maximum(_exponential(k * time, columns, balanced=network.log_weights is not None), 0.0)
        yield moved * (total / moved.sum(axis=0))


def _exponential(a: csc_array, columns: Floats, *, balanced: bool) -> Floats:
    """exp(A) times `columns` by whatever is fast; along the contour only if its spectrum lies there."""
    stiffness = float(np.abs(a.diagonal()).max(initial=0.0))
    if stiffness == 0.0:
        return columns
    if stiffness <= STIFF:
        return expm_multiply(a, columns)
    if len(columns) <= DENSE:
        return expm(a.toarray()) @ columns
    flat = columns.reshape(len(columns), -1)
    moved = contour_exponential(a, flat)
    return moved.reshape(columns.shape) if balanced or inside_contour(a, flat, moved) else expm_multiply(a, columns)


def _distribution(network: RateNetwork, start: ArrayLike) -> Floats:
    p = np.asarray(start, dtype=np.float64)
    if p.shape != (network.n_minima,) or not (p >= 0.0).all() or abs(p.sum() - 1.0) > 1e-9:
        msg = f"start must be a distribution over {network.n_minima} minima; got shape {p.shape}, sum {p.sum()}"
        raise ValueError(msg)
    return p


def _times(times: ArrayLike) -> Floats:
    t = np.asarray(times, dtype=np.float64)
    if t.ndim != 1 or not (np.isfinite(t) & (t >= 0.0)).all():
        msg = f"times must be finite and not negative, shape (T,); got {times!r}"
        raise ValueError(msg)
    return t
