"""Arrays of npy and npz files as tensors, without reading them."""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from dynamics.checkpoints._tensors import FLOATS, Loaded, Span, StoredTensor, Strided
from landscape.support import ArrayHeader, array_header, read_arrays, stored_at

WHOLE = "parameters"  # name of the array of an npy file, which has none


def read_npy(path: Path) -> dict[str, StoredTensor]:
    """The array of an npy file, under the name "parameters"."""
    with path.open("rb") as file:
        header = array_header(file, path.stat().st_size)
    return {WHOLE: _tensor(path, WHOLE, header, 0)}


def read_npz(path: Path, file: zipfile.ZipFile) -> dict[str, StoredTensor]:
    """The arrays of an npz file by name."""
    return {
        info.filename.removesuffix(".npy"): _member(path, file, info)
        for info in file.infolist()
        if info.filename.endswith(".npy")
    }


def _member(path: Path, file: zipfile.ZipFile, info: zipfile.ZipInfo) -> StoredTensor:
    name = info.filename.removesuffix(".npy")
    with file.open(info) as member:
        header = array_header(member, info.file_size)
    if info.compress_type == zipfile.ZIP_STORED:
        return _tensor(path, name, header, stored_at(file, info))
    return StoredTensor(path, name, header.shape, _kind(header.dtype), Loaded(partial(_load, path, name)))


def _load(path: Path, name: str) -> np.ndarray:
    return read_arrays(path, [name])[name]


def _tensor(path: Path, name: str, header: ArrayHeader, begin: int) -> StoredTensor:
    place, shape = begin + header.length, header.shape
    if header.fortran and len(shape) > 1:
        strides = tuple(np.cumprod([1, *shape[:-1]]).tolist())
        source: Span | Strided = Strided(path, place, header.dtype, shape, strides)
    else:
        source = Span(path, place, header.dtype)
    return StoredTensor(path, name, shape, _kind(header.dtype), source)


def _kind(dtype: np.dtype) -> str:
    return dtype.name if dtype.name in FLOATS or dtype.kind != "f" else str(dtype)
