"""npy and npz files of plain arrays, read within bounds: nothing in them is executed, and no header is believed.

Ours rather than `numpy.load` without pickles, which takes as much memory as a header asks for.
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
PREFIXES = {b"\x01\x00": 2, b"\x02\x00": 4}  # of the version: bytes of the number that says how long the header is
LONGEST_HEADER = 10_000  # NumPy's limit, too
HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=][?biufcSU]\d*)',\s*'fortran_order':\s*(True|False),"
    r"\s*'shape':\s*\(((?:\d{1,18}L?(?:,\s*|(?=\))))*)\),?\s*\}\s*"
)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
LARGEST_RATIO, SMALL = 100, 1 << 24  # how far larger than its bytes in the file an array may be, and bytes it may have
CHUNK = 1 << 24

Arrays = dict[str, NDArray[Any]]


def read_arrays(path: str | PathLike[str], names: Collection[str] | None = None) -> Arrays:
    """The arrays of an npz file by their names, or those with these `names`: numbers, truth values and texts.

    Memory is taken for what is there, not for what a header says: an array whose shape does not fit its bytes, or
    that is compressed to less than a hundredth, is refused.

    Raises
    ------
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no such file that can be read.
    ValueError
        If it is no zip file of such arrays, or is damaged: the message names it.
    """
    problem = "is no npz file of plain arrays, or is damaged"
    with Path(path).open("rb") as opened, reading(path, problem), zipfile.ZipFile(opened) as file:
        members = {info.filename.removesuffix(".npy"): info for info in file.infolist()}
        return {name: _member(file, info) for name, info in members.items() if names is None or name in names}


def read_array(path: str | PathLike[str]) -> NDArray[Any]:
    """The array in an npy file; errors as of `read_arrays`."""
    path = Path(path)
    with path.open("rb") as opened, reading(path, "is no npy file of a plain array, or is damaged"):
        return _array(opened, path.stat().st_size)


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Digest of names, types, shapes and numbers: kept beside arrays, it tells whether they are as they were."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name}{array.dtype.str}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type not in METHODS or info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
        msg = f"{info.filename} is compressed from {info.file_size} bytes to {info.compress_size}"
        raise ValueError(msg)
    with reading(info.filename, "is no plain array"), file.open(info) as opened:
        return _array(opened, info.file_size)


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array in a file of so many bytes."""
    shape, order, dtype, header = _header(file)
    expected = size - header
    huge = math.prod(n for n in shape if n) > 2**58  # beside a 0: NumPy refuses to handle such a shape
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
    """Shape, whether in Fortran's order, type, and number of bytes of the header."""
    begin = file.read(8)
    width = PREFIXES.get(begin[6:], 0) if begin[:6] == MAGIC else 0
    length = int.from_bytes(file.read(width), "little")
    match = HEADER.fullmatch(file.read(length).decode("latin1")) if width and length <= LONGEST_HEADER else None
    if match is None:
        msg = "its header is none of an npy file, or one of objects or records"
        raise ValueError(msg)
    kind, fortran, sizes = match.groups()
    shape = tuple(int(n.strip().rstrip("L")) for n in sizes.split(",") if n.strip())
    return shape, fortran == "True", np.dtype(kind), 8 + width + length
