"""The compiled kernels of every activation: the text of those of tanh, with another activation in its place.

So each is compiled on its own, when it is needed, and nothing is decided while it runs. Numba's cache has all variants
under the file of the text, and tells them apart by what is compiled into them (`landscape.support.njit`).
"""

import sys
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from landscape.losses import _hessian, _kernels, _scores

TEXTS = (_kernels, _hessian, _scores)  # each after those that it imports
WRITTEN_FOR = "tanh"


_made: dict[str, dict[str, Any]] = {}
_lock = Lock()  # threads may ask for the same at once


def kernels(activation: str) -> dict[str, Any]:
    """The compiled functions for this activation, of `_kernels`, `_hessian` and `_scores`, by name."""
    found = _made.get(activation)
    return _make(activation) if found is None else found


def _make(activation: str) -> dict[str, Any]:
    with _lock:
        if activation not in _made:
            modules = [module if activation == WRITTEN_FOR else _variant(module, activation) for module in TEXTS]
            _made[activation] = {name: value for module in modules for name, value in vars(module).items()}
        return _made[activation]


def _variant(module: ModuleType, activation: str) -> ModuleType:
    """The module for another activation."""
    text = Path(str(module.__file__)).read_text()
    text = text.replace(f"_units.{WRITTEN_FOR}", f"_units.{activation}")
    for other in TEXTS:
        text = text.replace(f"from {other.__name__} ", f"from {_name(other, activation)} ")
    made = ModuleType(_name(module, activation), module.__doc__)
    made.__file__ = module.__file__
    sys.modules[made.__name__] = made  # numba finds it there when it loads from its cache
    exec(compile(text, str(module.__file__), "exec"), vars(made))  # noqa: S102 (our own text)
    return made


def _name(module: ModuleType, activation: str) -> str:
    return f"{module.__name__}_{activation}"
