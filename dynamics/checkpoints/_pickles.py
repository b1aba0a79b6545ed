"""Pickles of torch, read without executing anything in them.

Unpickling calls whatever a pickle names. Here it finds only functions of this module: those that stand for torch's make
plain records, and every other name gives an object that does nothing (a checkpoint often holds settings beside the
tensors, of classes that need not be installed).
"""

import io
import pickle
import pickletools
from dataclasses import dataclass
from typing import Any

from landscape.support import StandIn

STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
}  # fmt: skip
ITEM_SIZES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
              "uint8": 1, "bool": 1, "complex64": 8, "complex128": 16}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """Consecutive numbers of a checkpoint, under a key."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class Record:
    """What a pickle says of a tensor: where its elements are in a storage; strides are in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Mapping(dict):
    """An ordered dictionary, whose attributes are left out."""

    def __setstate__(self, state: Any) -> None:
        del state


class Other:
    """An object of any other class: it does nothing."""

    def __new__(cls, *arguments: Any, **options: Any) -> "Other":
        del arguments, options
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def __call__(self, *arguments: Any) -> "Other":
        del arguments
        return self

    def __setstate__(self, state: Any) -> None:
        del state

    def append(self, item: Any) -> None:
        """Ignore an item of a list."""

    def extend(self, items: Any) -> None:
        """Ignore items of a list."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


def _record(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> Record:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or len(shape) != len(strides) or any(type(n) is not int for n in numbers):
        msg = "a tensor in it is not described by numbers"
        raise ValueError(msg)
    if min(numbers) < 0:
        msg = f"a tensor in it has offset {offset}, shape {shape} and strides {strides}"
        raise ValueError(msg)
    return Record(storage, offset, tuple(shape), tuple(strides))


KNOWN = {
    ("collections", "OrderedDict"): StandIn(Mapping),
    ("torch._utils", "_rebuild_tensor"): StandIn(_record),
    ("torch._utils", "_rebuild_tensor_v2"): StandIn(_record),
    ("torch._utils", "_rebuild_parameter"): StandIn(lambda data, *_rest: data),
    ("torch._utils", "_rebuild_parameter_with_state"): StandIn(lambda data, *_rest: data),
    **{(module, name): kind for name, kind in STORAGES.items() for module in ("torch", "torch.storage")},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")
        self.others: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        self.others.add(f"{module}.{name}")
        return Other

    def persistent_load(self, pid: Any) -> Storage:
        what, kind, key, _location, count, *views = pid
        if (
            what != "storage"
            or not isinstance(kind, str)
            or type(count) is not int
            or any(v is not None for v in views)
        ):
            msg = f"it refers to {pid!r:.200}, which is no storage of numbers"
            raise ValueError(msg)
        return Storage(kind, str(key), count)


def unpickle(file: io.BytesIO) -> tuple[Any, set[str]]:
    """The next object of a file in memory, with `Record` for tensors, and the names of the classes that were ignored.

    Raises
    ------
    ValueError
        If it is damaged, or would allocate more than its size.
    """
    begin = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in {"LONG_BINPUT", "PUT"} and int(argument or 0) > len(file.getbuffer()):
            msg = f"it asks for {argument} entries"  # of the memo, which are allocated at once
            raise ValueError(msg)
    file.seek(begin)
    unpickler = _Unpickler(file)
    try:
        return unpickler.load(), unpickler.others
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error
