"""Tables as versions before 0.2 read them, for databases and runs of that time: only commas, rows in order.

Metadata without an order of the rows come from these versions. The digest of the data shows whether the file is still
the same, so nothing here may change.
"""

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._content import Content
from landscape.datasets._dataset import Dataset
from landscape.datasets._readers import check_file, read as read_now
from landscape.support import reading, whole_number

Array = NDArray[np.float64]
Line = tuple[int, list[str]]  # its number in the file, its fields

LABEL_NAME = re.compile(r"(?:label|outcome|class)(?:\[([1-9]\d*)\])?", re.IGNORECASE)
FORTRAN_EXPONENT = str.maketrans("dD", "ee")
MAX_CLASSES = 65_536


def older_table(path: str, rows: int, standardize: bool, label_column: str | int | None) -> Dataset:
    """The data set as an older version read it: the first rows train, and labels up to the largest are classes."""
    where, rows = Path(path), whole_number("rows", rows, 0)
    with reading(where):
        content, labels, n_classes = _read(where, label_column)
    if rows > len(labels):
        msg = f"{where}: rows must be at most the {len(labels)} rows of the file; got {rows}"
        raise ValueError(msg)
    train, test = content.inputs[:rows], content.inputs[rows:]
    if standardize:
        train, test = _standardized(train, test)
    metadata = {
        "name": "table", "path": path, "rows": rows, "seed": None, "standardize": standardize,
        "label_column": label_column, "first_label": int(min(content.values)),
    }  # fmt: skip
    return Dataset(train, labels[:rows], n_classes, test, labels[rows:], metadata)


def _read(path: Path, label_column: str | int | None) -> tuple[Content, NDArray[np.int64], int]:
    """Content, labels (n,) from 0, and the number of classes: the largest label and those below it."""
    check_file(path)
    if path.suffix.lower() == ".npz":
        content = read_now(path, label_column)
        content.check_finite(path)
    else:
        content = _read_text(path, label_column)
    values = np.array(content.values, dtype=np.float64)
    if not ((values >= 0) & (values < MAX_CLASSES) & (values == np.floor(values))).all():
        msg = f"{path}: expected whole labels 0 ... {MAX_CLASSES - 1}, found others"
        raise ValueError(msg)
    labels = values.astype(np.int64)[content.codes]
    if content.n_classes is not None:
        return content, labels, content.n_classes
    labels = labels - labels.min()
    return content, labels, int(labels.max()) + 1


def _standardized(train: Array, test: Array) -> tuple[Array, Array]:
    """Both parts (N, D), (M, D) with mean 0 and deviation 1 over `train`; a constant column is only shifted."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(np.ptp(train, axis=0) > 0.0, deviation, 1.0)
    return (train - mean) / deviation, (test - mean) / deviation


def _read_text(path: Path, label_column: str | int | None) -> Content:
    is_csv = path.suffix.lower() == ".csv"
    try:
        lines = _csv_lines(path) if is_csv else _mlpdata_lines(path)
        header, lines = _split_header(lines, label_column) if is_csv else ([], lines)
        numbers, places = _matrix(path, header, lines)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: expected lines of numbers in UTF-8 ({error})"
        raise ValueError(msg) from error
    column = _label_position(path, label_column, header, numbers.shape[1], default=-1 if is_csv else 0)
    match = LABEL_NAME.fullmatch(header[column]) if header else None
    n_classes = int(match[1]) if match and match[1] else None
    values, codes = np.unique(numbers[:, column], return_inverse=True)
    return Content(
        np.delete(numbers, column, axis=1), values.tolist(), codes.astype(np.int64), "line", places, None, n_classes
    )


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
