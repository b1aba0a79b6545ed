"""Gaussian error linear unit z Phi(z): the exact form with the normal distribution function, not that with tanh."""

import numpy as np

from landscape.losses._math import (
    END,
    FAST,
    ORDERED,
    half_gaussian,
    half_gaussian_float32,
    mills_ratio,
    mills_ratio_float32,
)
from landscape.support import njit

KEEPS, BENDS = True, True
DENSITY = 0.3989422804014327  # 1 / sqrt(2 pi)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate(z):
    """The activation and its two derivatives, with phi the density: Phi + z phi and phi (2 - z^2)."""
    y = min(abs(z), END)  # where phi is zero
    e = half_gaussian(y)
    tail = e * mills_ratio(y)
    density = DENSITY * e
    d = tail - y * density
    return max(z, 0.0) - y * tail, d if z < 0.0 else 1.0 - d, density * (2.0 - y * y)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def activate_float32(z):
    """The activation and its slope in float32."""
    y = min(abs(z), np.float32(13.0))  # where phi is below 1e-37
    e = half_gaussian_float32(y)
    tail = e * mills_ratio_float32(y)
    d = tail - y * (np.float32(DENSITY) * e)
    return max(z, np.float32(0.0)) - y * tail, d if z < np.float32(0.0) else np.float32(1.0) - d


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def slope(a, kept):
    """First derivative, which the kernels keep."""
    return kept


@njit(forceinline=True, fastmath=FAST, error_model="numpy")
def fall(a):
    """Not used: the kernels keep the second derivative."""
    return 0.0
