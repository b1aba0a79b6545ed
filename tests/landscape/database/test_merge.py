import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from landscape import CrossEntropyLoss, Database, Minimum, TransitionState, datasets, explore, merge, symmetry, verify
from landscape.database import Attempt, Discovery, Provenance
from landscape.networks import MLP
from landscape.search import estimate_minima, summarize
from landscape.stationary import same_point

NETWORK = MLP((2, 2, 4))
P = NETWORK.n_parameters
PROVENANCE = Provenance(P, NETWORK.layer_sizes, {"name": "ljat"}, "0" * 64, 1e-4, True, 7, {"agescape": "0.1.0"})
ATTEMPTS = [Attempt(k, "start", (None, None), "CONVERGED", 10 + k) for k in range(3)]
SEARCHES = 40


@pytest.fixture(scope="module")
def little_loss(few_data):
    return CrossEntropyLoss(NETWORK, few_data)


@pytest.fixture(scope="module")
def explored(little_loss, tmp_path_factory):
    """Three explorations of one loss, with seeds 1, 2 and 3."""
    folder = tmp_path_factory.mktemp("explored")
    paths = [folder / f"{seed}.db" for seed in (1, 2, 3)]
    for seed, path in zip((1, 2, 3), paths, strict=True):
        explore(little_loss, path, searches=SEARCHES, seed=seed)
    return paths


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def hits(path):
    """Hits of minima and of transition states, by id."""
    with Database(path) as database:
        return [{s.id: s.hits for s in points} for points in (database.minima, database.transition_states)]


def plain(database):
    return [
        [(m.point.value, m.hits, m.origin) for m in database.minima],
        [(t.point.value, t.hits, t.origin) for t in database.transition_states],
        database.graph().edges.tolist(),
    ]


# ---------------------------------------------------------------- explorations


def test_the_order_of_the_files_does_not_matter(explored, tmp_path):
    results = []
    for k, order in enumerate(permutations(explored)):
        merge(order, tmp_path / f"{k}.db")
        results.append(dump(tmp_path / f"{k}.db"))
    assert len(results) == 6
    assert all(result == results[0] for result in results)


def test_every_point_and_every_hit_is_kept(explored, little_loss, tmp_path):
    found = merge(explored, tmp_path / "m.db")
    assert (found.searches, found.repeated_searches) == (3 * SEARCHES, 0)
    assert verify(tmp_path / "m.db", little_loss, paths=True).failures == ()
    with Database(tmp_path / "m.db") as merged:
        assert (found.minima, found.transition_states) == (len(merged.minima), len(merged.transition_states))
        assert [m.id for m in merged.minima] == list(range(1, found.minima + 1))
        total = np.zeros(2, int)
        for path in explored:
            with Database(path) as one:
                assert all(merged.find_minimum(minimum.point) for minimum in one.minima)
                assert len(merged.minima) < 3 * len(one.minima)  # most are known from the others
                for state in one.transition_states:
                    ends = {merged.find_minimum(one.minimum(number).point).id for number in state.minimum_ids}
                    same = [t for t in merged.transition_states if same_point(NETWORK, t.point, state.point)]
                    assert any(set(t.minimum_ids) == ends for t in same)
                total += sum(m.hits for m in one.minima), sum(t.hits for t in one.transition_states)
        assert sum(m.hits for m in merged.minima) == total[0]
        assert sum(t.hits for t in merged.transition_states) == total[1]
        finds = merged.finds()
        assert sum(find.hits for find in finds if find.point == "minimum") == total[0]
        assert sum(find.hits for find in finds if find.point == "transition state") == total[1]


def test_a_file_merged_with_itself_a_copy_or_a_link_is_as_it_was(explored, tmp_path):
    """The searches are the same ones, so that their hits are, too (an older version counted each hit twice)."""
    shutil.copy(explored[0], tmp_path / "copy.db")
    (tmp_path / "link.db").symlink_to(explored[0])
    once = merge(explored[:1], tmp_path / "1.db")
    assert once.repeated_searches == 0
    for k, other in enumerate((explored[0], tmp_path / "copy.db", tmp_path / "link.db", tmp_path / "1.db")):
        twice = merge([explored[0], other], tmp_path / f"m{k}.db")
        assert twice == replace(once, path=tmp_path / f"m{k}.db", repeated_searches=SEARCHES)
        assert dump(tmp_path / f"m{k}.db") == dump(tmp_path / "1.db")
    with Database(tmp_path / "1.db") as a, Database(explored[0]) as source:
        assert a.provenance == source.provenance
        assert plain(a) == plain(source)
        assert summarize(a).estimated_minima == summarize(source).estimated_minima


def forget_finds(path):
    """As a file of an older version, which does not say what each search found."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE agescape_searches; DROP TABLE agescape_finds")


@pytest.mark.parametrize("old", [(), (0,), (1,), (0, 1)])
def test_shorter_and_longer_explorations_of_a_seed_are_the_longer_one(explored, little_loss, tmp_path, old):
    """Also where either, or both, come from an older version."""
    short, long = tmp_path / "short.db", tmp_path / "long.db"
    explore(little_loss, short, searches=32, seed=1)
    shutil.copy(explored[0], long)
    merge([long], tmp_path / "alone.db")
    for k in old:
        forget_finds((short, long)[k])
    found = merge([short, long], tmp_path / "m.db")
    assert (found.searches, found.repeated_searches) == (SEARCHES, 32)
    with Database(tmp_path / "m.db") as a, Database(tmp_path / "alone.db") as b:
        assert plain(a) == plain(b)
        assert a.attempts() == b.attempts()


def test_merges_of_merges_count_each_search_once(explored, little_loss, tmp_path):
    for name, parts in (("ab", (0, 1)), ("bc", (1, 2)), ("abc", (0, 1, 2))):
        merge([explored[k] for k in parts], tmp_path / f"{name}.db")
    again = merge([tmp_path / "ab.db", tmp_path / "bc.db", explored[1], tmp_path / "ab.db"], tmp_path / "again.db")
    assert (again.searches, again.repeated_searches) == (3 * SEARCHES, 4 * SEARCHES)
    with Database(tmp_path / "abc.db") as a, Database(tmp_path / "again.db") as b:
        assert plain(a) == plain(b)
        assert a.attempts() == b.attempts()
        assert a.search_origins() == b.search_origins()
        assert a.finds() == b.finds()
        np.testing.assert_array_equal(np.sort(a.found_by_random_starts()), np.sort(b.found_by_random_starts()))
    # what a merged file explores further is known, too
    explore(little_loss, tmp_path / "ab.db", searches=2 * SEARCHES + 5, seed=1)
    found = merge([tmp_path / "ab.db", tmp_path / "abc.db"], tmp_path / "on.db")
    assert (found.searches, found.repeated_searches) == (3 * SEARCHES + 5, 2 * SEARCHES)


def test_files_that_an_older_version_merged_do_not_count_twice(explored, tmp_path):
    merge(explored[:2], tmp_path / "old.db")
    forget_finds(tmp_path / "old.db")
    found = merge([tmp_path / "old.db", explored[0]], tmp_path / "m.db")
    assert found.searches == 2 * SEARCHES
    with Database(tmp_path / "old.db") as a, Database(tmp_path / "m.db") as b:
        assert plain(a) == plain(b)
    twice = merge([tmp_path / "old.db"] * 2, tmp_path / "twice.db")
    assert (twice.searches, twice.repeated_searches) == (2 * SEARCHES, 2 * SEARCHES)
    for single, double in zip(hits(tmp_path / "old.db"), hits(tmp_path / "twice.db"), strict=True):
        assert single == double


def test_hits_without_searches_are_dropped(tmp_path):
    first, second = make(tmp_path / "a.db", {0: 5}, {}, 1), make(tmp_path / "b.db", {0: 2}, {}, 2, ATTEMPTS)
    merge([first, second], tmp_path / "m.db")
    assert hits(tmp_path / "m.db") == [{1: 2}, {}]


def test_fresh_random_starts_are_kept_each_once(explored, little_loss, tmp_path):
    paths = [shutil.copy(path, tmp_path / path.name) for path in explored[:2]]
    for path, seed, starts in ((paths[0], 1, 40), (paths[1], 2, 36)):
        estimate_minima(little_loss, path, starts=starts, seed=seed)
    found = estimate_minima(little_loss, tmp_path / "alone.db", starts=34, seed=2)
    assert (found.searches, found.random_starts) == (0, 34)
    merge([*paths, tmp_path / "alone.db"], tmp_path / "m.db")
    with Database(tmp_path / "m.db") as merged:
        assert [(s.seed, s.number) for s in merged.random_starts()] == [(1, k) for k in range(40)] + [
            (2, k) for k in range(36)
        ]
        summary = summarize(merged)
        searched = sum(attempt.kind == "start" for attempt in merged.attempts())
        assert summary.random_starts == 76 + searched


def test_one_step_or_two(explored, tmp_path):
    merge(explored, tmp_path / "all.db")
    merge(explored[:2], tmp_path / "two.db")
    merge([tmp_path / "two.db", explored[2]], tmp_path / "again.db")
    with Database(tmp_path / "all.db") as a, Database(tmp_path / "again.db") as b:
        assert plain(a) == plain(b)
        assert len(a.attempts()) == len(b.attempts())


def test_copies_that_went_their_own_ways_share_their_first_searches(explored, little_loss, tmp_path):
    longer = tmp_path / "longer.db"
    shutil.copy(explored[0], longer)
    explore(little_loss, longer, searches=SEARCHES + 8, seed=1)
    found = merge([explored[0], longer], tmp_path / "m.db")
    assert (found.searches, found.repeated_searches) == (SEARCHES + 8, SEARCHES)


def test_exploration_goes_on_with_a_merged_file(explored, little_loss, tmp_path):
    whole, parts = tmp_path / "whole.db", tmp_path / "parts.db"
    for path in (whole, parts):
        merge(explored, path)
    before = 3 * SEARCHES
    with Database(whole) as database:
        assert [attempt.search for attempt in database.attempts()] == list(range(before))
        assert {stored.search for stored in (*database.minima, *database.transition_states)} == {None}
        known = len(database.minima)
    with pytest.raises(ValueError, match="seed = 1, not 2"):
        explore(little_loss, whole, searches=before + 20, seed=2)
    found = explore(little_loss, whole, searches=before + 20, seed=1)
    assert found.searches == before + 20
    assert found.minima >= known
    for searches in (before + 1, before + 7, before + 20):
        explore(little_loss, parts, searches=searches, seed=1)
    assert dump(whole) == dump(parts)


def test_the_seed_is_the_smallest_or_the_given_one(explored, tmp_path):
    merge(explored[::-1], tmp_path / "m.db")
    merge(explored, tmp_path / "n.db", seed=11)
    with Database(tmp_path / "m.db") as a, Database(tmp_path / "n.db") as b:
        assert (a.provenance.seed, b.provenance.seed) == (1, 11)
        assert replace(b.provenance, seed=1) == a.provenance


# ---------------------------------------------------------------- made points: what is one and what is not


def a_minimum(k):
    rng = np.random.default_rng(k)
    return Minimum(rng.normal(size=P), 0.1 * k, 1e-11, np.sort(rng.uniform(0.1, 2.0, P)))


def a_state(k):
    rng = np.random.default_rng(100 + k)
    eigenvalues = np.concatenate([[-0.3], np.sort(rng.uniform(0.1, 2.0, P - 1))])
    # the first two lie at the same loss: parallel ones must not be told apart by it
    return TransitionState(rng.normal(size=P), 2.0 + 0.1 * (k // 2), 1e-11, eigenvalues, rng.normal(size=P))


def image(point, k):
    """Another image of a point under the symmetries, as far off as a gradient of 1e-11 at a curvature of 0.1 allows."""
    rng = np.random.default_rng(k)
    coordinates = symmetry.random_image(NETWORK, point.coordinates, rng=rng) + 1e-10 * rng.normal(size=P)
    return replace(point, coordinates=coordinates, value=point.value + 1e-15 * rng.normal())


def make(path, minima, states, seed=7, attempts=()):
    """A file with minima number -> hits and transition states (number, first, second) -> hits."""
    found = {"search": 0 if attempts else None}
    with Database.create(path, replace(PROVENANCE, seed=seed)) as database, database.transaction():
        ids = {
            k: database.add_minimum(image(a_minimum(k), seed), origin="start", hits=n, **found)[0]
            for k, n in minima.items()
        }
        for (k, a, b), n in states.items():
            database.add_transition_state(image(a_state(k), seed), (ids[a], ids[b]), origin="saddle", hits=n, **found)
        for attempt in attempts:
            database.add_attempt(attempt)
    return path


numbers = st.integers(0, 3)
contents = st.fixed_dictionaries(
    {
        "more": st.dictionaries(numbers, st.integers(0, 5)),
        "states": st.dictionaries(st.tuples(numbers, numbers, numbers), st.integers(0, 5), max_size=6),
    }
)


@settings(max_examples=12, deadline=None)
@given(files=st.lists(contents, min_size=1, max_size=3), data=st.data())
def test_hits_add_up_point_by_point_in_any_order(tmp_path_factory, files, data):
    folder = tmp_path_factory.mktemp("made")
    expected_minima, expected_states, paths = {}, {}, []
    for seed, file in enumerate(files):
        minima = {number: 0 for triple in file["states"] for number in triple[1:]} | file["more"]
        states: dict = {}
        for (k, a, b), n in file["states"].items():
            states[k, min(a, b), max(a, b)] = states.get((k, min(a, b), max(a, b)), 0) + n
        paths.append(make(folder / f"{seed}.db", minima, states, seed, ATTEMPTS))
        for total, found in ((expected_minima, minima), (expected_states, states)):
            for key, n in found.items():
                total[key] = total.get(key, 0) + n
    order = data.draw(st.permutations(paths))
    merge(order, folder / "m.db")
    with Database(folder / "m.db") as merged:
        number = {merged.find_minimum(a_minimum(k)).id: k for k in expected_minima}
        assert {number[m.id]: m.hits for m in merged.minima} == expected_minima
        found = {}
        for state in merged.transition_states:
            (k,) = [k for k in range(4) if same_point(NETWORK, state.point, a_state(k))]
            a, b = sorted(number[end] for end in state.minimum_ids)
            assert (k, a, b) not in found
            found[k, a, b] = state.hits
        assert found == expected_states


def test_parallel_transition_states_of_different_files_stay_apart(tmp_path):
    first = make(tmp_path / "a.db", {0: 1, 1: 1}, {(0, 0, 1): 2}, 1, ATTEMPTS)
    second = make(tmp_path / "b.db", {1: 1, 0: 1}, {(1, 0, 1): 3, (0, 1, 0): 1}, 2, ATTEMPTS)
    merge([first, second], tmp_path / "m.db")
    with Database(tmp_path / "m.db") as merged:
        assert sorted(t.hits for t in merged.transition_states) == [3, 3]
        assert {t.minimum_ids for t in merged.transition_states} == {(1, 2)}
        assert abs(np.diff([t.point.value for t in merged.transition_states])) < 1e-9


def test_of_images_the_lowest_stands_for_all(tmp_path):
    paths = [make(tmp_path / f"{k}.db", {1: 1}, {}, k, ATTEMPTS) for k in range(4)]
    merge(paths, tmp_path / "m.db")
    lowest = min((image(a_minimum(1), k) for k in range(4)), key=lambda point: point.value)
    with Database(tmp_path / "m.db") as merged:
        (only,) = merged.minima
    np.testing.assert_array_equal(only.point.coordinates, lowest.coordinates)
    assert only.hits == 4


def test_attempts_name_the_same_minima_as_before(tmp_path):
    def connect(search, a, b):
        return Attempt(search, "connect", (a, b), "CONVERGED", 5)

    first = make(tmp_path / "a.db", {2: 1, 0: 1, 1: 1}, {}, 1, [connect(0, 1, 2), connect(1, 3, None)])
    second = make(tmp_path / "b.db", {1: 1, 3: 1}, {}, 2, [connect(0, 2, 1)])
    merge([first, second], tmp_path / "m.db")
    with Database(tmp_path / "m.db") as merged:
        name = {merged.find_minimum(a_minimum(k)).id: k for k in range(4)} | {None: None}
        attempts = merged.attempts()
    assert [attempt.search for attempt in attempts] == [0, 1, 2]
    pairs = {tuple(name[number] for number in attempt.minimum_ids) for attempt in attempts}
    assert pairs == {(2, 0), (1, None), (3, 1)}


def test_attempts_of_other_seeds_are_not_the_same(tmp_path):
    paths = [make(tmp_path / f"{k}.db", {0: 1}, {}, seed, ATTEMPTS) for k, seed in enumerate((1, 1, 2))]
    found = merge(paths, tmp_path / "m.db")
    assert (found.searches, found.repeated_searches) == (6, 3)


def test_inherent_structures_are_kept(tmp_path):
    first, second = (make(tmp_path / f"{k}.db", {k: 1, 2: 1}, {}, k) for k in range(2))
    for path, found in ((first, {"x": 1, "y": 2, "z": None}), (second, {"x": None, "y": 2, "w": 1})):
        with Database(path) as database, database.transaction():
            for point, number in found.items():
                database.add_inherent_structure(point, "flow", number, None if number else "not_converged")
    merge([second, first], tmp_path / "m.db")
    with Database(tmp_path / "m.db") as merged:
        ids = [merged.find_minimum(a_minimum(k)).id for k in range(3)]
        assert merged.quench_methods() == ["flow"]
        assert merged.inherent_structures("flow") == {"x": ids[0], "y": ids[2], "z": None, "w": ids[1]}
        assert merged.unmapped("flow") == {"z": "not_converged"}  # x has found its minimum


def test_who_found_a_minimum_is_kept(tmp_path):
    first, second = (make(tmp_path / f"{k}.db", {0: 1}, {}, k) for k in range(2))
    found = {first: [(3, Discovery("one", 0, 5, "flow"))], second: [(4, Discovery("two", 7, 9, "lbfgs"))]}
    for path, minima in found.items():
        with Database(path) as database, database.transaction():
            for k, discovery in minima:
                database.add_minimum(a_minimum(k), origin="sgd", hits=0, discovery=discovery)
    for k, paths in enumerate(([first, second], [second, first])):
        merge(paths, tmp_path / f"m{k}.db")
        with Database(tmp_path / f"m{k}.db") as merged:
            who = {k: merged.find_minimum(a_minimum(k)).discovery for k in (0, 3, 4)}
        assert who == {0: None} | {k: discovery for minima in found.values() for k, discovery in minima}


# ---------------------------------------------------------------- what does not go together


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("dataset_sha256", "1" * 64, "data_sha256"),
        ("layer_sizes", None, "layer_sizes"),
        ("regularization", 1e-3, "regularization"),
        ("regularize_biases", False, "regularize_biases"),
    ],
)
def test_another_loss_is_refused_by_name(tmp_path, name, value, said):
    first = make(tmp_path / "a.db", {0: 1}, {})
    Database.create(tmp_path / "b.db", replace(PROVENANCE, **{name: value})).close()
    with pytest.raises(ValueError, match=rf"b\.db belongs to a different loss than .*a\.db: its {said} is"):
        merge([first, tmp_path / "b.db"], tmp_path / "m.db")
    assert not (tmp_path / "m.db").exists()


def test_wrong_files(tmp_path):
    first = make(tmp_path / "a.db", {0: 1}, {})
    before = first.read_bytes()
    (tmp_path / "text.db").write_text("text")
    with pytest.raises(ValueError, match="at least one database"):
        merge([], tmp_path / "m.db")
    with pytest.raises(FileNotFoundError, match=r"missing\.db"):
        merge([first, tmp_path / "missing.db"], tmp_path / "m.db")
    with pytest.raises(ValueError, match=r"text\.db is not an SQLite file"):
        merge([first, tmp_path / "text.db"], tmp_path / "m.db")
    with pytest.raises(FileExistsError, match=r"a\.db exists already"):
        merge([first], first)
    assert first.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "text.db"]


def test_nothing_is_left_of_a_merge_that_fails(tmp_path, monkeypatch):
    first = make(tmp_path / "a.db", {0: 1}, {}, attempts=ATTEMPTS)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Database, "add_attempt", interrupt)
    with pytest.raises(KeyboardInterrupt):
        merge([first], tmp_path / "m.db")
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_the_data_file_that_is_here_is_named(tmp_path):
    data = datasets.ljat(20, 0, test_rows=0)
    for name in ("a.csv", "b.csv"):
        datasets.write_table(data, tmp_path / name)
    for name in ("a", "b"):
        loss = CrossEntropyLoss(NETWORK, datasets.table(tmp_path / f"{name}.csv"))
        explore(loss, tmp_path / f"{name}.db", searches=1)
    (tmp_path / "a.csv").unlink()
    merge([tmp_path / "a.db", tmp_path / "b.db"], tmp_path / "m.db")
    assert verify(tmp_path / "m.db").failures == ()
