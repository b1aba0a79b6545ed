"""Format of a file of trajectories, checked before any array is read: no header is trusted."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from dynamics.runs._moments import MOMENTS
from dynamics.runs._parameters import Parameter, from_text, mlp_parameters
from dynamics.runs._times import LAST_STEP
from landscape.networks import MLP

FORMAT = "agescape trajectories"
FORMAT_VERSION = 1  # of complete runs
WITH_GAPS = 2  # of those that lack snapshots
READABLE = (FORMAT_VERSION, WITH_GAPS)
TEST_CURVES = ("test_loss", "test_accuracy")  # missing in files of older versions
TRAINING_CURVES = ("loss", "accuracy", "gradient_norm")
CURVES = (*TRAINING_CURVES, *TEST_CURVES)
PER_REPLICA = ("snapshots", *CURVES)
SHARED = ("steps", "curve_steps", "waiting_times", "lags")
LARGEST_RATIO = 1100  # deflate cannot compress further: a larger array is not in the file
LARGEST = 1e150  # bound on numbers, beyond which a square may be infinite
KINDS: Mapping[str, tuple[type, ...]] = {
    "data": (dict,), "data_sha256": (str,), "noise": (str,), "schedule": (str,), "start": (str,), "precision": (str,),
    "snapshots": (str,), "batch_size": (int,), "seed": (int,), "rows": (int,), "learning_rate": (int, float),
    "momentum": (int, float), "regularization": (int, float), "label_noise": (int, float), "regularize_biases": (bool,),
    "shared_order": (bool,), "layer_sizes": (list,), "activation": (str,), "loss": (str,),
    "module": (str,), "module_name": (str,), "module_file": (str,), "module_sha256": (str,),
    "module_symmetries": (dict, type(None)),
}  # fmt: skip
SIZES = {"i": {4, 8}, "f": {4, 8}, "u": {1}}  # bytes of a number of each kind
POSITIVE = ("batch_size", "rows", "learning_rate")


def read_header(path: Path, file: h5py.File) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Layer sizes and metadata of a file; ValueError if agescape did not write it."""
    if _plain(file.attrs.get("format")) != FORMAT:
        msg = f"{path} is not a file of trajectories: its attribute 'format' is not {FORMAT!r}"
        raise ValueError(msg)
    version = _plain(file.attrs.get("format_version"))
    if version not in READABLE:
        msg = f"{path} has format version {version}; this agescape reads versions {' and '.join(map(str, READABLE))}"
        raise ValueError(msg)
    missing = [name for name in ("metadata", "layer_sizes") if name not in file.attrs]
    missing += [name for name in (*SHARED, *PER_REPLICA) if name not in file and name not in TEST_CURVES]
    if missing:
        msg = f"{path} is not a complete file of trajectories: it has no {', '.join(missing)}"
        raise ValueError(msg)
    return _layer_sizes(path, file.attrs["layer_sizes"]), _metadata(path, file.attrs["metadata"])


def _plain(value: Any) -> Any:
    """An attribute as text or number; None for anything else."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | int) else None


def _layer_sizes(path: Path, value: Any) -> tuple[int, ...]:
    sizes = np.asarray(value)
    if sizes.ndim != 1 or (sizes.size and (sizes.dtype.kind not in "iu" or (sizes < 1).any())) or sizes.size == 1:
        msg = f"{path} is damaged: its layer_sizes should be whole numbers; they are {value!r:.200}"
        raise ValueError(msg)
    return tuple(int(n) for n in sizes)


def _metadata(path: Path, text: Any) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{path} is damaged: its metadata are not JSON ({error})"
        raise ValueError(msg) from error
    if not isinstance(metadata, dict):
        msg = f"{path} is damaged: its metadata are not names with values, but {metadata!r:.200}"
        raise ValueError(msg)
    check_metadata(path, metadata)
    return metadata


def check_metadata(path: Path, metadata: Mapping[str, Any]) -> None:
    """Raise a ValueError that names a value of the wrong kind."""
    for name, kinds in KINDS.items():
        value = metadata.get(name)
        if name not in metadata or (value is None and name in {"data_sha256", "rows"}):
            continue
        right = isinstance(value, kinds) and (kinds == (bool,) or not isinstance(value, bool))
        if right and isinstance(value, int | float):
            right = bool(np.isfinite(float(value))) and (value > 0 if name in POSITIVE else value >= 0)
        if not right:
            msg = f"{path} is damaged: {name} in its metadata is {value!r:.200}"
            raise ValueError(msg)


def read_shared(path: Path, file: h5py.File, layer_sizes: tuple[int, ...]) -> dict[str, NDArray[np.int64]]:
    """Read the arrays named in `SHARED`, and check all others against them."""
    shared = {name: _read(path, file, name, "i") for name in SHARED}
    for name, steps in shared.items():
        times = name in {"lags", "waiting_times"}
        may_be_empty = not times and file.attrs["format_version"] != FORMAT_VERSION
        rising = steps.ndim == 1 and (steps[0] >= times if steps.size else may_be_empty)
        wrong = not_ascending(steps) if rising else ""
        if not rising or wrong or (steps.size and steps[-1] > LAST_STEP):
            found = wrong or f"they are {steps.tolist()!r:.200}"
            msg = f"{path} is damaged: its {name} should be ascending steps; {found}"
            raise ValueError(msg)
    snapshots = dataset_of(path, file, "snapshots", "f")
    groups = len(mlp_parameters(MLP(layer_sizes))) if _fits(path, layer_sizes, snapshots.shape) else None
    check_shapes(
        path,
        {name: dataset_of(path, file, name, "f").shape for name in (*PER_REPLICA, *MOMENTS) if name in file},
        snapshots.shape[0],
        snapshots.shape[-1],
        {name: steps.size for name, steps in shared.items()},
        groups,
    )
    if "recorded" not in file:
        _check_snapshots(path, shared, all_ends=not any(name in file for name in MOMENTS))
    return shared


def read_recorded(path: Path, file: h5py.File) -> NDArray[np.bool_] | None:
    """Which snapshots (R, S) exist; None if all do."""
    if "recorded" not in file:
        return None
    recorded, snapshots = dataset_of(path, file, "recorded", "u"), dataset_of(path, file, "snapshots", "f")
    if recorded.shape != snapshots.shape[:2]:
        msg = f"{path} is damaged: recorded should have shape {snapshots.shape[:2]}; it has {recorded.shape}"
        raise ValueError(msg)
    return recorded[...] != 0


def read_parameters(path: Path, file: h5py.File) -> tuple[Parameter, ...]:
    """The named parameters; () if a file has none."""
    return from_text(path, file.attrs["parameters"]) if "parameters" in file.attrs else ()


def not_ascending(steps: NDArray[np.int64]) -> str:
    """Describe where `steps` (n,) do not ascend strictly; empty if they do."""
    wrong = np.flatnonzero(np.diff(steps) <= 0)
    if not wrong.size:
        return ""
    k = int(wrong[0])
    what = "is repeated" if steps[k] == steps[k + 1] else f"comes before {steps[k + 1]}"
    return f"{steps[k]}, number {k} of {steps.size}, {what}"


def _fits(path: Path, layer_sizes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a network is known; ValueError if its number of parameters differs."""
    if not layer_sizes:
        return False
    expected = sum((a + 1) * b for a, b in pairwise(layer_sizes))
    if shape[-1:] != (expected,):
        msg = f"{path} is damaged: layers {layer_sizes} have {expected} parameters; its snapshots have shape {shape}"
        raise ValueError(msg)
    return True


def check_shapes(
    where: Path,
    shapes: Mapping[str, tuple[int, ...]],
    replicas: int,
    n_parameters: int,
    sizes: Mapping[str, int],
    groups: int | None,
) -> None:
    """Raise a ValueError that names an array whose shape does not match the numbers of runs, steps and parameters."""
    grid = (sizes["waiting_times"], sizes["lags"])
    rest: dict[str, tuple[int | None, ...]] = dict.fromkeys(CURVES, (sizes["curve_steps"],))
    rest |= {"snapshots": (sizes["steps"], n_parameters), "displacement": grid, "fourth_moment": grid}
    rest |= {"layer_displacement": (*grid, groups)}
    for name, shape in shapes.items():
        expected = (replicas, *rest[name])
        if len(shape) != len(expected) or any(n not in {None, m} for m, n in zip(shape, expected, strict=True)):
            msg = f"{where} is damaged: {name} should have shape {expected}; it has {shape}"
            raise ValueError(msg)


def _check_snapshots(path: Path, shared: Mapping[str, NDArray[np.int64]], *, all_ends: bool) -> None:
    """Raise a ValueError if a snapshot required by the waiting times (and lags) is missing."""
    waiting, steps = shared["waiting_times"], shared["steps"]
    wanted = np.unique(waiting[:, None] + shared["lags"] if all_ends else waiting)
    missing = np.setdiff1d(np.union1d(waiting, wanted[wanted <= steps[-1]]), steps)
    if missing.size:
        msg = f"{path} is damaged: it has no snapshot at step {missing[0]}, which its waiting times and lags require"
        raise ValueError(msg)


def dataset_of(path: Path, file: h5py.File, name: str, kind: str) -> h5py.Dataset:
    """An array of numbers of this kind, stored completely in this file; ValueError if it is not."""
    link = file.get(name, getlink=True)
    dataset: Any = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        msg = f"{path} is refused: {name} is not an array stored in this file"
        raise ValueError(msg)
    if dataset.dtype.kind != kind or dataset.dtype.itemsize not in SIZES[kind] or dataset.shape is None:
        msg = f"{path} is damaged: {name} should be numbers of kind {kind}; they are of type {dataset.dtype}"
        raise ValueError(msg)
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > LARGEST_RATIO * stored or stored > path.stat().st_size:
        msg = f"{path} is damaged: {name} should have shape {dataset.shape}, but only {stored} of its bytes exist"
        raise ValueError(msg)
    return dataset


def check_numbers(path: Path, name: str, array: NDArray[Any]) -> None:
    """Raise a ValueError if a number is larger than in any run; nan means unknown."""
    low, high = float(np.fmin.reduce(array, None, initial=0)), float(np.fmax.reduce(array, None, initial=0))
    if low < -LARGEST or high > LARGEST:
        found = low if low < -LARGEST else high
        msg = f"{path} is damaged: {name} has the number {found:g}, but numbers of runs are at most {LARGEST:g}"
        raise ValueError(msg)


def _read(path: Path, file: h5py.File, name: str, kind: str) -> NDArray[Any]:
    array = dataset_of(path, file, name, kind)[...]
    check_numbers(path, name, array)
    return array


def read_curves(path: Path, file: h5py.File) -> dict[str, NDArray[np.float64]]:
    """Read the curves; older files have none for the test rows."""
    return {name: _read(path, file, name, "f").astype(np.float64) for name in CURVES if name in file}
