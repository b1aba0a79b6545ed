"""Numbers in words: with units and intervals, and what is not known is said to be so."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.statistics import reason

UNKNOWN = "not determined"
SIGNIFICANT = 4  # digits of a number that stands alone


def number(value: Any, unit: str = "", digits: int = SIGNIFICANT) -> str:
    """A number with its unit, e.g. "12,345 steps" or "0.01234 nats"; words where it is None or nan."""
    if is_unknown(value):
        return UNKNOWN
    if isinstance(value, int | np.integer) or (float(value).is_integer() and abs(value) < 1e15):
        text = f"{int(value):,}"
    elif math.isfinite(value) and abs(value) >= 10.0 ** (digits - 1):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits}g}"
    return f"{text} {unit}" if unit else text


def counted(value: int, what: str, several: str | None = None) -> str:
    """A number of things, e.g. "1 minimum" or "3 minima"."""
    return f"{value:,} {what if value == 1 else several or what + 's'}"


def share(value: Any) -> str:
    """A share in percent, e.g. "12 %"; words where it is not known."""
    if is_unknown(value):
        return UNKNOWN
    return f"{100 * value:,.{0 if abs(value) >= 0.0995 or value == 0 else 1}f} %"


def with_interval(value: Any, low: Any, high: Any, unit: str = "", digits: int = 2, status: str = "ok") -> str:
    """A number with its interval, e.g. "0.78 [0.70, 0.86]"; an end that is not known is a question mark.

    If there is no number or no interval, the status says why.
    """
    why = "" if status == "ok" else f": {reason(status)}"
    if is_unknown(value):
        return UNKNOWN + why
    ends = ["?" if is_unknown(end) or not math.isfinite(end) else f"{end:,.{digits}f}" for end in (low, high)]
    text = f"{value:,.{digits}f}" + (f" [{ends[0]}, {ends[1]}]" if ends != ["?", "?"] else f" (no interval{why})")
    return f"{text} {unit}" if unit else text


def decimal(value: Any, digits: int = 2) -> str:
    """A number in a table's cell, with so many digits after the point unless it is whole."""
    if is_unknown(value):
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:,.{digits}f}"


def is_unknown(value: Any) -> bool:
    """Whether a number is None or nan."""
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def between(values: Any, unit: str = "") -> str:
    """The range of numbers, e.g. "10 ... 2,000 steps", of those that are known."""
    known = [value for value in np.asarray(values).tolist() if not is_unknown(value)]
    if not known:
        return UNKNOWN
    low, high = number(min(known)), number(max(known))
    return f"{low} {unit}".rstrip() if low == high else f"{low} ... {high} {unit}".rstrip()


def shares_between(values: Any, nothing: str = UNKNOWN) -> str:
    """The range of shares, e.g. "12 % ... 34 %", of those that are known."""
    known = [value for value in np.asarray(values, dtype=float).tolist() if math.isfinite(value)]
    if not known:
        return nothing
    low, high = share(min(known)), share(max(known))
    return low if low == high else f"{low} ... {high}"


def duration(seconds: float) -> str:
    """A time for a person: "45 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def data_in_words(described: Mapping[str, Any]) -> dict[str, str]:
    """The data set that a result is of, as a fact: {} if it is not known."""
    name, rows, seed = (described.get(key) for key in ("dataset", "rows", "dataset_seed"))
    if name is None:
        return {}
    if path := described.get("dataset_path"):
        name = Path(path).name
    text = str(name) if rows is None else f"{name}, {counted(rows, 'training row')}"
    if isinstance(seed, int):
        text += f", seed {seed}"
    text += ", standardized" * bool(described.get("standardize"))
    if pca := described.get("pca"):
        text += f", {counted(pca, 'principal component')}"
    if classes := described.get("classes"):
        text += f", classes {', '.join(map(str, classes))}"
    if missing := described.get("classes_without_training_rows"):
        text += f", no training rows of class {', '.join(map(str, missing))}"
    return {"data": text}
