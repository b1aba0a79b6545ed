"""Records of one run on disk, appended one by one, in a way that survives a kill at any moment.

A record is the step (int64), five numbers of the curves (float64), the payload and a checksum over all of them. A kill
or a power cut can spoil only the end of the file: whoever opens it reads up to the first record whose checksum is
wrong, and a writer continues from there. Nothing that is read is executed, and no length in it is trusted.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

CURVES = ("loss", "accuracy", "gradient_norm", "test_loss", "test_accuracy")
HEAD = 8 * (1 + len(CURVES))  # bytes before the payload: step and curves
TAIL = 8  # bytes after it: the checksum, as a 64-bit number
CHUNK = 2**22  # bytes read at a time


class Layout(NamedTuple):
    """What the payload of a record is: so many numbers of this type."""

    count: int
    dtype: np.dtype

    @property
    def record(self) -> int:
        """Bytes of a record."""
        return HEAD + self.count * self.dtype.itemsize + TAIL


class Records:
    """The records in a file, for reading; those that were complete when it was opened.

    Parameters
    ----------
    path : Path
    layout : Layout
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path, self.layout = path, layout
        self.steps: list[int] = []
        self.curves: list[NDArray[np.float64]] = []
        if path.exists():
            with path.open("rb") as file:
                while self._scan(file):
                    pass

    def __len__(self) -> int:
        return len(self.steps)

    def payload(self, number: int) -> NDArray[Any]:
        """The payload of a record; BlockingIOError if its run went back before it meanwhile."""
        layout, at = self.layout, number * self.layout.record
        with self.path.open("rb") as file:
            file.seek(at)
            head = file.read(HEAD)
            found = np.fromfile(file, layout.dtype, layout.count)
            tail = file.read(TAIL)
        if _sum(head, found) != tail or int.from_bytes(head[:8], "little", signed=True) != self.steps[number]:
            msg = f"{self.path} changed while it was read: its run continued from an earlier step; try again"
            raise BlockingIOError(msg)
        return found

    def _scan(self, file: IO[bytes]) -> bool:
        """Read one more record; whether it was complete."""
        head = file.read(HEAD)
        left, checksum = self.layout.record - HEAD - TAIL, crc32(head)
        while left and (chunk := file.read(min(left, CHUNK))):
            left, checksum = left - len(chunk), crc32(chunk, checksum)
        step = int.from_bytes(head[:8], "little", signed=True)
        ascends = step >= 0 and (not self.steps or step > self.steps[-1])
        if left or file.read(TAIL) != _tail(checksum) or not ascends:
            return False
        self.steps.append(step)
        self.curves.append(np.frombuffer(head, "<f8", len(CURVES), 8))
        return True


class Journal(Records):
    """The same for the one writer. What is damaged behind the last complete record is cut off."""

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout)
        self._file = path.open("r+b" if path.exists() else "x+b", buffering=0)
        self._cut(len(self))

    def append(self, step: int, curves: Mapping[str, float], payload: Iterable[NDArray[Any]]) -> None:
        """Add a record after all others. If that fails, the file is as before.

        Parameters
        ----------
        step : int
            Beyond the last one.
        curves : mapping of str to float
            Of those named in `CURVES`.
        payload : iterable of array
            Its parts in order, `layout.count` numbers of `layout.dtype` together.
        """
        known = np.array([curves.get(name, np.nan) for name in CURVES], "<f8")
        head = step.to_bytes(8, "little", signed=True) + known.tobytes()
        try:
            self._write(head)
            checksum = crc32(head)
            for part in payload:
                data = np.ascontiguousarray(part, self.layout.dtype).reshape(-1).view(np.uint8).data
                self._write(data)
                checksum = crc32(data, checksum)
            self._write(_tail(checksum))
        except BaseException:
            self._cut(len(self))
            raise
        self.steps.append(step)
        self.curves.append(known)

    def drop_from(self, step: int) -> int:
        """Remove the records of this step and those after it; how many there were."""
        kept = int(np.searchsorted(self.steps, step))
        dropped = len(self) - kept
        del self.steps[kept:], self.curves[kept:]
        self._cut(kept)
        return dropped

    def close(self) -> None:
        """Wait until everything is on the disk."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def _cut(self, records: int) -> None:
        self._file.truncate(records * self.layout.record)
        self._file.seek(0, os.SEEK_END)

    def _write(self, data: Any) -> None:
        """Write all bytes; a single call may write fewer."""
        view = memoryview(data).cast("B")
        while view.nbytes:
            view = view[self._file.write(view) :]


def _sum(head: bytes, payload: NDArray[Any]) -> bytes:
    return _tail(crc32(payload.view(np.uint8).data, crc32(head)))


def _tail(checksum: int) -> bytes:
    return checksum.to_bytes(TAIL, "little")
