"""Databases of which not every point is kept in memory: the same in all else."""

import pickle
import resource
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st
from support.databases import DAMAGES, a_minimum, a_transition_state, assert_a_damaged_row_is_set_aside, same
from support.paths import ROOT
from support.sql import alter

from landscape import Database, disconnectivity_tree, interchange
from landscape.database import (
    Attempt,
    _columns,
    _store_points as points_module,
    load_array,
    minimum_property,
    positions,
)
from landscape.database._columns import Records
from landscape.database._pickles import dump_array, plain_numbers
from landscape.search import summarize

BENCHMARK = ROOT / "benchmarks" / "large_database.py"


@pytest.fixture
def lazily(monkeypatch):
    """No file is small, and chunks are of two rows."""
    monkeypatch.setattr(points_module, "MOST_IN_MEMORY", -1)
    monkeypatch.setattr(_columns, "CHUNK", 2)


def everything(opened):
    return (
        [(m.id, m.hits, m.origin, m.search, m.orbit_size, pickle.dumps(m.point)) for m in opened.minima],
        [(t.id, t.minimum_ids, t.hits, t.orbit_size, pickle.dumps(t.point)) for t in opened.transition_states],
        [array.tolist() for array in (opened.graph().losses, opened.graph().edges, opened.graph().transition_losses)],
        opened.hits().tolist(),
        (opened.n_minima, opened.n_transition_states),
        summarize(opened),
    )


def test_what_is_read_when_asked_for_is_what_is_there(filled, monkeypatch):
    with Database(filled) as eager:
        expected = everything(eager)
    assert expected[3] == [1, 1, 1]
    monkeypatch.setattr(points_module, "MOST_IN_MEMORY", -1)
    monkeypatch.setattr(_columns, "CHUNK", 2)
    with Database(filled) as lazy:
        assert same(lazy.minimum(2).point, eager.minimum(2).point)  # one by one, then all
        assert everything(lazy) == expected
        with pytest.raises(KeyError):
            lazy.minimum(99)


def test_graph_and_tree_read_no_point(filled, lazily, monkeypatch):
    monkeypatch.setattr(points_module.RowReader, "minimum", None)
    monkeypatch.setattr(points_module.RowReader, "transition_state", None)
    with Database(filled) as lazy:
        assert disconnectivity_tree(lazy.graph()).n_leaves == 3
        assert summarize(lazy).transition_states == 2
        with pytest.raises(TypeError):
            lazy.minimum(1)


@pytest.mark.usefixtures("lazily")
def test_a_large_file_is_written_to_like_a_small_one(filled, rng):
    with Database(filled) as lazy:
        known = lazy.minima[0].point
        with lazy.transaction():
            assert lazy.add_minimum(known, origin="sgd") == (2, False)
            number, new = lazy.add_minimum(a_minimum(rng, 0.47), origin="sgd")
            assert new
            lazy.add_transition_state(a_transition_state(rng, 0.65), (1, number), origin="saddle")
            lazy.add_attempt(Attempt(1, "saddle", (1, None), "CONVERGED", 3))
        assert lazy.hits().tolist() == [2, 1, 1, 1]
        assert lazy.graph().edges.tolist() == [[3, 0], [3, 2], [0, 1]]
        before = everything(lazy)
        with pytest.raises(ZeroDivisionError), lazy.transaction():  # noqa: PT012 - both belong to it
            lazy.add_minimum(a_minimum(rng, 0.3), origin="sgd")
            raise ZeroDivisionError
        assert everything(lazy) == before
    with Database(filled) as again:
        assert everything(again) == before


@pytest.mark.usefixtures("lazily")
@pytest.mark.parametrize(("table", "column", "value", "why"), DAMAGES)
def test_a_damaged_row_of_a_large_file_is_set_aside_at_once(filled, table, column, value, why):
    assert_a_damaged_row_is_set_aside(filled, table, column, value, why, all_rows=False)


@pytest.mark.usefixtures("lazily")
def test_arrays_of_another_protocol_are_read_row_by_row(filled):
    theta = np.arange(25.0)
    alter(filled, "UPDATE tbl_minima SET coords = ? WHERE _id = 2", pickle.dumps(theta, protocol=2))
    with Database(filled) as lazy:
        np.testing.assert_array_equal(lazy.minimum(2).point.coordinates, theta)


@given(st.integers(1, 200), st.integers(0, 3), st.data())
def test_plain_numbers_are_those_that_the_unpickler_reads(n, changes, data):
    numbers = np.random.default_rng(n).normal(size=n)
    blob = bytearray(dump_array(numbers))
    for _ in range(changes):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = load_array(bytes(blob))
    except ValueError:
        read = np.zeros(0)
    if plain_numbers([bytes(blob)], n):
        np.testing.assert_array_equal(read, pickle.loads(bytes(blob)))
        assert np.isfinite(read).all()
    elif not changes:
        pytest.fail("what dump_array wrote must be plain")


@pytest.mark.usefixtures("lazily")
def test_a_large_file_is_exported(filled, tmp_path):
    with Database(filled) as lazy:
        interchange.export_npz(lazy, tmp_path / "f.npz")
        before = everything(lazy)
    interchange.import_npz(tmp_path / "f.npz", tmp_path / "again.db")
    with Database(tmp_path / "again.db") as again:
        assert everything(again)[:4] == before[:4]


@pytest.mark.slow
def test_a_tenth_of_a_million_transition_states(tmp_path):
    """A tenth of what benchmarks/large_database.py measures: a minute and 4 GiB would be for ten times as much."""
    made = [sys.executable, str(BENCHMARK), "make", str(tmp_path / "f.db")]
    subprocess.run([*made, "--minima", "10000", "--transition-states", "100000"], check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in (["info", "f.db"], ["graph", "f.db", "--connected", "--levels", "40", "--output", "f.svg"]):
        subprocess.run([sys.executable, "-m", "agescape", *command], cwd=tmp_path, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 30
    assert after.ru_maxrss < 2**20  # kB


@given(st.lists(st.integers(0, 40) | st.integers(-(2**62), 2**62), min_size=1, unique=True), st.data())
def test_places_are_found_among_any_ids(ids, data):
    wanted = data.draw(st.lists(st.sampled_from(ids), min_size=1))
    found = positions(np.array(ids), np.array([wanted, wanted]))
    assert found.tolist() == [[ids.index(number) for number in wanted]] * 2
    assert positions(np.empty(0, np.int64), np.empty((0, 2), np.int64)).shape == (0, 2)


@pytest.mark.parametrize("name", ["loss", "hits", "id", "trace", "log-determinant", "orbit"])
def test_colors_are_those_of_the_minima(filled, lazily, monkeypatch, name):
    with Database(filled) as lazy:
        if name in {"loss", "hits", "id"}:
            monkeypatch.setattr(points_module.RowReader, "minimum", None)  # no point is read
            monkeypatch.setattr(Records, "read_all", None)
        values = minimum_property(lazy, name).values
        monkeypatch.undo()
    pick = {
        "loss": lambda m: m.point.value, "hits": lambda m: m.hits, "id": lambda m: m.id,
        "trace": lambda m: m.point.trace, "log-determinant": lambda m: m.point.log_determinant,
        "orbit": lambda m: m.orbit_size,
    }[name]  # fmt: skip
    with Database(filled) as eager:
        assert values.tolist() == [pick(m) for m in eager.minima]
    assert len(values) == 3
