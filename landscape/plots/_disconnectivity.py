"""Disconnectivity graphs on the caller's axes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LogNorm, to_rgb
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from landscape.graph import DisconnectivityTree, prune, pruned_regions, shared_groups, unpruned
from landscape.plots._broken_axis import check_gap, cut_gap, largest_gap
from landscape.plots._groups import Groups, group_legend, groups_of
from landscape.plots._inset import add_inset, hidden_part
from landscape.plots._layout import add_colorbar, color_scale, counted
from landscape.plots._readable import IF_ROOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INK = "#222222"
FAINT = "0.6"  # of lines below disks
BELOW_STRIP = 38.0  # points: three lines of small text
UNCERTIFIED = (0, (3.5, 2.0))  # dashes, in line widths
PALE = 0.45  # share of white in the color of uncertified lines
SHADE = 0.8  # share of white in the color of branches that are not drawn
THINNEST, THICKEST = 0.3, 2.0  # points, of the line of a minimum between others and of that above all
MANY = 1000  # minima from which a line may have this width
ROOM = 1.2  # points that a line needs


def plot_disconnectivity(
    tree: DisconnectivityTree,
    ax: Axes,
    *,
    color: ArrayLike | None = None,
    cmap: str | Colormap | ScalarMappable = "viridis",
    color_label: str | None = None,
    log_color: bool = False,
    label_values: Sequence[Any] | None = None,
    marker_sizes: ArrayLike | None = None,
    marker_colors: ArrayLike | None = None,
    min_branch: int | None = None,
    groups: Sequence[Any] | None = None,
    gap: tuple[float, float] | Literal["auto"] | None = None,
) -> Axes:
    """Draw a disconnectivity graph: a line for each minimum, from its loss up to where it merges.

    Every array of shape (n,) has an entry per minimum of the whole `LandscapeGraph`, in the tree or not.

    Parameters
    ----------
    tree : DisconnectivityTree
        What to draw.
    ax : Axes
        Where to draw it.
    color : (n,) array, optional
        Values that color the lines of the minima; nan stays black.
    cmap : str, Colormap or ScalarMappable
        Colors of `color` and of numeric `marker_colors`, which share one scale: that of a `ScalarMappable`, otherwise
        from the lowest to the highest value.
    color_label : str, optional
        Text beside a color bar for `color`, or else for `marker_colors`; by default there is none.
    log_color : bool
        Whether colors follow the logarithm of the values if they span more than a factor of five; nonpositive values
        then stay black.
    label_values : (n,) sequence, optional
        Labels below the minima; None and "" leave them out, and so does a lack of room below a lower minimum.
    marker_sizes : (n,) array, optional
        Areas of disks at the minima, in points squared (e.g. visits of SGD); 0 draws none. The lines behind them are
        gray.
    marker_colors : (n,) array, optional
        Values that color these disks; `color` if not given.
    min_branch : int, optional
        Draw lines for branches of at least this many minima. Smaller ones are shaded, from their minima to where they
        join. By default the smallest number for which the lines have room on the axes. A minimum's branch consists
        of it and of all that joins it before it joins a lower minimum.
    groups : (n,) sequence, optional
        Names of groups, such as the basin or the origin of each minimum: a line is colored where all minima below it
        are of one group, and a legend names the groups. None and "" stand for no group.
    gap : (float, float) or "auto", optional
        Range of losses, in nats, without a minimum and without a merger, that is cut out of the axis; heights stay
        exact outside it. "auto" cuts the largest one if it is a fifth of the height or more.

    Returns
    -------
    Axes
        `ax`.

    Raises
    ------
    ValueError
        If an array does not have shape (n,), `gap` is not empty, or both `color` and `groups` are given.

    Notes
    -----
    The title is `describe_tree`. Lines above several minima are wider by the logarithm of their number.

    Dashed lines are upper bounds (`DisconnectivityTree.certified`). Minima of the strip (`in_strip`) are ticks at their
    losses at the right. If the lowest minima of a large graph take too little of its width to be seen, the superbasin
    around the global minimum is magnified where the graph leaves room.

    The shade of small branches is the terrain of a join tree (Oesterling et al., IEEE Trans. Vis. Comput. Graph. 17,
    1547, 2011).
    """
    values = None if color is None else _per_minimum("color", color, tree)
    disks = values if marker_colors is None else _per_minimum("marker_colors", marker_colors, tree)
    shown = [v for v in (values, disks) if v is not None]
    scale = cmap if isinstance(cmap, ScalarMappable) else color_scale(cmap, shown, log=log_color)
    sizes = np.zeros(tree.n_leaves) if marker_sizes is None else _per_minimum("marker_sizes", marker_sizes, tree)
    if label_values is not None and len(label_values) != tree.n_minima:
        msg = f"label_values must have one entry per minimum, {tree.n_minima}; got {len(label_values)}"
        raise ValueError(msg)
    ink = INK if marker_sizes is None else FAINT
    least = fewest_minima(tree, ax) if min_branch is None else min_branch
    colored = _colored_groups(tree, groups, color)
    shared = None if colored is None else shared_groups(tree, colored.numbers)
    cut = _checked_gap(tree, gap)
    _dress(ax, tree)
    if cut is not None:
        cut_gap(ax, cut)

    def draw(where: Axes, lines: DisconnectivityTree, leaves: DisconnectivityTree, shared: Integers | None) -> None:
        of_lines, of_leaves = np.isin(tree.minima, lines.minima), np.isin(tree.minima, leaves.minima)
        inks = _inks(lines, ink)
        if colored is not None and shared is not None:
            inks = colored.inks(shared, inks)
        _add_lines(where, lines, None if values is None else values[of_lines], scale, inks)
        _add_disks(where, leaves, sizes[of_leaves], None if disks is None else disks[of_leaves], scale)

    pruned, part = prune(tree, least, shared), hidden_part(tree)
    shade = _add_shade(ax, tree, least, ink, colored)
    draw(ax, pruned, tree, None if shared is None else shared[unpruned(tree, least, shared)])
    if label_values is not None:
        _add_labels(ax, tree, label_values, sizes)
    if part is not None and (inset := add_inset(ax, part, _drawn(pruned, shade, tree, sizes))) is not None:
        draw(inset, part, part, None if colored is None else shared_groups(part, colored.numbers))
    _explain(ax, tree, least, grouped=colored is not None)
    if colored is not None:
        group_legend(ax, colored)
    if color_label is not None and disks is not None:
        add_colorbar(ax.figure, ax, scale, color_label)
    return ax


def describe_tree(tree: DisconnectivityTree) -> str:
    """Numbers of minima, why some are missing, transition states and, if not all are connected, components."""
    minima = counted(tree.n_minima, "minimum", "minima")
    if tree.n_leaves < tree.n_minima:
        why = ", ".join(f"{number} {reason}" for reason, number in tree.left_out.items())
        minima = f"{tree.n_leaves} of {minima} ({why})"
    parts = [minima, counted(tree.n_transition_states, "transition state", "transition states")]
    if tree.n_components > 1:
        below = f" below {tree.ceiling:.4g} nats" if np.isfinite(tree.ceiling) else ""
        parts.append(f"{tree.n_components} components{below}")
    if tree.n_joined:
        parts.append(f"{tree.n_joined} of them joined by upper bounds only")
    separator = ",\n" if tree.left_out else ", "
    return separator.join((parts[0], ", ".join(parts[1:])))


def fewest_minima(tree: DisconnectivityTree, ax: Axes) -> int:
    """Smallest number of minima of a branch for which the lines of all such branches have room on the axes."""
    sizes = np.sort(tree.branch_sizes[~tree.in_strip[: tree.n_leaves]])[::-1]
    room = max(int(_points_across(ax) / ROOM), 1)
    return 1 if sizes.size <= room else int(sizes[room]) + 1


def _points_across(ax: Axes) -> float:
    return ax.get_window_extent().width * 72.0 / ax.get_figure(root=True).dpi  # pyright: ignore


def _per_minimum(name: str, values: ArrayLike, tree: DisconnectivityTree) -> Floats:
    """One value per leaf (n_leaves,) from one value per minimum (n,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (tree.n_minima,):
        msg = f"{name} must have one entry per minimum, shape ({tree.n_minima},); got shape {array.shape}"
        raise ValueError(msg)
    return array[tree.minima]


def _mixed(ink: str, white: float) -> tuple[float, ...]:
    """The color with this share of white."""
    return tuple(white + (1.0 - white) * part for part in to_rgb(ink))


def _colored_groups(tree: DisconnectivityTree, groups: Sequence[Any] | None, color: ArrayLike | None) -> Groups | None:
    if groups is None:
        return None
    if color is not None:
        msg = "give color or groups: both color the lines"
        raise ValueError(msg)
    if len(groups) != tree.n_minima:
        msg = f"groups must have one entry per minimum, {tree.n_minima}; got {len(groups)}"
        raise ValueError(msg)
    return groups_of(groups)


def _checked_gap(tree: DisconnectivityTree, gap: tuple[float, float] | str | None) -> tuple[float, float] | None:
    """The range of losses to cut out, if there is one."""
    if isinstance(gap, str):
        if gap != "auto":
            msg = f'gap must be "auto" or two losses; got {gap!r}'
            raise ValueError(msg)
        return largest_gap(tree)
    return None if gap is None else check_gap(tree, gap)


def _add_shade(ax: Axes, tree: DisconnectivityTree, least: int, ink: str, groups: Groups | None) -> Floats:
    """Shade the branches that are too small for lines, from their minima to where they join, in columns of a point.

    A column has the color of a group if all its minima are of it. Returns these columns as lines (k, 2, 2).
    """
    if least <= 1:
        return np.empty((0, 2, 2))
    column = max(1.0, (np.ptp(tree.x) + 1.0) / _points_across(ax))
    regions = x, low, high = pruned_regions(tree, least, column)
    _fill(ax, regions, column, ink)
    for k, color in enumerate(() if groups is None else groups.colors):
        of_group = groups.numbers[tree.minima] == k  # pyright: ignore[reportOptionalMemberAccess]
        part = pruned_regions(tree, least, column, of_group)
        alone = ~np.isin(part[0], pruned_regions(tree, least, column, ~of_group)[0])
        _fill(ax, tuple(values[alone] for values in part), column, color)
    return np.stack([x, low, x, high], axis=1).reshape(-1, 2, 2)


def _fill(ax: Axes, regions: tuple[Floats, ...], column: float, ink: str) -> None:
    x, low, high = regions
    for k in np.split(np.arange(x.size), np.flatnonzero(np.diff(x) > 1.5 * column) + 1) if x.size else ():
        edges, last = np.append(x[k], x[k[-1]] + column) - 0.5 * column, np.append(k, k[-1])
        ax.fill_between(edges, low[last], high[last], step="post", color=_mixed(ink, SHADE), lw=0)


def _drawn(pruned: DisconnectivityTree, shade: Floats, tree: DisconnectivityTree, sizes: Floats) -> list[Floats]:
    """Where an inset would hide something: lines, shades, disks and the strip."""
    low, reach = float(tree.levels.min()), 0.03 * np.array([np.ptp(tree.x), np.ptp(tree.levels)])
    at = np.stack([tree.x, tree.levels], axis=1)[: tree.n_leaves]
    disks = [np.array([place - reach, place + reach]) for place in at[sizes > 0]]
    left = float(tree.x[tree.in_strip].min(initial=np.inf)) - tree.tick
    return [*pruned.lines, *shade, *disks, *([np.array([[left, low], [left, tree.top]])] if tree.tick else [])]


def _widths(ax: Axes, tree: DisconnectivityTree) -> Floats:
    """Widths (n_nodes,) of the lines in points: by the number of minima, those of minima with room between them."""
    lines = tree.n_leaves - int(tree.in_strip[: tree.n_leaves].sum())
    thin = float(np.clip(12 / np.sqrt(lines), 0.35, 1.0))
    more = np.log(tree.sizes) / np.log(max(MANY, tree.sizes.max()))
    widths = thin + max(THICKEST - thin, 0.0) * more
    order = np.argsort(tree.x[: tree.n_leaves])
    gaps = np.diff(tree.x[order], prepend=-np.inf, append=np.inf)
    room = 0.5 * np.minimum(gaps[:-1], gaps[1:]) * _points_across(ax) / (np.ptp(tree.x) + 1.0)
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


def _add_lines(
    ax: Axes,
    tree: DisconnectivityTree,
    values: Floats | None,
    scale: ScalarMappable,
    inks: Floats,
) -> None:
    lines, widths = tree.lines, _widths(ax, tree)
    dashes = [(0, None) if certified else UNCERTIFIED for certified in tree.certified]
    nodes = np.arange(tree.n_nodes)
    drawn = nodes[(nodes < tree.n_leaves) | ~tree.in_strip][::-1]  # superbasins first: the lines of minima are on top
    segments, colors, order = [*lines[drawn]], [*inks[drawn]], [*drawn]
    if values is not None:
        shades = _shades(values, scale, inks[: tree.n_leaves])
        flat = (
            lines[: tree.n_leaves, 0, 1] == lines[: tree.n_leaves, 1, 1]
        )  # no stem less than a level below the parent
        n = tree.n_leaves
        # only the stem is colored: colors on the way to the parent would cross the whole figure
        segments = [*lines[drawn[drawn >= n]], *lines[:n, 1:], *lines[:n, :2]]
        colors = [*inks[drawn[drawn >= n]], *np.where(flat[:, None], shades, inks[:n]), *shades]
        order = [*drawn[drawn >= n], *range(n), *range(n)]
    collection = LineCollection(
        segments,
        linewidths=widths[order].tolist(),
        colors=colors,
        linestyles=[dashes[node] for node in order],
        capstyle="round",
    )
    ax.add_collection(collection, autolim=False)


def _shades(values: Floats, scale: ScalarMappable, inks: Floats) -> Floats:
    """Colors (n, 4) of values; `inks` where there is none."""
    drawable = np.isfinite(values) & ((values > 0.0) | (not isinstance(scale.norm, LogNorm)))
    return np.where(drawable[:, None], scale.to_rgba(np.where(drawable, values, 1.0)), inks)


def _add_disks(
    ax: Axes, tree: DisconnectivityTree, sizes: Floats, values: Floats | None, scale: ScalarMappable
) -> None:
    drawn = np.flatnonzero(sizes > 0)
    if drawn.size == 0:
        return
    drawn = drawn[np.argsort(-sizes[drawn], kind="stable")]  # small ones on top
    faces = INK if values is None else scale.to_rgba(values[drawn])
    x, y = tree.x[drawn], tree.levels[drawn]
    ax.scatter(x, y, sizes[drawn], faces, edgecolors="white", linewidths=0.5, zorder=4)


def _add_labels(ax: Axes, tree: DisconnectivityTree, texts: Sequence[Any], sizes: Floats) -> None:
    for leaf in np.argsort(tree.levels[: tree.n_leaves], kind="stable").tolist():  # low minima have their labels first
        minimum = int(tree.minima[leaf])
        if texts[minimum] not in (None, ""):
            place = (tree.x[leaf], tree.levels[leaf])
            below = (0, -3 - np.sqrt(max(sizes[leaf], 0)) / 2)
            style = {"ha": "center", "va": "top", "fontsize": "x-small", "rotation": 90}
            ax.annotate(str(texts[minimum]), place, below, textcoords="offset points", label=IF_ROOM, **style)


def _dress(ax: Axes, tree: DisconnectivityTree) -> None:
    low, right = float(tree.levels.min()), float(tree.x.max())
    margin = 0.05 * (tree.top - low)
    side = 0.02 * right + 0.5
    ax.set(xlim=(-side, right + 0.5 + side), ylim=(low - margin, tree.top), ylabel="training loss (nats)")
    ax.set_title(describe_tree(tree), fontsize="medium")
    ax.set_xticks([])
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def _explain(ax: Axes, tree: DisconnectivityTree, least: int, *, grouped: bool) -> None:
    """Name the strip below it, and say there what dashes and shades mean: a legend would hide lines."""
    alone = tree.in_strip[: tree.n_leaves]
    if alone.any():
        x = tree.x[: tree.n_leaves][alone]
        left = 0.5 * (float(x.min()) - 0.5 * tree.tick + float(tree.x[~tree.in_strip].max()))
        ax.plot([left, left], [0.0, 1.0], color="0.85", lw=0.8, transform=ax.get_xaxis_transform(), zorder=0)
        parts = np.unique(tree.components[: tree.n_leaves][alone]).size
        text = f"{counted(parts, 'component', 'components')},\n{counted(x.size, 'minimum', 'minima')},\nnot connected"
        at = 0.5 * (float(x.min()) + float(x.max())), 0.0
        ax.annotate(
            text, at, (0, -3), xycoords=ax.get_xaxis_transform(), textcoords="offset points", ha="center", va="top",
            fontsize="small", color="0.3",
        )  # fmt: skip
    meanings = [] if tree.certified.all() else ["dashed: upper bounds, not certified"]
    meanings += ["colored: all minima below are of one group"] if grouped else []
    meanings += [f"shaded: branches of fewer than {least} minima"] if least > 1 else []
    ax.set_xlabel("; ".join(meanings), fontsize="small", color="0.3", labelpad=BELOW_STRIP if alone.any() else None)
