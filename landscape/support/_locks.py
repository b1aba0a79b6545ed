"""One process at a time: a lock beside a file that is released when its process ends, however it ends."""

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger(__name__)


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Hold the lock of the file at `path`, which need not exist: `path`.lock, locked by the operating system (flock).

    Our own rather than the package filelock, because the message says who holds the lock, and because work continues
    where nothing can be locked. A killed process loses the lock; the lock file that it leaves has no effect. There is
    no lock where lock files cannot be written: there the file itself cannot be replaced either.

    Raises
    ------
    BlockingIOError
        If another process, or another thread of this one, holds it: the message names the file, process and host.
    IsADirectoryError, NotADirectoryError
        If the path cannot be a file.
    """
    if path.is_dir():
        msg = f"{path} is a folder; give the name of a file"
        raise IsADirectoryError(msg)
    lock = path.with_name(path.name + ".lock")
    descriptor = _acquire(path, lock)
    try:
        yield
    finally:
        if descriptor is not None:
            lock.unlink(missing_ok=True)  # before releasing it: whoever has it open sees that it has no name
            os.close(descriptor)


def _acquire(path: Path, lock: Path) -> int | None:
    """An open, locked file, or None if the file system has no locks."""
    while fcntl is not None:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except (FileExistsError, NotADirectoryError) as error:
            msg = f"{path} cannot be created: {error.filename or lock.parent} is not a folder"
            raise NotADirectoryError(msg) from error
        except OSError as error:
            logger.warning("%s is not locked: %s", path, error)
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"{path} is being used by {_holder(descriptor)}: wait for it, or choose another path"
            os.close(descriptor)
            raise BlockingIOError(msg) from error
        except OSError as error:  # the file system has no locks
            logger.warning("%s is not locked: %s", path, error)
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}".encode(), 0)
            return descriptor
        os.close(descriptor)  # its holder has just removed it
    return None


def _holder(descriptor: int) -> str:
    """The process named in the lock, in one line."""
    text = os.pread(descriptor, 200, 0).decode(errors="replace")
    return " ".join(text.split()) or "another process"
