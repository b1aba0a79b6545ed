"""Which search comes next, on landscapes drawn by hand: minima on a line, loss rising with their number."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st

from landscape import Database, LandscapeGraph, Minimum, explore, symmetry
from landscape.networks import MLP
from landscape.search import CYCLE, KINDS
from landscape.search._memory import CANDIDATES, Memory, Neighbors, _smallest
from landscape.search._planning import BATCH, PATIENCE, Knowledge, _Planner, plan_batch

FIRST = 64  # a batch behind the random starts


def minimum(x, loss=0.0):
    return Minimum(np.array([float(x)]), loss, 0.0, np.ones(1))


def knowledge(places, edges=(), barriers=None, tries=None, losses=None):
    """Minima at these places, ids 10, 11, ...; all pairs are neighbors."""
    n = len(places)
    losses = np.arange(n) * 0.01 if losses is None else np.array(losses)
    pairs = np.array([(i, j) for j in range(n) for i in range(j)]).reshape(-1, 2)
    distances = np.array([abs(places[i] - places[j]) for i, j in pairs], dtype=float)
    minima = {10 + i: minimum(x, losses[i]) for i, x in enumerate(places)}
    edges = np.array(edges, dtype=np.int64).reshape(-1, 2)
    barriers = np.full(len(edges), 1.0) if barriers is None else np.array(barriers)
    graph = LandscapeGraph(losses, barriers, edges)
    return Knowledge(np.array(list(minima)), minima.__getitem__, graph, pairs, distances, tries or {})


def pairs_of(tasks):
    return [tuple(sorted((t.start[0], t.partner[0]))) for t in tasks if t.partner is not None]


def test_many_short_steps_are_better_than_a_long_one():
    # 0 and 3 (at 3) are components of their own, and so are the stepping stones 1 and 2 between them
    tasks = plan_batch(FIRST, 8, 0, knowledge([0.0, 1.0, 2.0, 3.0]), ["connect"])
    assert set(pairs_of(tasks)) == {(10, 11), (11, 12), (12, 13)}


def test_known_connections_cost_nothing():
    # the way to 2 leads over 1, which is far from 0 but connected with it
    known = knowledge([0.0, 9.0, 10.0], edges=[(0, 1)])
    assert pairs_of(plan_batch(FIRST, 1, 0, known, ["connect"])) == [(11, 12)]


def test_a_pair_that_was_tried_is_not_the_next():
    known = knowledge([0.0, 1.0, 2.2], edges=[(0, 1)], tries={(11, 12): 3})
    assert pairs_of(plan_batch(FIRST, 1, 0, known, ["connect"])) == [(10, 12)]


def test_where_all_pairs_were_tried_the_least_tried_is_repeated():
    known = knowledge([0.0, 1.0], tries={(10, 11): 2})
    (task,) = plan_batch(FIRST, 1, 0, known, ["connect"])
    assert (pairs_of([task]), task.repeat) == ([(10, 11)], 2)


@pytest.mark.parametrize("kind", ["connect", "nearest", "shortcut", "untrap"])
def test_a_batch_asks_for_no_pair_twice_while_there_are_others(kind):
    edges = [] if kind in {"connect", "nearest"} else [(0, k) for k in range(1, 9)]
    places = np.random.default_rng(1).normal(size=9).cumsum()
    asked = pairs_of(plan_batch(FIRST, 5, 0, knowledge(places, edges), [kind]))
    assert len(set(asked)) == len(asked) > 0


def test_nothing_to_connect_is_a_search_from_a_minimum_instead():
    known = knowledge([0.0, 1.0], edges=[(0, 1)])
    assert [task.kind for task in plan_batch(FIRST, 4, 0, known, ["connect"])] == ["saddle"] * 4


def test_escapes_start_outside_the_first_component_low_ones_first():
    known = knowledge([0.0, 1.0, 2.0, 3.0, 4.0], edges=[(0, 1)], losses=[0.0, 0.1, 0.2, 0.3, 0.4])
    tasks = plan_batch(FIRST, 60, 0, known, ["escape"])
    starts = [task.start[0] for task in tasks]
    assert all(task.partner is None for task in tasks)
    assert set(starts) == {12, 13, 14}
    assert starts.count(12) > starts.count(13) > 0
    joined = knowledge([0.0, 1.0], edges=[(0, 1)])
    assert {task.kind for task in plan_batch(FIRST, 4, 0, joined, ["escape"])} == {"escape"}


def test_untrap_starts_behind_the_barrier_and_goes_down():
    # 2 is nearly as low as 0 but far above it lies the barrier; 3 is high and has a small one
    known = knowledge(
        [0, 1, 2, 3], edges=[(0, 1), (1, 2), (1, 3)], barriers=[0.05, 2.0, 0.06], losses=[0, 0.04, 0.041, 0.05]
    )
    tasks = plan_batch(FIRST, 2, 0, known, ["untrap"])
    assert [(task.start or (0,))[0] for task in tasks] == [12, 12]
    assert {pair[0] for pair in pairs_of(tasks)} == {10, 11}


def test_shortcuts_join_what_is_connected_already():
    known = knowledge([0, 5, 0.1, 0.2], edges=[(0, 1), (1, 2)], losses=[0, 0, 0, 0])
    asked = pairs_of(plan_batch(FIRST, 6, 0, known, ["shortcut"]))
    assert (10, 12) in asked
    assert all(13 not in pair for pair in asked)  # 3 is no part of a component


def test_the_first_searches_quench_starts():
    tasks = plan_batch(0, BATCH, 0, knowledge([0.0, 1.0]))
    assert [t.kind for t in tasks[:16]] == ["collapsed"] * 2 + ["start"] * 14


def test_the_usual_cycle_holds_every_kind_and_connects_with_every_second_search():
    assert set(CYCLE) == set(KINDS)
    assert CYCLE[1::2] == ("connect",) * (len(CYCLE) // 2)
    assert BATCH % len(CYCLE) == 0


def test_the_plan_depends_on_seed_and_search_alone():
    known = knowledge(np.random.default_rng(0).normal(size=20))

    def summary(seed):
        return [
            (t.search, t.kind, t.start and t.start[0], t.partner and t.partner[0])
            for t in plan_batch(FIRST, BATCH, seed, known)
        ]

    assert summary(0) == summary(0) != summary(1)


def test_tries_of_all_pairs_are_those_of_each():
    known = knowledge(np.random.default_rng(0).normal(size=30))
    ids = known.ids.tolist()
    tries = {(ids[i], ids[j]): i + j for i in range(0, 30, 3) for j in range(i + 1, 30, 2)}
    planner = _Planner(replace(known, tries=tries | {(10**6, 10**6 + 1): 1}))  # one of them is of a later batch
    one_by_one = [planner.tried(pair) for pair in known.pairs.tolist()]
    assert planner._all_tries().tolist() == one_by_one
    assert max(one_by_one) > min(one_by_one) == 0
    assert not _Planner(replace(known, tries={}))._all_tries().any()


# ---------------------------------------------------------------- neighbors


def test_distances_are_those_after_alignment():
    network, rng = MLP((2, 3, 2)), np.random.default_rng(0)
    points = rng.normal(size=(6, network.n_parameters))
    neighbors = Neighbors(network)
    neighbors.update([(k, Minimum(p, 0.0, 0.0, np.ones(1))) for k, p in enumerate(points)])
    pairs, distances = neighbors.pairs(range(6))
    assert len(pairs) == 15
    for (i, j), distance in zip(pairs, distances, strict=True):
        assert distance == pytest.approx(symmetry.distance(network, points[i], points[j]))


def test_what_comes_later_does_not_change_the_pairs_of_what_came_before():
    points = [(k, minimum(x)) for k, x in enumerate(np.random.default_rng(0).normal(size=3 * CANDIDATES))]
    all_at_once, in_parts = Neighbors(None), Neighbors(None)
    all_at_once.update(points)
    in_parts.update(points[:40])
    before = in_parts.pairs(range(40))
    in_parts.update(points[::-1])
    for found, expected in zip(all_at_once.pairs(range(40)), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(in_parts.pairs(range(72))[0], all_at_once.pairs(range(72))[0])


def test_every_minimum_has_a_neighbor_among_those_before_it():
    neighbors = Neighbors(None)
    neighbors.update([(k, minimum(x)) for k, x in enumerate(np.random.default_rng(0).normal(size=100))])
    pairs, _ = neighbors.pairs(range(100))
    assert set(range(1, 100)) <= {j for i, j in pairs.tolist() if i < j}


@given(st.lists(st.integers(0, 30), max_size=4 * CANDIDATES))
def test_the_smallest_gaps_are_those_that_come_first_when_sorted(gaps):
    expected = np.argsort(np.array(gaps, dtype=float), kind="stable")[:CANDIDATES]
    np.testing.assert_array_equal(_smallest(np.array(gaps, dtype=float)), expected)


def test_what_is_remembered_plans_what_the_file_alone_plans(small_loss, tmp_path):
    first = 3 * BATCH
    explore(small_loss, tmp_path / "f.db", searches=first, seed=1)
    with Database(tmp_path / "f.db") as database:
        remembering = Memory(database, BATCH)
        for begin in range(BATCH, first, BATCH):  # of a file that is ahead: nothing later may count
            remembering._update(np.array([m.id for m in database.minima if m.search < begin]), begin)
        tasks = [memory.plan(first, first + BATCH, 1, CYCLE) for memory in (remembering, Memory(database, BATCH))]
        for a, b in zip(*tasks, strict=True):
            assert (a.search, a.kind, a.repeat) == (b.search, b.kind, b.repeat)
            assert [end and end[0] for end in (a.start, a.partner)] == [end and end[0] for end in (b.start, b.partner)]
        attempts = database.attempts()
        assert database.n_attempts == len(attempts) == first
        assert database.attempts(50) == attempts[50:]
        tried = {tuple(sorted(a.minimum_ids)) for a in attempts if None not in a.minimum_ids}
        assert remembering._tries.keys() == tried


# ---------------------------------------------------------------- targets


def joining(places, targets, bounded=(), bounds_first=False, **others):
    known = replace(knowledge(places, **others), targets=np.array(targets, dtype=np.int64), bounded=bounded)
    return plan_batch(FIRST, BATCH, 0, known, bounds_first=bounds_first)


def test_all_gaps_on_the_way_to_the_targets_are_searched_and_others_are_not():
    tasks = joining([0.0, 1.0, 2.0, 3.0, -5.0], [3])
    assert {task.kind for task in tasks} == {"connect"}
    assert [task.search for task in tasks] == [*range(FIRST, FIRST + BATCH)]
    assert set(pairs_of(tasks)[:3]) == {(10, 11), (11, 12), (12, 13)}
    assert all(14 not in pair for pair in pairs_of(tasks)[:6])


def test_a_gap_comes_again_only_after_all_gaps_of_all_targets():
    asked = pairs_of(joining([0.0, 1.0, 2.0, -1.5], [2, 3]))
    assert sorted(asked[:3]) == [(10, 11), (10, 13), (11, 12)]


def test_joined_targets_need_no_search():
    assert joining([0.0, 1.0, 2.0], [0, 1], edges=[(0, 1)]) == []


def test_a_target_is_given_up_when_its_best_way_was_tried_too_often():
    tries = {(10, 11): PATIENCE - 1}
    assert joining([0.0, 1.0], [1], tries=tries) != []
    assert joining([0.0, 1.0], [1], tries={(10, 11): PATIENCE}, bounded={(10, 11)}) == []
    # a way around it that is not much longer is tried first
    assert (10, 12) in pairs_of(joining([0.0, 1.0, 2.0], [1], tries={(10, 11): PATIENCE}))


def test_a_path_to_what_cannot_be_joined_leads_through_the_minima_between():
    tries = dict.fromkeys([(11, 12), (12, 13), (11, 13), (10, 13), (10, 12)], PATIENCE)
    (task,) = joining([0.0, 1.0, 2.0, 3.0], [1, 3], edges=[(0, 1)], tries=tries)
    assert (task.kind, task.start[0], task.partner[0]) == ("bound", 13, 11)  # as far as the global minimum's component
    assert [minimum.coordinates[0] for minimum in task.through] == [2.0]


def test_bounds_come_first_where_they_are_wanted_and_each_once():
    places, targets = [0.0, 1.0, 2.0], [1, 2]
    tasks = joining(places, targets, bounds_first=True)
    assert [task.search for task in tasks] == [FIRST, FIRST + 1]
    assert pairs_of(tasks) == [(10, 11), (10, 12)]
    assert pairs_of(joining(places, targets, bounds_first=True, bounded={(10, 11)})) == [(10, 12)]
    rest = joining(places, targets, bounds_first=True, bounded={(10, 11), (10, 12)})
    assert {task.kind for task in rest} == {"connect"}


def test_bounds_go_first_to_where_no_search_led_and_to_each_component_once():
    places, targets = [0.0, 1.0, 2.0, 5.0, 9.0], [1, 2, 3, 4]
    tasks = joining(places, targets, edges=[(2, 3)], tries={(10, 11): 1}, bounds_first=True)
    assert [task.start[0] for task in tasks] == [12, 14, 11]  # 13 has the bound of 12, 11 already has one


def test_where_searches_led_is_what_networkx_says():
    rng = np.random.default_rng(5)
    for _ in range(20):
        n = 12
        edges, pairs = rng.integers(0, n, (6, 2)), rng.integers(0, n, (5, 2))
        edges, pairs = (e[e[:, 0] != e[:, 1]] for e in (edges, pairs))
        tries = {(min(a, b) + 10, max(a, b) + 10): 1 for a, b in pairs.tolist()}
        known = knowledge(np.arange(float(n)), edges=[*map(tuple, edges.tolist())], tries=tries)
        graph = nx.Graph([*edges.tolist(), *pairs.tolist()])
        graph.add_nodes_from(range(n))
        reached = nx.node_connected_component(graph, 0)
        assert np.flatnonzero(_Planner(known)._was_tried()).tolist() == sorted(reached)
