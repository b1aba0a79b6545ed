"""The visible range of a disconnectivity graph."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph
from landscape.graph._disconnectivity import DisconnectivityTree, disconnectivity_tree

Floats = NDArray[np.float64]

OUTLIERS = 0.02  # share of the points that may lie above a drawing
SQUASHED = 2.5  # if by them it would be so many times as high
HEADROOM = 0.05  # of the height of a drawing, above its highest point


def visible_top(graph: LandscapeGraph, shown: ArrayLike = ()) -> float:
    """Loss in nats up to which to draw a graph: a little above the highest transition state, without outliers.

    A minimum above all transition states (a collapsed one at the entropy of the labels), or a few points far above
    all others, would press everything else into a line. So 2 % of the points, or four of at least forty, may lie
    above the ceiling if without them the drawing is less than 0.4 times as high.

    Parameters
    ----------
    graph : LandscapeGraph
    shown : (k,) array, optional
        Losses of minima that are to be seen as well, such as the visited ones; of these, too, 2 % or two (but
        fewer than half) may be left out.

    Returns
    -------
    float
        inf without transition states.
    """
    if not graph.n_transition_states:
        return np.inf
    low, joined = float(graph.losses.min()), float(graph.transition_losses.max())
    points = np.concatenate([graph.losses[graph.losses <= joined], graph.transition_losses])
    top = _without_outliers(points, low, 4, points.size // 10)
    wanted = np.asarray(shown, dtype=np.float64)
    if wanted.size:
        top = max(top, _without_outliers(np.maximum(wanted, top), low, 2, (wanted.size - 1) // 2))
    return top + HEADROOM * (top - low)


def _without_outliers(values: Floats, low: float, few: int, most: int) -> float:
    """The highest of `values`, or the highest that is no outlier."""
    ascending = np.sort(values)
    spare = min(max(int(OUTLIERS * values.size), few), most)
    bulk = float(ascending[-1 - spare])
    return bulk if ascending[-1] - low > SQUASHED * (bulk - low) > 0.0 else float(ascending[-1])


def tree_with(graph: LandscapeGraph, minima: NDArray[np.intp] | NDArray[np.bool_]) -> DisconnectivityTree:
    """The tree up to `visible_top`, with these minima (positions, or a mask) that do not lie far above all others."""
    return disconnectivity_tree(graph, emax=visible_top(graph, graph.losses[minima]))
