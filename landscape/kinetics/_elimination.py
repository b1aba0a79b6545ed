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
from scipy.sparse import csr_array

from landscape.kinetics._elimination_kernels import (
    back,
    back_logarithms,
    factor,
    factor_logarithms,
    solve,
    solve_logarithms,
    solve_transposed_in_place,
    stationary_logarithms,
)
from landscape.kinetics._elimination_order import Pattern, Steps, pattern_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = NDArray[Any]  # float64 or complex128

LEAST = -345.0  # logarithm of the smallest factor whose square plain arithmetic can hold, 1e-150
LARGEST_LOG = 640.0  # limit of the fastest rate times the longest time in plain arithmetic, 1e278


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
        u, low, total, leave, smallest = factor(ordered.indptr, ordered.indices, rates, exits, *_arrays(pattern))
        inputs = min(_lowest(values), _lowest(shown))
        if logarithms is False or min(np.log(smallest), inputs, -np.abs(scale).max(initial=0.0)) > LEAST:
            return Factors(pattern, u, low, total, leave, log_scale, logarithms=False)
    u, low, total, leave = factor_logarithms(ordered.indptr, ordered.indices, values, shown, *_arrays(pattern))
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
    u, low, total, leave, _ = factor(
        ordered.indptr, ordered.indices, np.exp(values).astype(np.complex128), exits, *_arrays(pattern)
    )
    return Factors(pattern, u, low, total, leave, log_scale, logarithms=False)


def solution(factors: Factors) -> Floats:
    """The solution x (n,) for b = 1, by state: mean times until the chain exits."""
    solver = solve_logarithms if factors.logarithms else solve
    right = -factors.log_scale if factors.logarithms else np.exp(-factors.log_scale)
    found = solver(right, factors.lower, factors.upper, factors.total, *_arrays(factors.pattern))
    with np.errstate(over="ignore"):
        return (np.exp(found) if factors.logarithms else found)[factors.pattern.position]


def exit_chances(factors: Factors) -> Floats:
    """Probability (n, c) of leaving by each of the exits, by state."""
    exits = factors.exits
    columns = [
        (back_logarithms if factors.logarithms else back)(
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
    found = stationary_logarithms(factors.lower, factors.total, pattern.lower_start, pattern.lower)
    return (found - factors.log_scale)[pattern.position]


def solve_transposed(factors: Factors, columns: NDArray[np.float64]) -> Numbers:
    """The solutions x (n, c) of (z - Q)^T x = columns (n, c)."""
    ordered = np.empty(columns.shape, dtype=factors.total.dtype)
    ordered[factors.pattern.position] = columns
    solve_transposed_in_place(ordered, factors.lower, factors.upper, factors.total, *_arrays(factors.pattern))
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
