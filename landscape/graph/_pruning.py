"""A large disconnectivity graph without its small branches."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._tree import DisconnectivityTree
from landscape.graph._tree_layout import follow

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def unpruned(tree: DisconnectivityTree, min_branch: int, groups: ArrayLike | None = None) -> Flags:
    """Whether each node (n_nodes,) remains in `prune`."""
    nodes = np.arange(tree.n_nodes)
    up = np.where(tree.parents < 0, nodes, tree.parents)
    drawn = _drawn(tree, min_branch)
    children = np.bincount(up[drawn & (tree.parents >= 0)], minlength=tree.n_nodes)
    kept = (nodes < tree.n_leaves) | (tree.parents < 0) | (children > 1) | tree.in_strip
    if groups is not None:
        below = np.full(tree.n_nodes, -2)  # the group of the node of the same branch below each superbasin
        inner = np.flatnonzero(tree.lowest == tree.lowest[up])
        below[up[inner]] = np.asarray(groups)[inner]
        kept |= np.asarray(groups) != below
    return drawn & kept


def prune(tree: DisconnectivityTree, min_branch: int, groups: ArrayLike | None = None) -> DisconnectivityTree:
    """The tree without branches of fewer than `min_branch` minima, other than that of the lowest minimum.

    What remains stands where it stood. Superbasins at which no two of the remaining branches join are left out, unless
    they begin another of the `groups` (n_nodes,) of nodes, and `sizes` count, at the upper end of the line of each
    node, the minima of the branches that are left out as well. The strip stays as it is.
    """
    nodes = np.arange(tree.n_nodes)
    up = np.where(tree.parents < 0, nodes, tree.parents)
    drawn, kept = _drawn(tree, min_branch), unpruned(tree, min_branch, groups)
    goal = follow(np.where(kept, nodes, up))[up]  # the next node above that remains
    # of each branch, from the bottom up, the last node that remains: the lower end of the line through this node
    order = np.lexsort((nodes, tree.lowest))
    start = np.empty_like(order)
    start[order] = order[np.maximum.accumulate(np.where(kept[order], nodes, 0))]
    sizes = tree.sizes.copy()
    np.maximum.at(sizes, start[drawn], tree.sizes[drawn])
    return _chosen(replace(tree, sizes=sizes, parents=np.where(tree.parents < 0, -1, goal)), kept)


def _drawn(tree: DisconnectivityTree, min_branch: int) -> Flags:
    """Nodes of branches of so many minima, of the branch of the lowest minimum, and of the strip."""
    return (tree.branch_sizes >= min_branch)[tree.lowest] | (tree.lowest == 0) | tree.in_strip


def subtree(tree: DisconnectivityTree, node: int) -> DisconnectivityTree:
    """The part of a tree from a node downwards, each of its nodes where it stands in the whole."""
    parents = tree.parents.copy()
    parents[node] = -1
    tops = follow(np.where(parents < 0, np.arange(tree.n_nodes), parents))
    return _chosen(replace(tree, parents=parents), tops == node)


def _chosen(tree: DisconnectivityTree, kept: Flags) -> DisconnectivityTree:
    """The tree with some of its nodes, if each of their parents is among them."""
    number = np.cumsum(kept) - 1
    parents = tree.parents[kept]
    return replace(
        tree,
        parents=np.where(parents < 0, -1, number[parents]),
        levels=tree.levels[kept],
        minima=tree.minima[kept[: tree.n_leaves]],
        sizes=tree.sizes[kept],
        lowest=number[tree.lowest[kept]],
        components=tree.components[kept],
        certified=(parents < 0) | (tree.components[kept] == tree.components[parents]),
        x=tree.x[kept],
        in_strip=tree.in_strip[kept],
    )


def pruned_regions(
    tree: DisconnectivityTree, min_branch: int, width: float, leaves: Flags | None = None
) -> tuple[Floats, Floats, Floats]:
    """Where the branches are that `prune` leaves out, or where those of some `leaves` (n_leaves,) are.

    Returns
    -------
    x : (k,) float64
        Centers of columns of this width, in leaves, that contain minima of such branches.
    low, high : (k,) float64
        The lowest of these minima, and the highest loss at which one of their branches joins what remains, in nats.
    """
    nodes, n = np.arange(tree.n_nodes), tree.n_leaves
    drawn = _drawn(tree, min_branch)
    joins = tree.levels[follow(np.where(drawn | (tree.parents < 0), nodes, tree.parents))]
    left_out = np.flatnonzero(~drawn[:n] if leaves is None else ~drawn[:n] & leaves)
    column = np.floor(tree.x[left_out] / width).astype(np.int64)
    found, inverse = np.unique(column, return_inverse=True)
    low, high = np.full(found.size, np.inf), np.full(found.size, -np.inf)
    np.minimum.at(low, inverse, tree.levels[left_out])
    np.maximum.at(high, inverse, joins[left_out])
    return width * (found.astype(np.float64) + 0.5), low, high
