"""What the paper says, what tests it, and what comes out.

A `Statement` is one thing that the paper says, with its place and its number. Its test looks at the numbers of our
figure, as its JSON holds them, so that runs that were made before can be judged again.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.support import to_json

Array = NDArray[np.float64]
Numbers = Mapping[str, Any]


class Verdict(StrEnum):
    """Whether a statement holds for our runs."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Outcome:
    """Our numbers in words, the verdict, and its reason."""

    ours: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Statement:
    """One thing that the paper (arXiv 2209.02517) says.

    Parameters
    ----------
    name : str
        What it is about; the name of our number, if there is one to compare with.
    place : str
        Where in the paper.
    text : str
        What it says.
    test : callable (numbers) -> Outcome
        From the numbers of our figure to what came out.
    value : optional
        The published number or numbers.
    published : str
        The same as it is printed; empty if the paper gives none.
    """

    name: str
    place: str
    text: str
    test: Callable[[Numbers], Outcome]
    value: Any = None
    published: str = ""


@dataclass(frozen=True)
class Judged:
    """A statement with what came out, for tables and JSON."""

    name: str
    place: str
    statement: str
    published: str
    ours: str
    verdict: Verdict
    reason: str


def judge(statements: Iterable[Statement], ours: Numbers) -> tuple[Judged, ...]:
    """Test statements with the numbers of a figure: of `PaperFigure.describe`, or of the JSON of an earlier call."""
    numbers = json.loads(to_json(dict(ours)))
    found = ((one, one.test(numbers)) for one in statements)
    return tuple(
        Judged(one.name, one.place, one.text, one.published, out.ours, out.verdict, out.reason) for one, out in found
    )


def decided(holds: ArrayLike, fails: ArrayLike) -> Verdict:
    """FAILS if any of `fails`, HOLDS if all of `holds`, otherwise UNDECIDED; comparisons with nan are False."""
    if np.any(fails):
        return Verdict.FAILS
    return Verdict.HOLDS if np.all(holds) else Verdict.UNDECIDED


def values(numbers: Numbers, name: str) -> Array:
    """Numbers of a JSON as an array, nan where it says null."""
    return np.array(numbers[name], dtype=np.float64)


def listed(numbers: ArrayLike, form: str = ".2f") -> str:
    """Numbers separated by commas, "not determined" for nan."""
    return ", ".join(
        format(x, form) if np.isfinite(x) else "not determined" for x in np.atleast_1d(np.asarray(numbers, np.float64))
    )


def with_intervals(numbers: Numbers, name: str, form: str = ".2f") -> str:
    """An estimate for each network with its 95 % interval."""
    parts = zip(*(np.atleast_1d(values(numbers, f"{name}{end}")) for end in ("", "_low", "_high")), strict=True)
    return ", ".join(
        f"{value:{form}} [{low:{form}}, {high:{form}}]"
        if np.isfinite([value, low, high]).all()
        else listed(value, form)
        for value, low, high in parts
    )
