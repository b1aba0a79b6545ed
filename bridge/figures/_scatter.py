"""Networks as points of a plane: a marker for each number of rows, a color for each depth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from dynamics.plots import COLORS, interval_bars
from landscape.plots import legend_beside
from landscape.support import Estimate

Array = NDArray[np.float64]

MARKERS = "osv^D<>pP*"


def draw_networks(
    labels: Sequence[str], rows: NDArray[np.int64], x: Estimate[Array], y: Estimate[Array], ax: Axes, **look: Any
) -> None:
    """E networks at `x` and `y`, each (E,) with its intervals; `look` as in `Axes.errorbar`."""
    depths, numbers = (list(dict.fromkeys(names)) for names in (labels, rows.tolist()))
    for k, (across, upward) in enumerate(zip(interval_bars(x).T, interval_bars(y).T, strict=True)):
        ax.errorbar(
            x.value[k],
            y.value[k],
            xerr=across[:, np.newaxis],
            yerr=upward[:, np.newaxis],
            fmt=MARKERS[numbers.index(rows[k]) % len(MARKERS)],
            color=COLORS[depths.index(labels[k]) % len(COLORS)],
            **look,
        )
    legend_beside(ax, handles=_handles(numbers, depths))


def with_error(value: Array, error: Array) -> Estimate[Array]:
    """`value` plus and minus its standard error."""
    return Estimate(value, value - error, value + error)


def _handles(numbers: Sequence[object], depths: Sequence[str]) -> list[Line2D]:
    markers = [Line2D([], [], color="0.4", linestyle="", marker=m, label=f"N = {n}")
               for m, n in zip(MARKERS, numbers, strict=False)]  # fmt: skip
    colors = [
        Line2D([], [], color=c, linewidth=3, label=f"hidden layers {d}") for c, d in zip(COLORS, depths, strict=False)
    ]
    return [*markers, *colors]
