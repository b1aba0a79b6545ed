"""Whether transition states lie above the minima that they join: one rule for searches, files, graphs and rates.

On a path of steepest descent the loss falls, so a transition state lies above the minima at the ends of its paths: what
lies below one of them is none of theirs, however it was found. Only rounding may put it there, and this is how much.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOLERANCE = 1e-9  # nats between two quenches of one stationary point
ROUNDING = 1e-11  # of a loss: what double precision leaves of a sum over 45 000 rows, in whatever order it is taken


def rounding(losses: ArrayLike) -> NDArray[np.float64]:
    """How far, in nats, two evaluations of losses of this size may lie apart."""
    return ROUNDING * np.abs(np.asarray(losses, dtype=np.float64))


def below_minima(
    transition_losses: ArrayLike, minimum_losses: ArrayLike, tolerance: float = TOLERANCE
) -> NDArray[np.bool_]:
    """Which of m transition states lie below one of their minima by more than `tolerance` and rounding.

    Parameters
    ----------
    transition_losses : (m,) float64
        In nats.
    minimum_losses : (m, 2) float64
        Of the minima at both ends.
    tolerance : float
        In nats; that of rounding comes on top of it (`rounding` of the higher minimum).
    """
    highest = np.asarray(minimum_losses, dtype=np.float64).reshape(-1, 2).max(axis=1, initial=-np.inf)
    with np.errstate(over="ignore"):  # sums of the largest numbers there are
        return np.asarray(transition_losses, dtype=np.float64) < highest - tolerance - rounding(highest)
