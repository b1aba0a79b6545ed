"""Sums of a pass over files that was interrupted, so that the next one goes on from there."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from landscape.support import digest, new_file, read_arrays

logger = logging.getLogger(__name__)

SECONDS = 5.0  # between two writes
Array = NDArray[np.float64]
State = tuple[int, Array, Array]  # number of parts that are done, sums of the run that is not


class Unfinished(Protocol):
    """Where the sums so far are kept."""

    def load(self, found: dict[str, Array]) -> State:
        """Fill in the moments of finished runs, and return the state of the next one."""
        ...

    def keep(self, done: int, found: Mapping[str, Array], squares: Array, fourths: Array) -> None:
        """Keep the state, if it is time to."""
        ...


class Nowhere:
    """Nothing is kept."""

    def load(self, found: dict[str, Array]) -> State:
        """The state of the beginning."""
        del found
        return 0, np.zeros((0, 0)), np.zeros(0)

    def keep(self, done: int, found: Mapping[str, Array], squares: Array, fourths: Array) -> None:
        """Do nothing."""


class UnfinishedFile:
    """The state in a file; one that was made of other files or for another grid (`settings`) is ignored."""

    def __init__(self, path: Path, settings: str) -> None:
        self.path = path
        self._settings = settings
        self._due = time.monotonic() + SECONDS

    def load(self, found: dict[str, Array]) -> State:
        """Fill in the moments of finished runs, and return the state of the next one."""
        try:
            arrays = read_arrays(self.path)
            mark = str(arrays.pop("settings", ""))
            if mark == self._settings and str(arrays.pop("digest", "")) == digest(arrays):
                for name, array in found.items():
                    array[...] = arrays[name]
                return int(arrays["done"]), arrays["squares"], arrays["fourths"]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, LookupError) as error:
            logger.warning("%s cannot be read, so the files are read from the beginning: %s", self.path, error)
        return Nowhere().load(found)

    def keep(self, done: int, found: Mapping[str, Array], squares: Array, fourths: Array) -> None:
        """Write the state, at most every few seconds."""
        if time.monotonic() < self._due:
            return
        arrays: dict[str, Any] = {**found, "done": np.array(done), "squares": squares, "fourths": fourths}
        marks = {"settings": np.array(self._settings), "digest": np.array(digest(arrays))}
        with new_file(self.path) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **marks, **arrays)
        self._due = time.monotonic() + SECONDS
