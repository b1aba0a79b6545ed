"""What the JSON of `explore` and `info` says of an exploration."""

from typing import Any

from landscape.search import Exploration
from landscape.support import in_numbers


def describe_exploration(found: Exploration) -> dict[str, Any]:
    """Its numbers and the advice. The estimate is one entry; of the coverage a lower bound is known, no upper one."""
    estimate = found.estimated_minima and found.estimated_minima.parts
    numbers = in_numbers({**vars(found), "estimated_minima": estimate})
    del numbers["coverage_high"]
    return numbers | describe_targets(found) | {"advice": found.advice}


def describe_targets(found: Exploration) -> dict[str, Any]:
    """How many minima were to be joined with the lowest one, and which of them are not."""
    unjoined = [vars(one) | {"above": one.above} for one in found.unjoined]
    return {"targets": found.targets, "unjoined": unjoined}


def bounds_in_words(bounds: int, *, drawn: bool = True) -> dict[str, str]:
    """How many upper bounds on barriers a database holds, if any, and whether a figure leaves them out."""
    return {"upper bounds on barriers": f"{bounds:,}" + ("" if drawn else ", left out")} if bounds else {}


def own_images(minima: int, states: int) -> list[str]:
    """What transition states of a single minimum are, as a note."""
    if minima != 1 or not states:
        return []
    images = "the same network with units exchanged, or their signs flipped if the activation is odd"
    return [f"The transition states lie between the minimum and its own images ({images})."]
