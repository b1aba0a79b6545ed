"""Minima that options of `graph` name: by their ids, and by groups."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from landscape.database import Property
from landscape.graph import LandscapeGraph, components

COMPONENT = "component"


class Landscape(Protocol):
    """What of a database is needed here."""

    def graph(self) -> LandscapeGraph:
        """Minima and transition states."""
        ...

    def minimum_ids(self) -> NDArray[Any]:
        """Ids of the minima (n,)."""
        ...


def positions_of(opened: Landscape, text: str | None, option: str) -> list[int] | None:
    """Positions of minima whose ids a text names, separated by commas, or a file, one a line; None without a text."""
    if text is None:
        return None
    path = Path(text)
    words = path.read_text(encoding="utf-8").split() if path.is_file() else text.split(",")
    places = _places(opened)
    return [_place(places, word.strip(), f"--{option}") for word in words]


def group_labels(opened: Landscape, group: str | None, property_of: Callable[[str, str], Property]) -> list[Any] | None:
    """The group of each minimum (n,), by a column or a file of ids and groups; None without a text."""
    if group is None:
        return None
    if Path(group).is_file():
        return _read_groups(opened, Path(group))
    if group == COMPONENT:
        return components(opened.graph()).tolist()
    return property_of(group, "group").values.tolist()


def _read_groups(opened: Landscape, path: Path) -> list[Any]:
    """Groups (n,) from lines with an id and a group, by a comma, a tab or spaces; lines from # on are comments."""
    places = _places(opened)
    found: list[str | None] = [None] * len(places)
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [(number, _cells(line)) for number, line in enumerate(lines, 1) if line]
    if rows and rows[0][1][0] not in places and not rows[0][1][0].lstrip("-").isdecimal():
        rows = rows[1:]  # a header
    for number, cells in rows:
        if len(cells) != 2:
            msg = f"{path} must have an id and a group on each line; line {number} has {len(cells)} columns"
            raise ValueError(msg)
        found[_place(places, cells[0], f"{path}, line {number}")] = cells[1]
    return found


def _cells(line: str) -> list[str]:
    if "," in line:
        return [cell.strip() for cell in next(csv.reader([line]))]
    return line.split("\t") if "\t" in line else line.split()


def _places(opened: Landscape) -> dict[str, int]:
    return {str(number): k for k, number in enumerate(opened.minimum_ids().tolist())}


def _place(places: Mapping[str, int], word: str, where: str) -> int:
    if word not in places:
        msg = f"{where} must name minima by their ids; there is no minimum {word!r}"
        raise ValueError(msg)
    return places[word]


def gap_of(text: str | None) -> tuple[float, float] | str | None:
    """What --gap means: "auto", or two losses."""
    if text is None or text == "auto":
        return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        msg = f"--gap must be auto or two losses such as 0.52,1.8; got {text!r}"
        raise ValueError(msg) from None
    return low, high
