"""Commands in processes that are killed, interrupted or run out of disk at a moment of our choice.

A server that has imported everything forks a process for each command, so that a start takes milliseconds.
"""

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from bridge.cli import main
from dynamics.training import _store

LOSS = ("--hidden", "3", "--rows", "100")
TIMEOUT = 300  # seconds: it catches what hangs
LOOK = 0.001  # seconds between two looks at what a command has written
CHECKPOINTS = 0.05  # seconds between two checkpoints of a run: short runs write as often as long ones
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["support.faults", "bridge.cli", "scipy.optimize", "matplotlib.pyplot"])


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it wrote on stderr."""

    code: int
    err: str


class Running:
    """A command in a process group of its own.

    Parameters
    ----------
    folder : Path
        Where it runs and where its output goes.
    arguments : tuple of str
    largest : int, optional
        Bytes that a file may have: the write beyond fails, as on a full disk.
    log : str
        Beside the folder, for what it writes on stderr.
    """

    def __init__(self, folder: Path, arguments: tuple[str, ...], largest: int | None = None, log: str = "log") -> None:
        self._log = folder.with_name(f"{folder.name}.{log}")
        self._ready, ready = _SERVER.Pipe(duplex=False)
        self._process: BaseProcess = _SERVER.Process(target=_run, args=(folder, self._log, arguments, largest, ready))
        self._process.start()
        ready.close()
        self._ready.recv()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and its workers, as a terminal does."""
        if self.alive and self._process.pid:
            with contextlib.suppress(ProcessLookupError):  # it ended in between, which the server reports later
                os.killpg(self._process.pid, number)

    def stop(self, number: signal.Signals) -> Ended:
        """Send the signal: how it ended."""
        self.send(number)
        return self.end()

    def end(self) -> Ended:
        """Wait for its end."""
        self._process.join(TIMEOUT)
        if self.alive:
            self.send(signal.SIGKILL)
            self._process.join()
            msg = f"it did not end: {self._log.read_text()}"
            raise TimeoutError(msg)
        self._ready.close()
        code = self._process.exitcode
        self._process.close()
        return Ended(-1 if code is None else code, self._log.read_text())


def _run(folder: Path, log: Path, arguments: tuple[str, ...], largest: int | None, ready) -> None:
    os.setsid()
    os.chdir(folder)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    sys.argv = ["agescape", *arguments]
    _store.SECONDS = CHECKPOINTS
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ready.send(True)
    ready.close()
    main()


# ---------------------------------------------------------------- moments


@dataclass(frozen=True)
class Pace:
    """How a command goes that nothing disturbs: how often files of its folder change, seen from outside, and its time.

    Moments are counted in changes, so that a faster machine stops a command as far on its way as a slow one.
    """

    changes: int
    seconds: float

    def wait(self, folder: Path, share: float, alive: Callable[[], bool]) -> None:
        """Wait for this share of the changes, and for a part of the time to the next; or for the end."""
        whole, part = divmod(share * self.changes, 1.0)
        files, seen = _files(folder), 0
        while seen < whole and alive():
            time.sleep(LOOK)
            before, files = files, _files(folder)
            seen += files != before
        if alive():
            time.sleep(part * self.seconds / self.changes)


def pace(folder: Path, arguments: tuple[str, ...]) -> Pace:
    """Run a command to its end, and count."""
    folder.mkdir(parents=True, exist_ok=True)
    files, changes, begin = _files(folder), 0, time.monotonic()
    running = Running(folder, arguments)
    while running.alive:
        time.sleep(LOOK)
        before, files = files, _files(folder)
        changes += files != before
    ended = running.end()
    assert ended.code == 0, ended
    return Pace(max(changes, 1), time.monotonic() - begin)


def _files(folder: Path) -> set[tuple[str, int, int]]:
    """Names, sizes and times of all files below a folder."""
    found = set()
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(path)
                found.add((path, status.st_size, status.st_mtime_ns))
    return found
