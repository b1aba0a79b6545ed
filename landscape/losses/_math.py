"""exp, log and tanh that LLVM can vectorize: no libm call, no branch; accurate for all numbers.

This includes subnormal numbers, zeros, infinities and nan: overflow gives infinity, underflow is gradual, and nan
stays nan, so that a diverged network is visible. Not cached: they are inlined, here and in `dynamics.kernels`.
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

# No reassociation, whatever the caller's flags: it would undo the cancellations of the range reduction.
ORDERED = {"contract", "nsz"}
FAST = {"contract", "nsz", "arcp", "reassoc"}  # of sums over samples; not nnan: a diverged network must be visible

LOG2_E = 1.4426950408889634
# ln 2 in two parts, so that k * LN2_HIGH is exact (Cody and Waite)
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
# adding 1.5 * 2^52 leaves an integer in the low bits of a double: AVX2 cannot convert to int64
MAGIC = 6755399441055744.0
MAGIC_BITS = 0x4338000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
BIASED, BIASED_FLOAT32 = MAGIC + 1023.0, np.float32(12582912.0 + 127.0)  # 1.5 * 2^23: the same of float32
END = 37.66  # of y in e^(-y^2 / 2): 2^-1023, which is no normal number, has the bits of 0
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


@intrinsic
def fused(typing_context, a, b, c):
    """A * b + c, rounded once: an instruction wherever there is one, otherwise a slow function of the C library."""

    def code(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), code


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def half_gaussian(y):
    """e^(-y^2 / 2) for 0 <= y <= `END` in float64 to 2 ulp, and 0 there: y^2 less multiples of ln 2 is rounded once."""
    half = -0.5 * y
    shifted = half * y * LOG2_E + BIASED  # its low bits are the exponent of the power of two
    k = shifted - BIASED
    r = fused(half, y, -k * LN2_HIGH) - k * LN2_LOW  # pyright: ignore[reportCallIssue]
    return (expm1_reduced(r) + 1.0) * np.int64(np.float64(shifted).view(np.int64) << 52).view(np.float64)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def mills_ratio(y):
    """(1 - Phi(y)) / e^(-y^2 / 2) of the normal distribution function Phi, 0 <= y <= 40, in float64 to 2 ulp.

    A ratio of polynomials with positive coefficients, interpolated at Chebyshev nodes of (y - 4) / (y + 4).
    """
    p = 1.3993048118643565e-06
    p = p * y + 3.757916535870989e-05
    p = p * y + 4.941506706428816e-4
    p = p * y + 4.115983017212425e-3
    p = p * y + 2.3751350888201746e-2
    p = p * y + 9.81308959658345e-2
    p = p * y + 2.903132931433541e-1
    p = p * y + 5.954446719693803e-1
    p = p * y + 7.758577209030002e-1
    p = p * y + 0.5
    q = 3.5075370062550256e-06
    q = q * y + 9.419699842335464e-05
    q = q * y + 1.2421595801411335e-3
    q = q * y + 1.0411436397331716e-2
    q = q * y + 6.076744505109421e-2
    q = q * y + 2.561065130662715e-1
    q = q * y + 7.848013162542371e-1
    q = q * y + 1.718839864814702
    q = q * y + 2.5655989100829704
    q = q * y + 2.349600002608859
    q = q * y + 1.0
    return p / q


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def log1p_ratio(s):
    """log((1 + s) / (1 - s)) for 0 <= s <= 1/3 in float64 to 2 ulp: interpolated at Chebyshev nodes of s^2."""
    w = s * s
    p = 8.082022805971766e-02
    p = p * w + 4.400369243072337e-02
    p = p * w + 6.000536404795356e-02
    p = p * w + 6.657072104827468e-02
    p = p * w + 7.692785032479312e-02
    p = p * w + 9.090894718066429e-02
    p = p * w + 1.1111111358713932e-01
    p = p * w + 1.428571428355438e-01
    p = p * w + 2.0000000000007292e-01
    p = p * w + 3.333333333333333e-01
    s = s + s
    return s + s * (p * w)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def half_gaussian_float32(y):
    """e^(-y^2 / 2) for 0 <= y <= 13 in float32 to 3 + y^2 / 2 ulp.

    Unlike `half_gaussian` it rounds y^2, which costs digits in the tail and saves a tenth of a step of SGD. Of (e^r - 1
    - r) / r^2 this is the polynomial with the least largest error, 3e-9.
    """
    x = np.float32(-0.5) * y * y
    shifted = x * np.float32(LOG2_E) + BIASED_FLOAT32
    k = shifted - BIASED_FLOAT32
    r = x - k * np.float32(0.693359375)
    r = r - k * np.float32(-2.12194440e-4)
    p = np.float32(1.38144839945e-3)
    p = p * r + np.float32(8.36878037785e-3)
    p = p * r + np.float32(4.16683939831e-2)
    p = p * r + np.float32(1.66665201079e-1)
    p = p * r + np.float32(4.9999993413e-1)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    return p * np.int32(np.float32(shifted).view(np.int32) << np.int32(23)).view(np.float32)


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def mills_ratio_float32(y):
    """As `mills_ratio`, 0 <= y <= 15, in float32 to 3 ulp."""
    p = np.float32(0.003893820336088538)
    p = p * y + np.float32(0.039197832345962524)
    p = p * y + np.float32(0.17908461391925812)
    p = p * y + np.float32(0.4328705370426178)
    p = p * y + np.float32(0.5)
    q = np.float32(0.009760216809809208)
    q = q * y + np.float32(0.0982619896531105)
    q = q * y + np.float32(0.4584865868091583)
    q = q * y + np.float32(1.1855483055114746)
    q = q * y + np.float32(1.6636258363723755)
    q = q * y + np.float32(1.0)
    return p / q


@njit(forceinline=True, fastmath=ORDERED, error_model="numpy")
def log1p_ratio_float32(s):
    """As `log1p_ratio` in float32."""
    w = s * s
    p = np.float32(0.11612164612011674)
    p = p * w + np.float32(0.10853287900440187)
    p = p * w + np.float32(0.14296178997151418)
    p = p * w + np.float32(0.1999985316596486)
    p = p * w + np.float32(0.3333333366026371)
    s = s + s
    return s + s * (p * w)
