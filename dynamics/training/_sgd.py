"""The update rule of stochastic gradient descent."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dynamics.training._schedules import Constant, Schedule
from landscape.support import whole_number

Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class SGD:
    """SGD: theta <- theta - eta (mean gradient of the minibatch + 2 lambda theta), or with momentum the heavy ball.

    The heavy ball is Keras', without Nesterov's correction: velocity <- momentum velocity - eta (gradient), theta <-
    theta + velocity, from rest. (Torch's has the learning rate outside: velocity <- momentum velocity + gradient, theta
    <- theta - eta velocity. Both give the same trajectory if eta is constant.) eta is the learning rate times the
    schedule's factor at this step. The penalty lambda belongs to the loss.

    Parameters
    ----------
    learning_rate : float
        Step length, > 0.
    batch_size : int
        Minibatch size B, >= 1. The last minibatch of an epoch may be smaller.
    precision : {"float32", "float64"}
        Precision of parameters, activations and gradients.
    momentum : float
        Momentum in [0, 1).
    schedule : Schedule
        Factors of the learning rate, step by step (`dynamics.training`).

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    learning_rate: float = 0.05
    batch_size: int = 100
    precision: Precision = "float32"
    momentum: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            msg = f"learning_rate must be positive and finite; got {self.learning_rate!r}"
            raise ValueError(msg)
        batch_size = whole_number("batch_size", self.batch_size, 1)
        if self.precision not in get_args(Precision):
            msg = f"precision must be one of {', '.join(get_args(Precision))}; got {self.precision!r}"
            raise ValueError(msg)
        if not 0 <= self.momentum < 1:
            msg = f"momentum must be in [0, 1); got {self.momentum!r}"
            raise ValueError(msg)
        if not isinstance(self.schedule, Schedule):
            msg = f"schedule must be a Schedule, such as those that parse_schedule makes; got {self.schedule!r}"
            raise ValueError(msg)
        object.__setattr__(self, "momentum", float(self.momentum))
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "batch_size", batch_size)

    @property
    def dtype(self) -> np.dtype:
        """NumPy's name for `precision`."""
        return np.dtype(self.precision)

    def rates(self, start: int, stop: int) -> NDArray[np.floating]:
        """Learning rates (stop - start,) of the steps `start` to `stop` - 1, in this precision."""
        return (self.learning_rate * self.schedule.factors(np.arange(start, stop))).astype(self.dtype)
