"""Signs of the eigenvalues of a Hessian, as far as rounding allows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Signs(NamedTuple):
    """Numbers of eigenvalues that are negative, zero within rounding, and positive."""

    negative: int
    flat: int
    positive: int

    @property
    def is_minimum(self) -> bool:
        """Whether all eigenvalues are positive."""
        return self.negative == self.flat == 0

    @property
    def is_transition_state(self) -> bool:
        """Whether exactly one eigenvalue is negative and all others are positive."""
        return self.negative == 1 and self.flat == 0


def signs_of(eigenvalues: Array, rounding: float) -> Signs:
    """Count the signs of eigenvalues; one within `rounding` of zero has no sign. All signs are decided here."""
    negative, positive = int((eigenvalues < -rounding).sum()), int((eigenvalues > rounding).sum())
    return Signs(negative, len(eigenvalues) - negative - positive, positive)
