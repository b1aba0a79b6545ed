"""The safetensors format: the length of a JSON header (8 bytes, little-endian), the header, and the numbers.

Source: https://github.com/huggingface/safetensors (section "Format"). Our own reader, because the package is not
needed for so little, and a slice is read without mapping the file.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.checkpoints._tensors import DTYPES, Span, StoredTensor, check_span, natural

LONGEST_HEADER = 100_000_000  # bytes, as in the format
KINDS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
         "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}  # fmt: skip


def is_safetensors(begin: bytes) -> bool:
    """Whether a file may be one, by its first nine bytes."""
    return len(begin) >= 9 and begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") <= LONGEST_HEADER


def read_safetensors(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a safetensors file by name."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if 8 + length > size:
            msg = f"its header should have {length} bytes; only {size - 8} follow"
            raise ValueError(msg)
        header = json.loads(file.read(length))
    data = 8 + length
    names = sorted((name for name in header if name != "__metadata__"), key=natural)  # the package sorts them by type
    return {name: _tensor(path, name, header[name], data, size) for name in names}


def _tensor(path: Path, name: str, entry: dict[str, Any], data: int, size: int) -> StoredTensor:
    begin, end = (data + int(place) for place in entry["data_offsets"])
    shape, kind = tuple(int(n) for n in entry["shape"]), KINDS.get(entry["dtype"], str(entry["dtype"]))
    if not data <= begin <= end <= size:
        msg = f"tensor {name} should end at byte {end}; the file has {size}"
        raise ValueError(msg)
    dtype = np.dtype(DTYPES.get(kind, "u1"))
    if kind in DTYPES:
        check_span(shape, dtype.itemsize, begin, end)
    return StoredTensor(path, name, shape, kind, Span(path, begin, dtype))
