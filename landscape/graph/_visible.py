"""The visible range of a disconnectivity graph."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph, bound_forest, minimax_barriers, with_bounds
from landscape.graph._disconnectivity import disconnectivity_tree
from landscape.graph._tree import DisconnectivityTree

Floats = NDArray[np.float64]

OUTLIERS = 0.02  # share of the points that may lie above a drawing
SQUASHED = 2.5  # if by them it would be so many times as high
HEADROOM = 0.05  # of the height of a drawing, above its highest point


def visible_top(graph: LandscapeGraph, shown: ArrayLike = (), *, certified_only: bool = False) -> float:
    """Loss in nats up to which to draw a graph: a little above the highest connection, without outliers.

    Connections are the transition states and the upper bounds that join components. A minimum above all of them (a
    collapsed one at the entropy of the labels), or a few points far above all others, would press everything else into
    a line. So 2 % of the points, or four of at least forty, may lie above the ceiling if without them the drawing is
    less than 0.4 times as high.

    Parameters
    ----------
    graph : LandscapeGraph
    shown : (k,) array, optional
        Losses up to which the drawing is to reach as well, such as those where visited minima are joined; of these,
        too, 2 % or two (but fewer than half) may be left out.
    certified_only : bool
        Whether transition states are the only connections.

    Returns
    -------
    float
        inf without connections.
    """
    bounds = () if certified_only else graph.bound_heights[bound_forest(graph)]
    heights = np.append(graph.transition_losses, bounds)
    if not heights.size:
        return np.inf
    low, joined = float(graph.losses.min()), float(heights.max())
    points = np.concatenate([graph.losses[graph.losses <= joined], heights])
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


def visible_tree(
    graph: LandscapeGraph,
    levels: int | ArrayLike | None = None,
    *,
    visited: ArrayLike = (),
    whole: bool = False,
    emax: float | None = None,
    pick: ArrayLike | None = None,
    certified_only: bool = False,
    marked: ArrayLike = (),
    **options: Any,
) -> DisconnectivityTree:
    """The tree up to a little above the highest connection (`visible_top`).

    Parameters
    ----------
    graph : LandscapeGraph
    visited : (k,) array of positions or (n,) mask
        Minima that are marked; the tree reaches to where they are joined with the global minimum, except for those far
        above others.
    whole : bool
        Whether the tree is not cut at all, as with a `pick` of minima.
    emax : float, optional
        Loss in nats at which it is cut instead.
    levels, pick, certified_only, marked, **options
        As in `disconnectivity_tree`.
    """
    if emax is None:
        free = whole or pick is not None
        emax = (
            np.inf
            if free
            else visible_top(graph, _joins(graph, visited, certified_only), certified_only=certified_only)
        )
    marks = visited if np.size(visited) else marked
    return disconnectivity_tree(
        graph, levels, emax=emax, pick=pick, certified_only=certified_only, marked=marks, **options
    )


def _joins(graph: LandscapeGraph, minima: ArrayLike, certified_only: bool) -> Floats:
    """Losses at which these minima are joined with the global minimum; their own where they are not."""
    if not np.size(minima):
        return np.empty(0)
    barriers = minimax_barriers(graph if certified_only else with_bounds(graph), 0)
    return np.where(np.isfinite(barriers), barriers, graph.losses)[np.asarray(minima)]
