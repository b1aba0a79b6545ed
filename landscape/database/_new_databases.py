"""Databases that are written completely or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape.database._records import Provenance
from landscape.database._store import Database
from landscape.support import new_file


@contextmanager
def new_database(path: str | Path, provenance: Provenance) -> Iterator[Database]:
    """Context manager: fill the database that it yields, inside its transaction; it appears at `path` at the end.

    Raises
    ------
    FileExistsError
        If the file exists: results of searches are never replaced.
    """
    check_new(path)
    with new_file(path) as unfinished, _naming(path, instead_of=unfinished):
        with Database.create(unfinished, provenance) as database, database.transaction():
            yield database
        with Database(unfinished) as written:  # a file that cannot be read again is not kept
            if written.set_aside:
                msg = f"{path} was not created: it would hold damaged rows ({written.set_aside[0]})"
                raise ValueError(msg)


@contextmanager
def _naming(path: str | Path, *, instead_of: Path) -> Iterator[None]:
    """Errors of the system name the final file, not the hidden one."""
    try:
        yield
    except OSError as error:
        if str(instead_of) not in str(error):
            raise
        raise type(error)(str(error).replace(str(instead_of), str(path))) from error


def check_new(path: str | Path) -> None:
    """Raise a FileExistsError if `path` exists."""
    if Path(path).exists():
        msg = f"{path} exists already; choose another output file"
        raise FileExistsError(msg)
