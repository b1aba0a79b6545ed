from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.graphs import chain, graphs, minimax_by_triple_loop

from landscape import LandscapeGraph
from landscape.graph import components, fastest_path, from_networkx, minimax_barrier, to_networkx

# ---------------------------------------------------------------- to and from networkx


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_there_and_back(graph):
    again = from_networkx(to_networkx(graph))
    np.testing.assert_array_equal(again.losses, graph.losses)
    np.testing.assert_array_equal(again.transition_losses, graph.transition_losses)
    np.testing.assert_array_equal(np.sort(again.edges, axis=1), np.sort(graph.edges, axis=1))


def test_a_graph_of_named_minima():
    network = nx.Graph()
    network.add_node("b", loss=1)
    network.add_node("a", loss=np.float64(0.5))
    network.add_edge("a", "b", loss=2.0)
    graph = from_networkx(network)
    assert graph.losses.tolist() == [1.0, 0.5]
    assert graph.edges.tolist() in ([[0, 1]], [[1, 0]])
    assert from_networkx(nx.Graph()).n_minima == 0


def test_graphs_without_losses_are_refused():
    network = to_networkx(chain())
    network.nodes[2].pop("loss")
    with pytest.raises(ValueError, match="node 2 has None"):
        from_networkx(network)
    network.nodes[2]["loss"] = 0.0
    network.edges[0, 1, 0]["loss"] = "high"
    with pytest.raises(ValueError, match="edge 0 - 1 has 'high'"):
        from_networkx(network)
    with pytest.raises(ValueError, match="undirected"):
        from_networkx(nx.DiGraph())


# ---------------------------------------------------------------- barriers


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_the_minimax_barrier_is_an_ultrametric(graph):
    n = graph.n_minima
    barriers = np.array([[minimax_barrier(graph, a, b) for b in range(n)] for a in range(n)])
    np.testing.assert_array_equal(barriers, minimax_by_triple_loop(graph))
    np.testing.assert_array_equal(barriers, barriers.T)
    assert (barriers[:, None, :] <= np.maximum(barriers[:, :, None], barriers[None, :, :])).all()


# ---------------------------------------------------------------- fastest path


def simple_ways(graph, a, b):
    """Every way (minima, transition states) from a to b that visits no minimum twice."""
    edges = graph.edges.tolist()

    def further(minima, states):
        if minima[-1] == b:
            yield list(minima), list(states)
            return
        for k, (i, j) in enumerate(edges):
            for start, end in ((i, j), (j, i)):
                if start == minima[-1] and end not in minima:
                    yield from further([*minima, end], [*states, k])

    return further([a], [])


def climb_of(graph, minima, states):
    return sum(graph.barriers[k] - graph.losses[i] for i, k in zip(minima, states, strict=False))


def log_probability_of(graph, minima, rates):
    """Product of branching probabilities along a sequence of minima, from the rates across transition states."""

    def total(i, j=None):
        return sum(
            rates[k]
            for k, (a, b) in enumerate(graph.edges.tolist())
            if a != b and i in (a, b) and (j is None or {a, b} == {i, j})
        )

    return sum(np.log(total(i, j) / total(i)) for i, j in pairwise(minima))


few = graphs().filter(lambda graph: graph.n_minima <= 6 and graph.n_transition_states <= 9)


@settings(deadline=None, max_examples=40)
@given(few, st.data())
def test_the_lowest_way_is_the_best_of_all(graph, data):
    a, b = (data.draw(st.integers(0, graph.n_minima - 1)) for _ in range(2))
    ways = list(simple_ways(graph, a, b))
    if not ways:
        with pytest.raises(ValueError, match=f"no known path leads from minimum {a} to minimum {b}"):
            fastest_path(graph, a, b)
        return
    path = fastest_path(graph, a, b)
    lowest = minimax_barrier(graph, a, b)
    kept = [way for way in ways if graph.barriers[way[1]].max(initial=graph.losses[a]) <= lowest]
    assert path.highest == lowest
    assert path.climb == pytest.approx(min(climb_of(graph, *way) for way in kept))
    assert path.climb == pytest.approx(climb_of(graph, path.minima, path.transition_states))
    assert (path.minima[0], path.minima[-1]) == (a, b)
    for (i, j), k in zip(pairwise(path.minima), path.transition_states, strict=True):
        assert sorted(graph.edges[k]) == sorted((i, j))
    assert np.isnan(path.log_probability)


@settings(deadline=None, max_examples=40)
@given(few, st.data(), st.floats(0.2, 5))
def test_the_fastest_way_is_the_best_of_all(graph, data, temperature):
    a, b = (data.draw(st.integers(0, graph.n_minima - 1)) for _ in range(2))
    m = graph.n_transition_states
    determinants = np.array(data.draw(st.lists(st.floats(-3, 3), min_size=m, max_size=m)))
    copies = np.array(data.draw(st.lists(st.integers(1, 8), min_size=m, max_size=m)))
    ways = list(simple_ways(graph, a, b))
    if not ways:
        return
    arguments = {"temperature": temperature, "log_determinants": determinants, "multiplicities": copies}
    path = fastest_path(graph, a, b, **arguments)
    rates = copies * np.exp(-graph.barriers / temperature - determinants / 2)
    best = max(log_probability_of(graph, minima, rates) for minima, _ in ways)
    assert path.log_probability == pytest.approx(best, abs=1e-9)
    assert path.log_probability == pytest.approx(log_probability_of(graph, path.minima.tolist(), rates), abs=1e-9)
    for (i, j), k in zip(pairwise(path.minima.tolist()), path.transition_states.tolist(), strict=True):
        parallel = [k for k, edge in enumerate(graph.edges.tolist()) if sorted(edge) == sorted((i, j))]
        assert rates[k] == pytest.approx(max(rates[parallel]))


def test_wide_saddles_win_when_it_is_hot_and_low_ones_when_it_is_cold():
    """0 - 1 - 3 is low and narrow, 0 - 2 - 3 high and wide."""
    edges = np.array([[0, 1], [1, 3], [0, 2], [2, 3]])
    graph = LandscapeGraph(np.array([0.0, 0.5, 0.6, 0.1]), np.array([1.0, 1.0, 1.2, 1.2]), edges)
    determinants = np.array([4.0, 4.0, 0.0, 0.0])
    cold = fastest_path(graph, 0, 3, temperature=0.01, log_determinants=determinants)
    hot = fastest_path(graph, 0, 3, temperature=10.0, log_determinants=determinants)
    assert cold.minima.tolist() == [0, 1, 3]
    assert hot.minima.tolist() == [0, 2, 3]
    assert hot.transition_states.tolist() == [2, 3]
    # from 0 by detailed balance: the two rates alone; from 2 both ways are alike
    assert hot.log_probability == pytest.approx(-np.log1p(np.exp(-2.0 + 0.02)) - np.log(2))
    assert fastest_path(graph, 0, 3).minima.tolist() == [0, 1, 3]
    assert fastest_path(graph, 0, 3).climb == pytest.approx(1.0 + 0.5)


def test_from_a_minimum_to_itself():
    path = fastest_path(chain(), 1, 1, temperature=1.0, log_determinants=np.zeros(5))
    assert (path.minima.tolist(), path.transition_states.tolist()) == ([1], [])
    assert (path.highest, path.climb, path.log_probability) == (2.0, 0.0, 0.0)


@settings(deadline=None, max_examples=20)
@given(few, st.floats(0.2, 5), st.floats(-20, 20))
def test_a_common_factor_of_all_rates_changes_nothing(graph, temperature, shift):
    last = int(np.flatnonzero(components(graph) == 0)[-1])
    first, flat = int(np.argmin(graph.losses)), np.zeros(graph.n_transition_states)
    paths = [fastest_path(graph, first, last, temperature=temperature, log_determinants=flat + x) for x in (0.0, shift)]
    assert paths[0].log_probability == pytest.approx(paths[1].log_probability, abs=1e-9)


@pytest.mark.parametrize(
    ("ends", "arguments", "message"),
    [
        ((0, 4), {}, r"b must be a minimum 0 \.\.\. 3; got 4"),
        ((-1, 0), {}, r"a must be a minimum 0 \.\.\. 3; got -1"),
        ((0, 3), {}, "no known path leads from minimum 0 to minimum 3"),
        ((0, 2), {"temperature": 1.0}, "temperature and log_determinants together"),
        ((0, 2), {"log_determinants": np.zeros(5)}, "temperature and log_determinants together"),
        ((0, 2), {"temperature": 0.0, "log_determinants": np.zeros(5)}, "temperature must be a positive number"),
        ((0, 2), {"temperature": 1.0, "log_determinants": np.zeros(4)}, "log_determinants must be finite"),
        (
            (0, 2),
            {"temperature": 1.0, "log_determinants": np.zeros(5), "multiplicities": np.zeros(5)},
            "multiplicities must be positive",
        ),
    ],
)
def test_bad_arguments_are_refused(ends, arguments, message):
    with pytest.raises(ValueError, match=message):
        fastest_path(chain(), *ends, **arguments)
