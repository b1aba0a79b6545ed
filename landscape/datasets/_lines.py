"""Lines of a text file as fields: the delimiter is detected, comments and empty lines are skipped."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

Line = tuple[int, list[str]]  # its number in the file, its fields

SPACE = " "  # represents any white space
DELIMITERS = ("\t", ";", "|", ",", SPACE)  # of those that fit equally well, the first
COMMENT = ("#", "%")
TRAILING_COMMENT = re.compile(r"(\s)#.*$")
SAMPLE = 200  # lines that are used to detect the delimiter
DECIMAL_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[. ]\d{3})+|\d*),\d+(?:[eE][+-]?\d+)?")
FORTRAN_EXPONENT = str.maketrans("dD", "ee")
MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "--"}  # how programs mark missing values
TRUTH = {"true": 1.0, "false": 0.0}


def number(field: str) -> float:
    """The number in a field, in Python's or Fortran's notation, true or false; ValueError if there is none."""
    text = field.strip()
    if text.lower() in TRUTH:
        return TRUTH[text.lower()]
    if "_" in text:  # Python's float would skip it
        msg = f"not a number: {field!r}"
        raise ValueError(msg)
    try:
        return float(text)
    except ValueError:
        return float(text.translate(FORTRAN_EXPONENT)) if text[:1] in "+-.0123456789" else float(field)


def numbers(fields: Sequence[str]) -> list[float]:
    """`number` of each field, fast if all are plain."""
    try:
        values = list(map(float, fields))
    except ValueError:
        return [number(field) for field in fields]
    return [number(field) for field in fields] if "_" in "".join(fields) else values


def is_number(field: str) -> bool:
    """Whether `number` can read the field."""
    try:
        number(field)
    except ValueError:
        return False
    return True


def delimiter_of(path: Path) -> str:
    """The delimiter that gives most lines the same number of fields, at least two, and most numbers among them.

    A comma if no delimiter fits.
    """
    best, chosen = (0, 0), ","
    for delimiter in DELIMITERS:
        sample = [fields for _, fields in islice(lines(path, delimiter), SAMPLE)]
        if (fit := _fit(sample)) > best:
            best, chosen = fit, delimiter
    return chosen


def _fit(sample: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Number of lines with the most common number of fields, and how many of these are numbers."""
    counts = Counter(len(fields) for fields in sample if len(fields) > 1)
    if not counts:
        return 0, 0
    width, alike = max(counts.items(), key=lambda item: (item[1], item[0]))
    fields = [field for line in sample if len(line) == width for field in line]
    return alike, sum(is_number(field) or DECIMAL_COMMA.fullmatch(field.strip()) is not None for field in fields)


def lines(path: Path, delimiter: str) -> Iterator[Line]:
    """Each line that is neither empty nor a comment, with its number."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        source = _Source(file, delimiter)
        for fields in csv.reader(source, delimiter=delimiter, skipinitialspace=True):
            if any(field.strip() for field in fields):
                yield source.number, fields


def leading_comment(path: Path) -> str | None:
    """The last comment before the first line of data, without its comment sign: it may hold the column names."""
    comment = None
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            text = line.strip()
            if text and not text.startswith(COMMENT):
                break
            comment = text.lstrip("#% \t") or comment
    return comment


class _Source:
    """Lines for the reader of the standard library, one at a time, with the number of the last one."""

    def __init__(self, file: Iterator[str], delimiter: str) -> None:
        self._file, self._delimiter = file, delimiter
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.number += 1
            if not line.lstrip().startswith(COMMENT):
                yield self._clean(line)

    def _clean(self, line: str) -> str:
        """Strip a comment at the end; if white space separates, replace it by one blank."""
        if "#" in line:
            before = TRAILING_COMMENT.sub(r"\1", line.rstrip())
            if self._delimiter == SPACE or not before.rstrip(SPACE).endswith(self._delimiter):
                line = before  # `red, #ff0000` holds a color, not a comment
        return SPACE.join(line.split()) if self._delimiter == SPACE else line
