"""How much of a landscape a disconnectivity graph shows."""

from collections.abc import Sequence

from landscape.database import Database
from landscape.graph import DisconnectivityTree, disconnectivity_tree, drawing_ceiling


def visited_tree(database: Database, visited: Sequence[int]) -> DisconnectivityTree:
    """The tree up to `drawing_ceiling`, with the visited minima (ids) that do not lie far above all others."""
    losses = [database.minimum(number).point.value for number in visited]
    graph = database.graph()
    return disconnectivity_tree(graph, emax=drawing_ceiling(graph, losses))
