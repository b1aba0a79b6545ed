"""The number of minima in words."""

import math

from landscape.search import FEWEST_STARTS, Exploration
from landscape.support import Estimate

UNKNOWN = "not determined"


def at_least(estimate: Estimate | None) -> str:
    """A lower bound in words, e.g. "at least 349 (95 %), Chao1 532"; "not determined" without enough random starts.

    Chao1 is a lower bound in expectation. There is no upper bound. Where both are below the number known, that is all.
    """
    if estimate is None or not math.isfinite(estimate.value):
        return UNKNOWN
    if estimate.value <= estimate.low:
        return f"at least the {estimate.low:,.0f} known"
    return f"at least {estimate.low:,.0f} (95 %), Chao1 {estimate.value:,.0f}"


def how_many(found: Exploration) -> str:
    """The same with the number of random starts, or with what to do."""
    if found.estimated_minima is None:
        return "no minimum yet"
    if math.isfinite(found.estimated_minima.value):
        text, starts = at_least(found.estimated_minima), f"{found.random_starts:,} random starts"
        known = found.estimated_minima.value <= found.minima
        return f"{text}; {starts} bound it no better" if known else f"{text}, from {starts}"
    if found.unrecorded_starts:
        return (
            f"{UNKNOWN}: what {found.unrecorded_starts:,} random starts found was not recorded by the older version "
            "that made the file; explore with --estimate 256 to draw new ones"
        )
    return (
        f"{UNKNOWN}: random starts alone count for it, and {found.random_starts} of them ended in minima, fewer than "
        f"{FEWEST_STARTS}; explore with --estimate 256 to draw more"
    )
