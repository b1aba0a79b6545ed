"""Values of options: whole numbers may be written as 1e5; a complaint names the option, the value and what it takes."""

import math
from typing import Any

import typer

from bridge.commands._failures import UsageProblem


def read_values(parameter: Any) -> None:
    """Let an option or argument take its values like this."""
    usual = parameter.process_value

    def process_value(ctx: Any, value: Any) -> Any:
        whole = _whole(value) if _takes(parameter) is int and isinstance(value, str) else None
        try:
            return usual(ctx, value if whole is None else whole)
        except typer.BadParameter as error:
            expected = None if type(error) is not typer.BadParameter else _expected(parameter, value)
            if expected is None:  # or it is missing
                raise
            msg = (
                f"{name_of(parameter)} must be {expected}; got {value if _is_number(parameter, value) else repr(value)}"
            )
            raise UsageProblem(msg) from error

    parameter.process_value = process_value


def name_of(parameter: Any) -> str:
    """An option by its long name, an argument in capitals."""
    return parameter.name.upper() if parameter.param_type_name == "argument" else max(parameter.opts, key=len)


def _takes(parameter: Any) -> Any:
    return parameter.type_descriptor.annotation


def _expected(parameter: Any, value: Any) -> str | None:
    """What a value should have been; None where only typer knows."""
    if parameter.type_descriptor.is_choice:
        return f"one of {', '.join(map(str, parameter.type_descriptor.choices))}"
    if _takes(parameter) not in {int, float}:
        return None
    kind = "a whole number" if _takes(parameter) is int else "a number"
    bounds = {"at least": getattr(parameter, "min", None), "at most": getattr(parameter, "max", None)}
    limits = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
    return limits if limits and _is_number(parameter, value) else kind


def _is_number(parameter: Any, value: str) -> bool:
    """Whether a text is a number of the kind that a parameter takes."""
    if _takes(parameter) is int:
        return _whole(value) is not None
    try:
        return _takes(parameter) is float and not math.isnan(float(value))
    except ValueError:
        return False


def _whole(text: str) -> int | None:
    from landscape.support import parse_whole  # noqa: PLC0415 (help need not wait for it)

    return parse_whole(text)
