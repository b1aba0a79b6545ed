"""What stands for a name in a pickle that is read without executing anything."""

from collections.abc import Callable
from typing import Any


class StandIn:
    """Substitute for a name in a pickle: it can only be called, and raises `error` when the pickle redefines it."""

    __slots__ = ("_error", "_make")

    def __init__(self, make: Callable[..., Any], error: type[ValueError] = ValueError) -> None:
        self._make, self._error = make, error

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        msg = "it redefines its names"
        raise self._error(msg)
