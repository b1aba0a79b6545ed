"""What all optimizers share: the learning rate, the minibatches, the noise and the precision."""

from dataclasses import KW_ONLY, dataclass, field
from math import isfinite
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dynamics.noises import Epochs, Noise, make_noise
from dynamics.training._schedules import Constant, Schedule
from landscape.support import whole_number

Precision = Literal["float32", "float64"]
Array = NDArray[np.float64]
State = tuple[Any, ...]  # vectors (..., P) that pass from step to step


class NoiseField:
    """A field that is given as a noise or its name, and is a noise: by default `Epochs`."""

    def __get__(self, owner: "Optimizer | None", _kind: type | None = None) -> Noise:
        return Epochs() if owner is None else owner.__dict__["noise"]

    def __set__(self, owner: "Optimizer", noise: str | Noise) -> None:
        owner.__dict__["noise"] = make_noise(noise)


@dataclass(frozen=True)
class Optimizer:
    """Base of `SGD`, `RMSprop`, `Adam` and `AdamW`: what they share. Use one of these.

    Below, g is the gradient of the loss on the minibatch, its penalty included: the mean gradient of the rows +
    2 lambda theta. The penalty lambda belongs to the loss. eta is the learning rate times the schedule's factor at
    this step.

    Parameters
    ----------
    learning_rate : float
        Step length, > 0.
    batch_size : int
        Minibatch size B, >= 1, well below the number of rows: one of all rows has no noise. The last minibatch
        of an epoch may be smaller.
    precision : {"float32", "float64"}
        Precision of parameters, activations, gradients and the optimizer's state.
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
        If an argument is out of range, or the noise has no meaning for this optimizer.
    """

    learning_rate: float = 0.05
    batch_size: int = 100
    precision: Precision = "float32"
    _: KW_ONLY
    schedule: Schedule = field(default_factory=Constant)
    noise: NoiseField = NoiseField()
    label_noise: float = 0.0
    shared_order: bool = False

    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not (isfinite(self.learning_rate) and self.learning_rate > 0):
            msg = f"learning_rate must be positive and finite; got {self.learning_rate!r}"
            raise ValueError(msg)
        batch_size = whole_number("batch_size", self.batch_size, 1)
        if self.precision not in get_args(Precision):
            msg = f"precision must be one of {', '.join(get_args(Precision))}; got {self.precision!r}"
            raise ValueError(msg)
        if not isinstance(self.schedule, Schedule):
            msg = f"schedule must be a Schedule, such as those that parse_schedule makes; got {self.schedule!r}"
            raise ValueError(msg)
        if not 0 <= self.label_noise <= 1:
            msg = f"label_noise must be a probability in [0, 1]; got {self.label_noise!r}"
            raise ValueError(msg)
        object.__setattr__(self, "label_noise", float(self.label_noise))
        object.__setattr__(self, "shared_order", bool(self.shared_order))
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "batch_size", batch_size)

    @property
    def replacement(self) -> bool:
        """Whether a minibatch may contain a row twice."""
        return self.noise.replacement

    @property
    def dtype(self) -> np.dtype:
        """NumPy's name for `precision`."""
        return np.dtype(self.precision)

    @property
    def thermal_rate(self) -> float:
        """Eta of an effective temperature, eta C / 2; nan for an optimizer that has none, as it scales the gradient."""
        return self.learning_rate

    @property
    def update(self) -> str:
        """Name of the update rule of the kernels (`dynamics.kernels.get_kernel`)."""
        return self.name

    @property
    def settings(self) -> dict[str, Any]:
        """Name and own parameters for the file."""
        raise NotImplementedError

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the vectors that pass from step to step, besides the parameters; all are zero at the start."""
        raise NotImplementedError

    @property
    def constants(self) -> tuple[float, ...]:
        """Numbers of the update rule that do not change."""
        raise NotImplementedError

    def learning_rates(self, start: int, stop: int) -> NDArray[np.float64]:
        """Learning rates eta (stop - start,) of the steps `start` to `stop` - 1."""
        return self.learning_rate * self.schedule.factors(np.arange(start, stop))

    def rates(self, start: int, stop: int) -> NDArray[np.floating]:
        """Numbers of the update rule that change from step to step, in this precision.

        The learning rates (stop - start,), or K rows (K, stop - start) if the rule needs more of them.
        """
        return self.learning_rates(start, stop).astype(self.dtype)

    def step(
        self, theta: Any, state: State, slope: Any, rates: NDArray[np.floating], *, square: Any = None
    ) -> tuple[Any, State]:
        """`theta` and the state (..., P) after one step along `slope`, g; the compiled kernels do the same.

        `rates` are those of this step, a number or (K,); for points of different ages (K, R, 1) arrays. `square` takes
        the place of g^2, for a mean over minibatches. Arrays of NumPy or tensors of torch.
        """
        raise NotImplementedError

    def settled(self, slope: Array, square: Array, ages: NDArray[np.int64]) -> State:
        """The state after `ages` (R, 1) steps with this mean gradient and mean square of the gradient, (R, P)."""
        raise NotImplementedError


def factor(rate: Any) -> Any:
    """A rate as torch and NumPy multiply with it: a Python number, or an array as it is."""
    return rate if np.ndim(rate) else float(rate)


def below_one(optimizer: Optimizer, *names: str) -> None:
    """Store numbers of [0, 1), or raise a ValueError that names the one that is not."""
    for name in names:
        value = getattr(optimizer, name)
        if not 0 <= value < 1:
            msg = f"{name} must be in [0, 1); got {value!r}"
            raise ValueError(msg)
        object.__setattr__(optimizer, name, float(value))


def refuse_kicks(optimizer: Optimizer) -> None:
    """Raise a ValueError for noise that is added to the step instead of the gradient."""
    if optimizer.noise.kick is not None:
        msg = (
            f"noise {optimizer.noise.name!r} must be used with SGD, plain or with heavy-ball momentum; the steps of "
            f"{optimizer.update} do not sample exp(-L / T)"
        )
        raise ValueError(msg)
