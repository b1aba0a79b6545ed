"""A number with its confidence interval and status: the one form in which results carry intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", float, NDArray[np.float64])


@dataclass(frozen=True)
class Estimate(Generic[Value]):
    """An estimate, or an array of them, with confidence intervals.

    Parameters
    ----------
    value : float or array
        nan if it is not determined.
    low, high : float or array
        Ends of the interval; nan if it is not determined. For a lower bound `high` is inf.
    status : str
        "ok", or what is missing or wrong with value or interval, and what to do.
    """

    value: Value
    low: Value
    high: Value
    status: str = "ok"

    @property
    def interval(self) -> tuple[Value, Value]:
        """`low` and `high`."""
        return self.low, self.high

    def __format__(self, spec: str) -> str:
        """Value and interval, each in the format of a number: f"{mu:.2f}" is "0.78 [0.70, 0.86]"."""
        if not spec or np.ndim(self.value):
            return format(str(self), spec)
        value, low, high = (_without_sign_of_zero(format(part, spec)) for part in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    @property
    def parts(self) -> dict[str, Value]:
        """Value, low and high by name: one entry of JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def map(self, function: Callable[[Value], Value]) -> "Estimate[Value]":
        """The estimate of an increasing function of the value, such as some of its entries."""
        return replace(self, value=function(self.value), low=function(self.low), high=function(self.high))


def _without_sign_of_zero(text: str) -> str:
    return text[1:] if text.startswith("-") and not text.strip("-0.,%") else text


def in_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` for JSON and tables, in which an estimate is several entries.

    A single one is NAME, NAME_low and NAME_high; an array of them NAME and NAME_interval (..., 2).
    """
    numbers: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(value, Estimate):
            numbers[name] = value
        elif np.ndim(value.value):
            numbers |= {name: value.value, f"{name}_interval": np.stack(value.interval, axis=-1)}
        else:
            numbers |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    return numbers


def stacked(estimates: Sequence[Estimate[float]]) -> Estimate[NDArray[np.float64]]:
    """Single estimates as one of arrays (n,)."""
    value, low, high = np.array([(one.value, one.low, one.high) for one in estimates], np.float64).reshape(-1, 3).T
    return Estimate(value, low, high)
