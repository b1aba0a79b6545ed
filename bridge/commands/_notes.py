"""What the command line says beside results: notes on stderr, by the packages' loggers."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.commands._wording import worded

PACKAGES = ("landscape", "dynamics", "bridge")
ANNOUNCE = "AGESCAPE_ANNOUNCE"  # names a file: the first process that compiles makes it, and says that it compiles
logger = logging.getLogger(__name__)


class _Stderr(logging.Handler):
    """One line, in the words of the command, on what is stderr now: a progress bar puts itself in between."""

    def __init__(self) -> None:
        super().__init__()
        self._warned = set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, the same warning once: a command may read a file twice."""
        text = f"agescape: {worded(self.format(record))}\n"
        if record.levelno < logging.WARNING or text not in self._warned:
            self._warned.add(text)
            sys.stderr.write(text)


def note(text: str) -> None:
    """Say something on stderr, unless --quiet."""
    logger.warning("%s", text)


def is_quiet() -> bool:
    """Whether only errors are to be said."""
    return not logger.isEnabledFor(logging.WARNING)


def set_level(level: int) -> None:
    """Which records of the packages are shown."""
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level)


@contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Show what the packages log, from warnings on; a process or worker that compiles says so once."""
    handler = _Stderr()
    marker = Path(tempfile.gettempdir()) / f"agescape-compiles-{os.getpid()}"
    announces = ANNOUNCE not in os.environ
    os.environ.setdefault(ANNOUNCE, str(marker))
    before = {name: logging.getLogger(name).level for name in PACKAGES}
    for name in PACKAGES:
        logging.getLogger(name).addHandler(handler)
    set_level(logging.WARNING)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(level)
        if announces:
            del os.environ[ANNOUNCE]
            marker.unlink(missing_ok=True)
