"""Read npy and npz files of plain arrays safely: nothing in them is executed, and no header is trusted.

Our own, because `numpy.load` without pickles takes as much memory as a header asks for.
"""

import hashlib
import math
import re
import zipfile
from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from landscape.support._reading import reading

MAGIC = b"\x93NUMPY"
PREFIXES = {b"\x01\x00": 2, b"\x02\x00": 4}  # of the version: bytes of the field that holds the length of the header
LONGEST_HEADER = 10_000  # NumPy's limit, too
HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=][?biufcSU]\d*)',\s*'fortran_order':\s*(True|False),"
    r"\s*'shape':\s*\(((?:\d{1,18}L?(?:,\s*|(?=\))))*)\),?\s*\}\s*"
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
LARGEST_RATIO, SMALL = 100, 1 << 24  # largest ratio of array to file size, except below `SMALL` bytes
CHUNK = 1 << 24

Arrays = dict[str, NDArray[Any]]


def read_arrays(path: str | PathLike[str], names: Collection[str] | None = None) -> Arrays:
    """Read the arrays of an npz file by name, all or those in `names`: numbers, booleans and strings.

    Memory is allocated for the data in the file, not for what a header says: an array whose shape does not fit its
    bytes, or that is compressed to less than a hundredth, is rejected.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        If the file does not exist or cannot be read.
    ValueError
        If it is not a zip file of such arrays, or is damaged: the message names it.
    """
    problem = "is not an npz file of plain arrays, or is damaged"
    with Path(path).open("rb") as opened, reading(path, problem), zipfile.ZipFile(opened) as file:
        members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        return {name: _member(file, info) for name, info in members.items() if names is None or name in names}


def read_array(path: str | PathLike[str]) -> NDArray[Any]:
    """Read the array in an npy file; raises the same errors as `read_arrays`."""
    path = Path(path)
    with path.open("rb") as opened, reading(path, "is not an npy file of a plain array, or is damaged"):
        return _array(opened, path.stat().st_size)


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Digest of names, types, shapes and values: stored with arrays, it shows whether they have changed."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name}{array.dtype.str}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type not in METHODS or info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
        msg = f"{info.filename} is compressed from {info.file_size} bytes to {info.compress_size}"
        raise ValueError(msg)
    with reading(info.filename, "is not a plain array"), file.open(info) as opened:
        return _array(opened, info.file_size)


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array in a file of `size` bytes."""
    shape, order, dtype, header = _header(file)
    expected = size - header
    huge = math.prod(n for n in shape if n) > 2**58  # together with a 0: NumPy rejects such a shape
    if huge or math.prod(shape) * dtype.itemsize != expected or (dtype.itemsize == 0 and math.prod(shape)):
        msg = f"its shape {shape} and type {dtype} do not fit its {expected} bytes"
        raise ValueError(msg)
    array = np.empty(math.prod(shape), dtype)
    if array.size:
        _fill(array.view(np.uint8), file)
    file.read(1)  # at its end the checksum is compared
    return array.reshape(shape, order="F" if order else "C")


def _fill(view: NDArray[np.uint8], file: IO[bytes]) -> None:
    place = 0
    while place < len(view):
        if not (chunk := file.read(min(CHUNK, len(view) - place))):
            msg = f"only {place} of {len(view)} bytes follow"
            raise EOFError(msg)
        view[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
        place += len(chunk)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, Fortran order, dtype, and number of bytes of the header."""
    begin = file.read(8)
    width = PREFIXES.get(begin[6:], 0) if begin[:6] == MAGIC else 0
    length = int.from_bytes(file.read(width), "little")
    match = HEADER.fullmatch(file.read(length).decode("latin1")) if width and length <= LONGEST_HEADER else None
    if match is None:
        msg = "its header is not that of an npy file, or describes objects or records"
        raise ValueError(msg)
    kind, fortran, sizes = match.groups()
    shape = tuple(int(n.strip().rstrip("L")) for n in sizes.split(",") if n.strip())
    return shape, fortran == "True", np.dtype(kind), 8 + width + length
