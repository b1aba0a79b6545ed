"""Exploration that joins chosen minima with the global minimum."""

import time
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from support.cli import agescape, assert_complaint, tables

from landscape import CrossEntropyLoss, Database, explore, verify
from landscape.networks import MLP
from landscape.search import SaddleResult, SaddleStatus, Targets, Unjoined, _searches, summarize
from landscape.search._exploration import _is_late
from landscape.search._memory import Memory
from landscape.search._planning import BATCH

STARTS = 24
FAILED = SaddleResult(SaddleStatus.MAX_STEPS, None, (), 0)


@pytest.fixture(scope="module")
def loss(few_data):
    return CrossEntropyLoss(MLP((2, 4, 4)), few_data)


@pytest.fixture(scope="module")
def explored(loss, tmp_path_factory):
    """Minima from random starts, none of them connected."""
    path = tmp_path_factory.mktemp("explored") / "landscape.db"
    found = explore(loss, path, searches=STARTS, kinds=["start"])
    assert found.transition_states == 0
    assert found.minima == found.components > 4
    return path


def component_of_the_lowest(path):
    with Database(path) as database:
        graph = nx.Graph()
        graph.add_nodes_from(minimum.id for minimum in database.minima)
        graph.add_edges_from(state.minimum_ids for state in database.transition_states)
        return nx.node_connected_component(graph, database.minima[0].id)


def test_all_targets_are_joined_or_named_and_then_it_ends(loss, copy):
    with Database(copy) as database:
        targets = [minimum.id for minimum in database.minima[:5]]
    found = explore(loss, copy, connect=targets)
    assert found.targets == len(targets) - 1  # the global minimum is one of them
    assert {one.id for one in found.unjoined} == set(targets) - component_of_the_lowest(copy)
    assert len(found.unjoined) < len(targets) - 1
    again = explore(loss, copy, connect=targets)  # there is nothing left to do
    assert (again.searches, again.unjoined) == (found.searches, found.unjoined)


def test_the_lowest_are_those_of_the_time(loss, copy):
    found = explore(loss, copy, connect="lowest:4", searches=STARTS + 64)
    with Database(copy) as database:
        lowest = {minimum.id for minimum in database.minima[:4]}
        assert summarize(database, Targets("lowest:4")).unjoined == found.unjoined
    assert {one.id for one in found.unjoined} == lowest - component_of_the_lowest(copy)


def test_bounds_first_looks_for_the_bounds_before_it_joins(loss, copy, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    with Database(copy) as database:
        targets = [minimum.id for minimum in database.minima[1:9]]
    total = BATCH + len(targets)  # the batch that random starts began is completed by such
    explore(loss, copy, connect=targets, searches=total, bounds_first=True)
    explore(loss, other, connect=targets, searches=total)
    for path, kinds in ((copy, {"bound"}), (other, {"connect"})):
        with Database(path) as database:
            assert {attempt.kind for attempt in database.attempts() if attempt.search >= BATCH} == kinds


def test_workers_and_interruptions_do_not_matter(loss, copy, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    explore(loss, copy, connect="lowest:6", searches=STARTS + 50)
    for searches in (STARTS + 3, STARTS + 30, STARTS + 50):
        explore(loss, other, connect="lowest:6", searches=searches, jobs=2)
    assert tables(other) == tables(copy)


@pytest.fixture
def without_connections(monkeypatch):
    """Searches between two minima find paths, but no transition states."""
    monkeypatch.setattr(_searches, "find_transition_state", lambda *_, **__: FAILED)
    monkeypatch.setattr(_searches, "search_from_peaks", lambda *_, **__: (FAILED,))


@pytest.mark.slow
def test_what_cannot_be_joined_is_named_with_an_upper_bound(loss, copy, without_connections):
    found = explore(loss, copy, connect="lowest:4")
    assert len(found.unjoined) == 3
    assert all(one.given_up and one.bound > one.loss and one.above == one.bound - one.loss for one in found.unjoined)
    with Database(copy) as database:
        ids, bounds = database.bounds()
        assert found.bounds == len(bounds)
        highest = nx.Graph()
        highest.add_weighted_edges_from((*pair, bound) for pair, bound in zip(ids.tolist(), bounds, strict=True))
        for one in found.unjoined:
            way = nx.shortest_path(nx.minimum_spanning_tree(highest), database.minima[0].id, one.id)
            assert one.bound == max(highest.edges[edge]["weight"] for edge in pairwise(way))
        kinds = [attempt.kind for attempt in database.attempts()]
        assert kinds.count("bound") == 3
    assert verify(copy).failures == ()
    again = explore(loss, copy, connect="lowest:4")
    assert (again.searches, again.unjoined) == (found.searches, found.unjoined)


@pytest.mark.slow
def test_interruptions_of_the_last_searches_do_not_matter(loss, copy, tmp_path, without_connections):
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    found = explore(loss, copy, connect="lowest:5")
    with Database(copy) as database:
        kinds = [attempt.kind for attempt in database.attempts()]
    first = kinds.index("bound")
    assert set(kinds[first:]) == {"bound"}
    for searches in (first - 1, first + 1, first + 2, found.searches, found.searches + 5):
        explore(loss, other, connect="lowest:5", searches=searches)
    assert tables(other) == tables(copy)


def test_interruptions_of_short_batches_do_not_matter(loss, copy, tmp_path, monkeypatch):
    """Bounds first where a batch begins with an even number: the file tells later which searches were for them."""
    plan = Memory.plan
    monkeypatch.setattr(
        Memory, "plan", lambda self, first, *a, bounds_first: plan(self, first, *a, bounds_first=first % 2 == 0)
    )
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    explore(loss, copy, connect="lowest:6", searches=BATCH + 12)
    with Database(copy) as database:
        kinds = [attempt.kind for attempt in database.attempts()][BATCH:]  # the first batch is completed as it began
    n_bounds = kinds.index("connect")
    assert 2 < n_bounds < 7
    assert set(kinds[n_bounds:]) == {"connect"}
    for searches in (2, n_bounds - 1, n_bounds, n_bounds + 1, 12):
        explore(loss, other, connect="lowest:6", searches=BATCH + searches)
    assert tables(other) == tables(copy)


def test_the_end_of_a_budget_is_left_for_bounds():
    now = time.monotonic()
    targets = [Unjoined(k, 0.1, np.inf) for k in range(10)]
    assert not _is_late(now + 50.0, 100.0, 0.5, targets)  # ten bounds take 20 s
    assert _is_late(now + 19.0, 100.0, 0.5, targets)
    assert not _is_late(now + 60.0, 100.0, 5.0, targets)  # at most half of the budget
    assert _is_late(now + 49.0, 100.0, 5.0, targets)
    assert not _is_late(np.inf, np.inf, 0.5, targets)
    assert not _is_late(now + 1.0, 100.0, 0.5, [])


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        ("lowest:0", "connect must be visited"),
        ("lowest", "connect must be visited"),
        ("3,x", "connect must be visited"),
        ("3,99999", r"connect must name minima of .*; it does not hold 99999"),
        ([99999, 99998], r"does not hold 99998, 99999"),
        ("visited", "no snapshots are mapped"),
        ([], "connect must name at least one minimum"),
        ([1.5], "connect must be a whole number >= 0; got 1.5"),
    ],
)
def test_targets_that_are_none_are_refused(loss, copy, connect, message):
    with pytest.raises(ValueError, match=message):
        explore(loss, copy, connect=connect)


def test_an_empty_database_has_no_targets(loss, tmp_path):
    explore(loss, tmp_path / "new.db", searches=0)
    with pytest.raises(ValueError, match=r"new\.db, which holds none"):
        explore(loss, tmp_path / "new.db", connect="lowest:3")


@pytest.mark.parametrize("connect", ["lowest:3", "visited", "1,2"])
def test_a_missing_file_has_no_targets_and_is_not_made(loss, tmp_path, connect):
    with pytest.raises(FileNotFoundError, match="connect must name minima of a database, but there is no file"):
        explore(loss, tmp_path / "new.db", connect=connect)
    assert list(tmp_path.iterdir()) == []


def test_the_command_joins_and_says_how_many(copy):
    options = ("--hidden", "4", "--rows", "100", "--output", copy, "--jobs", "1")
    result = agescape("explore", *options, "--connect", "lowest:3")
    assert result.code == 0, result
    assert "minima joined with the lowest" in result.out
    assert "of 2" in result.out
    elsewhere = (*options[:-4], "--output", copy.with_name("new.db"), "--connect", "lowest:3")
    assert_complaint(agescape("explore", *elsewhere), "--connect must name minima of a database")
    assert_complaint(agescape("explore", *options, "--connect", "lowest:3", "--kinds", "hop"), "--kinds", "--connect")
