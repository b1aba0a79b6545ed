"""Options of the drawing: groups, a cut axis, minima that are picked or poorly connected."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib import colormaps
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from support.figures import flaws
from support.graphs import graphs, minimax_by_triple_loop

from landscape import LandscapeGraph, disconnectivity_tree
from landscape.graph import connections, prune, shared_groups, unpruned
from landscape.plots import INK, draw_panels, largest_gap, new_figure, plot_disconnectivity

# two funnels far apart: a (0, 1, 2) and b (3, 4, 5)
LOSSES, STATES = [0.0, 0.1, 0.15, 2.0, 2.05, 2.2], [0.3, 0.25, 2.3, 2.25, 2.5]
EDGES = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3)]
GROUPS = ["a", "a", "a", "b", "b", "b"]


@pytest.fixture
def tree():
    return disconnectivity_tree(LandscapeGraph(LOSSES, STATES, EDGES))


def draw(tree, **options):
    figure = draw_panels({"tree": lambda ax: plot_disconnectivity(tree, ax, **options)}, panel=(5.0, 4.0))
    assert flaws(figure) == []
    (ax,) = figure.axes
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    return ax, lines


def leaves_below(tree, node):
    """Leaves below a node, by walking up from each."""
    found = []
    for leaf in range(tree.n_leaves):
        up = leaf
        while up not in (node, -1):
            up = tree.parents[up]
        found += [leaf] if up == node else []
    return found


@settings(max_examples=40, deadline=None)
@given(graphs(), st.data())
def test_a_node_has_a_group_if_all_minima_below_share_it(graph, data):
    groups = data.draw(st.lists(st.integers(-1, 2), min_size=graph.n_minima, max_size=graph.n_minima))
    tree = disconnectivity_tree(graph)
    for node, shared in enumerate(shared_groups(tree, groups).tolist()):
        below = {groups[tree.minima[leaf]] for leaf in leaves_below(tree, node)}
        assert shared == (below.pop() if len(below) == 1 else -1)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.data(), st.integers(1, 4))
def test_pruning_keeps_the_heights_where_the_group_changes(graph, data, least):
    groups = data.draw(st.lists(st.integers(0, 1), min_size=graph.n_minima, max_size=graph.n_minima))
    tree = disconnectivity_tree(graph)
    shared = shared_groups(tree, groups)
    kept = unpruned(tree, least, shared)
    assert prune(tree, least, shared).n_nodes == kept.sum()
    for node in np.flatnonzero(unpruned(tree, 1) & ~kept & (tree.branch_sizes >= least)[tree.lowest]).tolist():
        inside = [k for k in np.flatnonzero(tree.parents == node).tolist() if tree.lowest[k] == tree.lowest[node]]
        assert [shared[k] for k in inside] == [shared[node]]  # else it would be a change of color


def test_a_minimum_level_with_its_transition_state_shows_its_color():
    graph = LandscapeGraph([0.1, 0.2, 0.3, 0.25, 0.22], [0.4, 0.3001, 0.2502, 0.5], [(0, 1), (1, 2), (3, 4), (3, 0)])
    tree, colors = disconnectivity_tree(graph), [1.0, 2.0, 3.0, np.nan, 5.0]
    (dots,) = (c for c in draw(tree, color=colors)[0].collections if isinstance(c, PathCollection))
    assert dots.get_offsets().tolist() == [[tree.x[tree.minima.tolist().index(2)], 0.3]]  # without a color 3 has none
    assert to_hex(dots.get_facecolor()[0]) == to_hex(colormaps["viridis"](0.5))
    (disks,) = (
        c
        for c in draw(tree, color=colors, marker_sizes=[0, 40, 0, 0, 0])[0].collections
        if isinstance(c, PathCollection)
    )
    assert disks.get_sizes().tolist() == [40.0]  # a dot among disks would be one of them


def test_branches_are_colored_where_all_minima_are_of_one_group(tree):
    ax, lines = draw(tree, groups=GROUPS)
    heights = {}
    for line, color in zip(lines.get_segments(), lines.get_colors(), strict=True):
        heights.setdefault(to_hex(color), []).append(float(line[0, 1]))
    assert sorted(heights.pop("#0072b2")) == pytest.approx([0.0, 0.1, 0.15, 0.25, 0.3])
    assert sorted(heights.pop("#d55e00")) == pytest.approx([2.0, 2.05, 2.2, 2.25, 2.3])
    assert heights == {INK: [2.5]}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a (3 minima)", "b (3 minima)"]
    assert "colored: all minima below are of one group" in ax.get_xlabel()


def test_many_groups_share_a_color_and_no_group_has_none():
    n = 12
    graph = LandscapeGraph(np.arange(n) * 0.1, np.full(n - 1, 2.0), [(0, k) for k in range(1, n)])
    labels = [None, "", np.nan, *range(n - 3)]
    ax, lines = draw(disconnectivity_tree(graph), groups=labels)
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [*(f"{k} (1 minimum)" for k in range(6)), "3 other groups (3 minima)"]
    assert len({to_hex(color) for color in lines.get_colors()}) == 8


def test_a_cut_axis_is_exact_outside_the_gap(tree):
    ax, lines = draw(tree, gap="auto")
    low, high = largest_gap(tree)
    assert 0.3 < low < high < 2.0
    to_pixels = ax.transData.transform
    levels = np.unique([*LOSSES, *STATES])
    heights = to_pixels(np.stack([np.zeros_like(levels), levels], axis=1))[:, 1]
    per_nat = [np.diff(heights[part]) / np.diff(levels[part]) for part in (levels < low, levels > high)]
    np.testing.assert_allclose(np.concatenate(per_nat), per_nat[0][0], rtol=1e-9)
    assert np.diff(to_pixels([(0, low), (0, high)])[:, 1]) < 0.05 * ax.bbox.height
    ticks = ax.yaxis.get_majorticklocs()
    assert not ((ticks > low) & (ticks < high)).any()
    assert {float(s[0, 1]) for s in lines.get_segments()} >= set(LOSSES)


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        ((0.2, 1.0), r"gap must be empty; a superbasin is at 0.25, within 0.2 ... 1"),
        ((1.9, 2.02), r"gap must be empty; a minimum is at 2, within"),
        ((1.0, 0.5), "the lower one first; got 1, 0.5"),
        ((-1.0, 0.5), "gap must lie within the losses drawn, 0 ... 2.5; got -1, 0.5"),
        ("wide", "auto"),
    ],
)
def test_a_gap_that_is_not_empty_is_refused(tree, gap, message):
    with pytest.raises(ValueError, match=message):
        draw(tree, gap=gap)


def test_without_a_large_gap_nothing_is_cut():
    even = LandscapeGraph(np.arange(10.0), np.arange(1.0, 10.0) + 0.5, [(k, k + 1) for k in range(9)])
    assert largest_gap(disconnectivity_tree(even)) is None
    ax, _ = draw(disconnectivity_tree(even), gap="auto")
    assert ax.get_yscale() == "linear"
    assert largest_gap(disconnectivity_tree(LandscapeGraph([1.0], [], []))) is None


def test_two_ways_to_color_lines_are_refused(tree):
    _, (ax,) = new_figure(4.0, 3.0)
    with pytest.raises(ValueError, match="give color or groups"):
        plot_disconnectivity(tree, ax, groups=GROUPS, color=LOSSES)
    with pytest.raises(ValueError, match="groups must have one entry per minimum, 6; got 1"):
        plot_disconnectivity(tree, ax, groups=["a"])


@settings(max_examples=40, deadline=None)
@given(graphs(), st.data())
def test_picked_minima_span_the_tree_of_their_barriers(graph, data):
    pick = sorted(data.draw(st.sets(st.integers(0, graph.n_minima - 1), min_size=1)))
    tree, barriers = disconnectivity_tree(graph, pick=pick), minimax_by_triple_loop(graph)
    assert sorted(tree.minima.tolist()) == pick
    assert tree.left_out == ({"not picked": graph.n_minima - len(pick)} if len(pick) < graph.n_minima else {})
    for a in range(tree.n_leaves):
        for b in range(a):
            i, j = tree.minima[[a, b]]
            common = [node for node in range(tree.n_nodes) if {a, b} <= set(leaves_below(tree, node))]
            meet = tree.levels[common[0]] if common else np.inf
            assert meet == max(barriers[i, j], graph.losses[[i, j]].max())


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 4))
def test_poorly_connected_minima_are_left_out(graph, least):
    numbers = [sum((k in edge) and edge[0] != edge[1] for edge in graph.edges.tolist()) for k in range(graph.n_minima)]
    assert connections(graph).tolist() == numbers
    kept = [k for k, number in enumerate(numbers) if number >= least]
    if kept:
        assert sorted(disconnectivity_tree(graph, min_connections=least).minima.tolist()) == kept
    else:
        with pytest.raises(ValueError, match=f"{graph.n_minima} with fewer than {least} transition state"):
            disconnectivity_tree(graph, min_connections=least)


def test_a_pick_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"pick must name minima 0 ... 5; got \[7\]"):
        disconnectivity_tree(LandscapeGraph(LOSSES, STATES, EDGES), pick=[7])
