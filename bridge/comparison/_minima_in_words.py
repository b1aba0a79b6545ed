"""How many minima there are, in words: never more than is known."""

import math

from landscape.search import FEWEST_STARTS, Exploration
from landscape.support import Estimate

UNKNOWN = "not determined"


def at_least(estimate: Estimate | None) -> str:
    """A lower bound in words, e.g. "at least 349 (95 %), Chao1 532"; without enough random starts that it is not known.

    Chao1 is a lower bound in expectation. Nothing is said of how many there are at most.
    """
    if estimate is None or not math.isfinite(estimate.value):
        return UNKNOWN
    return f"at least {estimate.low:,.0f} (95 %), Chao1 {estimate.value:,.0f}"


def how_many(found: Exploration) -> str:
    """The same with what it rests on, or with what to do."""
    if found.estimated_minima is None:
        return "no minimum yet"
    if math.isfinite(found.estimated_minima.value):
        return f"{at_least(found.estimated_minima)}, from {found.random_starts:,} random starts"
    return (
        f"{UNKNOWN}: {found.random_starts} random starts ended in minima, fewer than {FEWEST_STARTS}; "
        "explore with --estimate 256 to draw more"
    )
