"""Upper bounds on barriers in a database."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from support.cli import agescape, tables
from support.databases import PROVENANCE, P, a_minimum, a_transition_state

from landscape import Database, explore, symmetry, verify
from landscape.database import Bound, merge
from landscape.database._bounds import superseded
from landscape.descent import highest_point
from landscape.graph import LandscapeGraph, components, minimax_barriers, with_bounds
from landscape.interchange import export_npz, import_npz


@pytest.fixture(scope="module")
def explored(small_loss, tmp_path_factory):
    path = tmp_path_factory.mktemp("explored") / "landscape.db"
    explore(small_loss, path, searches=24, kinds=["start"])
    return path


def bound_of(database, first, second, above=0.1):
    """A straight line between two minima, which are the first and second lowest, ..."""
    a, b = sorted((database.minima[first], database.minima[second]), key=lambda minimum: minimum.id)
    value = max(a.point.value, b.point.value) + above
    return Bound((a.id, b.id), value, np.linspace(a.point.coordinates, b.point.coordinates, 5))


def add(path, *bounds):
    with Database(path) as database, database.transaction():
        for bound in bounds:
            database.add_bound(bound)


def test_a_bound_is_read_as_it_was_written(copy):
    with Database(copy) as database:
        assert [array.shape for array in database.bounds()] == [(0, 2), (0,)]
        written = [bound_of(database, 0, 1), bound_of(database, 0, 2, above=0.01)]
    add(copy, *written)
    with Database(copy) as database:
        ids, values = database.bounds()
        assert ids.tolist() == [[*bound.minimum_ids] for bound in sorted(written, key=lambda bound: bound.value)]
        assert values.tolist() == sorted(bound.value for bound in written)
        for bound in written:
            found = database.bound(bound.minimum_ids)
            assert (found.minimum_ids, found.value) == (bound.minimum_ids, bound.value)
            np.testing.assert_array_equal(found.points, bound.points)
        with pytest.raises(KeyError):
            database.bound((10**6, 10**6 + 1))


def test_the_lowest_bound_stays(copy):
    with Database(copy) as database:
        low, high = (bound_of(database, 0, 1, above=above) for above in (0.1, 0.2))
    for order in ((low, high), (high, low)):
        add(copy, *order)
        with Database(copy) as database:
            assert database.bounds()[1].tolist() == [low.value]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": 0.0}, "must not lie below its two minima"),
        ({"value": np.nan}, "must not lie below its two minima"),
        ({"points": np.zeros((3, 2))}, r"points must have shape \(K, 25\)"),
        ({"minimum_ids": (2, 1)}, "must not lie below its two minima"),
        ({"minimum_ids": (1, 99999)}, "must lie between two minima"),
    ],
)
def test_what_is_no_bound_is_refused(copy, change, message):
    with Database(copy) as database:
        good = vars(bound_of(database, 0, 1))
        with pytest.raises(ValueError, match=message), database.transaction():
            database.add_bound(Bound(**good | change))
        assert not len(database.bounds()[1])


@pytest.mark.parametrize(
    "damage",
    [
        "value = 'x'",
        "points = 'text'",
        "points = x'00'",
        "minimum2_id = minimum1_id",
        "minimum2_id = 99999",
        "value = 9e999",
        "value = 0.1",
    ],
)
def test_a_damaged_row_is_set_aside_and_can_be_removed(copy, damage):
    with Database(copy) as database:
        written = [bound_of(database, 0, 1), bound_of(database, 0, 2)]
    add(copy, *written)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute(f"UPDATE agescape_bounds SET {damage} WHERE rowid = 1")
    with Database(copy) as database:
        assert [(row.kind, row.id) for row in database.set_aside] == [("bound", 1)]
        assert len(database.bounds()[1]) == 1
        database.remove_set_aside()
        assert not database.set_aside
        assert len(database.bounds()[1]) == 1


def test_points_that_do_not_fit_are_named(copy):
    with Database(copy) as database:
        bound = bound_of(database, 0, 1)
    add(copy, bound)
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE agescape_bounds SET points = x'0000000000000000'")
    with Database(copy) as database, pytest.raises(ValueError, match="no points of 25 finite parameters"):
        database.bound(bound.minimum_ids)


def test_merging_keeps_the_lowest_bound(copy, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(copy.read_bytes())
    with Database(copy) as database:
        bounds = [bound_of(database, 0, 1, above=0.2), bound_of(database, 0, 1, above=0.1), bound_of(database, 1, 2)]
    add(copy, bounds[0])
    add(other, *bounds[1:])
    merge([copy, other], tmp_path / "merged.db")
    with Database(tmp_path / "merged.db") as database:
        assert sorted(database.bounds()[1]) == sorted(bound.value for bound in bounds[1:])
        for pair in database.bounds()[0].tolist():
            found = database.bound(pair)
            for number, end in zip(pair, found.points[[0, -1]], strict=True):
                np.testing.assert_array_equal(database.minimum(number).point.coordinates, end)


# ---------------------------------------------------------------- what is kept


def random_graph(rng, n=8):
    losses = rng.random(n)
    edges, bound_edges = (np.array([rng.choice(n, 2, replace=False) for _ in range(k)]) for k in (4, 20))
    heights, bounds = (losses[pairs].max(axis=1) + rng.random(len(pairs)) for pairs in (edges, bound_edges))
    return LandscapeGraph(losses, heights, edges, bound_edges=bound_edges, bounds=bounds)


def with_these(graph, chosen):
    return replace(graph, bound_edges=graph.bound_edges[chosen], bounds=graph.bounds[chosen])


def barriers(graph):
    """Lowest bounds between all pairs, naively."""
    highest = np.full((graph.n_minima, graph.n_minima), np.inf)
    np.fill_diagonal(highest, graph.losses)
    for (a, b), value in zip(
        [*graph.edges, *graph.bound_edges], [*graph.transition_losses, *graph.bounds], strict=True
    ):
        highest[a, b] = highest[b, a] = min(highest[a, b], value)
    for k in range(graph.n_minima):
        highest = np.minimum(highest, np.maximum(highest[:, k, None], highest[None, k]))
    return highest


@pytest.mark.parametrize("seed", range(20))
def test_what_is_left_bounds_as_well_and_none_of_it_is_superfluous(seed):
    graph = random_graph(np.random.default_rng(seed))
    labels = components(graph)
    across = np.not_equal(*labels[graph.bound_edges].T)
    left = ~superseded(graph)
    assert not (left & ~across).any()
    np.testing.assert_array_equal(barriers(with_these(graph, left)), barriers(with_these(graph, across)))
    for k in np.flatnonzero(left):
        a, b = graph.bound_edges[k]
        others = left & (np.arange(len(left)) != k)
        assert barriers(with_these(graph, others))[a, b] > graph.bounds[k]
    for source in range(graph.n_minima):
        np.testing.assert_array_equal(minimax_barriers(with_bounds(graph), source), barriers(graph)[source])


def test_bounds_are_no_edges_and_go_when_transition_states_come(path, rng):
    with Database.create(path, PROVENANCE) as database:
        with database.transaction():
            ids = [database.add_minimum(a_minimum(rng, 0.4 + k / 10), origin="start")[0] for k in range(3)]
            for first, second, value in ((0, 1, 0.7), (0, 2, 0.9), (1, 2, 0.8)):
                database.add_bound(Bound((ids[first], ids[second]), value, np.ones((2, P))))
        graph = database.graph()
        assert graph.bound_edges.tolist() == [[0, 1], [1, 2], [0, 2]]
        assert graph.bounds.tolist() == [0.7, 0.8, 0.9]
        assert components(graph).tolist() == [0, 1, 2]
        assert minimax_barriers(with_bounds(graph), 0).tolist() == [0.4, 0.7, 0.8]
        with database.transaction():
            database.remove_superseded_bounds()
        assert database.graph().bounds.tolist() == [0.7, 0.8]  # over minimum 1 it is lower than 0.9
        with database.transaction():
            database.add_transition_state(a_transition_state(rng, 0.75), (ids[0], ids[1]), origin="saddle")
            database.remove_superseded_bounds()
        assert database.graph().bounds.tolist() == [0.8]


# ---------------------------------------------------------------- verification


def evaluated(database, loss, first, second):
    """A bound along the straight line from a random image of one minimum to the nearest one of another."""
    a, b = sorted((database.minima[first], database.minima[second]), key=lambda minimum: minimum.id)
    start = symmetry.random_image(loss.network, a.point.coordinates, rng=0)
    end = symmetry.nearest_image(loss.network, b.point.coordinates, start)
    points = np.linspace(start, end, 4)
    return Bound((a.id, b.id), highest_point(loss, points)[0], points)


@pytest.fixture
def bounded(copy, small_loss):
    with Database(copy) as database:
        bound = evaluated(database, small_loss, 0, 1)
    add(copy, bound)
    return copy, bound


def moved(bound, row, by):
    points = bound.points.copy()
    points[row] += by
    return points


def test_verify_accepts_a_bound_that_holds(bounded, small_loss):
    path, _ = bounded
    assert verify(path).failures == ()


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda bound: {"value": bound.value - 1e-6}, "the loss on its path reaches .*, above"),
        (lambda bound: {"points": moved(bound, 1, 0.5)}, "the loss on its path reaches"),
        (lambda bound: {"points": moved(bound, 3, 1e-6)}, "does not end in minimum"),
        (lambda bound: {"points": bound.points[::-1]}, "does not end in minimum"),
        (lambda bound: {"points": bound.points[:1]}, "its path holds no points"),
        (lambda bound: {"points": bound.points * np.inf}, "its path holds no points of 25 finite parameters"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_verify_finds_a_tampered_bound(bounded, tamper, message):
    path, bound = bounded
    changed = Bound(**vars(bound) | tamper(bound))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE agescape_bounds SET value = ?, points = ?", (changed.value, changed.points.tobytes())
        )
    (failure,) = verify(path).failures
    assert (failure.kind, failure.id) == ("bound", bound.minimum_ids[0])
    assert failure.what.startswith(f"on the barrier to minimum {bound.minimum_ids[1]}: ")
    assert re.search(message, failure.what)


def test_the_bounds_of_merged_files_hold(copy, tmp_path, small_loss):
    other = tmp_path / "other.db"
    explore(small_loss, other, searches=24, kinds=["start"], seed=1)
    for k, path in enumerate((copy, other)):
        with Database(path) as database:
            bounds = [evaluated(database, small_loss, k, 1 + k), evaluated(database, small_loss, 0, 3)]
        add(path, *bounds)
    merge([copy, other], tmp_path / "merged.db")
    with Database(tmp_path / "merged.db") as database:
        assert len(database.bounds()[1]) > 1
    assert verify(tmp_path / "merged.db").failures == ()


def test_the_npz_holds_bounds(bounded, tmp_path):
    path, bound = bounded
    with Database(path) as database:
        export_npz(database, tmp_path / "f.npz")
    import_npz(tmp_path / "f.npz", tmp_path / "again.db")
    assert tables(tmp_path / "again.db") == tables(path)
    arrays = dict(np.load(tmp_path / "f.npz"))
    np.testing.assert_array_equal(arrays["bounds_points"], bound.points)
    for name, value in (("bounds_sizes", [3]), ("bounds_minimum_ids", [[1, 99]]), ("bounds_values", [-1.0])):
        np.savez(tmp_path / "bad.npz", **arrays | {name: np.array(value)})
        with pytest.raises(ValueError, match=r"bad\.npz"):
            import_npz(tmp_path / "bad.npz", tmp_path / "bad.db")


def test_other_exports_say_that_they_leave_bounds_out(bounded, tmp_path):
    path, _ = bounded
    result = agescape("export", path, "--output", tmp_path / "f.graphml")
    assert "1 upper bound on barriers left out" in result.out
    assert "upper bounds on barriers 1" in " ".join(agescape("info", path).out.split())
