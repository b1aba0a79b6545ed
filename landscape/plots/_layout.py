"""What all figures share: sizes, lettered panels, legends beside the curves, color bars."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Size = Literal["screen", "page", "column"]

WIDTHS: Mapping[str, float] = {"page": 7.0, "column": 3.4}  # inches, of two-column journals
SMALLEST_TEXT = 6.0  # points, in figures of these widths
SLOW_LEGEND = 20_000  # points from where matplotlib takes long to find a free corner
WIDE = 5.0  # ratio of largest to smallest value from which an axis may be logarithmic


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Make a figure, in inches, with panels side by side; it belongs to no window and changes no global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def draw_panels(
    panels: Mapping[str, Callable[[Axes], Any]],
    chosen: Sequence[str] = (),
    *,
    columns: int,
    panel: tuple[float, float] = (4.25, 3.8),
    size: Size = "screen",
    title: str | None = None,
) -> Figure:
    """Draw panels into one figure, each lettered if there are several.

    Parameters
    ----------
    panels : mapping of str to function
        What draws each panel on the axes that it gets, by name.
    chosen : sequence of str, optional
        Names of the panels to draw, in this order; by default all.
    columns : int
        Panels side by side on a screen; on a page there are two, in a column of text one.
    panel : (float, float)
        Width and height of a panel on a screen, in inches.
    size : {"screen", "page", "column"}
        How wide the figure is: as its panels are, or the 7 or 3.4 inches of a page or a column of text.
    title : str, optional
        Above all panels.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist.
    """
    if unknown := [name for name in chosen if name not in panels]:
        msg = f"panel must be one of {', '.join(panels)}; got {unknown[0]!r}"
        raise ValueError(msg)
    if size != "screen" and size not in WIDTHS:
        msg = f"size must be one of screen, {', '.join(WIDTHS)}; got {size!r}"
        raise ValueError(msg)
    names = list(chosen) or list(panels)
    across = min({"column": 1, "page": 2}.get(size, columns), len(names))
    down = -(-len(names) // across)
    shrink = 1.0 if size == "screen" else min(WIDTHS[size] / (across * panel[0]), 1.0)
    figure = Figure(figsize=(shrink * across * panel[0], shrink * down * panel[1]), layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax, name in zip(axes, names, strict=False):
        panels[name](ax)
    for ax in axes[len(names) :]:
        ax.remove()
    for ax in axes[: len(names)]:
        readable_ticks(ax)
        ax.title.set_fontsize("medium")
    letter(axes[: len(names)])
    if title:
        figure.suptitle(title)
    _shrink_text(figure, shrink)
    return figure


def letter(axes: Sequence[Axes]) -> None:
    """Write a, b, c, ... beside the upper left corners of several panels."""
    for k, ax in enumerate(axes if len(axes) > 1 else ()):
        place = {"xytext": (-30, 5), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        ax.annotate(chr(ord("a") + k), (0.0, 1.0), xycoords="axes fraction", fontweight="bold", **place)


def readable_ticks(ax: Axes) -> None:
    """Tick labels of logarithmic axes that do not overprint: at powers of ten, or few plain numbers in between."""
    for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
        if axis.get_scale() != "log" or not isinstance(axis.get_major_formatter(), LogFormatter):
            continue
        decades = abs(math.log10(high / low)) if low > 0 < high else 0.0
        if decades < 1.0:
            axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        elif decades < 2.0:
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            axis.set_major_locator(LogLocator(numticks=6))
        axis.set_minor_formatter(NullFormatter())


def _shrink_text(figure: Figure, shrink: float) -> None:
    """Text as small as the panels, but no smaller than can be read."""
    if shrink < 1.0:
        for text in figure.findobj(Text):
            size = float(text.get_fontsize())  # pyright: ignore[reportAttributeAccessIssue]
            text.set_fontsize(min(size, max(SMALLEST_TEXT, shrink * size)))  # pyright: ignore[reportAttributeAccessIssue]


def legend_beside(ax: Axes, **options: Any) -> None:
    """Add a legend where it hides least of the curves, above them if need be."""
    points = sum(np.size(line.get_xdata()) for line in ax.get_lines())
    place = {"loc": "best"} if points < SLOW_LEGEND else {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    ax.legend(**({"frameon": False, "fontsize": "small"} | place | options))


def color_scale(cmap: Any, values: Sequence[Floats], *, log: bool) -> ScalarMappable:
    """Colors for all the finite values together; nan is black.

    Logarithmic, if asked for, where the values span more than a factor of five.
    """
    usable = np.concatenate([v[np.isfinite(v) & ((v > 0.0) | (not log))] for v in values]) if values else np.empty(0)
    low, high = (float(usable.min()), float(usable.max())) if usable.size else (0.0, 1.0)
    colors = mpl.colormaps.get_cmap(cmap).with_extremes(bad="#222222")
    return ScalarMappable((LogNorm if log and high > WIDE * low else Normalize)(low, high), colors)


def add_colorbar(figure: Any, axes: Axes | Sequence[Axes], scale: ScalarMappable, label: str) -> None:
    """Add a color bar beside panels; of a single value it is one color with that value beside it."""
    low, high = scale.get_clim()  # the color bar widens equal limits
    axes = axes if isinstance(axes, Axes) else list(axes)
    if low == high:
        single = ScalarMappable(Normalize(low - 0.5, low + 0.5), ListedColormap([scale.to_rgba(np.array(low))]))
        bar = figure.colorbar(single, ax=axes, label=label, pad=0.02, aspect=35, shrink=0.2)
        bar.set_ticks([low], labels=[f"{low:.6g}"])
        return
    bar = figure.colorbar(scale, ax=axes, label=label, pad=0.02, aspect=35)
    if isinstance(scale.norm, LogNorm):
        plain_log_ticks(bar.ax.yaxis)


def plain_log_ticks(axis: Axis) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, written as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
