"""Checks of arguments and the shift that data sets share."""

import math
import numbers
import operator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def standardized(train: Array, test: Array) -> tuple[Array, Array]:
    """Both parts (N, D), (M, D) with mean 0 and deviation 1 over `train`; a constant column is only shifted."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(np.ptp(train, axis=0) > 0.0, deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation


def whole_number(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """`value` as an int >= `minimum` and <= `maximum`, or a ValueError that names the argument."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        whole = operator.index(value)
        if whole >= minimum and (maximum is None or whole <= maximum):
            return whole
    wanted = f">= {minimum}" if maximum is None else f"in {minimum} ... {maximum}"
    msg = f"{name} must be a whole number {wanted}; got {value!r:.200}"
    raise ValueError(msg)


def finite_number(name: str, value: float, above: float = -math.inf) -> float:
    """Return `value` as a float, finite and greater than `above`, or raise a ValueError that names the argument."""
    if not isinstance(value, numbers.Real) or not math.isfinite(value) or value <= above:
        msg = f"{name} must be a finite number{f' > {above:g}' if above > -math.inf else ''}; got {value!r}"
        raise ValueError(msg)
    return float(value)
