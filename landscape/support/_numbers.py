"""Checks of single arguments that are numbers."""

import numbers
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_DIGITS = 100  # of a number in a text: 1e999999 would fill the memory


def whole_number(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """`value` as an int >= `minimum` and <= `maximum`, otherwise a ValueError that names the argument.

    A float counts if it is an integer; a bool does not.
    """
    is_number = issubclass(type(value), numbers.Real) and type(value) is not bool
    if is_number and value == value // 1 and value >= minimum and (maximum is None or value <= maximum):
        return int(value)
    wanted = f">= {minimum}" if maximum is None else f"in {minimum} ... {maximum}"
    msg = f"{name} must be a whole number {wanted}; got {value!r:.200}"
    raise ValueError(msg)


def parse_whole(text: str) -> int | None:
    """The whole number that a text is, such as 100000, 1e5 or 2.5e3; None if it is none."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or value.adjusted() > MOST_DIGITS or value != int(value):
        return None
    return int(value)


def check_positive(**numbers: float) -> None:
    """Raise a ValueError that names a number which is not positive."""
    for name, number in numbers.items():
        if not number > 0:
            msg = f"{name} must be positive; got {number!r}"
            raise ValueError(msg)
