"""Commands as processes that tests stop in the middle."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from support.cli import MAIN, Result

DEEP = ("--hidden", "2,2", "--rows", "100", "--searches", "80")
LONG = ("--hidden", "3", "--rows", "100", "--replicas", "40", "--steps", "100000", "--batch-size", "20")
TIMEOUT = 300  # seconds: it catches what hangs


def start(*arguments):
    """The command line in a process, and a process group, of its own."""
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process):
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Result(process.returncode, out, err)


def stop_when(process, happened, which):
    """Send a signal to the process and its workers, as a terminal does, once something has happened."""
    deadline = time.monotonic() + TIMEOUT
    while not happened() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, which)
    return finish(process)


def attempts(path):
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute("SELECT count(*) FROM agescape_attempts").fetchone()[0]
