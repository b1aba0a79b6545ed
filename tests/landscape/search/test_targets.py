"""Exploration that joins chosen minima with the global minimum."""

import networkx as nx
import pytest
from support.cli import agescape, assert_complaint, tables

from landscape import CrossEntropyLoss, Database, explore
from landscape.networks import MLP
from landscape.search import Targets, summarize

STARTS = 24


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
    assert found.targets == len(targets)
    assert set(found.unjoined) == set(targets) - component_of_the_lowest(copy)
    assert len(found.unjoined) < len(targets) - 1
    again = explore(loss, copy, connect=targets)  # there is nothing left to do
    assert (again.searches, again.unjoined) == (found.searches, found.unjoined)


def test_the_lowest_are_those_of_the_time(loss, copy):
    found = explore(loss, copy, connect="lowest:4", searches=STARTS + 64)
    with Database(copy) as database:
        lowest = {minimum.id for minimum in database.minima[:4]}
        assert summarize(database, Targets("lowest:4")).unjoined == found.unjoined
    assert set(found.unjoined) == lowest - component_of_the_lowest(copy)


def test_workers_and_interruptions_do_not_matter(loss, copy, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    explore(loss, copy, connect="lowest:6", searches=STARTS + 50)
    for searches in (STARTS + 3, STARTS + 30, STARTS + 50):
        explore(loss, other, connect="lowest:6", searches=searches, jobs=2)
    assert tables(other) == tables(copy)


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
    with pytest.raises(ValueError, match=r"new\.db, which holds none yet"):
        explore(loss, tmp_path / "new.db", connect="lowest:3")


@pytest.mark.parametrize("connect", ["lowest:3", "visited", "1,2"])
def test_a_missing_file_has_no_targets_and_is_not_made(loss, tmp_path, connect):
    with pytest.raises(FileNotFoundError, match="connect must name minima of a database, and there is no file"):
        explore(loss, tmp_path / "new.db", connect=connect)
    assert list(tmp_path.iterdir()) == []


def test_the_command_joins_and_says_how_many(copy):
    options = ("--hidden", "4", "--rows", "100", "--output", copy, "--jobs", "1")
    result = agescape("explore", *options, "--connect", "lowest:3")
    assert result.code == 0, result
    assert "minima joined with the lowest" in result.out
    assert "of 3" in result.out
    elsewhere = (*options[:-4], "--output", copy.with_name("new.db"), "--connect", "lowest:3")
    assert_complaint(agescape("explore", *elsewhere), "--connect must name minima of a database")
    assert_complaint(agescape("explore", *options, "--connect", "lowest:3", "--kinds", "hop"), "--kinds", "--connect")
