"""Lines, shades and disks of a disconnectivity graph."""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, to_rgb
from numpy.typing import NDArray

from landscape.graph import DisconnectivityTree, pruned_regions
from landscape.plots._groups import Groups

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INK = "#222222"
FAINT = "0.6"  # of lines below disks
UNCERTIFIED = (0, (3.5, 2.0))  # dashes, in line widths
PALE = 0.45  # share of white in the color of uncertified lines
SHADE = 0.8  # share of white in the color of branches that are not drawn
THINNEST, THICKEST = 0.3, 2.0  # points, of the line of a minimum between others and of that above all
SHORT, DOT = 0.015, 9.0  # share of the height below which a stem gets a dot, and its area (points squared)
MANY = 1000  # minima from which a line may have this width


@dataclass(frozen=True, eq=False)
class Look:
    """Colors and sizes of the lines and disks of a tree, one entry for each leaf.

    Attributes
    ----------
    values, disks : (n_leaves,) float64 or None
        Values that color the lines and the disks.
    sizes : (n_leaves,) float64
        Areas of the disks in points squared.
    scale : ScalarMappable
        Colors of the values.
    ink : str
        Color of lines without a value.
    groups : Groups or None
        Groups of all n minima of the landscape, which color lines.
    """

    values: Floats | None
    disks: Floats | None
    sizes: Floats
    scale: ScalarMappable
    ink: str
    groups: Groups | None

    def of(self, tree: DisconnectivityTree, part: DisconnectivityTree) -> "Look":
        """The same for the leaves of a part of the tree."""
        own = np.isin(tree.minima, part.minima)
        values, disks = (None if array is None else array[own] for array in (self.values, self.disks))
        return replace(self, values=values, disks=disks, sizes=self.sizes[own])


def points_across(ax: Axes) -> float:
    return ax.get_window_extent().width * 72.0 / ax.get_figure(root=True).dpi  # pyright: ignore


def _mixed(ink: str, white: float) -> tuple[float, ...]:
    """The color with this share of white."""
    return tuple(white + (1.0 - white) * part for part in to_rgb(ink))


def add_shade(ax: Axes, tree: DisconnectivityTree, least: int, look: Look) -> Floats:
    """Shade the branches that are too small for lines, from their minima to where they join, in columns of a point.

    A column has the color of a group if all its minima are of it. Returns these columns as lines (k, 2, 2).
    """
    if least <= 1:
        return np.empty((0, 2, 2))
    column = max(1.0, (np.ptp(tree.x) + 1.0) / points_across(ax))
    regions = x, low, high = pruned_regions(tree, least, column)
    _fill(ax, regions, column, look.ink)
    for k, color in enumerate(() if look.groups is None else look.groups.colors):
        of_group = look.groups.numbers[tree.minima] == k  # pyright: ignore[reportOptionalMemberAccess]
        part = pruned_regions(tree, least, column, of_group)
        alone = ~np.isin(part[0], pruned_regions(tree, least, column, ~of_group)[0])
        _fill(ax, tuple(values[alone] for values in part), column, color)
    return np.stack([x, low, x, high], axis=1).reshape(-1, 2, 2)


def _fill(ax: Axes, regions: tuple[Floats, ...], column: float, ink: str) -> None:
    x, low, high = regions
    for k in np.split(np.arange(x.size), np.flatnonzero(np.diff(x) > 1.5 * column) + 1) if x.size else ():
        edges, last = np.append(x[k], x[k[-1]] + column) - 0.5 * column, np.append(k, k[-1])
        ax.fill_between(edges, low[last], high[last], step="post", color=_mixed(ink, SHADE), lw=0)


def _widths(ax: Axes, tree: DisconnectivityTree) -> Floats:
    """Widths (n_nodes,) of the lines in points: by the number of minima, those of minima with room between them."""
    lines = tree.n_leaves - int(tree.in_strip[: tree.n_leaves].sum())
    thin = float(np.clip(12 / np.sqrt(lines), 0.35, 1.0))
    more = np.log(tree.sizes) / np.log(max(MANY, tree.sizes.max()))
    widths = thin + max(THICKEST - thin, 0.0) * more
    order = np.argsort(tree.x[: tree.n_leaves])
    gaps = np.diff(tree.x[order], prepend=-np.inf, append=np.inf)
    room = 0.5 * np.minimum(gaps[:-1], gaps[1:]) * points_across(ax) / (np.ptp(tree.x) + 1.0)
    leaves = order[~tree.in_strip[order]]
    room = room[~tree.in_strip[order]]
    widths[leaves] = np.clip(room, THINNEST, widths[leaves])
    widths[tree.in_strip] = 0.8
    return widths


def _inks(tree: DisconnectivityTree, ink: str) -> Floats:
    """Colors (n_nodes, 4) of the lines; those that are not certified are pale."""
    inks = np.tile((*to_rgb(ink), 1.0), (tree.n_nodes, 1))
    inks[~tree.certified] = (*_mixed(ink, PALE), 1.0)
    return inks


def add_lines(ax: Axes, tree: DisconnectivityTree, look: Look, shared: Integers | None) -> None:
    """Draw the line of each node, colored by the values of the minima or by the groups (n_nodes,) of the nodes."""
    inks, n = _inks(tree, look.ink), tree.n_leaves
    if look.groups is not None and shared is not None:
        inks = look.groups.inks(shared, inks)
    lines, widths = tree.lines, _widths(ax, tree)
    dashes = [(0, None) if certified else UNCERTIFIED for certified in tree.certified]
    nodes = np.arange(tree.n_nodes)
    order = nodes[(nodes < n) | ~tree.in_strip][::-1]  # superbasins first: the lines of minima are on top
    segments, colors = [*lines[order]], [*inks[order]]
    if look.values is not None:
        shades, above = _shades(look.values, look.scale, inks[:n]), order[order >= n]
        flat = lines[:n, 0, 1] == lines[:n, 1, 1]  # no stem less than a level below the parent
        # only the stem is colored: colors on the way to the parent would cross the whole figure
        segments = [*lines[above], *lines[:n, 1:], *lines[:n, :2]]
        colors = [*inks[above], *np.where(flat[:, None], shades, inks[:n]), *shades]
        order = np.concatenate([above, nodes[:n], nodes[:n]])
        if not look.sizes.any():
            _add_dots(ax, tree, np.where(np.isfinite(look.values)[:, None], shades, 0.0))
    collection = LineCollection(
        segments,
        linewidths=widths[order].tolist(),
        colors=colors,
        linestyles=[dashes[node] for node in order],
        capstyle="round",
    )
    ax.add_collection(collection, autolim=False)


def _add_dots(ax: Axes, tree: DisconnectivityTree, shades: Floats) -> None:
    """Dots (n, 4) at minima so little below their transition states that the color of their lines cannot be seen."""
    n = tree.n_leaves
    stems = tree.lines[:n, 1, 1] - tree.lines[:n, 0, 1]
    hidden = (shades[:, 3] > 0.0) & (stems < SHORT * (tree.top - tree.levels.min())) & ~tree.in_strip[:n]
    ax.scatter(tree.x[:n][hidden], tree.levels[:n][hidden], DOT, shades[hidden], linewidths=0.0, zorder=3)


def _shades(values: Floats, scale: ScalarMappable, inks: Floats) -> Floats:
    """Colors (n, 4) of values; `inks` where there is none."""
    drawable = np.isfinite(values) & ((values > 0.0) | (not isinstance(scale.norm, LogNorm)))
    return np.where(drawable[:, None], scale.to_rgba(np.where(drawable, values, 1.0)), inks)


def add_disks(ax: Axes, tree: DisconnectivityTree, look: Look) -> None:
    """Draw disks at the minima, small ones on top."""
    drawn = np.flatnonzero(look.sizes > 0)
    if drawn.size == 0:
        return
    drawn = drawn[np.argsort(-look.sizes[drawn], kind="stable")]
    faces = INK if look.disks is None else look.scale.to_rgba(look.disks[drawn])
    x, y = tree.x[drawn], tree.levels[drawn]
    ax.scatter(x, y, look.sizes[drawn], faces, edgecolors="white", linewidths=0.5, zorder=4)
