"""The master equation on a network of rates: occupation, two-time correlation, first passage."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import expm_multiply

from landscape.kinetics._contour import contour_exponential, inside_contour
from landscape.kinetics._elimination import eliminate, exit_probabilities, log_stationary, mean_times
from landscape.kinetics._elimination_order import Steps
from landscape.kinetics._rates import RateNetwork
from landscape.kinetics._squaring import stochastic_exponential

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DENSE = 100  # minima up to which a full matrix exponential is as fast as any other method
STIFF = 200.0  # fastest rate times t beyond which it and the contour are faster than `expm_multiply`


def generator(network: RateNetwork) -> csc_array:
    """K (n, n) of dp/dt = K p: ``K[j, i]`` the rate from i to j, columns sum to zero."""
    return csc_array(network.rates.T - diags_array(network.escape_rates))


def occupations(network: RateNetwork, start: ArrayLike, times: ArrayLike) -> Floats:
    """Occupation p(t) = exp(K t) p(0), (T, n).

    By SciPy's `expm_multiply`, whose time grows with the fastest rate times t; if that is more than 200, by the full
    matrix exponential for up to 100 minima, and for more by quadrature along a contour, which costs 12 eliminations.
    Both resolve slow rates next to fast ones, however much they differ: the former to a relative error of about 1e-12
    of each probability, the latter to an absolute one of about 1e-11. Without detailed balance the contour may fail:
    then the full exponential is used, whose cost grows with the cube of the number of minima.

    Parameters
    ----------
    network : RateNetwork
    start : (n,) array
        p(0), nonnegative, with sum 1.
    times : (T,) array
        In units of gradient-flow time, not negative.

    Raises
    ------
    ValueError
        If `start` is not a distribution over the minima, or a time is negative.
    """
    p, t = _distribution(network, start), _times(times)
    return np.array(list(_evolve(network, p, t))).reshape(t.size, p.size)


def same_minimum(network: RateNetwork, start: ArrayLike, waiting: float, lags: ArrayLike) -> Floats:
    """Two-time correlation C(tw, t), (T,): probability of being in the same minimum at tw and at tw + t.

    Excursions that have returned by tw + t count as having stayed.

    Raises
    ------
    ValueError
        As in `occupations`.
    """
    before = occupations(network, start, [waiting])[0]
    return two_time_mean(network, before / before.sum(), np.eye(network.n_minima), lags)


def two_time_mean(network: RateNetwork, before: ArrayLike, quantity: ArrayLike, lags: ArrayLike) -> Floats:
    """Mean (T,) of ``quantity[i, j]`` between the minimum i at tw, distributed as `before`, and j at tw + t.

    With the squared distances between the minima as `quantity` it is the mean square displacement of hopping.

    Raises
    ------
    ValueError
        As in `occupations`, or if `quantity` is not (n, n).
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
    """Yield P(t) (V, n) for each lag: ``P[v, j]``, the probability of minimum j a time t after ``starts[v]``.

    Raises
    ------
    ValueError
        If a start is not a minimum of the network, or a lag is negative.
    """
    t, first, n = _times(lags), np.asarray(starts, dtype=np.int64), network.n_minima
    if first.ndim != 1 or ((first < 0) | (first >= n)).any():
        msg = f"starts must be minima 0 ... {n - 1}, shape (V,); got {starts!r}"
        raise ValueError(msg)
    columns = np.zeros((n, first.size))
    columns[first, np.arange(first.size)] = 1.0
    return (moved.T for moved in _evolve(network, columns, t))


def first_passage_times(network: RateNetwork, targets: ArrayLike) -> Floats:
    """Mean time (n,) until one of the minima `targets` is reached; 0 there, inf if it may never be reached.

    Solves sum_j k_ij (tau_j - tau_i) = -1 by elimination without subtractions (`_elimination`): each time has a
    relative error of about 1e-12, however much the rates differ. Times too long for float64 are inf. It takes seconds
    for 10^4 minima with 2 10^4 transition states.

    Raises
    ------
    ValueError
        If a target is not a minimum of the network, or there is none.
    """
    goal = _minima("targets", targets, network.n_minima)
    times = np.full(network.n_minima, np.inf)
    times[goal] = 0.0
    steps = network.steps
    # states from which the targets are surely reached
    never = ~_reaches(steps.start, steps.end, goal, steps.n)
    onward = ~np.isin(steps.start, goal)
    free = ~_reaches(steps.start[onward], steps.end[onward], np.flatnonzero(never), steps.n)
    free[goal] = False
    if free.any():
        inner, exits = _leaving(steps, free, [goal])
        times[free] = mean_times(inner, exits)
    return times


def committors(network: RateNetwork, sources: ArrayLike, targets: ArrayLike) -> Floats:
    """Probability (n,) of reaching `targets` before `sources`: 1 and 0 there, nan if neither need be reached.

    Solves sum_j k_ij (q_j - q_i) = 0 by the elimination of `first_passage_times`, to the same relative accuracy.

    Raises
    ------
    ValueError
        If one of them is not a minimum of the network, they overlap, or there is none.
    """
    n, steps = network.n_minima, network.steps
    a, b = _minima("sources", sources, n), _minima("targets", targets, n)
    if np.intersect1d(a, b).size:
        msg = f"targets must not be sources; got {np.intersect1d(a, b)} in both"
        raise ValueError(msg)
    both = np.concatenate([a, b])
    never = ~_reaches(steps.start, steps.end, both, n)
    onward = ~np.isin(steps.start, both)
    free = ~_reaches(steps.start[onward], steps.end[onward], np.flatnonzero(never), n)
    free[both] = False
    chances = np.full(n, np.nan)
    chances[a], chances[b] = 0.0, 1.0
    if free.any():
        inner, exits = _leaving(steps, free, [a, b])
        chances[free] = exit_probabilities(inner, exits)[:, 1]
    return chances


def stationary_distribution(network: RateNetwork) -> Floats:
    """Stationary occupation (n,), by elimination, also without detailed balance.

    Raises
    ------
    ValueError
        If some minimum cannot be reached from another: the distribution is then not unique, or minima are left forever.
    """
    steps, n = network.steps, network.n_minima
    parts = connected_components(_joined(network), connection="strong")
    if parts[0] != 1:
        msg = f"network must be connected both ways for one stationary distribution; it has {parts[0]} parts"
        raise ValueError(msg)
    if n == 1:
        return np.ones(1)
    logs = log_stationary(eliminate(steps, np.full((n, 0), -np.inf), logarithms=True))
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def _joined(network: RateNetwork) -> csr_array:
    """Which minima connect to which, also by rates that are too small for float64."""
    steps = network.steps
    return csr_array((np.ones(steps.start.size), (steps.start, steps.end)), shape=(steps.n, steps.n))


def _minima(name: str, numbers: ArrayLike, n: int) -> Integers:
    goal = np.unique(np.asarray(numbers, dtype=np.int64))
    if not goal.size or goal[0] < 0 or goal[-1] >= n:
        msg = f"{name} must be minima 0 ... {n - 1}; got {numbers!r}"
        raise ValueError(msg)
    return goal


def _reaches(start: Integers, end: Integers, goal: Integers, n: int) -> NDArray[np.bool_]:
    """Minima (n,) from which a path along these steps leads to one of `goal`."""
    found = np.zeros(n, dtype=bool)
    if goal.size:
        # backward, from an additional node that leads to all of the goal
        rows, columns = np.append(end, np.full(goal.size, n)), np.append(start, goal)
        back = csr_array((np.ones(rows.size), (rows, columns)), shape=(n + 1, n + 1))
        found[np.setdiff1d(breadth_first_order(back, n, return_predecessors=False), [n])] = True
    return found


def _leaving(steps: Steps, free: NDArray[np.bool_], goals: Sequence[Integers]) -> tuple[Steps, Floats]:
    """Steps between the minima that are `free` (n,), and log-rates (f, c) from each of them into each goal."""
    number = np.cumsum(free) - 1
    exits = np.full((int(free.sum()), len(goals)), -np.inf)
    for c, goal in enumerate(goals):
        out = free[steps.start] & np.isin(steps.end, goal)
        np.logaddexp.at(exits[:, c], number[steps.start[out]], steps.log_rates[out])
    inner = free[steps.start] & free[steps.end]
    return Steps(len(exits), number[steps.start[inner]], number[steps.end[inner]], steps.log_rates[inner]), exits


def _evolve(network: RateNetwork, columns: Floats, times: Floats) -> Iterator[Floats]:
    """exp(K t) times `columns` (n,) or (n, c) for each time, with rounding removed: nonnegative, sums conserved."""
    total = columns.sum(axis=0)
    for time in times.tolist():
        moved = np.maximum(_exponential(network, time, columns), 0.0)
        yield moved * (total / moved.sum(axis=0))


def _exponential(network: RateNetwork, time: float, columns: Floats) -> Floats:
    """exp(K t) times `columns` by the fastest method; along the contour only if its spectrum is inside."""
    stiffness = float(network.escape_rates.max(initial=0.0)) * time
    if stiffness == 0.0:
        return columns
    if stiffness <= STIFF:
        return expm_multiply(generator(network) * time, columns)
    if network.n_minima <= DENSE:
        return stochastic_exponential(network.steps, time).T @ columns
    flat = columns.reshape(len(columns), -1)
    moved = contour_exponential(network.steps, time, flat)
    if network.log_weights is None and not inside_contour(network.steps, time, flat, moved):
        return stochastic_exponential(network.steps, time).T @ columns
    return moved.reshape(columns.shape)


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
