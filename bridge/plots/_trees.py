"""How much of a landscape a disconnectivity graph shows."""

from collections.abc import Sequence

import numpy as np

from landscape.database import Database
from landscape.graph import DisconnectivityTree, disconnectivity_tree

HEADROOM = 0.05  # of the height of the drawing, above the highest transition state


def visible_top(database: Database) -> float:
    """Loss up to which a graph is drawn: a little above the highest transition state.

    Minima higher than all transition states (a collapsed one at the entropy of the labels) would
    otherwise press everything else into a line; the title counts what is left out.
    """
    graph = database.graph()
    if not graph.n_transition_states:
        return np.inf
    top = float(graph.transition_losses[-1])
    return top + HEADROOM * (top - float(graph.losses[0]))


def visited_tree(database: Database, visited: Sequence[int]) -> DisconnectivityTree:
    """The tree up to `visible_top` or, if it is higher, the highest of the minima (ids) that were visited."""
    highest = max((database.minimum(number).point.value for number in visited), default=-np.inf)
    return disconnectivity_tree(database.graph(), emax=max(visible_top(database), highest))
