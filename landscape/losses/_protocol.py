"""What searches need of a loss."""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.networks import MLP
from landscape.symmetry import PermutationSpec

Array = NDArray[np.float64]


class Loss(Protocol):
    """The members that searches need: any object that has them can be explored."""

    @property
    def n_parameters(self) -> int:
        """Length P of the parameter vector."""
        ...

    @property
    def network(self) -> MLP | PermutationSpec | None:
        """The network whose unit symmetries leave the loss unchanged, or declared ones; None if none are known."""
        ...

    @property
    def zero_modes(self) -> Array:
        """Orthonormal directions (k, P) along which the loss is constant everywhere; usually k = 0.

        A loss may also have a method `rounding` (`CrossEntropyLoss.rounding`); otherwise norms of its Hessian are used.
        """
        ...

    def value_and_gradient(self, theta: ArrayLike) -> tuple[float, Array]:
        """Loss and its gradient (P,) at `theta` (P,)."""
        ...

    def value_gradient_hessian(self, theta: ArrayLike) -> tuple[float, Array, Array]:
        """Loss, gradient (P,) and exact Hessian (P, P) at `theta` (P,)."""
        ...
