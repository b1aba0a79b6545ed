"""Records as arrays of npz files, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from landscape.support import read_arrays

Arrays = dict[str, NDArray[Any]]

NOTHING = -1  # for None in columns of numbers
KINDS = {int: "i", float: "f", str: "U", bool: "b"}
DTYPES = {"i": np.int64, "f": np.float64, "U": np.str_, "b": np.bool_}


class Archive:
    """The arrays of an npz file; raises the errors of `read_arrays`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays = read_arrays(path)

    def get(self, name: str, kind: str, *shape: int | None) -> NDArray[Any]:
        """The array with this name, kind (f, i or U) and shape (None: any length).

        Raises
        ------
        ValueError
            If there is none: the message names the file and the array.
        """
        array = self._arrays.get(name)
        if array is None:
            msg = f"{self.path} is not an export of agescape: it has no array {name!r}"
            raise ValueError(msg)
        fits = len(shape) == array.ndim and all(n in {None, found} for n, found in zip(shape, array.shape, strict=True))
        # empty columns have no type
        if not fits or (array.dtype.kind != kind and array.size):
            wanted = ", ".join("n" if n is None else str(n) for n in shape)
            msg = (
                f"{self.path} is damaged: {name} should be of kind {kind} and shape ({wanted}); "
                f"it is of type {array.dtype} and shape {array.shape}"
            )
            raise ValueError(msg)
        return array

    def has(self, prefix: str, *, exactly: bool = False) -> bool:
        """Whether any array with this prefix exists, or one of exactly this name."""
        if exactly:
            return prefix in self._arrays
        return any(name.startswith(f"{prefix}_") for name in self._arrays)

    def check_lengths(self, what: str, arrays: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        """Raise a ValueError unless these have the same length."""
        if len({len(array) for array in arrays.values()}) > 1:
            msg = f"{self.path} is damaged: its arrays {what}_* are of different lengths"
            raise ValueError(msg)


def columns(prefix: str, records: Sequence[Any], kind: type) -> Arrays:
    """One array per field of a dataclass of numbers, strings and tuples of numbers; None becomes -1."""
    hints = get_type_hints(kind)
    arrays = {}
    for field in fields(kind):
        values = [_number(getattr(record, field.name)) for record in records]
        array = np.array(values, dtype=DTYPES[_kind(hints[field.name])])
        arrays[f"{prefix}_{field.name}"] = array.reshape(len(values), *_width(hints[field.name]))
    return arrays


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_number(item) for item in value]
    return NOTHING if value is None else value


def rows(prefix: str, archive: Archive, kind: type) -> list[Any]:
    """The records of this dataclass that `columns` wrote; ValueError if a column is missing or of another type."""
    hints = get_type_hints(kind)
    lists = {}
    for field in fields(kind):
        hint = hints[field.name]
        lists[field.name] = archive.get(f"{prefix}_{field.name}", _kind(hint), None, *_width(hint)).tolist()
    archive.check_lengths(prefix, lists)
    return [kind(**dict(zip(lists, map(_value, values), strict=True))) for values in zip(*lists.values(), strict=True)]


def later_rows(prefix: str, archive: Archive, kind: type) -> list[Any]:
    """Like `rows`; empty if the file comes from a version without these columns."""
    return rows(prefix, archive, kind) if archive.has(prefix) else []


def _value(number: Any) -> Any:
    if isinstance(number, list):
        return tuple(map(_value, number))
    return None if number == NOTHING else number


def _width(hint: Any) -> tuple[int, ...]:
    """How many numbers a field has: () for one."""
    return (len(get_args(hint)),) if get_origin(hint) is tuple else ()


def _kind(hint: Any) -> str:
    """NumPy's letter for the first plain type in an annotation."""
    if hint in KINDS:
        return KINDS[hint]
    return next(kind for argument in get_args(hint) if (kind := _kind(argument)))
