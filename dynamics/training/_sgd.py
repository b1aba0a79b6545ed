"""The settings of stochastic gradient descent: its update rule and its noise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dynamics.noises import NOISES, Epochs, Noise, make_noise
from dynamics.training._schedules import Constant, Schedule
from landscape.support import whole_number

Precision = Literal["float32", "float64"]


@dataclass(frozen=True)
class SGD:
    """SGD: theta <- theta - eta (mean gradient of the minibatch + 2 lambda theta), or with momentum the heavy ball.

    The heavy ball is Keras', without Nesterov's correction: velocity <- momentum velocity - eta (gradient), theta <-
    theta + velocity, from rest. (Torch's has the learning rate outside: velocity <- momentum velocity + gradient, theta
    <- theta - eta velocity. They are the same while eta is constant.) eta is the learning rate times the schedule's
    factor at this step. The penalty lambda belongs to the loss.

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
    noise : str or Noise
        What makes the runs random (`dynamics.noises`): "sgd" for minibatches as in Keras' epochs, "replacement" for
        independent draws, ``Persistent(persistence=tau)``, "full" for all rows in every step, the control without
        noise, ``Langevin(temperature=T)``, "gaussian" for Gaussian noise with the covariance of SGD's.
    label_noise : float
        Probability in [0, 1] that the label of a drawn row is replaced by one of the other classes, all equally
        likely, each time the row is drawn. Curves use the true labels.
    shared_order : bool
        True gives all runs the random numbers of the first one, except for their starts: they see the same minibatches
        in the same order, and the same other noise. Runs are then not independent of each other.

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
    noise: Noise = field(default_factory=Epochs)  # or its name, of which a Noise is made
    label_noise: float = 0.0
    shared_order: bool = False

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
        if not 0 <= self.label_noise <= 1:
            msg = f"label_noise must be a probability in [0, 1]; got {self.label_noise!r}"
            raise ValueError(msg)
        object.__setattr__(self, "noise", make_noise(self.noise))
        object.__setattr__(self, "label_noise", float(self.label_noise))
        object.__setattr__(self, "shared_order", bool(self.shared_order))
        object.__setattr__(self, "momentum", float(self.momentum))
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "batch_size", batch_size)

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "SGD":
        """The settings of runs that decide the covariance of their gradient noise, from the metadata of the runs.

        These are the learning rate, the batch size, and whether minibatches are drawn with replacement.
        """
        kind = NOISES.get(metadata.get("noise", ""))
        noise = "replacement" if kind is not None and kind.replacement else "sgd"
        return cls(float(metadata["learning_rate"]), int(metadata["batch_size"]), noise=noise)  # pyright: ignore

    @property
    def replacement(self) -> bool:
        """Whether a minibatch may contain a row twice."""
        return self.noise.replacement

    @property
    def dtype(self) -> np.dtype:
        """NumPy's name for `precision`."""
        return np.dtype(self.precision)

    def rates(self, start: int, stop: int) -> NDArray[np.floating]:
        """Learning rates (stop - start,) of the steps `start` to `stop` - 1, in this precision."""
        return (self.learning_rate * self.schedule.factors(np.arange(start, stop))).astype(self.dtype)
