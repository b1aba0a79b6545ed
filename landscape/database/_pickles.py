"""Arrays in pele's pickle columns, written and read without executing anything in a file.

pele stores coordinates as pickled NumPy arrays. Unpickling calls whatever the file names, so blobs are
read by an unpickler that knows five names, each replaced by a plain record; the array is then built
from the record's raw bytes. NumPy itself is never called with a value from the file.

Python 2 wrote bytes as strings without an encoding. They are read as Latin-1, in which each byte is one character, as
the documentation of `numpy.load` requires for such arrays; a record's data may therefore be a string of such
characters.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.support import StandIn

PROTOCOL = 4  # 5 adds nothing for small arrays and older readers know 4
MAX_PLAIN = 100_000  # size of an array that is compared with what `dump_array` writes
MAX_MEMO = 1000  # an array's pickle has about ten memo entries


class UnsafePickleError(ValueError):
    """A blob does not hold a float64 array: it is damaged, or never held one."""


class HostilePickleError(UnsafePickleError):
    """A blob requests what no array needs: calling something else, or redefining its names."""


@dataclass
class _Dtype:
    name: str
    order: str = "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


@dataclass
class _ArrayRecord:
    shape: Any = None
    dtype: Any = None
    data: Any = None

    def __setstate__(self, state: tuple) -> None:
        _version, self.shape, self.dtype, _fortran, self.data = state


def _stand_in(make: Callable[..., Any]) -> StandIn:
    return StandIn(make, HostilePickleError)


def _reconstruct(*_arguments: Any) -> _ArrayRecord:
    return _ArrayRecord()


def _ndarray(*_arguments: Any) -> None:
    msg = "it calls numpy.ndarray"
    raise HostilePickleError(msg)


def _dtype(name: str, *_flags: Any) -> _Dtype:
    return _Dtype(name)


def _from_buffer(data: Any, dtype: _Dtype, shape: Any, _order: str) -> _ArrayRecord:
    if not isinstance(data, bytes | bytearray):
        msg = f"its buffer is of type {type(data).__name__}"
        raise UnsafePickleError(msg)
    return _ArrayRecord(shape, dtype, bytes(data))


def _latin_1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        msg = f"unexpected encoding {encoding!r}"
        raise UnsafePickleError(msg)
    return text.encode("latin1")


_ADMITTED = {
    ("numpy", "ndarray"): _stand_in(_ndarray),
    ("numpy", "dtype"): _stand_in(_dtype),
    ("_codecs", "encode"): _stand_in(_latin_1),
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _stand_in(_reconstruct) for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _stand_in(_from_buffer) for core in ("core", "_core")},
}


_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}


class _Unpickler(pickle.Unpickler):
    def __init__(self, blob: bytes) -> None:
        super().__init__(io.BytesIO(blob), encoding="latin1")  # only of Python 2's byte strings

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            msg = f"it names {module}.{name}"
            raise HostilePickleError(msg) from None


def dump_array(array: NDArray[np.float64]) -> bytes:
    """Pickle a float64 array as pele does."""
    return pickle.dumps(np.ascontiguousarray(array, dtype=np.float64), protocol=PROTOCOL)


@cache
def _around(n: int) -> tuple[bytes, bytes]:
    """The bytes before and after the numbers in the pickle that `dump_array` makes of n numbers."""
    marks = np.full(n, np.frombuffer(b"agescape", "<f8")[0])
    before, _, after = dump_array(marks).partition(marks.astype("<f8").tobytes())
    return before, after


def plain_numbers(blobs: Sequence[Any], n: int, below: float = np.inf) -> bool:
    """Whether all blobs are, byte by byte, pickles that `dump_array` makes of n numbers within these magnitudes."""
    before, after = _around(n)
    begin, end = len(before), len(before) + 8 * n
    if set(map(type, blobs)) != {bytes} or set(map(len, blobs)) != {end + len(after)}:
        return False
    if {blob[:begin] for blob in blobs} != {before} or {blob[end:] for blob in blobs} != {after}:
        return False
    numbers = np.frombuffer(b"".join(blob[begin:end] for blob in blobs), "<f8")
    return bool((np.abs(numbers) < below).all())


def load_array(blob: bytes) -> NDArray[np.float64]:
    """Rebuild a one-dimensional float64 array from a pickle that holds nothing else.

    Raises
    ------
    UnsafePickleError
        If the pickle names anything that NumPy does not need for such an array, or is damaged.
    """
    if (plain := _written_here(blob)) is not None:
        return plain
    try:
        for opcode, argument in _operations(blob):
            if opcode in {"LONG_BINPUT", "PUT"} and int(argument or 0) > MAX_MEMO:  # would allocate that many entries
                msg = f"memo index {argument}"
                raise UnsafePickleError(msg)
        record = _Unpickler(blob).load()
        return _build(record)
    except UnsafePickleError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        msg = f"it is not a pickled array ({type(error).__name__}: {error})"
        raise UnsafePickleError(msg) from error


def _operations(blob: bytes) -> Iterator[tuple[str, Any]]:
    """Names and arguments of a pickle's operations, like `pickletools.genops`, which fails on bytes of Python 2."""
    file = io.BytesIO(blob)
    code = b""
    while code != pickle.STOP:
        code = file.read(1)
        opcode = _OPCODES[code.decode("latin1")]
        if opcode.name == "STRING":
            yield opcode.name, file.readline()
        else:
            yield opcode.name, None if opcode.arg is None else opcode.arg.reader(file)


def _written_here(blob: bytes) -> NDArray[np.float64] | None:
    """The numbers of a pickle that is, byte by byte, one of `dump_array`'s, without interpreting it."""
    n = (len(blob) - len(_around(1)[0])) // 8
    if not 0 < n <= MAX_PLAIN:
        return None
    for size in range(n, max(0, n - 6), -1):  # the bytes around the numbers depend on their count
        before, after = _around(size)
        if len(blob) == len(before) + 8 * size + len(after):
            whole = blob.startswith(before) and blob.endswith(after)
            return np.frombuffer(blob, "<f8", size, len(before)).astype(np.float64) if whole else None
    return None


def _build(record: Any) -> NDArray[np.float64]:
    if not isinstance(record, _ArrayRecord) or not isinstance(record.dtype, _Dtype):
        msg = f"it holds a {type(record).__name__}, not an array"
        raise UnsafePickleError(msg)
    order = record.dtype.name[0] if record.dtype.name[0] in "<>=|" else record.dtype.order
    if record.dtype.name.lstrip("<>=|") != "f8" or order not in {"<", "="}:
        msg = f"its numbers are {order}{record.dtype.name}, not little-endian float64"
        raise UnsafePickleError(msg)
    data = record.data.encode("latin1") if isinstance(record.data, str) else record.data
    array = np.frombuffer(data, dtype="<f8").astype(np.float64)
    if tuple(record.shape) != array.shape:
        msg = f"its shape {record.shape} does not fit its {array.size} numbers"
        raise UnsafePickleError(msg)
    return array
