"""Reading files from unknown sources: any fault in a file becomes one error that names it."""

import csv
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from xml.parsers import expat

# what Python and the libraries raise for broken bytes and unexpected numbers or names
BROKEN = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError, OSError, EOFError,
    zipfile.BadZipFile, zlib.error, csv.Error, sqlite3.Error, expat.ExpatError,
)  # fmt: skip
# errors that say nothing about the content of a file
ABSENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError, BlockingIOError,
          TimeoutError)  # fmt: skip


@contextmanager
def reading(path: str | PathLike[str], problem: str = "is damaged") -> Iterator[None]:
    """Turn errors inside the context into a ValueError that begins with the path and the `problem`: for parsing only.

    An error that already names the path, or says that the file is missing or forbidden, is left unchanged; an error of
    SQLite is translated by `sqlite_failure`.
    """
    try:
        yield
    except ABSENT:
        raise
    except sqlite3.Error as error:
        raise sqlite_failure(error, path, problem) from error
    except BROKEN as error:
        text = str(error) or type(error).__name__
        if isinstance(error, ValueError) and str(path) in text:
            raise
        if isinstance(error, LookupError | AttributeError):  # their texts alone say little
            text = f"{type(error).__name__}: {text}"
        msg = text if str(path) in text else f"{path} {problem}: {text}"
        raise ValueError(msg) from error


@contextmanager
def about(what: object) -> Iterator[None]:
    """Errors that are raised inside say what they are about (PEP 678); their kind stays.

    Unlike `reading` this may stand around an analysis: a mistake in it does not become a damaged file.
    """
    try:
        yield
    except Exception as error:
        if str(what) not in str(error):
            error.add_note(f"in {what}")
        raise


HDF5 = b"\x89HDF\r\n\x1a\n"  # how such a file begins
# by SQLite's codes, extended ones first: the kind of error, and the text between the path and SQLite's message
FAILURES: dict[int, tuple[type[Exception], str]] = {
    **dict.fromkeys(
        (sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY, sqlite3.SQLITE_READONLY_CANTINIT),
        (PermissionError, "cannot be read: a write was interrupted, and undoing it needs a writable folder"),
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        (TimeoutError, "is being used by another process: wait for it, or close the program that has it open"),
    ),
    **dict.fromkeys(
        (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH), (PermissionError, "cannot be opened")
    ),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL), (OSError, "cannot be written")),
    sqlite3.SQLITE_IOERR: (OSError, "cannot be read or written"),
    sqlite3.SQLITE_NOMEM: (MemoryError, "needs more memory than is available"),
    sqlite3.SQLITE_NOTADB: (ValueError, "is not an SQLite file, or is damaged"),
}


def sqlite_failure(error: sqlite3.Error, path: str | PathLike[str], problem: str = "is damaged") -> Exception:
    """Translate an error of SQLite into one that names the file and the cause.

    TimeoutError if another process uses the file, PermissionError if it cannot be opened, OSError if it cannot be
    written or the disk fails, MemoryError, and ValueError if the file itself is at fault.
    """
    code = getattr(error, "sqlite_errorcode", 0)  # errors that Python itself raises have no code
    kind, what = FAILURES.get(code) or FAILURES.get(code & 0xFF) or (ValueError, problem)
    return kind(f"{path} {what}: {error}")


def check_sqlite_file(path: Path) -> None:
    """Raise an error unless the file exists, can be read and is not empty.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    PermissionError
        If reading it is forbidden.
    ValueError
        If it is empty, which SQLite would take for a database without tables, or an HDF5 file.
    """
    try:
        if not path.is_file():
            msg = f"{path} is not a file: it is a folder" if path.is_dir() else f"there is no file {path}"
            raise FileNotFoundError(msg)
        with path.open("rb") as file:
            start = file.read(len(HDF5))
    except PermissionError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise PermissionError(msg) from error
    if not start:
        msg = f"{path} is empty, not a database: remove it"
        raise ValueError(msg)
    if start == HDF5:
        msg = f"{path} is not a database: it is an HDF5 file, such as runs"
        raise ValueError(msg)
