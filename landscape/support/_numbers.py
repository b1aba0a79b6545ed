"""Checks of single arguments that are numbers."""

import numbers


def whole_number(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """`value` as an int >= `minimum` and <= `maximum`, or a ValueError that names the argument.

    A float counts where it is whole; a truth value does not.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and value == value // 1:
        whole = int(value)
        if whole >= minimum and (maximum is None or whole <= maximum):
            return whole
    wanted = f">= {minimum}" if maximum is None else f"in {minimum} ... {maximum}"
    msg = f"{name} must be a whole number {wanted}; got {value!r:.200}"
    raise ValueError(msg)
