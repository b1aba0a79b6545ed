"""A claim of the paper, the numbers that test it, and what comes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bridge.claims._criteria import Criterion, realizations_interval, runs_interval, verdict_of
from bridge.figures import Ensemble, Judged, Outcome, ScaleName, Statement, Verdict, Work, judge
from landscape.support import Estimate

DRAWS = 4  # realizations of generated data: the seeds 0 to 3


@dataclass(frozen=True)
class Contrast:
    """One number that tests a claim, on one realization of the data, with its standard error over the runs."""

    name: str
    value: float
    error: float = float("nan")
    freedom: float = float("nan")


@dataclass(frozen=True)
class Claim:
    """One claim of the paper (arXiv 2209.02517) and its test.

    Parameters
    ----------
    name : str
        Its name on the command line.
    place : str
        Where in the paper.
    text : str
        What it says, in our words.
    quantity : str
        What the contrasts are.
    test : Criterion
        Where they must lie.
    ensembles : callable (scale, draw) -> tuple of Ensemble
        The runs on a realization of the data.
    measure : callable (work, draw) -> contrasts
        From these runs to numbers.
    draws : int
        Number of realizations of the data.
    data : str
        What is drawn, in words.
    remark : str
        What a reader must know to judge the test.
    extra_seconds : callable (scale) -> float
        Core seconds of one realization besides the runs.
    """

    name: str
    place: str
    text: str
    quantity: str
    test: Criterion
    ensembles: Callable[[ScaleName, int], tuple[Ensemble, ...]]
    measure: Callable[[Work, int], Sequence[Contrast]]
    draws: int = DRAWS
    data: str = "LJAT-like"
    remark: str = ""
    extra_seconds: Callable[[ScaleName], float] = lambda scale: 1.0

    @property
    def statement(self) -> Statement:
        """As a statement that `bridge.figures.judge` judges."""
        return Statement(self.name, self.place, self.text, partial(_outcome, self))


@dataclass(frozen=True)
class Finding(Judged):
    """A claim with what came out, a row of the table; `ours` is the interval over the runs.

    Parameters
    ----------
    tested_by : str
        The numbers, and where they must lie.
    over_realizations : str
        Means over the realizations with their intervals.
    realizations : int
    in_words : str
        The verdict, for how many realizations.
    scale, size : str
        The scale, and what it means here: runs, steps and realizations.
    command : str
        What gives the numbers.
    """

    tested_by: str
    over_realizations: str
    realizations: int
    in_words: str
    scale: str
    size: str
    command: str


def judge_claims(claims: Iterable[Claim], numbers: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Findings from the numbers of a JSON of `reproduce_claims`, of those claims that it holds."""
    return tuple(_finding(claim, numbers[claim.name]) for claim in claims if claim.name in numbers)


def _finding(claim: Claim, numbers: Mapping[str, Any]) -> Finding:
    (judged,) = judge([claim.statement], numbers)
    draws = len(numbers["values"])
    return Finding(
        **vars(judged),
        tested_by=f"{claim.quantity}: {claim.test}",
        over_realizations=_said(numbers, realizations_interval(numbers)) if draws > 1 else "one realization",
        realizations=draws,
        in_words=_in_words(judged.verdict, draws),
        scale=numbers["scale"],
        size=numbers["size"],
        command=f"agescape reproduce claims --claim {claim.name} --scale {numbers['scale']}",
    )


def _outcome(claim: Claim, numbers: Mapping[str, Any]) -> Outcome:
    reason = "; ".join(part for part in (claim.remark, numbers.get("remark", "")) if part)
    return Outcome(_said(numbers, runs_interval(numbers)), verdict_of(claim.test, numbers), reason)


def _in_words(verdict: Verdict, draws: int) -> str:
    return verdict if draws > 1 or verdict == Verdict.UNDECIDED else f"{verdict} for one realization"


def _said(numbers: Mapping[str, Any], found: Estimate[Any]) -> str:
    """All contrasts with their intervals."""
    rows = zip(numbers["contrasts"], found.value, found.low, found.high, strict=True)
    return "; ".join(f"{name}: {_number(*row)}" for name, *row in rows)


def _number(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "not determined"
    ends = f"[{low:z.2f}, {high:z.2f}]" if np.isfinite([low, high]).all() else "(no interval)"
    return f"{value:z.2f} {ends}"
