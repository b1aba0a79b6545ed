"""The update rule of stochastic gradient descent."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

import numpy as np

Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class SGD:
    """Plain SGD: theta <- theta - learning_rate * (mean gradient of the minibatch + 2 lambda theta).

    The penalty lambda belongs to the loss and is an argument of `train`.

    Parameters
    ----------
    learning_rate : float
        Step length, > 0.
    batch_size : int
        Rows B of a minibatch, >= 1. Rows that do not fill the last minibatch of an epoch make a smaller one.
    precision : {"float32", "float64"}
        Of parameters, activations and gradients.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """

    learning_rate: float = 0.05
    batch_size: int = 100
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            msg = f"learning_rate must be positive and finite; got {self.learning_rate!r}"
            raise ValueError(msg)
        if int(self.batch_size) != self.batch_size or self.batch_size < 1:
            msg = f"batch_size must be a whole number >= 1; got {self.batch_size!r}"
            raise ValueError(msg)
        if self.precision not in get_args(Precision):
            msg = f"precision must be one of {', '.join(get_args(Precision))}; got {self.precision!r}"
            raise ValueError(msg)
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "batch_size", int(self.batch_size))

    @property
    def dtype(self) -> np.dtype:
        """NumPy's name for `precision`."""
        return np.dtype(self.precision)
