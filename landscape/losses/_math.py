"""exp, log and tanh that LLVM can vectorize: no libm call, no branch; accurate for all numbers.

This includes subnormal numbers, zeros, infinities and nan: overflow gives infinity, underflow is gradual, and nan
stays nan, so that a diverged network is visible. Not cached: they are inlined, here and in `dynamics.kernels`.
"""

import numpy as np
from numba import njit

# No reassociation, whatever the caller's flags: it would undo the cancellations of the range reduction.
ORDERED = {"contract", "nsz"}

LOG2_E = 1.4426950408889634
# ln 2 in two parts, so that k * LN2_HIGH is exact (Cody and Waite)
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
# adding 1.5 * 2^52 leaves an integer in the low bits of a double: AVX2 cannot convert to int64
MAGIC = 6755399441055744.0
MAGIC_BITS = 0x4338000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
SMALLEST_NORMAL = 2.2250738585072014e-308


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def power_of_two(k):
    """2^k of a whole number k in [-1022, 1023]."""
    bits = (np.float64(k + MAGIC).view(np.int64) - MAGIC_BITS + 1023) << 52
    return np.int64(bits).view(np.float64)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def expm1_reduced(r):
    """e^r - 1 for |r| < 0.3467 to 4e-17 before rounding: (e^r - 1 - r) / r^2 interpolated at ten Chebyshev nodes."""
    p = 2.5100424157005067e-08
    p = p * r + 2.7620138719733994e-07
    p = p * r + 2.7557268378684192e-06
    p = p * r + 2.480152119021773e-05
    p = p * r + 1.9841269863105968e-04
    p = p * r + 1.3888888917281794e-03
    p = p * r + 8.333333333330051e-03
    p = p * r + 4.166666666662399e-02
    p = p * r + 1.6666666666666669e-01
    p = p * r + 5.000000000000001e-01
    p = p * r + 1.0
    return p * r


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def exp(x):
    """e^x in float64 to 2 ulp."""
    x = min(max(x, -746.0), 710.0)  # beyond, 0 and infinity
    k = np.floor(x * LOG2_E + 0.5)
    r = x - k * LN2_HIGH
    r = r - k * LN2_LOW
    high = max(k, -1021.0)  # in two factors: 2^k itself may not be a normal number
    return (expm1_reduced(r) + 1.0) * power_of_two(high - 1.0) * power_of_two(k - high + 1.0)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def tanh(x):
    """Hyperbolic tangent in float64 to 3 ulp, 1 and -1 where that is nearest; odd to the last bit.

    (e^2x - 1) / (e^2x + 1), where e^2x - 1 keeps its digits for small x.
    """
    y = min(abs(x), 20.0)
    y = y + y
    k = np.floor(y * LOG2_E + 0.5)
    r = y - k * LN2_HIGH
    r = r - k * LN2_LOW
    power = power_of_two(k)
    rise = expm1_reduced(r) * power + (power - 1.0)
    t = rise / (rise + 2.0)
    return np.copysign(t, x)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def log(x):
    """Natural logarithm in float64 to 1 ulp.

    fdlibm's e_log.c: x = 2^k m with m in [sqrt(1/2), sqrt(2)), and a polynomial in s = (m - 1) / (m + 1).
    """
    tiny = x < SMALLEST_NORMAL
    bits = np.float64(x * 18014398509481984.0 if tiny else x).view(np.int64)  # 2^54
    # of the difference to the bits of sqrt(1/2), the upper twelve are k and the lower ones the mantissa
    shifted = bits - SQRT_HALF_BITS
    exponent = shifted >> 52
    m = np.int64(bits - (exponent << 52)).view(np.float64)
    k = np.float64(exponent) - (54.0 if tiny else 0.0)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 1.479819860511658591e-01
    p = p * z + 1.531383769920937332e-01
    p = p * z + 1.818357216161805012e-01
    p = p * z + 2.222219843214978396e-01
    p = p * z + 2.857142874366239149e-01
    p = p * z + 3.999999999940941908e-01
    p = p * z + 6.666666666666735130e-01
    half = 0.5 * f * f
    y = k * LN2_HIGH + (f - (half - (s * (half + p * z) + k * LN2_LOW)))
    y = y if x < np.inf else x  # infinity and nan
    y = y if x != 0.0 else -np.inf
    return np.nan if x < 0.0 else y


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def exp_float32(x):
    """e^x in float32 to 2 ulp. Source: Cephes, expf; the power of two is assembled from its bits."""
    x = min(max(x, np.float32(-104.0)), np.float32(89.0))  # beyond, 0 and infinity
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
    k = np.int32(z)
    high = max(k, np.int32(-125))  # in two factors: 2^k itself may not be a normal number
    first, second = (high + np.int32(126)) << np.int32(23), (k - high + np.int32(128)) << np.int32(23)
    return y * np.int32(first).view(np.float32) * np.int32(second).view(np.float32)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def tanh_float32(x):
    """Hyperbolic tangent in float32 to 6 ulp, 1 and -1 from |x| = 8 on: a rational function.

    Source: Eigen, generic_fast_tanh_float, with the coefficients times 2^8 (an exact operation) for subnormal x.
    From 8 on tanh is within 4 ulp of 1, and this function would exceed 1.
    """
    s = x * x
    p = np.float32(-2.76076847742355e-16 * 256)
    p = p * s + np.float32(2.00018790482477e-13 * 256)
    p = p * s + np.float32(-8.60467152213735e-11 * 256)
    p = p * s + np.float32(5.12229709037114e-08 * 256)
    p = p * s + np.float32(1.48572235717979e-05 * 256)
    p = p * s + np.float32(6.37261928875436e-04 * 256)
    p = p * s + np.float32(4.89352455891786e-03 * 256)
    q = np.float32(1.19825839466702e-06 * 256)
    q = q * s + np.float32(1.18534705686654e-04 * 256)
    q = q * s + np.float32(2.26843463243900e-03 * 256)
    q = q * s + np.float32(4.89352518554385e-03 * 256)
    t = x * p / q
    return np.copysign(np.float32(1.0), x) if abs(x) >= np.float32(8.0) else t
