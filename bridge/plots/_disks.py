"""Disks at minima: their areas and colors, and what these mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from landscape.plots import add_colorbar

Floats = NDArray[np.float64]

SMALLEST, LARGEST = 10.0, 260.0  # areas of disks in points squared


def disk_areas(values: Floats, most: float, largest: float = LARGEST) -> Floats:
    """Areas of disks for positive values, of which `most` gets the largest."""
    return np.maximum(SMALLEST, largest * values / (most or 1.0))


def add_age_bar(figure: Any, axes: Axes | Sequence[Axes], ages: ScalarMappable) -> None:
    """The color bar of mean ages; none if they are all the same, as that of runs that stay where they are."""
    if not np.isclose(*ages.get_clim()):
        add_colorbar(figure, axes, ages, "geometric mean age (steps)")


def disk_handles(most: float, unit: str = "", largest: float = LARGEST) -> list[Line2D]:
    """Disks for a legend, at most two, with the values of their areas, at least 1."""
    top = 10.0 ** np.floor(np.log10(most))
    values = np.unique([max(1.0, top * factor) for factor in ((0.1, 1.0) if most < 3.0 * top else (0.3, 3.0))])
    widths = np.sqrt(disk_areas(values, most, largest)).tolist()
    look: Any = {"linestyle": "", "marker": "o", "color": "0.4", "mec": "white", "mew": 0.5}  # edges as of the disks
    return [
        Line2D([], [], **look, ms=width, label=f"{value:,.0f} {unit}".rstrip())
        for value, width in zip(values.tolist(), widths, strict=True)
    ]
