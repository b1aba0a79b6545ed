"""Networks that others published, against what their own programs made of them."""

import re
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from support.graphs import minimax_by_triple_loop
from support.public import PUBLIC, needs_public

from landscape import disconnectivity_tree
from landscape.graph import components, from_networkx, funnelling, minimax_barriers, superbasins, to_networkx
from landscape.interchange import read_network, read_pathsample
from landscape.kinetics import committors, first_passage_times

pytestmark = needs_public

SEGMENT = re.compile(r"([\d.]+) +([\d.]+) mt +([\d.]+) +([\d.]+) ls")
LABEL = re.compile(r"([\d.]+) +([\d.]+) mt \((\d+)\) show")


def settings(folder):
    """Numbers of the keywords in disconnectionDPS's dinfo."""
    words = [line.split() for line in (folder / "dinfo").read_text().splitlines() if line and line[0] not in "! "]
    return {word[0]: float(word[1]) for word in words if len(word) == 2 and word[1][-1].isdigit()}


def drawn(folder):
    """The tree in tree.ps: parent of each end of a line (x, energy), and the ids that are written there."""
    said, text = settings(folder), (folder / "tree.ps").read_text()
    frame, lines = text.split("% Level:", 1)
    top, bottom = (float(y) for y in re.search(r"([\d.]+) mt +70.00 +([\d.]+) ls", frame).groups())
    step = (top - bottom) / (said["LEVELS"] - 1)

    def point(x, y):
        return x, round(said["FIRST"] - (top - float(y)) / step * said["DELTA"], 9)

    body, labels = lines.split("setrgbcolor", 1)
    parents = {point(c, d): point(a, b) for a, b, c, d in SEGMENT.findall(body)}
    return parents, {point(x, y): int(name) for x, y, name in LABEL.findall(labels)}


def meeting(parents, leaf, other):
    """Where the ways up from two leaves meet."""
    ways = [[node := leaf], [other]]
    for way in ways:
        while (node := parents.get(way[-1])) is not None:
            way.append(node)
    return next(node for node in ways[0] if node in ways[1])


def test_the_tree_of_lj38_is_that_of_disconnectiondps():
    """All 64 minima: which are drawn, their energies, and the height at which each pair of them meets."""
    folder = PUBLIC / "lj38"
    network, said, (parents, labels) = read_network(folder), settings(folder), drawn(folder)
    top, step = said["FIRST"], said["DELTA"]
    grid = np.sort(top - step * np.arange(said["LEVELS"]))
    tree = disconnectivity_tree(network.graph, grid, emax=said["MAXTSENERGY"])
    whole = tree.components == tree.components[0]  # what is connected to minimum 2, the lowest (CONNECTMIN 2)
    leaves = np.flatnonzero(whole[: tree.n_leaves])
    theirs = sorted(set(parents) - set(parents.values()), key=lambda node: node[1])
    assert len(theirs) == leaves.size == 40
    np.testing.assert_allclose([height for _, height in theirs], tree.levels[leaves], atol=0.01 * step / 26.5)
    assert {labels[node]: network.ids[tree.minima[k]] for k, node in enumerate(theirs) if node in labels} == {
        2: 2,
        8: 8,
    }
    left = np.setdiff1d(np.arange(64), tree.minima[leaves])  # the others are apart below the highest level
    assert (minimax_barriers(network.graph, 1)[left] > said["MAXTSENERGY"]).all()
    up = dict(enumerate(tree.parents.tolist()))
    up = {k: parent for k, parent in up.items() if parent >= 0}
    for i, j in combinations(range(leaves.size), 2):
        ours = tree.levels[meeting(up, int(leaves[i]), int(leaves[j]))]
        assert ours == pytest.approx(meeting(parents, theirs[i], theirs[j])[1], abs=1e-6), (i, j)


def test_lj38_in_numbers():
    network = read_network(PUBLIC / "lj38" / "min.data")
    assert (network.format, network.graph.n_minima, network.graph.n_transition_states) == ("PATHSAMPLE", 64, 70)
    best = minimax_by_triple_loop(network.graph)
    np.testing.assert_array_equal(minimax_barriers(network.graph, 1), best[1])
    labels = superbasins(network.graph, -170.0)
    below = network.graph.losses <= -170.0
    same = best[np.ix_(below, below)] <= -170.0
    np.testing.assert_array_equal(labels[below][:, None] == labels[below], same)
    assert funnelling(network.graph).connected == np.isfinite(best[1]).sum() - 1
    assert {name: network.ids[minima].tolist() for name, minima in network.sets.items()} == {"A": [2], "B": [8]}
    loops = network.graph.edges[:, 0] == network.graph.edges[:, 1]
    rates = network.rates(0.15)
    assert np.count_nonzero(loops) == 1
    assert np.flatnonzero(rates.image_rates).tolist() == [network.graph.edges[loops][0, 0]]
    k = rates.rates.toarray()
    flow = np.exp(rates.log_weights)[:, None] * k
    np.testing.assert_allclose(flow, flow.T, rtol=1e-9)  # detailed balance


def test_the_committors_of_the_nine_states_are_the_published_ones():
    """994 minima at T = 1; the published committors are between the two minima where they are 0 and 1."""
    network = read_network(PUBLIC / "ktn-9state")
    right = np.loadtxt(PUBLIC / "ktn-9state" / "committor_AB.dat")
    ends = np.flatnonzero(right == 0.0), np.flatnonzero(right == 1.0)
    rates = network.rates(1.0)
    np.testing.assert_allclose(committors(rates, *ends), right, rtol=0, atol=2e-15)
    assert ends[0] in network.sets["B"]
    assert ends[1] in network.sets["A"]
    sizes = {name: len(minima) for name, minima in network.sets.items()}
    assert sizes == {"A": 98, "B": 147}
    assert np.isfinite(first_passage_times(rates, network.sets["B"])).all()
    np.testing.assert_array_equal(network.columns["community"], np.loadtxt(PUBLIC / "ktn-9state" / "communities.dat"))


def test_collagen_has_the_components_that_networkx_counts():
    network = read_network(PUBLIC / "collagen")
    assert (network.graph.n_minima, network.graph.n_transition_states) == (2203, 3609)
    theirs = nx.number_connected_components(to_networkx(network.graph))
    assert components(network.graph).max() + 1 == disconnectivity_tree(network.graph).n_components == theirs
    np.testing.assert_array_equal(network.graph.losses, np.loadtxt(PUBLIC / "collagen" / "min.data")[:, 0])


def test_points_of_pele_are_those_of_its_network():
    network, points = read_network(PUBLIC / "pele-utils"), read_pathsample(PUBLIC / "pele-utils")
    np.testing.assert_array_equal(network.graph.losses, points.said_of_minima.losses)
    np.testing.assert_array_equal(network.graph.edges, points.ends)
    assert points.minima.shape == (2, network.columns["moments_of_inertia"].size * 30)


@pytest.mark.parametrize(
    ("name", "minima", "states", "parts", "columns"),
    [
        ("lj15.2.sqlite", 44, 44, 6, {"log_product", "point_group_order"}),
        ("lj6_schema1.sqlite", 2, 1, 1, set()),
        ("lj6_schema2.2.sqlite", 2, 1, 1, set()),
    ],
)
def test_databases_of_pele_under_python_2(name, minima, states, parts, columns):
    network = read_network(PUBLIC / "pele-python2" / name)
    assert (network.graph.n_minima, network.graph.n_transition_states) == (minima, states)
    assert components(network.graph).max() + 1 == parts
    assert network.columns.keys() == columns
    assert (network.transition_columns["lowest_eigenvalue"] < 0.0).all()
    if not columns:
        with pytest.raises(ValueError, match=r"sqlite \(pele\) does not give the log product of its points"):
            network.rates(1.0)


def test_the_files_of_topography_searcher():
    sizes = [(PUBLIC / "topsearch" / name).stat().st_size for name in ("min.data", "ts.data")]
    if sizes != [48, 42]:
        pytest.skip(f"{PUBLIC / 'topsearch'} does not hold the published files: {sizes} bytes")
    network = read_network(PUBLIC / "topsearch")
    assert network.ids.tolist() == [0, 1, 2, 3]
    assert network.graph.edges.tolist() == [[0, 3], [1, 3], [2, 3]]
    theirs = nx.Graph()  # as topsearch.data.kinetic_transition_network makes it
    theirs.add_nodes_from((int(k), {"energy": e}) for k, e in np.loadtxt(PUBLIC / "topsearch" / "min.data"))
    theirs.add_edges_from((int(a), int(b), {"energy": e}) for a, b, e in np.loadtxt(PUBLIC / "topsearch" / "ts.data"))
    np.testing.assert_array_equal(
        minimax_barriers(from_networkx(theirs, attribute="energy"), 0), minimax_barriers(network.graph, 0)
    )
