"""Figures that show landscape and dynamics together."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from bridge.comparison import Comparison, ComparisonRow
from bridge.plots._disks import add_age_bar, disk_areas, disk_handles
from bridge.residence import Visits, per_minimum
from dynamics.aging_times import Aging
from dynamics.displacement import MeanSquareDisplacement
from dynamics.plots import COLORS, plot_aging, plot_msd
from landscape.database import Database, Property
from landscape.graph import DisconnectivityTree, Funnelling, visible_tree
from landscape.plots import Size, draw_panels, legend_beside, plot_disconnectivity
from landscape.support import labeled

MARKERS = "osv^D<>pP*"
ARROW = 16.0  # points
ARROW_MARGIN = 0.15  # of the axes, at the side of the data: longer than an arrow in a column of text
MOST_LABELS = 40  # labels below a graph: more would overlap


def plot_graph(
    tree: DisconnectivityTree,
    ax: Axes,
    *,
    ids: ArrayLike | None = None,
    color: Property | None = None,
    labels: Property | None = None,
    identify: Sequence[int] = (),
    funnels: Funnelling | None = None,
    unchecked: int = 0,
    axis_label: str = "",
    **options: Any,
) -> Axes:
    """Draw the disconnectivity graph of a landscape on `ax`.

    Parameters
    ----------
    tree : DisconnectivityTree
        What to draw; see `landscape.graph.visible_tree`.
    ids : (n,) array, optional
        What the minima of the whole `LandscapeGraph` are called; by default 1 ... n.
    color : Property, optional
        Property that colors the minima.
    labels : Property, optional
        Property that labels the lowest minima, or those of `identify`.
    identify : sequence of int
        Positions of minima to label, with their ids unless there are `labels`.
    funnels : Funnelling, optional
        Result of `funnelling`, shown in the title.
    unchecked : int
        Number of transition states whose minima were not checked, for the title.
    axis_label : str
        Of the vertical axis; by default the training loss.
    **options
        `groups`, `gap`, `min_branch`: as in `landscape.plots.plot_disconnectivity`.
    """
    numbers = np.arange(1, tree.n_minima + 1) if ids is None else np.asarray(ids)
    plot_disconnectivity(
        tree,
        ax,
        color=None if color is None else color.values,
        color_label=None if color is None else color.label,
        log_color=color is not None and color.logarithmic,
        label_values=_texts(tree, labels, identify, numbers),
        **options,
    )
    ax.set_ylabel(axis_label or labeled("training loss", tree.loss_unit))
    if funnels is not None and funnels.climbs.size > 1:
        ax.set_title(f"{ax.get_title()}\n{describe_funnels(funnels)}", fontsize="medium")
    if unchecked:
        what = f"which minima {unchecked} of {tree.n_transition_states} transition states connect was not checked"
        ax.set_title(f"{ax.get_title()}\n{what}", fontsize="medium")
    return ax


def _texts(
    tree: DisconnectivityTree, labels: Property | None, identify: Sequence[int], ids: NDArray[Any]
) -> list[str] | None:
    """One text per minimum: of those to identify, or of the lowest drawn ones; empty for the others."""
    if labels is None and not len(identify):
        return None
    texts = [""] * tree.n_minima
    for minimum in identify if len(identify) else tree.minima[:MOST_LABELS].tolist():
        texts[minimum] = str(ids[minimum]) if labels is None else labels.text(minimum)
    return texts


def describe_funnels(funnels: Funnelling) -> str:
    """How funneled a landscape is, in a line."""
    if not funnels.connected:
        return "funnels not determined: the global minimum is connected to no other"
    all_alike = funnels.connected_share == funnels.share
    connected = "" if all_alike else f" ({funnels.connected_share:.0%} of the connected)"
    return f"{funnels.share:.0%} funneled{connected}, frustration {funnels.frustration:.3g}"


def plot_visits(database: Database, visited: Visits, ax: Axes) -> Axes:
    """Draw the disconnectivity graph with the visits of the runs on `ax`.

    Disks at the minima: area by the number of snapshots there, color by their mean age.
    """
    numbers, ages = per_minimum(visited, database)
    tree = visible_tree(database.graph(), visited=database.positions(visited.minimum_ids))
    most = int(numbers.max(initial=0))
    sizes = np.where(numbers > 0, disk_areas(numbers.astype(np.float64), most), 0.0)
    plot_disconnectivity(tree, ax, marker_sizes=sizes, marker_colors=np.log10(ages))
    if not most:
        ax.set_title(f"{ax.get_title()}\nno snapshot belongs to a known minimum", fontsize="small")
        return ax
    for handle in disk_handles(most):
        ax.add_line(handle)
    legend_beside(ax, title="number of visits", title_fontsize="small")
    scale = ScalarMappable(LogNorm(float(np.nanmin(ages)), float(np.nanmax(ages))), "viridis")
    add_age_bar(ax.figure, ax, scale)
    return ax


def plot_displacements(
    names: Sequence[str],
    displacements: Sequence[MeanSquareDisplacement],
    fits: Sequence[Aging],
    *,
    panels: Sequence[str] = (),
    size: Size = "screen",
) -> Figure:
    """One panel of mean square displacements per ensemble, with its name, and one of t* against tw for all.

    Raises
    ------
    ValueError
        For a panel or a size that does not exist; see `landscape.plots.draw_panels`.
    """
    functions: dict[str, Callable[[Axes], Any]] = {
        panel_name(name): partial(_draw_msd, name, msd, fit)
        for name, msd, fit in zip(names, displacements, fits, strict=True)
    }
    functions["aging"] = partial(_draw_aging, names, fits)
    return draw_panels(functions, panels, columns=len(functions), panel=(4.2, 3.8), size=size)


def panel_name(hidden: str) -> str:
    """Hidden layers such as "5,5" as the name of a panel, 5-5: names are separated by commas."""
    return hidden.replace(",", "-")


def _draw_msd(name: str, msd: MeanSquareDisplacement, fit: Aging, ax: Axes) -> None:
    plot_msd(msd, ax, threshold=fit.threshold).set_title(name)


def _draw_aging(names: Sequence[str], fits: Sequence[Aging], ax: Axes) -> None:
    for k, (name, fit) in enumerate(zip(names, fits, strict=True)):
        plot_aging(fit, ax, label=name, color=COLORS[k % len(COLORS)])
    ax.set_title(rf"$\Delta^*$ = {fits[0].threshold:g}")


def plot_comparison(comparison: Comparison, ax: Axes) -> Axes:
    """Draw mu against the number of minima: filled, those found; open, Chao1, with a bar down to the bound at 95 %.

    An arrow shows that there is no upper bound. There is no open symbol if the number is not determined. The color
    shows the hidden layers, the marker the data set and the number of training rows.
    """
    colors = list(dict.fromkeys(row.hidden for row in comparison.rows))
    data = sorted({(row.dataset, row.rows) for row in comparison.rows})
    for row in comparison.rows:
        color = COLORS[colors.index(row.hidden) % len(COLORS)]
        fmt = MARKERS[data.index((row.dataset, row.rows)) % len(MARKERS)]
        label = f"{row.hidden} (P = {row.parameters}, {row.dataset}, N = {row.rows})"
        _draw_row(row, fmt, color, label, ax)
    ax.margins(x=ARROW_MARGIN)
    ax.set(
        xscale="log", xlabel="number of minima (filled: found, open: at least, Chao1)", ylabel=r"aging exponent $\mu$"
    )
    legend_beside(ax)
    return ax


def _draw_row(row: ComparisonRow, fmt: str, color: str, label: str, ax: Axes) -> None:
    """Draw one study; `label` is in the legend."""
    mu, number = row.mu, row.estimated_minima
    bars = [[max(mu.value - mu.low, 0.0)], [max(mu.high - mu.value, 0.0)]]
    if not np.isfinite(mu.value):
        label += ": $\\mu$ not determined"
    ax.errorbar(row.minima, mu.value, yerr=bars, fmt=fmt, color=color, capsize=3, label=label)
    bounded = math.isfinite(number.high)
    reach = [[max(number.value - number.low, 0.0)], [max(number.high - number.value, 0.0) if bounded else 0.0]]
    ax.errorbar(number.value, mu.value, xerr=reach, fmt=fmt, color=color, mfc="white", capsize=3)
    if not bounded and math.isfinite(number.value + mu.value):
        at = number.value, mu.value
        arrow = {"arrowstyle": "<-", "color": color, "shrinkB": 4.0}
        ax.annotate("", at, (ARROW, 0.0), textcoords="offset points", arrowprops=arrow)
