"""Files that appear whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landscape.database import Database
from landscape.records import Provenance


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Write to the path that this gives: it becomes `path` at the end, unless there is an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield unfinished
        _flush(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the content is on the disk: after a power cut the name must not stand for an empty file."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def new_database(path: str | Path, provenance: Provenance) -> Iterator[Database]:
    """Fill the database that this gives, inside its transaction; it appears at `path` at the end.

    Raises
    ------
    FileExistsError
        If there is a file already: what was found by searches is never replaced.
    """
    check_new(path)
    with new_file(path) as unfinished:
        with Database.create(unfinished, provenance) as database, database.transaction():
            yield database
        Database(unfinished).close()  # what cannot be read again is not kept


def check_new(path: str | Path) -> None:
    """Raise a FileExistsError if there is something at `path`."""
    if Path(path).exists():
        msg = f"{path} exists already; name another output file"
        raise FileExistsError(msg)
