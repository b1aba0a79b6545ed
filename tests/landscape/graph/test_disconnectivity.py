import re
from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from support.clock import processor_seconds_below
from support.figures import flaws
from support.graphs import minimax_by_triple_loop

from landscape import LandscapeGraph, disconnectivity_tree
from landscape.graph import components, minimax_barriers, prune, pruned_regions, subtree, superbasins
from landscape.plots import INK, draw_panels, new_figure, plot_disconnectivity, save_figure

LEVELS = st.sampled_from([None, 1, 2, 5])


def random_graph(n, m, seed, step=None):
    """Random minima and transition states; losses in multiples of `step` make ties."""
    rng = np.random.default_rng(seed)
    losses, rise = rng.normal(size=n), rng.exponential(size=m)
    if step:
        losses, rise = np.round(losses / step) * step, np.round(rise / step) * step
    edges = rng.integers(n, size=(m, 2))
    return LandscapeGraph(losses, losses[edges].max(axis=1, initial=-np.inf) + rise, edges)


GRAPHS = st.builds(
    random_graph, st.integers(1, 14), st.integers(0, 24), st.integers(0, 10**6), st.sampled_from([None, 0.5])
)


def graph_with_bounds(n, m, b, seed, step=None):
    """A random graph, and upper bounds between minima of the same component or of two."""
    graph, rng = random_graph(n, m, seed, step), np.random.default_rng(seed + 1)
    edges, rise = rng.integers(n, size=(b, 2)), rng.exponential(size=b)
    rise = np.round(rise / step) * step if step else rise
    bounds = graph.losses[edges].max(axis=1, initial=-np.inf) + rise
    return LandscapeGraph(graph.losses, graph.transition_losses, graph.edges, bound_edges=edges, bounds=bounds)


GRAPHS_WITH_BOUNDS = st.builds(
    graph_with_bounds,
    st.integers(1, 12),
    st.integers(0, 10),
    st.integers(0, 16),
    st.integers(0, 10**6),
    st.sampled_from([None, 0.5]),
)


def superbasins_by_search(graph, level):
    """Sets of minima that ways below `level` connect, each found by a walk from its first minimum."""
    ways = [tuple(e) for e, t in zip(graph.edges.tolist(), graph.transition_losses, strict=True) if t <= level]
    left, found = set(np.flatnonzero(graph.losses <= level).tolist()), set()
    while left:
        part = [left.pop()]
        for i in part:
            near = {b if a == i else a for a, b in ways if i in (a, b)} & left
            left -= near
            part.extend(near)
        found.add(frozenset(part))
    return found


def minima_below(tree):
    """Set of minima below each node."""
    below = [{m} for m in tree.minima.tolist()] + [set() for _ in range(tree.n_nodes - tree.n_leaves)]
    for node, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            below[parent] |= below[node]
    return below


def superbasins_of_tree(tree, level):
    """Sets of minima below the highest nodes that do not lie above `level`."""
    parent_level = np.where(tree.parents >= 0, tree.levels[tree.parents], np.inf)
    highest = (tree.levels <= level) & (parent_level > level)
    return {frozenset(part) for part, top in zip(minima_below(tree), highest, strict=True) if top}


def two_minima():
    return LandscapeGraph(np.array([2.0, 1.0]), np.array([3.5]), np.array([[0, 1]]))


def three_components():
    """Minima 0 1 2 connected, 3 4 connected, 5 alone."""
    edges = np.array([[0, 1], [1, 2], [0, 2], [4, 3]])
    return LandscapeGraph(np.array([0.0, 0.5, 1.0, 0.2, 0.3, 0.1]), np.array([2.0, 1.5, 3.0, 1.0]), edges)


# ---- the tree


def test_two_minima_by_hand():
    tree = disconnectivity_tree(two_minima())
    assert tree.minima.tolist() == [1, 0]
    assert tree.parents.tolist() == [2, 2, -1]
    assert tree.levels.tolist() == [1.0, 2.0, 3.5]
    assert tree.sizes.tolist() == [1, 1, 2]
    assert tree.components.tolist() == [0, 0, 0]
    assert sorted(tree.x[:2]) == [0.5, 1.5]
    assert tree.x[2] == 1.0
    assert tree.n_components == 1
    np.testing.assert_array_equal(tree.lines[0], [[tree.x[0], 1.0], [tree.x[0], 3.5], [1.0, 3.5]])
    np.testing.assert_array_equal(tree.lines[2], [[1.0, 3.5], [1.0, tree.top], [1.0, tree.top]])


def test_two_minima_at_levels_by_hand():
    tree = disconnectivity_tree(two_minima(), [2.0, 3.0, 4.0])
    assert tree.levels.tolist() == [1.0, 2.0, 4.0]
    np.testing.assert_array_equal(tree.lines[0], [[tree.x[0], 1.0], [tree.x[0], 3.0], [1.0, 4.0]])
    assert disconnectivity_tree(two_minima(), 5).grid.tolist() == [1.5, 2.0, 2.5, 3.0, 3.5]


def test_one_minimum_is_one_leaf():
    for levels in (None, 1, 10, [1.0]):
        tree = disconnectivity_tree(LandscapeGraph(np.array([0.7]), np.array([0.9]), np.array([[0, 0]])), levels)
        assert tree.parents.tolist() == [-1]
        assert tree.minima.tolist() == [0]
        assert tree.top > 0.7
        assert np.isfinite(tree.lines).all()


def test_components_stand_side_by_side_and_are_not_joined():
    tree = disconnectivity_tree(three_components(), subgraph_size=1)
    assert tree.n_components == 3
    assert tree.components[: tree.n_leaves].tolist() == components(three_components())[tree.minima].tolist()
    tops = np.flatnonzero(tree.parents < 0)
    left_to_right = tops[np.argsort(tree.x[tops])]
    assert tree.components[left_to_right].tolist() == [0, 2, 1]  # 0 1 2, then 3 4, then 5 alone
    np.testing.assert_array_equal(tree.lines[tops][:, :, 0], np.repeat(tree.x[tops][:, None], 3, axis=1))


@settings(deadline=None)
@given(GRAPHS)
def test_exact_tree_equals_search_at_every_loss(graph):
    tree = disconnectivity_tree(graph)
    losses = np.unique(np.concatenate([graph.losses, graph.transition_losses]))
    for level in [*losses, *(losses[1:] + losses[:-1]) / 2]:
        assert superbasins_of_tree(tree, level) == superbasins_by_search(graph, level)


@settings(deadline=None)
@given(GRAPHS, st.integers(1, 8))
def test_tree_at_levels_equals_search_at_each_level(graph, n_levels):
    tree = disconnectivity_tree(graph, n_levels)
    labels = [superbasins(graph, level) for level in tree.grid]
    for level, label in zip(tree.grid, labels, strict=True):
        expected = superbasins_by_search(graph, level)
        assert superbasins_of_tree(tree, level) == expected
        assert {frozenset(np.flatnonzero(label == k).tolist()) for k in range(label.max() + 1)} == expected
    assert np.isin(tree.levels[tree.n_leaves :], tree.grid).all()


@settings(deadline=None)
@given(GRAPHS)
def test_lowest_common_superbasin_lies_at_the_minimax_barrier(graph):
    tree = disconnectivity_tree(graph)
    below = minima_below(tree)
    barriers = minimax_barriers(graph, int(tree.minima[0]))
    for minimum in tree.minima[1:].tolist():
        common = [n for n in range(tree.n_nodes) if {minimum, int(tree.minima[0])} <= below[n]]
        assert min((tree.levels[n] for n in common), default=np.inf) == barriers[minimum]


@settings(deadline=None)
@given(GRAPHS, LEVELS)
def test_tree_is_well_formed(graph, levels):
    tree = disconnectivity_tree(graph, levels)
    assert sorted(tree.minima.tolist()) == list(range(graph.n_minima))
    np.testing.assert_array_equal(tree.levels[: tree.n_leaves], graph.losses[tree.minima])
    assert (np.diff(tree.levels[: tree.n_leaves]) >= 0).all()
    child = np.flatnonzero(tree.parents >= 0)
    parent = tree.parents[child]
    assert (parent > child).all()
    assert (tree.levels[parent] >= tree.levels[child]).all()
    assert (tree.levels[parent] > tree.levels[child])[child >= tree.n_leaves].all()
    assert (np.bincount(parent, minlength=tree.n_nodes)[tree.n_leaves :] >= 2).all()
    np.testing.assert_array_equal(tree.sizes, [len(part) for part in minima_below(tree)])
    assert tree.n_components == components(graph).max() + 1
    np.testing.assert_array_equal(tree.components[: tree.n_leaves], components(graph)[tree.minima])
    np.testing.assert_array_equal(tree.components[parent], tree.components[child])


@settings(deadline=None)
@given(GRAPHS, st.integers(0, 1000), LEVELS)
def test_order_of_minima_and_transition_states_does_not_matter(graph, seed, levels):
    rng = np.random.default_rng(seed)
    distinct = graph.losses + 1e-3 * rng.permutation(graph.n_minima)
    heights = np.maximum(graph.transition_losses, distinct[graph.edges].max(axis=1, initial=-np.inf))
    old, order = rng.permutation(graph.n_minima), rng.permutation(graph.n_transition_states)
    new = np.argsort(old)  # new[i]: the new index of minimum i
    tree = disconnectivity_tree(LandscapeGraph(distinct, heights, graph.edges), levels)
    same = disconnectivity_tree(LandscapeGraph(distinct[old], heights[order], new[graph.edges][order]), levels)

    def nodes(tree, names):
        below = minima_below(tree)
        rows = zip(below, tree.levels, tree.x, tree.components, strict=True)
        return {(frozenset(names[i] for i in part), *rest) for part, *rest in rows}

    assert nodes(tree, list(range(graph.n_minima))) == nodes(same, old.tolist())


# ---- upper bounds


def chosen_bounds(graph):
    """The bounds that join components, lowest first and each only if it joins two parts: Kruskal, with sets."""
    parts = [set(np.flatnonzero(components(graph) == k).tolist()) for k in range(components(graph).max() + 1)]
    chosen = []
    for k in np.argsort(graph.bounds, kind="stable").tolist():
        i, j = graph.bound_edges[k].tolist()
        (one,), (other,) = [part for part in parts if i in part], [part for part in parts if j in part]
        if one is not other:
            parts.remove(other)
            one |= other
            chosen.append(k)
    return chosen, len(parts)


def merging_losses(tree, n):
    """Loss (n, n) of the lowest superbasin that contains both of two minima; inf if there is none."""
    merged = np.full((n, n), np.inf)
    for part, level in reversed(list(zip(minima_below(tree), tree.levels.tolist(), strict=True))):
        merged[np.ix_(sorted(part), sorted(part))] = level
    return merged


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS)
def test_bounds_join_components_and_change_nothing_within_one(graph):
    tree, n = disconnectivity_tree(graph), graph.n_minima
    chosen, trees = chosen_bounds(graph)
    assert (tree.parents < 0).sum() == trees
    assert tree.n_components == components(graph).max() + 1
    assert tree.n_joined == len(chosen)
    merged = merging_losses(tree, n)
    together = LandscapeGraph(
        graph.losses,
        np.concatenate([graph.transition_losses, graph.bounds[chosen]]),
        np.concatenate([graph.edges, graph.bound_edges[chosen]]),
    )
    np.testing.assert_array_equal(merged, minimax_by_triple_loop(together))
    certified = minimax_by_triple_loop(graph)
    np.testing.assert_array_equal(merged[np.isfinite(certified)], certified[np.isfinite(certified)])


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS, LEVELS)
def test_lines_are_certified_within_a_component(graph, levels):
    tree, label = disconnectivity_tree(graph, levels), components(graph)
    rank = {minimum: k for k, minimum in enumerate(tree.minima.tolist())}
    lowest = [label[min(part, key=rank.__getitem__)] for part in minima_below(tree)]
    for node, parent in enumerate(tree.parents.tolist()):
        assert tree.certified[node] == (parent < 0 or lowest[node] == lowest[parent])
    assert tree.certified.all() == (tree.n_joined == 0)


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS, LEVELS)
def test_without_bounds_the_tree_is_that_of_the_transition_states(graph, levels):
    tree = disconnectivity_tree(graph, levels, certified_only=True)
    same = disconnectivity_tree(LandscapeGraph(graph.losses, graph.transition_losses, graph.edges), levels)
    for name in ("parents", "levels", "minima", "sizes", "components", "certified", "x", "grid"):
        np.testing.assert_array_equal(getattr(tree, name), getattr(same, name))
    assert tree.certified.all()
    assert tree.n_joined == 0


def test_bounds_above_the_ceiling_do_not_join():
    edges = np.array([[0, 1]])
    graph = LandscapeGraph(np.array([0.0, 0.1, 0.2]), [1.0], edges, bound_edges=[[1, 2]], bounds=[2.0])
    assert disconnectivity_tree(graph).n_joined == 1
    tree = disconnectivity_tree(graph, emax=1.5)
    assert (tree.n_components, tree.n_joined, tree.ceiling) == (2, 0, 1.5)


# ---- the layout


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS, LEVELS, st.integers(1, 6))
def test_small_parts_stand_in_a_strip_at_the_right(graph, levels, size):
    tree = disconnectivity_tree(graph, levels, subgraph_size=size)
    below, tops = minima_below(tree), np.flatnonzero(tree.parents < 0)
    lowest = int(np.argsort(graph.losses, kind="stable")[0])
    for top in tops.tolist():
        small = len(below[top]) < size and lowest not in below[top]
        inside = [node for node in range(tree.n_nodes) if below[node] <= below[top]]
        assert (tree.in_strip[inside] == small).all()
    others = tops[~tree.in_strip[tops] & np.array([lowest not in below[top] for top in tops])]
    others = others[np.argsort(tree.x[others])]
    assert (np.diff(tree.sizes[others]) <= 0).all()
    assert tree.components[np.argmin(tree.x)] == 0 or tree.n_joined > 0
    assert tree.x[~tree.in_strip].max() < tree.x[tree.in_strip].min(initial=np.inf) - 0.5 * tree.tick
    assert (tree.tick > 0) == tree.in_strip.any()


@pytest.mark.parametrize("marked", [(), [3, 5, 40], np.arange(60) % 7 == 0])
def test_ticks_are_at_the_losses_of_their_minima_and_do_not_overlap(marked):
    losses = np.append(0.0, np.random.default_rng(5).normal(1.0, 0.1, 59))
    tree = disconnectivity_tree(LandscapeGraph(losses, [], np.empty((0, 2), int)), marked=marked)
    assert tree.in_strip.sum() == 59
    ticks = tree.lines[tree.in_strip]
    np.testing.assert_array_equal(np.sort(ticks[:, :, 1], axis=0), np.repeat(np.sort(losses[1:])[:, None], 3, axis=1))
    np.testing.assert_allclose(np.ptp(ticks[:, :, 0], axis=1), tree.tick)
    is_marked = np.isin(np.arange(60), np.arange(60)[np.asarray(marked, bool if np.size(marked) == 60 else int)])
    height = np.ptp(losses)
    for (a, one), (b, other) in combinations(enumerate(ticks), 2):
        minima = tree.minima[tree.in_strip][[a, b]]
        if abs(one[1, 0] - other[1, 0]) < tree.tick:
            apart = 0.035 if is_marked[minima].all() else 0.011
            assert abs(one[1, 1] - other[1, 1]) >= apart * height
    if is_marked.any():
        shown = is_marked[tree.minima[tree.in_strip]]
        assert ticks[shown][:, :, 0].max() < ticks[~shown][:, :, 0].min()


@settings(deadline=None)
@given(GRAPHS, LEVELS)
def test_siblings_occupy_disjoint_intervals(graph, levels):
    tree = disconnectivity_tree(graph, levels, subgraph_size=1)
    x = dict(zip(tree.minima.tolist(), tree.x.tolist(), strict=False))
    spans = [(min(x[m] for m in part), max(x[m] for m in part)) for part in minima_below(tree)]
    for parent in range(-1, tree.n_nodes):
        children = sorted(spans[n] for n in np.flatnonzero(tree.parents == parent))
        assert all(left[1] < right[0] for left, right in pairwise(children))
    assert all(low <= position <= high for (low, high), position in zip(spans, tree.x, strict=True))


def crosses(p, q, r, s):
    """Whether the inner parts of the segments p q and r s cross."""

    def side(a, b, c):
        value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        return 0 if abs(value) < 1e-12 else np.sign(value)

    return side(p, q, r) * side(p, q, s) < 0 and side(r, s, p) * side(r, s, q) < 0


@settings(deadline=None)
@given(GRAPHS, LEVELS)
def test_no_lines_cross(graph, levels):
    lines = disconnectivity_tree(graph, levels, subgraph_size=1).lines
    segments = [(line[k], line[k + 1]) for line in lines for k in (0, 1)]
    assert not any(crosses(*a, *b) for a, b in combinations(segments, 2))


@pytest.mark.parametrize("levels", [None, 8])
def test_global_minimum_of_a_funnel_is_central(levels):
    n = 101
    heights = np.arange(1.0, n)
    edges = np.column_stack([np.zeros(n - 1, int), np.arange(1, n)])
    tree = disconnectivity_tree(LandscapeGraph(np.append(0.0, heights - 0.5), heights, edges), levels)
    assert abs(tree.x[0] - n / 2) <= 1.0
    assert abs(tree.x[-1] - tree.x[0]) <= 1.0


# ---- small branches


def branches(tree):
    """Minima of the branch of each minimum: of the highest superbasin of which it is the lowest."""
    rank = {minimum: k for k, minimum in enumerate(tree.minima.tolist())}
    found = {}
    for part in minima_below(tree):  # parents come later and replace their children
        found[min(part, key=rank.__getitem__)] = part
    return found


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS, LEVELS, st.integers(1, 5), st.integers(1, 4))
def test_pruning_leaves_the_large_branches_where_they_stood(graph, levels, least, size):
    tree = disconnectivity_tree(graph, levels, subgraph_size=size)
    pruned = prune(tree, least)
    strip = set(tree.minima[tree.in_strip[: tree.n_leaves]].tolist())
    large = {minimum for minimum, part in branches(tree).items() if len(part) >= least} | {int(tree.minima[0])}
    assert set(pruned.minima.tolist()) == large | strip
    place = {minimum: tree.x[k] for k, minimum in enumerate(tree.minima.tolist())}
    assert [place[minimum] for minimum in pruned.minima.tolist()] == pruned.x[: pruned.n_leaves].tolist()
    chosen = np.ix_(pruned.minima, pruned.minima)
    n = graph.n_minima
    np.testing.assert_array_equal(merging_losses(pruned, n)[chosen], merging_losses(tree, n)[chosen])
    joined = {int(tree.minima[k]): size for k, size in zip(tree.lowest, tree.sizes, strict=True)}  # at the top
    for k in np.flatnonzero((pruned.parents < 0) & ~pruned.in_strip).tolist():
        assert pruned.sizes[k] == joined[int(pruned.minima[pruned.lowest[k]])]
    whole = dict(zip(tree.minima.tolist(), tree.components.tolist(), strict=False))
    assert [whole[minimum] for minimum in pruned.minima.tolist()] == pruned.components[: pruned.n_leaves].tolist()
    if least == 1:
        for name in ("parents", "levels", "minima", "sizes", "lowest", "components", "certified", "x", "in_strip"):
            np.testing.assert_array_equal(getattr(pruned, name), getattr(tree, name))


@settings(deadline=None)
@given(GRAPHS, st.integers(2, 5))
def test_what_is_pruned_lies_in_the_shaded_regions(graph, least):
    tree = disconnectivity_tree(graph, subgraph_size=1)
    x, low, high = pruned_regions(tree, least, 0.01)
    merged, kept = merging_losses(tree, graph.n_minima), prune(tree, least).minima
    gone = [k for k in range(tree.n_leaves) if tree.minima[k] not in kept]
    assert len(x) == len(gone)
    for k in gone:
        (at,) = np.flatnonzero(np.abs(x - tree.x[k]) < 0.02)
        minimum = tree.minima[k]
        assert low[at] == graph.losses[minimum]
        joined = merged[minimum, kept].min()
        assert high[at] == (joined if np.isfinite(joined) else tree.levels[tree.components == tree.components[k]].max())


@settings(deadline=None)
@given(GRAPHS_WITH_BOUNDS, st.data())
def test_a_subtree_is_what_is_below_a_node(graph, data):
    tree = disconnectivity_tree(graph)
    node = data.draw(st.integers(0, tree.n_nodes - 1))
    part = subtree(tree, node)
    assert set(part.minima.tolist()) == minima_below(tree)[node]
    assert (part.parents < 0).sum() == 1
    chosen = np.ix_(part.minima, part.minima)
    n = graph.n_minima
    np.testing.assert_array_equal(merging_losses(part, n)[chosen], merging_losses(tree, n)[chosen])
    assert set(part.x.tolist()) <= set(tree.x.tolist())


# ---- options


def test_dropped_minima_still_connect():
    chain = LandscapeGraph(np.array([0.0, 1.0, 0.5]), np.array([2.0, 3.0]), np.array([[0, 1], [1, 2]]))
    tree = disconnectivity_tree(chain, max_minima=2)
    assert tree.minima.tolist() == [0, 2]
    assert tree.levels.tolist() == [0.0, 0.5, 3.0]
    assert tree.n_minima == 3
    assert disconnectivity_tree(chain, emin=0.2).minima.tolist() == [2, 1]


@settings(max_examples=60, deadline=None)
@given(GRAPHS, LEVELS)
def test_the_connected_tree_is_the_component_of_the_global_minimum(graph, levels):
    tree = disconnectivity_tree(graph, levels, connected=True)
    assert set(tree.minima.tolist()) == set(np.flatnonzero(components(graph) == 0).tolist())
    assert (tree.components == 0).all()
    whole = disconnectivity_tree(graph, levels)
    if isinstance(levels, int):  # other components may reach higher and move the equal levels
        return
    ours = {(float(level), frozenset(minima_below(tree)[k])) for k, level in enumerate(tree.levels)}
    theirs = {
        (float(level), frozenset(minima_below(whole)[k]))
        for k, level in enumerate(whole.levels)
        if whole.components[k] == 0
    }
    assert ours == theirs


def test_emax_leaves_out_minima_and_connections_above_it():
    tree = disconnectivity_tree(three_components(), emax=1.75)
    assert tree.n_components == 4
    assert tree.ceiling == 1.75
    assert disconnectivity_tree(three_components(), emax=0.25).minima.tolist() == [0, 5, 3]
    assert disconnectivity_tree(three_components(), emax=9.0).ceiling == np.inf


def test_levels_that_end_early_leave_components():
    tree = disconnectivity_tree(three_components(), [0.5, 1.75])
    assert tree.n_components == 4
    assert tree.ceiling == 1.75


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 0}, "levels must be None, an integer >= 1 or losses in ascending order; got 0"),
        ({"levels": [2.0, 1.0]}, "ascending"),
        ({"levels": []}, "ascending"),
        ({"levels": [1.0, np.nan]}, "ascending"),
        ({"max_minima": 0}, "max_minima must be at least 1; got 0"),
        ({"emax": -1.0}, "none of 6 is between -inf and -1.0 nats"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        disconnectivity_tree(three_components(), **options)


def test_no_minima_is_refused():
    with pytest.raises(ValueError, match="needs a minimum"):
        disconnectivity_tree(LandscapeGraph(np.empty(0), np.empty(0), np.empty((0, 2), int)))


# ---- scale


@pytest.mark.parametrize(
    ("n", "m", "seconds"), [(10**4, 10**5, 10), pytest.param(10**5, 10**6, 60, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("levels", [None, 30])
def test_large_landscape(n, m, seconds, levels):
    graph = random_graph(n, m, seed=1)
    with processor_seconds_below(seconds):
        tree = disconnectivity_tree(graph, levels)
    assert tree.n_leaves == n
    assert tree.n_components == components(graph).max() + 1


def test_deep_tree_meets_no_recursion_limit():
    n = 20_000
    edges = np.column_stack([np.arange(n - 1), np.arange(1, n)])
    tree = disconnectivity_tree(LandscapeGraph(np.arange(n, dtype=float), np.arange(1.0, n), edges))
    assert tree.n_nodes == 2 * n - 1


# ---- the drawing


def draw(tree, **options):
    figure, (ax,) = new_figure(7.0, 4.0)
    assert plot_disconnectivity(tree, ax, **options) is ax
    assert flaws(figure) == []
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    return ax, lines


def test_drawing_has_a_line_per_node_and_says_what_it_shows():
    tree = disconnectivity_tree(three_components(), 4, subgraph_size=1)
    ax, lines = draw(tree)
    assert len(lines.get_segments()) == tree.n_nodes
    assert ax.get_title() == "6 minima, 4 transition states, 3 components"
    assert ax.get_ylabel() == "training loss (nats)"
    assert ax.get_xticks().size == 0
    low, high = ax.get_ylim()
    assert low < tree.levels.min() < tree.levels.max() < high
    assert len(ax.collections) == 1


@pytest.mark.parametrize(
    ("graph", "options", "title"),
    [
        (two_minima(), {}, "2 minima, 1 transition state"),
        (three_components(), {"max_minima": 1}, "1 of 6 minima (5 higher than the lowest 1),\n4 transition states"),
        (three_components(), {"emax": 1.75}, "6 minima, 4 transition states, 4 components below 1.75 nats"),
    ],
)
def test_title(graph, options, title):
    tree = disconnectivity_tree(graph, **options)
    assert draw(tree)[0].get_title() == title


def test_values_color_the_lines_of_their_minima():
    tree = disconnectivity_tree(three_components(), subgraph_size=1)
    values = np.array([0.0, 1.0, 2.0, 3.0, np.nan, 5.0])
    ax, lines = draw(tree, color=values, cmap="cividis", color_label="accuracy")
    drawn = {tuple(s[0]): tuple(c) for s, c in zip(lines.get_segments(), lines.get_edgecolors(), strict=True)}
    for node, place in enumerate(tree.lines[:, 0]):
        value = values[tree.minima[node]] if node < tree.n_leaves else np.nan
        color = mpl.colormaps["cividis"](value / 5) if np.isfinite(value) else to_rgba(INK)
        assert drawn[tuple(place)] == pytest.approx(color, abs=1e-6)
    assert [other.get_ylabel() for other in ax.figure.axes[1:]] == ["accuracy"]


def test_the_color_bar_of_a_constant_names_it_and_that_of_a_wide_range_is_logarithmic():
    tree = disconnectivity_tree(three_components())
    for values, ticks in ((np.full(6, 14745600.0), {"1.475e+07"}), (10.0 ** np.arange(6), {"1", "100", "10000"})):
        ax, _ = draw(tree, color=values, color_label="trace", log_color=True)
        texts = {text.get_text() for text in ax.figure.axes[1].get_yticklabels()}
        assert texts >= ticks
        assert len(texts) == 1 or len(ticks) > 1


def test_a_minimum_without_a_stem_is_colored_on_its_way_to_the_parent():
    tree = disconnectivity_tree(two_minima(), [4.0])  # both lie less than a level below
    _, lines = draw(tree, color=[1.0, 0.0])
    pairs = zip(lines.get_segments(), lines.get_edgecolors(), strict=True)
    colors = {tuple(color) for segment, color in pairs if np.ptp(segment, axis=0).any()}  # those that are seen
    assert {tuple(mpl.colormaps["viridis"](value)) for value in (0.0, 1.0)} <= colors


def test_markers_and_labels_stand_at_their_minima():
    tree = disconnectivity_tree(three_components())
    sizes = np.array([10.0, 0.0, 30.0, 0.0, 0.0, 20.0])
    ax, _ = draw(tree, marker_sizes=sizes, marker_colors=np.arange(6), label_values=["a", None, "", 7, None, None])
    disks = ax.collections[1]
    shown = tree.minima[sizes[tree.minima] > 0]
    shown = shown[np.argsort(-sizes[shown])]  # small ones on top
    np.testing.assert_array_equal(disks.get_sizes(), sizes[shown])
    np.testing.assert_array_equal(disks.get_offsets()[:, 1], three_components().losses[shown])
    np.testing.assert_allclose(disks.get_facecolors(), mpl.colormaps["viridis"](shown / 5))
    labels = {text.get_text(): text.xy[1] for text in ax.texts if "connected" not in text.get_text()}
    assert labels == {"a": 0.0, "7": 0.2}


def not_connected(n=60, seed=3):
    """A component of ten minima, one of six, two pairs and single minima; the second has upper bounds to the pairs."""
    rng = np.random.default_rng(seed)
    losses = np.append(0.0, np.sort(rng.normal(1.0, 0.2, n - 1)))
    edges = [(0, k) for k in range(1, 10)] + [(10, k) for k in range(11, 16)] + [(16, 17), (18, 19)]
    bounds = [(10, 16), (11, 18)]
    heights = losses[np.array(edges)].max(axis=1) + 0.1
    return LandscapeGraph(losses, heights, np.array(edges), bound_edges=bounds, bounds=[1.9, 2.0])


@pytest.mark.parametrize("size", ["screen", "page", "column"])
@pytest.mark.parametrize("levels", [None, 12])
@pytest.mark.parametrize("kind", ["plain", "color", "disks", "labels"])
def test_what_is_not_connected_is_drawn_in_any_size(size, levels, kind):
    graph = not_connected()
    values = np.linspace(1.0, 2.0, graph.n_minima)
    options = {
        "plain": {},
        "color": {"color": values, "color_label": "x"},
        "disks": {"marker_sizes": np.where(values > 1.5, 60.0, 0.0), "marker_colors": values, "color_label": "x"},
        "labels": {"label_values": [f"{v:.2f}" for v in values]},
    }[kind]
    tree = disconnectivity_tree(graph, levels, marked=values > 1.5)
    figure = draw_panels({"tree": lambda ax: plot_disconnectivity(tree, ax, **options)}, size=size)
    assert flaws(figure) == []
    ax = figure.axes[0]
    texts = {text.get_text() for text in ax.texts}
    assert "40 components,\n40 minima,\nnot connected" in texts
    assert ax.get_xlabel() == "dashed: upper bounds, not certified"
    title = " ".join(ax.get_title().split())
    assert title == "60 minima, 16 transition states, 44 components, 2 of them joined by upper bounds only"
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    ticks = [s for s in lines.get_segments() if s[0, 1] == s[-1, 1] and s[0, 0] > tree.x[~tree.in_strip].max()]
    np.testing.assert_array_equal(np.unique(np.array(ticks)[:, 0, 1]), np.sort(graph.losses[20:]))
    if kind == "disks":
        np.testing.assert_array_equal(
            np.sort(ax.collections[1].get_offsets()[:, 1]), np.sort(graph.losses[values > 1.5])
        )


def test_only_uncertified_lines_are_dashed():
    tree = disconnectivity_tree(not_connected())
    ax, lines = draw(tree)
    dashed = {tuple(s[0]) for s, (_, d) in zip(lines.get_segments(), lines.get_linestyles(), strict=True) if d}
    assert dashed == {tuple(place) for place in tree.lines[~tree.certified, 0].tolist()}
    assert len(dashed) == 2
    assert ax.get_xlabel()
    ax, lines = draw(disconnectivity_tree(not_connected(), certified_only=True))
    assert not any(dash for _, dash in lines.get_linestyles())
    assert not ax.get_xlabel()


@pytest.mark.parametrize("n", [1, 2, 30])
def test_without_connections_the_global_minimum_is_the_only_line(n):
    losses = 1.0 + 0.01 * np.arange(n)
    tree = disconnectivity_tree(LandscapeGraph(losses, [], np.empty((0, 2), int)))
    ax, lines = draw(tree)
    upright = [s for s in lines.get_segments() if np.ptp(s[:, 1]) > 0]
    assert len(upright) == 1
    assert upright[0][0, 1] == 1.0
    low, high = ax.get_xlim()
    assert low < tree.x.min() <= tree.x.max() < high


def image(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.buffer_rgba()


def large_funnel(n=3000):
    """A funnel of n minima, each joined to a lower one, with a few branches."""
    rng = np.random.default_rng(0)
    losses = np.sort(rng.gamma(3.0, 1.0, n))
    edges = np.stack([np.arange(1, n), np.where(rng.random(n - 1) < 0.4, np.arange(n - 1), 0)], axis=1)
    return LandscapeGraph(losses, losses[edges].max(axis=1) + 0.1 * rng.random(n - 1), edges)


@pytest.mark.parametrize("size", ["screen", "page", "column"])
def test_a_large_graph_has_few_lines_and_says_what_is_shaded(size):
    tree = disconnectivity_tree(large_funnel())
    figure, again = (draw_panels({"tree": lambda ax: plot_disconnectivity(tree, ax)}, size=size) for _ in range(2))
    assert bytes(image(figure)) == bytes(image(again))
    assert flaws(figure) == []
    (ax,) = figure.axes
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    text = ax.get_xlabel()
    least = int(re.fullmatch(r"shaded:\s+branches\s+of\s+fewer\s+than\s+(\d+)\s+minima", text)[1])
    sizes = np.array([len(part) for part in branches(tree).values()])
    assert len(lines.get_segments()) <= 2 * (sizes >= least).sum()
    assert (sizes >= least).sum() <= ax.get_window_extent().width * 72 / figure.dpi
    assert max(lines.get_linewidths()) > 3 * min(lines.get_linewidths())
    assert max(lines.get_linewidths()) == lines.get_linewidths()[0]  # above all minima


def test_what_a_large_graph_hides_is_magnified():
    tree = disconnectivity_tree(large_funnel())
    ax, _ = draw(tree)
    (inset,) = ax.child_axes
    number = int(inset.get_title().split()[-2])
    assert 25 <= number < 100
    (lines,) = (c for c in inset.collections if isinstance(c, LineCollection))
    low, high = inset.get_ylim()
    assert low < tree.levels[0] < high
    bottoms = {s[0, 1] for s in lines.get_segments()}
    assert set(tree.levels[:5]) <= bottoms
    small = disconnectivity_tree(random_graph(60, 200, seed=2))
    assert draw(small)[0].child_axes == []


def test_one_minimum_and_constant_values_are_drawn():
    tree = disconnectivity_tree(LandscapeGraph(np.array([0.7]), np.empty(0), np.empty((0, 2), int)))
    ax, _ = draw(tree, color=[3.0], marker_sizes=[5.0])
    assert ax.get_title() == "1 minimum, 0 transition states"
    draw(tree, color=[np.nan])


def test_arrays_of_the_wrong_length_are_refused():
    tree = disconnectivity_tree(three_components(), max_minima=2)
    for name in ("color", "marker_sizes", "marker_colors"):
        with pytest.raises(
            ValueError, match=rf"{name} must have one entry per minimum, shape \(6,\); got shape \(2,\)"
        ):
            draw(tree, **{name: [1.0, 2.0]})
    with pytest.raises(ValueError, match="label_values must have one entry per minimum, 6; got 1"):
        draw(tree, label_values=["a"])


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")])
def test_figures_are_saved_by_suffix(tmp_path, suffix, magic):
    ax, _ = draw(disconnectivity_tree(two_minima()))
    path = tmp_path / "folder" / f"tree.{suffix}"
    assert save_figure(ax.figure, path) == path
    assert path.read_bytes().startswith(magic)
    assert list(path.parent.iterdir()) == [path]


def test_a_figure_that_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tree.svg"
    path.write_text("old")
    figure = Figure()

    def fail(target, **_):
        target.write_text("half")
        raise OSError

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError):  # noqa: PT011 (it is the monkeypatch's own)
        save_figure(figure, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"one of \.svg, \.pdf, \.png; got 'tree\.jpeg'"):
        save_figure(figure, "tree.jpeg")
