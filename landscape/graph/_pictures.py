"""A disconnectivity graph as a few lines of SVG, for notebooks: without axes and without matplotlib."""

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, MARGIN = 320, 160, 8  # pixels
MOST_MINIMA = 150  # that a picture of a landscape shows


def svg(lines: NDArray[np.float64], certified: NDArray[np.bool_]) -> str:
    """Lines (n, 3, 2) of three points each, the second coordinate upwards; those that are not certified are dashed."""
    low, high = lines.reshape(-1, 2).min(axis=0), lines.reshape(-1, 2).max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    places = (lines - low) / span * (1, -1) + (0, 1)
    pixels = places * (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN) + MARGIN
    kinds = ((pixels[certified], ""), (pixels[~certified], ' stroke-dasharray="3 2" stroke-opacity="0.6"'))
    paths = "".join(
        f'<path d="{_steps(some)}" fill="none" stroke="currentColor"{style}/>' for some, style in kinds if len(some)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="disconnectivity graph">{paths}</svg>'
    )


def _steps(pixels: NDArray[np.float64]) -> str:
    return " ".join("M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in line) for line in pixels)
