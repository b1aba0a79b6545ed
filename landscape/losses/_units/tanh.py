"""Hyperbolic tangent."""

import numpy as np

from landscape.losses._math import FAST, ORDERED, tanh, tanh_float32
from landscape.support import njit

KEEPS, BENDS = False, True


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """Tanh z; no derivatives are kept."""
    a = tanh(z)
    return a, a, a


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """Tanh z and its slope in float32."""
    a = tanh_float32(z)
    return a, np.float32(1.0) - a * a


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative from the activation."""
    return 1.0 - a * a


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Minus the ratio of the second to the first derivative, from the activation."""
    return 2.0 * a
