"""Numbers in words: with units and intervals, and what is not known is said to be so."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.runs import optimizer_in_words
from dynamics.statistics import Status, reason

UNKNOWN = "not determined"
OK = "ok"
MOST_NAMES = 6  # that are shown to a person
SIGNIFICANT = 4  # digits of a number that stands alone


def loss_unit(result: Mapping[str, Any]) -> str:
    """Unit of the losses of a result in words: nats unless it says another; empty for a squared error."""
    return result.get("loss_unit", "nats")


def number(value: Any, unit: str = "", digits: int = SIGNIFICANT) -> str:
    """A number with its unit, e.g. "12,345 steps" or "0.01234 nats"; words where it is None or nan."""
    if is_unknown(value):
        return UNKNOWN
    if isinstance(value, int | np.integer) or (float(value).is_integer() and abs(value) < 1e15):
        text = f"{int(value):,}"
    elif math.isfinite(value) and abs(value) >= 10.0 ** (digits - 1):
        text = fixed(value, 0)
    else:
        text = f"{value:.{digits}g}"
    return f"{text} {unit}" if unit else text


def fixed(value: Any, digits: int) -> str:
    """A number with so many digits after the point, e.g. "1,234.50"; what rounds to zero has no sign."""
    return f"{value:z,.{digits}f}"


def counted(value: int, what: str, several: str | None = None) -> str:
    """A number of things, e.g. "1 minimum" or "3 minima"."""
    return f"{value:,} {what if value == 1 else several or what + 's'}"


def at_most(value: float | None) -> str:
    """A share of which an upper bound is known."""
    return share(value) if is_unknown(value) else f"at most {share(value)}"


def share(value: Any) -> str:
    """A share in percent, e.g. "12 %"; words where it is not known."""
    if is_unknown(value):
        return UNKNOWN
    return f"{fixed(100 * value, 0 if abs(value) >= 0.0995 or value == 0 else 1)} %"


def with_interval(value: Any, low: Any, high: Any, unit: str = "", digits: int = 2, status: str = "ok") -> str:
    """A number with its interval, e.g. "0.78 [0.70, 0.86]"; an end that is not known is a question mark.

    If there is no number or no interval, the status says why.
    """
    if is_unknown(value):
        return UNKNOWN + ("" if status == OK else f": {reason(status)}")
    ends = ["?" if is_unknown(end) or not math.isfinite(end) else fixed(end, digits) for end in (low, high)]
    around = f"[{ends[0]}, {ends[1]}]" if ends != ["?", "?"] else f"({no_interval(status)})"
    text = f"{fixed(value, digits)} {around}"
    return f"{text} {unit}" if unit else text


def no_interval(status: str) -> str:
    """That there is no interval, and why if the status says it."""
    why = reason(status)
    return why if "no interval" in why else f"no interval: {why}" if why else "no interval"


def estimated(values: Mapping[str, Any], name: str, unit: str = "", *, runs: int, digits: int = SIGNIFICANT) -> str:
    """The number NAME of JSON with its interval NAME_low, NAME_high over so many runs, in percent if that is the unit.

    E.g. "0.0896 [0.0821, 0.0971] nats", "95 [93, 97] %" or "12 nats (one run: no interval)".
    """
    value, low, high = (values[f"{name}{end}"] for end in ("", "_low", "_high"))
    return estimate_in_words(value, low, high, unit, runs=runs, digits=digits)


def estimate_in_words(value: Any, low: Any, high: Any, unit: str = "", *, runs: int, digits: int = SIGNIFICANT) -> str:
    """The same of a number and its ends."""
    if is_unknown(value):
        return UNKNOWN
    return estimates_between([value], [(low, high)], unit, runs=runs, digits=digits)


def in_a_cell(value: Any, low: Any, high: Any, unit: str = "", *, digits: int = 0) -> str:
    """A number and its interval in a table, whose column names the unit; a note must say why an interval is missing."""
    if is_unknown(value):
        return UNKNOWN
    written = _percent(value, low, high) if unit == "%" else partial(fixed, digits=digits)
    return _with_ends(written, value, low, high)


def _with_ends(written: Callable[[Any], str], value: Any, low: Any, high: Any) -> str:
    return written(value) + ("" if is_unknown(low) else f" [{written(low)}, {written(high)}]")


def _percent(value: float, low: float, high: float) -> Callable[[float], str]:
    """How a share and the ends of its interval are written in percent: so that the ends differ, if they do."""
    fine = 0 < abs(value) < 0.0995 or f"{100 * low:.0f}" == f"{100 * high:.0f}" != "nan"
    return lambda part: fixed(100 * part, 1 if fine else 0)


def estimates_between(
    values: Any, intervals: Any, unit: str = "", *, runs: int, digits: int = SIGNIFICANT, nothing: str = UNKNOWN
) -> str:
    """The range of numbers (n,), of those that are known, each end with its own interval of `intervals` (n, 2)."""
    rows = np.column_stack([values, np.reshape(intervals, (-1, 2))]).astype(np.float64).tolist()
    known = [row for row in rows if math.isfinite(row[0])]
    if not known:
        return nothing
    ends = [min(known), max(known)]
    written = [_percent(*each) if unit == "%" else partial(number, digits=digits) for each in ends]
    parts = [_with_ends(form, value, low, high) for form, (value, low, high) in zip(written, ends, strict=True)]
    missing = Status.TOO_FEW_RUNS if runs < 2 else Status.RUNS_AGREE
    why = f" ({no_interval(missing)})" if all(is_unknown(low) for _, low, _ in ends) else ""
    return " ... ".join(dict.fromkeys(parts)) + (f" {unit}" if unit else "") + why


def decimal(value: Any, digits: int = 2) -> str:
    """A number in a table's cell, with so many digits after the point unless it is whole."""
    if is_unknown(value):
        return UNKNOWN
    return f"{value:,}" if isinstance(value, int | np.integer) else fixed(value, digits)


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


def duration(seconds: float) -> str:
    """A time for a person: "45 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def data_in_words(described: Mapping[str, Any]) -> dict[str, str]:
    """The data set that a result is of, as a fact, and the optimizer of the runs unless it is plain SGD."""
    optimizer = described.get("optimizer")
    text = optimizer_in_words(optimizer) if isinstance(optimizer, Mapping) else ""
    return _data_in_words(described) | ({"optimizer": text} if text else {})


def _data_in_words(described: Mapping[str, Any]) -> dict[str, str]:
    """The data set that a result is of, as a fact: {} if it is not known."""
    name, rows, seed = (described.get(key) for key in ("dataset", "rows", "dataset_seed"))
    if name is None:
        return {}
    if path := described.get("dataset_path"):
        name = Path(path).name
    text = str(name) if rows is None else f"{name}, {counted(rows, 'training row')}"
    if isinstance(seed, int):
        text += f", seed {seed}"
    text += ", regression" * bool(described.get("regression"))
    text += ", standardized" * bool(described.get("standardize"))
    if pca := described.get("pca"):
        text += f", {counted(pca, 'principal component')}"
    if classes := described.get("classes"):
        text += f", classes {', '.join(map(str, classes))}"
    if missing := described.get("classes_without_training_rows"):
        text += f", no training rows of class {', '.join(map(str, missing))}"
    return {"data": text}


def some_of(names: Any) -> str:
    """A few names."""
    shown = [str(name) for name in names[:MOST_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else "")
