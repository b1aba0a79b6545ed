"""Damaged rows of databases: what is left works, what is damaged is named, and goes when it is asked to."""

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st
from support.cli import MAIN, agescape, good, strict_json
from support.databases import DAMAGES, FOUND, KEYS, PROVENANCE, P, a_minimum, a_transition_state, contents
from support.sql import alter

import landscape
from landscape import Database, LandscapeGraph, interchange, merge, verify
from landscape.database import Attempt, Quenched, _side_tables, repair
from landscape.database._admission import minimum_problem, transition_state_problem
from landscape.graph import below_minima
from landscape.kinetics import Barriers
from landscape.search import store_inherent_structures
from landscape.search._searches import Found, Task
from landscape.search._storing import next_search, store
from landscape.support import only_writer


@pytest.fixture
def filled(path, rng):
    """A file with a row of every kind: minima 1 to 4, transition states 1 to 3, searches 0 to 5, four snapshots."""
    with Database.create(path, PROVENANCE) as database, database.transaction():
        for k, value in enumerate([0.5, 0.4, 0.45]):
            database.add_minimum(a_minimum(rng, value), origin="start", search=k)
        database.add_minimum(a_minimum(rng, 0.3), origin="sgd", hits=0, discovery=FOUND)
        for k, (value, ends) in enumerate([(0.6, (1, 2)), (0.7, (3, 2)), (0.55, (4, 1))]):
            database.add_transition_state(a_transition_state(rng, value), ends, origin="saddle", search=k + 3)
        for k, ends in enumerate([(None, None)] * 3 + [(1, 2), (3, 2), (4, None)]):
            database.add_attempt(Attempt(k, "saddle", ends, "CONVERGED", 12))
        for k, number in enumerate([1, 2, 4, None]):
            database.add_inherent_structure(f"snapshot {k}", "flow", number, None if number else "saddle")
    return path


def held(database):
    """All that a reader gets, as text."""
    return repr(
        (
            [(m.id, m.hits, m.origin, m.search, m.discovery, m.point.value) for m in database.minima],
            [(t.id, t.minimum_ids, t.hits, t.point.value) for t in database.transition_states],
            database.graph().edges.tolist(),
            database.hits().tolist(),
            database.attempts(),
            database.n_attempts,
            database.inherent_structures("flow"),
            database.discoveries(),
            database.unmapped("flow"),
            database.quench_methods(),
        )
    )


BESIDE = [  # statement, and the rows that are set aside by it
    ("UPDATE agescape_attempts SET kind = x'00' WHERE search = 5", {("attempt", 5)}),
    ("UPDATE agescape_attempts SET hessian_evaluations = 'many'", {("attempt", k) for k in range(6)}),
    ("UPDATE agescape_attempts SET search = 9223372036854775807 WHERE search = 5", {("attempt", 2**63 - 1)}),
    ("UPDATE agescape_attempts SET search = -1 WHERE search = 0", {("attempt", -1)}),
    ("UPDATE agescape_attempts SET minimum1_id = 99 WHERE search = 4", set()),
    ("UPDATE agescape_inherent_structures SET point = x'00' WHERE rowid = 2", {("inherent structure", 2)}),
    ("UPDATE agescape_inherent_structures SET minimum_id = 99 WHERE rowid = 1", {("inherent structure", 1)}),
    ("UPDATE agescape_inherent_structures SET minimum_id = 'one' WHERE rowid = 1", {("inherent structure", 1)}),
    ("UPDATE agescape_discoveries SET replica = 'three'", {("discovery", 4)}),
    ("UPDATE agescape_discoveries SET step = -1", {("discovery", 4)}),
    ("UPDATE agescape_discoveries SET run = x'00'", {("discovery", 4)}),
    ("UPDATE agescape_discoveries SET minimum_id = 99", {("discovery", 99)}),
    ("UPDATE agescape_unmapped SET reason = x'00'", {("unmapped snapshot", 1)}),
    ("DELETE FROM tbl_minima WHERE _id = 3", {("minimum", 3), ("transition state", 2)}),
    ("DELETE FROM tbl_transition_states WHERE _id = 3", {("transition state", 3)}),
    ("DELETE FROM agescape_minima WHERE minimum_id = 3", {("transition state", 2)}),  # now it is pele's alone
    (
        "UPDATE tbl_minima SET energy = 'high' WHERE _id = 4",
        {("minimum", 4), ("transition state", 3), ("inherent structure", 3), ("discovery", 4)},
    ),
    ("UPDATE tbl_minima SET energy = 0.65 WHERE _id = 1", {("transition state", 1), ("transition state", 3)}),
]


@pytest.mark.parametrize(("statement", "rows"), BESIDE)
def test_a_damaged_row_of_any_table_is_set_aside_and_removed(filled, statement, rows):
    assert alter(filled, statement)
    with Database(filled) as database:
        assert {(row.kind, row.id) for row in database.set_aside} == rows
        left, aside = held(database), database.set_aside
        assert all(99 not in attempt.minimum_ids for attempt in database.attempts())
    assert repair(filled) == aside
    with Database(filled) as database:
        assert database.set_aside == ()
        if not any(kind == "attempt" for kind, _ in rows):
            assert held(database) == left
        assert [attempt.search for attempt in database.attempts()] == list(range(database.n_attempts))[
            -len(database.attempts()) :
        ]
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(("table", "column", "value", "why"), [case for case in DAMAGES if case[3]])
def test_a_damaged_point_is_removed_with_what_names_it(filled, table, column, value, why):
    before = contents(filled)
    alter(filled, f"UPDATE {table} SET {column} = ? WHERE {KEYS[table]} = 2", value)
    with Database(filled) as database:
        left = held(database)
    removed = repair(filled)
    assert removed
    with Database(filled) as database:
        assert database.set_aside == ()
        assert held(database) == left
        assert next_search(database) == 6
    points = [line for line in contents(filled) if line.startswith('INSERT INTO "tbl') or "agescape_minima" in line]
    assert set(points) <= set(before)


def test_what_pele_added_stays_unless_it_joins_what_goes(filled):
    alter(
        filled, "INSERT INTO tbl_minima (_id, energy, coords) SELECT 10, energy, coords FROM tbl_minima WHERE _id = 1"
    )
    for row in ((10, 10, 1), (11, 10, 2)):
        alter(filled, "INSERT INTO tbl_transition_states (_id, _minimum1_id, _minimum2_id) VALUES (?, ?, ?)", *row)
    with Database(filled) as database:
        assert database.set_aside == ()
    alter(filled, "UPDATE agescape_minima SET hits = -1 WHERE minimum_id = 2")
    repair(filled)
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("SELECT _id FROM tbl_minima ORDER BY _id").fetchall() == [(1,), (3,), (4,), (10,)]
        assert connection.execute("SELECT _id FROM tbl_transition_states ORDER BY _id").fetchall() == [(3,), (10,)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_sound_file_is_not_touched(filled):
    before = filled.read_bytes()
    assert repair(filled) == ()
    assert filled.read_bytes() == before


def test_a_repair_that_fails_changes_nothing(filled, monkeypatch):
    alter(filled, "UPDATE tbl_minima SET energy = 'high' WHERE _id = 4")
    before = contents(filled)
    monkeypatch.setattr(_side_tables, "_mend_attempts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        repair(filled)
    monkeypatch.setattr(_side_tables, "remove", lambda *_: None)
    with pytest.raises(ValueError, match="cannot be repaired: minimum 4"):
        repair(filled)
    assert contents(filled) == before


def test_a_file_that_is_explored_into_is_not_repaired(filled):
    with only_writer(filled), pytest.raises(BlockingIOError, match="is being used by"):
        repair(filled)


def test_new_points_take_no_id_that_a_damaged_row_names(filled, rng):
    """Else a stray discovery, or path, would be theirs."""
    alter(filled, "UPDATE agescape_discoveries SET minimum_id = 50")
    alter(filled, "UPDATE tbl_transition_states SET _minimum2_id = 60 WHERE _id = 2")
    alter(filled, "UPDATE agescape_attempts SET minimum1_id = 70 WHERE search = 4")
    with Database(filled) as database, database.transaction():
        ids = [database.add_minimum(a_minimum(rng, 0.2 + 0.01 * k), origin="start")[0] for k in range(2)]
        assert ids == [71, 72]
        state, _ = database.add_transition_state(a_transition_state(rng, 0.9), (71, 72), origin="saddle")
        database.add_attempt(Attempt(6, "saddle", (71, None), "CONVERGED", 1))
    with Database(filled) as database:
        assert database.minimum(71).discovery is None
        assert [t.minimum_ids for t in database.transition_states if t.id == state] == [(71, 72)]
        assert {row.kind for row in database.set_aside} == {"discovery", "transition state"}
        left = held(database)
    repair(filled)
    with Database(filled) as database:
        assert held(database) == left


def test_a_damaged_file_is_merged_and_exported_without_its_damage(filled, tmp_path, rng):
    alter(filled, "UPDATE tbl_minima SET coords = x'00' WHERE _id = 2")
    with Database(filled) as database:
        minima = [m.point.value for m in database.minima]
        interchange.export_npz(database, tmp_path / "f.npz")
    merged = merge([filled], tmp_path / "merged.db")
    assert (merged.minima, merged.transition_states, merged.searches) == (3, 1, 6)
    interchange.import_npz(tmp_path / "f.npz", tmp_path / "imported.db")
    for name in ("merged.db", "imported.db"):
        with Database(tmp_path / name) as database:
            assert database.set_aside == ()
            assert [m.point.value for m in database.minima] == minima


def test_pele_does_not_get_damaged_rows(filled):
    pytest.importorskip("pele")
    alter(filled, "UPDATE tbl_minima SET energy = 'high' WHERE _id = 4")
    with pytest.raises(ValueError, match="holds damaged rows"):
        landscape.interchange.pele_adapter.open_database(filled)


# ---------------------------------------------------------------- the command line


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    path = tmp_path_factory.mktemp("explored") / "f.db"
    good("explore", "--hidden", "3", "--rows", 100, "--searches", 48, "--output", path, "--jobs", 1)
    return path


def test_commands_use_what_is_left(copy, tmp_path):
    with Database(copy) as database:
        lowest, total = database.minima[0].id, database.n_minima
        states = database.n_transition_states
        gone = sum(lowest in t.minimum_ids for t in database.transition_states)
    assert gone
    alter(copy, "UPDATE tbl_minima SET energy = ? WHERE _id = ?", np.inf, lowest)
    said = strict_json(agescape("info", copy, "--json").out)
    assert (said["minima"], said["transition_states"]) == (total - 1, states - gone)
    assert {"kind": "minimum", "id": lowest, "why": "its loss is inf, not a finite float"} in said["set_aside"]
    assert len(said["set_aside"]) == 1 + gone
    assert re.search(rf"minimum {lowest} +its loss is inf", good("info", copy).out)
    for command in (("graph", copy, "--output", tmp_path / "f.svg"), ("export", copy, "--output", tmp_path / "f.npz")):
        assert strict_json(good(*command, "--json").out)["minima"] == total - 1
    result = agescape("verify", copy, "--jobs", 1, "--json")
    assert result.code == 1
    assert {(f["kind"], f["id"]) for f in strict_json(result.out)["failed"]} == {
        (row["kind"], row["id"]) for row in said["set_aside"]
    }
    more = ("explore", "--hidden", "3", "--rows", 100, "--searches", 52, "--output", copy, "--jobs", 1)
    assert strict_json(good(*more, "--json").out)["minima"] >= total - 1
    repaired = strict_json(good("verify", copy, "--jobs", 1, "--repair", "--json").out)
    assert repaired["failures"] == 0
    assert repaired["removed"] == said["set_aside"]
    assert strict_json(good("info", copy, "--json").out)["set_aside"] == []
    assert strict_json(good("verify", copy, "--jobs", 1, "--repair", "--json").out)["removed"] == []


def test_it_is_said_once_on_stderr(copy):
    alter(copy, "UPDATE tbl_transition_states SET energy = 0 WHERE _id = 1")
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, "verify", copy, "--jobs", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{copy}: 1 damaged row is set aside (transition state 1: it is below one of its minima" in ended.stderr
    assert len(json.loads(ended.stdout)["failed"]) == 1


# ---------------------------------------------------------------- one rule for all


@given(
    st.sampled_from([0.0, 1e-3, 1.0, 1e3, 1e6, 1e12]),
    st.floats(-1.0, 1.0),
    st.sampled_from([-1e-3, -1.5, -1.0 + 1e-6, -1.0 - 1e-6, 0.0, 1.0]),
    st.booleans(),
)
def test_files_graphs_and_rates_have_one_rule_for_heights(scale, unit, steps, first):
    """A transition state may lie 1e-9 nats and 1e-11 of the loss below the higher minimum, exactly computed."""
    high = scale * unit
    margin = Fraction(10) ** -9 + Fraction(10) ** -11 * abs(Fraction(high))
    value = float(Fraction(high) + Fraction(steps) * margin)
    losses = np.array([high, high - 1.0] if first else [high - 1.0, high])
    allowed = Fraction(value) >= Fraction(high) - margin
    if abs(Fraction(value) - Fraction(high) + margin) < Fraction(2) ** -50 * abs(Fraction(high)):
        return  # two doubles decide
    assert bool(below_minima([value], losses[None])[0]) is not allowed
    ones = np.ones(2)

    edges = np.array([[0, 1]])
    for make in (
        lambda: LandscapeGraph(losses, np.array([value]), edges),
        lambda: Barriers(losses, ones, ones, edges, np.array([value]), ones[:1], ones[:1], -ones[:1]),
    ):
        with contextlib.nullcontext() if allowed else pytest.raises(ValueError, match="must not be below"):
            make()


@pytest.mark.parametrize(("below", "accepted"), [(0.9e-9, True), (3e-9, False)])
def test_the_writer_accepts_what_the_reader_does(filled, rng, below, accepted):
    with Database(filled) as database:
        state = a_transition_state(rng, 0.5 - below)
        assert (database.transition_state_problem(state, (1, 2)) is None) is accepted
        if accepted:
            with database.transaction():
                database.add_transition_state(state, (1, 2), origin="saddle")
        else:
            with (
                pytest.raises(ValueError, match="cannot be stored: it is below one of its minima, by 3e-09"),
                database.transaction(),
            ):
                database.add_transition_state(state, (1, 2), origin="saddle")
    with Database(filled) as database:
        assert database.set_aside == ()
        assert database.n_transition_states == 3 + accepted
        database.graph()
    alter(filled, "UPDATE tbl_transition_states SET energy = ? WHERE _id = 1", 0.5 - below)
    with Database(filled) as database:
        assert (database.set_aside == ()) is accepted


def changed(point, **changes):
    return type(point)(**{**vars(point), **changes})


BAD = {
    "not finite": {"value": np.nan},
    "infinite gradient": {"rms_gradient": np.inf},
    "far away": {"coordinates": np.full(P, 1e200)},
    "nan": {"coordinates": np.full(P, np.nan)},
    "another network": {"coordinates": np.ones(P + 1)},
    "flat": {"eigenvalues": np.r_[0.0, np.ones(P - 1)]},
    "no eigenvalues": {"eigenvalues": np.ones(0)},
    "not finite eigenvalues": {"eigenvalues": np.full(P, np.inf)},
    "two ways down": {"eigenvalues": np.r_[-1.0, -0.5, np.ones(P - 2)]},
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_search_returns_never_ruins_the_file(filled, rng, name):
    """It is rejected with its reason, and what else the search found is kept."""
    bad_minimum = changed(a_minimum(rng, 0.1), **BAD[name])
    bad_state = changed(a_transition_state(rng, 0.9), **BAD[name])
    ends = a_minimum(rng, 0.2), a_minimum(rng, 0.25)
    found = [
        Found(Task(6, "hop", 7), (bad_minimum, ends[0]), (), "ACCEPTED 1 OF 4", 3),
        Found(Task(7, "saddle", 7), (), ((bad_state, ends),), "CONVERGED", 3),
        Found(Task(8, "saddle", 7), (), ((a_transition_state(rng, 0.9), (ends[0], bad_minimum)),), "CONVERGED", 3),
        Found(Task(9, "saddle", 7), (), ((a_transition_state(rng, 0.15), ends),), "CONVERGED", 3),
        Found(Task(10, "saddle", 7), (), ((a_transition_state(rng, 0.9), ends),), "CONVERGED", 3),
    ]
    with Database(filled) as database:
        with pytest.raises(ValueError, match="a point cannot be stored"), database.transaction():
            database.add_minimum(bad_minimum, origin="start")
        with pytest.raises(ValueError, match="a point cannot be stored"), database.transaction():
            database.add_transition_state(bad_state, (1, 2), origin="start")
        store(database, found)
        store_inherent_structures(database, [Quenched("here", bad_minimum)], method="flow", origin="sgd")
    with Database(filled) as database:
        assert database.set_aside == ()
        statuses = [attempt.status for attempt in database.attempts(6)]
        assert [status.partition(":")[0] for status in statuses] == ["REJECTED"] * 4 + ["CONVERGED"]
        assert "a minimum: it" in statuses[0]
        assert "a transition state: it" in statuses[1]
        assert "an end of a downhill path: it" in statuses[2]
        assert "ends above it" in statuses[3]
        assert database.n_minima == 6
        assert database.n_transition_states == 4
        assert database.inherent_structures("flow")["here"] is None
        database.graph()


def test_numbers_of_other_types_are_stored_as_numbers(filled, rng):
    """SQLite would keep the bytes of NumPy's, which no reader takes."""
    minimum = changed(a_minimum(rng, 0.1), value=np.float32(0.125), rms_gradient=np.float32(0.0))
    with Database(filled) as database, database.transaction():
        number, _ = database.add_minimum(minimum, origin="start", search=np.int64(3), hits=np.int64(2))
        state = changed(a_transition_state(rng), value=np.float32(0.75))
        database.add_transition_state(state, (np.int64(1), np.int64(number)), origin="saddle")
        database.add_inherent_structure("there", "flow", np.int64(number))
    with Database(filled) as database:
        assert database.set_aside == ()
        assert (database.minimum(number).point.value, database.minimum(number).hits) == (0.125, 2)
        assert database.inherent_structures("flow")["there"] == number


def test_an_eigenvalue_within_rounding_has_no_sign(rng):
    """Of P eigenvalues up to 1, 1e-17 decides nothing, and -1e-6 does."""
    minimum = a_minimum(rng)
    for smallest, fine in ((1e-17, True), (-1e-17, True), (-1e-6, False)):
        assert (minimum_problem(changed(minimum, eigenvalues=np.r_[smallest, np.ones(P - 1)]), P) is None) is fine
    state = a_transition_state(rng)
    for second, fine in ((1e-17, True), (-1e-17, True), (-1e-6, False)):
        spectrum = np.r_[-1.0, second, np.ones(P - 2)]
        assert (transition_state_problem(changed(state, eigenvalues=spectrum), P) is None) is fine


# ---------------------------------------------------------------- losses that are flat


def test_a_constant_feature_without_penalty_leaves_a_readable_file(tmp_path):
    """Its weights change nothing: eigenvalues are exactly zero, which no file holds."""
    rng = np.random.default_rng(3)
    inputs = np.c_[rng.normal(size=(60, 1)), np.zeros(60)]
    labels = (inputs[:, 0] + 0.7 * rng.normal(size=60) > 0).astype(int)
    data = landscape.Dataset(inputs, labels, 2, inputs[:0], labels[:0])
    loss = landscape.CrossEntropyLoss(landscape.MLP((2, 2, 2)), data, regularization=0.0)
    landscape.explore(loss, tmp_path / "f.db", searches=40)
    with Database(tmp_path / "f.db") as database:
        assert database.set_aside == ()
        assert database.n_attempts == 40
        database.graph()
    assert isinstance(verify(tmp_path / "f.db", loss).failures, tuple)
