"""Texts of options, read as numbers."""

import re

from dynamics.runs import default_waiting_times, log_lags

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_hidden(text: str) -> tuple[int, ...]:
    """Hidden layers such as "5,5"; ValueError if the text is no list of positive whole numbers."""
    try:
        hidden = tuple(int(part) for part in text.split(","))
    except ValueError:
        hidden = (0,)
    if min(hidden) < 1:
        msg = f"--hidden must be layer sizes such as 10 or 5,5 or 4,4,4; got {text!r}"
        raise ValueError(msg)
    return hidden


def parse_duration(text: str) -> float:
    """A time such as "90s", "10m" or "2h" in seconds; ValueError if the text is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not match:
        msg = f"--budget must be a time such as 90s, 10m or 2h; got {text!r}"
        raise ValueError(msg)
    return float(match[1]) * UNITS[match[2]]


def parse_steps(text: str | None, option: str = "steps") -> list[int] | None:
    """Steps such as "1300,10000", None without a text; ValueError if the text is no list of whole numbers."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        msg = f"--{option} must be steps such as 1300 or 100,1300,10000; got {text!r}"
        raise ValueError(msg)
    return [int(part) for part in parts]


def columns_of(targets: list[str] | None) -> str | int | list[str | int] | None:
    """The column that --target means, or several: a position if it is a whole number, otherwise a name."""
    columns = [int(text) if re.fullmatch(r"[+-]?\d+", text) else text for text in targets or ()]
    return columns if len(columns) > 1 else (columns or [None])[0]


def parse_grid(
    steps: int, waiting_times: str | None, lags: str | None, per_decade: int, multiple_of: str, epoch: int | None = None
) -> tuple[list[int], list[int]]:
    """Waiting times and lags that options describe; ValueError where one is no such thing."""
    waiting = parse_steps(waiting_times, "waiting-times") or default_waiting_times(steps).tolist()
    if given := parse_steps(lags, "lags"):
        return waiting, given
    known = multiple_of == "epoch" and epoch is not None
    if not known and not (multiple_of.isdecimal() and int(multiple_of)):
        choice = "" if epoch is None else ", or epoch"
        msg = f"--lags-multiple-of must be a whole number of steps >= 1{choice}; got {multiple_of!r}"
        raise ValueError(msg)
    multiple = epoch if epoch is not None and multiple_of == "epoch" else int(multiple_of)
    longest = max(1, steps - waiting[0])
    if multiple > longest:
        msg = f"--lags-multiple-of must be at most {longest}, steps less the first waiting time; got {multiple}"
        raise ValueError(msg)
    return waiting, log_lags(longest, per_decade, multiple_of=multiple).tolist()
