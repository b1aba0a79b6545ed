"""Fill in the numbers of the reproduction from the JSON files in docs/reproduction: ``python docs/published.py``.

What a page holds between ``<!-- ... -->`` and ``<!-- end -->`` is written here, and so are single numbers:

- ``<!-- statements of fig2 -->``: a table of what the paper says, our numbers, verdicts and reasons.
- ``<!-- claims of claims -->``: the table of all claims with their tests and verdicts.
- ``<!-- numbers of fig2: hidden layers = hidden | mu = mu:.2f+ -->``: a table with a row for each network. A column is
  a title, a place in the JSON (names and indices with dots, * for each of a list), a format, and + for the interval.
- ``1.01<!-- fig2 mu_runs_mean.0 .2f -->``: a number and where it is from.
- ``<!-- fig2 bend_at: undecided -->``: nothing, but an error if this is not the verdict.

The tests fail if a page would change.
"""

import json
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NUMBERS = ROOT / "docs" / "reproduction"
BLOCK = re.compile(
    r"<!-- (?P<kind>statements|claims|numbers) of (?P<file>[\w-]+)(?:: (?P<columns>.*?))? -->\n.*?<!-- end -->", re.S
)
INLINE = re.compile(r"(?P<old>[-\d.,%e]+|\?)<!-- (?P<file>[\w-]+) (?P<path>[\w.*-]+) (?P<form>\S+) -->")
VERDICT = re.compile(r"<!-- (?P<file>[\w-]+) (?P<name>\w+): (?P<verdict>holds|fails|undecided) -->")
UNKNOWN = "none"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def pages() -> list[Path]:
    """Pages that show numbers of the reproduction."""
    return [
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if "<!-- end -->" in (text := path.read_text()) or INLINE.search(text)
    ]


def filled(text: str) -> str:
    """A page as it should be; ValueError for a verdict that is another one."""
    for found in VERDICT.finditer(text):
        (actual,) = (one.verdict for one in judged(found["file"]) if one.name == found["name"])
        if actual != found["verdict"]:
            msg = f"{found['file']} {found['name']} must be {actual}; got {found['verdict']}"
            raise ValueError(msg)
    text = BLOCK.sub(lambda found: block(found["kind"], found["file"], found["columns"] or "", found[0]), text)
    return INLINE.sub(
        lambda found: single(found["file"], found["path"], found["form"]) + found[0][len(found["old"]) :], text
    )


def single(file: str, path: str, form: str) -> str:
    """One number in a line of text; ValueError for a list, which would not be recognized the next time."""
    value = entry(file, path)
    if isinstance(value, list):
        msg = f"{path} of {file} must be one number in a line of text; got a list of {len(value)}"
        raise ValueError(msg)
    return number(value, form)


def block(kind: str, file: str, columns: str, whole: str) -> str:
    """One table between its marks."""
    rows = {"statements": statements, "claims": claims}[kind](file) if kind != "numbers" else table(file, columns)
    return "\n".join([whole.partition("\n")[0], "", *map(row, rows), "", "<!-- end -->"])


def statements(file: str) -> list[Sequence[str]]:
    """The table of what the paper says about a figure."""
    head = [(said(file), "where", "published", "ours", "verdict", "why"), ("---",) * 6]
    return head + [
        (one.statement, one.place, one.published or UNKNOWN, one.ours, f"**{one.verdict}**", one.reason)
        for one in judged(file)
    ]


def claims(file: str) -> list[Sequence[str]]:
    """The table of the claims."""
    from bridge.claims import claims_rows  # noqa: PLC0415 (see `judged`)

    return claims_rows(judged(file))


def table(file: str, columns: str) -> list[Sequence[str]]:
    """A row for each network, or whatever the lists are over."""
    parts = [part.rpartition(" = ") for part in columns.split(" | ")]
    cells = [column(file, place) for _, _, place in parts]
    return [tuple(title for title, _, _ in parts), ("---",) * len(parts), *zip(*cells, strict=True)]


def column(file: str, place: str) -> list[str]:
    """The cells of one column."""
    path, _, form = place.strip().partition(":")
    values = entry(file, path)
    texts = [number(value, form.rstrip("+")) for value in values]
    if not form.endswith("+"):
        return texts
    ends = [entry(file, f"{path}_{end}") for end in ("low", "high")]
    bars = zip(*([number(value, form[:-1]) for value in end] for end in ends), strict=True)
    return [f"{text} [{low}, {high}]" for text, (low, high) in zip(texts, bars, strict=True)]


def entry(file: str, path: str) -> Any:
    """What a JSON of docs/reproduction holds at a place."""
    return _at(numbers(file)["ours"], path.split("."))


def _at(value: Any, path: Sequence[str]) -> Any:
    if not path:
        return value
    if path[0] == "*":
        return [_at(one, path[1:]) for one in value]
    return _at(value[int(path[0])] if isinstance(value, list) else value[path[0]], path[1:])


def number(value: Any, form: str) -> str:
    """A number, or a list of them, in a format; texts as they are."""
    if isinstance(value, list):
        return ", ".join(number(one, form) for one in value)
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else format(value, form)


def row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def plain(cell: str) -> str:
    """Text of a verdict as Markdown shows it."""
    cell = re.sub(r"10\^(-?\d+)(?![\d.])", lambda found: "10" + found[1].translate(RAISED), cell.replace("+-", "±"))
    return re.sub(r"\b(t|Delta)\*", lambda found: {"t": "t", "Delta": "Δ"}[found[1]] + r"\*", cell)


def said(file: str) -> str:
    """The head of the table of statements about a figure."""
    from bridge.figures import get_figure  # noqa: PLC0415 (see `judged`)

    return get_figure(file).said


def judged(file: str) -> Any:
    """What became of the statements about a figure, or of the claims, from the JSON."""
    from bridge.claims import CLAIMS, judge_claims  # noqa: PLC0415 (the script has them on its path only when it runs)
    from bridge.figures import get_figure, judge  # noqa: PLC0415

    if file == "claims":
        return judge_claims(CLAIMS.values(), numbers(file)["ours"])
    return judge(get_figure(file).statements, numbers(file)["ours"])


@cache
def numbers(file: str) -> dict[str, Any]:
    """The JSON of a figure."""
    return json.loads((NUMBERS / f"{file}.json").read_text())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for page in pages():
        page.write_text(filled(page.read_text()))
