"""The disconnectivity graph of a landscape: which minima are its leaves, and where they become connected."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landscape.graph._connectivity import LandscapeGraph, components, joins
from landscape.graph._merging import collapse, merge, raise_to
from landscape.graph._tree import DisconnectivityTree, laid_out
from landscape.graph._tree_layout import Nodes
from landscape.support import with_unit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def disconnectivity_tree(
    graph: LandscapeGraph,
    levels: int | ArrayLike | None = None,
    *,
    max_minima: int | None = None,
    emin: float = -np.inf,
    emax: float = np.inf,
    connected: bool = False,
    certified_only: bool = False,
    subgraph_size: int | None = None,
    marked: ArrayLike = (),
    pick: ArrayLike | None = None,
    min_connections: int = 0,
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
    subgraph_size : int, optional
        Draw what is not joined to the lowest minimum as a tree of its own if it has at least this many minima, and
        otherwise as ticks in a strip. By default five, and 2 % of all minima.
    marked : (k,) array of positions or (n,) mask
        Minima at which a mark will stand, such as the visited ones: in the strip they stand further apart.
    pick : (k,) array of positions or (n,) mask, optional
        Keep only these minima: the tree that they span. Paths through the others still connect, as with PICK of
        disconnectionDPS.
    min_connections : int
        Keep only minima at which at least this many transition states to other minima end. Paths through the others
        still connect, unlike with NCONNMIN of disconnectionDPS, which discards minima with NCONNMIN connections or
        fewer before its analysis.

    Returns
    -------
    DisconnectivityTree

    Raises
    ------
    ValueError
        If no minimum is left, or `levels`, `max_minima` or `pick` is invalid.

    Notes
    -----
    Levels by union-find over the transition states of the minimum spanning forest, sorted by loss,
    as in Kruskal's algorithm. Sources: Becker and Karplus, J. Chem. Phys. 106, 1495 (1997); Wales,
    Miller and Walsh, Nature 394, 758 (1998).

    Upper bounds join whole components, by the minimum spanning forest of the bounds over the components: what
    transition states connect merges where it would without them. Derived here, tested by test_disconnectivity.py.

    Layout: in each superbasin the branch of its lowest minimum is central, the others go outward by decreasing number
    of leaves, each to the side with fewer leaves so far. Leaves are counted along the whole funnel, so that its lowest
    minimum is central even if all merges are binary. Components in the strip would otherwise fill most of the drawing
    of a landscape that is not connected yet; ticks beside each other tell how many minima have about the same loss.
    """
    kept = _kept(graph, pick, min_connections)
    leaves, left_out = _leaves(graph, max_minima, emin, emax, kept, connected=connected)
    grid = _given_grid(levels)
    limit = min(emax, grid[-1]) if grid.size else emax
    edges, heights = joins(graph, certified_only=certified_only)
    joined = heights <= limit
    nodes = merge(graph.losses, leaves, edges[joined], heights[joined])
    if isinstance(levels, Integral):
        grid = _equal_grid(int(levels), nodes, emin, emax)
    return laid_out(
        collapse(raise_to(grid, nodes)),
        components(graph, limit)[leaves],
        _mask("marked", marked, graph.n_minima)[leaves],
        subgraph_size,
        minima=leaves,
        grid=grid,
        n_minima=graph.n_minima,
        n_transition_states=graph.n_transition_states,
        ceiling=np.inf if joined.all() else float(limit),
        left_out=left_out,
        loss_unit=graph.loss_unit,
    )


def exact_nodes(graph: LandscapeGraph) -> tuple[Nodes, Integers]:
    """The binary tree of all minima, merged at the barriers of transition states, and the minimum of each leaf."""
    leaves = np.argsort(graph.losses, kind="stable")
    return merge(graph.losses, leaves, *joins(graph, certified_only=True)), leaves


def connections(graph: LandscapeGraph) -> Integers:
    """Number (n,) of transition states that lead from each minimum to another one."""
    between = graph.edges[graph.edges[:, 0] != graph.edges[:, 1]]
    return np.bincount(between.ravel(), minlength=graph.n_minima)


def _mask(name: str, chosen: ArrayLike, n: int) -> Flags:
    """Mask (n,) of minima chosen by positions or by a mask."""
    where = np.asarray(chosen, None if np.size(chosen) else np.int64)
    if where.dtype != np.bool_ and where.size and not 0 <= where.min() <= where.max() < n:
        msg = f"{name} must name minima 0 ... {n - 1}; got {where.tolist()}"
        raise ValueError(msg)
    mask = np.zeros(n, np.bool_)
    mask[where] = True
    return mask


def _kept(graph: LandscapeGraph, pick: ArrayLike | None, min_connections: int) -> dict[str, Flags]:
    """Minima (n,) that are kept, by the reason for which the others are left out."""
    rules = {} if pick is None else {"not picked": _mask("pick", pick, graph.n_minima)}
    if min_connections > 0:
        states = "transition state" if min_connections == 1 else "transition states"
        rules[f"with fewer than {min_connections} {states}"] = connections(graph) >= min_connections
    return rules


def _leaves(
    graph: LandscapeGraph,
    max_minima: int | None,
    emin: float,
    emax: float,
    kept: Mapping[str, Flags],
    *,
    connected: bool,
) -> tuple[Integers, dict[str, int]]:
    """Minima to show, lowest first, and how many are left out for each reason."""
    if max_minima is not None and max_minima < 1:
        msg = f"max_minima must be at least 1; got {max_minima!r}"
        raise ValueError(msg)
    leaves, left_out = np.argsort(graph.losses, kind="stable"), {}
    rules = {reason: flags.__getitem__ for reason, flags in kept.items()} | {
        "without a known path to the lowest": lambda k: components(graph)[k] == 0 if connected else k >= 0,
        f"below {with_unit(f'{emin:.4g}', graph.loss_unit)}": lambda k: graph.losses[k] >= emin,
        f"above {with_unit(f'{emax:.4g}', graph.loss_unit)}": lambda k: graph.losses[k] <= emax,
        f"higher than the lowest {max_minima}": lambda k: np.arange(k.size) < (max_minima or k.size),
    }
    for reason, rule in rules.items():
        chosen = rule(leaves)
        if not chosen.all():
            left_out[reason] = int(chosen.size - chosen.sum())
        leaves = leaves[chosen]
    if leaves.size == 0:
        why = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
        between = with_unit(f"{emin} and {emax}", graph.loss_unit)
        msg = f"a disconnectivity tree needs a minimum; none of {graph.n_minima} is between {between}"
        msg += f" and meets the other conditions: {why}" if kept and why else ""
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


def _equal_grid(n_levels: int, nodes: Nodes, emin: float, emax: float) -> Floats:
    """Equally spaced levels up to the highest superbasin, or up to `emax`."""
    superbasins = nodes.levels[nodes.sizes > 1]
    low = emin if np.isfinite(emin) else nodes.levels.min()
    high = emax if np.isfinite(emax) else superbasins.max(initial=low)
    return np.linspace(low, high, n_levels + 1)[1:]
