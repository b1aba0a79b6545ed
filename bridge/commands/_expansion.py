"""Options that several commands share as one argument: a dataclass whose fields typer reads as options."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any


def expanded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command in which each argument that is such a dataclass is replaced by its fields, in their place."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in signature.parameters.items() if is_dataclass(one.annotation)
    }
    parameters = [part for one in signature.parameters.values() for part in _parts(one)]

    @functools.wraps(command)
    def call(**arguments: Any) -> Any:
        for name, kind in groups.items():
            arguments[name] = kind(**{field.name: arguments.pop(field.name) for field in fields(kind)})
        return command(**arguments)

    call.__signature__ = signature.replace(parameters=parameters)  # pyright: ignore (typer reads it)
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call


def _parts(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    kind: Any = parameter.annotation
    if not is_dataclass(kind):
        return [parameter]
    return [parameter.replace(name=f.name, annotation=f.type, default=f.default) for f in fields(kind)]
