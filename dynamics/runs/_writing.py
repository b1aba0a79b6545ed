"""Writing a file of trajectories from any runs, one at a time."""

import json
from os import PathLike
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dynamics.runs._moments import MOMENTS
from dynamics.runs._parameters import parameters_to_text
from dynamics.runs._runs_file import FORMAT, FORMAT_VERSION, PER_REPLICA, SHARED, TRAINING_CURVES, WITH_GAPS
from dynamics.runs._trajectories import Trajectories
from landscape.support import new_file, only_writer

LARGEST_CHUNK = 2**27  # numbers of a chunk: HDF5 takes less than 4 GiB


def write_trajectories(path: str | PathLike[str], runs: Trajectories) -> None:
    """Write runs to a file, so that `load_trajectories` opens the same ones.

    One run is in memory at a time. The file appears when it is complete, or replaces an older one. Snapshots that were
    not recorded take no space.

    Parameters
    ----------
    path : path
    runs : Trajectories
        In memory or in another file.

    Raises
    ------
    BlockingIOError
        If another process writes to `path`.
    OSError
        If the file cannot be written.
    """
    with only_writer(Path(path)), new_file(Path(path)) as unfinished, h5py.File(unfinished, "w") as file:
        gaps = not _is_complete(runs)
        file.attrs.update(format=FORMAT, format_version=WITH_GAPS if gaps else FORMAT_VERSION)
        file.attrs.update(layer_sizes=runs.layer_sizes, metadata=json.dumps(dict(runs.metadata)))
        if runs.parameters and not runs.layer_sizes:
            file.attrs["parameters"] = parameters_to_text(runs.parameters)
        kept = slice(None) if runs.recorded.any() else slice(0)
        for name in SHARED:
            file[name] = getattr(runs, name)[kept] if name == "steps" else getattr(runs, name)
        for name in (*PER_REPLICA[1:], *MOMENTS):
            if (array := getattr(runs, name)) is not None:
                _write(file, name, array)
        if gaps:
            file["recorded"] = runs.recorded[:, kept].astype(np.uint8)
            _write_recorded(file, runs, runs.recorded[:, kept])
        else:
            _write(file, "snapshots", runs.snapshots)


def _is_complete(runs: Trajectories) -> bool:
    """Whether a file of version 1 can hold the runs: every snapshot and curve exists, as does every pair within."""
    known = all(np.isfinite(getattr(runs, name)).all() for name in TRAINING_CURVES)
    if not (runs.recorded.all() and runs.steps.size and runs.curve_steps.size and known):
        return False
    ends = np.unique(runs.waiting_times[:, None] + runs.lags) if runs.displacement is None else runs.waiting_times
    return bool(np.isin(np.union1d(runs.waiting_times, ends[ends <= runs.steps[-1]]), runs.steps).all())


def _write(file: h5py.File, name: str, array: Any) -> None:
    """An array (R, ...), run by run."""
    dataset = file.create_dataset(name, array.shape, array.dtype)
    for r in range(array.shape[0]):
        dataset[r] = array[r]


def _write_recorded(file: h5py.File, runs: Trajectories, recorded: Any) -> None:
    """The snapshots that exist, in chunks of one."""
    shape = (*recorded.shape, runs.n_parameters)
    chunks = (1, 1, min(runs.n_parameters, LARGEST_CHUNK)) if recorded.any() else None
    dataset = file.create_dataset("snapshots", shape, runs.snapshots.dtype, chunks=chunks, fillvalue=np.nan)
    for r, s in np.argwhere(recorded):
        dataset[r, s] = runs.snapshots[int(r), int(s)]
