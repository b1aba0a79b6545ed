"""Tables of a comparison: CSV, LaTeX, JSON."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bridge.comparison._rows import ComparisonRow, row_dict, row_numbers
from landscape.support import to_json, write_text

HEADINGS = {
    "hidden": "hidden",
    "parameters": "$P$",
    "rows": "$N$",
    "minima": "minima",
    "estimated_minima": "at least (95 \\%)",
    "median_barrier": "barrier",
    "funnelled": "funnelled",
    "visited_entropy": "entropy",
    "mu": r"$\mu$",
    "mu_control": r"$\mu$ (descent)",
}


def write_comparison(rows: Sequence[ComparisonRow], path: Path) -> None:
    """Write the rows atomically, in the format of the suffix: csv (all fields), json (as in the report) or tex.

    Raises
    ------
    ValueError
        If the suffix is another one.
    """
    check_table_path(path)
    write_text(path, WRITERS[path.suffix](rows))


def check_table_path(path: Path) -> None:
    """Raise a ValueError unless the suffix is one that `write_comparison` writes."""
    if path.suffix not in WRITERS:
        msg = f"a table must end with one of {', '.join(WRITERS)}; got {str(path)!r}"
        raise ValueError(msg)


def as_csv(rows: Sequence[ComparisonRow]) -> str:
    """Every field of every row."""
    text, numbers = io.StringIO(), [row_numbers(row) for row in rows]
    writer = csv.DictWriter(text, list(numbers[0]) if numbers else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(numbers)
    return text.getvalue()


def as_json(rows: Sequence[ComparisonRow]) -> str:
    """One JSON object with the rows; unknown values are null."""
    return to_json({"rows": [row_dict(row) for row in rows]}) + "\n"


def as_latex(rows: Sequence[ComparisonRow]) -> str:
    """A tabular of the columns in `HEADINGS`; mu with its interval."""
    lines = [r"\begin{tabular}{l" + "r" * (len(HEADINGS) - 1) + "}", " & ".join(HEADINGS.values()) + r" \\", r"\hline"]
    lines += [" & ".join(_cell(row, name) for name in HEADINGS) + r" \\" for row in rows]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def _cell(row: ComparisonRow, name: str) -> str:
    value = row_numbers(row)[name]
    if isinstance(value, str):
        return value.replace("_", r"\_")
    if isinstance(value, float) and not math.isfinite(value):
        return "--"
    if name == "mu":
        known = np.isfinite(row.mu.interval).all()
        return f"{value:z.2f}" + (f" [{row.mu.low:z.2f}, {row.mu.high:z.2f}]" if known else "")
    if name == "estimated_minima":
        return f"{row.estimated_minima.low:.0f}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


WRITERS: Mapping[str, Callable[[Sequence[ComparisonRow]], str]] = {".csv": as_csv, ".json": as_json, ".tex": as_latex}
