"""Effective temperature of the noise of SGD."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def effective_temperatures(mode_noise: ArrayLike, learning_rate: float, minibatch_factor: float) -> NDArray[np.float64]:
    """Effective temperature of every mode of the Hessian, in nats: T_i = eta C_ii / 2.

    C_ii is the variance of the minibatch gradient along mode i: `minibatch_factor` times `mode_noise`.

    In a quadratic well, theta_i <- theta_i - eta (h_i theta_i + noise) is stationary if h_i <theta_i^2> (1 - eta h_i /
    2) = eta C_ii / 2; for eta h_i << 1 the left side is twice the mean energy of the mode, so that equipartition, <h_i
    theta_i^2> = T_i, defines a temperature. Summed over the modes it is the fluctuation-dissipation relation <theta .
    grad f> = eta Tr(C) / 2 (compare Yaida, arXiv 1810.00004); modes at different temperatures are out of equilibrium
    with each other. Derived here; tested by test_gradient_noise.py.

    It is the strength of the noise in units of energy and does not imply equilibrium: while the runs drift, and along
    modes of negative curvature, there is no stationary state.

    Parameters
    ----------
    mode_noise : (..., M)
        As in `NoiseAlignment`.
    learning_rate : float
        eta.
    minibatch_factor : float
        Result of `dynamics.gradient_noise.minibatch_factor`.
    """
    return 0.5 * learning_rate * minibatch_factor * np.asarray(mode_noise, dtype=np.float64)
