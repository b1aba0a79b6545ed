import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.graphs import chain, graphs, minimax_by_triple_loop

from landscape import LandscapeGraph
from landscape.graph import components, minimax_barriers, superbasins, to_networkx
from landscape.graph._connectivity import spanning_forest

NO_EDGES = np.empty((0, 2), np.int64)


def parts(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in set(labels.tolist()) - {-1}}


def in_order_of_lowest_minimum(labels, losses):
    lowest = [losses[labels == label].min() for label in range(labels.max(initial=-1) + 1)]
    return lowest == sorted(lowest)


def test_chain_by_hand():
    graph = chain()
    assert components(graph).tolist() == [0, 0, 0, 1]
    assert minimax_barriers(graph, 2).tolist() == [5.0, 3.0, 0.0, np.inf]
    assert superbasins(graph, 2.5).tolist() == [2, 3, 0, 1]
    assert superbasins(graph, 3.0).tolist() == [2, 0, 0, 1]
    assert superbasins(graph, 0.7).tolist() == [-1, -1, 0, 1]
    assert spanning_forest(graph).tolist() == [1, 0]


@settings(deadline=None)
@given(graphs())
def test_minimax_equals_triple_loop(graph):
    expected = minimax_by_triple_loop(graph)
    for source in range(graph.n_minima):
        np.testing.assert_array_equal(minimax_barriers(graph, source), expected[source])


@settings(deadline=None)
@given(graphs())
def test_components_are_those_of_networkx_in_order(graph):
    labels = components(graph)
    assert parts(labels) == {frozenset(part) for part in nx.connected_components(to_networkx(graph))}
    assert in_order_of_lowest_minimum(labels, graph.losses)


@settings(deadline=None)
@given(graphs(), st.integers(-1, 11))
def test_superbasins_are_pairs_below_the_level(graph, level):
    labels = superbasins(graph, level)
    assert (labels[graph.losses > level] == -1).all()
    below = np.flatnonzero(graph.losses <= level)
    together = labels[below][:, None] == labels[below]
    np.testing.assert_array_equal(together, minimax_by_triple_loop(graph)[np.ix_(below, below)] <= level)
    assert in_order_of_lowest_minimum(labels[below], graph.losses[below])


@settings(deadline=None)
@given(graphs())
def test_spanning_forest_connects_all_with_the_fewest(graph):
    forest = spanning_forest(graph)
    kept = LandscapeGraph(graph.losses, graph.transition_losses[forest], graph.edges[forest])
    np.testing.assert_array_equal(components(kept), components(graph))
    assert forest.size == graph.n_minima - 1 - components(graph).max()
    assert (np.diff(graph.barriers[forest]) >= 0).all()


def test_networkx_graph_holds_parallel_transition_states_and_loops():
    graph = chain()
    result = to_networkx(graph)
    assert result.number_of_nodes() == 4
    assert result.number_of_edges() == 5
    assert sorted(data["loss"] for data in result[0][1].values()) == [5.0, 6.0]
    assert result.edges[1, 1, 3]["loss"] == 2.0
    assert result.nodes[3]["loss"] == 0.5


def test_a_loss_below_the_minimum_by_rounding_counts_as_the_minimum():
    graph = LandscapeGraph(np.array([1.0, 2.0]), np.array([2.0 - 1e-12]), np.array([[0, 1]]))
    assert minimax_barriers(graph, 0).tolist() == [1.0, 2.0]
    assert superbasins(graph, 2.0).tolist() == [0, 0]


def test_no_minima():
    graph = LandscapeGraph(np.empty(0), np.empty(0), NO_EDGES)
    assert components(graph).size == superbasins(graph, 1.0).size == spanning_forest(graph).size == 0


def test_many_parallel_transition_states():
    graph = LandscapeGraph(np.zeros(2), np.arange(1.0, 513.0)[::-1], np.tile([0, 1], (512, 1)))
    assert components(graph).tolist() == [0, 0]
    assert minimax_barriers(graph, 1).tolist() == [1.0, 0.0]


def test_arrays_are_read_only_copies():
    losses = np.array([1.0, 2.0])
    graph = LandscapeGraph(losses, np.array([3.0]), np.array([[0, 1]]))
    losses[0] = 9.0
    assert graph.losses[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        graph.edges[0, 0] = 1


@pytest.mark.parametrize(
    ("losses", "heights", "edges", "message"),
    [
        ([0.0, np.nan], [], NO_EDGES, "losses must be finite; entry 1 is nan"),
        ([0.0, 1.0], [np.inf], [[0, 1]], "transition_losses must be finite; entry 0 is inf"),
        ([[0.0]], [], NO_EDGES, "losses must have one dimension"),
        ([0.0, 1.0], [2.0], [[0, 2]], r"minima 0 \.\.\. 1; transition state 0 has \[0, 2\]"),
        ([0.0, 1.0], [2.0], [[-1, 0]], r"has \[-1, 0\]"),
        ([0.0, 1.0], [2.0, 3.0], [[0, 1]], "one row per transition state, 2; got 1"),
        ([0.0, 1.0], [2.0], [[0.0, 1.0]], "integers of shape"),
        ([0.0, 1.0], [2.0], [0, 1], "integers of shape"),
        ([0.0, 1.0], [0.5], [[0, 1]], "must not be below its minima; transition state 0 has loss 0.5"),
    ],
)
def test_bad_graphs_are_refused(losses, heights, edges, message):
    with pytest.raises(ValueError, match=message):
        LandscapeGraph(losses, heights, edges)


@pytest.mark.parametrize(
    ("edges", "bounds", "message"),
    [
        ([[0, 1]], [np.nan], "bounds must be finite; entry 0 is nan"),
        ([[0, 2]], [2.0], r"bound_edges must name minima 0 \.\.\. 1; bound 0 has \[0, 2\]"),
        ([[0, 1]], [], "bound_edges must have one row per bound, 0; got 1"),
        ([0, 1], [2.0], "bound_edges must be integers of shape"),
        ([[0, 1]], [0.5], "a bound must not be below its minima; bound 0 has loss 0.5"),
    ],
)
def test_bad_bounds_are_refused(edges, bounds, message):
    with pytest.raises(ValueError, match=message):
        LandscapeGraph(np.array([0.0, 1.0]), [], NO_EDGES, bound_edges=edges, bounds=bounds)


def test_components_up_to_a_level():
    graph = chain()
    assert components(graph, 4.0).tolist() == [2, 0, 0, 1]
    for level in (-1.0, 2.5, 4.0, 5.0, 6.0, np.inf):
        low = graph.barriers <= level
        kept = LandscapeGraph(graph.losses, graph.transition_losses[low], graph.edges[low])
        assert components(graph, level).tolist() == components(kept).tolist()


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"source must be a minimum 0 \.\.\. 3; got 4"):
        minimax_barriers(chain(), 4)
    with pytest.raises(ValueError, match="source"):
        minimax_barriers(chain(), -1)
    with pytest.raises(ValueError, match="nan"):
        superbasins(chain(), np.nan)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_minimax_does_not_depend_on_the_order_of_transition_states(seed):
    rng = np.random.default_rng(seed)
    losses = rng.normal(size=30)
    edges = rng.integers(30, size=(60, 2))
    heights = losses[edges].max(axis=1) + rng.exponential(size=60)
    order = rng.permutation(60)
    graph, shuffled = LandscapeGraph(losses, heights, edges), LandscapeGraph(losses, heights[order], edges[order])
    np.testing.assert_array_equal(minimax_barriers(graph, 7), minimax_barriers(shuffled, 7))
