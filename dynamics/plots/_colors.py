"""Colors of curves: a few that are easy to name, or many in an order."""

import matplotlib as mpl
import numpy as np

Color = str | tuple[float, ...]

# Okabe and Ito's palette, safe for color-blind readers
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
LIGHTEST = 0.88  # of the map: lighter lines are hard to see on white


def sequential_colors(n: int) -> list[Color]:
    """Colors of n curves in an order, from dark to light: read with any color vision and in print."""
    return [tuple(color) for color in mpl.colormaps["viridis"](np.linspace(0.0, LIGHTEST, n)).tolist()]


def ordered_colors(n: int) -> list[Color]:
    """Colors of n curves in an order, such as that of their waiting times: `COLORS`, of more than these a sequence."""
    return list(COLORS[:n]) if n <= len(COLORS) else sequential_colors(n)
