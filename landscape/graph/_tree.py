"""A disconnectivity graph as arrays: the losses at which minima become connected, and where each stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.graph._merging import collapse, merge
from landscape.graph._pictures import MOST_MINIMA, svg
from landscape.graph._tree_layout import Nodes, lay_out
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DisconnectivityTree(
    Result,
    shows=("n_minima", "n_transition_states", "n_components", "levels"),
    axes={"n_nodes": "node", "n_leaves": "leaf", "n_levels": "grid_level"},
):
    """A disconnectivity graph (Becker and Karplus 1997; Wales, Miller and Walsh 1998) as arrays.

    The first `n_leaves` nodes are the leaves, lowest minimum first; then come the superbasins in the order in which
    they form, so that a parent always follows its children. Components that no transition state and no upper bound
    joins are separate trees.

    Attributes
    ----------
    parents : (n_nodes,) int64
        Superbasin into which a node merges next; -1 for the top node of a tree.
    levels : (n_nodes,) float64
        For a leaf the loss of its minimum, for a superbasin the loss at which it forms, in nats.
    minima : (n_leaves,) int64
        Index of each leaf's minimum in the `LandscapeGraph`.
    sizes : (n_nodes,) int64
        Number of leaves below a node; 1 for a leaf.
    lowest : (n_nodes,) int64
        Lowest leaf below each node. The nodes with the same one are its branch, up to where it joins that of a lower
        leaf.
    components : (n_nodes,) int64
        Component, connected by transition states alone, of the lowest leaf below each node: 0 contains the lowest leaf
        of all, the others are ordered by their lowest leaf.
    certified : (n_nodes,) bool
        Whether transition states join a node to its parent. False where the lowest leaf below it is in another
        component than that of its parent, so that only an upper bound joins the two.
    x : (n_nodes,) float64
        Horizontal position, in leaves: a node sits near the middle of the interval of its leaves, and intervals of
        siblings are disjoint, so that no lines cross. The tree of the lowest leaf comes first, then the others by
        decreasing size. The strip comes last; its minima stand in columns, in which they do not overlap.
    in_strip : (n_nodes,) bool
        Whether a node is not drawn as part of a tree but, if it is a leaf, as a tick at the loss of its minimum.
    tick : float
        Length of these ticks, in leaves; 0 without a strip.
    grid : (n_levels,) float64
        Losses at which superbasins form; empty if they form at the exact barriers.
    n_minima, n_transition_states : int
        Size of the whole `LandscapeGraph`, leaves or not.
    ceiling : float
        Loss above which connections are left out, in nats; inf if none are.
    left_out : mapping of str to int
        Number of minima of the graph that are not leaves, by reason.
    loss_unit : str
        Unit of the losses in words; empty if it is another than nats.
    """

    parents: Integers
    levels: Floats
    minima: Integers
    sizes: Integers
    lowest: Integers
    components: Integers
    certified: Flags
    x: Floats
    in_strip: Flags
    tick: float
    grid: Floats
    n_minima: int
    n_transition_states: int
    ceiling: float
    left_out: Mapping[str, int]
    loss_unit: str = "nats"

    @property
    def n_nodes(self) -> int:
        """Number of leaves and superbasins."""
        return self.parents.size

    @property
    def n_leaves(self) -> int:
        """Number of minima in the tree."""
        return self.minima.size

    @property
    def n_components(self) -> int:
        """Number of parts that no transition state below `ceiling` connects."""
        return int(self.components.max()) + 1

    @property
    def n_joined(self) -> int:
        """Number of components that only upper bounds join to others: without them there are so many more trees."""
        return self.n_components - int(np.count_nonzero(self.parents < 0))

    @property
    def branch_sizes(self) -> Integers:
        """Number (n_leaves,) of leaves of the branch of each leaf."""
        sizes = np.ones(self.n_leaves, np.int64)
        np.maximum.at(sizes, self.lowest, self.sizes)
        return sizes

    @property
    def top(self) -> float:
        """Loss at which the lines of the components end, a little above all nodes, in nats."""
        low, high = float(self.levels.min()), float(self.levels.max())
        return high + 0.05 * ((high - low) or abs(high) or 1.0)

    @property
    def lines(self) -> Floats:
        """One line (n_nodes, 3, 2) of three points (x, loss) for each node: up, then over to its parent.

        It bends one level below its parent (at the parent's own loss in an exact tree). In the strip the line of a leaf
        is its tick, and that of a superbasin is a point.
        """
        up = (self.parents >= 0) & ~self.in_strip
        goal = np.where(up, self.parents, np.arange(self.n_nodes))
        end = np.where(up, self.levels[goal], np.where(self.in_strip, self.levels, self.top))
        bend = np.where(up, np.maximum(self.levels, end - self._spacing_below(end)), end)
        tick = np.where(self.in_strip, 0.5 * self.tick, 0.0)
        tick[self.n_leaves :] = 0.0
        return np.stack([self.x - tick, self.levels, self.x, bend, self.x[goal] + tick, end], axis=1).reshape(-1, 3, 2)

    def _picture(self) -> str:
        return svg(self.lines, self.certified)

    def _spacing_below(self, levels: Floats) -> Floats:
        """Distance from each level of the grid to the next lower one; 0 in an exact tree."""
        if self.grid.size == 0:
            return np.zeros_like(levels)
        below = 2 * self.grid[0] - self.grid[1] if self.grid.size > 1 else self.levels.min()
        spacings = np.diff(self.grid, prepend=below)
        return spacings[np.searchsorted(self.grid, levels).clip(max=self.grid.size - 1)]


def laid_out(
    nodes: Nodes, labels: Integers, marked: Flags, subgraph_size: int | None = None, **attributes: Any
) -> DisconnectivityTree:
    """The tree of these nodes, whose leaves are in the components `labels` (n_leaves,), with its other attributes."""
    numbers = _numbered(labels)[nodes.lowest]
    up = np.where(nodes.parents < 0, np.arange(numbers.size), nodes.parents)
    layout = lay_out(nodes, marked, subgraph_size)
    return DisconnectivityTree(
        **nodes._asdict(), **layout._asdict(), components=numbers, certified=numbers == numbers[up], **attributes
    )


def picture(losses: Floats, labels: Integers, edges: Integers, heights: Floats) -> str:
    """SVG of the tree of the lowest minima, which merge pair by pair as in `merge`; nothing without minima."""
    if not losses.size:
        return ""
    leaves = np.argsort(losses, kind="stable")[:MOST_MINIMA]
    tree = laid_out(
        collapse(merge(losses, leaves, edges, heights)),
        labels[leaves],
        np.zeros(leaves.size, np.bool_),
        minima=leaves,
        grid=np.empty(0),
        n_minima=losses.size,
        n_transition_states=len(edges),
        ceiling=np.inf,
        left_out={},
    )
    return tree._picture()


def _numbered(labels: Integers) -> Integers:
    """The same partition, numbered in the order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]
