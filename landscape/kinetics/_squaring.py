"""Transition probabilities by scaling and squaring that resolves small probabilities next to large ones."""

import numpy as np
from numpy.typing import NDArray

from landscape.kinetics._elimination_order import Steps

Floats = NDArray[np.float64]

TERMS = 16  # terms of the series for a fastest rate times t of at most 1/2: the next one is 3e-20


def stochastic_exponential(steps: Steps, time: float) -> Floats:
    """P(t) = exp(Q t) (n, n): ``P[i, j]`` is the probability of being in j a time t after i; `time` > 0.

    For a time t / 2^s, short compared with the shortest stay, it uses uniformization, e^-qt sum_k (qt)^k / k! (1 + Q /
    q)^k, whose terms are all positive. The result is squared s times, and rows are normalized to 1 after each
    squaring, because a rounding of the large diagonal would grow 2^s-fold. No numbers are subtracted, so the relative
    error of each probability stays small, while `scipy.linalg.expm` only keeps its absolute error small. Derived here;
    test_stiff_rates.py compares with exponentials of 200 digits. s is 1000 at 300 decades of stiffness, and each
    squaring costs 2 n^3 operations.
    """
    logs = steps.log_rates + np.log(time)
    rates = np.full((steps.n, steps.n), -np.inf)
    np.logaddexp.at(rates, (steps.start, steps.end), logs)
    fastest = float(np.logaddexp.reduce(rates, axis=1).max(initial=-np.inf))
    squarings = max(int(np.ceil(fastest / np.log(2.0))) + 1, 0)
    moved = _uniformized(np.exp(rates - squarings * np.log(2.0)))
    for _ in range(squarings):
        moved = moved @ moved
        moved /= moved.sum(axis=1, keepdims=True)
    return moved


def _uniformized(rates: Floats) -> Floats:
    """exp(Q) for rates (n, n) whose rows sum to at most 1/2."""
    sums = rates.sum(axis=1)
    fastest = float(sums.max(initial=0.0))
    if fastest == 0.0:
        return np.eye(len(rates))
    jump = rates / fastest + np.diag(1.0 - sums / fastest)
    total, term = np.eye(len(rates)), np.eye(len(rates))
    for k in range(1, TERMS):
        term = term @ jump * (fastest / k)
        total += term
    return total / total.sum(axis=1, keepdims=True)
