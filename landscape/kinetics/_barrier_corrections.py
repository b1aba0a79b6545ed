"""The next order of Kramers-Langer rates in temperature over barrier, from third and fourth derivatives of the loss.

The rate of overdamped escape is a capacity at the transition state over a partition function of the minimum. Each is a
Gaussian integral times 1 + c T + O(T^2), so

    k = k_0 (1 + (c_b - c_i) T + ...).

With C and D the third and fourth derivatives along the eigenvectors of the Hessian, l = |eigenvalues|, s_a =
sum_b C_abb / l_b and x the unstable mode,

    c_i = 1/12 sum C_abc^2 / (l_a l_b l_c) + 1/8 sum s_a^2 / l_a - 1/8 sum D_aabb / (l_a l_b),

and c_b is the same expression at the transition state, minus 1/2 sum C_xab^2 / (l_a l_b (l_a + l_b + l_x)) + s_x^2 /
(4 l_x): the first two terms that bend the dividing surface, from which half of the runs go either way.

Derived here, by second-order perturbation of the variational principle for the capacity (the Dirichlet form). Tested
by test_barrier_corrections.py against the exact first-passage time in one dimension, where Edholm and Leimar, Physica
A 98, 313 (1979), treat the same expansion, and against the spectrum of the generator in two.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.losses import Loss
from landscape.stationary import local_model

Floats = NDArray[np.float64]

STEP = 5e-3  # step of the differences of Hessians


def anharmonic_coefficient(loss: Loss, point: ArrayLike, *, step: float = STEP) -> float:
    """The coefficient c (per nat) of 1 + c T in a minimum's partition function or a transition state's capacity.

    Multiply a rate by 1 + (c of the transition state - c of the minimum) T, which is valid if the correction is small.
    It costs two Hessians per parameter. Zero modes of the loss are left out.

    Parameters
    ----------
    loss : Loss
    point : (P,) array
        A minimum or a transition state.
    step : float
        Step of the differences of Hessians.

    Raises
    ------
    ValueError
        If the point has more than one negative eigenvalue.
    """
    model = local_model(loss, np.array(point, dtype=np.float64))
    kept = ~model.zero
    values, modes = model.eigenvalues[kept], model.eigenvectors[:, kept]
    if model.index > 1:
        msg = f"point must be a minimum or a transition state; it has {model.index} negative eigenvalues"
        raise ValueError(msg)
    third, fourth = _derivatives(loss, model.point, modes, values, step)
    c = _well(third, fourth, np.abs(values))
    return c - _bending(third[0], np.abs(values)) if model.index else c


def _derivatives(loss: Loss, point: Floats, modes: Floats, values: Floats, step: float) -> tuple[Floats, Floats]:
    """Third derivatives (m, m, m), and fourth ones D_aabb (m, m), along the modes."""
    third, fourth = np.empty((values.size,) * 3), np.empty((values.size,) * 2)
    for a, mode in enumerate(modes.T):
        plus, minus = (
            modes.T @ loss.value_gradient_hessian(point + sign * step * mode)[2] @ modes for sign in (1.0, -1.0)
        )
        third[a] = (plus - minus) / (2.0 * step)
        fourth[a] = (np.diag(plus) + np.diag(minus) - 2.0 * values) / step**2
    return third, fourth


def _well(third: Floats, fourth: Floats, curvature: Floats) -> float:
    """<c^2> / 2 - <d> of the cubic c and quartic d parts of the loss, over the Gaussian with these curvatures."""
    inverse = 1.0 / curvature
    cubes = np.einsum("abc,a,b,c->", third**2, inverse, inverse, inverse)
    traces = np.einsum("abb,b->a", third, inverse)
    return float(cubes / 12.0 + (traces**2 * inverse).sum() / 8.0 - inverse @ fourth @ inverse / 8.0)


def _bending(along: Floats, curvature: Floats) -> float:
    """Reduction of the capacity by bending the dividing surface; `along` (m, m): derivatives C_xab."""
    unstable, inverse = curvature[0], 1.0 / curvature
    sums = curvature[:, None] + curvature + unstable
    pairs = (along**2 * np.outer(inverse, inverse) / sums).sum() / 2.0
    return float(pairs + (np.diag(along) @ inverse) ** 2 / (4.0 * unstable))
