"""Stochastic gradient descent, with momentum and Nesterov's."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dynamics.training._optimizers import Array, Optimizer, State, below_one, factor, refuse_kicks


@dataclass(frozen=True)
class SGD(Optimizer):
    """SGD: theta <- theta - eta g; with momentum the heavy ball, or Nesterov's accelerated gradient.

    The heavy ball is Keras', without Nesterov's correction: velocity <- momentum velocity - eta g, theta <- theta +
    velocity, from rest. (Torch's has the learning rate outside: velocity <- momentum velocity + g, theta <- theta -
    eta velocity. Both give the same trajectory if eta is constant.) With `nesterov`, the same velocity and theta <-
    theta + momentum velocity - eta g, as in Keras and torch (Sutskever et al., ICML 2013, equations 3 and 4, in terms
    of the point where the gradient is taken).

    Parameters
    ----------
    learning_rate, batch_size, precision, schedule, noise, label_noise, shared_order
        As in `Optimizer`. "langevin" noise is refused with `nesterov`.
    momentum : float
        Momentum in [0, 1).
    nesterov : bool
        Whether the momentum, then > 0, is Nesterov's.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    momentum: float = 0.0
    nesterov: bool = False

    name: ClassVar[str] = "sgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        below_one(self, "momentum")
        object.__setattr__(self, "nesterov", bool(self.nesterov))
        if self.nesterov:
            refuse_kicks(self)
            if not self.momentum:
                msg = f"momentum must be > 0 for Nesterov's; got {self.momentum!r}"
                raise ValueError(msg)

    @property
    def update(self) -> str:
        """Name of the update rule of the kernels."""
        if self.nesterov:
            return "nesterov"
        return "momentum" if self.momentum else "sgd"

    @property
    def settings(self) -> dict[str, Any]:
        """Momentum, and a name if it is Nesterov's: files of older versions have none."""
        return {"momentum": self.momentum, **({"optimizer": "nesterov"} if self.nesterov else {})}

    @property
    def state_names(self) -> tuple[str, ...]:
        """The velocity."""
        return ("velocity",)

    @property
    def constants(self) -> tuple[float, ...]:
        """The momentum."""
        return (self.momentum,)

    def step(
        self, theta: Any, state: State, slope: Any, rates: NDArray[np.floating], *, square: Any = None
    ) -> tuple[Any, State]:
        """`theta` and the velocity after one step."""
        change = -factor(rates) * slope
        if not self.momentum:
            return theta + change, state
        velocity = self.momentum * state[0] + change
        return theta + (self.momentum * velocity + change if self.nesterov else velocity), (velocity,)

    def settled(self, slope: Array, square: Array, ages: NDArray[np.int64]) -> State:
        """The velocity, from -eta g in the first step to -eta g / (1 - momentum)."""
        rates = self.learning_rate * self.schedule.factors(np.maximum(ages - 1, 0))
        return (-rates * (1 - self.momentum**ages) / (1 - self.momentum) * slope,)
