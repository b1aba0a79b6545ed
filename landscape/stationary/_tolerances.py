"""When two stationary points are the same, and when two losses are equal: all tolerances and their reasons.

The position of a point with gradient g and softest eigenvalue l is known to within

    e = |g| / l  +  sqrt(2 d / l)  +  sqrt(2 u) |theta|.

The first term is the largest length of Newton's step. The second is the distance along the softest mode at which the
loss rises by its own resolution d = 1e-12 |loss|, so that losses cannot distinguish the two positions. The third is
half of the digits of the coordinates (u = 2^-53). By the theorem of Newton and Kantorovich (Ciarlet and Mardare,
Analysis and Applications 10, 249, 2012) the exact point is within twice the length of Newton's step wherever that step
can be trusted, which quenches and searches for transition states check (`landscape.descent`). So two points are the
same if their distance after alignment is below

    2 (e_a + e_b),

and two distinct points that losses can distinguish are never that close: between two minima of softest curvature l, a
distance s apart, a quartic rises by l s^2 / 32. The terms scale with the lengths and losses of the landscape. Derived
here; tested by test_identity.py.

A point whose softest eigenvalue is within rounding has no l. Such points no longer enter a database; those in older
files, and points that did not converge, are the same if they are closer than 10 % of the mean of their norms.

Losses are only the first filter, so their tolerance may be wide: 1e-9 of each loss; the rounding of terms as large as
the largest curvature times |theta|^2, for minima whose loss is about zero; and the rise that a gradient within its
tolerance allows.
"""

from typing import NamedTuple

import numpy as np

from landscape.losses import UNIT

GRADIENT_TOLERANCE = 1e-10  # rms gradient of a stationary point
VALUE_TOLERANCE = 1e-9  # between two losses of one point, relative to the sum of their magnitudes
VALUE_RESOLUTION = 1e-12  # relative to a loss: change due to another order of summation, with a margin
VALUE_NOISE = 2e-13  # relative to a loss: a smaller predicted change is invisible
LARGEST_SHARE = 0.1  # relative to the mean norm of two points: a larger error leaves the position unknown
MARGIN = 2.0  # the exact point is within this many times the length of Newton's step
HALF_THE_DIGITS = float(np.sqrt(2.0 * UNIT))
TINY = 1e-140  # its square is a normal number: equal points are the same


class Known(NamedTuple):
    """The parts of a certificate that tolerances depend on."""

    value: float
    gradient: float  # Euclidean norm
    softest: float  # eigenvalue, magnitude; 0 where it is within rounding
    largest: float  # eigenvalue, magnitude
    norm: float  # |theta|
    size: int  # P


def value_tolerance(known: Known) -> float:
    """Largest error, in nats, of the loss of a point that a quench found; add those of both points to compare two."""
    terms = 4.0 * UNIT * known.largest * known.norm**2
    allowed = known.size * GRADIENT_TOLERANCE**2 / known.softest if known.softest > 0.0 else 0.0
    return VALUE_TOLERANCE * abs(known.value) + terms + allowed


def distance_tolerance(a: Known, b: Known) -> float:
    """Distance after alignment below which two points are the same."""
    errors = np.array([_errors(a), _errors(b)])
    resolved = MARGIN * errors[:, 1:].sum()
    largest = LARGEST_SHARE * 0.5 * (a.norm + b.norm)
    return max(min(MARGIN * errors.sum(), max(largest, resolved)), TINY)


def _errors(known: Known) -> tuple[float, float, float]:
    """The three terms of e."""
    digits = HALF_THE_DIGITS * known.norm
    if known.softest == 0.0:
        return np.inf, 0.0, digits
    resolution = np.sqrt(2.0 * VALUE_RESOLUTION * abs(known.value) / known.softest)
    return known.gradient / known.softest, float(resolution), digits


def value_noise(value: float, largest: float, norm: float) -> float:
    """Largest change of a loss, in nats, that rounding makes invisible.

    For a loss that cancels to about zero its terms decide: those of a quadratic, `largest` curvature times |theta|^2.
    """
    return max(VALUE_NOISE * abs(value), 0.25 * UNIT * largest * norm**2)
