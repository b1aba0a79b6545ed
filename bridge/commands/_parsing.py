"""Texts of options, read as numbers."""

import re

from dynamics.runs import default_waiting_times, log_lags
from landscape.support import parse_whole

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_hidden(text: str) -> tuple[int, ...]:
    """Hidden layers such as "5,5"; ValueError if the text is no list of positive whole numbers."""
    return tuple(parse_list(text, "hidden", "layer sizes such as 10 or 5,5 or 4,4,4", minimum=1))


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
    return parse_list(text, option, "steps such as 1300 or 100,1300,1e4")


def parse_list(text: str, option: str, expected: str, minimum: int = 0) -> list[int]:
    """Whole numbers, separated by commas; ValueError, which says what is `expected`, if the text is no list of them."""
    numbers = [parse_whole(part) for part in text.split(",")]
    found = [number for number in numbers if number is not None and number >= minimum]
    if len(found) < len(numbers):
        msg = f"--{option} must be {expected}; got {text!r}"
        raise ValueError(msg)
    return found


def columns_of(targets: list[str] | None) -> str | int | list[str | int] | None:
    """The column that --target means, or several: a position if it is a whole number, otherwise a name."""
    columns = [int(text) if re.fullmatch(r"[+-]?\d+", text) else text for text in targets or ()]
    return columns if len(columns) > 1 else (columns or [None])[0]


def parse_grid(
    steps: int, waiting_times: str | None, lags: str | None, per_decade: int, multiple_of: str, epoch: int | None = None
) -> tuple[list[int], list[int]]:
    """Waiting times and lags that options describe; ValueError where one is no such thing."""
    waiting = parse_steps(waiting_times, "waiting-times") or default_waiting_times(steps).tolist()
    if listed := parse_steps(lags, "lags"):
        return waiting, listed
    multiple = epoch if multiple_of == "epoch" else parse_whole(multiple_of)
    if multiple is None or multiple < 1:
        choice = "" if epoch is None else ", or epoch"
        msg = f"--lags-multiple-of must be a whole number of steps >= 1{choice}; got {multiple_of!r}"
        raise ValueError(msg)
    longest = max(1, steps - waiting[0])
    if multiple > longest:
        msg = f"--lags-multiple-of must be at most {longest}, steps less the first waiting time; got {multiple}"
        raise ValueError(msg)
    return waiting, log_lags(longest, per_decade, multiple_of=multiple).tolist()
