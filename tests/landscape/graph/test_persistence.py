"""Persistence pairs, against union-find by brute force and by hand."""

import numpy as np
from hypothesis import given, settings
from support.graphs import chain, graphs, minimax_by_triple_loop

from landscape import LandscapeGraph
from landscape.graph import components, disconnectivity_tree, persistence_pairs, zeroed


def pairs_by_flooding(graph):
    """Minimum, birth and death: the losses are flooded one by one, and components found by search each time."""
    order = sorted(range(graph.n_minima), key=lambda k: (graph.losses[k], k))
    rank = {k: r for r, k in enumerate(order)}
    alive, found = set(order), {}
    for level in sorted({*graph.barriers.tolist()}):
        joined = {k: {k} for k in order}
        for (i, j), height in zip(graph.edges.tolist(), graph.barriers, strict=True):
            if height <= level and joined[i] is not joined[j]:
                both = joined[i] | joined[j]
                for k in both:
                    joined[k] = both
        for k in order:
            if k in alive and min(joined[k], key=rank.get) != k:
                alive.remove(k)
                found[k] = (graph.losses[k], level)
    return found


def test_three_minima_by_hand():
    """0 - 1 - 2 by barriers 5 and 3: minimum 1 dies in that of 2, minimum 0 in it too, and 3 is alone."""
    pairs = persistence_pairs(chain())
    assert (pairs.minima.tolist(), pairs.births.tolist(), pairs.deaths.tolist()) == ([0, 1], [1.0, 2.0], [5.0, 3.0])
    assert pairs.persistences.tolist() == [4.0, 1.0]


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_pairs_equal_those_of_flooding(graph):
    pairs = persistence_pairs(graph)
    columns = zip(pairs.minima.tolist(), zip(pairs.births, pairs.deaths, strict=True), strict=True)
    assert dict(columns) == pairs_by_flooding(graph)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_laws_of_pairs(graph):
    """One pair for each minimum but the lowest of its component; the death is the barrier to a lower minimum."""
    pairs, barriers = persistence_pairs(graph), minimax_by_triple_loop(graph)
    assert pairs.minima.size == graph.n_minima - components(graph).max() - 1
    assert (pairs.deaths >= pairs.births).all()
    assert (np.diff(pairs.births) >= 0).all()
    for k, death in zip(pairs.minima.tolist(), pairs.deaths.tolist(), strict=True):
        lower = [j for j in range(graph.n_minima) if (graph.losses[j], j) < (graph.losses[k], k)]
        assert death == min(max(barriers[k, j], graph.losses[k]) for j in lower)


def test_no_minima_have_no_pairs():
    assert persistence_pairs(LandscapeGraph([], [], [])).minima.size == 0


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_zero_at_the_global_minimum_shifts_every_height(graph):
    lowest = graph.losses.min()
    at_zero, tree = disconnectivity_tree(zeroed(graph)), disconnectivity_tree(graph)
    np.testing.assert_array_equal(at_zero.levels, tree.levels - lowest)  # small whole numbers: exact
    np.testing.assert_array_equal(at_zero.parents, tree.parents)


def test_zero_of_large_losses_stays_within_the_rounding_allowed_before():
    graph = LandscapeGraph([-1.0e6, -9.0e5], [-9.0e5 - 5.0e-6], [(0, 1)])
    assert zeroed(graph).losses.tolist() == [0.0, 1.0e5]
