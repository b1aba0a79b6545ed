"""agescape: how a neural network's loss landscape relates to the aging of the SGD that explores it.

The work is done by three packages, which this one finds when they are used: `landscape`, `dynamics` and `bridge`.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["__version__", "bridge", "dynamics", "landscape"]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        try:
            return version("agescape")
        except PackageNotFoundError:  # run from a copy that is not installed
            return "unknown"
    if name in __all__:
        return importlib.import_module(name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
