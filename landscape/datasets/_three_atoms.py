"""Three atoms with Lennard-Jones and Axilrod-Teller energies: energy, gradient, local minimization, compiled."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.datasets._arguments import finite_number
from landscape.support import njit

Array = NDArray[np.float64]

TOLERANCE = 1e-9  # rms gradient of a relaxed structure
MAX_ITERATIONS = 10_000
MEMORY = 4
MAX_STEP = 0.1
MAX_RISE = 1e-4
MAX_TRIES = 11  # number of times a step is divided by ten before the memory is dropped
MAX_FAILURES = 10
FIRST_SCALE = 0.1


def energy(positions: ArrayLike, three_body: float = 2.0) -> float:
    """Energy of three atoms at `positions` (3, 3), reduced units.

    V = sum_pairs 4 (r^-12 - r^-6) + Z (1 + 3 cos(a) cos(b) cos(c)) / (r12 r13 r23)^3

    with the inner angles a, b, c of the triangle and Z = `three_body`
    (Axilrod and Teller, J. Chem. Phys. 11, 299, 1943, equation 1).

    Raises
    ------
    ValueError
        If `positions` is not a finite (3, 3) array or two atoms are too close for a finite energy.
    """
    return energy_and_gradient(positions, three_body)[0]


def energy_and_gradient(positions: ArrayLike, three_body: float = 2.0) -> tuple[float, Array]:
    """`energy` and its gradient (3, 3)."""
    three_body = finite_number("three_body", three_body)
    x = np.array(positions, dtype=np.float64)
    if x.shape != (3, 3) or not np.isfinite(x).all():
        msg = f"positions must be a finite array of shape (3, 3); got {positions!r}"
        raise ValueError(msg)
    gradient = np.empty(9)
    value = _evaluate(x.ravel(), three_body, gradient)
    if not (math.isfinite(value) and np.isfinite(gradient).all()):
        msg = f"positions must keep the three atoms apart; got {positions!r}"
        raise ValueError(msg)
    return value, gradient.reshape(3, 3)


def relax(starts: ArrayLike, three_body: float = 2.0) -> tuple[Array, Array]:
    """Local minimization of many clusters by L-BFGS.

    It follows pele's `lbfgs_py` with its default parameters step by step: memory 4, steps of at most 0.1 in the nine
    coordinates, a rise of at most 1e-4. But it continues to an rms gradient of 1e-9, because at pele's default of 1e-5
    one start in 60000 stops on the saddle between triangle and chain. The basins are those of this map: 10 of 400
    random starts at edge 1.35 end in another minimum than along the gradient flow.

    Parameters
    ----------
    starts : (n, 9)
        Coordinates, atom after atom.
    three_body : float
        Strength Z of the three-body energy.

    Returns
    -------
    ends : (n, 9)
        Relaxed coordinates.
    rms : (n,)
        Their rms gradients: below 1e-9 if the minimization converged.
    """
    three_body = finite_number("three_body", three_body)
    ends = np.array(starts, dtype=np.float64, order="C")
    if ends.ndim != 2 or ends.shape[1] != 9:
        msg = f"starts must have shape (n, 9); got {ends.shape}"
        raise ValueError(msg)
    return ends, _descend_all(ends, three_body)


@njit(cache=True, error_model="numpy")
def _dot(a, b):  # np.dot would call BLAS, which rounds differently from machine to machine
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit(cache=True, error_model="numpy")
def _combine(a, factor, b, out):  # an array expression compiles ten times longer
    for i in range(a.size):
        out[i] = a[i] + factor * b[i]


@njit(cache=True, error_model="numpy")
def _copy(a, out):
    for i in range(a.size):
        out[i] = a[i]


@njit(cache=True, error_model="numpy")
def _scale(a, factor):
    for i in range(a.size):
        a[i] *= factor


@njit(cache=True, error_model="numpy")
def _pair(square):
    """4 (r^-12 - r^-6) and its derivative with respect to r^2."""
    inverse = 1.0 / square
    sixth = inverse * inverse * inverse
    return 4.0 * sixth * (sixth - 1.0), -12.0 * inverse * sixth * (2.0 * sixth - 1.0)


@njit(cache=True, error_model="numpy")
def _evaluate(x, three_body, gradient):
    """Energy at `x` (9,); its gradient goes to `gradient` (9,).

    With squared distances a, b, c = r12^2, r13^2, r23^2 and p, q, s = a + b - c, a + c - b, b + c - a
    the three-body energy is Z [(abc)^-3/2 + 3/8 pqs (abc)^-5/2]; p, q, s are computed as twice the
    scalar products at the three atoms, which keeps their digits when two atoms nearly coincide.
    """
    u, v, w = np.empty(3), np.empty(3), np.empty(3)
    _combine(x[0:3], -1.0, x[3:6], u)
    _combine(x[0:3], -1.0, x[6:9], v)
    _combine(x[3:6], -1.0, x[6:9], w)
    a, b, c = _dot(u, u), _dot(v, v), _dot(w, w)
    p, q, s = 2.0 * _dot(u, v), -2.0 * _dot(u, w), 2.0 * _dot(v, w)
    inverse = 1.0 / (a * b * c)
    third = three_body * inverse * math.sqrt(inverse)  # Z / (r12 r13 r23)^3
    fifth = 0.375 * third * inverse
    (e1, d1), (e2, d2), (e3, d3) = _pair(a), _pair(b), _pair(c)
    common = -1.5 * third - 2.5 * fifth * p * q * s
    f1 = 2.0 * (d1 + common / a + fifth * (q * s + p * s - p * q))
    f2 = 2.0 * (d2 + common / b + fifth * (q * s - p * s + p * q))
    f3 = 2.0 * (d3 + common / c + fifth * (p * s + p * q - q * s))
    for i in range(3):
        gradient[i] = f1 * u[i] + f2 * v[i]
        gradient[3 + i] = f3 * w[i] - f1 * u[i]
        gradient[6 + i] = -f2 * v[i] - f3 * w[i]
    return e1 + e2 + e3 + third + fifth * p * q * s


@njit(cache=True, error_model="numpy")
def _direction(gradient, steps, changes, inverses, pairs, scale):
    """Two-loop recursion (Liu and Nocedal, Math. Program. 45, 503, 1989), downhill; a short step without a memory."""
    z, weights = gradient.copy(), np.zeros(MEMORY)
    for k in range(pairs - 1, max(0, pairs - MEMORY) - 1, -1):
        i = k % MEMORY
        weights[i] = inverses[i] * _dot(steps[i], z)
        _combine(z, -weights[i], changes[i], z)
    _scale(z, scale)
    for k in range(max(0, pairs - MEMORY), pairs):
        i = k % MEMORY
        _combine(z, weights[i] - inverses[i] * _dot(changes[i], z), steps[i], z)
    if pairs == 0:
        norm = math.sqrt(_dot(gradient, gradient))
        _scale(z, min(norm, 1.0 / norm))
    if _dot(gradient, z) >= 0.0:
        _scale(z, -1.0)
    return z


@njit(cache=True, error_model="numpy")
def _try_step(x, value, direction, three_body, new_x, new_gradient):
    """Step along `direction`, shortened while the energy rises; returns the new energy, nan if no length works."""
    length = math.sqrt(_dot(direction, direction))
    factor = min(1.0, MAX_STEP / length)
    for _ in range(MAX_TRIES):
        _combine(x, factor, direction, new_x)
        new_value = _evaluate(new_x, three_body, new_gradient)
        if new_value - value <= MAX_RISE:
            return new_value
        factor /= 10.0
    return math.nan


@njit(cache=True, error_model="numpy")
def _descend(x, three_body):
    """Minimize in place from `x` (9,); returns the final rms gradient."""
    steps, changes, inverses = np.zeros((MEMORY, 9)), np.zeros((MEMORY, 9)), np.zeros(MEMORY)
    gradient, new_gradient, new_x = np.empty(9), np.empty(9), np.empty(9)
    value = _evaluate(x, three_body, gradient)
    pairs, scale, failures = 0, FIRST_SCALE, 0
    for _ in range(MAX_ITERATIONS):
        rms = math.sqrt(_dot(gradient, gradient) / 9.0)
        if rms < TOLERANCE or failures > MAX_FAILURES:
            break
        direction = _direction(gradient, steps, changes, inverses, pairs, scale)
        new_value = _try_step(x, value, direction, three_body, new_x, new_gradient)
        if math.isnan(new_value):
            pairs, scale, failures = 0, FIRST_SCALE, failures + 1
            continue
        i = pairs % MEMORY
        _combine(new_x, -1.0, x, steps[i])
        _combine(new_gradient, -1.0, gradient, changes[i])
        curvature, square = _dot(steps[i], changes[i]), _dot(changes[i], changes[i])
        inverses[i] = 1.0 / curvature if curvature != 0.0 else 1.0
        scale = (curvature if curvature != 0.0 else 1.0) / (square if square != 0.0 else 1.0)
        pairs += 1
        _copy(new_x, x)
        _copy(new_gradient, gradient)
        value = new_value
    return math.sqrt(_dot(gradient, gradient) / 9.0)


@njit(cache=True, error_model="numpy")
def _descend_all(x, three_body):
    rms = np.empty(len(x))
    for row in range(len(x)):
        rms[row] = _descend(x[row], three_body)
    return rms
