"""Figures: disconnectivity graphs, profiles, geometry and discovery curves, on the caller's axes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.completeness import DiscoveryCurve
from landscape.descent import Profile
from landscape.plots._layout import WIDE, add_colorbar, counted, legend_beside, plain_log_ticks
from landscape.plots._readable import IF_ROOM
from landscape.plots._tree_lines import INK
from landscape.stationary import LocalGeometry
from landscape.support import Estimate, labeled, new_file, with_unit

Floats = NDArray[np.float64]

# from the colorblind-safe palette of Okabe and Ito
BLUE, VERMILION = "#0072b2", "#d55e00"
SUFFIXES = (".svg", ".pdf", ".png")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
FEWEST_RANKED = 4  # minima whose rank correlation says something


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
    known = profile.points.shape[1] > 0  # otherwise only the energies of these points, in their order
    along = "length of the path in parameter space" if known else "minima and transition states, in their order"
    ax.set(xlabel=along, ylabel=labeled("training loss" if known else "energy", profile.loss_unit), title=title or "")
    if not known:
        ax.set_xticks([])
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
        msg = "geometry must hold a test loss; the data set has no test rows"
        raise ValueError(msg)
    disks = ax.scatter(x, y, 14, geometry.losses, edgecolors="white", linewidths=0.3)
    unit = geometry.loss_unit
    add_colorbar(ax.figure, ax, disks, labeled("training loss", unit))
    rank = geometry.rank_correlation
    if x.max() > WIDE * x.min():
        ax.set_xscale("log")
        plain_log_ticks(ax.xaxis)
    ax.set(xlabel=labeled("trace of the Hessian", unit), ylabel=labeled("test - training loss, no penalty", unit))
    correlation = "" if np.isnan(rank) or x.size < FEWEST_RANKED else rf", Spearman's $\rho$ = {rank:z.2f}"
    if np.isfinite(geometry.test_errors).any():
        reach = np.nanmedian(geometry.generalization.high - geometry.generalization.value)
        correlation += f"\n95 % intervals from the test rows reach {with_unit(f'{reach:.2g}', unit)} to both sides"
    ax.set_title(counted(x.size, "minimum", "minima") + correlation if title is None else title, fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def check_figure_path(path: str | os.PathLike[str], name: str = "path") -> Path:
    """Return `path`, the argument `name`, or raise a ValueError unless it ends in .svg, .pdf or .png."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        msg = f"{name} must end in one of {', '.join(SUFFIXES)}; got {str(path)!r}"
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
