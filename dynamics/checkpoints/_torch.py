"""Checkpoints of torch.save, the zip format and the older one, read without torch and without executing anything.

The zip format (torch 1.6 and later) has a pickle, NAME/data.pkl, which refers to storages NAME/data/KEY, uncompressed.
The older one is a sequence of pickles (a magic number, the version, the system, the object, the keys of the storages),
followed by each storage: the number of its elements (8 bytes) and the elements.
Source: https://github.com/pytorch/pytorch/blob/main/torch/serialization.py.
"""

import io
import math
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.checkpoints._pickles import ITEM_SIZES, Other, Record, unpickle
from dynamics.checkpoints._tensors import DTYPES, MOST, Span, StoredTensor, Strided
from landscape.support import stored_at

OLD_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LARGEST_PICKLE = 1 << 28  # bytes that describe the tensors
Places = Mapping[str, tuple[int, int]]  # of storages: first byte and number of bytes


def read_zip(path: Path, file: zipfile.ZipFile) -> tuple[Any, set[str]]:
    """The object in a zip file of torch, with `StoredTensor` for tensors, and the names of ignored classes."""
    members = {info.filename: info for info in file.infolist()}
    description = next(name for name in members if name.endswith("/data.pkl"))
    folder = description.removesuffix("data.pkl")
    order = members.get(f"{folder}byteorder")
    if order is not None and order.file_size < 100 and file.read(order).strip() != b"little":
        msg = "it was written on a big-endian machine"
        raise ValueError(msg)
    if members[description].file_size > LARGEST_PICKLE:
        msg = f"{description} has {members[description].file_size} bytes"
        raise ValueError(msg)
    found, others = _described(file.read(description))
    places = {
        name.removeprefix(f"{folder}data/"): (stored_at(file, info), info.file_size)
        for name, info in members.items()
        if name.startswith(f"{folder}data/")
    }
    return _placed(path, found, places), others


@lru_cache(maxsize=4)
def _described(content: bytes) -> tuple[Any, set[str]]:
    """The object of a pickle: that of a state dict is the same in all checkpoints of a run."""
    return unpickle(io.BytesIO(content))


def read_old(path: Path) -> tuple[Any, set[str]]:
    """The same of a file in the older format."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = io.BytesIO(file.read(LARGEST_PICKLE))
        for _ in range(3):
            unpickle(head)
        found, others = unpickle(head)
        keys, _ = unpickle(head)
        kinds = {record.storage.key: record.storage.kind for record in _records(found)}
        places, place = {}, head.tell()
        for key in keys:
            file.seek(place)
            count = int.from_bytes(file.read(8), "little")
            if str(key) not in kinds:
                break  # of an object that is not read: its size is unknown
            places[str(key)] = (place + 8, count * ITEM_SIZES[kinds[str(key)]])
            place += 8 + places[str(key)][1]
            if place > size:
                msg = f"it is truncated: {size} of at least {place} bytes exist"
                raise ValueError(msg)
    return _placed(path, found, places), others


def _records(value: Any) -> list[Record]:
    """All records inside dictionaries and lists."""
    found, todo, seen = [], [value], set()
    while todo:
        one = todo.pop()
        if isinstance(one, Record):
            found.append(one)
        elif isinstance(one, dict | list | tuple) and id(one) not in seen:
            seen.add(id(one))
            todo.extend(one.values() if isinstance(one, dict) else one)
    return found


def _placed(path: Path, value: Any, places: Places, depth: int = 0) -> Any:
    """The object with a tensor for each record, of dictionaries only: parameters are not in lists."""
    if isinstance(value, Record):
        return _tensor(path, value, places)
    if isinstance(value, dict) and depth < 20:
        return {key: _placed(path, one, places, depth + 1) for key, one in value.items()}
    return None if isinstance(value, Other) else value


def _tensor(path: Path, record: Record, places: Places) -> StoredTensor:
    kind, shape = record.storage.kind, record.shape
    size = ITEM_SIZES[kind]
    begin, length = places.get(record.storage.key, (0, 0))
    last = record.offset + sum((n - 1) * stride for n, stride in zip(shape, record.strides, strict=True))
    count = math.prod(shape)
    if count > MOST or (count and (last + 1) * size > length):
        msg = f"a tensor of shape {shape} should have {(last + 1) * size} bytes; its storage {record.storage.key} has "
        msg += str(length)
        raise ValueError(msg)
    dtype, place = np.dtype(DTYPES.get(kind, kind)), begin + record.offset * size
    plain = _is_plain(shape, record.strides)
    source = Span(path, place, dtype) if plain else Strided(path, place, dtype, shape, record.strides)
    return StoredTensor(path, "", shape, kind, source, (path, place, shape, record.strides, kind))


def _is_plain(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the elements are consecutive in C order."""
    step = 1
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and stride != step:
            return False
        step *= n
    return True
