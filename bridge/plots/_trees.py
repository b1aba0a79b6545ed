"""The visible range of a disconnectivity graph."""

from collections.abc import Sequence

import numpy as np

from landscape.database import Database
from landscape.graph import DisconnectivityTree, disconnectivity_tree

HEADROOM = 0.05  # share of the height of the figure above the highest transition state


def visible_top(database: Database) -> float:
    """Loss up to which a graph is drawn: a little above the highest transition state.

    Otherwise minima higher than all transition states (a collapsed one at the entropy of the labels) would compress
    everything else into a line; the title counts those left out.
    """
    graph = database.graph()
    if not graph.n_transition_states:
        return np.inf
    top = float(graph.transition_losses[-1])
    return top + HEADROOM * (top - float(graph.losses[0]))


def visited_tree(database: Database, visited: Sequence[int]) -> DisconnectivityTree:
    """The tree up to `visible_top` or, if it is higher, the highest visited minimum (ids)."""
    highest = max((database.minimum(number).point.value for number in visited), default=-np.inf)
    return disconnectivity_tree(database.graph(), emax=max(visible_top(database), highest))
