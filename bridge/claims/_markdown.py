"""The table of the claims as Markdown."""

from collections.abc import Iterable, Sequence

from bridge.claims._claim import Finding

HEAD = ("claim", "where", "tested by", "ours, over the runs", "over realizations of the data", "verdict", "scale")


def claims_rows(findings: Iterable[Finding]) -> list[Sequence[str]]:
    """Cells of the table, the head first."""
    return [HEAD, ("---",) * len(HEAD), *map(_cells, findings)]


def _cells(one: Finding) -> Sequence[str]:
    tested = f"{one.tested_by}; {one.reason}" if one.reason else one.tested_by
    size = f"{one.scale}: {one.size}"
    return one.statement, one.place, tested, one.ours, one.over_realizations, f"**{one.in_words}**", size


def markdown(findings: Iterable[Finding]) -> str:
    """The table as a text."""
    return "".join("| " + " | ".join(cells) + " |\n" for cells in claims_rows(findings))
