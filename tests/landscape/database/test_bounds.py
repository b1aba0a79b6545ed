"""Upper bounds on barriers in a database."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from landscape import Database, explore
from landscape.database import Bound, merge


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
            with database.transaction():
                database.remove_bounds([low.minimum_ids])
            assert not len(database.bounds()[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": 0.0}, "must not lie below its two minima"),
        ({"value": np.nan}, "must not lie below its two minima"),
        ({"points": np.zeros((3, 2))}, r"points must have shape \(K, 25\)"),
        ({"minimum_ids": (2, 1)}, "must not lie below its two minima"),
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
