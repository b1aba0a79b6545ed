"""Results on stdout: one JSON object, or a summary for a person."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any

from bridge.commands._help import WIDEST
from bridge.commands._wording import worded
from landscape.support import to_json

NARROWEST = 60  # characters of a line of prose


@dataclass(frozen=True)
class Table:
    """Cells as texts; numbers are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Summary:
    """What a person reads of a result.

    Parameters
    ----------
    verdict : str
        What came out, in a sentence or two.
    facts : mapping of str to str
        Quantities, and their values with units and intervals.
    tables : sequence of Table
    notes : sequence of str
        What is not determined, and what to do about it.
    files : mapping of str to path
        What was written, and where.
    """

    verdict: str
    facts: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    files: Mapping[str, str | PathLike[str]] = field(default_factory=dict)


def show(result: Mapping[str, Any], summary: Summary, *, as_json: bool) -> None:
    """Print a result as one JSON object, or its summary."""
    if as_json:
        sys.stdout.write(to_json(dict(result)) + "\n")
        return

    summary = replace(
        summary,
        verdict=worded(summary.verdict),
        facts={name: worded(value) for name, value in summary.facts.items()},
        notes=[worded(text) for text in summary.notes],
    )
    width = min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)
    sys.stdout.write("\n".join(lines_of(summary, width)) + "\n")


def lines_of(summary: Summary, width: int = WIDEST) -> Iterator[str]:
    """A summary as lines: paragraphs with an empty line between them."""
    parts = [
        _wrap(summary.verdict, width),
        list(_pairs(summary.facts, width)),
        *(list(_table(table)) for table in summary.tables),
        *(_wrap(text, width) for text in summary.notes),
        list(_pairs({name: str(path) for name, path in summary.files.items()}, None)),
    ]
    for number, part in enumerate(part for part in parts if part):
        yield from ["", *part] if number else part


def _wrap(text: str, width: int) -> list[str]:
    """Lines of a paragraph; names of options and files stay in one piece."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _pairs(facts: Mapping[str, str], width: int | None) -> Iterator[str]:
    """A line for each name and its value; a long value continues below itself, unless it must stay in one piece."""
    indent = max(map(len, facts), default=0) + 2
    for name, value in facts.items():
        lines = [value] if width is None else _wrap(value, max(width - indent, NARROWEST // 2)) or [""]
        yield f"{name:<{indent}}{lines[0]}"
        yield from (" " * indent + line for line in lines[1:])


def _table(table: Table) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    for row in (table.columns, *table.rows):
        yield "  ".join(
            f"{cell:<{width}}" if _is_text(table, k) else f"{cell:>{width}}"
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()


def _is_text(table: Table, column: int) -> bool:
    """Whether a column holds words: no cell of it begins with a digit, as far as it is known."""
    return not any(row[column][:1].isdigit() or row[column][:1] == "-" for row in table.rows)
