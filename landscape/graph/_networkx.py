"""A landscape as a graph of networkx, and back."""

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import lazy_loader
import numpy as np

from landscape.graph._connectivity import LandscapeGraph

if TYPE_CHECKING:
    import networkx as nx
else:
    nx = lazy_loader.load("networkx")  # few need it, and it takes long to import


def to_networkx(graph: LandscapeGraph) -> "nx.MultiGraph":
    """The graph for networkx: minima are nodes, transition states are edges keyed by their index.

    Nodes and edges have the attribute ``loss`` in nats. Upper bounds are left out.
    """
    result = nx.MultiGraph()
    result.add_nodes_from((i, {"loss": loss}) for i, loss in enumerate(graph.losses.tolist()))
    for k, ((i, j), loss) in enumerate(zip(graph.edges.tolist(), graph.transition_losses.tolist(), strict=True)):
        result.add_edge(i, j, key=k, loss=loss)
    return result


def from_networkx(network: "nx.Graph", *, attribute: str = "loss") -> LandscapeGraph:
    """Convert a networkx graph whose nodes and edges have a finite number as `attribute`, such as ``"energy"``.

    Minima are numbered in the order of the nodes. Transition states keep their numbers if the keys of a multigraph's
    edges are 0 ... m - 1 (as from `to_networkx`); otherwise they follow the order of the edges.

    Raises
    ------
    ValueError
        If the graph is directed, or a node or an edge has no such number.
    """
    if network.is_directed():
        msg = "network must be undirected: a transition state leads in both directions; got a directed graph"
        raise ValueError(msg)
    number = {node: i for i, node in enumerate(network.nodes)}
    nodes = [_loss_of(f"node {node!r}", data, attribute) for node, data in network.nodes(data=True)]
    keyed = network.edges(keys=True) if isinstance(network, nx.MultiGraph) else [(*e, None) for e in network.edges]
    rows = [(key, i, j, network.get_edge_data(i, j, key) or {}) for i, j, key in keyed]
    by_key = {row[0]: row for row in rows}
    if by_key.keys() == set(range(len(rows))):
        rows = [by_key[k] for k in range(len(rows))]
    return LandscapeGraph(
        losses=np.array(nodes),
        transition_losses=np.array([_loss_of(f"edge {i!r} - {j!r}", data, attribute) for _, i, j, data in rows]),
        edges=np.array([[number[i], number[j]] for _, i, j, _ in rows], dtype=np.int64).reshape(-1, 2),
    )


def _loss_of(what: str, attributes: Mapping[str, Any], name: str) -> float:
    loss = attributes.get(name)
    if not isinstance(loss, Real):
        msg = f"every node and edge must have a number as {name}; {what} has {loss!r}"
        raise ValueError(msg)
    return float(loss)
