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
from typing import IO, Any, NamedTuple

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


class ArrayHeader(NamedTuple):
    """What an npy file says of its array, and the number of bytes in which it says so."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int


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


def array_header(file: IO[bytes], size: int) -> ArrayHeader:
    """The header of an npy file of `size` bytes; `file` is then at the first byte of the array.

    Raises
    ------
    ValueError
        If it is no such header, or its array does not fit the size.
    """
    header = _header(file)
    shape, dtype, expected = header.shape, header.dtype, size - header.length
    huge = math.prod(n for n in shape if n) > 2**58  # together with a 0: NumPy rejects such a shape
    if huge or math.prod(shape) * dtype.itemsize != expected or (dtype.itemsize == 0 and math.prod(shape)):
        msg = f"its shape {shape} and type {dtype} do not fit its {expected} bytes"
        raise ValueError(msg)
    return header


def stored_at(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """First byte of an uncompressed member in its zip file.

    Raises
    ------
    ValueError
        If it is compressed, encrypted, or ends beyond the file.
    """
    opened: Any = file.fp
    opened.seek(info.header_offset)
    local = opened.read(30)  # https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.7
    begin = info.header_offset + 30 + sum(int.from_bytes(local[k : k + 2], "little") for k in (26, 28))
    encrypted = info.flag_bits & 1
    end = opened.seek(0, 2)
    if info.compress_type or encrypted or local[:4] != b"PK\x03\x04" or begin + info.file_size > end:
        msg = f"{info.filename} is not stored as plain bytes in it"
        raise ValueError(msg)
    return begin


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    if info.compress_type not in METHODS or info.file_size > max(SMALL, LARGEST_RATIO * info.compress_size):
        msg = f"{info.filename} is compressed from {info.file_size} bytes to {info.compress_size}"
        raise ValueError(msg)
    with reading(info.filename, "is not a plain array"), file.open(info) as opened:
        return _array(opened, info.file_size)


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array in a file of `size` bytes."""
    shape, fortran, dtype, _ = array_header(file, size)
    array = np.empty(math.prod(shape), dtype)
    if array.size:
        _fill(array.view(np.uint8), file)
    file.read(1)  # at its end the checksum is compared
    return array.reshape(shape, order="F" if fortran else "C")


def _fill(view: NDArray[np.uint8], file: IO[bytes]) -> None:
    place = 0
    while place < len(view):
        if not (chunk := file.read(min(CHUNK, len(view) - place))):
            msg = f"only {place} of {len(view)} bytes follow"
            raise EOFError(msg)
        view[place : place + len(chunk)] = np.frombuffer(chunk, np.uint8)
        place += len(chunk)


def _header(file: IO[bytes]) -> ArrayHeader:
    begin = file.read(8)
    width = PREFIXES.get(begin[6:], 0) if begin[:6] == MAGIC else 0
    length = int.from_bytes(file.read(width), "little")
    match = HEADER.fullmatch(file.read(length).decode("latin1")) if width and length <= LONGEST_HEADER else None
    if match is None:
        msg = "its header is not that of an npy file, or describes objects or records"
        raise ValueError(msg)
    kind, fortran, sizes = match.groups()
    shape = tuple(int(n.strip().rstrip("L")) for n in sizes.split(",") if n.strip())
    return ArrayHeader(shape, fortran == "True", np.dtype(kind), 8 + width + length)
