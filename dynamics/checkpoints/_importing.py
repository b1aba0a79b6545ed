"""Files of runs made of checkpoints."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.checkpoints._collection import Checkpoints, Patterns, find_checkpoints
from dynamics.checkpoints._streaming import Progress, Streaming
from dynamics.checkpoints._unfinished import Nowhere, Unfinished, UnfinishedFile
from dynamics.runs import Trajectories, check_times, grid_of, load_trajectories, write_trajectories
from landscape.support import only_writer, package_version

LARGEST_COPY = 1 << 30  # bytes of snapshots that are copied unless something else is said
SOURCE = "import-runs"  # in the metadata
STATE_VERSION = 1  # increase it when the content of the file of an unfinished import changes


def displacement_of_checkpoints(
    checkpoints: Checkpoints | Patterns,
    *,
    waiting_times: ArrayLike | None = None,
    lags: ArrayLike | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Trajectories:
    """Displacements of runs whose snapshots stay in their files: read in one pass, in a memory of a few hundred MB.

    `mean_square_displacement`, `layer_displacement` and `non_gaussian` of the result are those of the snapshots, to
    rounding: differences and sums are float64.

    Parameters
    ----------
    checkpoints : Checkpoints, path, or sequence of path
        From `find_checkpoints`, or files for it.
    waiting_times, lags : (W,) and (T,) int, optional
        Steps; by default those of `dynamics.runs.grid_of`. Pairs of which a run lacks a checkpoint are nan.
    jobs : int
        Number of threads; it never changes a result.
    progress : callable, optional
        Called with the number of parts of the files that are done, and of all.

    Returns
    -------
    Trajectories
        Without snapshots and curves.

    Raises
    ------
    ValueError
        If no run has two checkpoints of the grid, or a number in a file is not finite: the message names the file.
    """
    found = _found(checkpoints)
    times = _times(found, waiting_times, lags)
    return _trajectories(found, times, Streaming(found, *times), jobs, progress, Nowhere())


def import_runs(
    checkpoints: Checkpoints | Patterns,
    path: str | PathLike[str],
    *,
    waiting_times: ArrayLike | None = None,
    lags: ArrayLike | None = None,
    snapshots: bool | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Trajectories:
    """Make a file of runs of checkpoints; it appears when it is complete.

    An import that was interrupted goes on where it was, from PATH.unfinished, if it is called again for the same files.

    Parameters
    ----------
    checkpoints : Checkpoints, path, or sequence of path
        From `find_checkpoints`, or files for it.
    path : path
        File to make, or to replace: only one that `import_runs` made is replaced.
    waiting_times, lags : (W,) and (T,) int, optional
        Steps; by default those of `dynamics.runs.grid_of`.
    snapshots : bool, optional
        Also copy the snapshots. By default they are copied up to `LARGEST_COPY`, 1 GiB; displacements alone are enough
        for aging times and mu.
    jobs, progress
        As in `displacement_of_checkpoints`.

    Raises
    ------
    ValueError
        As in `displacement_of_checkpoints`, or if there is another file at `path`.
    BlockingIOError
        If another process imports to this path.
    """
    found, path = _found(checkpoints), Path(path)
    _check_replaceable(path)
    times = _times(found, waiting_times, lags)
    state = path.with_name(path.name + ".unfinished")
    with only_writer(state):
        unfinished = UnfinishedFile(state, _settings(found, times))
        runs = _trajectories(found, times, Streaming(found, *times), jobs, progress, unfinished)
        if copies_snapshots(found) if snapshots is None else snapshots:
            copied = {"snapshots": _Snapshots(found), "steps": found.steps, "recorded": found.recorded}
            runs = replace(runs, **copied, metadata={**runs.metadata, "snapshots": "all"})
        write_trajectories(path, runs)
        state.unlink(missing_ok=True)
    return load_trajectories(path)


@dataclass(frozen=True)
class ImportPlan:
    """What an import will read.

    Parameters
    ----------
    waiting_times : (W,) int64
        Steps.
    lags : (T,) int64
        Steps.
    pairs : int
        Number of pairs of checkpoints, of all runs.
    bytes : int
        Number of bytes of the snapshots in pairs, about as many as are read.
    seconds : float
        Estimate of the time that it takes, from one part of the files.
    """

    waiting_times: NDArray[np.int64]
    lags: NDArray[np.int64]
    pairs: int
    bytes: int
    seconds: float


def plan_import(
    checkpoints: Checkpoints,
    *,
    waiting_times: ArrayLike | None = None,
    lags: ArrayLike | None = None,
    jobs: int = 1,
) -> ImportPlan:
    """What `import_runs` will read, and how long it will take; arguments and errors are the same."""
    times = _times(checkpoints, waiting_times, lags)
    streaming = Streaming(checkpoints, *times)
    check_pairs(streaming)
    return ImportPlan(*times, streaming.n_pairs, streaming.bytes, streaming.seconds(jobs))


def copies_snapshots(checkpoints: Checkpoints) -> bool:
    """Whether `import_runs` copies the snapshots unless something else is said: up to 1 GiB."""
    return snapshot_bytes(checkpoints) <= LARGEST_COPY


def snapshot_bytes(checkpoints: Checkpoints) -> int:
    """Number of bytes of all snapshots."""
    return int(checkpoints.recorded.sum()) * checkpoints.n_parameters * checkpoints.dtype.itemsize


class _Snapshots:
    """The snapshots (R, S, P) of checkpoints, read when they are indexed by run, or by run and snapshot."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self.shape = (*checkpoints.recorded.shape, checkpoints.n_parameters)
        self.dtype = checkpoints.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | tuple[int, int]) -> NDArray[np.floating]:
        if isinstance(key, tuple):
            out = np.full(self.shape[2], np.nan, self.dtype)
            if self._checkpoints.recorded[key]:
                self._checkpoints.read(*key, 0, out)
                self._check(*key, out)
            return out
        return np.stack([self[key, s] for s in range(self.shape[1])])

    def _check(self, run: int, snapshot: int, numbers: NDArray[np.floating]) -> None:
        wrong = ~np.isfinite(numbers)
        if wrong.any():
            path, name = self._checkpoints.path(run, snapshot, int(wrong.argmax()))
            msg = f"{path}: {name} has a number that is not finite; leave the file out"
            raise ValueError(msg)


def _found(checkpoints: Checkpoints | Patterns) -> Checkpoints:
    return checkpoints if isinstance(checkpoints, Checkpoints) else find_checkpoints(checkpoints)


def _check_replaceable(path: Path) -> None:
    """Raise a ValueError if a file that is no import is at the path."""
    if path.is_file() and load_trajectories(path).metadata.get("source") != SOURCE:
        msg = f"{path} exists, and is no import of checkpoints; choose another file"
        raise ValueError(msg)


def _times(
    found: Checkpoints, waiting_times: ArrayLike | None, lags: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    waiting, default = grid_of(found.steps, waiting_times=waiting_times)
    return waiting, default if lags is None else check_times("lags", lags, int(found.steps[-1]))


def _trajectories(
    found: Checkpoints,
    times: tuple[NDArray[np.int64], NDArray[np.int64]],
    streaming: Streaming,
    jobs: int,
    progress: Progress | None,
    unfinished: Unfinished,
) -> Trajectories:
    check_pairs(streaming)
    moments: dict[str, Any] = streaming.moments(jobs=jobs, progress=progress, unfinished=unfinished)
    nothing = np.zeros((len(found.runs), 0))
    return Trajectories(
        layer_sizes=(),
        steps=np.zeros(0, np.int64),
        snapshots=np.zeros((len(found.runs), 0, found.n_parameters), found.dtype),
        waiting_times=times[0],
        lags=times[1],
        curve_steps=np.zeros(0, np.int64),
        loss=nothing,
        accuracy=nothing,
        gradient_norm=nothing,
        metadata=_metadata(found),
        parameters=found.parameters,
        **moments,
    )


def check_pairs(streaming: Streaming) -> None:
    """Raise a ValueError if there is nothing to measure."""
    if not streaming.n_pairs:
        msg = "no run has two checkpoints that are a waiting time and a lag apart; choose other waiting_times and lags"
        raise ValueError(msg)


def _metadata(found: Checkpoints) -> dict[str, Any]:
    """What is known of the runs."""
    return {
        "source": SOURCE,
        "version": package_version("agescape"),
        "snapshots": "displacements",
        "runs": list(found.runs),
        "recorded_steps": [found.steps[row].tolist() for row in found.recorded],
        "files_sha256": hashlib.sha256(json.dumps(_files(found)).encode()).hexdigest(),
        "left_out": {why: len(names) for why, names in found.left_out.items()},
    }


def _files(found: Checkpoints) -> list[list[Any]]:
    """Name and size of every file, with the run and the step that it is of."""
    return [
        [found.runs[run], int(found.steps[s]), path.name, os.path.getsize(path)]
        for (run, s), tensors in sorted(found.tensors.items())
        for path in sorted({tensor.path for tensor in tensors})
    ]


def _settings(found: Checkpoints, times: tuple[NDArray[np.int64], NDArray[np.int64]]) -> str:
    """Digest of what determines the sums: files, parameters and times."""
    paths = sorted({tensor.path for some in found.tensors.values() for tensor in some})
    changed = [[str(path), path.stat().st_mtime_ns] for path in paths]
    parts = [STATE_VERSION, _files(found), changed, str(found.dtype)]
    parts += [[(one.name, one.shape) for one in found.parameters], *(one.tolist() for one in times)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
