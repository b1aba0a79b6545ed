"""The claims of the paper in words: what `reproduce claims` prints."""

from collections import Counter
from collections.abc import Iterator, Sequence

from bridge.claims import ClaimTable, Finding
from bridge.commands._results import Summary, Table
from bridge.commands._words import counted

COLUMNS = ("claim", "verdict", "tested by", "over the runs", "over realizations")


def summarize_claims(table: ClaimTable, chosen: Sequence[str], scale: str) -> Summary:
    """What a person reads: a line for each number that tests a claim, and what the claims say."""
    findings = [one for one in table.findings if one.name in chosen]
    numbers = Counter(one.verdict for one in findings)
    verdicts = ", ".join(f"{number} {verdict}" for verdict, number in numbers.items())
    return Summary(
        verdict=f"{counted(len(findings), 'claim')} of the paper at {scale} scale: {verdicts}.",
        facts={one.name: _said(one) for one in findings},
        tables=[Table(COLUMNS, [row for one in findings for row in _rows(one)])],
        notes=[
            "Intervals: 95 %. Verdicts are those of the intervals over the realizations of the data, or over the runs "
            "where there is one realization. The Markdown and the JSON say what is tested, and why.",
        ],
        files={path.suffix.removeprefix("."): path for path in table.files},
    )


def _said(one: Finding) -> str:
    return f"{one.statement} ({one.place}) Tested by {one.tested_by}"


def _rows(one: Finding) -> Iterator[tuple[str, ...]]:
    """A row for each contrast; the claim and its verdict in the first one."""
    runs = [part.rpartition(": ")[::2] for part in one.ours.split("; ")]
    draws = [part.rpartition(": ")[2] for part in one.over_realizations.split("; ")]
    draws += [""] * (len(runs) - len(draws))
    for k, ((name, value), mean) in enumerate(zip(runs, draws, strict=True)):
        yield ("", "", name, value, mean) if k else (one.name, one.in_words, name, value, mean)
