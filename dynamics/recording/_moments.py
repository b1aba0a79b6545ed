"""Two-time displacements of a run that is going on: positions at the waiting times lie on disk, sums are kept."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dynamics.recording._files import Header, Place
from dynamics.runs import sizes_of
from landscape.support import new_file

CHUNK = 2**20  # numbers at a time


class Positions:
    """The parameters of one run at its waiting times, one file each, and the moments of the displacements from there.

    They stay until the run is complete, because a run may continue from any earlier step; the memory needed is that of
    one parameter.

    Parameters
    ----------
    place : Place
    replica : int
    header : Header
    """

    def __init__(self, place: Place, replica: int, header: Header) -> None:
        self._place, self._replica = place, replica
        self._dtype, self._sizes = header.settings.dtype, sizes_of(header.parameters)
        schedule = header.settings.schedule
        self._waiting, self._lags = schedule.waiting_times, schedule.lags

    def moments(self, step: int, values: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
        """Means (W, 2 + G) of d^2 and d^4, and of d^2 by parameters, of the displacements from each waiting time.

        nan where there is no such pair. `values` are the parameters in order, flat; at a waiting time they are stored.
        """
        sums = np.zeros((self._waiting.size, 2 + self._sizes.size))
        with ExitStack() as stack:
            starts = {w: stack.enter_context(self._path(w).open("rb")) for w in self._open_at(step)}
            out = stack.enter_context(self._new_position(step)) if step in self._waiting else None
            for group, flat in enumerate(values):
                if out is not None:
                    out.write(flat.data)
                for begin in range(0, flat.size, CHUNK):
                    part = flat[begin : begin + CHUNK].astype(np.float64)
                    for w, file in starts.items():
                        _add(sums[w], group, part - self._read(file, part.size))
        sums /= np.concatenate([[self._sizes.sum()] * 2, self._sizes])
        sums[[w for w in range(len(sums)) if w not in starts]] = np.nan
        return sums

    def drop_from(self, step: int) -> None:
        """Remove the positions at this step and those after it."""
        for w in np.flatnonzero(self._waiting >= step):
            self._path(int(w)).unlink(missing_ok=True)

    def _path(self, w: int) -> Path:
        return self._place.position(self._replica, int(self._waiting[w]))

    def _open_at(self, step: int) -> Iterator[int]:
        """Which waiting times are followed by `step` after one of the lags, and have a position."""
        lags = step - self._waiting
        yield from (int(w) for w in np.flatnonzero(np.isin(lags, self._lags)) if self._path(int(w)).exists())

    def _read(self, file: IO[bytes], count: int) -> NDArray[np.float64]:
        found = np.fromfile(file, self._dtype, count)
        if found.size != count:
            msg = f"{file.name} is damaged: it ends before the last parameter"
            raise ValueError(msg)
        return found.astype(np.float64)

    @contextmanager
    def _new_position(self, step: int) -> Iterator[IO[bytes]]:
        """A file to write to, which takes its place when it is complete."""
        with new_file(self._place.position(self._replica, step)) as unfinished, unfinished.open("wb") as file:
            yield file
            file.flush()


def _add(sums: NDArray[np.float64], group: int, displacement: NDArray[np.float64]) -> None:
    squares = displacement**2
    total = squares.sum()
    sums[0] += total
    sums[1] += (squares**2).sum()
    sums[2 + group] += total
