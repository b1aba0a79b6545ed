"""Files that anyone may have written: whatever is wrong with one becomes one error that names it."""

import csv
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from xml.parsers import expat

# what broken bytes, and numbers or names that nobody expects, make Python and the libraries raise
BROKEN = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError, OSError, EOFError,
    zipfile.BadZipFile, zlib.error, csv.Error, sqlite3.Error, expat.ExpatError,
)  # fmt: skip
# what says nothing about the content of a file
ABSENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError, BlockingIOError,
          TimeoutError)  # fmt: skip


@contextmanager
def reading(path: str | PathLike[str], problem: str = "is damaged") -> Iterator[None]:
    """Whatever goes wrong inside is a ValueError that begins with the path and the `problem`.

    An error that names the path already, and one that says that the file is not there or not for us, stays as it is.
    """
    try:
        yield
    except ABSENT:
        raise
    except BROKEN as error:
        text = str(error) or type(error).__name__
        if isinstance(error, ValueError) and str(path) in text:
            raise
        if isinstance(error, LookupError | AttributeError):  # their texts alone say little
            text = f"{type(error).__name__}: {text}"
        msg = text if str(path) in text else f"{path} {problem}: {text}"
        raise ValueError(msg) from error
