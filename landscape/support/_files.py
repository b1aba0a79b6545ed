"""Files that are written completely or not at all."""

import hashlib
import os
import platform
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

MARK = re.compile(r"\.agescape-(?P<host>[0-9a-f]{8})-(?P<process>\d{1,7})-[0-9a-f]{8}")  # in names of unfinished files


@contextmanager
def new_file(path: str | Path, directory: Path | None = None) -> Iterator[Path]:
    """Context manager: write to the path that it yields, which becomes `path` at the end unless there is an error.

    Our own, because no maintained library also removes what killed processes left. Until then the file has a hidden
    name beside `path`, or in a `directory` on the same disk. A killed process leaves it there; the next process that
    writes in the same folder removes it.
    """
    path = Path(path)
    folder = path.parent if directory is None else directory
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder.absolute(), os.getpid())
    unfinished = folder / f".{path.name}.agescape-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        yield unfinished
        _flush(unfinished)
        os.replace(unfinished, path)
    except OSError as error:
        if error.filename != str(unfinished) and error.filename != unfinished:
            raise
        raise type(error)(error.errno, error.strerror, str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the content is on the disk, so that a power cut cannot leave an empty file with this name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@cache  # once per folder and process: a folder may hold many files
def _sweep(folder: Path, _process: int) -> None:
    """Remove unfinished files in a folder whose processes on this host no longer exist."""
    for path in folder.glob(f".*.agescape-{_host()}-*"):
        match = MARK.search(path.name)
        if match and match["host"] == _host() and not _runs(int(match["process"])):
            with suppress(OSError):  # it may belong to another user; it does no harm
                path.unlink()


@cache
def _host() -> str:
    """Short digest of the scope of process numbers: the host, and on Linux the container."""
    try:
        container = os.readlink("/proc/self/ns/pid")
    except OSError:
        container = ""
    return hashlib.sha256(f"{platform.node()} {container}".encode()).hexdigest()[:8]


def _runs(process: int) -> bool:
    """Whether a process of this host is running; yes if that cannot be determined safely."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True
