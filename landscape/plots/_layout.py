"""What all figures share: sizes, lettered panels, legends beside the curves, color bars."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from landscape.plots._readable import BESIDE, PlainNumbers, ReadableLayout

Floats = NDArray[np.float64]
Size = Literal["screen", "page", "column"]

WIDTHS: Mapping[str, float] = {"page": 7.0, "column": 3.4}  # inches, of two-column journals
PRINTED_TEXT = 0.8  # of the size on a screen, in figures of these widths, and the least height of their panels
TALLEST = 9.5  # inches, of a page
SMALLEST_TEXT = 6.0  # points, there
STUB = 0.2  # length of the color bar of a single value, as a share of the others; its width is theirs
WIDE = 5.0  # ratio of largest to smallest value from which an axis may be logarithmic


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Make a figure, in inches, with panels side by side; it belongs to no window and changes no global state."""
    figure = Figure(figsize=(width, height), layout=ReadableLayout())
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def draw_panels(
    panels: Mapping[str, Callable[[Axes], Any]],
    chosen: Sequence[str] = (),
    *,
    columns: int = 1,
    panel: tuple[float, float] = (4.25, 3.8),
    size: Size = "screen",
    title: str | None = None,
    same_y: bool = False,
    common: Callable[[Figure, list[Axes]], Any] | None = None,
) -> Figure:
    """Draw panels into one figure, each lettered if there are several.

    Parameters
    ----------
    panels : mapping of str to function
        What draws each panel on the axes that it gets, by name.
    chosen : sequence of str, optional
        Names of the panels to draw, in this order; by default all.
    columns : int
        Panels side by side on a screen; on a page there are at most two, in a column of text one.
    panel : (float, float)
        Width and height of a panel on a screen, in inches.
    size : {"screen", "page", "column"}
        How wide the figure is: as its panels are, or the 7 or 3.4 inches of a page or a column of text.
    title : str, optional
        Above all panels.
    same_y : bool
        Whether all panels have the same vertical axis, which is labeled once in each row.
    common : function (figure, axes), optional
        What draws the parts that panels have in common: a color bar, a legend.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist.
    """
    names = check_panels(chosen, panels)
    if size not in get_args(Size):
        msg = f"size must be one of {', '.join(get_args(Size))}; got {size!r}"
        raise ValueError(msg)
    across = min({"column": 1, "page": min(columns, 2)}.get(size, columns), len(names))
    down, width = -(-len(names) // across), across * panel[0]
    height = down * panel[1] * (1.0 if size == "screen" else PRINTED_TEXT)
    if size == "page":
        height = min(height, TALLEST)
    figure = Figure(figsize=(WIDTHS.get(size, width), height), layout=ReadableLayout())
    axes = list(figure.subplots(down, across, squeeze=False, sharey=same_y).flat)
    for ax in axes[len(names) :]:
        ax.remove()
    del axes[len(names) :]
    for k, (ax, name) in enumerate(zip(axes, names, strict=True)):
        panels[name](ax)
        ax.title.set_fontsize("medium")
        if same_y and k % across:
            ax.set_ylabel("")
    letter(axes)
    if common is not None:
        common(figure, axes)
    if title:
        figure.suptitle(title, fontsize="large")
    if size in WIDTHS:
        _shrink_text(figure)
    return figure


def check_panels(chosen: Sequence[str], names: Iterable[str]) -> list[str]:
    """The names that are chosen, by default all; ValueError if one does not exist."""
    names = list(names)
    for name in chosen:
        if name not in names:
            similar = difflib.get_close_matches(name, names, n=1)
            hint = f" (did you mean {similar[0]}?)" if similar else ""
            msg = f"panel must be one of {', '.join(names)}; got {name!r}{hint}"
            raise ValueError(msg)
    return list(chosen) or names


def letter(axes: Sequence[Axes]) -> None:
    """Write a, b, c, ... beside the upper left corners of several panels."""
    for k, ax in enumerate(axes if len(axes) > 1 else ()):
        place = {"xytext": (-30, 5), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        ax.annotate(chr(ord("a") + k), (0.0, 1.0), xycoords="axes fraction", fontweight="bold", **place)


def _shrink_text(figure: Figure) -> None:
    """Text of a size that suits a printed page, also of the labels of ticks that are still to come."""
    for text in figure.findobj(Text):
        size = float(text.get_fontsize())  # pyright: ignore[reportAttributeAccessIssue]
        text.set_fontsize(max(SMALLEST_TEXT, PRINTED_TEXT * size))  # pyright: ignore[reportAttributeAccessIssue]
    for ax in figure.axes:
        ax.tick_params(which="both", labelsize=PRINTED_TEXT * mpl.rcParams["font.size"])


def legend_beside(ax: Axes, **options: Any) -> None:
    """Add a legend where it hides least of the curves; in a figure of ours above them if it would hide any."""
    ax.legend(**({"frameon": False, "fontsize": "small", "loc": "best"} | options)).set_label(BESIDE)


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
        bar = figure.colorbar(single, ax=axes, label=label, pad=0.02, aspect=35 * STUB, shrink=STUB)
        bar.set_ticks([low], labels=[f"{low:.4g}"])
        return
    bar = figure.colorbar(scale, ax=axes, label=label, pad=0.02, aspect=35)
    if isinstance(scale.norm, LogNorm):
        plain_log_ticks(bar.ax.yaxis)


def plain_log_ticks(axis: Axis) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, written as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(PlainNumbers())
    axis.set_minor_formatter(NullFormatter())


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"
