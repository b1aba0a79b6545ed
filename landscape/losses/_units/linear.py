"""No activation: deep linear networks."""

import numpy as np

from landscape.losses._math import FAST, ORDERED
from landscape.support import njit

KEEPS, BENDS = False, False


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """Nothing but z."""
    return z, z, z


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """Nothing but z, and the slope, in float32."""
    return z, np.float32(1.0)


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative from the activation."""
    return 1.0


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Minus the ratio of the second to the first derivative, from the activation."""
    return 0.0
