"""Optimizers with a step length of its own for each parameter: RMSprop, Adam and AdamW, as in torch."""

from dataclasses import KW_ONLY, dataclass
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dynamics.training._optimizers import Array, Optimizer, State, below_one, factor, refuse_kicks


@dataclass(frozen=True)
class Adaptive(Optimizer):
    """What they share: a mean of g^2, here v, and `epsilon`, added to its root."""

    learning_rate: float = 1e-3
    _: KW_ONLY
    epsilon: float = 1e-8

    @property
    def thermal_rate(self) -> float:
        """None: a step is not the learning rate times a gradient."""
        return float("nan")

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_kicks(self)
        least = float(np.finfo(self.dtype).tiny)
        if not (isfinite(self.epsilon) and self.epsilon >= least):
            msg = f"epsilon must be finite and at least {least:.2g}, for {self.precision}; got {self.epsilon!r}"
            raise ValueError(msg)
        object.__setattr__(self, "epsilon", float(self.epsilon))


@dataclass(frozen=True)
class RMSprop(Adaptive):
    """RMSprop: v <- alpha v + (1 - alpha) g^2, theta <- theta - eta g / (sqrt(v) + epsilon), from v = 0.

    The same as ``torch.optim.RMSprop`` without its momentum and centering (tested step by step). Source: Tieleman and
    Hinton, lecture 6e of "Neural networks for machine learning" (2012).

    Parameters
    ----------
    learning_rate, batch_size, precision, schedule, noise, label_noise, shared_order
        As in `Optimizer`. "langevin" noise is refused.
    alpha : float
        In [0, 1): v is a mean over the last 1 / (1 - alpha) steps.
    epsilon : float
        > 0.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    _: KW_ONLY
    alpha: float = 0.99

    name: ClassVar[str] = "rmsprop"

    def __post_init__(self) -> None:
        super().__post_init__()
        below_one(self, "alpha")

    @property
    def settings(self) -> dict[str, Any]:
        """Name and own parameters for the file."""
        return {"optimizer": self.name, "alpha": self.alpha, "epsilon": self.epsilon}

    @property
    def state_names(self) -> tuple[str, ...]:
        """The mean of the squares."""
        return ("squares",)

    @property
    def constants(self) -> tuple[float, ...]:
        """As the kernel takes them."""
        return (self.alpha, 1 - self.alpha, self.epsilon)

    def step(
        self, theta: Any, state: State, slope: Any, rates: NDArray[np.floating], *, square: Any = None
    ) -> tuple[Any, State]:
        """`theta` and the mean of the squares after one step."""
        squares = self.alpha * state[0] + (1 - self.alpha) * (slope * slope if square is None else square)
        return theta - factor(rates) * slope / (squares**0.5 + self.epsilon), (squares,)

    def settled(self, slope: Array, square: Array, ages: NDArray[np.int64]) -> State:
        """The mean of the squares."""
        return ((1 - self.alpha**ages) * square,)


@dataclass(frozen=True)
class Adam(Adaptive):
    """Adam: m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, theta <- theta - eta m' / (sqrt(v') + epsilon).

    m' = m / (1 - b1^t) and v' = v / (1 - b2^t), after t steps from m = v = 0. The same as ``torch.optim.Adam`` (tested
    step by step); a penalty is part of g, as with its `weight_decay`. Source: Kingma and Ba, arXiv 1412.6980,
    algorithm 1.

    Parameters
    ----------
    learning_rate, batch_size, precision, schedule, noise, label_noise, shared_order
        As in `Optimizer`. "langevin" noise is refused.
    betas : (float, float)
        b1 and b2 in [0, 1): m and v are means over the last 1 / (1 - b) steps.
    epsilon : float
        > 0.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)

    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        super().__post_init__()
        betas = tuple(float(beta) for beta in self.betas)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            msg = f"betas must be two numbers in [0, 1); got {self.betas!r}"
            raise ValueError(msg)
        object.__setattr__(self, "betas", betas)

    @property
    def settings(self) -> dict[str, Any]:
        """Name and own parameters for the file."""
        return {"optimizer": self.name, "beta1": self.betas[0], "beta2": self.betas[1], "epsilon": self.epsilon}

    @property
    def state_names(self) -> tuple[str, ...]:
        """M and v."""
        return ("mean", "squares")

    @property
    def constants(self) -> tuple[float, ...]:
        """As the kernel takes them."""
        return (1 - self.betas[0], self.betas[1], 1 - self.betas[1], self.epsilon)

    def rates(self, start: int, stop: int) -> NDArray[np.floating]:
        """Eta / (1 - b1^t) and sqrt(1 - b2^t) of each step, (2, stop - start)."""
        return np.stack(self._rates(start, stop)).astype(self.dtype)

    def _rates(self, start: int, stop: int) -> list[NDArray[np.float64]]:
        first, second = (1 - beta ** np.arange(start + 1.0, stop + 1.0) for beta in self.betas)
        return [self.learning_rates(start, stop) / first, np.sqrt(second)]

    def step(
        self, theta: Any, state: State, slope: Any, rates: NDArray[np.floating], *, square: Any = None
    ) -> tuple[Any, State]:
        """`theta`, m and v after one step."""
        step_size, correction, *shrinkage = (factor(rate) for rate in rates)
        mean = state[0] + (1 - self.betas[0]) * (slope - state[0])
        squares = self.betas[1] * state[1] + (1 - self.betas[1]) * (slope * slope if square is None else square)
        change = step_size * mean / (squares**0.5 / correction + self.epsilon)
        for share in shrinkage:
            change = change + share * theta
        return theta - change, (mean, squares)

    def settled(self, slope: Array, square: Array, ages: NDArray[np.int64]) -> State:
        """M and v."""
        return (1 - self.betas[0] ** ages) * slope, (1 - self.betas[1] ** ages) * square


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, and all parameters shrink in every step: theta <- (1 - eta weight_decay) theta - eta m' / (...).

    The same as ``torch.optim.AdamW`` (tested step by step). Source: Loshchilov and Hutter, arXiv 1711.05101, algorithm
    2, with the learning rate in front of the decay, as in torch.

    The decay is no part of the loss: it does not pass through m and v, so it pulls every parameter alike, while the
    gradient of a penalty, like the rest of g, is divided by sqrt(v). The runs therefore come to rest where m' /
    (sqrt(v') + epsilon) = -weight_decay theta, which is the gradient of no loss, and no minimum of the loss of the
    landscape (cross-entropy + lambda |theta|^2, with the lambda of the loss) for any lambda.

    Parameters
    ----------
    learning_rate, batch_size, precision, schedule, noise, label_noise, shared_order, betas, epsilon
        As in `Adam`.
    weight_decay : float
        >= 0. It comes on top of the penalty of the loss, which Adam treats as usual; torch's runs with AdamW usually
        have a loss without one (``regularization=0``).

    Raises
    ------
    ValueError
        If an argument is out of range.
    """

    _: KW_ONLY
    weight_decay: float = 1e-2

    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isfinite(self.weight_decay) and self.weight_decay >= 0):
            msg = f"weight_decay must be finite and >= 0; got {self.weight_decay!r}"
            raise ValueError(msg)
        object.__setattr__(self, "weight_decay", float(self.weight_decay))

    @property
    def settings(self) -> dict[str, Any]:
        """Name and own parameters for the file."""
        return super().settings | {"weight_decay": self.weight_decay}

    def _rates(self, start: int, stop: int) -> list[NDArray[np.float64]]:
        return [*super()._rates(start, stop), self.weight_decay * self.learning_rates(start, stop)]
