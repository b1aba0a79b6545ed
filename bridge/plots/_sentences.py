"""A sentence where a panel has nothing to draw, and numbers that are not determined in words."""

from typing import Any

import numpy as np

UNKNOWN_MINIMA = "No snapshot belongs to a known minimum:\ntry the other map (--method flow or lbfgs)."


def say(ax: Any, sentence: str) -> None:
    """Write a sentence into the middle of matplotlib axes whose scales are linear then."""
    ax.set(xscale="linear", yscale="linear", xticks=[], yticks=[])
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="0.35", fontsize="small")


def in_words(value: Any, words: str = "(undetermined)") -> Any:
    """A number, or an array, list or mapping of such, with `words` in place of nan."""
    if isinstance(value, dict):
        return {key: in_words(item, words) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [in_words(item, words) for item in value]
    return words if isinstance(value, float | np.floating) and np.isnan(value) else value
