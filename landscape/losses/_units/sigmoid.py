"""Logistic function 1 / (1 + e^-z)."""

import numpy as np

from landscape.losses._math import FAST, ORDERED, exp, exp_float32
from landscape.support import njit

KEEPS, BENDS = False, True


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """The logistic function; no derivatives are kept."""
    e = exp(-abs(z))
    p = 1.0 / (1.0 + e)
    a = e * p if z < 0.0 else p
    return a, a, a


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """The logistic function and its slope in float32."""
    e = exp_float32(-abs(z))
    p = np.float32(1.0) / (np.float32(1.0) + e)
    a = e * p if z < np.float32(0.0) else p
    return a, e * p * p


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative from the activation."""
    return a * (1.0 - a)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Minus the ratio of the second to the first derivative, from the activation."""
    return 2.0 * a - 1.0
