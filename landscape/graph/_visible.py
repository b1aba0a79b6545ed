"""How much of a landscape a disconnectivity graph shows."""

import numpy as np
from numpy.typing import NDArray

from landscape.graph._connectivity import LandscapeGraph
from landscape.graph._disconnectivity import DisconnectivityTree, disconnectivity_tree

HEADROOM = 0.05  # of the height of the drawing, above the highest transition state


def visible_top(graph: LandscapeGraph) -> float:
    """Loss up to which a graph is drawn: a little above the highest transition state.

    Minima higher than all transition states (a collapsed one at the entropy of the labels) would otherwise press
    everything else into a line.
    """
    if not graph.n_transition_states:
        return np.inf
    top = float(graph.transition_losses[-1])
    return top + HEADROOM * (top - float(graph.losses[0]))


def tree_with(graph: LandscapeGraph, minima: NDArray[np.intp] | NDArray[np.bool_]) -> DisconnectivityTree:
    """The tree up to `visible_top` or, if one of these minima (positions, or a mask) is higher, up to it."""
    return disconnectivity_tree(graph, emax=max(visible_top(graph), graph.losses[minima].max(initial=-np.inf)))
