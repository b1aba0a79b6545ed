"""One process at a time: a lock beside a file, which ends with the process that holds it, however it ends."""

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

    Ours rather than the package filelock, as the message says who holds it, and as where nothing can be locked the work
    goes on. A process that is killed loses the lock; the file it leaves means nothing. Where locks or the folder's
    files cannot be written there is none: a file that cannot be locked for that reason cannot be replaced either.

    Raises
    ------
    BlockingIOError
        If another process, or another thread of this one, holds it: the message names the file, process and host.
    NotADirectoryError
        If there can be no such file.
    """
    lock = path.with_name(path.name + ".lock")
    descriptor = _acquire(path, lock)
    try:
        yield
    finally:
        if descriptor is not None:
            lock.unlink(missing_ok=True)  # before it is free: whoever has it open already sees that it has no name
            os.close(descriptor)


def _acquire(path: Path, lock: Path) -> int | None:
    """An open file that is locked, or None where there are no locks."""
    while fcntl is not None:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except (FileExistsError, NotADirectoryError) as error:
            msg = f"{path} cannot be made: {error.filename or lock.parent} is not a folder"
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
        except OSError as error:  # a file system without locks
            logger.warning("%s is not locked: %s", path, error)
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}".encode(), 0)
            return descriptor
        os.close(descriptor)  # its holder removed it just now
    return None


def _holder(descriptor: int) -> str:
    """Who wrote into the lock, in one line."""
    text = os.pread(descriptor, 200, 0).decode(errors="replace")
    return " ".join(text.split()) or "another process"
