"""Storage of a growing ensemble: in memory, or on disk in a way that survives a kill at any moment.

A kill in the middle of a write can destroy a whole HDF5 file. Runs are therefore stored first in the directory
`F.h5.parts`, one file per block, each written under another name, flushed to disk and then renamed, which is atomic.
When all blocks exist, they (and the runs of an older, smaller F.h5) are combined in one new file, which replaces F.h5
by another rename; then the directory is removed. At any moment F.h5 is absent or complete, and only files that have
not been renamed are lost. Unfinished runs leave checkpoints in the same directory (`_checkpoints`). A lock excludes
other processes (`landscape.support`).
"""

import hashlib
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

from dynamics.runs import (
    FORMAT,
    FORMAT_VERSION,
    MOMENTS,
    PER_REPLICA,
    SHARED,
    TEST_CURVES,
    Parameter,
    Trajectories,
    check_numbers,
    check_shapes,
    load_trajectories,
    parameters_to_text,
    with_defaults,
)
from dynamics.training._checkpoints import SECONDS, Checkpoints
from landscape.networks import MLP
from landscape.support import first_difference, new_file, only_writer, read_arrays, reading

HEADER_BYTES = 2**16  # overhead of an HDF5 file, at most
CHECKPOINT_VERSION = 2  # increase it when the content of a checkpoint changes: older ones are then ignored


class Block(NamedTuple):
    """Consecutive replicas from `first` on: arrays with one row each, named as in `Trajectories`."""

    first: int
    snapshots: NDArray[Any]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    test_loss: NDArray[np.float64]
    test_accuracy: NDArray[np.float64]
    displacement: NDArray[np.float64] | None = None
    fourth_moment: NDArray[np.float64] | None = None
    layer_displacement: NDArray[np.float64] | None = None

    @property
    def end(self) -> int:
        """One beyond the last replica."""
        return self.first + len(self.snapshots)


class Header(NamedTuple):
    """Data shared by all replicas."""

    layer_sizes: tuple[int, ...]
    shared: Mapping[str, NDArray[np.int64]]  # the arrays named in `SHARED`
    settings: Mapping[str, Any]  # settings that determine the content of the runs, as JSON
    metadata: Mapping[str, Any]  # settings and everything else worth knowing
    parameters: tuple[Parameter, ...] = ()  # of a module; those of a network follow from its layers

    @property
    def per_replica(self) -> tuple[str, ...]:
        """Names of the arrays of a block."""
        return PER_REPLICA + (MOMENTS if self.settings.get("snapshots") == "waiting" else ())

    @property
    def described(self) -> dict[str, Any]:
        """The settings, and how to make the data: what a person would change."""
        return {**self.settings, "data": self.metadata.get("data")}


class Store(Protocol):
    """A growing ensemble; replicas are added in ascending order without gaps."""

    def count(self) -> int:
        """Number of stored replicas."""
        ...

    def begin(self) -> Checkpoints | None:
        """Prepare for blocks; return where unfinished runs may be kept, if anywhere."""
        ...

    def add(self, block: Block) -> None:
        """Store a block, which begins at replica `count()`."""
        ...

    def finish(self) -> Trajectories:
        """Return all replicas."""
        ...


class MemoryStore:
    """A store that ends with the process."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._blocks: list[Block] = []

    def count(self) -> int:
        """Number of stored replicas."""
        return self._blocks[-1].end if self._blocks else 0

    def begin(self) -> None:
        """Does nothing; unfinished runs are not kept."""

    def add(self, block: Block) -> None:
        """Store a block."""
        self._blocks.append(block)

    def finish(self) -> Trajectories:
        """Return all replicas."""
        header = self._header
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(block, name) for block in self._blocks]) for name in header.per_replica
        }
        own = {name: getattr(header, name) for name in ("layer_sizes", "metadata", "parameters")}
        return Trajectories(**own, **header.shared, **arrays)


class FileStore:
    """The store at `path`, made with the settings of `header`.

    Raises
    ------
    ValueError
        If `path` is not a file of agescape, or it or its parts were made with other settings.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path.absolute()
        self._parts = self._path.with_name(self._path.name + ".parts")
        self._settings = self._parts / "settings.json"
        self._header = header
        if self._path.exists():
            old = load_trajectories(path)
            if not old.recorded.all():
                msg = f"{path} lacks snapshots, so train did not write it; choose another file"
                raise ValueError(msg)
            lists = {name: getattr(old, name).tolist() for name in ("waiting_times", "lags", "curve_steps")}
            compare_settings(path, {**old.metadata, **lists}, header)
        digest = hashlib.sha256(json.dumps([CHECKPOINT_VERSION, header.settings]).encode()).hexdigest()
        self._checkpoints = Checkpoints(self._parts, digest, SECONDS)
        if self._settings.exists():
            if any(self._parts.glob("*[0-9].npz")) or any(self._parts.glob("*.checkpoint")):
                compare_settings(self._parts, self._read_settings(), header)
            else:
                shutil.rmtree(self._parts)

    def count(self) -> int:
        """Number of replicas in the file and in parts that follow it."""
        count = self._in_file()
        for first, end in self._ranges():
            if first <= count:
                count = max(count, end)
        return count

    def begin(self) -> Checkpoints:
        """Create the directory of parts, which records their settings; unfinished runs are kept there, too."""
        if not self._settings.exists():
            if self._parts.exists():
                shutil.rmtree(self._parts)
            self._parts.mkdir(parents=True)
            with new_file(self._settings) as unfinished:
                unfinished.write_text(json.dumps(self._header.described))
        return self._checkpoints

    def add(self, block: Block) -> None:
        """Store a block in its own file, and remove the checkpoints of its runs."""
        self.begin()
        part = self._parts / f"{block.first:07d}-{block.end:07d}.npz"
        with new_file(part) as unfinished, unfinished.open("wb") as file:
            np.savez(file, **{name: getattr(block, name) for name in self._header.per_replica})
        self._checkpoints.remove(range(block.first, block.end))

    def finish(self) -> Trajectories:
        """Combine all replicas in the file and return them."""
        if self.count() > self._in_file():
            with new_file(self._path, self._parts) as unfinished:
                check_space(unfinished, self._size())
                with h5py.File(unfinished, "w") as file:
                    self._fill(file)
        self._settings.unlink(missing_ok=True)
        # a thread that outlived Ctrl-C may still write a checkpoint there
        shutil.rmtree(self._parts, ignore_errors=True)
        return load_trajectories(self._path)

    def _in_file(self) -> int:
        return load_trajectories(self._path).replicas if self._path.exists() else 0

    def _ranges(self) -> list[tuple[int, int]]:
        """First and end of every part. Parts without settings are left from a killed removal and do not count."""
        if not self._settings.exists():
            return []
        names = sorted(path.stem for path in self._parts.glob("*-*.npz"))
        return [(int(name[:7]), int(name[8:])) for name in names]

    def _blocks(self) -> Iterator[Block]:
        """The file's content, block by block, then the parts that follow it."""
        done = self._in_file()
        if done:
            old = load_trajectories(self._path)
            for first in range(0, done, 10):
                rows = slice(first, min(done, first + 10))
                yield Block(first, **{name: getattr(old, name)[rows] for name in self._header.per_replica})
        for first, end in self._ranges():
            if first <= done < end:
                yield Block(done, **{name: array[done - first :] for name, array in self._part(first, end).items()})
                done = end

    def _part(self, first: int, end: int) -> dict[str, NDArray[Any]]:
        """The arrays of a part; ValueError if they are invalid."""
        path, header = self._parts / f"{first:07d}-{end:07d}.npz", self._header
        arrays = read_arrays(path, header.per_replica)
        missing = [name for name in header.per_replica if name not in arrays and name not in TEST_CURVES]
        numbers = (np.float32, np.float64)
        if missing or any(array.dtype not in numbers for array in arrays.values()):
            msg = f"{path} is damaged: {f'it has no {missing[0]}' if missing else 'its arrays are not real numbers'}"
            msg += f"; remove {self._parts} to start again"
            raise ValueError(msg)
        sizes = {name: array.size for name, array in header.shared.items()}
        shapes = {name: array.shape for name, array in arrays.items()}
        n_parameters = MLP(header.layer_sizes).n_parameters if header.layer_sizes else (shapes["snapshots"] or (0,))[-1]
        check_shapes(path, shapes, end - first, n_parameters, sizes, None)
        for name, array in arrays.items():
            check_numbers(path, name, array)
        # parts of older versions have no test curves
        return {
            name: arrays[name] if name in arrays else np.full(shapes["loss"], np.nan) for name in header.per_replica
        }

    def _read_settings(self) -> Any:
        with reading(self._settings, f"is damaged, remove {self._parts} to start again"):
            settings = json.loads(self._settings.read_text())
        if not isinstance(settings, dict):
            msg = f"{self._settings} is damaged: it holds {settings!r:.200}; remove {self._parts} to start again"
            raise ValueError(msg)
        return settings

    def _size(self) -> int:
        """Approximate size of the file in bytes."""
        size = HEADER_BYTES + sum(array.nbytes for array in self._header.shared.values())
        if self._path.exists():
            size += self._path.stat().st_size
        return size + sum(path.stat().st_size for path in self._parts.glob("*-*.npz"))

    def _fill(self, file: h5py.File) -> None:
        header, total = self._header, self.count()
        file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, layer_sizes=header.layer_sizes)
        file.attrs["metadata"] = json.dumps(dict(header.metadata))
        if header.parameters:
            file.attrs["parameters"] = parameters_to_text(header.parameters)
        for name in SHARED:
            file[name] = header.shared[name]
        for block in self._blocks():
            for name in header.per_replica:
                rows = getattr(block, name)
                dataset = file.require_dataset(name, (total, *rows.shape[1:]), rows.dtype)
                dataset[block.first : block.end] = rows


@contextmanager
def open_store(path: Path | None, header: Header) -> Iterator[Store]:
    """The store at `path`, locked against other processes; without a path one in memory.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    ValueError
        As in `FileStore`.
    """
    if path is None:
        yield MemoryStore(header)
        return
    with only_writer(path):
        yield FileStore(path, header)


def compare_settings(path: Path, old: Mapping[str, Any], new: Header) -> None:
    """Raise a ValueError that names the first of the `new` settings that differs from the `old` ones."""
    names = ("optimizer", *new.settings, "activation", "loss")  # files of SGD, tanh and cross-entropy do not name these
    if found := first_difference(with_defaults(old), with_defaults(new.described), names):
        values = f"{found.own!r}, not {found.other!r}"
        msg = f"{path} was made with {found.name} = {values}; choose another file, or that value"
        raise ValueError(msg)


def check_space(path: Path, size: int) -> None:
    """Raise an OSError unless there is space for a file of `size` bytes: HDF5 may crash if a write fails."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, f"{error.strerror} ({size} bytes)", str(path)) from error
