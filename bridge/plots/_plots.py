"""Figures that show landscape and dynamics together."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from bridge.comparison import Comparison
from bridge.residence import Visits, per_minimum
from dynamics.aging_times import Aging
from dynamics.displacement import MeanSquareDisplacement
from dynamics.plots import COLORS, plot_aging, plot_msd
from landscape.database import Database, Property
from landscape.graph import DisconnectivityTree, Funnelling, disconnectivity_tree, tree_with, visible_top
from landscape.plots import add_colorbar, letter, new_figure, plot_disconnectivity

MARKERS = "osv^D<>pP*"
MOST_IN_LEGEND = 6  # entries inside the axes: more would cover the points
MOST_LABELS = 40  # labels below a graph: more would overlap


def plot_graph(
    database: Database,
    ax: Axes,
    *,
    levels: int | None = None,
    whole: bool = False,
    max_minima: int | None = None,
    emin: float | None = None,
    emax: float | None = None,
    connected: bool = False,
    color: Property | None = None,
    labels: Property | None = None,
    funnels: Funnelling | None = None,
) -> Axes:
    """Draw the disconnectivity graph of a database on `ax`.

    Parameters
    ----------
    levels, max_minima, emin, emax, connected
        As in `disconnectivity_tree`; by default minima up to a little above the highest transition state.
    whole : bool
        Also show minima above all transition states.
    color : Property, optional
        Property that colors the minima.
    labels : Property, optional
        Property that labels the lowest minima.
    funnels : Funnelling, optional
        Result of `funnelling`, shown in the title.
    """
    if emax is None:
        emax = np.inf if whole else visible_top(database.graph())
    tree = disconnectivity_tree(
        database.graph(),
        levels,
        max_minima=max_minima,
        emin=-np.inf if emin is None else emin,
        emax=emax,
        connected=connected,
    )
    plot_disconnectivity(
        tree,
        ax,
        color=None if color is None else color.values,
        colorbar=color is not None,
        color_label=None if color is None else color.label,
        log_color=color is not None and color.logarithmic,
        label_values=None if labels is None else _texts(labels, tree),
    )
    if funnels is not None and funnels.connected:
        ax.set_title(f"{ax.get_title()}\n{describe_funnels(funnels)}", fontsize="medium")
    if unchecked := len(database.unchecked_ends()):
        what = f"which minima {unchecked} of {database.n_transition_states} transition states connect was not checked"
        ax.set_title(f"{ax.get_title()}\n{what}", fontsize="medium")
    return ax


def _texts(labels: Property, tree: DisconnectivityTree) -> list[str]:
    """One text per minimum: the values of the lowest drawn ones, empty for the others."""
    texts = [""] * tree.n_minima
    for minimum in tree.minima[:MOST_LABELS].tolist():
        texts[minimum] = labels.text(minimum)
    return texts


def describe_funnels(funnels: Funnelling) -> str:
    """How funneled a landscape is, in a line."""
    return (
        f"{funnels.share:.0%} funneled ({funnels.connected_share:.0%} of the connected), "
        f"frustration {funnels.frustration:.3g}"
    )


def plot_visits(visited: Visits, database: Database, ax: Axes) -> Axes:
    """Draw the disconnectivity graph with the visits of the runs on `ax`.

    Disks at the minima: area by the number of snapshots there, color by their mean age.
    """
    numbers, ages = per_minimum(visited, database)
    tree = tree_with(database.graph(), database.positions(visited.minimum_ids))
    sizes = 6.0 + 60.0 * numbers / max(numbers.max(), 1)
    plot_disconnectivity(tree, ax, marker_sizes=np.where(numbers > 0, sizes, 0.0), marker_colors=np.log10(ages))
    if not numbers.any():
        ax.set_title(f"{ax.get_title()}\nno snapshot belongs to a known minimum", fontsize="small")
        return ax
    scale = ScalarMappable(LogNorm(float(np.nanmin(ages)), float(np.nanmax(ages))), "viridis")
    add_colorbar(ax.figure, ax, scale, "mean age of visits (steps)")
    return ax


def plot_displacements(
    names: Sequence[str], displacements: Sequence[MeanSquareDisplacement], fits: Sequence[Aging], prefix: str = ""
) -> Figure:
    """One panel of mean square displacements per architecture, and one of t* against tw for all.

    `prefix` goes before the names in the titles.
    """
    figure, axes = new_figure(4.2 * (len(names) + 1), 3.8, len(names) + 1)
    for ax, name, msd, fit in zip(axes, names, displacements, fits, strict=False):
        plot_msd(msd, ax, threshold=fit.threshold)
        ax.set_title(prefix + name)
    for k, (name, fit) in enumerate(zip(names, fits, strict=True)):
        plot_aging(fit, axes[-1], label=name, color=COLORS[k % len(COLORS)])
    axes[-1].set_title(rf"$\Delta^*$ = {fits[0].threshold:g}")
    letter(axes)
    return figure


def plot_comparison(comparison: Comparison, ax: Axes) -> Axes:
    """Draw mu against the number of minima: filled, those found; open, Chao1, with a bar down to the bound at 95 %.

    An arrow shows that there is no upper bound. There is no open symbol if the number is not determined. The color
    shows the hidden layers, the marker the number of training rows.
    """
    colors = dict.fromkeys(row.hidden for row in comparison.rows)
    markers = dict.fromkeys(sorted(row.rows for row in comparison.rows))
    for row in comparison.rows:
        color = COLORS[list(colors).index(row.hidden) % len(COLORS)]
        fmt = MARKERS[list(markers).index(row.rows) % len(MARKERS)]
        mu, number = row.mu, row.estimated_minima
        bars = [[max(mu.value - mu.low, 0.0)], [max(mu.high - mu.value, 0.0)]]
        label = f"{row.hidden} (P = {row.parameters}, {row.dataset}, N = {row.rows})"
        if not np.isfinite(mu.value):
            label += ": $\\mu$ not determined"
        ax.errorbar(row.minima, mu.value, yerr=bars, fmt=fmt, color=color, capsize=3, label=label)
        bounded = math.isfinite(number.high)
        reach = [[max(number.value - number.low, 0.0)], [max(number.high - number.value, 0.0) if bounded else 0.0]]
        ax.errorbar(number.value, mu.value, xerr=reach, fmt=fmt, color=color, mfc="white", capsize=3)
        if not bounded and math.isfinite(number.value + mu.value):
            at = number.value, mu.value
            arrow = {"arrowstyle": "<-", "color": color, "shrinkB": 4.0}
            ax.annotate("", at, (22.0, 0.0), textcoords="offset points", arrowprops=arrow)
    ax.set(
        xscale="log", xlabel="number of minima (filled: found, open: at least, Chao1)", ylabel=r"aging exponent $\mu$"
    )
    few = len(comparison.rows) <= MOST_IN_LEGEND
    ax.legend(
        frameon=False, **({} if few else {"fontsize": "x-small", "loc": "center left", "bbox_to_anchor": (1, 0.5)})
    )
    return ax
