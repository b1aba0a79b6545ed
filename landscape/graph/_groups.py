"""Groups of minima in a disconnectivity graph."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._tree import DisconnectivityTree

MIXED = -1


def shared_groups(tree: DisconnectivityTree, groups: ArrayLike) -> NDArray[np.int64]:
    """Group (n_nodes,) that all leaves below each node share; -1 if they share none.

    Parameters
    ----------
    tree : DisconnectivityTree
    groups : (n,) int array
        Group of each minimum of the whole `LandscapeGraph`, 0 or more; -1 for a minimum of no group.

    Raises
    ------
    ValueError
        If the array does not have shape (n,).
    """
    numbers = np.asarray(groups, dtype=np.int64)
    if numbers.shape != (tree.n_minima,):
        msg = f"groups must have one entry per minimum, shape ({tree.n_minima},); got shape {numbers.shape}"
        raise ValueError(msg)
    unknown = -2  # nothing below is seen yet
    shared = np.append(numbers[tree.minima], np.full(tree.n_nodes - tree.n_leaves, unknown)).tolist()
    for node, parent in enumerate(tree.parents.tolist()):  # parents follow their children
        if parent >= 0:
            shared[parent] = shared[node] if shared[parent] in (unknown, shared[node]) else MIXED
    return np.array(shared, dtype=np.int64)
