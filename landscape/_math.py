"""exp, log and tanh in float64 that LLVM can vectorise: no libm call, no branch."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LOG2_E = 1.4426950408889634
# ln 2 in two parts, so that k * LN2_HIGH is exact (Cody and Waite)
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
# adding and subtracting 1.5 * 2^52 leaves an integer in the low bits of a double: AVX2 cannot convert to int64
MAGIC = 6755399441055744.0
MAGIC_BITS = 0x4338000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


@intrinsic
def _bits_to_double(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def _double_to_bits(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@njit(inline="always")
def exp(x: float) -> float:
    """e^x; x is clipped to +-700.

    To 2 ulp by itself; the kernels' reassociation merges the two parts of ln 2, which leaves 6 ulp for
    |x| < 20 and 211 ulp at 700.
    """
    x = min(max(x, -700.0), 700.0)
    k = np.floor(x * LOG2_E + 0.5)
    r = x - k * LN2_HIGH
    r = r - k * LN2_LOW
    # Taylor to degree 13: |r| < 0.347 leaves 4e-18
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    exponent = _double_to_bits(k + MAGIC) - np.int64(MAGIC_BITS)  # pyright: ignore[reportCallIssue]
    return p * _bits_to_double((exponent + np.int64(1023)) << np.int64(52))  # pyright: ignore[reportCallIssue]


@njit(inline="always")
def log(x: float) -> float:
    """Natural logarithm of a normal x > 0, to 2 ulp (4 with reassociation); nan for infinity and nan.

    fdlibm's e_log.c: x = 2^k m with m in [sqrt(1/2), sqrt(2)), and a polynomial in s = (m - 1) / (m + 1).
    """
    bits = _double_to_bits(x)  # pyright: ignore[reportCallIssue]
    # the distance of the bits to those of sqrt(1/2) is k in its upper twelve, and its lower ones are the mantissa's
    shifted = bits - np.int64(SQRT_HALF_BITS)
    exponent = shifted >> np.int64(52)
    m = _bits_to_double(bits - (exponent << np.int64(52)))  # pyright: ignore[reportCallIssue]
    k = np.float64(exponent)  # not by MAGIC: the kernels' reassociation would multiply MAGIC by ln 2 first
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
    return k * LN2_HIGH + (f - (half - (s * (half + p * z) + k * LN2_LOW))) + 0.0 * x


@njit(inline="always")
def tanh(x: float) -> float:
    """Hyperbolic tangent, absolute error below 3e-16."""
    return 1.0 - 2.0 / (exp(2.0 * x) + 1.0)
