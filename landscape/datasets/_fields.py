"""The fields of any delimited text, whatever they mean: for tables that are no data sets."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

from landscape.datasets._lines import MISSING, SPACE, delimiter_of, is_number, leading_comment, lines, number


@dataclass(frozen=True)
class Fields:
    """Rows of texts under the names of their columns.

    Parameters
    ----------
    source : Path
        The file.
    names : tuple of str
        Of the C columns: the first line, or the last comment before it; () if the file has none.
    rows : sequence of (C,) sequence of str
        All other lines.
    places : sequence of int
        Number of each of these lines, from 1.
    """

    source: Path
    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    places: Sequence[int]

    def number(self, row: int, column: int) -> float:
        """The number in a field, nan where it is missing; ValueError with the line if there is another word."""
        text = self.rows[row][column].strip()
        if text.lower() in MISSING:
            return float("nan")
        try:
            return number(text)
        except ValueError:
            where = self.names[column] if self.names else column
            msg = f"{self.source}, line {self.places[row]}: expected a number, found {text!r:.40} in column {where}"
            raise ValueError(msg) from None


def read_fields(path: str | PathLike[str], most: int | None = None) -> Fields:
    """Read a text whose fields are separated by commas, semicolons, tabs, bars or white space, which is detected.

    Empty lines and comments (``#``, ``%``) are skipped.

    Parameters
    ----------
    path : path
        The file.
    most : int, optional
        Read at most this many lines after that of the names.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no text, has no lines, or lines of different length: the message names the file and the line.
    """
    path = Path(path)
    try:
        delimiter = delimiter_of(path)
        kept = None if most is None else most + 1
        found = [(place, [one.strip() for one in fields]) for place, fields in islice(lines(path, delimiter), kept)]
        comment = leading_comment(path) or ""
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: expected lines of text in UTF-8 ({error})"
        raise ValueError(msg) from error
    if not found:
        msg = f"{path} has no lines"
        raise ValueError(msg)
    width = len(found[0][1])
    for place, fields in found:
        if len(fields) != width:
            msg = f"{path}, line {place}: expected {width} fields, found {len(fields)}"
            raise ValueError(msg)
    above = comment.split() if delimiter == SPACE else [one.strip() for one in comment.split(delimiter)]
    names = above if len(above) == width and not any(map(is_number, above)) else []
    if any(not is_number(one) and one.lower() not in MISSING for one in found[0][1]):
        names, found = found[0][1], found[1:]
    return Fields(path, tuple(names), [fields for _, fields in found], [place for place, _ in found])
