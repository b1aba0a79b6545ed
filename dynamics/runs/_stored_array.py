"""Arrays that stay in their file until they are indexed."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dynamics.runs._finite import check_snapshots
from dynamics.runs._opening import opened
from dynamics.runs._runs_file import check_numbers


@dataclass(frozen=True)
class StoredArray:
    """The first `shape[0]` rows of an array in an HDF5 file, read when indexed, without keeping the file open.

    Of snapshots it knows the `steps` (S,) and which are `recorded` (R, S): these must be finite.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    steps: NDArray[np.int64] | None = field(default=None, compare=False)
    recorded: NDArray[np.bool_] | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part, rest = self._split(key)  # an index out of range is not damage
        with opened(self.path) as file:
            dataset: Any = file[self.name]
            found = dataset[part]
            if self.steps is not None and not self._finite(found, part):
                recorded = np.ones(self.shape[:2], np.bool_) if self.recorded is None else self.recorded[: len(self)]
                check_snapshots(dataset, self.steps, f"the runs in {self.path}", recorded)
            check_numbers(self.path, self.name, found)
        return found[rest]

    def _finite(self, found: NDArray[Any], part: tuple[int | slice, ...]) -> bool:
        """Whether what was read is finite where it was recorded."""
        if self.recorded is None or np.isfinite(found).all():
            return bool(np.isfinite(found).all())
        return bool(np.isfinite(found[self.recorded[: len(self)][part]]).all())

    def _split(self, key: Any) -> tuple[tuple[int | slice, ...], Any]:
        """What to read of the first two axes, and the index into that."""
        keys = key if isinstance(key, tuple) else (key,)
        parts = [_contiguous(one, size) for one, size in zip(keys[:2], self.shape[:2], strict=False)]
        if None in parts[:1]:
            return (slice(len(self)),), key
        known = tuple(part for part in parts if part is not None)
        kept = tuple(slice(None) for part in known if isinstance(part, slice))
        return known, (*kept, *keys[len(known) :])

    def head(self, rows: int) -> "StoredArray":
        """Its first rows."""
        return replace(self, shape=(rows, *self.shape[1:]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


def _contiguous(key: Any, size: int) -> int | slice | None:
    """An index or a slice without gaps, within the axis; None for any other key."""
    if isinstance(key, int | np.integer):
        return range(size)[key]
    if isinstance(key, slice) and key.step in (None, 1):
        return slice(*key.indices(size)[:2])
    return None
