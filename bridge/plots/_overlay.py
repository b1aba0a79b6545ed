"""Visits and the path of a run on the disconnectivity graph."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bridge.plots._disks import LARGEST, add_age_bar, disk_areas, disk_handles
from bridge.plots._sentences import UNKNOWN_MINIMA
from bridge.residence import Dwells, Jumps, Occupation
from dynamics.plots import COLORS
from landscape.database import Database, positions
from landscape.graph import DisconnectivityTree, visible_tree
from landscape.plots import WIDTHS, Size, describe_tree, draw_panels, plot_disconnectivity

Floats = NDArray[np.float64]

AGES = "viridis"  # rises evenly in lightness: read with any color vision and in print
PANEL = (5.6, 5.0)  # inches
PER_ROW = 3  # panels
LEGEND_COLUMN = 2.3  # inches
BEND = 0.03  # share of the height of the figure by which a jump's line is bent


def plot_overlay(
    database: Database,
    occupations: Sequence[Occupation],
    *,
    paths: Sequence[tuple[Dwells, Jumps] | None] = (),
    certified_only: bool = False,
    title: str | None = None,
    size: Size = "screen",
) -> Figure:
    """Draw one panel with the disconnectivity graph for each occupation, all with the same scales.

    Disks at the minima: area by dwell time, color by mean age (with a bar if these differ). A path leads from minimum
    to minimum, solid if a known transition state connects them, dashed otherwise; it begins at the square and ends at
    the star.

    Parameters
    ----------
    database : Database
    occupations : sequence of Occupation
        At least one.
    paths : sequence of (Dwells, Jumps) or None, optional
        Stays and jumps of the one run whose path a panel shows.
    certified_only : bool
        Leave out upper bounds on barriers; see `landscape.disconnectivity_tree`.
    title : str, optional
        Above all panels.
    size : {"screen", "page", "column"}
        How wide the figure is, see `landscape.plots.draw_panels`.
    """
    n, visited = len(occupations), np.any([o.times > 0 for o in occupations], axis=0)
    tree = visible_tree(database.graph(), visited=visited, certified_only=certified_only)
    ages, longest = _age_scale(occupations), max(float(o.times.max(initial=0.0)) for o in occupations)
    columns = min(n, PER_ROW)
    largest = LARGEST * min(1.0, WIDTHS.get(size, np.inf) / (PANEL[0] * min(columns, 1 + (size == "page")))) ** 2

    def draw(k: int, ax: Axes) -> None:
        seen, path = occupations[k], paths[k] if k < len(paths) else None
        label = seen.label if n > 1 else f"{describe_tree(tree)}\n{seen.label}"
        areas = np.where(seen.times > 0, disk_areas(seen.times, longest, largest), 0.0)
        plot_disconnectivity(tree, ax, cmap=ages, marker_sizes=areas, marker_colors=seen.ages)
        ax.set_title(label, fontsize="medium")
        if path is not None:
            plot_path(tree, database, *path, ax, ages)

    def explain(figure: Figure, axes: list[Axes]) -> None:
        if longest == 0:
            figure.supxlabel(UNKNOWN_MINIMA.replace("\n", " "), color="0.35", fontsize="small")
            return
        add_age_bar(figure, axes, ages)
        _add_legend(figure, longest, largest, with_path=any(path is not None for path in paths))

    panels = {str(k): partial(draw, k) for k in range(n)}
    above = title or (describe_tree(tree) if n > 1 else None)
    return draw_panels(panels, columns=columns, panel=PANEL, size=size, title=above, same_y=True, common=explain)


def plot_path(
    tree: DisconnectivityTree, database: Database, stays: Dwells, hops: Jumps, ax: Axes, ages: ScalarMappable
) -> None:
    """Draw the path of one run over the minima, each jump in the color of its age."""
    known = stays.minimum_ids[stays.known]
    at = database.positions(known)
    shown = np.isin(at, tree.minima)  # not those above the drawing
    seen, leaves = known[shown].tolist(), positions(tree.minima, at[shown]).tolist()
    place = {number: _place(tree, leaf) for number, leaf in zip(seen, leaves, strict=True)}
    drawn = np.isin(hops.sources, seen) & np.isin(hops.targets, seen)
    pairs = zip(hops.sources[drawn].tolist(), hops.targets[drawn].tolist(), strict=True)
    arcs = [_arc(place[a], place[b], BEND * (tree.top - tree.levels.min())) for a, b in pairs]
    colors = ages.to_rgba(np.maximum(0.5 * (hops.left + hops.entered), 1.0))[drawn]
    joined = hops.transition_states[drawn] > 0
    for known, style in ((True, "solid"), (False, (0, (3, 1.5)))):
        chosen = np.flatnonzero(joined == known).tolist()
        lines = [arcs[k] for k in chosen]
        # a white line below it separates the path from the graph
        ax.add_collection(LineCollection(lines, colors="white", linewidths=2.6, zorder=3.4), autolim=False)
        ax.add_collection(
            LineCollection(lines, colors=colors[chosen], linewidths=1.4, linestyles=[style], zorder=3.5), autolim=False
        )
    for arc, color in zip(arcs, colors, strict=True):
        _add_arrow(ax, arc, color)
    for numbers, marker, size, face in ((seen[:1], "s", 130, "none"), (seen[-1:], "*", 70, "white")):
        for number in numbers:  # none if the run was in no minimum
            ax.scatter(*place[number], size, face, marker=marker, edgecolors=COLORS[3], linewidths=1.2, zorder=5)


def _place(tree: DisconnectivityTree, leaf: int) -> tuple[float, float]:
    return float(tree.x[leaf]), float(tree.levels[leaf])


def _arc(start: tuple[float, float], end: tuple[float, float], height: float) -> Floats:
    """A line (k, 2) that bends up if it goes to the right, otherwise down, so that there and back are two lines."""
    along = np.linspace(0.0, 1.0, 31)[:, None]
    bend = np.array([0.0, height if end[0] >= start[0] else -height])
    return np.array(start) * (1.0 - along) + np.array(end) * along + 4.0 * along * (1.0 - along) * bend


def _add_arrow(ax: Axes, arc: Floats, color: Floats) -> None:
    """An arrow head just beyond the middle of a jump, for its direction."""
    style = {"arrowstyle": "-|>", "color": color, "linewidth": 0, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
    ax.annotate("", arc[18], arc[16], arrowprops=style, zorder=3.6)


def _age_scale(occupations: Sequence[Occupation]) -> ScalarMappable:
    ages = np.concatenate([o.ages[np.isfinite(o.ages)] for o in occupations])
    low, high = (ages.min(), ages.max()) if ages.size else (1.0, 10.0)
    return ScalarMappable(LogNorm(low, high), colormaps[AGES])


def _add_legend(figure: Figure, longest: float, largest: float, *, with_path: bool) -> None:
    """The legend of areas and lines, below the panels."""
    handles = disk_handles(longest, "steps", largest)
    if with_path:
        style: dict[str, Any] = {"color": "0.3", "linewidth": 1.4}
        ends: dict[str, Any] = {"linestyle": "", "markerfacecolor": "white", "markeredgecolor": COLORS[3]}
        handles += [
            Line2D([], [], **style, label="jump over a known transition state"),
            Line2D([], [], **style, linestyle=(0, (3, 1.5)), label="no direct edge known"),
            Line2D([], [], **ends, marker="s", markersize=10, label="begin"),
            Line2D([], [], **ends, marker="*", markersize=9, label="end"),
        ]
    columns = min(3 if with_path else 2, max(1, int(figure.get_figwidth() / LEGEND_COLUMN)))
    title = "area of a disk: time spent there, all runs of the panel"
    figure.legend(
        handles=handles, title=title, loc="outside lower center", ncols=columns, frameon=False, title_fontsize="small"
    )
