"""Figures: disconnectivity graphs, profiles, geometry and discovery curves, on the caller's axes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from landscape.descent import Profile
from landscape.graph import DisconnectivityTree, DiscoveryCurve
from landscape.plots._layout import WIDE, add_colorbar, color_scale, legend_beside, plain_log_ticks
from landscape.plots._readable import IF_ROOM
from landscape.stationary import LocalGeometry
from landscape.support import Estimate, new_file

Floats = NDArray[np.float64]

INK = "#222222"
# from the colorblind-safe palette of Okabe and Ito
BLUE, VERMILION = "#0072b2", "#d55e00"
SUFFIXES = (".svg", ".pdf", ".png")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
FEWEST_RANKED = 4  # minima whose rank correlation says something


def plot_disconnectivity(
    tree: DisconnectivityTree,
    ax: Axes,
    *,
    color: ArrayLike | None = None,
    cmap: str | Colormap = "viridis",
    colorbar: bool = False,
    color_label: str | None = None,
    log_color: bool = False,
    label_values: Sequence[Any] | None = None,
    marker_sizes: ArrayLike | None = None,
    marker_colors: ArrayLike | None = None,
    linewidth: float | None = None,
    title: str | None = None,
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
    cmap : str or Colormap
        Colors of `color` and of numeric `marker_colors`, which share one scale.
    colorbar : bool
        Whether to add a color bar for `color`, or else for `marker_colors`.
    color_label : str, optional
        Text beside the color bar.
    log_color : bool
        Whether colors follow the logarithm of the values if they span more than a factor of five; nonpositive values
        then stay black.
    label_values : (n,) sequence, optional
        Labels below the minima; None and "" leave them out, and so does a lack of room below a lower minimum.
    marker_sizes : (n,) array, optional
        Areas of disks at the minima, in points squared (e.g. visits of SGD); 0 draws none.
    marker_colors : (n,) array, optional
        Values that color these disks; `color` if not given.
    linewidth : float, optional
        In points; thinner for many minima by default.
    title : str, optional
        Replaces the default title with the numbers of minima, transition states and, if not 1, components.

    Returns
    -------
    Axes
        `ax`.

    Raises
    ------
    ValueError
        If an array does not have shape (n,).
    """
    values = None if color is None else _per_minimum("color", color, tree)
    disks = values if marker_colors is None else _per_minimum("marker_colors", marker_colors, tree)
    scale = color_scale(cmap, [v for v in (values, disks) if v is not None], log=log_color)
    width = linewidth if linewidth is not None else float(np.clip(12 / np.sqrt(tree.n_leaves), 0.15, 1.2))
    _add_lines(ax, tree, values, scale, width)
    sizes = np.zeros(tree.n_leaves) if marker_sizes is None else _per_minimum("marker_sizes", marker_sizes, tree)
    _add_disks(ax, tree, sizes, disks, scale)
    if label_values is not None:
        _add_labels(ax, tree, label_values, sizes)
    _dress(ax, tree, _describe(tree) if title is None else title)
    if colorbar and disks is not None:
        add_colorbar(ax.figure, ax, scale, color_label or "")
    return ax


def plot_discovery(
    curve: DiscoveryCurve, ax: Axes, *, estimate: Estimate | None = None, title: str | None = None
) -> Axes:
    """Draw distinct minima against searches, with `estimate` also the lower bound.

    For an estimate without an upper bound (`minima_at_least`) the value is dashed.
    """
    ax.step(curve.searches, curve.observed, where="post", color=INK, linewidth=1.0, label="as found")
    ax.plot(curve.searches, curve.expected, color=BLUE, linewidth=1.5, label="mean over orders")
    if estimate is not None:
        bounded = np.isfinite(estimate.high)
        reach = (
            f"{estimate.low:.0f} to {estimate.high:.0f} if equally probable" if bounded else f">= {estimate.low:.0f}"
        )
        label = f"Chao1 {estimate.value:.0f} ({reach})"
        ax.axhline(estimate.value, color=VERMILION, linewidth=1.2, linestyle="--", label=label)
        ax.axhspan(estimate.low, estimate.high if bounded else estimate.value, color=VERMILION, alpha=0.12, linewidth=0)
    ax.set(xlabel="searches", ylabel="distinct minima", xlim=(0, curve.searches[-1]), title=title or "")
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    legend_beside(ax)
    return ax


def plot_profile(profile: Profile, ax: Axes, *, labels: Sequence[Any] | None = None, title: str | None = None) -> Axes:
    """Draw the loss against the length of the path: disks at the minima, triangles at the transition states.

    Parameters
    ----------
    profile : Profile
    ax : Axes
    labels : (k + 1,) sequence, optional
        Labels below the minima.
    title : str, optional

    Raises
    ------
    ValueError
        If there is not one label per minimum.
    """
    if labels is not None and len(labels) != profile.minima.size:
        msg = f"labels must have one entry per minimum on the path, {profile.minima.size}; got {len(labels)}"
        raise ValueError(msg)
    x, y = profile.lengths, profile.losses
    ax.plot(x, y, color=INK, linewidth=1.2, zorder=1)
    points = (("minimum", profile.minima, "o", BLUE), ("transition state", profile.transition_states, "^", VERMILION))
    for name, at, mark, color in points:
        ax.scatter(x[at], y[at], 22, color, marker=mark, edgecolors="white", linewidths=0.5, zorder=3, label=name)
    for place, text in zip(profile.minima.tolist(), labels or (), strict=False):
        ax.annotate(
            str(text), (x[place], y[place]), (0, -5), textcoords="offset points", ha="center", va="top", size="x-small",
            label=IF_ROOM,
        )  # fmt: skip
    ax.set(xlabel="length of the path in parameter space", ylabel="training loss (nats)", title=title or "")
    ax.margins(x=0.03, y=0.15)
    legend_beside(ax)
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_geometry(geometry: LocalGeometry, ax: Axes, *, title: str | None = None) -> Axes:
    """Draw the generalization error of minima against the trace of their Hessians, colored by loss.

    The title gives Spearman's rank correlation. Raises a ValueError if no minimum has a generalization error.
    """
    x, y = geometry.traces, geometry.generalization_errors
    if not np.isfinite(y).any():
        msg = "geometry must hold a test cross-entropy; the data set has no test rows"
        raise ValueError(msg)
    disks = ax.scatter(x, y, 14, geometry.losses, edgecolors="white", linewidths=0.3)
    add_colorbar(ax.figure, ax, disks, "training loss (nats)")
    rank = geometry.rank_correlation
    if x.max() > WIDE * x.min():
        ax.set_xscale("log")
        plain_log_ticks(ax.xaxis)
    ax.set(xlabel="trace of the Hessian (nats)", ylabel="test - training cross-entropy (nats)")
    correlation = "" if np.isnan(rank) or x.size < FEWEST_RANKED else rf", Spearman's $\rho$ = {rank:.2f}"
    if np.isfinite(geometry.test_errors).any():
        reach = np.nanmedian(geometry.generalization.high - geometry.generalization.value)
        correlation += f"\n95 % intervals from the test rows reach {reach:.2g} nats to both sides"
    ax.set_title(_count(x.size, "minimum", "minima") + correlation if title is None else title, fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def check_figure_path(path: str | os.PathLike[str]) -> Path:
    """Return `path`, or raise a ValueError unless it ends in .svg, .pdf or .png."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        msg = f"a figure's file name must end in one of {', '.join(SUFFIXES)}; got {str(path)!r}"
        raise ValueError(msg)
    return path


def save_figure(fig: Figure, path: str | os.PathLike[str], *, dpi: float = 200) -> Path:
    """Write a figure in the format given by the suffix of `path`; creates its folder if needed.

    The file is written completely or not at all. The same figure gives the same file: it has no date and no random
    names. A figure without a layout of its own is cut to what is drawn.

    Raises
    ------
    ValueError
        If the suffix is not .svg, .pdf or .png.
    """
    path = check_figure_path(path)
    kind = path.suffix[1:].lower()
    with new_file(path) as unfinished, mpl.rc_context({"svg.hashsalt": "agescape"}):
        cut = "tight" if fig.get_layout_engine() is None else None
        fig.savefig(unfinished, format=kind, dpi=dpi, bbox_inches=cut, metadata=UNDATED.get(kind))
    return path


def _leaf_widths(tree: DisconnectivityTree, ax: Axes, width: float) -> Floats:
    """Widths of the lines of the minima, in points: no more than half of the distance to the next one."""
    order = np.argsort(tree.x[: tree.n_leaves])
    gaps = np.diff(tree.x[order], prepend=-np.inf, append=np.inf)
    points = ax.get_window_extent().width * 72.0 / ax.get_figure(root=True).dpi  # pyright: ignore
    room = np.empty(tree.n_leaves)
    room[order] = 0.5 * np.minimum(gaps[:-1], gaps[1:]) * points / (np.ptp(tree.x) + 1.0)
    return np.clip(room, 0.1, width)


def _per_minimum(name: str, values: ArrayLike, tree: DisconnectivityTree) -> Floats:
    """One value per leaf (n_leaves,) from one value per minimum (n,)."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (tree.n_minima,):
        msg = f"{name} must have one entry per minimum, shape ({tree.n_minima},); got shape {array.shape}"
        raise ValueError(msg)
    return array[tree.minima]


def _add_lines(ax: Axes, tree: DisconnectivityTree, values: Floats | None, scale: ScalarMappable, width: float) -> None:
    # superbasins first, so that the colored lines of the minima are on top
    thin, thick = _leaf_widths(tree, ax, width), np.full(len(tree.lines) - tree.n_leaves, width)
    if values is None:
        widths = np.concatenate([thick, thin[::-1]])
        lines = LineCollection(list(tree.lines[::-1]), linewidths=widths.tolist(), colors=INK, capstyle="round")
    else:
        leaves = tree.lines[: tree.n_leaves]
        # only the stem is colored: colors on the way to the parent would cross the whole figure
        segments = [*tree.lines[: tree.n_leaves - 1 : -1], *leaves[:, 1:], *leaves[:, :2]]
        per_segment = np.full(len(segments), np.nan)
        per_segment[-tree.n_leaves :] = values
        flat = leaves[:, 0, 1] == leaves[:, 1, 1]  # no stem less than a level below the parent
        per_segment[-2 * tree.n_leaves : -tree.n_leaves] = np.where(flat, values, np.nan)
        widths = np.concatenate([thick, thin, thin]).tolist()
        lines = LineCollection(segments, linewidths=widths, cmap=scale.cmap, norm=scale.norm, capstyle="round")
        drawable = np.isfinite(per_segment) & ((per_segment > 0.0) | (not isinstance(scale.norm, LogNorm)))
        lines.set_array(np.ma.masked_where(~drawable, per_segment))
    ax.add_collection(lines, autolim=False)


def _add_disks(
    ax: Axes, tree: DisconnectivityTree, sizes: Floats, values: Floats | None, scale: ScalarMappable
) -> None:
    drawn = np.flatnonzero(sizes > 0)
    if drawn.size == 0:
        return
    faces = INK if values is None else scale.to_rgba(values[drawn])
    x, y = tree.x[drawn], tree.levels[drawn]
    ax.scatter(x, y, sizes[drawn], faces, edgecolors="white", linewidths=0.4, zorder=3)


def _add_labels(ax: Axes, tree: DisconnectivityTree, texts: Sequence[Any], sizes: Floats) -> None:
    if len(texts) != tree.n_minima:
        msg = f"label_values must have one entry per minimum, {tree.n_minima}; got {len(texts)}"
        raise ValueError(msg)
    for leaf in np.argsort(tree.levels[: tree.n_leaves], kind="stable").tolist():  # low minima have their labels first
        minimum = int(tree.minima[leaf])
        if texts[minimum] not in (None, ""):
            place = (tree.x[leaf], tree.levels[leaf])
            below = (0, -3 - np.sqrt(max(sizes[leaf], 0)) / 2)
            style = {"ha": "center", "va": "top", "fontsize": "x-small", "rotation": 90}
            ax.annotate(str(texts[minimum]), place, below, textcoords="offset points", label=IF_ROOM, **style)


def _dress(ax: Axes, tree: DisconnectivityTree, title: str) -> None:
    low, right = float(tree.levels.min()), float(tree.x.max())
    margin = 0.05 * (tree.top - low)
    side = 0.02 * right + 0.5
    ax.set(xlim=(-side, right + 0.5 + side), ylim=(low - margin, tree.top), ylabel="training loss (nats)")
    ax.set_title(title, fontsize="medium")
    ax.set_xticks([])
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def _describe(tree: DisconnectivityTree) -> str:
    """Numbers of minima, why some are missing, transition states and, if not all are connected, components."""
    minima = _count(tree.n_minima, "minimum", "minima")
    if tree.n_leaves < tree.n_minima:
        why = ", ".join(f"{number} {reason}" for reason, number in tree.left_out.items())
        minima = f"{tree.n_leaves} of {minima} ({why})"
    parts = [minima, _count(tree.n_transition_states, "transition state", "transition states")]
    if tree.n_components > 1:
        below = f" below {tree.ceiling:.4g} nats" if np.isfinite(tree.ceiling) else ""
        parts.append(f"{tree.n_components} components{below}")
    separator = ",\n" if tree.left_out else ", "
    return separator.join((parts[0], ", ".join(parts[1:])))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
