"""The columns of a table: names, the target, and row numbers that programs add."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from landscape.datasets._lines import SAMPLE, SPACE, Line, delimiter_of, is_number, leading_comment, lines

LABEL_NAME = re.compile(r"(?:label|outcome|class|target)(?:\[([1-9]\d*)\])?", re.IGNORECASE)
INDEX_NAME = re.compile(r"|Unnamed: \d+(?:\.\d+)*")  # of pandas and R: no name
ROW_NAME = re.compile(r"id|index|row_?names?", re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d+")
FEWEST_COUNTED = 10  # rows: fewer could count by chance
TABLES = (".csv", ".tsv", ".tab")  # suffixes of files that are never MLPdata


Where = Path | str  # a file, or what the rows come from instead


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    position: int  # from 0
    name: str = ""

    def __str__(self) -> str:
        """Its name for messages; without one its position from 0, as for `target`."""
        return f"column {self.name!r}" if self.name else f"column {self.position}"


@dataclass(frozen=True)
class Layout:
    """How to read a table."""

    delimiter: str
    names: tuple[str, ...]  # of the columns; () if the file has none
    width: int  # fields of a line
    header_lines: int  # lines before the first row, comments not counted
    target: int  # column of the labels
    row_names: tuple[int, ...]  # columns that may only number or name the rows
    numbered_header: bool = False  # the names are 0, 1, 2 ..., which could be a row

    def column(self, k: int) -> Column:
        """Column k."""
        return Column(k, self.names[k] if self.names else "")


def layout_of(path: Path, target: str | int | None) -> Layout:
    """Detect the layout of a file; ValueError if the labels are in none of its columns, or in several."""
    delimiter = delimiter_of(path)
    sample = [fields for _, fields in islice(lines(path, delimiter), SAMPLE)]
    if not sample:
        return Layout(delimiter, (), 0, 0, 0, ())
    first, *rest = [[field.strip() for field in fields] for fields in sample]
    table = delimiter != SPACE or path.suffix.lower() in TABLES
    named = _is_header(first, rest, target)
    numbered = not named and table and _is_numbered_header(first, rest, target)
    header = named or numbered
    names = first if header else _names_in_comment(path, delimiter, first)
    names, width = _fitted(names, rest if header else sample)
    words = all(row and not is_number(row[-1]) for row in sample)  # MLPdata hold numbers alone
    position = target_position(path, target, names, width, default=-1 if table or header or words else 0)
    return Layout(delimiter, tuple(names), width, int(header), position, row_names(names, position), numbered)


def _is_header(first: Sequence[str], rest: Sequence[Sequence[str]], target: str | int | None) -> bool:
    """Whether the first line holds column names: one of them is that of the labels, or none is a number.

    It also does if half of its fields are words above numbers: one mistyped number among many is not a header.
    """
    if any(name == target or LABEL_NAME.fullmatch(name) for name in first):
        return True
    words = [k for k, field in enumerate(first) if not is_number(field)]
    if len(words) == len(first):
        return True
    above_numbers = [k for k in words if any(len(row) > k and is_number(row[k]) for row in rest[:1])]
    return len(above_numbers) >= 2 and 2 * len(words) >= len(first)


def _is_numbered_header(first: Sequence[str], rest: Sequence[Sequence[str]], target: str | int | None) -> bool:
    """Whether a first line 0, 1, 2 ... or 1, 2, 3 ... holds the default column names of pandas or R.

    It could be a row. It holds names if no other row has its label while all other labels repeat, or if another column
    has a decimal point or an exponent in all other rows.
    """
    fields = list(first[1:] if first[0] == "" else first)
    begin = fields[0] if fields else ""
    if begin not in {"0", "1"} or fields != [str(int(begin) + k) for k in range(len(fields))]:
        return False
    label = target if isinstance(target, int) else -1
    rows = [list(row) for row in rest if len(row) == len(first)]
    if first[0] == "" or len(rows) < 2 or not -len(first) <= label < len(first):
        return first[0] == "" and bool(rows)
    labels = [row[label] for row in rows]
    alone = first[label] not in labels and all(labels.count(one) > 1 for one in labels)
    features = zip(*(_without(row, label) for row in rows), strict=True)
    return alone or any(not any(WHOLE.fullmatch(field) for field in column) for column in features)


def _without(row: list[str], k: int) -> list[str]:
    k %= len(row)
    return row[:k] + row[k + 1 :]


def _names_in_comment(path: Path, delimiter: str, first: Sequence[str]) -> list[str]:
    """Names in the last comment before the data, if there are as many as fields and none is a number."""
    comment = leading_comment(path) or ""
    names = [name.strip().strip('"') for name in (comment.split() if delimiter == SPACE else comment.split(delimiter))]
    return names if len(names) == len(first) and not any(map(is_number, names)) else []


def _fitted(names: list[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """Names and number of columns, if lines have one field more or fewer than there are names.

    R writes no name above row names, and a delimiter at the end of a line makes an empty field.
    """
    width = len(names) or len(rows[0])
    if names and rows and all(len(row) == width - 1 for row in rows) and not names[-1]:
        return names[:-1], width - 1
    if names and rows and all(len(row) == width + 1 for row in rows) and any(row[-1] for row in rows):
        return ["", *names], width + 1
    if rows and width > 2 and all(len(row) == width and not row[-1] for row in rows) and not (names and names[-1]):
        return names[:-1], width - 1
    return names, width


def row_names(names: Sequence[str], target: int) -> tuple[int, ...]:
    """Columns that may number the rows: first columns without a name, or with a name for row numbers."""
    if not names and target != 0:
        return (0,)
    found: list[int] = []
    for k, name in enumerate(names):
        if k == target or not (INDEX_NAME.fullmatch(name) or (k == 0 and ROW_NAME.fullmatch(name))):
            break
        found.append(k)
    return tuple(found)


def numbers_rows(texts: Sequence[str], *, named: bool) -> bool:
    """Whether a first column numbers or names the rows: its values are distinct whole numbers, or words.

    In a file without column names it must count the rows, and there must be at least ten.
    """
    if not named:
        counts = [[str(k) for k in range(first, first + len(texts))] for first in (0, 1)]
        return len(texts) >= FEWEST_COUNTED and list(texts) in counts
    if all(text.lstrip("+-").isdecimal() for text in texts):
        return len(set(texts)) == len(texts) > 1
    return not any(map(is_number, texts))


def target_position(where: Where, column: str | int | None, names: Sequence[str], width: int, default: int) -> int:
    """Position of the target: of this column, of the one with a usual name, or the `default`; ValueError if none."""
    if column is None:
        matches = [k for k, name in enumerate(names) if LABEL_NAME.fullmatch(name)]
        if len(matches) > 1:
            found = ", ".join(f"{k} ({names[k]!r})" for k in matches)
            msg = f"{where}: target must name one column among {found}; got None"
            raise ValueError(msg)
        return matches[0] if matches else default % max(width, 1)
    if isinstance(column, str) and names.count(column) == 1:
        return list(names).index(column)
    if isinstance(column, int) and not isinstance(column, bool) and -width <= column < width:
        return column % width
    said = f"; its columns are {', '.join(names)}" if names else "; it has no column names"
    msg = f"{where}: target must name a column or be a position {-width} ... {width - 1}; got {column!r}{said}"
    raise ValueError(msg)


def body(path: Path, layout: Layout) -> "islice[Line]":
    """The lines after the header."""
    return islice(lines(path, layout.delimiter), layout.header_lines, None)
