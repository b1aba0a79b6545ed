"""Readers of tables: all rows as numbers and labels, with the place of each for error messages."""

import csv
import logging
import re
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landscape.datasets._content import FILL_IN, ONE_HOT, Array, Content
from landscape.datasets._frames import read_parquet
from landscape.datasets._layout import LABEL_NAME, Column, Layout, body, layout_of, numbers_rows
from landscape.datasets._lines import DECIMAL_COMMA, MISSING, is_number, number, numbers
from landscape.datasets._npz import read_npz

log = logging.getLogger(__name__)

PARQUET = b"PAR1"  # how such files begin
WORD = re.compile(r"\w+")


def read(path: Path, target: str | int | None) -> Content:
    """Read a file by its suffix and content; errors name the file, the line and the column.

    Missing values are nan in the result; `Content.check_finite` refuses them.
    """
    check_file(path)
    if path.suffix.lower() == ".npz":
        if target is not None:
            msg = f"{path}: target must be None for an npz file (its labels are `labels`); got {target!r}"
            raise ValueError(msg)
        return read_npz(path)
    with path.open("rb") as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET
    return read_parquet(path, target) if is_parquet else _read_text(path, target)


def check_file(path: Path) -> None:
    """Raise an error unless `path` is a file."""
    if not path.exists():
        msg = f"there is no file {path}"
        raise FileNotFoundError(msg)
    if not path.is_file():
        msg = f"{path}: expected a file, not a directory"
        raise ValueError(msg)


def _not_text(error: UnicodeDecodeError | csv.Error) -> str:
    if isinstance(error, csv.Error):
        return str(error)
    return f"byte {error.start} is {error.object[error.start]:#04x}: if it is a table, save it in UTF-8"


def _read_text(path: Path, target: str | int | None) -> Content:
    try:
        layout = layout_of(path, target)
        if layout.numbered_header:
            shown = f"{layout.names[0]},{layout.names[1]},..."
            log.warning("%s: the first line, %s, is read as column names", path, shown)
        content = _parse(path, layout)
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: expected lines of numbers, text in UTF-8; {_not_text(error)}"
        raise ValueError(msg) from error
    return content


def _parse(path: Path, layout: Layout) -> Content:
    """All rows after the header."""
    found, codes, places = array("d"), array("q"), array("q")
    values: dict[str, int] = {}
    missing: dict[tuple[int, int], str] = {}
    names: list[list[str]] = [[] for _ in layout.row_names]
    features = [k for k in range(layout.width) if k != layout.target and k not in layout.row_names]
    for place, fields in body(path, layout):
        line = _checked_width(path, place, fields, layout)
        for kept, k in zip(names, layout.row_names, strict=True):
            kept.append(line[k].strip())
        try:
            found.extend(numbers([line[k] for k in features]))
        except ValueError:
            found.extend(_with_missing(path, layout, place, line, features, len(places), missing))
        codes.append(values.setdefault(line[layout.target].strip(), len(values)))
        places.append(place)
    if not places:
        msg = f"{path}: expected at least one row of numbers, found none"
        raise ValueError(msg)
    inputs = np.frombuffer(found).reshape(len(places), len(features))
    inputs, kept = _with_features(path, layout, names, inputs, features, places)
    missing = {(row, k + len(kept) - len(features)): text for (row, k), text in missing.items()}
    match = LABEL_NAME.fullmatch(layout.names[layout.target]) if layout.names else None
    n_classes = int(match[1]) if match and match[1] else None
    return Content(
        inputs, list(values), np.frombuffer(codes, np.int64), "line", places, None, n_classes,
        [layout.column(k) for k in kept], layout.column(layout.target), delimiter=layout.delimiter,
        header=bool(layout.names), ignored=[layout.column(k) for k in layout.row_names if k not in kept],
        missing=missing,
    )  # fmt: skip


def _with_missing(
    path: Path, layout: Layout, place: int, line: Sequence[str], features: Sequence[int], row: int,
    missing: dict[tuple[int, int], str],
) -> list[float]:  # fmt: skip
    """Numbers of a line, nan where one is missing, which `missing` then lists; ValueError at another word."""
    values = []
    for j, k in enumerate(features):
        text = line[k].strip()
        if is_number(text):
            values.append(number(text))
        elif text.lower() in MISSING:
            values.append(np.nan)
            missing[row, j] = text
        else:
            raise _explained(path, place, text, k, layout)
    return values


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
    column, reason = layout.column(k), ""
    if text.lower() in MISSING:
        reason = f": {FILL_IN}"
    elif DECIMAL_COMMA.fullmatch(text):
        reason = ": write decimal points, not commas"
    elif not layout.names and place == 1:
        reason = "; if the line holds column names, none of them may be a number"
    elif WORD.fullmatch(chosen := column.name or str(k)):
        reason = (
            f"; if the column holds the classes, choose it by target={chosen!r} (--target {chosen}); otherwise "
            f"{ONE_HOT}"
        )
    return ValueError(f"{path}, line {place}: expected a number, found {text!r} in {column}{reason}")


def _with_features(
    path: Path, layout: Layout, names: Sequence[list[str]], inputs: Array, features: list[int], places: Sequence[int]
) -> tuple[Array, list[int]]:
    """Inputs including candidate columns that do not number the rows after all; a line is logged for those that do."""
    for texts, k in reversed(list(zip(names, layout.row_names, strict=True))):
        column: Column = layout.column(k)
        if features and numbers_rows(texts, named=bool(layout.names)):
            log.warning("%s: %s numbers the rows and is not used as a feature", path, column)
            continue
        try:
            values = numbers(texts)
        except ValueError:
            row = next(i for i, text in enumerate(texts) if not is_number(text))
            raise _explained(path, places[row], texts[row], k, layout) from None
        inputs, features = np.column_stack([values, inputs]), [k, *features]
    if not features:
        msg = f"{path}: expected a column of numbers beside the labels, found none"
        raise ValueError(msg)
    return np.ascontiguousarray(inputs), features
