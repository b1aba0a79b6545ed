"""The minimum of a start whose minimization stops on a saddle, by steepest descent."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from landscape.datasets._three_atoms import TOLERANCE, energy_and_gradient, relax

Array = NDArray[np.float64]

DURATION = 50.0  # time of the descent, in units of sigma^2 / epsilon: unstable modes grow by exp(3.5 t)
ACCURACY = 1e-8  # relative error of each step of the descent
STEP = 1e-4  # step of the differences of the Hessian, in sigma
PUSH = 1e-3  # displacement off a saddle, in sigma
NEGATIVE = -1e-4  # times the largest eigenvalue: below it an eigenvalue is negative
TIE = 1e-9  # of energies, in epsilon


def steepest_descent(distances: ArrayLike, three_body: float) -> Array:
    """Distances r12, r13, r23 of the minimum that steepest descent reaches from a cluster with these distances (3,).

    The path is integrated, dx/dt = -dV/dx, so the answer is a property of the start and not of a minimizer. The
    cluster is rebuilt from its sorted distances: permuting the atoms permutes the answer to the last bit, and all
    positions and mirror images give the same answer. A start that is itself a saddle goes to the lower of the two
    adjacent minima. If the descent ends in no minimum, the nearest stationary point is returned.
    """
    sides = np.asarray(distances, dtype=np.float64)
    order = np.argsort(sides, kind="stable")
    start = _put_down(*sides[order].tolist())
    if _rms(start, three_body) >= TOLERANCE:
        start = solve_ivp(
            lambda _, x: -_gradient(x, three_body), (0.0, DURATION), start, "LSODA", rtol=ACCURACY, atol=1e-10
        ).y[:, -1]
    end = relax(start[None], three_body)[0][0]
    found = np.empty(3)
    found[order] = _lengths(_lower_side(end, three_body))
    return found


def _put_down(short: float, middle: float, long: float) -> Array:
    """Coordinates (9,) of three atoms with r23 = short, r13 = middle, r12 = long."""
    along = (long**2 + middle**2 - short**2) / (2.0 * long)
    across = math.sqrt(max(0.0, (middle - along) * (middle + along)))
    return np.array([0.0, 0.0, 0.0, long, 0.0, 0.0, along, across, 0.0])


def _lengths(x: Array) -> Array:
    """Distances r23, r13, r12 of coordinates (9,)."""
    a, b, c = x.reshape(3, 3)
    return np.array([np.linalg.norm(b - c), np.linalg.norm(a - c), np.linalg.norm(a - b)], dtype=np.float64)


def _lower_side(x: Array, three_body: float) -> Array:
    """The lower of the two minima adjacent to a saddle; a point that is no saddle, or leads nowhere, is unchanged."""
    eigenvalues, modes = np.linalg.eigh(_hessian(x, three_body))
    if eigenvalues[0] > NEGATIVE * eigenvalues[-1]:
        return x
    push = PUSH * modes[:, 0]
    ends, rms = relax(np.stack([x - push, x + push]), three_body)
    if not (rms < TOLERANCE).all():
        return x
    first, second = sorted(ends, key=lambda end: tuple(_lengths(end)))
    values = [energy_and_gradient(end.reshape(3, 3), three_body)[0] for end in (first, second)]
    return second if values[1] < values[0] - TIE else first


def _gradient(x: Array, three_body: float) -> Array:
    return energy_and_gradient(x.reshape(3, 3), three_body)[1].ravel()


def _rms(x: Array, three_body: float) -> float:
    return float(np.sqrt((_gradient(x, three_body) ** 2).mean()))


def _hessian(x: Array, three_body: float) -> Array:
    """Second derivatives (9, 9), by central differences of the gradient."""
    rows = [_gradient(x + step, three_body) - _gradient(x - step, three_body) for step in STEP * np.eye(9)]
    hessian = np.array(rows) / (2.0 * STEP)
    return 0.5 * (hessian + hessian.T)
