"""Opening a file of trajectories for reading, with errors that say what is wrong."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from landscape.support import reading

LOCKED = re.compile("unable to lock file|already open for write|already open for read-only", re.IGNORECASE)
TRUNCATED = re.compile(r"truncated file: eof = (\d+), sblock->base_addr = \d+, stored_eof = (\d+)")
SQLITE = b"SQLite format 3\0"


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading; any fault raises a ValueError or an OSError that names the file."""
    with _opened(path) as file, reading(path):
        yield file


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    with reading(path):
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            explained = _explained(path, error)
            if explained is error:  # an error that is its own cause would make a loop of who follows the causes
                raise
            raise explained from error
    with file:
        yield file


def check_is_hdf5(path: Path) -> None:
    """Raise an OSError or a ValueError that says what `path` is, unless it is an HDF5 file.

    `opened` reports a file that another process has locked.
    """
    if path.is_dir():
        msg = f"{path} is not a file: it is a folder; give the file of trajectories that train wrote"
        raise IsADirectoryError(msg)
    try:
        with path.open("rb") as file:
            begin = file.read(len(SQLITE))
    except PermissionError as error:
        msg = f"{path} cannot be read: permission denied; ask its owner for read permission"
        raise PermissionError(msg) from error
    if not begin:
        msg = f"{path} is empty, so not a file of trajectories: train has not written it; train again"
        raise ValueError(msg)
    if begin == SQLITE:
        msg = f"{path} is not an HDF5 file, so not a file of trajectories: it is a database (SQLite)"
        raise ValueError(msg)
    if not h5py.is_hdf5(path) and not _is_locked(path):
        msg = f"{path} is not an HDF5 file, so not a file of trajectories"
        raise ValueError(msg)


def _is_locked(path: Path) -> bool:
    try:
        h5py.File(path, "r").close()
    except OSError as error:
        return bool(LOCKED.search(str(error)))
    return False


def _explained(path: Path, error: OSError) -> Exception:
    """Translate HDF5's errors: what is wrong, and what to do."""
    text = str(error)
    if LOCKED.search(text):
        msg = (
            f"{path} is being written by {_writer(path)}: wait until it has closed the file, or read a copy. If no "
            "process writes it, one was killed while it did: h5clear -s (HDF5's tools) frees the file"
        )
        return BlockingIOError(msg)
    if found := TRUNCATED.search(text):
        msg = f"{path} is damaged: it is truncated, {found[1]} of {found[2]} bytes exist; copy or train it again"
        return ValueError(msg)
    return error


def _writer(path: Path) -> str:
    """The process that has locked a file, if Linux reports it."""
    try:
        inode = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "WRITE" in words and words[5].rpartition(":")[2] == inode and int(words[4]) > 0:
                return f"another process ({words[4]})"
    except (OSError, ValueError, IndexError):
        pass
    return "another process"
