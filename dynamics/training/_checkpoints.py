"""Unfinished runs on disk, so that a kill loses seconds of them and not all.

A clock decides when a run is written down, never what becomes of it: from any step on, a run is decided by where it is
and by the numbers that belong to its later steps.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.support import digest, new_file, read_arrays

logger = logging.getLogger(__name__)

SECONDS = 5.0  # between two checkpoints of a run
LARGEST_SHARE = 0.05  # of the time that goes into writing them

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoints:
    """A folder with one file per unfinished run; picklable, for workers anywhere.

    Where a worker does not see the folder, it writes nothing, and a run that is killed there begins anew.

    Parameters
    ----------
    folder : Path
    settings : str
        What the runs are made with: files made with anything else are as good as none.
    seconds : float
        Between two of a run, at least.
    """

    folder: Path
    settings: str
    seconds: float

    def load(self, replica: int) -> dict[str, NDArray[Any]] | None:
        """What was kept of a run, or None."""
        path = self._path(replica)
        try:
            arrays = read_arrays(path)
            if str(arrays.pop("settings", "")) != self.settings:
                return None
            if str(arrays.pop("digest", "")) != digest(arrays):
                msg = "its arrays are not those that were kept"
                raise ValueError(msg)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read, its run begins anew: %s", path, error)
            return None
        return arrays

    def save(self, replica: int, arrays: Arrays) -> None:
        """Keep this of a run, instead of what was kept before; a failure is logged once and does no other harm."""
        if not self.folder.is_dir():
            _warn_once(f"{self.folder} is not to be seen from here: runs that are interrupted here begin anew")
            return
        try:
            with new_file(self._path(replica)) as unfinished, unfinished.open("wb") as file:
                marks = {"settings": np.array(self.settings), "digest": np.array(digest(arrays))}
                np.savez(file, **marks, **arrays)  # pyright: ignore[reportArgumentType]
        except OSError as error:
            _warn_once(f"runs that are interrupted begin anew: {error}")

    def keeper(self, replica: int) -> Callable[[Callable[[], Arrays]], None]:
        """A function to be called often: it saves what its argument gives of the run, when it is time."""
        due = time.monotonic() + self.seconds

        def keep(state: Callable[[], Arrays]) -> None:
            nonlocal due
            if (begin := time.monotonic()) >= due:
                self.save(replica, state())
                end = time.monotonic()
                due = end + max(self.seconds, (end - begin) / LARGEST_SHARE)

        return keep

    def remove(self, replicas: range) -> None:
        """Forget these runs."""
        for replica in replicas:
            self._path(replica).unlink(missing_ok=True)

    def _path(self, replica: int) -> Path:
        return self.folder / f"{replica:07d}.checkpoint"


@cache
def _warn_once(message: str) -> None:
    logger.warning(message)
