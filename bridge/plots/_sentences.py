"""Sentences for empty panels."""

from typing import Any

UNKNOWN_MINIMA = "No snapshot belongs to a known minimum:\ntry the other map (--method flow or lbfgs)."


def say(ax: Any, sentence: str) -> None:
    """Write a sentence in the middle of matplotlib axes, with linear scales."""
    ax.set(xscale="linear", yscale="linear", xticks=[], yticks=[])
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="0.35", fontsize="small")
