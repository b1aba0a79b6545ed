"""Minima and transition states as a graph: components, lowest barriers, superbasins."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from landscape.graph._heights import TOLERANCE, below_minima, rounding
from landscape.graph._tree import picture
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LandscapeGraph(Result, shows=("losses",), axes={"n": "minimum", "m": "transition_state"}):
    """Minima connected by transition states, as plain read-only arrays.

    Several transition states may connect the same two minima, and one may connect a minimum to itself (both downhill
    paths lead to the same minimum, or to two symmetric images of it).

    Parameters
    ----------
    losses : (n,) float64
        Loss of each minimum, in nats; n may be 0.
    transition_losses : (m,) float64
        Loss of each transition state, in nats; m may be 0.
    edges : (m, 2) int64
        The two minima, 0 ... n - 1, that each transition state connects.
    tolerance : float
        Distance, in nats, by which rounding may put a transition state below one of its minima; for losses beyond 1
        nat relative to the loss. Such a transition state counts as level with that minimum (see `barriers`).
    bound_edges : (b, 2) int64
        Minima between which a path is known that is not certified to follow transition states; b may be 0.
    bounds : (b,) float64
        Highest loss on each of these paths, in nats: an upper bound on the barrier between its two minima. Only
        `disconnectivity_tree` uses it; components, barriers and superbasins are those of the transition states.
    loss_unit : str
        Unit of the losses in words; empty if it is another than nats.

    Raises
    ------
    ValueError
        If shapes do not match, a loss is not finite, an index is out of range, or a transition state or a bound is
        below one of its minima by more than `tolerance` and the rounding of its loss (`_heights`).
    """

    losses: Floats
    transition_losses: Floats
    edges: Integers
    tolerance: float = TOLERANCE
    bound_edges: Integers = field(default_factory=lambda: np.empty((0, 2), np.int64))
    bounds: Floats = field(default_factory=lambda: np.empty(0))
    loss_unit: str = "nats"

    def __post_init__(self) -> None:
        arrays = {
            "losses": _losses("losses", self.losses),
            "transition_losses": _losses("transition_losses", self.transition_losses),
            "edges": _edges("edges", self.edges),
            "bound_edges": _edges("bound_edges", self.bound_edges),
            "bounds": _losses("bounds", self.bounds),
        }
        for name, array in arrays.items():
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        _check_ends("edges", "transition state", self.edges, self.n_transition_states, self.n_minima)
        _check_ends("bound_edges", "bound", self.bound_edges, self.bounds.size, self.n_minima)
        check_barriers(self.losses, self.transition_losses, self.edges, self.tolerance)
        check_barriers(self.losses, self.bounds, self.bound_edges, self.tolerance, what="bound")

    def _picture(self) -> str:
        return picture(self.losses, components(self), *joins(self))

    @property
    def n_minima(self) -> int:
        """Number n of minima."""
        return self.losses.size

    @property
    def n_transition_states(self) -> int:
        """Number m of transition states."""
        return self.transition_losses.size

    @property
    def barriers(self) -> Floats:
        """Highest loss (m,) on the path across each transition state, never below its two minima."""
        return np.maximum(self.transition_losses, self.losses[self.edges].max(axis=1, initial=-np.inf))

    @property
    def bound_heights(self) -> Floats:
        """Upper bound (b,) on each barrier, never below its two minima."""
        return np.maximum(self.bounds, self.losses[self.bound_edges].max(axis=1, initial=-np.inf))

    @cached_property
    def _forest(self) -> Integers:
        """Cached result of `spanning_forest`, from which trees, barriers and funnels start."""
        return _minimum_forest(self.n_minima, self.edges, self.barriers)

    @cached_property
    def _bound_forest(self) -> Integers:
        return _minimum_forest(self.n_minima, components(self)[self.bound_edges], self.bound_heights)


def check_barriers(
    losses: Floats,
    transition_losses: Floats,
    edges: Integers,
    tolerance: float = TOLERANCE,
    *,
    what: str = "transition state",
) -> None:
    """Raise a ValueError if a transition state (m,) is below one of its minima (m, 2) among these (n,) (`_heights`).

    `what` these losses are of is part of the message.
    """
    wrong = below_minima(transition_losses, losses[edges], tolerance)
    if wrong.any():
        k = int(np.argmax(wrong))
        msg = (
            f"a {what} must not be below its minima; {what} {k} has loss "
            f"{transition_losses[k]!s}, its minima {edges[k].tolist()} have {losses[edges[k]].tolist()}"
        )
        raise ValueError(msg)


def spanning_forest(graph: LandscapeGraph) -> Integers:
    """Transition states (k,) of the minimum spanning forest, lowest first.

    They connect the same minima as all transition states, at the same lowest barriers: k = n - (number of components).
    Among equal barriers the smaller index is taken. The array is read-only.
    """
    return graph._forest


def bound_forest(graph: LandscapeGraph) -> Integers:
    """Upper bounds (k,) that join as many certified components as can be, lowest first, each at the lowest bound.

    They are the minimum spanning forest of the bounds over the components. The array is read-only.
    """
    return graph._bound_forest


def joins(graph: LandscapeGraph, *, certified_only: bool = False) -> tuple[Integers, Floats]:
    """What merges minima, lowest first: pairs of them (k, 2), and the loss (k,) at which each pair merges."""
    certified = spanning_forest(graph)
    edges, heights = graph.edges[certified], graph.barriers[certified]
    if not certified_only:
        bounds = bound_forest(graph)
        edges = np.concatenate([edges, graph.bound_edges[bounds]])
        heights = np.concatenate([heights, graph.bound_heights[bounds]])
    order = np.argsort(heights, kind="stable")  # certified ones first among equal losses
    return edges[order], heights[order]


def with_bounds(graph: LandscapeGraph) -> LandscapeGraph:
    """The graph whose edges are the transition states, first, and the upper bounds of another graph.

    Its minimax barriers are upper bounds on those of the landscape.
    """
    return LandscapeGraph(
        graph.losses,
        np.concatenate([graph.transition_losses, graph.bounds]),
        np.concatenate([graph.edges, graph.bound_edges]),
        graph.tolerance,
        loss_unit=graph.loss_unit,
    )


def zeroed(graph: LandscapeGraph) -> LandscapeGraph:
    """The graph with all losses measured from the global minimum."""
    lowest, highest = (graph.losses.min(), np.abs(graph.losses).max()) if graph.n_minima else (0.0, 0.0)
    return LandscapeGraph(
        graph.losses - lowest,
        graph.transition_losses - lowest,
        graph.edges,
        graph.tolerance + 2.0 * float(rounding(highest)),  # what it was before the subtraction
        graph.bound_edges,
        graph.bounds - lowest,
        graph.loss_unit,
    )


def _minimum_forest(n: int, edges: Integers, heights: Floats) -> Integers:
    """Those of the edges (m, 2) between n vertices that are the minimum spanning forest, lowest first."""
    ascending = np.argsort(heights, kind="stable")
    low, high = np.sort(edges[ascending], axis=1).T
    _, first = np.unique(low * n + high, return_index=True)  # the lowest of parallel ones
    first = np.sort(first[low[first] != high[first]])
    # ranks from 1 as weights: all distinct, and never 0, which means "no edge"
    weights = _adjacency(n, low[first], high[first], first + 1.0)
    ranks = np.sort(minimum_spanning_tree(weights).data).astype(np.int64) - 1
    forest = ascending[ranks]
    forest.flags.writeable = False
    return forest


def components(graph: LandscapeGraph, level: float = np.inf) -> Integers:
    """Label (n,) of the component of each minimum that transition states up to `level`, in nats, connect.

    Component 0 contains the global minimum; the others are ordered by their lowest minimum.
    """
    return _ordered(_connected(graph.n_minima, graph.edges[graph.barriers <= level]), graph.losses)


def minimax_barriers(graph: LandscapeGraph, source: int) -> Floats:
    """Minimax barrier (n,) from `source` to each minimum: the lowest possible maximum of the loss on a path, in nats.

    The path along the minimum spanning tree attains it. The source's own entry is its loss; unconnected minima have
    inf.

    Raises
    ------
    ValueError
        If `source` is not a minimum of the graph.
    """
    if not 0 <= source < graph.n_minima:
        msg = f"source must be a minimum 0 ... {graph.n_minima - 1}; got {source!r}"
        raise ValueError(msg)
    forest = spanning_forest(graph)
    start, end = graph.edges[forest].T
    order, previous = breadth_first_order(_adjacency(graph.n_minima, start, end), source, directed=False)
    last_step = np.full(graph.n_minima, np.inf)
    last_step[np.where(previous[start] == end, start, end)] = graph.barriers[forest]
    highest = np.full(graph.n_minima, np.inf)
    highest[source] = graph.losses[source]
    for minimum in order[1:]:
        highest[minimum] = max(highest[previous[minimum]], last_step[minimum])
    return highest


def minimax_barrier(graph: LandscapeGraph, a: int, b: int) -> float:
    """Minimax barrier between minima `a` and `b`: the lowest possible maximum of the loss, in nats; inf if unconnected.

    It is an ultrametric: among three minima the two largest of the three barriers are equal.

    Raises
    ------
    ValueError
        If `a` or `b` is not a minimum of the graph.
    """
    for name, minimum in (("a", a), ("b", b)):
        if not 0 <= minimum < graph.n_minima:
            msg = f"{name} must be a minimum 0 ... {graph.n_minima - 1}; got {minimum!r}"
            raise ValueError(msg)
    return float(minimax_barriers(graph, a)[b])


def superbasins(graph: LandscapeGraph, level: float) -> Integers:
    """Label (n,) of the superbasin of each minimum at a loss level in nats, -1 for minima above it.

    Two minima share a superbasin if a path that never rises above `level` connects them (Becker and Karplus, J. Chem.
    Phys. 106, 1495, 1997). Superbasin 0 contains the global minimum; the others are ordered by their lowest minimum.

    Raises
    ------
    ValueError
        If `level` is nan.
    """
    if np.isnan(level):
        msg = "level must be a loss in nats; got nan"
        raise ValueError(msg)
    below = graph.losses <= level
    labels = np.full(graph.n_minima, -1)
    connected = _connected(graph.n_minima, graph.edges[graph.barriers <= level])
    labels[below] = _ordered(connected[below], graph.losses[below])
    return labels


def _losses(name: str, values: ArrayLike) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1:
        msg = f"{name} must have one dimension; got shape {array.shape}"
        raise ValueError(msg)
    if not np.isfinite(array).all():
        k = int(np.argmin(np.isfinite(array)))
        msg = f"{name} must be finite; entry {k} is {array[k]}"
        raise ValueError(msg)
    return array


def _edges(name: str, values: ArrayLike) -> Integers:
    array = np.array(values)
    if array.size == 0:
        return np.empty((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        msg = f"{name} must be integers of shape (m, 2); got {array.dtype} of shape {array.shape}"
        raise ValueError(msg)
    return array.astype(np.int64)


def _check_ends(name: str, what: str, edges: Integers, number: int, n_minima: int) -> None:
    """Raise a ValueError unless there is one row for each of so many transition states or bounds, naming two minima."""
    if len(edges) != number:
        msg = f"{name} must have one row per {what}, {number}; got {len(edges)}"
        raise ValueError(msg)
    wrong = ((edges < 0) | (edges >= n_minima)).any(axis=1)
    if wrong.any():
        k = int(np.argmax(wrong))
        msg = f"{name} must name minima 0 ... {n_minima - 1}; {what} {k} has {edges[k].tolist()}"
        raise ValueError(msg)


def _adjacency(n: int, start: Integers, end: Integers, weights: NDArray[np.floating] | None = None) -> csr_array:
    values = np.ones(start.size) if weights is None else weights
    return csr_array((values, (start, end)), shape=(n, n))


def _connected(n: int, edges: Integers) -> Integers:
    return connected_components(_adjacency(n, *edges.T), directed=False)[1].astype(np.int64)


def _ordered(labels: Integers, losses: Floats) -> Integers:
    """The same partition, with labels ordered by the lowest loss in each part."""
    ascending = np.argsort(losses, kind="stable")
    _, first, inverse = np.unique(labels[ascending], return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    ordered = np.empty(labels.size, np.int64)
    ordered[ascending] = rank[inverse]
    return ordered
