"""Softplus log(1 + e^z)."""

import numpy as np

from landscape.losses._math import FAST, ORDERED, exp, exp_float32, log1p_ratio, log1p_ratio_float32
from landscape.support import njit

KEEPS, BENDS = True, True


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """Softplus and its two derivatives: the logistic function p and p (1 - p)."""
    e = exp(-abs(z))
    one, two = 1.0 + e, 2.0 + e
    r = 1.0 / (one * two)
    p = two * r
    a = max(z, 0.0) + log1p_ratio(e * (one * r))
    rest = e * p
    return a, rest if z < 0.0 else p, rest * p


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """Softplus and its slope in float32."""
    e = exp_float32(-abs(z))
    one, two = np.float32(1.0) + e, np.float32(2.0) + e
    r = np.float32(1.0) / (one * two)
    p = two * r
    a = max(z, np.float32(0.0)) + log1p_ratio_float32(e * (one * r))
    return a, e * p if z < np.float32(0.0) else p


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative, which the kernels keep."""
    return kept


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Not used: the kernels keep the second derivative."""
    return 0.0
