"""Whether transition states are above the minima that they connect: one rule for searches, files, graphs and rates.

The loss decreases along a path of steepest descent, so a transition state is above the minima at the ends of its
paths, and a point below one of them does not belong to them. Only rounding may violate this; this module says by how
much.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-9  # nats between two quenches of one stationary point
ROUNDING = 1e-11  # relative to a loss: rounding of a sum over 45 000 rows in double precision, in any order


def rounding(losses: ArrayLike) -> NDArray[np.float64]:
    """Largest difference, in nats, of two evaluations of losses of this size."""
    return ROUNDING * np.abs(np.asarray(losses, dtype=np.float64))


def below_minima(
    transition_losses: ArrayLike, minimum_losses: ArrayLike, tolerance: float = TOLERANCE
) -> NDArray[np.bool_]:
    """Which of m transition states are below one of their minima by more than `tolerance` and rounding.

    Parameters
    ----------
    transition_losses : (m,) float64
        In nats.
    minimum_losses : (m, 2) float64
        Losses of the minima at both ends.
    tolerance : float
        In nats; rounding is added to it (`rounding` of the higher minimum).
    """
    highest = np.asarray(minimum_losses, dtype=np.float64).reshape(-1, 2).max(axis=1, initial=-np.inf)
    with np.errstate(over="ignore"):  # sums of the largest float64 numbers
        return np.asarray(transition_losses, dtype=np.float64) < highest - tolerance - rounding(highest)
