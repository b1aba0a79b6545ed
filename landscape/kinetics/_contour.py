"""The matrix exponential of a generator by quadrature along a contour: a few eliminations, however stiff it is.

    exp(A) b = 1 / (2 pi i) int e^z (z - A)^-1 b dz

around the spectrum of A, by the midpoint rule on Talbot's contour z(phi) = N (0.5017 phi cot(0.6407 phi) - 0.6122 +
0.2645 i phi), optimal for spectra on the negative real axis, where the error falls as 3.89^-N. Generators with detailed
balance have such a spectrum. Others may have complex eigenvalues; those outside the contour are lost.

The resolvents come from an elimination that keeps z separate from the rates (`_elimination`): a solver that forms z +
sum_j k_ij loses every rate, and z itself, next to a k_ij that is 10^16 times larger.

Method: Weideman, SIAM J. Numer. Anal. 44, 2342 (2006); Trefethen, Weideman and Schmelzer, BIT 46, 653 (2006). The
numbers agree with a published program of the latter; test_hopping.py compares with `scipy.linalg.expm`.
"""

import numpy as np
from numpy.typing import NDArray

from landscape.kinetics._elimination import eliminate_resolvent, solve_transposed
from landscape.kinetics._elimination_order import Steps, pattern_of

Floats = NDArray[np.float64]

NODES = 24  # 3.89^-24 = 7e-15
PARTS = 8  # times exp(A / 8): its eigenvalues are inside the contour up to an angle of 77 degrees (where e^A matters)
AGREEMENT = 1e-6  # difference of both, in probability


def contour_exponential(steps: Steps, time: float, columns: Floats, parts: int = 1) -> Floats:
    """exp(K time / parts)^parts times `columns` (n, c), K of these rates, its spectrum near the negative real axis."""
    angle = np.pi * (2 * np.arange(NODES // 2) + 1) / NODES  # the lower half is its complex conjugate
    wide = 0.6407 * angle
    z = NODES * (0.5017 * angle / np.tan(wide) - 0.6122 + 0.2645j * angle)
    slope = NODES * (0.5017 / np.tan(wide) - 0.5017 * wide / np.sin(wide) ** 2 + 0.2645j)
    weights = 2.0 / NODES * np.exp(z) * slope
    part = Steps(steps.n, steps.start, steps.end, steps.log_rates + np.log(time / parts))
    pattern = pattern_of(part)
    solvers = [eliminate_resolvent(part, complex(node), pattern) for node in z]
    moved = columns
    for _ in range(parts):
        right, moved = moved, np.zeros_like(columns)
        for weight, solver in zip(weights, solvers, strict=True):
            moved += (weight * solve_transposed(solver, right)).imag
    return moved


def inside_contour(steps: Steps, time: float, columns: Floats, found: Floats) -> bool:
    """Whether exp(K t / 8)^8 finds the same mean over the columns (n, c) as `found`: no eigenvalue was lost.

    Cannot detect eigenvalues beyond 77 degrees from the negative real axis, as for one-way rings of 14 minima.
    """
    other = contour_exponential(steps, time, columns.mean(axis=1, keepdims=True), PARTS)
    return bool(np.abs(other[:, 0] - found.mean(axis=1)).max() < AGREEMENT)
