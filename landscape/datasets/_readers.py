"""Readers of CSV, npz and MLPdata files: all rows as numbers, with the place of each for complaints."""

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.archives import read_arrays
from landscape.datasets._arguments import whole_number

Array = NDArray[np.float64]
Line = tuple[int, list[str]]  # its number in the file, its fields

LABEL_NAME = re.compile(r"(?:label|outcome|class)(?:\[([1-9]\d*)\])?", re.IGNORECASE)
FORTRAN_EXPONENT = str.maketrans("dD", "ee")


@dataclass(frozen=True)
class Content:
    """All rows of a file."""

    inputs: Array  # (n, D)
    labels: NDArray[Any]  # (n,), not yet checked
    unit: str  # "line" or "row"
    places: Sequence[int]  # (n,) number of the line or row
    training_rows: int
    n_classes: int | None  # where the file says it, its labels count from 0
    columns: Sequence[str] = field(default=())  # (D,) what to call the columns in messages

    def wrong(self, path: Path, row: int, problem: str) -> ValueError:
        """Give the error for a row."""
        return ValueError(f"{path}, {self.unit} {self.places[row]}: {problem}")


def read(path: Path, label_column: str | int | None) -> Content:
    """Read a file by its suffix; errors name the file and the line."""
    if not path.exists():
        msg = f"there is no file {path}"
        raise FileNotFoundError(msg)
    if not path.is_file():
        msg = f"{path}: expected a file, not a directory"
        raise ValueError(msg)
    if path.suffix.lower() != ".npz":
        return _read_text(path, label_column)
    if label_column is not None:
        msg = f"{path}: label_column must be None for an npz file (its labels are `labels`); got {label_column!r}"
        raise ValueError(msg)
    return _read_npz(path)


def _read_text(path: Path, label_column: str | int | None) -> Content:
    is_csv = path.suffix.lower() == ".csv"
    try:
        lines = _csv_lines(path) if is_csv else _mlpdata_lines(path)
        header, lines = _split_header(lines, label_column) if is_csv else ([], lines)
        numbers_, places = _matrix(path, header, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: expected lines of numbers in UTF-8 ({error})"
        raise ValueError(msg) from error
    column = _label_position(path, label_column, header, numbers_.shape[1], default=-1 if is_csv else 0)
    match = LABEL_NAME.fullmatch(header[column]) if header else None
    n_classes = int(match[1]) if match and match[1] else None
    columns = [f"column {k + 1} ({name!r})" for k, name in enumerate(header) if k != column % len(header)]
    inputs, labels = np.delete(numbers_, column, axis=1), numbers_[:, column]
    return Content(inputs, labels, "line", places, len(places), n_classes, columns)


def _csv_lines(path: Path) -> Iterator[Line]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield reader.line_num, fields


def _mlpdata_lines(path: Path) -> Iterator[Line]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if fields := line.translate(FORTRAN_EXPONENT).split():
                yield number, fields


def _split_header(lines: Iterator[Line], label_column: str | int | None) -> tuple[list[str], Iterator[Line]]:
    """Column names, [] without any, and the lines after them.

    A first line is names when no field of it is a number, or when one is the name of the labels:
    pandas names columns 0, 1, 2. A line with one mistyped number is not.
    """
    first = next(lines, None)
    if first is None:
        return [], lines
    names = [field.strip().removeprefix("#").strip() for field in first[1]]
    named = any(name == label_column or LABEL_NAME.fullmatch(name) for name in names)
    if named or not any(_is_number(field) for field in first[1]):
        return names, lines
    return [], chain([first], lines)


def _matrix(path: Path, header: list[str], lines: Iterator[Line]) -> tuple[Array, Sequence[int]]:
    """All numbers (n, width) and the line each row stands in."""
    values, places, width = array("d"), array("q"), len(header)
    for number, fields in lines:
        width = width or len(fields)
        if len(fields) != width or width < 2:
            msg = f"{path}, line {number}: expected {max(width, 2)} fields, found {len(fields)}"
            raise ValueError(msg)
        try:
            values.extend(map(float, fields))
        except ValueError:
            bad = next(field for field in fields if not _is_number(field))
            msg = f"{path}, line {number}: expected a number, found {bad!r}"
            raise ValueError(msg) from None
        places.append(number)
    if not places:
        msg = f"{path}: expected at least one row of numbers, found none"
        raise ValueError(msg)
    return np.frombuffer(values).reshape(-1, width), places


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _label_position(path: Path, column: str | int | None, header: list[str], width: int, default: int) -> int:
    if column is None:
        return next((i for i, name in enumerate(header) if LABEL_NAME.fullmatch(name)), default)
    if isinstance(column, str) and column in header:
        return header.index(column)
    if isinstance(column, int) and not isinstance(column, bool) and -width <= column < width:
        return column
    names = f"; its columns are {', '.join(header)}" if header else "; it has no column names"
    msg = f"{path}: label_column must name a column or be a position {-width} ... {width - 1}; got {column!r}{names}"
    raise ValueError(msg)


def _read_npz(path: Path) -> Content:
    arrays = _load_npz(path)
    prefixes = ("", "test_") if {"test_inputs", "test_labels"} & arrays.keys() else ("",)
    inputs, labels = zip(*[_npz_part(path, arrays, prefix) for prefix in prefixes], strict=True)
    widths = [part.shape[1] for part in inputs]
    if len(set(widths)) != 1 or not len(inputs[0]):
        msg = f"{path}: expected rows, and as many columns in test_inputs; got shapes {[part.shape for part in inputs]}"
        raise ValueError(msg)
    n_classes = arrays.get("n_classes")
    if n_classes is not None:
        n_classes = whole_number(f"{path}: n_classes", n_classes.item() if n_classes.size == 1 else n_classes, 1)
    rows = sum(map(len, labels))
    return Content(np.concatenate(inputs), np.concatenate(labels), "row", range(rows), len(labels[0]), n_classes)


def _load_npz(path: Path) -> dict[str, NDArray[Any]]:
    return read_arrays(path, ("inputs", "labels", "test_inputs", "test_labels", "n_classes"))


def _npz_part(path: Path, arrays: dict[str, NDArray[Any]], prefix: str) -> tuple[Array, NDArray[Any]]:
    names = f"{prefix}inputs", f"{prefix}labels"
    for name in names:
        if name not in arrays:
            msg = f"{path}: expected an array {name}; it has {', '.join(arrays) or 'none that we know'}"
            raise ValueError(msg)
    inputs, labels = (arrays[name] for name in names)
    real = inputs.dtype.kind in "fiu" and labels.dtype.kind in "fiu"
    if not real or inputs.ndim != 2 or inputs.shape[1] == 0 or labels.shape != inputs.shape[:1]:
        described = [f"{array.dtype} {array.shape}" for array in (inputs, labels)]
        msg = f"{path}: expected numbers {names[0]} (n, D) and {names[1]} (n,); got {' and '.join(described)}"
        raise ValueError(msg)
    return inputs.astype(np.float64), labels
