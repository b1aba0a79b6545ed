"""Files of checkpoints in any format, which their content tells, as tensors by name."""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dynamics.checkpoints._hdf5 import read_hdf5
from dynamics.checkpoints._numpy_files import read_npy, read_npz
from dynamics.checkpoints._safetensors import is_safetensors, read_safetensors
from dynamics.checkpoints._tensors import StoredTensor
from dynamics.checkpoints._torch import OLD_MAGIC, read_old, read_zip
from landscape.support import reading

FORMATS = "torch (.pt, .pth, .bin, .ckpt), safetensors, HDF5 (.weights.h5), npz or npy"
OPTIMIZER = re.compile("optim|sched|scaler", re.IGNORECASE)
PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and torch.compile
TOP = "."  # --state of the whole file

Tensors = dict[str, StoredTensor]


def open_checkpoint(path: Path, state: str | None = None) -> Tensors:
    """The tensors of a checkpoint by name, in the order of the file; their numbers are read when they are sliced.

    Nothing in the file is executed. Of a dictionary that holds more than parameters ("model", "optimizer", ...) the
    only one with tensors besides the optimizer's is taken. The prefixes "module." and "_orig_mod." that all names have
    are left out.

    Parameters
    ----------
    path : path
        A file written by torch.save (its zip format, or the older one), safetensors, Keras (.weights.h5), or NumPy.
    state : str, optional
        Key of the dictionary of parameters, e.g. "model" or "ema.model"; "." is the whole file.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no such file.
    ValueError
        If it is damaged or truncated, has no tensors, or `state` is needed or wrong: the message names the file.
    """
    with reading(path):
        found, others = _read(path)
        tensors = _state(path, found, others, state)
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _read(path: Path) -> tuple[Any, set[str]]:
    """The object in a file, and names of classes in it that were ignored."""
    with path.open("rb") as file:
        begin = file.read(64)
    reader = next((read for fits, read in READERS if fits(begin)), None)
    if reader is None:
        what = "is empty" if not begin else f"is not a checkpoint of {FORMATS}"
        msg = f"{path} {what}"
        raise ValueError(msg)
    return reader(path)


def _read_archive(path: Path) -> tuple[Any, set[str]]:
    with zipfile.ZipFile(path) as file:
        names = file.namelist()
        if any(name.endswith("/data.pkl") for name in names):
            return read_zip(path, file)
        if any(name.endswith(".npy") for name in names):
            return read_npz(path, file), set()
    inside = "; unpack its model.weights.h5" if "model.weights.h5" in names else ""
    msg = f"{path} is a zip file without tensors{inside}"
    raise ValueError(msg)


READERS: list[tuple[Callable[[bytes], bool], Callable[[Path], tuple[Any, set[str]]]]] = [
    (lambda begin: begin[:4] == b"PK\x03\x04", _read_archive),
    (lambda begin: begin.startswith(b"\x89HDF\r\n\x1a\n"), lambda path: (read_hdf5(path), set())),
    (lambda begin: begin.startswith(b"\x93NUMPY"), lambda path: (read_npy(path), set())),
    (lambda begin: begin.startswith(OLD_MAGIC), read_old),
    (is_safetensors, lambda path: (read_safetensors(path), set())),
]


def _state(path: Path, found: Any, others: set[str], state: str | None) -> Tensors:
    """The dictionary of parameters in an object."""
    if not isinstance(found, dict):
        msg = f"{path} holds {_kind(found)}, not a dictionary of tensors{_ignored(others)}"
        raise ValueError(msg)
    candidates = dict(_candidates(found))
    if state is not None:
        chosen = dict(_flat(_at(path, found, state, candidates)))
    elif len(candidates) == 1:
        chosen = dict(_direct(next(iter(candidates.values()))))
    elif candidates:
        msg = f"{path} holds several dictionaries of tensors: state must be one of {', '.join(candidates)}"
        raise ValueError(msg)
    else:
        chosen = {}
    if not chosen:
        msg = f"{path} holds no tensors{f' in {state!r}' if state else ''}{_ignored(others)}"
        raise ValueError(msg)
    return chosen


def _kind(value: Any) -> str:
    return "a single tensor" if isinstance(value, StoredTensor) else f"an object ({type(value).__name__})"


def _ignored(others: set[str]) -> str:
    some = ", ".join(sorted(others)[:4])
    return f"; it has objects of {some}, which are not read: save model.state_dict()" if others else ""


def _candidates(value: Mapping[Any, Any], key: str = TOP) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Dictionaries that have tensors with axes, by their keys, leaving out those of optimizers."""
    if any(tensor.shape for _, tensor in _direct(value)):
        yield key, value
    for name, child in value.items():
        if isinstance(child, dict) and isinstance(name, str) and not OPTIMIZER.search(name):
            yield from _candidates(child, name if key == TOP else f"{key}.{name}")


def _direct(value: Mapping[Any, Any]) -> Iterator[tuple[str, StoredTensor]]:
    return ((name, one) for name, one in value.items() if isinstance(name, str) and isinstance(one, StoredTensor))


def _flat(value: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, StoredTensor]]:
    """All tensors inside dictionaries, their keys joined by dots."""
    for name, one in value.items():
        if isinstance(one, StoredTensor):
            yield f"{prefix}{name}", one
        elif isinstance(one, dict):
            yield from _flat(one, f"{prefix}{name}.")


def _at(path: Path, found: Mapping[Any, Any], state: str, candidates: Mapping[str, Any]) -> Mapping[Any, Any]:
    if state == TOP:
        return dict(_direct(found))
    if state in candidates:
        return candidates[state]
    value: Any = found
    for part in state.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        there = dict.fromkeys([*candidates, *(str(key) for key in found if isinstance(found[key], dict))])
        msg = f"{path} has no dictionary {state!r}: state must be one of {', '.join([*there][:8]) or TOP}"
        raise ValueError(msg)
    return value
