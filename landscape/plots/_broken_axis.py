"""A loss axis from which an empty gap is cut out."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import Locator, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from landscape.graph import DisconnectivityTree

Floats = NDArray[np.float64]

WORTH_CUTTING = 0.2  # share of the height of a graph from which its largest gap is cut
MARGIN = 0.08  # share of a gap that stays at each of its ends
BAND = 0.03  # share of the axis that stays of a gap
TICKS = 8
STEPS = [1, 2, 2.5, 5, 10]


def largest_gap(tree: DisconnectivityTree) -> tuple[float, float] | None:
    """The largest range of losses without a minimum and without a merger, less a margin at both ends.

    Returns
    -------
    (float, float) or None
        Lower and upper end, in nats; None if it is less than a fifth of the height of the graph.
    """
    levels = np.unique(tree.levels)
    if levels.size < 2:
        return None
    k = int(np.argmax(np.diff(levels)))
    low, high = float(levels[k]), float(levels[k + 1])
    if high - low < WORTH_CUTTING * (levels[-1] - levels[0]):
        return None
    return low + MARGIN * (high - low), high - MARGIN * (high - low)


def check_gap(tree: DisconnectivityTree, gap: tuple[float, float]) -> tuple[float, float]:
    """The gap, or a ValueError that names what is in it."""
    low, high = gap
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        msg = f"gap must be two losses, the lower one first; got {low:g}, {high:g}"
        raise ValueError(msg)
    lowest, highest = tree.levels.min(), tree.levels.max()
    if not lowest < low < high < highest:
        msg = f"gap must lie within the losses drawn, {lowest:.6g} ... {highest:.6g}; got {low:g}, {high:g}"
        raise ValueError(msg)
    inside = (tree.levels >= low) & (tree.levels <= high)
    if inside.any():
        k = int(np.argmax(inside))
        what = "a minimum" if k < tree.n_leaves else "a superbasin"
        msg = f"gap must be empty; {what} is at {tree.levels[k]:.6g}, within {low:g} ... {high:g}"
        raise ValueError(msg)
    return low, high


def cut_gap(ax: Axes, gap: tuple[float, float]) -> None:
    """Shorten a gap of the vertical axis to a narrow band with break marks; elsewhere the axis stays linear."""
    low, high = gap
    limits = ax.get_ylim()
    band = BAND * (limits[1] - limits[0] - (high - low))
    ends, places = np.array([low, high]), np.array([low, low + band])
    ax.set_yscale("function", functions=(lambda y: _bent(y, ends, places), lambda y: _bent(y, places, ends)))
    ax.set_ylim(limits)
    ax.yaxis.set_major_locator(BrokenLocator(gap))
    ax.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    across, style = ax.get_yaxis_transform(), {"clip_on": False, "zorder": 3.2}
    ax.add_patch(Rectangle((-0.02, low), 1.02, high - low, transform=across, color="white", lw=0, **style))
    slant = [(-1.0, -0.6), (1.0, 0.6)]
    ax.plot([0.0, 0.0], gap, ls="", marker=slant, ms=8, mec="black", mew=0.8, transform=across, **style)
    for end in gap:
        ax.plot([0.0, 1.0], [end, end], color="0.75", lw=0.6, ls=(0, (1, 3)), transform=across, zorder=3.3)


class BrokenLocator(Locator):
    """Ticks at the multiples of one step on both sides of a gap, and none in it."""

    def __init__(self, gap: tuple[float, float]) -> None:
        self.gap = gap

    def __call__(self) -> Floats:
        """Places of the ticks in the visible range."""
        assert self.axis is not None
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Floats:
        """Places of the ticks between two losses."""
        low, high = self.gap
        step = float(np.diff(MaxNLocator(TICKS, steps=STEPS).tick_values(0.0, vmax - vmin - (high - low)))[0])
        ticks = step * np.arange(math.ceil(vmin / step), math.floor(vmax / step) + 1, dtype=np.float64)
        return np.asarray(ticks[(ticks <= low) | (ticks >= high)], dtype=np.float64)


def _bent(y: Floats, ends: Floats, places: Floats) -> Floats:
    """The continuous function with slope 1 but for the segment from `ends` to `places`."""
    y = np.asarray(y, dtype=np.float64)
    within = np.asarray(np.interp(y, ends, places), dtype=np.float64)
    return within + np.minimum(y - ends[0], 0.0) + np.maximum(y - ends[1], 0.0)
