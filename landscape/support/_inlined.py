"""What numba compiles into a function from elsewhere: other compiled functions and constants, of any file."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core.extending import _Intrinsic
from numba.core.registry import CPUDispatcher


def fingerprint(dispatcher: CPUDispatcher) -> str:
    """Digest of a compiled function, of those it calls, directly or not, their options and the constants they read."""
    digest = hashlib.sha256()
    waiting, seen = [dispatcher], {dispatcher}
    while waiting:
        compiled = waiting.pop()
        function = compiled.py_func
        read = dict(_read_by(function))
        digest.update(repr((_code(function.__code__), _plain(compiled.targetoptions), _plain(read))).encode())
        called = [value for value in read.values() if isinstance(value, CPUDispatcher) and value not in seen]
        waiting += called
        seen |= set(called)
    return digest.hexdigest()


def _read_by(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values of what a function reads from outside of itself, attributes of modules included."""
    names = sorted(set(_names(function.__code__)))
    for name in names:
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            yield from ((f"{name}.{a}", vars(value)[a]) for a in names if a in vars(value))
        elif name in function.__globals__:
            yield name, value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType) -> tuple[Any, ...]:
    return code.co_code, code.co_names, code.co_varnames, _plain(code.co_consts)


def _plain(value: Any) -> Any:
    """The same for the same value in every process: an address in memory or the order of a set is not."""
    match value:
        case CodeType():
            found: Any = _code(value)
        case dict():
            found = [(name, _plain(value[name])) for name in sorted(value)]
        case tuple() | list():
            found = [_plain(element) for element in value]
        case _Intrinsic():  # it calls Python functions beside it
            found = Path(value._defn.__code__.co_filename).read_text()
        case set() | frozenset():
            found = sorted(repr(_plain(element)) for element in value)
        case np.ndarray():
            found = value.dtype.str, value.shape, value.tobytes()
        case int() | float() | complex() | str() | bytes() | np.generic() | None:
            found = repr(value)
        case _:
            found = ""
    return type(value).__name__, found
