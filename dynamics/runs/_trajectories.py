"""Snapshots of an ensemble of runs: in memory, or a view of an HDF5 file."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs._finite import check_curves, check_snapshots
from dynamics.runs._moments import MOMENTS
from dynamics.runs._opening import check_is_hdf5, opened
from dynamics.runs._parameters import Parameter, check_parameters, mlp_parameters
from dynamics.runs._runs_file import (
    PER_REPLICA,
    SHARED,
    TEST_CURVES,
    TRAINING_CURVES,
    dataset_of,
    not_ascending,
    read_curves,
    read_header,
    read_parameters,
    read_recorded,
    read_shared,
)
from dynamics.runs._stored_array import StoredArray
from landscape import losses
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
        Parameters before these steps, nan where there is no snapshot (`recorded`). From a file it is a `StoredArray`:
        index it replica by replica. S is 0 if only displacements are kept.
    waiting_times : (W,) int64
        Waiting times tw (steps).
    lags : (T,) int64
        Lags (steps).
    curve_steps : (C,) int64
        Steps of the curves; C is 0 if nobody recorded any. Of runs without `layer_sizes` a curve may be nan at some.
    loss : (R, C) float64
        Training loss including its penalty (nats).
    accuracy : (R, C) float64
        Accuracy on the training rows.
    gradient_norm : (R, C) float64
        Norm of the gradient of the training loss.
    test_loss : (R, C) float64
        Mean loss without penalty on the test rows (nats). By default nan, as without such rows, and for files
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
        How the runs were made: arguments of `train`, the data set's own metadata, `data_sha256`, version. Of runs that
        agescape did not train, what is known.
    recorded : (R, S) bool, optional
        Which snapshots exist; by default all.
    parameters : tuple of Parameter
        Names and shapes in the order of the flat vector; () if unknown. Of a network with `layer_sizes` they follow
        from these.

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
    recorded: NDArray[np.bool_] = None  # pyright: ignore[reportAssignmentType]
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        self._fill_defaults()
        for name in (*SHARED, *PER_REPLICA, *MOMENTS, "recorded"):
            array = getattr(self, name)
            if isinstance(array, np.ndarray):
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)
        for name in SHARED:
            if wrong := not_ascending(getattr(self, name)):
                msg = f"{name} must ascend strictly, without repetitions; {wrong}"
                raise ValueError(msg)
        self._check_snapshots()
        # a regression has no accuracy
        regression = self.loss_name == "squared-error" and bool(np.isnan(self.accuracy).all())
        names = [name for name in TRAINING_CURVES if not (regression and name == "accuracy")]
        curves = {name: getattr(self, name) for name in names}
        gaps = not self.layer_sizes or "recording" in self.metadata  # a Recorder knows only what it was told
        check_curves(curves, self.curve_steps, self.source, gaps=gaps)
        grid = (self.replicas, self.waiting_times.size, self.lags.size)
        for name in MOMENTS:
            array = getattr(self, name)
            if array is not None and array.shape[:3] != grid:
                msg = f"{name} must have shape {grid} for these runs and times; got {array.shape}"
                raise ValueError(msg)

    def _fill_defaults(self) -> None:
        """Curves of test rows that nobody recorded, which snapshots exist, and the parameters of an MLP."""
        for name in TEST_CURVES:
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.full(self.loss.shape, np.nan))
        if self.recorded is None or self.recorded.all():
            object.__setattr__(self, "recorded", np.ones(self.snapshots.shape[:2], np.bool_))
        if self.layer_sizes:
            object.__setattr__(self, "parameters", mlp_parameters(self.network))

    def _check_snapshots(self) -> None:
        """Raise a ValueError unless shapes match, and snapshots in memory are finite."""
        if self.snapshots.shape[1:2] != self.steps.shape or len(self.snapshots.shape) != 3:
            msg = f"snapshots must have shape (R, {self.steps.size}, P) for these steps; got {self.snapshots.shape}"
            raise ValueError(msg)
        if self.recorded.shape != self.snapshots.shape[:2]:
            msg = f"recorded must have shape {self.snapshots.shape[:2]} for these snapshots; got {self.recorded.shape}"
            raise ValueError(msg)
        if self.parameters and not self.layer_sizes:
            check_parameters(self.parameters, self.n_parameters, self.source)
        if isinstance(self.snapshots, np.ndarray):
            check_snapshots(self.snapshots, self.steps, self.source, self.recorded)

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
    def loss_name(self) -> str:
        """Kind of loss, as `loss_kind` knows it; files that name none are of cross-entropy."""
        return self.metadata.get("loss", "cross-entropy")

    @property
    def loss_unit(self) -> str:
        """Unit of the loss in words: nats; empty for a squared error, which has that of its target squared."""
        return losses.HEADS[self.loss_name].unit

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

    @property
    def common_steps(self) -> NDArray[np.int64]:
        """Steps with a snapshot in every run."""
        return self.steps[self.recorded.all(axis=0)]

    @property
    def last_step(self) -> int:
        """The last step of which anything is known."""
        known = np.zeros((self.waiting_times.size, self.lags.size), np.bool_)
        if self.displacement is not None:
            known = np.isfinite(np.asarray(self.displacement)).any(axis=0)
        ends = (self.waiting_times[:, None] + self.lags)[known]
        last = np.concatenate([self.steps, self.curve_steps, ends[: 0 if self.steps.size else None]])
        return int(last.max(initial=0))

    def check_recorded(self, steps: ArrayLike, runs: Iterable[int] | None = None) -> None:
        """Raise a ValueError that names a step without a snapshot in one of the runs, by default all of them."""
        for r in range(self.replicas) if runs is None else runs:
            missing = np.setdiff1d(steps, self.steps_of(r))
            if missing.size and (everywhere := missing[~np.isin(missing, self.steps)]).size:
                msg = f"steps must be steps with a snapshot; there is none at {everywhere[0]}{self.advice}"
                raise ValueError(msg)
            if missing.size:
                msg = (
                    f"steps must be steps with a snapshot in every run; run {r} has none at {missing[0]}. Choose steps "
                    f"that all runs have ({self.common_steps.size} of {self.steps.size}), or leave the run out"
                )
                raise ValueError(msg)

    def steps_of(self, run: int) -> NDArray[np.int64]:
        """Steps (S_r,) of the snapshots that a run has."""
        return self.steps[self.recorded[run]]

    def snapshots_of(self, run: int) -> NDArray[Any]:
        """The snapshots (S_r, P) that a run has, at `steps_of`."""
        found = np.asarray(self.snapshots[run])
        return found if self.recorded[run].all() else found[self.recorded[run]]

    def at_most(self, replicas: int | None) -> "Trajectories":
        """The first `replicas` runs, or all of them if there are no more or it is None."""
        return self if replicas is None else self.first(min(replicas, self.replicas))

    def first(self, replicas: int) -> "Trajectories":
        """The first `replicas` runs."""
        if not 1 <= replicas <= self.replicas:
            msg = f"replicas must be in 1 ... {self.replicas}; got {replicas!r}"
            raise ValueError(msg)
        arrays = {name: getattr(self, name) for name in (*PER_REPLICA, *MOMENTS, "recorded")}
        return replace(self, **{name: _head(array, replicas) for name, array in arrays.items() if array is not None})


def _head(array: Any, rows: int) -> Any:
    """The first `rows` rows."""
    return array.head(rows) if isinstance(array, StoredArray) else array[:rows]


def load_trajectories(path: str | PathLike[str]) -> Trajectories:
    """Open the runs in a file that `train` or `write_trajectories` wrote.

    Snapshots stay in the file until they are indexed.

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
        msg = f"there is no file {path}{_unfinished(path)}"
        raise FileNotFoundError(msg)
    check_is_hdf5(path)
    with opened(path) as file:
        return _read(path, file)


def _unfinished(path: Path) -> str:
    """What there is of runs that are not in a file yet."""
    parts, recording = (path.with_name(path.name + end) for end in (".parts", ".recording"))
    if parts.is_dir():
        return f"; {parts} holds the runs of an interrupted training: train again with the same settings"
    if recording.is_dir():
        command = f"agescape import-runs {recording} --output {path}"
        return f"; {recording} holds runs of a Recorder: {command} joins them (in Python join_recordings(path))"
    return ""


def _read(path: Path, file: h5py.File) -> Trajectories:
    layer_sizes, metadata = read_header(path, file)
    shared = read_shared(path, file, layer_sizes)
    recorded: Any = read_recorded(path, file)
    large = {name: dataset_of(path, file, name, "f") for name in ("snapshots", *MOMENTS) if name in file}
    stored: dict[str, Any] = {
        name: StoredArray(path.absolute(), name, dataset.shape, dataset.dtype) for name, dataset in large.items()
    }
    stored["snapshots"] = replace(stored["snapshots"], steps=shared["steps"], recorded=recorded)
    own = {"layer_sizes": layer_sizes, "metadata": metadata, "parameters": read_parameters(path, file)}
    return Trajectories(**own, **shared, **read_curves(path, file), **stored, recorded=recorded)
