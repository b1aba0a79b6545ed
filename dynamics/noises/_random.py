"""Counter-based random numbers of the kernels: every number is a function of (key, purpose, step, counter) alone.

A run can therefore continue from any step, and other runs do not affect it.
"""

import numpy as np
from numba import njit

# Purposes of streams that one step uses at the same time.
NOISE, LABELS = 1, 2


@njit(forceinline=True)
def hash64(z):
    """Bijective mixing of 64 bits. Source: Steele, Lea and Flood, OOPSLA 2014 (SplitMix64)."""
    z = np.uint64(z)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit
def shuffle(order, key, epoch):
    """Write the permutation of 0 ... N - 1 for (key, epoch) into `order` (N,) int32.

    Fisher-Yates, inside out, with a counter-based generator: the numbers are hashes of (key, epoch, counter), so that
    a run can start at any epoch without the earlier ones. One hash gives two rows; no row is favored by more than N /
    2^32.
    """
    stream = hash64(np.uint64(key) ^ hash64(np.uint64(epoch) + np.uint64(1)))
    for k in range(order.size):
        word = hash64(stream + np.uint64(k // 2) * np.uint64(0x9E3779B97F4A7C15))
        half = word >> np.uint64(32) if k % 2 == 0 else word & np.uint64(0xFFFFFFFF)
        j = (half * np.uint64(k + 1)) >> np.uint64(32)
        order[k] = order[j]
        order[j] = k


@njit
def stream(key, purpose, step):
    """Begin the stream of one purpose and step: a uint64 for `word`, `uniform` and `normals`."""
    return hash64(hash64(hash64(np.uint64(key)) + np.uint64(purpose)) ^ hash64(np.uint64(step) + np.uint64(1)))


@njit(forceinline=True)
def word(words, k):
    """The k-th 64 bits of a stream (SplitMix64)."""
    return hash64(np.uint64(words) + np.uint64(k) * np.uint64(0x9E3779B97F4A7C15))


@njit(forceinline=True)
def uniform(words, k):
    """The k-th number of a stream, uniform on the 2^52 centers of equal parts of (0, 1): neither 0 nor 1."""
    return (np.float64(np.int64(word(words, k) >> np.uint64(12))) + 0.5) * 2.0**-52


@njit(forceinline=True)
def middle_quantile(q):
    """Quantile of the standard normal distribution at 1/2 + q, |q| <= 0.425."""
    r = 0.180625 - q * q
    p = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
    p = p * r + 6.7265770927008700853e4
    p = p * r + 4.5921953931549871457e4
    p = p * r + 1.3731693765509461125e4
    p = p * r + 1.9715909503065514427e3
    p = p * r + 1.3314166789178437745e2
    p = p * r + 3.3871328727963666080e0
    d = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
    d = d * r + 3.9307895800092710610e4
    d = d * r + 2.1213794301586595867e4
    d = d * r + 5.3941960214247511077e3
    d = d * r + 6.8718700749205790830e2
    d = d * r + 4.2313330701600911252e1
    return q * p / (d * r + 1.0)


@njit
def outer_quantile(q):
    """Quantile of the standard normal distribution at 1/2 + q, 0.425 < |q| < 1/2."""
    r = np.sqrt(-np.log(0.5 - abs(q)))
    if r <= 5.0:
        r -= 1.6
        p = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        p = p * r + 2.41780725177450611770e-1
        p = p * r + 1.27045825245236838258e0
        p = p * r + 3.64784832476320460504e0
        p = p * r + 5.76949722146069140550e0
        p = p * r + 4.63033784615654529590e0
        p = p * r + 1.42343711074968357734e0
        d = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        d = d * r + 1.51986665636164571966e-2
        d = d * r + 1.48103976427480074590e-1
        d = d * r + 6.89767334985100004550e-1
        d = d * r + 1.67638483018380384940e0
        d = d * r + 2.05319162663775882187e0
    else:
        r -= 5.0
        p = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        p = p * r + 1.24266094738807843860e-3
        p = p * r + 2.65321895265761230930e-2
        p = p * r + 2.96560571828504891230e-1
        p = p * r + 1.78482653991729133580e0
        p = p * r + 5.46378491116411436990e0
        p = p * r + 6.65790464350110377720e0
        d = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        d = d * r + 1.84631831751005468180e-5
        d = d * r + 7.86869131145613259100e-4
        d = d * r + 1.48753612908506148525e-2
        d = d * r + 1.36929880922735805310e-1
        d = d * r + 5.99832206555887937690e-1
    return np.copysign(p / (d * r + 1.0), q)


@njit
def normals(out, words):
    """Fill `out` with independent standard normal numbers: the quantiles of the uniform numbers of a stream.

    Source: Wichura, Applied Statistics 37, 477 (1988), algorithm AS 241 (PPND16); relative error 1e-16. The tails, 15
    % of the numbers, are computed in a second pass, so that the first has no branch and vectorizes.
    """
    for k in range(out.size):
        out[k] = middle_quantile(uniform(words, k) - 0.5)
    for k in range(out.size):
        q = uniform(words, k) - 0.5
        if abs(q) > 0.425:
            out[k] = outer_quantile(q)


@njit
def mislabel(work, label_row, count, words, first, probability, n_classes):
    """Replace each of `count` labels with this probability by one of the other classes, all equally likely.

    Label b of the workspace uses number first + b of the stream `words`; given that it is below `probability`, their
    ratio is uniform again and chooses the class.
    """
    for b in range(count):
        u = uniform(words, first + b)
        if u < probability:
            label = int(work[label_row + b]) + 1 + min(int(u / probability * (n_classes - 1)), n_classes - 2)
            work[label_row + b] = label - n_classes if label >= n_classes else label
