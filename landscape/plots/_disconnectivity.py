"""Disconnectivity graphs on the caller's axes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from landscape.graph import DisconnectivityTree, prune, shared_groups, unpruned
from landscape.plots._broken_axis import check_gap, cut_gap, largest_gap
from landscape.plots._groups import Groups, group_legend, groups_of
from landscape.plots._inset import add_inset, hidden_part
from landscape.plots._layout import add_colorbar, color_scale, counted
from landscape.plots._readable import IF_ROOM
from landscape.plots._tree_lines import FAINT, INK, Look, add_disks, add_lines, add_shade, points_across
from landscape.support import labeled, with_unit

Floats = NDArray[np.float64]

BELOW_STRIP = 38.0  # points: three lines of small text
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
        Values that color the lines of the minima; nan stays black. A minimum hardly below its transition state has a
        dot of its color as well, unless there are disks.
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
    if label_values is not None and len(label_values) != tree.n_minima:
        msg = f"label_values must have one entry per minimum, {tree.n_minima}; got {len(label_values)}"
        raise ValueError(msg)
    look = _look(tree, color, marker_colors, marker_sizes, _colored_groups(tree, groups, color), cmap, log_color)
    least = fewest_minima(tree, ax) if min_branch is None else min_branch
    cut = _checked_gap(tree, gap)
    _dress(ax, tree)
    if cut is not None:
        cut_gap(ax, cut)
    _draw_lines(ax, tree, look, least)
    if label_values is not None:
        _add_labels(ax, tree, label_values, look.sizes)
    _explain(ax, tree, least, grouped=look.groups is not None)
    if look.groups is not None:
        group_legend(ax, look.groups)
    if color_label is not None and look.disks is not None:
        add_colorbar(ax.figure, ax, look.scale, color_label)
    return ax


def _look(
    tree: DisconnectivityTree,
    color: ArrayLike | None,
    marker_colors: ArrayLike | None,
    marker_sizes: ArrayLike | None,
    groups: Groups | None,
    cmap: str | Colormap | ScalarMappable,
    log_color: bool,
) -> Look:
    values = None if color is None else _per_minimum("color", color, tree)
    disks = values if marker_colors is None else _per_minimum("marker_colors", marker_colors, tree)
    shown = [v for v in (values, disks) if v is not None]
    return Look(
        values=values,
        disks=disks,
        sizes=np.zeros(tree.n_leaves) if marker_sizes is None else _per_minimum("marker_sizes", marker_sizes, tree),
        scale=cmap if isinstance(cmap, ScalarMappable) else color_scale(cmap, shown, log=log_color),
        ink=INK if marker_sizes is None else FAINT,
        groups=groups,
    )


def _draw_lines(ax: Axes, tree: DisconnectivityTree, look: Look, least: int) -> None:
    """Lines of branches of at least so many minima, shades of the others, and the inset where there is room."""
    shared = None if look.groups is None else shared_groups(tree, look.groups.numbers)
    pruned, part = prune(tree, least, shared), hidden_part(tree)
    shade = add_shade(ax, tree, least, look)
    add_lines(ax, pruned, look.of(tree, pruned), None if shared is None else shared[unpruned(tree, least, shared)])
    add_disks(ax, tree, look)
    if part is not None and (inset := add_inset(ax, part, _drawn(pruned, shade, tree, look.sizes))) is not None:
        own = look.of(tree, part)
        add_lines(inset, part, own, None if look.groups is None else shared_groups(part, look.groups.numbers))
        add_disks(inset, part, own)


def describe_tree(tree: DisconnectivityTree) -> str:
    """Numbers of minima, why some are missing, transition states and, if not all are connected, components."""
    minima = counted(tree.n_minima, "minimum", "minima")
    if tree.n_leaves < tree.n_minima:
        why = ", ".join(f"{number} {reason}" for reason, number in tree.left_out.items())
        minima = f"{tree.n_leaves} of {minima} ({why})"
    parts = [minima, counted(tree.n_transition_states, "transition state", "transition states")]
    if tree.n_components > 1:
        below = with_unit(f" below {tree.ceiling:.4g}", tree.loss_unit) if np.isfinite(tree.ceiling) else ""
        parts.append(f"{tree.n_components} components{below}")
    if tree.n_joined:
        parts.append(f"{tree.n_joined} of them joined by upper bounds only")
    separator = ",\n" if tree.left_out else ", "
    return separator.join((parts[0], ", ".join(parts[1:])))


def fewest_minima(tree: DisconnectivityTree, ax: Axes) -> int:
    """Smallest number of minima of a branch for which the lines of all such branches have room on the axes."""
    sizes = np.sort(tree.branch_sizes[~tree.in_strip[: tree.n_leaves]])[::-1]
    room = max(int(points_across(ax) / ROOM), 1)
    return 1 if sizes.size <= room else int(sizes[room]) + 1


def _per_minimum(name: str, values: ArrayLike, tree: DisconnectivityTree) -> Floats:
    """One value per leaf (n_leaves,) from one value per minimum (n,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (tree.n_minima,):
        msg = f"{name} must have one entry per minimum, shape ({tree.n_minima},); got shape {array.shape}"
        raise ValueError(msg)
    return array[tree.minima]


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


def _drawn(pruned: DisconnectivityTree, shade: Floats, tree: DisconnectivityTree, sizes: Floats) -> list[Floats]:
    """Where an inset would hide something: lines, shades, disks and the strip."""
    low, reach = float(tree.levels.min()), 0.03 * np.array([np.ptp(tree.x), np.ptp(tree.levels)])
    at = np.stack([tree.x, tree.levels], axis=1)[: tree.n_leaves]
    disks = [np.array([place - reach, place + reach]) for place in at[sizes > 0]]
    left = float(tree.x[tree.in_strip].min(initial=np.inf)) - tree.tick
    return [*pruned.lines, *shade, *disks, *([np.array([[left, low], [left, tree.top]])] if tree.tick else [])]


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
    label = labeled("training loss", tree.loss_unit)
    ax.set(xlim=(-side, right + 0.5 + side), ylim=(low - margin, tree.top), ylabel=label)
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
    if least > 1:
        meanings += ["shaded: single minima" if least == 2 else f"shaded: branches of fewer than {least} minima"]
    ax.set_xlabel("; ".join(meanings), fontsize="small", color="0.3", labelpad=BELOW_STRIP if alone.any() else None)
