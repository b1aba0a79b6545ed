"""A sentence where a panel has nothing to draw."""

from typing import Any

UNKNOWN_MINIMA = "No snapshot belongs to a known minimum:\ntry the other map (--method flow or lbfgs)."


def say(ax: Any, sentence: str) -> None:
    """Write a sentence into the middle of matplotlib axes whose scales are linear then."""
    ax.set(xscale="linear", yscale="linear", xticks=[], yticks=[])
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="0.35", fontsize="small")
