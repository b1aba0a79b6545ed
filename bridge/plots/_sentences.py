"""Sentences for empty panels, and words for undetermined numbers."""

from typing import Any

import numpy as np

UNKNOWN_MINIMA = "No snapshot belongs to a known minimum:\ntry the other map (--method flow or lbfgs)."


def say(ax: Any, sentence: str) -> None:
    """Write a sentence in the middle of matplotlib axes, with linear scales."""
    ax.set(xscale="linear", yscale="linear", xticks=[], yticks=[])
    ax.text(0.5, 0.5, sentence, transform=ax.transAxes, ha="center", va="center", color="0.35", fontsize="small")


def with_interval(symbol: str, value: float, low: float, high: float) -> str:
    """A number with its interval, as in mu = 0.80 [0.70, 0.90], or what is not determined."""
    if not np.isfinite(value):
        return f"{symbol} not determined"
    ends = [f"{end:.2f}" if np.isfinite(end) else "?" for end in (low, high)]
    return f"{symbol} = {value:.2f}" + (f" [{ends[0]}, {ends[1]}]" if ends != ["?", "?"] else " (no interval)")


def in_words(value: Any, words: str = "(undetermined)") -> Any:
    """A number, or an array, list or mapping of numbers, with `words` instead of nan."""
    if isinstance(value, dict):
        return {key: in_words(item, words) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [in_words(item, words) for item in value]
    return words if isinstance(value, float | np.floating) and np.isnan(value) else value
