"""Disconnectivity graphs: the losses at which minima become connected, as a tree with its layout."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph, bound_forest, components, spanning_forest
from landscape.graph._pictures import MOST_MINIMA, svg
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Family = tuple[int, int, list[int]]

LONELY = 0.25  # width, in leaves, of an unconnected minimum beside larger components


class _Nodes(NamedTuple):
    """A growing tree: leaves first, lowest first, and parents after their children."""

    parents: Integers  # -1: none
    levels: Floats
    sizes: Integers  # number of leaves
    lowest: Integers  # leaf of the lowest minimum


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
    components : (n_nodes,) int64
        Component, connected by transition states alone, of the lowest leaf below each node: 0 contains the lowest leaf
        of all, the others are ordered by their lowest leaf.
    certified : (n_nodes,) bool
        Whether transition states join a node to its parent. False where the lowest leaf below it is in another
        component than that of its parent, so that only an upper bound joins the two.
    x : (n_nodes,) float64
        Horizontal position, in leaves: a node sits near the middle of the interval of its leaves, and intervals of
        siblings are disjoint, so that no lines cross. Component 0 comes first, then the others by decreasing size;
        unconnected minima come last and closer together.
    grid : (n_levels,) float64
        Losses at which superbasins form; empty if they form at the exact barriers.
    n_minima, n_transition_states : int
        Size of the whole `LandscapeGraph`, leaves or not.
    ceiling : float
        Loss above which connections are left out, in nats; inf if none are.
    left_out : mapping of str to int
        Number of minima of the graph that are not leaves, by reason.
    """

    parents: Integers
    levels: Floats
    minima: Integers
    sizes: Integers
    components: Integers
    certified: NDArray[np.bool_]
    x: Floats
    grid: Floats
    n_minima: int
    n_transition_states: int
    ceiling: float
    left_out: Mapping[str, int]

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
    def top(self) -> float:
        """Loss at which the lines of the components end, a little above all nodes, in nats."""
        low, high = float(self.levels.min()), float(self.levels.max())
        return high + 0.05 * ((high - low) or abs(high) or 1.0)

    @property
    def lines(self) -> Floats:
        """One line (n_nodes, 3, 2) of three points (x, loss) for each node: up, then over to its parent.

        It bends one level below its parent (at the parent's own loss in an exact tree).
        """
        up = self.parents >= 0
        goal = np.where(up, self.parents, np.arange(self.n_nodes))
        end = np.where(up, self.levels[goal], self.top)
        bend = np.where(up, np.maximum(self.levels, end - self._spacing_below(end)), end)
        return np.stack([self.x, self.levels, self.x, bend, self.x[goal], end], axis=1).reshape(-1, 3, 2)

    def _picture(self) -> str:
        return svg(self.lines)

    def _spacing_below(self, levels: Floats) -> Floats:
        """Distance from each level of the grid to the next lower one; 0 in an exact tree."""
        if self.grid.size == 0:
            return np.zeros_like(levels)
        below = 2 * self.grid[0] - self.grid[1] if self.grid.size > 1 else self.levels.min()
        spacings = np.diff(self.grid, prepend=below)
        return spacings[np.searchsorted(self.grid, levels).clip(max=self.grid.size - 1)]


def picture(graph: LandscapeGraph) -> str:
    """SVG of the tree of the lowest minima; nothing without minima."""
    return svg(disconnectivity_tree(graph, max_minima=MOST_MINIMA).lines) if graph.n_minima else ""


def disconnectivity_tree(
    graph: LandscapeGraph,
    levels: int | ArrayLike | None = None,
    *,
    max_minima: int | None = None,
    emin: float = -np.inf,
    emax: float = np.inf,
    connected: bool = False,
    certified_only: bool = False,
) -> DisconnectivityTree:
    """Group minima into superbasins, from the bottom up.

    Parameters
    ----------
    graph : LandscapeGraph
        Minima and transition states.
    levels : int, (n_levels,) array or None
        Losses, in nats, at which minima are grouped: minima merge at the lowest level below which a path connects
        them; minima that are connected only above the last level do not merge. An integer gives the number of equally
        spaced levels, above the lowest minimum (or `emin`) and up to the highest superbasin (or `emax`). None merges
        at each exact barrier.
    max_minima : int, optional
        Keep at most this many of the lowest minima as leaves. Paths through the others still connect.
    emin : float
        Keep only minima with at least this loss, in nats.
    emax : float
        Keep only minima and connections with at most this loss, in nats.
    connected : bool
        Keep only minima that transition states connect to the global minimum, however high the path.
    certified_only : bool
        Leave out upper bounds. Otherwise those of the graph join components that transition states do not.

    Returns
    -------
    DisconnectivityTree

    Raises
    ------
    ValueError
        If no minimum is left, or `levels` or `max_minima` is invalid.

    Notes
    -----
    Levels by union-find over the transition states of the minimum spanning forest, sorted by loss,
    as in Kruskal's algorithm. Sources: Becker and Karplus, J. Chem. Phys. 106, 1495 (1997); Wales,
    Miller and Walsh, Nature 394, 758 (1998).

    Upper bounds join whole components, by the minimum spanning forest of the bounds over the components: what
    transition states connect merges where it would without them. Derived here, tested by test_disconnectivity.py.

    Layout: in each superbasin the branch of its lowest minimum is central, the others go outward by decreasing number
    of leaves, each to the side with fewer leaves so far. Leaves are counted along the whole funnel, so that its lowest
    minimum is central even if all merges are binary.
    """
    leaves, left_out = _leaves(graph, max_minima, emin, emax, connected=connected)
    grid = _given_grid(levels)
    limit = min(emax, grid[-1]) if grid.size else emax
    edges, heights = _joins(graph, certified_only=certified_only)
    joined = heights <= limit
    nodes = _merge(graph, leaves, edges[joined], heights[joined])
    if isinstance(levels, Integral):
        grid = _equal_grid(int(levels), nodes, emin, emax)
    nodes = _collapse(_raise_to(grid, nodes))
    numbers = _numbered(components(graph, limit)[leaves])[nodes.lowest]
    up = np.where(nodes.parents < 0, np.arange(numbers.size), nodes.parents)
    return DisconnectivityTree(
        parents=nodes.parents,
        levels=nodes.levels,
        minima=leaves,
        sizes=nodes.sizes,
        components=numbers,
        certified=numbers == numbers[up],
        x=_layout(nodes),
        grid=grid,
        n_minima=graph.n_minima,
        n_transition_states=graph.n_transition_states,
        ceiling=np.inf if joined.all() else float(limit),
        left_out=left_out,
    )


def _leaves(
    graph: LandscapeGraph, max_minima: int | None, emin: float, emax: float, *, connected: bool
) -> tuple[Integers, dict[str, int]]:
    """Minima to show, lowest first, and how many are left out for each reason."""
    if max_minima is not None and max_minima < 1:
        msg = f"max_minima must be at least 1; got {max_minima!r}"
        raise ValueError(msg)
    leaves, left_out = np.argsort(graph.losses, kind="stable"), {}
    rules = {
        "without a known path to the lowest": lambda k: components(graph)[k] == 0 if connected else k >= 0,
        f"below {emin:.4g} nats": lambda k: graph.losses[k] >= emin,
        f"above {emax:.4g} nats": lambda k: graph.losses[k] <= emax,
        f"higher than the lowest {max_minima}": lambda k: np.arange(k.size) < (max_minima or k.size),
    }
    for reason, kept in rules.items():
        chosen = kept(leaves)
        if not chosen.all():
            left_out[reason] = int(chosen.size - chosen.sum())
        leaves = leaves[chosen]
    if leaves.size == 0:
        msg = f"a disconnectivity tree needs a minimum; none of {graph.n_minima} is between {emin} and {emax} nats"
        raise ValueError(msg)
    return leaves, left_out


def _given_grid(levels: int | ArrayLike | None) -> Floats:
    """Levels listed by the caller; empty if there is no list."""
    if levels is None or (isinstance(levels, Integral) and int(levels) >= 1):
        return np.empty(0)
    grid = np.array(levels, dtype=np.float64)
    if grid.ndim != 1 or grid.size == 0 or not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
        msg = f"levels must be None, an integer >= 1 or losses in ascending order; got {levels!r}"
        raise ValueError(msg)
    return grid


def _equal_grid(n_levels: int, nodes: _Nodes, emin: float, emax: float) -> Floats:
    """Equally spaced levels up to the highest superbasin, or up to `emax`."""
    superbasins = nodes.levels[nodes.sizes > 1]
    low = emin if np.isfinite(emin) else nodes.levels.min()
    high = emax if np.isfinite(emax) else superbasins.max(initial=low)
    return np.linspace(low, high, n_levels + 1)[1:]


def _joins(graph: LandscapeGraph, *, certified_only: bool) -> tuple[Integers, Floats]:
    """What merges minima, lowest first: pairs of them (k, 2), and the loss (k,) at which each pair merges."""
    certified = spanning_forest(graph)
    edges, heights = graph.edges[certified], graph.barriers[certified]
    if not certified_only:
        bounds = bound_forest(graph)
        edges = np.concatenate([edges, graph.bound_edges[bounds]])
        heights = np.concatenate([heights, graph.bound_heights[bounds]])
    order = np.argsort(heights, kind="stable")  # certified ones first among equal losses
    return edges[order], heights[order]


def _numbered(labels: Integers) -> Integers:
    """The same partition, numbered in the order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _merge(graph: LandscapeGraph, leaves: Integers, edges: Integers, heights: Floats) -> _Nodes:
    """The binary tree that forms as minima merge pair by pair (k, 2) at the losses (k,), lowest first."""
    leader = list(range(graph.n_minima))
    leaf = np.full(graph.n_minima, -1)
    leaf[leaves] = np.arange(leaves.size)
    node = leaf.tolist()  # node of the superbasin that a minimum leads; -1 if it has no leaf
    parents, levels = [-1] * leaves.size, graph.losses[leaves].tolist()
    sizes, lowest = [1] * leaves.size, list(range(leaves.size))
    for (i, j), height in zip(edges.tolist(), heights.tolist(), strict=True):
        a, b = _find(leader, i), _find(leader, j)
        left, right = node[a], node[b]
        leader[b] = a
        node[a] = max(left, right)
        if min(left, right) >= 0:
            node[a] = parents[left] = parents[right] = len(parents)
            parents.append(-1)
            levels.append(height)
            sizes.append(sizes[left] + sizes[right])
            lowest.append(min(lowest[left], lowest[right]))
    return _Nodes(np.array(parents), np.array(levels), np.array(sizes), np.array(lowest))


def _find(leader: list[int], minimum: int) -> int:
    """Leader of a minimum's set, with path halving.

    Our own, because for 50,000 minima it takes 0.02 s, SciPy's `DisjointSet` 0.20 s and NetworkX's `UnionFind` 0.15 s.
    """
    while leader[minimum] != minimum:
        leader[minimum] = minimum = leader[leader[minimum]]
    return minimum


def _raise_to(grid: Floats, nodes: _Nodes) -> _Nodes:
    """Superbasins raised to the lowest level of the grid that is not below them."""
    if grid.size == 0:
        return nodes
    raised = grid[np.searchsorted(grid, nodes.levels).clip(max=grid.size - 1)]
    return nodes._replace(levels=np.where(nodes.sizes > 1, raised, nodes.levels))


def _collapse(nodes: _Nodes) -> _Nodes:
    """Merge superbasins that form at the same level into one with many branches."""
    parents, levels, sizes, lowest = nodes
    redundant = (sizes > 1) & (parents >= 0) & (levels == levels[parents])
    kept = np.flatnonzero(~redundant)
    number = np.cumsum(~redundant) - 1
    target = _follow(np.where(redundant, parents, np.arange(parents.size)))
    merged = np.where(parents >= 0, number[target[parents]], -1)
    return _Nodes(merged[kept], levels[kept], sizes[kept], lowest[kept])


def _follow(target: Integers) -> Integers:
    """Final target of each node when targets are followed repeatedly."""
    while (target != target[target]).any():
        target = target[target]
    return target


def _layout(nodes: _Nodes) -> Floats:
    """Horizontal position (n_nodes,) of each node."""
    tops = np.flatnonzero(nodes.parents < 0)
    tops = tops[np.argsort(nodes.lowest[tops])]
    left = np.zeros(nodes.parents.size)
    placed, ends = _side_by_side(tops, nodes)
    left[placed] = ends
    families = list(_families(nodes))
    return _straightened(_spread(left, nodes, families) + nodes.sizes / 2, nodes, families)


def _side_by_side(tops: Integers, nodes: _Nodes) -> tuple[Integers, Floats]:
    """Top nodes from left to right, and their left ends: the lowest, the others by decreasing size, single minima."""
    sizes = nodes.sizes[tops]
    first = np.arange(tops.size) == 0
    tops = tops[np.lexsort((nodes.lowest[tops], -sizes, ~first))]
    # many unconnected minima would leave no room for the others
    widths = np.where((nodes.sizes[tops] > 1) | (sizes.max() == 1), nodes.sizes[tops], LONELY)
    gaps = np.maximum(widths[1:], widths[:-1]) > 1.0  # no gap between single minima
    return tops, np.append(0.0, np.cumsum(widths[:-1] + gaps))


def _spread(left: Floats, nodes: _Nodes, families: list[Family]) -> Floats:
    """Left end of the interval of each node, from those of the top nodes."""
    ends, widths = left.tolist(), nodes.sizes.tolist()
    leans = [0] * len(ends)  # leaves to the left of a node minus leaves to its right, in the funnel around it
    for node, central, others in families:
        before, after, lean = [], [], leans[node]
        for child in others:
            side, sign = (before, 1) if lean <= 0 else (after, -1)
            side.append(child)
            lean += sign * widths[child]
        # a branch as large as the funnel itself is another funnel, which needs no balancing
        leans[central] = lean if 2 * abs(lean) <= widths[central] else 0
        end = ends[node]
        for child in (*reversed(before), central, *after):
            ends[child] = end
            end += widths[child]
    return np.array(ends)


def _straightened(x: Floats, nodes: _Nodes, families: list[Family]) -> Floats:
    """Positions (n_nodes,) with each superbasin exactly above its central branch if it is nearly so."""
    result, near = x.tolist(), (0.02 * nodes.sizes).tolist()
    for node, central, _ in reversed(families):
        if abs(result[central] - result[node]) <= near[node]:
            result[node] = result[central]
    return np.array(result)


def _families(nodes: _Nodes) -> Iterator[Family]:
    """Each superbasin, parents first, with its children: that of the lowest minimum, the others by decreasing size."""
    parents, _, sizes, lowest = nodes
    children = np.flatnonzero(parents >= 0)
    above = parents[children]
    other = lowest[children] != lowest[above]
    order = np.lexsort((lowest[children], -sizes[children], other, -above))
    family = above[order]
    ordered = children[order].tolist()
    bounds = [*np.flatnonzero(np.diff(family, prepend=-1)).tolist(), len(ordered)]
    for start, end in pairwise(bounds):
        yield int(family[start]), ordered[start], ordered[start + 1 : end]
