"""Rectified linear unit max(z, 0): with a kink at zero, where the derivatives are those from the left."""

import numpy as np

from landscape.losses._math import FAST, ORDERED
from landscape.support import njit

KEEPS, BENDS = False, False


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """The larger of z and 0; no derivatives are kept."""
    a = 0.0 if z < 0.0 else z
    return a, a, a


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """The larger of z and 0, and the slope, in float32."""
    a = np.float32(0.0) if z < np.float32(0.0) else z
    return a, np.float32(1.0) if z > np.float32(0.0) else np.float32(0.0)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative from the activation."""
    return 1.0 if a > 0.0 else 0.0


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Minus the ratio of the second to the first derivative, from the activation."""
    return 0.0
