"""The graph of minima as GraphML, for Gephi, Cytoscape, igraph or NetworkX; and back as a network."""

import json
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import networkx as nx
import numpy as np

from landscape.database import Database, StoredMinimum, StoredTransitionState
from landscape.interchange._kinetic_network import KineticNetwork
from landscape.support import new_file, reading

MAX_LONG = 2**63 - 1  # of GraphML's whole numbers
LOSSES = ("loss", "energy")  # names of the same thing


def export_graphml(database: Database, path: str | Path) -> None:
    """Write minima as nodes and transition states as edges; parallel ones have keys (ids) of their own.

    Nodes are called by the minima's ids, lowest first. Attributes of both: ``loss`` in nats, ``hits``, ``origin``,
    ``orbit_size`` (a whole number where GraphML can hold them all), ``trace``, ``log_determinant``,
    ``lowest_eigenvalue``, ``rms_gradient``; edges also have ``ends_checked``, false if nobody has followed their
    paths. The provenance is an attribute of the graph, as JSON.
    """
    with new_file(path) as unfinished:
        nx.write_graphml_xml(_network(database), str(unfinished))


def _network(database: Database) -> nx.MultiGraph:
    network = nx.MultiGraph(provenance=json.dumps(database.provenance.stored))
    minima, states = database.minima, database.transition_states
    for stored, attributes in zip(minima, _attributes(minima), strict=True):
        network.add_node(stored.id, **attributes)
    unchecked = database.unchecked_ends()
    for stored, attributes in zip(states, _attributes(states), strict=True):
        network.add_edge(*stored.minimum_ids, key=stored.id, **attributes, ends_checked=stored.id not in unchecked)
    return network


def _attributes(points: Sequence[StoredMinimum | StoredTransitionState]) -> list[dict[str, Any]]:
    whole = max((stored.orbit_size for stored in points), default=0) <= MAX_LONG
    return [
        {
            "loss": stored.point.value,
            "hits": stored.hits,
            "origin": stored.origin,
            "orbit_size": stored.orbit_size if whole else float(stored.orbit_size),
            "trace": stored.point.trace,
            "log_determinant": stored.point.log_determinant,
            "lowest_eigenvalue": float(stored.point.eigenvalues[0]),
            "rms_gradient": stored.point.rms_gradient,
            **_discovery(stored),
        }
        for stored in points
    ]


def _discovery(stored: StoredMinimum | StoredTransitionState) -> dict[str, Any]:
    """The snapshot that found a minimum, if one did."""
    return asdict(stored.discovery) if isinstance(stored, StoredMinimum) and stored.discovery else {}


# ---------------------------------------------------------------- reading


def read_graphml(path: str | Path) -> KineticNetwork:
    """Read the network in any GraphML file.

    Nodes and edges need an attribute ``loss`` or ``energy``. Minima and transition states are sorted, lowest first, as
    in `Database.graph`. Other attributes that are a number for all nodes (or all edges) are columns.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not GraphML, has a document type (whose entities could expand without end), is directed, uses an id
        twice, or its losses are missing or invalid: the message names the path.
    """
    path = Path(path)
    with reading(path, "is not GraphML of a landscape"):
        content = path.read_bytes()
        elements = _elements(content)
        network = _parsed(content)
        if (network.number_of_nodes(), network.number_of_edges()) != (elements["node"], elements["edge"]):
            msg = "its nodes and edges must have ids of their own, and edges must name nodes"
            raise ValueError(msg)
        return _landscape(path, network)


def _landscape(path: Path, network: nx.MultiGraph) -> KineticNetwork:
    """Losses and edges, lowest first; equal ones in the order of the file, or of integer keys."""
    losses = {node: _loss(data, f"node {node!r}") for node, data in network.nodes(data=True)}
    nodes = sorted(losses, key=lambda node: losses[node])
    position = {node: k for k, node in enumerate(nodes)}
    edges = sorted(
        (
            (_loss(data, f"edge {key!r}"), _order(key), (position[a], position[b]), data)
            for a, b, key, data in network.edges(keys=True, data=True)
        ),
        key=lambda edge: edge[:3],
    )
    whole = all(re.fullmatch(r"\d{1,18}", str(node)) for node in nodes)
    return KineticNetwork.of(
        path,
        "GraphML",
        [losses[node] for node in nodes],
        [edge[0] for edge in edges],
        [edge[2] for edge in edges],
        ids=np.array([int(node) if whole else str(node) for node in nodes], None if nodes else np.int64),
        columns=_numbers([network.nodes[node] for node in nodes]),
        transition_columns=_numbers([edge[3] for edge in edges]),
        metadata=_metadata(network),
    )


def _numbers(points: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Attributes that are a finite number for all points; of ours the log product is without a negative eigenvalue."""
    names = [name for name in (points[0] if points else {}) if name not in LOSSES]
    columns = {name: [data.get(name) for data in points] for name in names}
    found = {
        name: [float(value) for value in values]  # pyright: ignore[reportArgumentType]
        for name, values in columns.items()
        if all(map(_is_number, values))
    }
    if {"log_determinant", "lowest_eigenvalue"} <= found.keys():
        pairs = zip(found.pop("log_determinant"), found["lowest_eigenvalue"], strict=True)
        found["log_product"] = [total - (np.log(-lowest) if lowest < 0.0 else 0.0) for total, lowest in pairs]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _metadata(network: nx.MultiGraph) -> dict[str, Any]:
    """The data set of a network that agescape wrote."""
    try:
        said = json.loads(network.graph.get("provenance", "{}"))["dataset"]
    except (ValueError, TypeError, LookupError):
        return {}
    return said if isinstance(said, dict) else {}


def _elements(content: bytes) -> Counter[str]:
    """Number of elements of each name. Raises a ValueError at a document type, before reading it."""
    found: Counter[str] = Counter()

    def refuse(*_: object) -> None:
        msg = "a document type is refused"
        raise ValueError(msg)

    def count(name: str, _attributes: object) -> None:
        found[name.rpartition(" ")[2]] += 1

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = count
    parser.Parse(content, True)
    return found


def _parsed(content: bytes) -> nx.MultiGraph:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parts of the format that are not needed here
            network: Any = nx.parse_graphml(content, force_multigraph=True)
    except (nx.NetworkXException, ParseError) as error:
        msg = f"it cannot be parsed ({error})"
        raise ValueError(msg) from error
    if network.is_directed():
        msg = "its edges must not be directed"
        raise ValueError(msg)
    return network


def _order(key: Any) -> tuple[bool, int]:
    """Edges with integer keys first, in their order."""
    return (False, key) if isinstance(key, int) else (True, 0)


def _loss(data: dict[str, Any], what: str) -> float:
    loss = data.get("loss", data.get("energy"))
    if isinstance(loss, bool) or not isinstance(loss, int | float) or not np.isfinite(loss):
        msg = f"{what} must have a finite number as attribute 'loss'; got {loss!r}"
        raise ValueError(msg)
    return float(loss)
