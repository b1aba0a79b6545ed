"""Tensors in files, read in slices: what the readers of all formats return."""

import math
import mmap
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from landscape.support import reading

FLOATS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}  # bfloat16: upper half of a float32
DTYPES = FLOATS | {"int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "i1", "uint8": "u1", "bool": "?"}
MOST = 2**58  # elements: more is no tensor, but damage


class Source(Protocol):
    """Elements of a tensor in C order."""

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,) with the elements from `begin` on; an open `descriptor` of the file saves opening it."""
        ...


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    Parameters
    ----------
    path : Path
    name : str
    shape : tuple of int
    kind : str
        Type of the numbers: float64, float32, float16, bfloat16, or another one, which is not read.
    source : Source
    identity : tuple
        Equal for two names of the same numbers, which only names of one file can have.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    kind: str
    source: Source
    identity: tuple[Any, ...] = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type in which its numbers are represented exactly: float64 or float32."""
        return np.dtype(np.float64 if self.kind == "float64" else np.float32)

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,) float32 or float64 with the elements in C order from `begin` on."""
        if self.kind != "bfloat16":
            self.source.read(begin, out, descriptor)
            return
        halves = np.empty(out.size, "<u2")
        self.source.read(begin, halves, descriptor)
        out[:] = (halves.astype(np.uint32) << 16).view(np.float32)

    def row(self, index: int) -> "StoredTensor":
        """The tensor at this index of the leading axis."""
        rest = self.shape[1:]
        return replace(self, shape=rest, source=Part(self.source, index * math.prod(rest)))

    def whole_numbers(self) -> NDArray[np.int64]:
        """All of its elements, if it is an array of whole numbers with one axis; ValueError otherwise."""
        if len(self.shape) != 1 or not re.fullmatch(r"u?int\d+", self.kind):
            msg = (
                f"{self.path}: {self.name} must be whole numbers (n,); its type is {self.kind}, its shape {self.shape}"
            )
            raise ValueError(msg)
        out = np.empty(self.size, np.int64)
        self.source.read(0, out)
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        out = np.empty(self.size, self.dtype)
        self.read(0, out)
        return out.reshape(self.shape).astype(dtype or self.dtype)


@dataclass(frozen=True)
class Part:
    """Elements of a source from `first` on."""

    whole: Source
    first: int

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,)."""
        self.whole.read(self.first + begin, out, descriptor)


@dataclass(frozen=True)
class Span:
    """Consecutive bytes of a file, from `offset` on."""

    path: Path
    offset: int
    dtype: np.dtype

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,)."""
        if descriptor is None:
            with self.path.open("rb") as file:
                self.read(begin, out, file.fileno())
            return
        same = out.dtype == self.dtype and out.flags.c_contiguous
        raw = out if same else np.empty(out.size, self.dtype)
        _fill(self.path, descriptor, raw, self.offset + begin * self.dtype.itemsize)
        if not same:
            out[:] = raw


@dataclass(frozen=True)
class Strided:
    """Elements of a file that are not in C order, from `offset` (bytes) on, with `strides` in elements."""

    path: Path
    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,)."""
        del descriptor
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            array = np.ndarray(
                self.shape, self.dtype, mapped, self.offset, tuple(n * self.dtype.itemsize for n in self.strides)
            )
            out[:] = elements(array, begin, begin + out.size)
            del array  # the map can only be closed when nothing refers to it


@dataclass(frozen=True)
class Loaded:
    """Elements of an array that `load` reads as a whole: it is compressed."""

    load: Any

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,)."""
        del descriptor
        out[:] = elements(self.load(), begin, begin + out.size)


@dataclass(frozen=True)
class InHDF5:
    """Elements of a dataset of an HDF5 file that is stored in chunks."""

    path: Path
    name: str

    def read(self, begin: int, out: NDArray[Any], descriptor: int | None = None) -> None:
        """Fill `out` (n,)."""
        del descriptor
        with reading(self.path), h5py.File(self.path, "r") as file:
            out[:] = elements(file[self.name], begin, begin + out.size)


def elements(array: Any, begin: int, end: int) -> NDArray[Any]:
    """Elements begin ... end - 1 in C order of an array; only the rows of the leading axis that have them are read."""
    if not array.shape:
        return np.asarray(array[()]).reshape(-1)
    row = math.prod(array.shape[1:])
    first, last = begin // row, -(-end // row)
    return np.asarray(array[first:last]).reshape(-1)[begin - first * row : end - first * row]


def _fill(path: Path, descriptor: int, out: NDArray[Any], place: int) -> None:
    bytes_ = out.view(np.uint8)
    done = 0
    while done < bytes_.size:
        got = os.preadv(descriptor, [bytes_[done:].data], place + done)
        if not got:
            msg = f"{path} is damaged: it is truncated at byte {place + done}"
            raise ValueError(msg)
        done += got


def check_span(shape: tuple[int, ...], itemsize: int, begin: int, end: int) -> None:
    """Raise a ValueError unless a tensor of this shape fits exactly the bytes from `begin` to `end`."""
    if any(n < 0 for n in shape) or math.prod(shape) > MOST or math.prod(shape) * itemsize != end - begin or begin < 0:
        msg = f"shape {shape} does not fit the bytes {begin} ... {end}"
        raise ValueError(msg)


def natural(name: str) -> list[tuple[int, str]]:
    """Key that sorts "layer.2" before "layer.10"."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
