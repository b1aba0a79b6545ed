"""Where an ensemble grows: in memory, or on disk so that a kill at any moment does no harm.

An HDF5 file that is killed in the middle of a write can be lost as a whole. So the runs wait, one file per block, in
the directory `F.h5.parts`; every one of these files is written under another name, flushed to disk and then renamed,
which is atomic. When all are there, they (and the runs of an older, smaller F.h5) are put together in one new file,
which takes the place of F.h5 by another rename; then the directory is removed. At any moment F.h5 is absent or
complete, and what is lost is what was not renamed yet. Two processes must not train into one file at a time.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from dynamics.trajectories import FORMAT, FORMAT_VERSION, PER_REPLICA, SHARED, Trajectories, load_trajectories

# What runs were made with before there were these settings: files that do not have them have these.
EARLIER_SETTINGS = {
    "momentum": 0.0,
    "schedule": "constant",
    "label_noise": 0.0,
    "shared_order": False,
    "start": "glorot",
}


class Block(NamedTuple):
    """Consecutive replicas from `first` on: arrays with one row each, named as in `Trajectories`."""

    first: int
    snapshots: NDArray[Any]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    test_loss: NDArray[np.float64]
    test_accuracy: NDArray[np.float64]

    @property
    def end(self) -> int:
        """One beyond the last replica."""
        return self.first + len(self.snapshots)


class Header(NamedTuple):
    """What all replicas share."""

    layer_sizes: tuple[int, ...]
    shared: Mapping[str, NDArray[np.int64]]  # the arrays named in `SHARED`
    settings: Mapping[str, Any]  # what decides the content of the runs, as JSON holds it
    metadata: Mapping[str, Any]  # settings and everything else worth knowing


class Store(Protocol):
    """A growing ensemble; replicas are added in ascending order without gaps."""

    def count(self) -> int:
        """Replicas that are here already."""
        ...

    def add(self, block: Block) -> None:
        """Keep a block, which begins at replica `count()`."""
        ...

    def finish(self) -> Trajectories:
        """All the replicas."""
        ...


class MemoryStore:
    """A store that ends with the process."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._blocks: list[Block] = []

    def count(self) -> int:
        """Replicas that are here already."""
        return self._blocks[-1].end if self._blocks else 0

    def add(self, block: Block) -> None:
        """Keep a block."""
        self._blocks.append(block)

    def finish(self) -> Trajectories:
        """All the replicas."""
        arrays = {name: np.concatenate([getattr(block, name) for block in self._blocks]) for name in PER_REPLICA}
        header = self._header
        return Trajectories(layer_sizes=header.layer_sizes, metadata=header.metadata, **header.shared, **arrays)


class FileStore:
    """The store at `path`, made with the settings of `header`.

    Raises
    ------
    ValueError
        If `path` is not a file of ours, or it, or what waits beside it, was made with other settings.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path.absolute()
        self._parts = self._path.with_name(self._path.name + ".parts")
        self._settings = self._parts / "settings.json"
        self._header = header
        if self._path.exists():
            old = load_trajectories(path)
            lists = {name: getattr(old, name).tolist() for name in ("waiting_times", "lags", "curve_steps")}
            compare_settings(path, {**old.metadata, **lists}, header.settings)
        if self._settings.exists():
            compare_settings(self._parts, json.loads(self._settings.read_text()), header.settings)

    def count(self) -> int:
        """Replicas that are here already, in the file and in parts that follow it."""
        count = self._in_file()
        for first, end in self._ranges():
            if first <= count:
                count = max(count, end)
        return count

    def add(self, block: Block) -> None:
        """Keep a block in a file of its own."""
        if not self._settings.exists():
            self._begin()
        with atomic(self._parts / f"{block.first:07d}-{block.end:07d}.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **{name: getattr(block, name) for name in PER_REPLICA})

    def finish(self) -> Trajectories:
        """All the replicas, put together in the file."""
        if self.count() > self._in_file():
            with atomic(self._path, directory=self._parts) as temporary, h5py.File(temporary, "w") as file:
                self._fill(file)
        if self._parts.exists():
            shutil.rmtree(self._parts)
        return load_trajectories(self._path)

    def _begin(self) -> None:
        """An empty directory of parts that says what they will be made with."""
        if self._parts.exists():
            shutil.rmtree(self._parts)
        self._parts.mkdir(parents=True)
        with atomic(self._settings) as temporary:
            temporary.write_text(json.dumps(self._header.settings))

    def _in_file(self) -> int:
        return load_trajectories(self._path).replicas if self._path.exists() else 0

    def _ranges(self) -> list[tuple[int, int]]:
        """First and end of every part. Parts without settings are what a kill left of a removal: they do not count."""
        if not self._settings.exists():
            return []
        names = sorted(path.stem for path in self._parts.glob("*-*.npz"))
        return [(int(name[:7]), int(name[8:])) for name in names]

    def _blocks(self) -> Iterator[Block]:
        """What the file holds, block by block, then the parts that follow it."""
        done = self._in_file()
        if done:
            old = load_trajectories(self._path)
            for first in range(0, done, 10):
                rows = slice(first, min(done, first + 10))
                yield Block(first, *(getattr(old, name)[rows] for name in PER_REPLICA))
        for first, end in self._ranges():
            if first <= done < end:
                with np.load(self._parts / f"{first:07d}-{end:07d}.npz", allow_pickle=False) as part:
                    # a part that an older version left has no test curves
                    none = np.full(part["loss"].shape, np.nan)
                    arrays = (part[name] if name in part else none for name in PER_REPLICA)
                    yield Block(done, *(array[done - first :] for array in arrays))
                done = end

    def _fill(self, file: h5py.File) -> None:
        header, total = self._header, self.count()
        file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, layer_sizes=header.layer_sizes)
        file.attrs["metadata"] = json.dumps(dict(header.metadata))
        for name in SHARED:
            file[name] = header.shared[name]
        for block in self._blocks():
            for name in PER_REPLICA:
                rows = getattr(block, name)
                dataset = file.require_dataset(name, (total, *rows.shape[1:]), rows.dtype)
                dataset[block.first : block.end] = rows


def compare_settings(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise a ValueError that names the first of the `new` settings that differs from the `old` ones."""
    old = {**EARLIER_SETTINGS, **old}
    for name, value in new.items():
        if old.get(name) != value:
            msg = (
                f"{path} was made with {name} = {old.get(name)!r}, asked for is {value!r}: choose another path, or that"
            )
            raise ValueError(msg)


@contextmanager
def atomic(path: Path, directory: Path | None = None) -> Iterator[Path]:
    """A temporary path (in `directory`, by default beside `path`) that becomes `path` when all went well."""
    temporary = (directory or path.parent) / f".{path.name}.tmp"
    yield temporary
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
