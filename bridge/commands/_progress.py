"""Progress on stderr: what is being done, how far it is and how long it will still take."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from bridge.commands._notes import is_quiet
from bridge.commands._words import duration

SECONDS_BETWEEN_LINES = 30.0
SECONDS_TO_KNOW = 3.0  # of work before an estimate of the rest is said
LONG = 60.0  # seconds that must be left before it is said how long it will take

Update = Callable[..., None]


@contextmanager
def progress_bar() -> Iterator[Update]:
    """A line on stderr: the function it gives takes (what, done, total or None, note).

    In a terminal there is a bar for each kind of work; elsewhere (a log file, a cluster's job) the first line says how
    long it will take, and others follow every 30 seconds. Nothing of it with --quiet.
    """
    console = Console(stderr=True)
    if is_quiet():
        yield lambda what, done, total, note="": None
    elif console.is_terminal:
        with _bars(console) as update:
            yield update
    else:
        yield _Lines().update


@contextmanager
def _bars(console: Console) -> Iterator[Update]:
    columns = (
        TextColumn("{task.description}", table_column=Column(ratio=3, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=20)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True, justify="right")),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        tasks: dict[str, TaskID] = {}
        clocks: dict[str, Clock] = {}

        def update(what: str, done: int, total: int | None, note: str = "") -> None:
            left = _clock(clocks, what, done, total).in_words(done, total)
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, left=left)
            description = f"{what}: {note}" if note else what
            bar.update(tasks[what], completed=done, total=total, description=description, left=left)

        yield update


@dataclass
class Clock:
    """How long a kind of work takes, from when it began and how much of it was done then."""

    first: int
    begin: float

    def left(self, done: int, total: int | None) -> float | None:
        """Seconds that are left at the pace so far; None while that is not known."""
        past = time.monotonic() - self.begin
        if total is None or done <= self.first or past < SECONDS_TO_KNOW:
            return None
        return past * (total - done) / (done - self.first)

    def in_words(self, done: int, total: int | None) -> str:
        """How far it is, and how long it still takes: "12 of 80, 3 min left"."""
        left = self.left(done, total)
        text = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        return text if left is None else f"{text}, {duration(left)} left"


def _clock(clocks: dict[str, Clock], what: str, done: int, total: int | None) -> Clock:
    """The clock of a kind of work, which runs from the first time that its total is known."""
    new = Clock(done, time.monotonic())
    return new if total is None else clocks.setdefault(what, new)


class _Lines:
    """Progress where stderr is no terminal."""

    def __init__(self) -> None:
        self._clocks: dict[str, Clock] = {}
        self._announced: set[str] = set()
        self._written = time.monotonic()

    def update(self, what: str, done: int, total: int | None, note: str = "") -> None:
        """Write a line if it is time for one."""
        clock = _clock(self._clocks, what, done, total)
        first = what not in self._announced and (clock.left(done, total) or 0.0) > LONG
        if not first and time.monotonic() - self._written <= SECONDS_BETWEEN_LINES:
            return
        self._announced.add(what)
        self._written = time.monotonic()
        sys.stderr.write(f"agescape: {what}: {clock.in_words(done, total)}{f'; {note}' if note else ''}\n")
