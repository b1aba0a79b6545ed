"""Databases that appear whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape.database._records import Provenance
from landscape.database._store import Database
from landscape.support import new_file


@contextmanager
def new_database(path: str | Path, provenance: Provenance) -> Iterator[Database]:
    """Fill the database that this gives, inside its transaction; it appears at `path` at the end.

    Raises
    ------
    FileExistsError
        If there is a file already: what was found by searches is never replaced.
    """
    check_new(path)
    with new_file(path) as unfinished, _naming(path, instead_of=unfinished):
        with Database.create(unfinished, provenance) as database, database.transaction():
            yield database
        with Database(unfinished) as written:  # what cannot be read again is not kept
            if written.set_aside:
                msg = f"{path} is not made: it would hold damaged rows ({written.set_aside[0]})"
                raise ValueError(msg)


@contextmanager
def _naming(path: str | Path, *, instead_of: Path) -> Iterator[None]:
    """Errors of the system name the file that is to be, not the hidden one."""
    try:
        yield
    except OSError as error:
        if str(instead_of) not in str(error):
            raise
        raise type(error)(str(error).replace(str(instead_of), str(path))) from error


def check_new(path: str | Path) -> None:
    """Raise a FileExistsError if there is something at `path`."""
    if Path(path).exists():
        msg = f"{path} exists already; name another output file"
        raise FileExistsError(msg)
