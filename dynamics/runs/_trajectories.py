"""Snapshots of an ensemble of runs: in memory, or a view of an HDF5 file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dynamics.runs._finite import check_curves, check_snapshots
from dynamics.runs._moments import MOMENTS
from dynamics.runs._opening import check_is_hdf5, opened
from dynamics.runs._runs_file import (
    PER_REPLICA,
    SHARED,
    TEST_CURVES,
    TRAINING_CURVES,
    check_numbers,
    dataset_of,
    not_ascending,
    read_curves,
    read_header,
    read_shared,
)
from landscape.losses import ModuleSource
from landscape.networks import MLP
from landscape.support import Result
from landscape.symmetry import PermutationSpec

NOT_IDENTITY = {
    "version",
    "snapshots",
    "data",
    "module_file",
}  # parts of the metadata: `data_sha256` identifies the data


@dataclass(frozen=True)
class StoredArray:
    """The first `shape[0]` rows of an array in an HDF5 file, read when indexed, without keeping the file open."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    steps: NDArray[np.int64] | None = field(default=None, compare=False)  # of snapshots, which then must be finite

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, rest = self._split(key)  # an index out of range is not damage
        with opened(self.path) as file:
            dataset: Any = file[self.name]
            found = dataset[rows]
            if self.steps is not None and not np.isfinite(found).all():
                check_snapshots(dataset[: len(self)], self.steps, f"the runs in {self.path}")
            check_numbers(self.path, self.name, found)
        return found[rest]

    def _split(self, key: Any) -> tuple[int | slice, Any]:
        """Rows to read, and the index into them."""
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if isinstance(first, int | np.integer):
            return range(len(self))[first], rest
        if isinstance(first, slice) and first.step in (None, 1):
            start, stop, _ = first.indices(len(self))
            return slice(start, stop), (slice(None), *rest)
        return slice(len(self)), key

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)


@dataclass(frozen=True, eq=False)
class Trajectories(Result, shows=("layer_sizes", "loss", "accuracy")):
    """R runs of the same network on the same data from different starts. Its arrays are read-only.

    A diverged run cannot be among them, because it would make averages over the ensemble meaningless.

    Parameters
    ----------
    layer_sizes : tuple of int
        Layer sizes of the network; empty if no network made the runs (`dynamics.synthetic`).
    steps : (S,) int64
        Steps of the snapshots, ascending.
    snapshots : (R, S, P) float32 or float64
        Parameters before these steps. From a file it is a `StoredArray`: index it replica by replica.
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    curve_steps : (C,) int64
        Steps of the curves.
    loss : (R, C) float64
        Training loss including its penalty (nats).
    accuracy : (R, C) float64
        Accuracy on the training rows.
    gradient_norm : (R, C) float64
        Norm of the gradient of the training loss.
    test_loss : (R, C) float64
        Mean cross-entropy without penalty on the test rows (nats). By default nan, as without such rows, and for files
        of versions that did not record it.
    test_accuracy : (R, C) float64
        Accuracy on the test rows; nan like `test_loss`.
    displacement : (R, W, T) float64, optional
        If `train` computed them during the runs (snapshots="waiting"): means of d^2 and d^4 over the components of the
        displacement d(tw, tw + lag), and of d^2 over each layer's kernel and biases; nan beyond the run. From a file
        they are `StoredArray`. `mean_square_displacement`, `non_gaussian` and `layer_displacement` read them.
    fourth_moment : (R, W, T) float64, optional
        If `train` computed them during the runs (snapshots="waiting"): means of d^2 and d^4 over the components of the
        displacement d(tw, tw + lag), and of d^2 over each layer's kernel and biases; nan beyond the run. From a file
        they are `StoredArray`. `mean_square_displacement`, `non_gaussian` and `layer_displacement` read them.
    layer_displacement : (R, W, T, G) float64, optional
        If `train` computed them during the runs (snapshots="waiting"): means of d^2 and d^4 over the components of the
        displacement d(tw, tw + lag), and of d^2 over each layer's kernel and biases; nan beyond the run. From a file
        they are `StoredArray`. `mean_square_displacement`, `non_gaussian` and `layer_displacement` read them.
    metadata : mapping
        How the runs were made: arguments of `train`, the data set's own metadata, `data_sha256`, version.

    Raises
    ------
    ValueError
        If shapes do not match, times do not ascend strictly, or a run diverged (its snapshots or curves are not finite;
        snapshots in a file are checked when they are read): the message names the run and the step.
    """

    layer_sizes: tuple[int, ...]
    steps: NDArray[np.int64]
    snapshots: Any
    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    curve_steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    test_loss: NDArray[np.float64] = None  # pyright: ignore[reportAssignmentType]
    test_accuracy: NDArray[np.float64] = None  # pyright: ignore[reportAssignmentType]
    displacement: Any = None
    fourth_moment: Any = None
    layer_displacement: Any = None

    def __post_init__(self) -> None:
        for name in TEST_CURVES:
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(self.loss.shape, np.nan))
        for name in (*SHARED, *PER_REPLICA, *MOMENTS):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)
        for name in SHARED:
            if wrong := not_ascending(getattr(self, name)):
                msg = f"{name} must ascend strictly, without repetitions; {wrong}"
                raise ValueError(msg)
        if self.snapshots.shape[1:2] != self.steps.shape or len(self.snapshots.shape) != 3:
            msg = f"snapshots must have shape (R, {self.steps.size}, P) for these steps; got {self.snapshots.shape}"
            raise ValueError(msg)
        if isinstance(self.snapshots, np.ndarray):
            check_snapshots(self.snapshots, self.steps, self.source)
        check_curves({name: getattr(self, name) for name in TRAINING_CURVES}, self.curve_steps, self.source)
        grid = (self.replicas, self.waiting_times.size, self.lags.size)
        for name in MOMENTS:
            array = getattr(self, name)
            if array is not None and array.shape[:3] != grid:
                msg = f"{name} must have shape {grid} for these runs and times; got {array.shape}"
                raise ValueError(msg)

    @property
    def replicas(self) -> int:
        """Number R of runs."""
        return self.snapshots.shape[0]

    @property
    def n_parameters(self) -> int:
        """Number P of parameters."""
        return self.snapshots.shape[2]

    @property
    def source(self) -> str:
        """Their name in messages."""
        path = getattr(self.snapshots, "path", None)
        return "the runs" if path is None else f"the runs in {path}"

    @property
    def network(self) -> MLP:
        """The network whose parameters these are; ValueError if no network made them."""
        if not self.layer_sizes:
            msg = "runs must be those of a network, with layer_sizes; these have none"
            raise ValueError(msg)
        return MLP(self.layer_sizes, self.metadata.get("activation", "tanh"))

    @property
    def module(self) -> ModuleSource | None:
        """The torch module whose parameters these are, if the runs name one."""
        return ModuleSource.from_settings(self.metadata)

    @property
    def symmetries(self) -> MLP | PermutationSpec | None:
        """The network, or the symmetries that a module declares; None if no symmetries are known."""
        if self.layer_sizes:
            return self.network
        return None if self.module is None else self.module.spec

    @property
    def advice(self) -> str:
        """Addition to a message about a missing snapshot: nothing, or the reason."""
        thin = self.displacement is not None
        return "; runs trained with snapshots='all' (--snapshots all) keep more than these" if thin else ""

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits that distinguish these runs from those with other settings, seeds or data.

        Equal for a file that has more replicas or keeps other snapshots.
        """
        settings = {name: value for name, value in self.metadata.items() if name not in NOT_IDENTITY}
        text = json.dumps([self.layer_sizes, settings], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def at_most(self, replicas: int | None) -> "Trajectories":
        """The first `replicas` runs, or all of them if there are no more or it is None."""
        return self if replicas is None else self.first(min(replicas, self.replicas))

    def first(self, replicas: int) -> "Trajectories":
        """The first `replicas` runs."""
        if not 1 <= replicas <= self.replicas:
            msg = f"replicas must be in 1 ... {self.replicas}; got {replicas!r}"
            raise ValueError(msg)
        arrays = {name: getattr(self, name) for name in (*PER_REPLICA, *MOMENTS)}
        return replace(self, **{name: _head(array, replicas) for name, array in arrays.items() if array is not None})


def _head(array: Any, rows: int) -> Any:
    """The first `rows` rows."""
    return replace(array, shape=(rows, *array.shape[1:])) if isinstance(array, StoredArray) else array[:rows]


def load_trajectories(path: str | PathLike[str]) -> Trajectories:
    """Open the runs in a file that `train` wrote; snapshots stay in the file until they are indexed.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file does not exist (the message says so if `train` was interrupted before the file was complete), is a
        folder, or cannot be read.
    BlockingIOError
        If another process is writing it.
    ValueError
        If agescape did not write the file, it is damaged, or it holds a diverged run: the message names the file and
        the fault.
    """
    path = Path(path)
    if not path.exists():
        parts = path.with_name(path.name + ".parts")
        unfinished = f"; {parts} holds the runs of an interrupted training: train again with the same settings"
        hint = unfinished if parts.is_dir() else ""
        msg = f"{path} is not a file{hint}"
        raise FileNotFoundError(msg)
    check_is_hdf5(path)
    with opened(path) as file:
        return _read(path, file)


def _read(path: Path, file: h5py.File) -> Trajectories:
    layer_sizes, metadata = read_header(path, file)
    shared = read_shared(path, file, layer_sizes)
    large = {name: dataset_of(path, file, name, "f") for name in ("snapshots", *MOMENTS) if name in file}
    stored: dict[str, Any] = {
        name: StoredArray(
            path.absolute(), name, dataset.shape, dataset.dtype, shared["steps"] if name == "snapshots" else None
        )
        for name, dataset in large.items()
    }
    return Trajectories(layer_sizes=layer_sizes, metadata=metadata, **shared, **read_curves(path, file), **stored)
