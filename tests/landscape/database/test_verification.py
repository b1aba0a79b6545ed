import pickle
import re
import sqlite3
from contextlib import closing
from dataclasses import FrozenInstanceError, replace
from itertools import product

import numpy as np
import pytest
from support import sql

from landscape import CrossEntropyLoss, Database, Minimum, TransitionState, datasets, explore, quench, verify
from landscape.database import Failure, same_ends
from landscape.database._pickles import dump_array
from landscape.networks import MLP
from landscape.search import downhill
from landscape.search._storing import open_or_create
from landscape.stationary import certify

NETWORK = MLP((2, 2, 4))
P = NETWORK.n_parameters


@pytest.fixture(scope="module")
def little_loss(few_data):
    return CrossEntropyLoss(NETWORK, few_data)


@pytest.fixture(scope="module")
def explored(little_loss, tmp_path_factory):
    path = tmp_path_factory.mktemp("explored") / "f.db"
    explore(little_loss, path, searches=40)
    return path


def alter(*arguments):
    assert sql.alter(*arguments) > 0


# ---------------------------------------------------------------- what holds


@pytest.mark.parametrize("regularize_biases", [pytest.param(True, marks=pytest.mark.slow), False])
def test_what_explore_finds_holds_on_all_paths(few_data, tmp_path, regularize_biases):
    loss = CrossEntropyLoss(NETWORK, few_data, regularize_biases=regularize_biases)
    explore(loss, tmp_path / "f.db", searches=64)
    before = (tmp_path / "f.db").read_bytes()
    found = verify(tmp_path / "f.db", paths=True)
    with Database(tmp_path / "f.db") as database:
        assert (found.minima, found.transition_states) == (len(database.minima), len(database.transition_states))
        assert found.transition_states > 1
    assert found.failures == ()
    assert found.paths
    assert (tmp_path / "f.db").read_bytes() == before


def test_workers_and_the_given_loss_change_nothing(explored, copy, little_loss):
    alter(copy, "UPDATE agescape_minima SET rms_gradient = 1e-11")
    expected = verify(copy)
    assert len(expected.failures) > 1
    assert verify(copy, little_loss, jobs=2) == expected
    assert verify(explored, little_loss).failures == ()


def test_progress_counts_all_points(explored):
    calls = []
    found = verify(explored, progress=lambda done, total: calls.append((done, total)))
    n = found.minima + found.transition_states
    assert calls == [(k + 1, n) for k in range(n)]


def test_an_empty_database_has_no_failures(little_loss, tmp_path):
    open_or_create(little_loss, tmp_path / "f.db", 0).close()
    found = verify(tmp_path / "f.db")
    assert (found.minima, found.transition_states, found.failures) == (0, 0, ())
    with pytest.raises(FrozenInstanceError):
        found.minima = 1


# ---------------------------------------------------------------- what was changed


KEY = "0" * 64
CHANGES = [  # table, column, the change in SQL, what verify says of it
    ("tbl_minima", "energy", "energy - 1e-10", "its loss is"),
    ("agescape_minima", "rms_gradient", "rms_gradient + 2e-12", "its rms gradient is .*, not"),
    ("agescape_minima", "canonical_key", f"'{KEY}'", "its canonical key is different"),
    ("agescape_minima", "orbit_size", "'3'", "its orbit size is 8 .*, not 3 and 1"),
    ("agescape_minima", "log_determinant", "log_determinant * 1.000001", "log-determinant"),
    ("agescape_minima", "trace", "trace + 1e-6", "log-determinant, trace"),
    ("agescape_minima", "trace", "'text'", "log-determinant, trace"),
    ("tbl_minima", "fvib", "NULL", "log product of frequencies"),
    ("tbl_minima", "pgorder", "2", "point-group order 1, not 8 and 2"),
    ("tbl_transition_states", "energy", "energy + 1e-10", "its loss is"),
    ("tbl_transition_states", "eigenval", "-eigenval", "does not fit its eigenvalues"),
    ("tbl_transition_states", "fvib", "fvib + 0.1", "log product of frequencies"),
    ("agescape_transition_states", "canonical_key", "'x'", "its canonical key is different"),
]


@pytest.mark.parametrize(("table", "column", "change", "what"), CHANGES, ids=lambda value: str(value)[:24])
def test_a_changed_number_is_found_and_named(copy, table, column, change, what):
    number = {"agescape_minima": "minimum_id", "agescape_transition_states": "transition_state_id"}.get(table, "_id")
    alter(copy, f"UPDATE {table} SET {column} = {change} WHERE {number} = 2")
    kind = "transition state" if "transition" in table else "minimum"
    (failure,) = verify(copy).failures
    assert (failure.id, failure.kind) == (2, kind)
    assert re.search(what, failure.what)


@pytest.mark.parametrize("kind", ["minimum", "transition state"])
def test_a_point_that_was_moved_fails(copy, kind):
    table = {"minimum": "tbl_minima", "transition state": "tbl_transition_states"}[kind]
    with Database(copy) as database:
        points = database.minima if kind == "minimum" else database.transition_states
        theta = points[0].point.coordinates.copy()
        number = points[0].id
    theta[0] += 1e-3
    alter(copy, f"UPDATE {table} SET coords = ? WHERE _id = ?", dump_array(theta), number)
    found = [failure for failure in verify(copy).failures if (failure.id, failure.kind) == (number, kind)]
    said = " ".join(failure.what for failure in found)
    assert "above 1e-10" in said
    assert "eigenvalues are different" in said
    assert "canonical key" in said
    assert len(verify(copy).failures) == len(found)


@pytest.mark.parametrize("size", [P - 1, P])
def test_changed_eigenvalues_fail(copy, size):
    with Database(copy) as database:
        minimum = database.minima[0]
    eigenvalues = minimum.point.eigenvalues[:size] * (1 + 1e-6 * np.arange(size))
    alter(copy, "UPDATE agescape_minima SET eigenvalues = ? WHERE minimum_id = ?", eigenvalues.tobytes(), minimum.id)
    whats = [failure.what for failure in verify(copy).failures]
    assert "its eigenvalues are different" in whats
    assert len(whats) == 2  # and the numbers made of them


def test_another_eigenvector_fails(copy, rng):
    with Database(copy) as database:
        state = database.transition_states[0]
    turned = state.point.eigenvector + 0.01 * rng.normal(size=P)
    for vector, n_failures in ((-2.0 * state.point.eigenvector, 0), (turned, 1), (np.zeros(P), 1)):
        alter(copy, "UPDATE tbl_transition_states SET eigenvec = ? WHERE _id = ?", dump_array(vector), state.id)
        assert len(verify(copy).failures) == n_failures
    assert verify(copy).failures == (Failure(state.id, "transition state", "its eigenvector is different"),)


def test_a_saddle_that_is_called_a_minimum_fails(explored, little_loss, tmp_path):
    with Database(explored) as database:
        state = database.transition_states[0].point
    called = Minimum(state.coordinates, state.value, state.rms_gradient, state.eigenvalues)
    lying = replace(called, eigenvalues=np.abs(called.eigenvalues))
    with open_or_create(little_loss, tmp_path / "f.db", 0) as database:
        with pytest.raises(ValueError, match="it has 1 negative eigenvalues, not 0"), database.transaction():
            database.add_minimum(called, origin="start")
        with database.transaction():
            database.add_minimum(lying, origin="start")
    (failure,) = [f for f in verify(tmp_path / "f.db").failures if "negative" in f.what]
    assert failure == Failure(1, "minimum", "it has 1 negative eigenvalues, not 0")


def test_a_minimum_that_is_called_a_transition_state_fails(explored, little_loss, tmp_path):
    with Database(explored) as database:
        low, high = (stored.point for stored in database.minima[:2])
    called = TransitionState(**vars(high), eigenvector=np.eye(P)[0])
    lying = replace(called, eigenvalues=np.r_[-1.0, called.eigenvalues[1:]])
    with open_or_create(little_loss, tmp_path / "f.db", 0) as database:
        with database.transaction():
            number, _ = database.add_minimum(low, origin="start")
        with pytest.raises(ValueError, match="it has 0 negative eigenvalues, not 1"), database.transaction():
            database.add_transition_state(called, (number, number), origin="saddle")
        with database.transaction():
            database.add_transition_state(lying, (number, number), origin="saddle")
    whats = {failure.what for failure in verify(tmp_path / "f.db").failures if failure.kind == "transition state"}
    assert "it has 0 negative eigenvalues, not 1" in whats


def test_wrong_ends_are_found_on_the_paths_alone(copy):
    with Database(copy) as database:
        state, other = next(
            (state, minimum)
            for state in database.transition_states
            for minimum in database.minima
            if minimum.id not in state.minimum_ids and minimum.point.value < state.point.value
        )
    alter(copy, "UPDATE tbl_transition_states SET _minimum1_id = ? WHERE _id = ?", other.id, state.id)
    assert verify(copy).failures == ()
    (failure,) = verify(copy, paths=True).failures
    assert (failure.id, failure.kind) == (state.id, "transition state")
    assert failure.what == f"the paths down from it do not end in minima {other.id} and {state.minimum_ids[1]}"


def test_two_ends_are_the_named_ones_in_any_order_and_as_often(explored):
    with Database(explored) as database:
        a, b, c = (stored.point for stored in database.minima[:3])
    for found, named in product(product((a, b, c), repeat=2), repeat=2):
        assert same_ends(NETWORK, found, named) == (sorted(map(id, found)) == sorted(map(id, named)))


def test_a_point_stored_twice_fails(copy):
    with closing(sqlite3.connect(copy)) as connection, connection:
        for table, extra, number in (
            ("tbl_minima", "agescape_minima", "minimum_id"),
            ("tbl_transition_states", "agescape_transition_states", "transition_state_id"),
        ):
            for name, key in ((table, "_id"), (extra, number)):
                connection.execute(f"CREATE TEMP TABLE t AS SELECT * FROM {name} WHERE {key} = 1")
                connection.execute(f"UPDATE t SET {key} = 99")
                connection.execute(f"INSERT INTO {name} SELECT * FROM t")
                connection.execute("DROP TABLE t")
    assert set(verify(copy).failures) == {
        Failure(99, kind, f"it is the same point as {kind} 1") for kind in ("minimum", "transition state")
    }


def test_the_tolerance_of_the_gradient_is_exact(little_loss, tmp_path):
    """A point that is a little further from the minimum than allowed fails, though its numbers are right."""
    result = quench(little_loss, NETWORK.glorot_uniform(np.random.default_rng(1)))
    step = np.linalg.solve(little_loss.hessian(result.coordinates), np.full(P, 1.5e-10))
    point = certify(little_loss, result.coordinates + step)
    assert 1e-10 < point.rms_gradient < 2e-10
    with open_or_create(little_loss, tmp_path / "f.db", 0) as database, database.transaction():
        database.add_minimum(Minimum(**vars(point)), origin="start")
    (failure,) = verify(tmp_path / "f.db").failures
    assert "above 1e-10" in failure.what


# ---------------------------------------------------------------- the loss


def test_another_loss_is_refused(explored, few_data):
    for loss, name in (
        (CrossEntropyLoss(NETWORK, few_data, 1e-3), "regularization"),
        (CrossEntropyLoss(MLP((2, 3, 4)), few_data), "layer_sizes"),
        (CrossEntropyLoss(NETWORK, datasets.ljat(rows=100, seed=1)), "dataset_seed"),
    ):
        with pytest.raises(ValueError, match=rf"loss must be that of .*f\.db, whose {name} is"):
            verify(explored, loss)


def test_bad_arguments(explored, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.db"):
        verify(tmp_path / "missing.db")
    with pytest.raises(ValueError, match="jobs must be"):
        verify(explored, jobs=0)


def test_data_that_have_changed_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    datasets.write_table(datasets.ljat(30, 0, test_rows=0), path)
    explore(CrossEntropyLoss(NETWORK, datasets.table(path)), tmp_path / "f.db", searches=1)
    datasets.write_table(datasets.ljat(30, 1, test_rows=0), path)
    with pytest.raises(ValueError, match=r"data\.csv: the data have changed"):
        verify(tmp_path / "f.db")


def test_a_loss_that_is_not_finite_there_fails(copy, little_loss):
    class Broken:
        def __getattr__(self, name):
            return getattr(little_loss, name)

        def value_gradient_hessian(self, theta):
            value, gradient, hessian = little_loss.value_gradient_hessian(theta)
            return np.nan * value, gradient, hessian

    found = verify(copy, Broken())
    assert len(found.failures) == found.minima + found.transition_states
    assert all("not finite" in failure.what for failure in found.failures)


def test_downhill_ends_in_the_two_minima_that_the_search_found(explored, little_loss):
    with Database(explored) as database:
        assert database.transition_states
        for state in database.transition_states:
            ends = downhill(little_loss, state.point.coordinates)
            assert all(end.converged and end.value < state.point.value for end in ends)
            found = sorted(database.find_minimum(end.minimum).id for end in ends)
            assert tuple(found) == state.minimum_ids


# ---------------------------------------------------------------- columns


def rebuilt(path, table, change):
    """The file with the declaration of one table changed."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        changed = change(sql)
        assert changed != sql
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (changed, table))
    return path


@pytest.mark.parametrize(
    ("table", "old", "new", "what"),
    [
        ("agescape_attempts", "status TEXT", "state TEXT", "there is no column 'status'"),
        ("agescape_minima", "trace FLOAT", "trace BLOB", "column 'trace' is of type 'BLOB', not 'FLOAT'"),
        ("tbl_minima", "user_data BLOB", "user_data BLOB, more TEXT", "column 'more' is unknown"),
        ("tbl_minima", "user_data BLOB", "user_data BLOB AS (coords)", "'BLOB GENERATED', not 'BLOB'"),
        ("tbl_transition_states", "fvib FLOAT", "fvib", "column 'fvib' is of type '', not 'FLOAT'"),
    ],
)
def test_a_file_with_other_columns_is_refused(copy, table, old, new, what):
    rebuilt(copy, table, lambda sql: sql.replace(old, new))
    with pytest.raises(ValueError, match=re.escape(what)) as caught:
        Database(copy)
    assert str(copy) in str(caught.value)
    assert f"in table {table}" in str(caught.value)


def test_names_of_types_may_be_in_small_letters_and_more_tables_do_no_harm(copy):
    rebuilt(copy, "agescape_minima", lambda sql: sql.replace("FLOAT", "float"))
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    assert verify(copy).failures == ()


def test_a_hostile_pickle_does_not_run(copy, tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "sentinel"), "w")

    alter(copy, "UPDATE tbl_minima SET coords = ? WHERE _id = 1", pickle.dumps(Payload()))
    with pytest.raises(ValueError, match="is refused"):
        verify(copy)
    assert not (tmp_path / "sentinel").exists()
