"""Local optima networks as plain text: the trace of lonkit, and the lists of nodes and edges of Ochoa and Veerapen.

lonkit keeps its networks in memory; what it reads is a trace, a CSV file with the columns
``run,fit1,node1,fit2,node2``: a move from one local optimum to another in each line. The R scripts of G. Ochoa and N.
Veerapen read two files without headers: ``NAME.nodes`` with number, fitness and size of the basin, ``NAME.edges`` with
start, end and weight.

Such a network knows no transition states: how high the path between two optima rises is not in it. In the graph that is
read here an edge is level with the higher of its two optima: a lower bound on every barrier, whose superbasins are the
optima that moves connect without rising above a level.
"""

import csv
import io
from pathlib import Path

import numpy as np

from landscape.interchange._kinetic_network import LON, KineticNetwork
from landscape.interchange._text_tables import check_widths, floats, number, read_lines
from landscape.support import new_file, reading

TRACE = ("run", "fit1", "node1", "fit2", "node2")


def export_lon(network: KineticNetwork, path: str | Path) -> None:
    """Write a local optima network: a trace for lonkit (``F.csv``), or lists (``F.nodes`` and ``F.edges``).

    Fitness is the loss, to be minimized. Each transition state between two minima is a move in either direction; the
    weight of an edge is their number, the size of a basin the number of hits where it is known, otherwise 1.

    Raises
    ------
    ValueError
        If the path ends in neither ``.csv`` nor ``.nodes``.
    """
    path = Path(path)
    if path.suffix == ".csv":
        _write(path, _trace(network))
    elif path.suffix == ".nodes":
        _write(path.with_suffix(".edges"), _edges(network))
        _write(path, _nodes(network))
    else:
        msg = f"a local optima network is written to F.csv or F.nodes; got {path}"
        raise ValueError(msg)


def _write(path: Path, lines: list[str]) -> None:
    with new_file(path) as unfinished:
        unfinished.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _trace(network: KineticNetwork) -> list[str]:
    losses, ids = network.graph.losses.tolist(), network.ids.tolist()
    lines = [",".join(TRACE)]
    for run, (a, b) in enumerate(_proper(network), start=1):
        lines += [f"{run},{losses[i]!r},{ids[i]},{losses[j]!r},{ids[j]}" for i, j in ((a, b), (b, a))]
    return lines


def _proper(network: KineticNetwork) -> list[list[int]]:
    """Ends of the transition states that connect two minima."""
    edges = network.graph.edges
    return edges[edges[:, 0] != edges[:, 1]].tolist()


def _nodes(network: KineticNetwork) -> list[str]:
    sizes = network.columns.get("hits", np.ones(network.graph.n_minima)).tolist()
    rows = zip(network.ids.tolist(), network.graph.losses.tolist(), sizes, strict=True)
    return [f"{name} {loss!r} {size:g}" for name, loss, size in rows]


def _edges(network: KineticNetwork) -> list[str]:
    pairs = np.array(_proper(network), np.int64).reshape(-1, 2)
    moves, counts = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0, return_counts=True)
    ids = network.ids.tolist()
    return [f"{ids[a]} {ids[b]} {count}" for (a, b), count in zip(moves.tolist(), counts.tolist(), strict=True)]


# ---------------------------------------------------------------- reading


def read_lon_lists(path: Path) -> KineticNetwork:
    """Read ``NAME.nodes`` and ``NAME.edges``, named by either."""
    nodes, edges = read_lines(path.with_suffix(".nodes")), read_lines(path.with_suffix(".edges"))
    check_widths(nodes, 2, "number, fitness")
    check_widths(edges, 2, "start, end")
    sizes = floats(nodes, 2) if all(len(words) > 2 for _, words in nodes) else None
    position = {words[0]: k for k, (_, words) in enumerate(nodes)}
    for where, words in edges:
        if missing := [name for name in words[:2] if name not in position]:
            msg = f"{where}: expected two of the nodes in {path.with_suffix('.nodes').name}, found {missing[0]!r:.40}"
            raise ValueError(msg)
    moves = [(position[words[0]], position[words[1]]) for _, words in edges]
    return _network(path, list(position), floats(nodes, 1).tolist(), moves, {"basin_size": sizes})


def read_lon_trace(path: Path) -> KineticNetwork:
    """Read a trace of lonkit; of several values of a node the lowest counts, as there."""
    fitness: dict[str, float] = {}
    moves = []
    with reading(path, "is no trace of a local optima network"):
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        if missing := set(TRACE) - set(rows.fieldnames or ()):
            msg = f"it has no column {min(missing)!r}: expected {','.join(TRACE)}"
            raise ValueError(msg)
        for row in rows:
            for end in "12":
                name, value = row[f"node{end}"], number(row[f"fit{end}"])
                fitness[name] = min(value, fitness.get(name, value))
            moves.append((row["node1"], row["node2"]))
    position = {name: k for k, name in enumerate(fitness)}
    pairs = [(position[a], position[b]) for a, b in moves]
    return _network(path, list(position), list(fitness.values()), pairs, {})


def _network(
    path: Path, names: list[str], fitness: list[float], moves: list[tuple[int, int]], columns: dict
) -> KineticNetwork:
    pairs = np.array(moves, np.int64).reshape(-1, 2)
    proper = pairs[:, 0] != pairs[:, 1]
    edges, counts = np.unique(np.sort(pairs[proper], axis=1), axis=0, return_counts=True)
    values = np.array(fitness)
    loops = int(np.count_nonzero(~proper))
    return KineticNetwork.of(
        path,
        LON,
        values,
        values[edges].max(axis=1, initial=-np.inf),
        edges,
        ids=np.array(names),
        columns=columns,
        transition_columns={"moves": counts},
        left_out={"moves from an optimum to itself": loops} if loops else {},
    )
