"""How the command line speaks: results on stdout, progress and errors on stderr."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from landscape.support import to_json

SECONDS_BETWEEN_LINES = 30.0
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a result: one JSON object, or a line per key."""
    if as_json:
        sys.stdout.write(to_json(dict(result)) + "\n")
        return
    width = max(map(len, result), default=0)
    for key, value in result.items():
        sys.stdout.write(f"{key:<{width}}  {_text(value)}\n")


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table of these columns."""
    cells = [[_text(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in (columns, *cells):
        sys.stdout.write("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) + "\n")


def _text(value: Any) -> str:
    """One number, list or mapping; where nothing of it is known, words."""
    if _is_unknown(value):
        return "not determined"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, np.ndarray | list | tuple):
        return " ".join("nan" if _is_unknown(item) else _text(item) for item in value)
    return str(value)


def _is_unknown(value: Any) -> bool:
    """Whether a number is nan, or all of a list of numbers."""
    if isinstance(value, np.ndarray | list | tuple):
        return len(value) > 0 and all(_is_unknown(item) for item in value)
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


@contextmanager
def progress_bar() -> Iterator[Callable[..., None]]:
    """A progress bar on stderr: the function it gives takes (description, done, total or None, note).

    Where stderr is no terminal (a log file, a cluster's job) there is a line every 30 seconds instead.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}
        written = time.monotonic()

        def update(description: str, done: int, total: int | None, note: str = "") -> None:
            if description not in tasks:
                tasks[description] = bar.add_task(description, total=total)
            nonlocal written
            text = f"{description}: {note}" if note else description
            if not console.is_terminal and time.monotonic() - written > SECONDS_BETWEEN_LINES:
                written = time.monotonic()
                sys.stderr.write(f"{text} ({done}{f' of {total}' if total else ''})\n")
            bar.update(tasks[description], completed=done, total=total, description=text)

        yield update


def parse_hidden(text: str) -> tuple[int, ...]:
    """Read hidden layers such as "5,5"; ValueError if it is no list of positive whole numbers."""
    try:
        hidden = tuple(int(part) for part in text.split(","))
    except ValueError:
        hidden = (0,)
    if min(hidden) < 1:
        msg = f"--hidden must be layer sizes such as 10 or 5,5 or 4,4,4; got {text!r}"
        raise ValueError(msg)
    return hidden


def parse_duration(text: str) -> float:
    """Read a time such as "90s", "10m" or "2h" in seconds; ValueError if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match:
        msg = f"--budget must be a time such as 90s, 10m or 2h; got {text!r}"
        raise ValueError(msg)
    return float(match[1]) * UNITS[match[2]]
