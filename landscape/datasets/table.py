"""Data sets from files: CSV, npz, and the MLPdata lines of the Wales group's programs."""

import csv
import numbers
import operator
import os
import re
import uuid
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from landscape.datasets.dataset import Dataset

Array = NDArray[np.float64]
Line = tuple[int, list[str]]  # its number in the file, its fields

MAX_CLASSES = 65_536  # a larger label is a feature taken for one
LABEL_NAME = re.compile(r"(?:label|outcome|class)(?:\[([1-9]\d*)\])?", re.IGNORECASE)
FORTRAN_EXPONENT = str.maketrans("dD", "ee")


@dataclass(frozen=True)
class _Content:
    """All rows of a file."""

    inputs: Array  # (n, D)
    labels: NDArray[Any]  # (n,), not yet checked
    unit: str  # "line" or "row"
    places: Sequence[int]  # (n,) number of the line or row
    training_rows: int
    n_classes: int | None  # where the file says it, its labels count from 0

    def wrong(self, path: Path, row: int, problem: str) -> ValueError:
        return ValueError(f"{path}, {self.unit} {self.places[row]}: {problem}")


def table(
    path: str | os.PathLike[str],
    *,
    rows: int | None = None,
    standardize: bool = False,
    label_column: str | int | None = None,
) -> Dataset:
    """Read a data set; the suffix decides the format.

    - ``.csv``: commas, one row a line, with or without a line of column names.
    - ``.npz``: arrays ``inputs`` (n, D), ``labels`` (n,) and optionally ``test_inputs``,
      ``test_labels``, ``n_classes``; never pickled objects.
    - anything else: ``MLPdata``, numbers separated by white space, the outcome first.

    Parameters
    ----------
    path : path
        The file.
    rows : int, optional
        The first `rows` rows train, the rest tests. By default all rows train, but for an npz file
        with test arrays its ``inputs``.
    standardize : bool
        Shift and scale both parts by the mean and standard deviation of the training rows.
    label_column : str or int, optional
        Name or position (from 0; negative from the end) of the labels in a CSV or MLPdata file. By
        default the first column named label, outcome or class, else the last; in MLPdata the first.

    Notes
    -----
    Labels are integers 0 ... K-1. In CSV and MLPdata files they may also be 1 ... K: when the smallest
    is 1 all are lowered by 1, and ``metadata["first_label"]`` is 1. A CSV column called ``label[K]``
    (as `write_table` calls it where it matters) has K classes counted from 0.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the content is not as described; the message names the file and the line.
    """
    path = Path(path).absolute()
    content = _read(path, label_column)
    labels, n_classes, first_label = _class_indices(path, content, shift=path.suffix.lower() != ".npz")
    n = content.training_rows if rows is None else whole_number("rows", rows, 1)
    if n > len(labels):
        msg = f"{path}: rows must be at most the {len(labels)} rows of the file; got {n}"
        raise ValueError(msg)
    train, test = content.inputs[:n], content.inputs[n:]
    if standardize:
        train, test = standardized(train, test)
    metadata = {
        "name": "table",
        "path": str(path),
        "rows": n,
        "seed": None,
        "standardize": bool(standardize),
        "label_column": label_column,
        "first_label": first_label,
    }
    return Dataset(train, labels[:n], n_classes, test, labels[n:], metadata)


def write_table(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write all rows of `dataset`, training rows first, as ``.csv`` or ``.npz``.

    `table(path, rows=dataset.rows)` gives the same arrays bit for bit. The file appears whole or not
    at all.

    Raises
    ------
    ValueError
        If the suffix is another one.
    FileNotFoundError
        If the directory does not exist.
    """
    path = Path(path).absolute()
    writer = {".csv": _write_csv, ".npz": _write_npz}.get(path.suffix.lower())
    if writer is None:
        msg = f"path must end in .csv or .npz; got {path}"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"path must lie in an existing directory; got {path}"
        raise FileNotFoundError(msg)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            writer(dataset, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def standardized(train: Array, test: Array) -> tuple[Array, Array]:
    """Both parts (N, D), (M, D) with mean 0 and deviation 1 over `train`; a constant column is only shifted."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(np.ptp(train, axis=0) > 0.0, deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation


def whole_number(name: str, value: object, minimum: int) -> int:
    """`value` as an int >= `minimum`, or a ValueError that names the argument."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < minimum:
        msg = f"{name} must be a whole number >= {minimum}; got {value!r}"
        raise ValueError(msg)
    return operator.index(value)


def _read(path: Path, label_column: str | int | None) -> _Content:
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


def _read_text(path: Path, label_column: str | int | None) -> _Content:
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
    return _Content(np.delete(numbers_, column, axis=1), numbers_[:, column], "line", places, len(places), n_classes)


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


def _read_npz(path: Path) -> _Content:
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
    return _Content(np.concatenate(inputs), np.concatenate(labels), "row", range(rows), len(labels[0]), n_classes)


def _load_npz(path: Path) -> dict[str, NDArray[Any]]:
    wanted = ("inputs", "labels", "test_inputs", "test_labels", "n_classes")
    try:
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in wanted if name in archive}
    except (ValueError, OSError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        msg = f"{path}: expected an npz file of plain arrays {', '.join(wanted)} ({error})"
        raise ValueError(msg) from error


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


def _class_indices(path: Path, content: _Content, *, shift: bool) -> tuple[NDArray[np.int64], int, int]:
    """Labels from 0, the number of classes, and what the smallest label stood for in the file."""
    finite = np.isfinite(content.inputs).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise content.wrong(path, row, f"expected finite numbers, found {content.inputs[row]}")
    largest = (content.n_classes or MAX_CLASSES) - 1
    good = (content.labels >= 0) & (content.labels <= largest) & (content.labels == np.floor(content.labels))
    if not good.all():
        row = int(np.argmin(good))
        raise content.wrong(path, row, f"expected a whole label 0 ... {largest}, found {content.labels[row]}")
    labels = content.labels.astype(np.int64)
    if content.n_classes is not None:
        return labels, content.n_classes, 0
    row = int(labels.argmin())
    if labels[row] > int(shift):
        expected = "0 or 1" if shift else "0 (or an array n_classes)"
        raise content.wrong(path, row, f"expected the smallest label to be {expected}, found {labels[row]}")
    return labels - labels[row], int(labels.max() - labels[row]) + 1, int(labels[row])


def _write_csv(dataset: Dataset, file: BinaryIO) -> None:
    labels = np.concatenate([dataset.labels, dataset.test_labels])
    plain = labels.min() == 0 and labels.max() == dataset.n_classes - 1
    names = [f"x{i + 1}" for i in range(dataset.n_features)]
    file.write(",".join([*names, "label" if plain else f"label[{dataset.n_classes}]"]).encode() + b"\n")
    for row, label in zip(np.concatenate([dataset.inputs, dataset.test_inputs]), labels, strict=True):
        file.write(",".join(map(repr, [*row.tolist(), int(label)])).encode() + b"\n")


def _write_npz(dataset: Dataset, file: BinaryIO) -> None:
    np.savez_compressed(
        file,
        inputs=dataset.inputs,
        labels=dataset.labels,
        test_inputs=dataset.test_inputs,
        test_labels=dataset.test_labels,
        n_classes=np.int64(dataset.n_classes),
    )
