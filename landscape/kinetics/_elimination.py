"""Linear systems of rates by elimination without subtractions: exact to rounding, however much the rates differ.

The equations of a continuous-time chain on n states with rates k_ij from i to j and exit rates e_i are

    (e_i + sum_j k_ij) x_i - sum_j k_ij x_j = b_i.

Eliminating state m turns the other rates into k_ij + k_im k_mj / s_m, e_i into e_i + k_im e_m / s_m and b_i into b_i +
k_im b_m / s_m, with s_m = e_m + sum_j k_mj over the remaining states j. The diagonal is never stored but summed again
from the remaining rates: no numbers are ever subtracted, and each result is accurate to a few roundings.

Source: Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985), as documented for QuantEcon's `gth_solve`. It is the
graph transformation by which pele and PyGT compute rates (Trygubenko and Wales, J. Chem. Phys. 124, 234110, 2006).
Ours, as no library does it on sparse rates, in logarithms or for resolvents, and LU subtracts. The
equations above are derived here; test_stiff_rates.py compares with solutions of 200 to 700 digits.

Rows are eliminated one by one ("up-looking"), in an order of minimum degree, on a precomputed pattern. There are three
arithmetics: plain numbers, complex ones (for a resolvent: e_i = z), and logarithms, where plain ones would underflow.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from landscape.support import njit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = NDArray[Any]  # float64 or complex128

LEAST = -345.0  # logarithm of the smallest factor whose square plain arithmetic can hold, 1e-150
DENSE_SHARE = 0.5  # filling of the remaining pattern from which on it is treated as full
LARGEST_LOG = 640.0  # limit of the fastest rate times the longest time in plain arithmetic, 1e278


@dataclass(frozen=True, eq=False)
class Steps:
    """Rates between n states as logarithms: m steps, whose parallel ones add up; none from a state to itself."""

    n: int
    start: Integers  # (m,)
    end: Integers  # (m,)
    log_rates: Floats  # (m,)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Order of elimination of n states, and the numbers that may then be nonzero.

    Attributes
    ----------
    position : (n,) int64
        Position of each state in the order of elimination.
    upper_start : (n + 1,) int64
        Where the states that a state leads to begin in `upper`.
    upper : (u,) int64
        Later states that each state, by position, leads to after elimination of the earlier ones.
    lower_start : (n + 1,) int64
        The same for `lower`.
    lower : (u,) int64
        Earlier states that each state, by position, leads to, ascending.
    """

    position: Integers
    upper_start: Integers
    upper: Integers
    lower_start: Integers
    lower: Integers


@dataclass(frozen=True, eq=False)
class Factors:
    """Numbers of each state when it is eliminated; arrays are ordered by position.

    Attributes
    ----------
    upper : (u,)
        Probability of going next to each of the later states.
    lower : (u,)
        Rate to each of the earlier ones at its elimination, in units of the state's `log_scale`.
    total : (n,)
        Rate of leaving, in the same units; 0 (or -inf) for a state without exits.
    exits : (n, c)
        Probability of leaving by each of c exits.
    log_scale : (n,) float64
    logarithms : bool
        Whether the numbers are logarithms.
    """

    pattern: Pattern
    upper: Numbers
    lower: Numbers
    total: Numbers
    exits: Numbers
    log_scale: Floats
    logarithms: bool


def pattern_of(steps: Steps, last: int | None = None) -> Pattern:
    """Order of elimination (minimum degree, by SuperLU; `last` goes last) and its fill-in pattern."""
    n = steps.n
    ones = np.ones(steps.start.size)
    joined = csr_array((ones, (steps.start, steps.end)), shape=(n, n))
    joined = csr_array(joined + joined.T)
    joined.data[:] = 1.0
    position = _minimum_degree(joined, n)
    if last is not None:
        position[position > position[last]] -= 1
        position[last] = n - 1
    rows, columns = joined.nonzero()
    ordered = csr_array((np.ones(rows.size), (position[rows], position[columns])), shape=(n, n))
    upper_start, upper = _dense_end(*_fill(ordered.indptr.astype(np.int64), ordered.indices.astype(np.int64)))
    transposed = csc_array(csr_array((np.ones(upper.size), upper, upper_start), shape=(n, n)))
    transposed.sort_indices()
    return Pattern(
        position, upper_start, upper, transposed.indptr.astype(np.int64), transposed.indices.astype(np.int64)
    )


def _dense_end(start: Integers, later: Integers) -> tuple[Integers, Integers]:
    """The same pattern, made full from where it is half full, because contiguous numbers are faster."""
    n = start.size - 1
    rest = np.arange(n, 0, -1)
    half_full = later.size - start[:-1] >= DENSE_SHARE * rest * (rest - 1) / 2
    first = int(np.argmax(half_full))
    size = n - first
    full = np.broadcast_to(np.arange(first, n), (size, size))[np.triu_indices(size, 1)]
    ends = start[first] + np.cumsum(np.arange(size - 1, -1, -1))
    return np.concatenate([start[: first + 1], ends]), np.concatenate([later[: start[first]], full])


def _minimum_degree(joined: csr_array, n: int) -> Integers:
    """Position of each of n states in an order of minimum degree."""
    degrees = np.asarray(joined.sum(axis=1)).ravel()
    dominant = csc_array(diags_array(degrees + 1.0) - joined)  # any numbers work; these need no pivots
    options = {"SymmetricMode": True, "Equil": False}
    factored = splu(dominant, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    return factored.perm_c.astype(np.int64) if n > 1 else np.zeros(n, np.int64)


def eliminate(steps: Steps, log_exits: Floats, *, logarithms: bool | None = None) -> Factors:
    """Eliminate all states. `log_exits` (n, c): logarithms of the rates of leaving by each of c exits.

    In logarithms or plain numbers; by default in plain numbers unless a product would underflow.
    """
    pattern = pattern_of(steps)
    scale = row_scale(steps, log_exits.max(axis=1, initial=-np.inf))
    ordered, values = _ordered(steps, pattern, scale)
    shown, log_scale = np.empty_like(log_exits), np.empty_like(scale)
    shown[pattern.position], log_scale[pattern.position] = log_exits - scale[:, None], scale
    if not logarithms:
        rates, exits = np.exp(values), np.exp(shown)
        u, low, total, leave, smallest = _factor(ordered.indptr, ordered.indices, rates, exits, *_arrays(pattern))
        inputs = min(_lowest(values), _lowest(shown))
        if logarithms is False or min(np.log(smallest), inputs, -np.abs(scale).max(initial=0.0)) > LEAST:
            return Factors(pattern, u, low, total, leave, log_scale, logarithms=False)
    u, low, total, leave = _factor_logarithms(ordered.indptr, ordered.indices, values, shown, *_arrays(pattern))
    return Factors(pattern, u, low, total, leave, log_scale, logarithms=True)


def mean_times(steps: Steps, log_exits: Floats) -> Floats:
    """Mean time (n,) until the chain exits, from each state; arguments as in `eliminate`.

    A product that underflows in plain numbers omits a step with a rate below 1e-307 of the fastest one: it changes the
    time t_i by a relative amount below 1e-307 (fastest rate) (longest time), because t_i is at least the number of
    visits to the step's origin times the stay there. Plain numbers are therefore enough until that product approaches
    1e280.
    """
    times, log_visits = _plain_times(eliminate(steps, log_exits, logarithms=False))
    return times if log_visits < LARGEST_LOG else solution(eliminate(steps, log_exits, logarithms=True))


def exit_probabilities(steps: Steps, log_exits: Floats) -> Floats:
    """Probability (n, c) of leaving by each of the exits, by state; arguments as in `eliminate`.

    Plain numbers are enough as in `mean_times`: what underflows changes a probability by less than 1e-307 (fastest
    rate) (longest time), which must be small beside the smallest probability.
    """
    plain = eliminate(steps, log_exits, logarithms=False)
    chances, log_visits = exit_chances(plain), _plain_times(plain)[1]
    if chances.min(initial=1.0) > 0.0 and log_visits - np.log(chances.min(initial=1.0)) < LARGEST_LOG:
        return chances
    return exit_chances(eliminate(steps, log_exits))


def _plain_times(plain: Factors) -> tuple[Floats, float]:
    """Mean times (n,) until the chain exits, and log (fastest rate) (longest time); inf if numbers overflow."""
    fastest, slowest = plain.log_scale.max(initial=-np.inf), plain.log_scale.min(initial=np.inf)
    if max(fastest, -slowest) >= LARGEST_LOG:
        return np.full(plain.log_scale.size, np.inf), np.inf
    times = solution(plain)
    if not np.isfinite(times).all():
        return times, np.inf
    with np.errstate(divide="ignore"):
        return times, float(fastest + np.log(times.max(initial=0.0)))


def eliminate_resolvent(steps: Steps, z: complex, pattern: Pattern) -> Factors:
    """Eliminate all states of z - Q, with generator Q: each state exits at the complex rate z."""
    scale = row_scale(steps, np.full(steps.n, np.log(abs(z))))
    ordered, values = _ordered(steps, pattern, scale)
    log_scale = np.empty_like(scale)
    log_scale[pattern.position] = scale
    exits = z * np.exp(-log_scale)[:, None]
    u, low, total, leave, _ = _factor(
        ordered.indptr, ordered.indices, np.exp(values).astype(np.complex128), exits, *_arrays(pattern)
    )
    return Factors(pattern, u, low, total, leave, log_scale, logarithms=False)


def solution(factors: Factors) -> Floats:
    """The solution x (n,) for b = 1, by state: mean times until the chain exits."""
    solve = _solve_logarithms if factors.logarithms else _solve
    right = -factors.log_scale if factors.logarithms else np.exp(-factors.log_scale)
    found = solve(right, factors.lower, factors.upper, factors.total, *_arrays(factors.pattern))
    with np.errstate(over="ignore"):
        return (np.exp(found) if factors.logarithms else found)[factors.pattern.position]


def exit_chances(factors: Factors) -> Floats:
    """Probability (n, c) of leaving by each of the exits, by state."""
    exits = factors.exits
    columns = [
        (_back_logarithms if factors.logarithms else _back)(
            np.ascontiguousarray(exits[:, c]), factors.upper, *_arrays(factors.pattern)[:2]
        )
        for c in range(exits.shape[1])
    ]
    found = np.array(columns).T[factors.pattern.position]
    return np.exp(found) if factors.logarithms else found


def log_stationary(factors: Factors) -> Floats:
    """Logarithms (n,) of the stationary occupation, up to a constant, of a chain without exits.

    It needs `Factors` in logarithms, of an irreducible chain.
    """
    pattern = factors.pattern
    found = _stationary_logarithms(factors.lower, factors.total, pattern.lower_start, pattern.lower)
    return (found - factors.log_scale)[pattern.position]


def solve_transposed(factors: Factors, columns: NDArray[np.float64]) -> Numbers:
    """The solutions x (n, c) of (z - Q)^T x = columns (n, c)."""
    ordered = np.empty(columns.shape, dtype=factors.total.dtype)
    ordered[factors.pattern.position] = columns
    _solve_transposed(ordered, factors.lower, factors.upper, factors.total, *_arrays(factors.pattern))
    return (ordered * np.exp(-factors.log_scale)[:, None])[factors.pattern.position]


def row_scale(steps: Steps, log_exits: Floats) -> Floats:
    """The largest logarithm (n,) of the rates out of each state; 0 if there are none."""
    scale = np.array(log_exits)
    np.maximum.at(scale, steps.start, steps.log_rates)
    return np.where(np.isfinite(scale), scale, 0.0)


def _lowest(logarithms: Floats) -> float:
    """The smallest logarithm of a nonzero number."""
    return float(logarithms[np.isfinite(logarithms)].min(initial=0.0))


def _ordered(steps: Steps, pattern: Pattern, scale: Floats) -> tuple[csr_array, Floats]:
    """The steps by position, in rows: their targets, and their logarithms in units of the scale of the row."""
    start, end = pattern.position[steps.start], pattern.position[steps.end]
    order = np.argsort(start, kind="stable")
    pointer = np.searchsorted(start[order], np.arange(steps.n + 1))
    values = (steps.log_rates - scale[steps.start])[order]
    return csr_array((values, end[order], pointer), shape=(steps.n, steps.n)), values


def _arrays(pattern: Pattern) -> tuple[Integers, Integers, Integers, Integers]:
    return pattern.upper_start, pattern.upper, pattern.lower_start, pattern.lower


@njit(cache=True)
def _fill(pointer, indices):
    """Pattern of the later states of each state, ascending; `indices` of a symmetric pattern without a diagonal."""
    n = pointer.size - 1
    mark, first_child, sibling = np.full(n, -1), np.full(n, -1), np.full(n, -1)
    start = np.zeros(n + 1, np.int64)
    found = np.empty(max(4 * indices.size, 16), np.int64)
    size = 0
    for k in range(n):
        if size + n > found.size:
            longer = np.empty(2 * found.size + n, np.int64)
            for p in range(size):
                longer[p] = found[p]
            found = longer
        mark[k] = k
        for p in range(pointer[k], pointer[k + 1]):
            j = indices[p]
            if j > k and mark[j] != k:
                mark[j] = k
                found[size] = j
                size += 1
        child = first_child[k]
        while child >= 0:
            for p in range(start[child], start[child + 1]):
                j = found[p]
                if mark[j] != k:
                    mark[j] = k
                    found[size] = j
                    size += 1
            child = sibling[child]
        found[start[k] : size].sort()
        start[k + 1] = size
        if size > start[k]:
            parent = found[start[k]]
            sibling[k] = first_child[parent]
            first_child[parent] = k
    return start, found[:size].copy()


@njit(error_model="numpy", cache=True)
def _factor(pointer, indices, values, exits, upper_start, upper, lower_start, lower):
    n, n_exits = exits.shape
    u, low = np.empty(upper.size, values.dtype), np.empty(lower.size, values.dtype)
    total, leave, row = np.zeros(n, values.dtype), exits.copy(), np.zeros(n, values.dtype)
    smallest = 1.0
    for k in range(n):
        for p in range(pointer[k], pointer[k + 1]):
            row[indices[p]] += values[p]
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            low[p], row[m] = row[m], 0.0
            if low[p] != 0.0:
                smallest = min(smallest, abs(low[p]))
                for c in range(n_exits):
                    leave[k, c] += low[p] * leave[m, c]
                if upper_start[m + 1] - upper_start[m] == n - 1 - m:
                    _add_multiple(row[m + 1 :], low[p], u[upper_start[m] : upper_start[m + 1]])
                else:
                    for q in range(upper_start[m], upper_start[m + 1]):
                        row[upper[q]] += low[p] * u[q]
        row[k] = 0.0  # a return is not an exit
        for q in range(upper_start[k], upper_start[k + 1]):
            u[q], row[upper[q]] = row[upper[q]], 0.0
        total[k] = leave[k].sum() + u[upper_start[k] : upper_start[k + 1]].sum()
        smallest = min(smallest, _normalize(u[upper_start[k] : upper_start[k + 1]], total[k]))
        smallest = min(smallest, _normalize(leave[k], total[k]))
    return u, low, total, leave, smallest


@njit(error_model="numpy", cache=True)
def _add_multiple(values, factor, others):
    """Add a multiple of other numbers; a loop, because an array expression compiles for seconds."""
    for i in range(others.size):
        values[i] += factor * others[i]


@njit(cache=True)
def _normalize(values, total):
    """Divide numbers by their total; return the smallest nonzero magnitude."""
    smallest = 1.0
    for k in range(values.size):
        if values[k] != 0.0:
            values[k] /= total
            smallest = min(smallest, abs(values[k]))
    return smallest


@njit(cache=True)
def _add(a, b):
    """Logarithm of the sum of two numbers given by their logarithms."""
    high, gap = (a, b - a) if a > b else (b, a - b)
    if not gap > -40.0:  # also of two zeros
        return high
    return high + np.log1p(np.exp(gap))


@njit(cache=True)
def _factor_logarithms(pointer, indices, values, exits, upper_start, upper, lower_start, lower):
    """The same as `_factor`, of logarithms."""
    n, n_exits = exits.shape
    u, low = np.empty(upper.size), np.empty(lower.size)
    total, leave, row = np.full(n, -np.inf), exits.copy(), np.full(n, -np.inf)
    for k in range(n):
        for p in range(pointer[k], pointer[k + 1]):
            row[indices[p]] = _add(row[indices[p]], values[p])
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            low[p], row[m] = row[m], -np.inf
            if low[p] > -np.inf:
                for c in range(n_exits):
                    leave[k, c] = _add(leave[k, c], low[p] + leave[m, c])
                for q in range(upper_start[m], upper_start[m + 1]):
                    row[upper[q]] = _add(row[upper[q]], low[p] + u[q])
        row[k] = -np.inf
        for q in range(upper_start[k], upper_start[k + 1]):
            u[q], row[upper[q]] = row[upper[q]], -np.inf
        total[k] = _add(_sum(leave[k]), _sum(u[upper_start[k] : upper_start[k + 1]]))
        if total[k] > -np.inf:
            for q in range(upper_start[k], upper_start[k + 1]):
                u[q] -= total[k]
            for c in range(n_exits):
                leave[k, c] -= total[k]
    return u, low, total, leave


@njit(cache=True)
def _sum(logarithms):
    total = -np.inf
    for value in logarithms:
        total = _add(total, value)
    return total


@njit(error_model="numpy", cache=True)
def _solve(right, low, u, total, upper_start, upper, lower_start, lower):
    x = right.copy()
    for k in range(x.size):
        for p in range(lower_start[k], lower_start[k + 1]):
            x[k] += low[p] * x[lower[p]]
        x[k] /= total[k]
    return _back(x, u, upper_start, upper)


@njit(cache=True)
def _back(x, u, upper_start, upper):
    for k in range(x.size - 1, -1, -1):
        for q in range(upper_start[k], upper_start[k + 1]):
            x[k] += u[q] * x[upper[q]]
    return x


@njit(cache=True)
def _solve_logarithms(right, low, u, total, upper_start, upper, lower_start, lower):
    x = right.copy()
    for k in range(x.size):
        for p in range(lower_start[k], lower_start[k + 1]):
            x[k] = _add(x[k], low[p] + x[lower[p]])
        x[k] -= total[k]
    return _back_logarithms(x, u, upper_start, upper)


@njit(cache=True)
def _back_logarithms(x, u, upper_start, upper):
    for k in range(x.size - 1, -1, -1):
        for q in range(upper_start[k], upper_start[k + 1]):
            x[k] = _add(x[k], u[q] + x[upper[q]])
    return x


@njit(cache=True)
def _stationary_logarithms(low, total, lower_start, lower):
    n = total.size
    x = np.full(n, -np.inf)
    x[n - 1] = 0.0
    for k in range(n - 1, -1, -1):
        if k < n - 1:
            x[k] -= total[k]
        for p in range(lower_start[k], lower_start[k + 1]):
            x[lower[p]] = _add(x[lower[p]], low[p] + x[k])
    return x


@njit(cache=True)
def _solve_transposed(x, low, u, total, upper_start, upper, lower_start, lower):
    n, columns = x.shape
    for k in range(n):
        for q in range(upper_start[k], upper_start[k + 1]):
            j = upper[q]
            for c in range(columns):
                x[j, c] += u[q] * x[k, c]
    for k in range(n - 1, -1, -1):
        for c in range(columns):
            x[k, c] /= total[k]
        for p in range(lower_start[k], lower_start[k + 1]):
            m = lower[p]
            for c in range(columns):
                x[m, c] += low[p] * x[k, c]
