"""How many minima there are at least: fresh random starts, when a search stops, and what is said of it."""

import json
import math
import re
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from unittest import mock

import joblib
import numpy as np
import pytest
from support.paths import DATABASES

from bridge.cli import run
from bridge.comparison import at_least
from bridge.comparison._minima_in_words import how_many
from landscape import CrossEntropyLoss, Database, Minimum, datasets, explore, quench
from landscape.database import repair
from landscape.losses import DoubleWells
from landscape.networks import MLP
from landscape.search import estimate_minima, summarize
from landscape.search._random_starts import is_complete, starts_for
from landscape.support import Estimate


def wells():
    return DoubleWells(np.ones(4), [0.8, -0.5, 0.3, 0.0])


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_starts_are_resumed_and_depend_on_the_seed_alone(tmp_path):
    whole, parts = tmp_path / "whole.db", tmp_path / "parts.db"
    estimate_minima(wells(), whole, starts=70, seed=3)
    for starts in (1, 33, 20, 70):
        with joblib.parallel_config(backend="threading"):
            found = estimate_minima(wells(), parts, starts=starts, seed=3, jobs=2 if starts == 33 else 1)
    with Database(whole) as a, Database(parts) as b:
        assert [s.number for s in a.random_starts()] == list(range(70))
        values = [[x.minimum(s.minimum_id).point.coordinates for s in x.random_starts()] for x in (a, b)]
        np.testing.assert_array_equal(*values)
        assert {minimum.hits for minimum in a.minima} == {0}  # searches found none of them
        assert a.n_attempts == 0
        assert summarize(a).estimated_minima == found.estimated_minima
    assert dump(whole) == dump(parts)


def test_each_start_is_the_quench_of_a_fresh_random_point(tmp_path):
    path = tmp_path / "a.db"
    explore(wells(), path, searches=48, seed=5)
    estimate_minima(wells(), path, starts=12, seed=5)
    with Database(path) as database:
        points = []
        for start in database.random_starts():
            rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(start.number, 1)))
            points.append(rng.normal(size=4))
            minimum = quench(wells(), points[-1]).minimum
            assert database.find_minimum(minimum).id == start.minimum_id
        searched = [np.random.default_rng(np.random.SeedSequence(5, spawn_key=(k,))).normal(size=4) for k in range(48)]
    apart = np.linalg.norm(np.array(points)[:, None] - np.array(searched), axis=2)
    assert apart.min() > 1e-6  # the searches drew others


def test_the_estimate_counts_random_starts_of_searches_and_fresh_ones_and_nothing_else(tmp_path):
    path = tmp_path / "a.db"
    explore(wells(), path, searches=96, seed=0)
    found = estimate_minima(wells(), path, starts=40, seed=0)
    with Database(path) as database:
        kinds = [attempt.kind for attempt in database.attempts()]
        finds = {find.search: find for find in database.finds() if find.point == "minimum"}
        draws = [start.minimum_id for start in database.random_starts()]
        draws += [finds[k].point_id for k, kind in enumerate(kinds) if kind == "start"]
        assert sorted(database.found_by_random_starts().tolist()) == sorted(draws)
        hits = {minimum.id: minimum.hits for minimum in database.minima}
        for find in database.finds():
            if find.point == "minimum":
                hits[find.point_id] -= find.hits
        assert set(hits.values()) == {0}
        assert {o.search: (o.seed, o.number) for o in database.search_origins()} == {k: (0, k) for k in range(96)}
    assert (found.random_starts, found.random_minima) == (len(draws), len(set(draws)))
    assert found.estimated_minima.high == math.inf


def test_what_runs_find_counts_on_neither_side(tmp_path):
    """An older version divided all minima that are known by an estimate from the hits of searches."""
    path = tmp_path / "a.db"
    before = estimate_minima(wells(), path, starts=40)
    with Database(path) as database, database.transaction():
        for k in range(30):
            point = Minimum(np.array([10.0 + k, 0, 0, 0]), 3.0 + k, 0.0, np.ones(4))
            database.add_minimum(point, origin="sgd", hits=0)
    with Database(path) as database:
        after = summarize(database)
    assert (after.found_share, after.coverage) == (before.found_share, before.coverage)
    assert after.minima == before.minima + 30 == after.estimated_minima.low
    for completeness in (0.5, 0.9, 0.99):
        assert is_complete(replace(after, searches=200), completeness) == is_complete(
            replace(before, searches=200), completeness
        )
    assert not is_complete(replace(after, searches=127), 0.1)
    assert not is_complete(replace(after, searches=200, random_starts=31), 0.1)


def test_an_exploration_stops_when_random_starts_find_nothing_new(tmp_path):
    surface = DoubleWells(np.ones(2), [0.8, -0.5])
    found = explore(surface, tmp_path / "a.db", searches=600, completeness=0.9)
    assert found.minima == 4
    assert 128 <= found.searches < 600
    assert found.random_starts >= starts_for(0.9) == 32
    assert min(found.found_share, found.coverage.value) >= 0.9
    again = explore(surface, tmp_path / "a.db", searches=600, completeness=0.9)
    assert again == found
    assert [starts_for(c) for c in (0.5, 0.97, 0.99, 1.0)] == [32, 100, 300, 3000]


@pytest.mark.parametrize("name", ["n1000-h10.db", "n3162-h5-5.db"])
def test_files_of_older_versions_open_and_say_that_the_number_is_not_determined(name):
    with Database(DATABASES / name) as database:
        found, attempts = summarize(database), database.attempts()
        assert database.search_origins() == database.finds() == database.random_starts() == []
    assert math.isnan(found.estimated_minima.value)
    assert (found.estimated_minima.low, found.estimated_minima.high) == (found.minima, math.inf)
    assert found.unrecorded_starts == sum(one.kind == "start" for one in attempts)
    assert f"not determined: what {found.unrecorded_starts:,} random starts found was not recorded" in how_many(found)
    assert "--estimate" in how_many(found)


def test_words():
    assert at_least(Estimate(532.4, 349.0, math.inf)) == "at least 349 (95 %), Chao1 532"
    assert at_least(Estimate(7.0, 7.0, math.inf)) == "at least the 7 known"
    assert at_least(None) == at_least(Estimate(math.nan, 12.0, math.inf)) == "not determined"


def run_command(capsys, *arguments):
    with mock.patch.object(sys, "argv", ["agescape", *map(str, arguments)]), pytest.raises(SystemExit) as stopped:
        run()
    assert not stopped.value.code
    return capsys.readouterr().out


def test_the_command_line_estimates(few_data, tmp_path, capsys):
    datasets.write_table(few_data, tmp_path / "few.csv")
    command = ("explore", "--hidden", "2", "--dataset", tmp_path / "few.csv", "--jobs", 1, "--output")
    result = json.loads(run_command(capsys, *command, tmp_path / "a.db", "--searches", 8, "--estimate", 40, "--json"))
    assert result["searches"] == 8
    assert result["random_starts"] >= 40
    assert result["estimated_minima"]["high"] is None
    assert result["minima"] <= result["estimated_minima"]["low"] <= result["estimated_minima"]["value"]
    assert re.search(r"minima that exist +at least", run_command(capsys, *command, tmp_path / "a.db", "--estimate", 41))
    first = run_command(capsys, *command, tmp_path / "b.db", "--searches", 6)
    for out in (first, run_command(capsys, "info", tmp_path / "b.db")):
        assert "not determined: " in out
        assert "nan" not in out


def test_bad_numbers_of_starts(tmp_path):
    with pytest.raises(ValueError, match="starts must be >= 0; got -1"):
        estimate_minima(wells(), tmp_path / "a.db", starts=-1)
    estimate_minima(wells(), tmp_path / "a.db", starts=2, seed=1)
    with pytest.raises(ValueError, match="seed = 1, not 2"):
        estimate_minima(wells(), tmp_path / "a.db", starts=2, seed=2)


def test_damaged_rows_are_set_aside_and_the_rest_serves(tmp_path):
    path = tmp_path / "a.db"
    explore(wells(), path, searches=2)
    estimate_minima(wells(), path, starts=2)
    with Database(path) as database:
        counts = [len(read(database)) for read in (Database.finds, Database.search_origins, Database.random_starts)]
    for k, (change, read, kind) in enumerate(
        (
            ("UPDATE agescape_finds SET hits = 'x' WHERE rowid = 1", Database.finds, "find"),
            (
                "UPDATE agescape_searches SET seed = '1; DROP' WHERE search = 0",
                Database.search_origins,
                "search identity",
            ),
            ("UPDATE agescape_random_starts SET seed = '-' WHERE number = 0", Database.random_starts, "random start"),
        )
    ):
        copy = tmp_path / f"{k}.db"
        copy.write_bytes(path.read_bytes())
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute(change)
            connection.commit()
        with Database(copy) as database:
            assert [row.kind for row in database.set_aside] == [kind]
            assert len(read(database)) == counts[k] - 1
        assert [row.kind for row in repair(copy)] == [kind]
        with Database(copy) as database:
            assert database.set_aside == ()
            assert len(read(database)) == counts[k] - 1


def test_searches_follow_a_damaged_one_of_their_batch(tmp_path):
    path = tmp_path / "a.db"
    explore(wells(), path, searches=4)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE agescape_attempts SET kind = x'80' WHERE search = 1")
        connection.commit()
    explore(wells(), path, searches=6)
    with Database(path) as database:
        assert [attempt.search for attempt in database.attempts()] == [0, 2, 3, 4, 5]


def test_old_searches_that_go_on_are_known_from_then_on(few_data, tmp_path):
    loss, path = CrossEntropyLoss(MLP((2, 2, 4)), few_data), tmp_path / "a.db"
    explore(loss, path, searches=32)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE agescape_searches; DROP TABLE agescape_finds")
    explore(loss, path, searches=40)
    with Database(path) as database:
        assert [origin.search for origin in database.search_origins()] == list(range(32, 40))
        assert summarize(database).random_starts < 24
