"""The lowest part of a large disconnectivity graph, magnified where the drawing is empty."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from landscape.graph import DisconnectivityTree, subtree

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]

FEWEST = 25  # minima in an inset, at least
HIDDEN = 0.08  # share of the width of a graph up to which so many minima are not seen
CELLS = 32  # of the grid on which room is looked for, along each side
NARROWEST = 72.0  # points, of the title of an inset
LOWEST = 0.26  # height of an inset, as a share of the axes: less shows nothing
WIDEST, HIGHEST = 0.4, 0.42
LABELS = 32.0  # points beside an inset for the labels of its losses
MARGIN = 5.0  # points at its right
TITLE = 22.0  # points above an inset for its title


def hidden_part(tree: DisconnectivityTree) -> DisconnectivityTree | None:
    """The smallest superbasin of the lowest minimum with enough minima for an inset, if the whole hides it."""
    around = np.flatnonzero((tree.lowest == 0) & (tree.sizes >= FEWEST))
    if around.size == 0:
        return None
    part = subtree(tree, int(around[0]))
    return part if np.ptp(part.x) < HIDDEN * np.ptp(tree.x) else None


def add_inset(ax: Axes, part: DisconnectivityTree, drawn: Iterable[Floats]) -> Axes | None:
    """Axes for a part of the graph, where nothing is `drawn` (lines of points); None if there is no room."""
    points = ax.get_window_extent().size * 72.0 / ax.get_figure(root=True).dpi  # pyright: ignore
    (labels, narrowest, margin), title = np.array([LABELS, NARROWEST, MARGIN]) / points[0], TITLE / points[1]
    box = _room(ax, drawn, narrowest + labels + margin, LOWEST + title)
    if box is None:
        return None
    left, bottom, width, height = box
    width -= labels + margin
    wide, high = min(width, max(WIDEST, narrowest)), min(height - title, HIGHEST)
    left += labels + 0.5 * (width - wide)
    inset = ax.inset_axes((left, bottom + height - title - high, wide, high))
    low, right = float(part.levels.min()), float(part.x.max())
    inset.set(xlim=(part.x.min() - 0.7, right + 0.7), ylim=(low - 0.08 * (part.top - low), part.top), xticks=[])
    inset.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    inset.ticklabel_format(axis="y", useOffset=False)
    inset.tick_params(axis="y", labelsize="x-small", pad=1.0, length=2.0)
    inset.spines[:].set(color="0.6", linewidth=0.6)
    inset.set_title(f"lowest superbasin,\n{part.n_leaves} minima", fontsize="x-small", pad=2.0)
    ax.indicate_inset_zoom(inset, edgecolor="0.6", linewidth=0.6, alpha=1.0, zorder=2.5)
    return inset


def _room(ax: Axes, drawn: Iterable[Floats], width: float, height: float) -> Box | None:
    """The largest empty box, in shares of the axes, that is at least so wide and so high."""
    taken = np.zeros((CELLS, CELLS), np.int64)
    to_axes = ax.transScale + ax.transLimits
    for line in drawn:
        corners = to_axes.transform(line)
        steps = np.linspace(0.0, 1.0, 2 * CELLS + 1)[:, None, None]
        x, y = ((1.0 - steps) * corners[:-1] + steps * corners[1:]).reshape(-1, 2).T
        cells = np.floor(np.stack([y, x]) * CELLS).astype(np.int64)
        inside = ((cells >= 0) & (cells < CELLS)).all(axis=0)
        taken[tuple(cells[:, inside])] = 1
    total = np.pad(taken.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    low, wide = int(np.ceil(height * CELLS)), int(np.ceil(width * CELLS))
    best, found = 0, None
    for bottom in range(CELLS - low + 1):
        for top in range(bottom + low, CELLS + 1):
            free = np.flatnonzero(total[top, 1:] - total[top, :-1] == total[bottom, 1:] - total[bottom, :-1])
            for run in np.split(free, np.flatnonzero(np.diff(free) > 1) + 1):
                area = min(run.size, int(1.2 * WIDEST * CELLS)) * min(top - bottom, int(1.2 * HIGHEST * CELLS))
                if run.size >= wide and area > best:
                    best, found = area, (run[0], bottom, run.size, top - bottom)
    return None if found is None else tuple(float(part) / CELLS for part in found)  # pyright: ignore
