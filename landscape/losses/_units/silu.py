"""Sigmoid linear unit z / (1 + e^-z), also called swish."""

import numpy as np

from landscape.losses._math import FAST, ORDERED, exp, exp_float32
from landscape.support import njit

KEEPS, BENDS = True, True


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """The activation z p and its two derivatives, with p the logistic function: p + z p' and p' (2 + z (1 - 2 p))."""
    e = exp(-abs(z))
    p = 1.0 / (1.0 + e)
    rest = e * p
    rise = rest * p
    p, rest = (rest, p) if z < 0.0 else (p, rest)
    y = max(z, -750.0)  # where p is zero, and infinity times zero would be nan
    near = min(y, 750.0)
    return y * p, p + near * rise, rise * (2.0 + near * (rest - p))


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """The activation and its slope in float32."""
    e = exp_float32(-abs(z))
    p = np.float32(1.0) / (np.float32(1.0) + e)
    rest = e * p
    rise = rest * p
    p = rest if z < np.float32(0.0) else p
    y = max(z, np.float32(-110.0))
    return y * p, p + min(y, np.float32(110.0)) * rise


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative, which the kernels keep."""
    return kept


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Not used: the kernels keep the second derivative."""
    return 0.0
