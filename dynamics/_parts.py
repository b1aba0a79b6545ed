"""The hand-written compiled pieces of the kernels.

`_codegen` copies the text of this file to the head of every kernel it generates, so that a kernel is one
self-contained source: its digest changes when anything in it changes, and numba's cache, which does not follow
imports, can never serve a stale one. Import nothing here but numpy and numba.
"""

import numpy as np
from numba import njit

# Sums may be reordered (else nothing vectorizes), but infinities and NaNs keep their meaning: divergence is detected.
FAST = {"reassoc", "contract", "arcp", "nsz"}
# The range reduction of the exponentials is a cancellation that reordering would undo.
ORDERED = {"contract", "nsz"}


@njit(forceinline=True, fastmath=ORDERED)
def exp_float32(x):
    """Exponential to 2 ulp. Source: Cephes, expf; the power of two is put together from its bits."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    z = np.floor(x * np.float32(1.44269504088896341) + np.float32(0.5))
    r = x - z * np.float32(0.693359375)
    r = r - z * np.float32(-2.12194440e-4)
    y = np.float32(1.9875691500e-4)
    y = y * r + np.float32(1.3981999507e-3)
    y = y * r + np.float32(8.3334519073e-3)
    y = y * r + np.float32(4.1665795894e-2)
    y = y * r + np.float32(1.6666665459e-1)
    y = y * r + np.float32(5.0000001201e-1)
    y = y * r * r + r + np.float32(1.0)
    power = (np.int32(z) + np.int32(127)) << np.int32(23)
    return y * np.int32(power).view(np.float32)


@njit(forceinline=True, fastmath=ORDERED)
def tanh_float32(x):
    """Hyperbolic tangent to a few ulp: a rational function. Source: Eigen, generic_fast_tanh_float."""
    x = min(max(x, np.float32(-7.90531)), np.float32(7.90531))
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


@njit(forceinline=True, fastmath=ORDERED)
def exp_float64(x):
    """Exponential to 1e-15: Taylor's polynomial of degree 13 on |r| <= ln(2) / 2, after Cephes' range reduction."""
    x = min(max(x, -708.0), 709.0)
    z = np.floor(x * 1.4426950408889634 + 0.5)
    r = x - z * 6.93145751953125e-1
    r = r - z * 1.42860682030941723212e-6
    y = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0
    y = y * r + 1.0 / 39916800.0
    y = y * r + 1.0 / 3628800.0
    y = y * r + 1.0 / 362880.0
    y = y * r + 1.0 / 40320.0
    y = y * r + 1.0 / 5040.0
    y = y * r + 1.0 / 720.0
    y = y * r + 1.0 / 120.0
    y = y * r + 1.0 / 24.0
    y = y * r + 1.0 / 6.0
    y = y * r + 0.5
    y = y * r + 1.0
    y = y * r + 1.0
    # 1.5 * 2^52 leaves the integer z in the low bits: AVX2 has no conversion from float64 to int64
    power = (np.float64(z + 6755399441055744.0).view(np.int64) - 0x4338000000000000 + 1023) << 52
    return y * np.int64(power).view(np.float64)


@njit(forceinline=True, fastmath=ORDERED)
def tanh_float64(x):
    """Hyperbolic tangent to an absolute error of 3e-16."""
    x = min(max(x, -20.0), 20.0)
    return 1.0 - 2.0 / (exp_float64(x + x) + 1.0)


@njit(forceinline=True, fastmath=FAST)
def gather(work, inputs, labels, order, start, count, n_inputs, label_row, tile):
    """Copy rows `order[start : start + count]` of the data into columns of the workspace."""
    for b in range(count):
        n = order[start + b]
        for d in range(n_inputs):
            work[d * tile + b] = inputs[n, d]
        work[label_row + b] = labels[n]
