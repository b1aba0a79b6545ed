"""Persistence of minima: the loss at which each is born, and that at which it merges with a lower one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.graph._connectivity import LandscapeGraph
from landscape.graph._disconnectivity import exact_nodes
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PersistencePairs(
    Result, shows=("minima", "births", "deaths"), axes={"k": "pair"}, units={"births": "nats", "deaths": "nats"}
):
    """Sublevel-set persistence of a landscape in dimension 0: a pair for each minimum that merges with a lower one.

    Attributes
    ----------
    minima : (k,) int64
        Index of the minimum of each pair in the `LandscapeGraph`, lowest first. The lowest minimum of a component
        merges with no lower one and has no pair: k = (number of minima) - (number of components).
    births : (k,) float64
        Losses of these minima, in nats.
    deaths : (k,) float64
        Minimax barrier between each of them and the next lower minimum that it reaches, in nats.
    """

    minima: Integers
    births: Floats
    deaths: Floats

    @property
    def persistences(self) -> Floats:
        """Deaths minus births (k,), in nats: the climb out of each minimum to a lower one."""
        return self.deaths - self.births


def persistence_pairs(graph: LandscapeGraph) -> PersistencePairs:
    """Pair each minimum with the loss at which a path first leads from it to a lower minimum.

    Of two superbasins that merge, the one with the lower minimum survives; among equal losses, the one whose minimum
    has the smaller index (the elder rule: Edelsbrunner, Letscher and Zomorodian, Discrete Comput. Geom. 28, 511, 2002).
    Only transition states connect, no upper bounds.
    """
    nodes, leaves = exact_nodes(graph)
    top = np.arange(leaves.size)  # of the branch of each leaf: parents follow their children
    np.maximum.at(top, nodes.lowest, np.arange(nodes.parents.size))
    dying = np.flatnonzero(nodes.parents[top] >= 0)
    deaths = nodes.levels[nodes.parents[top[dying]]]
    return PersistencePairs(leaves[dying], nodes.levels[dying], deaths)
