"""The compiled kernels of every activation and loss: the text of those of tanh and cross-entropy, with others in place.

So each is compiled on its own, when it is needed, and nothing is decided while it runs. Numba's cache has all variants
under the file of the text, and tells them apart by what is compiled into them (`landscape.support.njit`).
"""

import sys
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from landscape.losses import _hessian, _kernels, _scores

TEXTS = (_kernels, _hessian, _scores)  # each after those that it imports
WRITTEN_FOR = ("tanh", "cross_entropy")


_made: dict[tuple[str, str], dict[str, Any]] = {}
_lock = Lock()  # threads may ask for the same at once


@cache  # which is faster than Python's own look into a dictionary
def kernels(activation: str, head: str = "cross_entropy") -> dict[str, Any]:
    """The compiled functions for this activation and module of `_heads`, of all `TEXTS`, by name."""
    return _make((activation, head))


def _make(parts: tuple[str, str]) -> dict[str, Any]:
    with _lock:
        if parts not in _made:
            modules = [module if parts == WRITTEN_FOR else _variant(module, parts) for module in TEXTS]
            _made[parts] = {name: value for module in modules for name, value in vars(module).items()}
        return _made[parts]


def _variant(module: ModuleType, parts: tuple[str, str]) -> ModuleType:
    """The module for another activation or loss."""
    text = Path(str(module.__file__)).read_text()
    for folder, written, other in zip(("_units", "_heads"), WRITTEN_FOR, parts, strict=True):
        text = text.replace(f"{folder}.{written}", f"{folder}.{other}")
    for other in TEXTS:
        text = text.replace(f"from {other.__name__} ", f"from {_name(other, parts)} ")
    made = ModuleType(_name(module, parts), module.__doc__)
    made.__file__ = module.__file__
    sys.modules[made.__name__] = made  # numba finds it there when it loads from its cache
    exec(compile(text, str(module.__file__), "exec"), vars(made))  # noqa: S102 (our own text)
    return made


def _name(module: ModuleType, parts: tuple[str, str]) -> str:
    activation, head = parts
    return f"{module.__name__}_{activation}" + (f"_{head}" if head != WRITTEN_FOR[1] else "")
