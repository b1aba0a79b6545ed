"""Learning-rate schedules: factors of the learning rate of `SGD`, step by step.

Steps count from 0. Every schedule has a text form that `parse_schedule` reads, such as "cosine:10000,0.1"; a warm-up is
written before another schedule: "warmup:500+step:1000,0.5".
"""

from dataclasses import astuple, dataclass, fields
from math import isfinite
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from landscape.support import whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """Base of all schedules, with their text form."""

    name: ClassVar[str]

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """Multiples of the learning rate at these steps, >= 0."""
        raise NotImplementedError

    def __str__(self) -> str:
        numbers = ",".join(f"{value!r}" for value in astuple(self))
        return f"{self.name}:{numbers}" if numbers else self.name


@dataclass(frozen=True)
class Constant(Schedule):
    """The learning rate itself."""

    name: ClassVar[str] = "constant"

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """All 1."""
        return np.ones(np.shape(steps))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """factor^floor(s / every): multiplied by `factor` once per `every` steps.

    Parameters
    ----------
    every : int
        Steps, >= 1.
    factor : float
        > 0; usually below 1.
    """

    every: int
    factor: float
    name: ClassVar[str] = "step"

    def __post_init__(self) -> None:
        set_steps(self, "every", self.every)
        set_number(self, "factor", self.factor, positive=True)

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """Multiples at these steps."""
        return self.factor ** np.floor_divide(steps, self.every).astype(np.float64)


@dataclass(frozen=True)
class Power(Schedule):
    """(1 + s / scale)^-exponent; 1/t decay with the exponent 1.

    Parameters
    ----------
    scale : int
        Steps after which the decay begins, >= 1.
    exponent : float
        >= 0.
    """

    scale: int
    exponent: float = 1.0
    name: ClassVar[str] = "power"

    def __post_init__(self) -> None:
        set_steps(self, "scale", self.scale)
        set_number(self, "exponent", self.exponent, positive=False)

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """Multiples at these steps."""
        return (1.0 + np.asarray(steps) / self.scale) ** -self.exponent


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 at step 0 to `final` at step `duration`, `final` from there on.

    final + (1 - final) (1 + cos(pi s / duration)) / 2. Source: Loshchilov and Hutter, ICLR 2017 (SGDR), equation 5,
    without restarts.

    Parameters
    ----------
    duration : int
        Steps, >= 1.
    final : float
        >= 0.
    """

    duration: int
    final: float = 0.0
    name: ClassVar[str] = "cosine"

    def __post_init__(self) -> None:
        set_steps(self, "duration", self.duration)
        set_number(self, "final", self.final, positive=False)

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """Multiples at these steps."""
        share = np.minimum(np.asarray(steps) / self.duration, 1.0)
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + np.cos(np.pi * share))


@dataclass(frozen=True)
class Warmup(Schedule):
    """(s + 1) / duration in the first `duration` steps, then another schedule, whose steps count from there.

    Parameters
    ----------
    duration : int
        Steps, >= 1.
    then : Schedule
        By default constant.
    """

    duration: int
    then: Schedule = Constant()
    name: ClassVar[str] = "warmup"

    def __post_init__(self) -> None:
        set_steps(self, "duration", self.duration)
        if not isinstance(self.then, Schedule):
            msg = f"then must be a Schedule; got {self.then!r}"
            raise ValueError(msg)

    def factors(self, steps: NDArray[np.int64]) -> Array:
        """Multiples at these steps."""
        steps = np.asarray(steps)
        later = self.then.factors(np.maximum(steps - self.duration, 0))
        return np.where(steps < self.duration, (steps + 1) / self.duration * self.then.factors(np.array(0)), later)

    def __str__(self) -> str:
        return f"{self.name}:{self.duration}+{self.then}"


SCHEDULES: dict[str, type[Schedule]] = {kind.name: kind for kind in (Constant, StepDecay, Power, Cosine, Warmup)}


def parse_schedule(text: str) -> Schedule:
    """Parse the text form of a schedule; inverse of `str`.

    Raises
    ------
    ValueError
        If there is no such schedule or its numbers are invalid.
    """
    head, plus, rest = text.partition("+")
    name, _, numbers = head.strip().partition(":")
    forms = "constant, step:EVERY,FACTOR, power:SCALE[,EXPONENT], cosine:DURATION[,FINAL] or warmup:DURATION[+OTHER]"
    try:
        values: list[Any] = [float(number) for number in numbers.split(",")] if numbers else []
        kind: Any = SCHEDULES[name]
        n_allowed = 1 if name == Warmup.name else len(fields(kind))
        if len(values) > n_allowed or (plus and name != Warmup.name):
            raise KeyError(name)
        return kind(*values, parse_schedule(rest)) if plus else kind(*values)
    except (KeyError, TypeError) as error:
        msg = f"schedule must be {forms}; got {text!r}"
        raise ValueError(msg) from error
    except ValueError as error:
        msg = str(error) if "must be" in str(error) else f"schedule must be {forms}; got {text!r}"
        raise ValueError(msg) from error


def set_steps(schedule: Schedule, name: str, value: float) -> None:
    """Store a whole number >= 1 in a field, or raise a ValueError that names it."""
    object.__setattr__(schedule, name, whole_number(f"{name} of the schedule {schedule.name!r}", value, 1))


def set_number(schedule: Schedule, name: str, value: float, *, positive: bool) -> None:
    """Store a finite number >= 0, or > 0, in a field, or raise a ValueError that names it."""
    if not (isfinite(value) and value >= 0 and (value > 0 or not positive)):
        msg = (
            f"{name} of the schedule {schedule.name!r} must be finite and {'>' if positive else '>='} 0; got {value!r}"
        )
        raise ValueError(msg)
    object.__setattr__(schedule, name, float(value))
