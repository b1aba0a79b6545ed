"""When two stationary points are one, and when two losses are equal: all tolerances and their reasons.

A point with gradient g and softest eigenvalue l is known, as a position, to

    e = |g| / l  +  sqrt(2 d / l)  +  sqrt(2 u) |theta|.

The first term is the length that Newton's step may have; the second the distance at which the loss has risen by its
own resolution d = 1e-12 |loss| along the softest mode, so that nothing that is computed from losses tells the two
positions apart; the third half of the digits of the coordinates (u = 2^-53). By the theorem of Newton and Kantorovich
(Ciarlet and Mardare, Analysis and Applications 10, 249, 2012) the exact point lies within twice the length of Newton's
step wherever that step is to be trusted, which quenches and searches for transition states check
(`landscape.descent`). So two points are one where their distance after alignment is below

    2 (e_a + e_b),

and no two distinct ones that losses can tell apart are that close: between two minima of softest curvature l, a
distance s apart, a quartic rises by l s^2 / 32. The terms scale with the landscape, its lengths and its losses.

A point whose softest eigenvalue is within rounding has no l. Such do not enter a database any more; those of older
files, and points that did not converge, must be closer than 10 % of the mean of their norms to be one.

Losses are only the first filter, so theirs may be wide: 1e-9 of each loss; what rounding makes of terms as large as the
largest curvature times |theta|^2, for minima whose loss is about zero; and the rise that a gradient of the tolerance
allows.
"""

from typing import NamedTuple

import numpy as np

from landscape.losses import UNIT

GRADIENT_TOLERANCE = 1e-10  # rms gradient of a stationary point
VALUE_TOLERANCE = 1e-9  # between two losses of one point, of the sum of their magnitudes
VALUE_RESOLUTION = 1e-12  # of a loss: what another order of summation may change, with a margin
VALUE_NOISE = 2e-13  # of a loss: a change predicted to be below this cannot be seen in it
LARGEST_SHARE = 0.1  # of the mean norm of two points: a position known no better than that is not known
MARGIN = 2.0  # the exact point lies within so many times the length of Newton's step
HALF_THE_DIGITS = float(np.sqrt(2.0 * UNIT))
TINY = 1e-140  # its square is a number: equal points are one


class Known(NamedTuple):
    """What a certificate says that tolerances depend on."""

    value: float
    gradient: float  # Euclidean norm
    softest: float  # eigenvalue, magnitude; 0 where it is within rounding
    largest: float  # eigenvalue, magnitude
    norm: float  # |theta|
    size: int  # P


def value_tolerance(known: Known) -> float:
    """How far, in nats, the loss of a point may be from that of another quench to the same one; add those of both."""
    terms = 4.0 * UNIT * known.largest * known.norm**2
    allowed = known.size * GRADIENT_TOLERANCE**2 / known.softest if known.softest > 0.0 else 0.0
    return VALUE_TOLERANCE * abs(known.value) + terms + allowed


def distance_tolerance(a: Known, b: Known) -> float:
    """Distance after alignment below which two points are one."""
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
    """Change of a loss, in nats, that is predicted to be too small to be seen in it.

    Of a loss that cancels to about zero its terms decide: those of a quadratic, `largest` curvature times |theta|^2.
    """
    return max(VALUE_NOISE * abs(value), 0.25 * UNIT * largest * norm**2)
