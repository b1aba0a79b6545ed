"""Checkpoints of unfinished runs on disk, so that a kill loses only seconds of work.

A clock decides when a run is saved, which never affects its result: from any step on, its position and the random
numbers of its later steps determine a run.
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

SECONDS = 5.0  # seconds between two checkpoints of a run
LARGEST_SHARE = 0.05  # share of the time spent writing them

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoints:
    """A folder with one file per unfinished run; picklable, for workers anywhere.

    A worker that cannot see the folder writes nothing, and a run that is killed there starts again.

    Parameters
    ----------
    folder : Path
    settings : str
        Settings of the runs: files with other settings are ignored.
    seconds : float
        Minimum time between two checkpoints of a run.
    """

    folder: Path
    settings: str
    seconds: float

    def load(self, replica: int) -> dict[str, NDArray[Any]] | None:
        """The checkpoint of a run, or None."""
        path = self._path(replica)
        try:
            arrays = read_arrays(path)
            if str(arrays.pop("settings", "")) != self.settings:
                return None
            if str(arrays.pop("digest", "")) != digest(arrays):
                msg = "its arrays have changed"
                raise ValueError(msg)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read, so its run starts again from step 0: %s", path, error)
            return None
        return arrays

    def save(self, replica: int, arrays: Arrays) -> None:
        """Save the state of a run, replacing the one before; a failure is logged once and otherwise ignored."""
        if not self.folder.is_dir():
            _warn_once(f"{self.folder} is not visible from here: runs interrupted here will start again from step 0")
            return
        try:
            with new_file(self._path(replica)) as unfinished, unfinished.open("wb") as file:
                marks = {"settings": np.array(self.settings), "digest": np.array(digest(arrays))}
                np.savez(file, **marks, **arrays)  # pyright: ignore[reportArgumentType]
        except OSError as error:
            _warn_once(f"checkpoints cannot be written, so interrupted runs will start again from step 0: {error}")

    def keeper(self, replica: int) -> Callable[[Callable[[], Arrays]], None]:
        """A function to call often: it saves the state that its argument returns when a checkpoint is due."""
        due = time.monotonic() + self.seconds

        def keep(state: Callable[[], Arrays]) -> None:
            nonlocal due
            if (begin := time.monotonic()) >= due:
                self.save(replica, state())
                end = time.monotonic()
                due = end + max(self.seconds, (end - begin) / LARGEST_SHARE)

        return keep

    def remove(self, replicas: range) -> None:
        """Remove the checkpoints of these runs."""
        for replica in replicas:
            self._path(replica).unlink(missing_ok=True)

    def _path(self, replica: int) -> Path:
        return self.folder / f"{replica:07d}.checkpoint"


@cache
def _warn_once(message: str) -> None:
    logger.warning(message)
