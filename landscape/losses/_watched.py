"""A loss that counts its calls and that ends a search when its time is over, in whichever process it runs.

Searches know nothing of it: they call the loss, and between two calls they can be stopped.
"""

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

L = TypeVar("L")

CALL_KINDS = ("gradients", "Hessians", "products")
CALLS = {  # methods of a loss that cost time, and the kind of which they count
    "value_and_gradient": 0,
    "values_and_gradients": 0,
    "value_gradient_hessian": 1,
    "hessian_vector_product": 2,
}
GRACE = 5.0  # seconds after its first call that a search has in any case: short ones are ended, not stopped
BETWEEN = 0.5  # seconds between two notes of a process of what it has done


class OutOfTime(Exception):
    """The time of a search is over; nothing of it counts."""


@dataclass(frozen=True)
class Watch:
    """What to watch; a copy travels with each search.

    Attributes
    ----------
    deadline : float
        Time in seconds since the epoch, which all machines share, from which on no call is made.
    folder : str or None
        Folder where each process notes how many calls it made, see `calls_made`.
    """

    deadline: float = math.inf
    folder: str | None = None
    first: list[float] = field(default_factory=list)  # when the first call of this copy ended

    def before(self) -> None:
        """Raise `OutOfTime` if the time is over."""
        if self.deadline < math.inf and self.first and time.time() > max(self.deadline, self.first[0] + GRACE):
            raise OutOfTime

    def after(self, kind: int, calls: int) -> None:
        """Count calls."""
        if not self.first:
            self.first.append(time.time())  # the first call may have compiled
        if self.folder is not None:
            _tally(self.folder).add(kind, calls)


def watched(loss: L, watch: Watch) -> L:
    """The same loss, watched: of the same class and with the same attributes, which the two share.

    A loss without attributes of its own, or one whose methods are attributes, is returned as it is.
    """
    kind: Any = type(loss)
    if not hasattr(loss, "__dict__"):
        return loss
    methods = {
        name: _counting(getattr(kind, name), watch, column, batch=name == "values_and_gradients")
        for name, column in CALLS.items()
        if hasattr(kind, name)
    }
    anew = partial(Watch, watch.deadline, watch.folder)
    own: dict[str, Any] = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    own |= methods | {"__reduce__": lambda self: (watched, (loss, anew()))}
    other = object.__new__(type(kind.__name__, (kind,), own))
    object.__setattr__(other, "__dict__", loss.__dict__)
    return other


def _counting(method: Callable[..., Any], watch: Watch, kind: int, *, batch: bool) -> Callable[..., Any]:
    def counted(self: Any, points: Any, *others: Any) -> Any:
        watch.before()
        result = method(self, points, *others)
        watch.after(kind, len(points) if batch else 1)
        return result

    return counted


class _Tally:
    """The calls of this process, in a file of its own."""

    def __init__(self, folder: str) -> None:
        self._path, self._calls, self._noted = Path(folder) / str(os.getpid()), [0] * len(CALL_KINDS), 0.0

    def add(self, kind: int, calls: int) -> None:
        self._calls[kind] += calls
        if (now := time.monotonic()) - self._noted > BETWEEN:
            self._noted = now
            with suppress(OSError):  # a machine of a cluster that does not share the folder
                self._path.write_bytes(np.array(self._calls, np.int64).tobytes())


_TALLIES: dict[str, _Tally] = {}


def _tally(folder: str) -> _Tally:
    if folder not in _TALLIES:
        _TALLIES[folder] = _Tally(folder)
    return _TALLIES[folder]


def calls_made(folder: str) -> NDArray[np.int64]:
    """Gradients, Hessians and products (3,) that all processes noted in this folder."""
    total = np.zeros(len(CALL_KINDS), np.int64)
    for path in Path(folder).iterdir():
        noted = path.read_bytes()
        if len(noted) == total.nbytes:  # otherwise it is being written
            total += np.frombuffer(noted, np.int64)
    return total
