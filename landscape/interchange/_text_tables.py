"""Columns of numbers in text files, as Fortran programs write them, too.

Fortran writes exponents with a D (``1.0D-3``), leaves out the letter where an exponent has three digits (``0.1-101``),
and prints asterisks for numbers that do not fit their field.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Line = tuple[str, list[str]]  # its place, its words

NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eEdDqQ]?([+-]\d+)|[eEdDqQ](\d+))?")
MOST_BYTES = 2**31  # of a text file: larger ones are damaged, or sparse
MOST_DIGITS = 300  # powers of ten of the last digit of a number: a zero may have any


def plain(word: str) -> str:
    """A number as Python writes it; ValueError if the word is none."""
    match = NUMBER.fullmatch(word)
    if match is None:
        msg = f"expected a number, found {word!r:.40}"
        raise ValueError(msg)
    digits, *exponents = match.groups()
    return f"{digits}e{exponents[0] or exponents[1] or 0}"


def number(word: str) -> float:
    """A number as Fortran or anything else writes it; ValueError if the word is none, or it is not finite."""
    found = float(plain(word))
    if not np.isfinite(found):
        msg = f"expected a finite number, found {word!r:.40}"
        raise ValueError(msg)
    return found


def last_digit(word: str) -> float:
    """The unit of the last digit of a number in a text."""
    exponent = Decimal(plain(word)).as_tuple().exponent
    return 10.0 ** min(int(exponent), MOST_DIGITS)


def read_lines(path: Path) -> list[Line]:
    """Place and words of each line that is not empty.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not plain text, or larger than 2 GiB.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        msg = f"{path}: expected lines of numbers, found {size} bytes"
        raise ValueError(msg)
    try:
        text = path.read_bytes().decode("ascii")
    except UnicodeDecodeError as error:
        msg = f"{path} is not plain text: {error}"
        raise ValueError(msg) from error
    return [
        (f"{path}, line {k}", words)
        for k, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
        if (words := line.split())
    ]


def check_widths(lines: Sequence[Line], width: int, what: str) -> None:
    """Raise a ValueError for the first line with fewer words than the columns of `what`."""
    for where, words in lines:
        if len(words) < width:
            msg = f"{where}: expected {width} columns ({what}), found {len(words)}"
            raise ValueError(msg)


def floats(lines: Sequence[Line], column: int) -> Floats:
    """A column (n,) of finite numbers; ValueError with the place of the first that is none."""
    found = np.empty(len(lines))
    for k, (where, words) in enumerate(lines):
        try:
            found[k] = number(words[column])
        except ValueError as error:
            msg = f"{where}, column {column + 1}: {error}"
            raise ValueError(msg) from None
    return found


def floats_or_nothing(lines: Sequence[Line], columns: slice) -> Floats | None:
    """Columns (n, c) of numbers that a file need not know; None if they are missing or not all numbers."""
    try:
        return np.array([[number(word) for word in words[columns]] for _, words in lines]).reshape(len(lines), -1)
    except ValueError:  # asterisks, or lines of different length
        return None


def integers(lines: Sequence[Line], column: int) -> Integers:
    """A column (n,) of whole numbers; ValueError with the place of the first that is none."""
    found = np.empty(len(lines), np.int64)
    for k, (where, words) in enumerate(lines):
        if re.fullmatch(r"[+-]?\d{1,18}", words[column]) is None:
            msg = f"{where}, column {column + 1}: expected a whole number, found {words[column]!r:.40}"
            raise ValueError(msg)
        found[k] = int(words[column])
    return found


def coarsest_digit(lines: Sequence[Line], column: int) -> float:
    """Unit of the last digit of a column, where that is largest; 0 without lines."""
    return max((last_digit(words[column]) for _, words in lines), default=0.0)


def read_set(path: Path, n: int) -> Integers:
    """Minima (k,) from 0 in a file such as ``min.A``: their number, then their numbers from 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file does not hold that many numbers from 1 to `n`.
    """
    lines = read_lines(path)
    numbers = integers([(where, [word]) for where, words in lines for word in words], 0)
    if not numbers.size or numbers[0] != numbers.size - 1 or ((numbers[1:] < 1) | (numbers[1:] > n)).any():
        msg = (
            f"{path}: expected how many minima there are, then so many numbers 1 ... {n}; found {numbers.size} numbers"
        )
        raise ValueError(msg)
    return np.unique(numbers[1:] - 1)
