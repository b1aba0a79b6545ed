"""Readers of text and npz files: all rows as numbers and labels, with the place of each for error messages."""

import csv
import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.datasets._dataset import FEWEST_CLASSES
from landscape.datasets._layout import LABEL_NAME, Layout, body, layout_of
from landscape.datasets._lines import DECIMAL_COMMA, is_number, numbers
from landscape.support import read_arrays, whole_number

Array = NDArray[np.float64]

log = logging.getLogger(__name__)

FEWEST_COUNTED = 10  # rows: fewer could count by chance
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "--"}  # how programs mark missing values


@dataclass(frozen=True)
class Content:
    """All rows of a file."""

    inputs: Array  # (n, D)
    values: Sequence[Any]  # (K,) the distinct labels as in the file: texts, numbers or booleans
    codes: NDArray[np.int64]  # (n,) which of `values` each row has
    unit: str  # "line" or "row"
    places: Sequence[int]  # (n,) number of the line or row
    training_rows: int | None  # if the file has test rows of its own
    n_classes: int | None  # if the file announces it; its labels then count from 0
    columns: Sequence[str] = field(default=())  # (D,) names of the columns in messages
    label: str = "labels"  # where the labels stand, in messages

    def wrong(self, path: Path, row: int, problem: str) -> ValueError:
        """The error for a row."""
        return ValueError(f"{path}, {self.unit} {self.places[row]}: {problem}")


def read(path: Path, label_column: str | int | None) -> Content:
    """Read a file by its suffix and content; errors name the file, the line and the column."""
    check_file(path)
    if path.suffix.lower() != ".npz":
        content = _read_text(path, label_column)
    elif label_column is not None:
        msg = f"{path}: label_column must be None for an npz file (its labels are `labels`); got {label_column!r}"
        raise ValueError(msg)
    else:
        content = _read_npz(path)
    _check_finite(path, content)
    return content


def check_file(path: Path) -> None:
    """Raise an error unless `path` is a file."""
    if not path.exists():
        msg = f"there is no file {path}"
        raise FileNotFoundError(msg)
    if not path.is_file():
        msg = f"{path}: expected a file, not a directory"
        raise ValueError(msg)


def _check_finite(path: Path, content: Content) -> None:
    finite = np.isfinite(content.inputs)
    if not finite.all():
        row, k = np.argwhere(~finite)[0].tolist()
        found = content.inputs[row, k]
        missing = ": a value is missing; fill it in or leave the row out" if np.isnan(found) else ""
        raise content.wrong(path, row, f"expected finite numbers, found {found} in {content.columns[k]}{missing}")


# ---------------------------------------------------------------- text


def _read_text(path: Path, label_column: str | int | None) -> Content:
    try:
        layout = layout_of(path, label_column)
        if layout.numbered_header:
            shown = f"{layout.names[0]},{layout.names[1]},..."
            log.warning("%s: the first line, %s, is read as column names", path, shown)
        content = _parse(path, layout)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: expected lines of numbers in UTF-8 ({error})"
        raise ValueError(msg) from error
    return content


def _parse(path: Path, layout: Layout) -> Content:
    """All rows after the header."""
    found, codes, places = array("d"), array("q"), array("q")
    values: dict[str, int] = {}
    names: list[list[str]] = [[] for _ in layout.row_names]
    features = [k for k in range(layout.width) if k != layout.label and k not in layout.row_names]
    for place, fields in body(path, layout):
        line = _checked_width(path, place, fields, layout)
        for kept, k in zip(names, layout.row_names, strict=True):
            kept.append(line[k].strip())
        try:
            found.extend(numbers([line[k] for k in features]))
        except ValueError:
            k = next(k for k in features if not is_number(line[k]))
            raise _explained(path, place, line[k].strip(), k, layout) from None
        codes.append(values.setdefault(line[layout.label].strip(), len(values)))
        places.append(place)
    if not places:
        msg = f"{path}: expected at least one row of numbers, found none"
        raise ValueError(msg)
    inputs = np.frombuffer(found).reshape(len(places), len(features))
    columns = [layout.column(k) for k in features]
    inputs, columns = _with_features(path, layout, names, inputs, columns, places)
    match = LABEL_NAME.fullmatch(layout.names[layout.label]) if layout.names else None
    n_classes = int(match[1]) if match and match[1] else None
    labels = np.frombuffer(codes, np.int64)
    return Content(inputs, list(values), labels, "line", places, None, n_classes, columns, layout.column(layout.label))


def _checked_width(path: Path, place: int, fields: list[str], layout: Layout) -> list[str]:
    width = layout.width
    if len(fields) == width + 1 and not fields[-1].strip():
        fields = fields[:-1]
    if len(fields) != width or width < 2:
        msg = f"{path}, line {place}: expected {max(width, 2)} fields, found {len(fields)}"
        raise ValueError(msg)
    return fields


def _explained(path: Path, place: int, text: str, k: int, layout: Layout) -> ValueError:
    """The error for a field of column k that is not a number."""
    reason = ""
    if text.lower() in MISSING:
        reason = ": a value is missing; fill it in or leave the row out"
    elif DECIMAL_COMMA.fullmatch(text):
        reason = ": write decimal points, not commas"
    elif not layout.names and place == 1:
        reason = "; if the line holds column names, none of them may be a number"
    return ValueError(f"{path}, line {place}: expected a number, found {text!r} in {layout.column(k)}{reason}")


def _with_features(
    path: Path, layout: Layout, names: Sequence[list[str]], inputs: Array, columns: list[str], places: Sequence[int]
) -> tuple[Array, list[str]]:
    """Inputs including candidate columns that do not number the rows after all; a line is logged for those that do."""
    for texts, k in reversed(list(zip(names, layout.row_names, strict=True))):
        if columns and _numbers_rows(texts, named=bool(layout.names)):
            log.warning("%s: %s numbers the rows and is not used as a feature", path, layout.column(k))
            continue
        try:
            values = numbers(texts)
        except ValueError:
            row = next(i for i, text in enumerate(texts) if not is_number(text))
            raise _explained(path, places[row], texts[row], k, layout) from None
        inputs, columns = np.column_stack([values, inputs]), [layout.column(k), *columns]
    if not columns:
        msg = f"{path}: expected a column of numbers beside the labels, found none"
        raise ValueError(msg)
    return np.ascontiguousarray(inputs), columns


def _numbers_rows(texts: Sequence[str], *, named: bool) -> bool:
    """Whether a first column numbers or names the rows: its values are distinct whole numbers, or words.

    In a file without column names it must count the rows, and there must be at least ten.
    """
    if not named:
        counts = [[str(k) for k in range(first, first + len(texts))] for first in (0, 1)]
        return len(texts) >= FEWEST_COUNTED and list(texts) in counts
    if all(text.lstrip("+-").isdecimal() for text in texts):
        return len(set(texts)) == len(texts) > 1
    return not any(map(is_number, texts))


# ---------------------------------------------------------------- npz


def _read_npz(path: Path) -> Content:
    arrays = read_arrays(path, ("inputs", "labels", "test_inputs", "test_labels", "n_classes"))
    prefixes = ("", "test_") if {"test_inputs", "test_labels"} & arrays.keys() else ("",)
    inputs, labels = zip(*[_npz_part(path, arrays, prefix) for prefix in prefixes], strict=True)
    widths = [part.shape[1] for part in inputs]
    if len(set(widths)) != 1 or not len(inputs[0]):
        msg = f"{path}: expected rows, and as many columns in test_inputs; got shapes {[part.shape for part in inputs]}"
        raise ValueError(msg)
    if len({part.dtype.kind in "SU" for part in labels if part.size}) > 1:
        msg = f"{path}: expected labels and test_labels of one kind; got {' and '.join(str(p.dtype) for p in labels)}"
        raise ValueError(msg)
    n_classes = arrays.get("n_classes")
    if n_classes is not None:
        n_classes = whole_number(
            f"{path}: n_classes", n_classes.item() if n_classes.size == 1 else n_classes, FEWEST_CLASSES
        )
    values, codes = np.unique(np.concatenate([part for part in labels if part.size]), return_inverse=True)
    columns = [f"column {k}" for k in range(widths[0])]
    return Content(
        np.concatenate(inputs), values.tolist(), codes.ravel().astype(np.int64), "row", range(len(codes)),
        len(labels[0]) if len(prefixes) > 1 else None, n_classes, columns,
    )  # fmt: skip


def _npz_part(path: Path, arrays: dict[str, NDArray[Any]], prefix: str) -> tuple[Array, NDArray[Any]]:
    names = f"{prefix}inputs", f"{prefix}labels"
    for name in names:
        if name not in arrays:
            msg = f"{path}: expected an array {name}; it has {', '.join(arrays) or 'no known array'}"
            raise ValueError(msg)
    inputs, labels = (arrays[name] for name in names)
    right = inputs.dtype.kind in "fiub" and labels.dtype.kind in "fiubU"
    if not right or inputs.ndim != 2 or inputs.shape[1] == 0 or labels.shape != inputs.shape[:1]:
        described = [f"{array.dtype} {array.shape}" for array in (inputs, labels)]
        msg = f"{path}: expected numbers {names[0]} (n, D) and {names[1]} (n,); got {' and '.join(described)}"
        raise ValueError(msg)
    return inputs.astype(np.float64), labels
