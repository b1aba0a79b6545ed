"""Inherent structures: snapshots and the minima in whose basins they are."""

import functools
import os
import signal
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from support.landscapes import (
    DEEP,
    FEW_SEARCHES,
    SEARCHES,
    STEPS,
    WIDE,
    assert_same,
    known_order,
    make_loss,
    metadata_of,
    naive_visits,
    near,
    tables,
    trajectories,
    walk,
)
from support.paths import TESTS
from support.sql import alter

from bridge import dwells, inherent_structures, jumps, visits
from bridge.mapping import SnapshotStatus, _inherent as inherent, _quenching as quenching, stored_structures
from bridge.residence import JumpStatus
from dynamics import SGD, train
from dynamics.runs import loss_of_runs
from dynamics.synthetic import brownian
from landscape import CrossEntropyLoss, Database, datasets, explore, loss_of, symmetry
from landscape.database import Discovery
from landscape.datasets import MAKERS
from landscape.networks import MLP
from landscape.search._storing import open_or_create

only_deep = pytest.mark.parametrize("explored", [DEEP], ids=str, indirect=True)
only_wide = pytest.mark.parametrize("explored", [WIDE], ids=str, indirect=True)


@only_wide
def test_stored_structures_are_those_that_were_mapped(loss, database):
    order = known_order(database)
    runs = walk(loss, database, order)
    with pytest.raises(ValueError, match=r"no snapshot of these runs was mapped .* with overlay first"):
        stored_structures(runs, database)
    mapped = inherent_structures(runs, database, steps=STEPS[1:4])
    rows = tables(database.path)
    stored = stored_structures(runs, database)
    for name in ("steps", "minimum_ids", "losses"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(mapped, name))
    assert tables(database.path) == rows


@pytest.mark.parametrize("method", ["flow", "lbfgs"])
def test_snapshots_near_minima_belong_to_them(loss, database, method):
    order = known_order(database)
    before = len(database.minima)
    found = inherent_structures(walk(loss, database, order), database, steps=STEPS, method=method)
    np.testing.assert_array_equal(found.minimum_ids, order)
    np.testing.assert_array_equal(found.steps, STEPS)
    np.testing.assert_array_equal(found.losses, [[database.minimum(i).point.value for i in run] for run in order])
    assert found.mapped == order.size
    assert found.new_ids.tolist() == []
    assert found.method == method
    assert len(database.minima) == before
    assert (found.minimum_ids.dtype, found.losses.dtype) == (np.int64, np.float64)


def test_every_minimum_is_found_again(loss, database, rng):
    order = np.array([[minimum.id for minimum in database.minima]])
    steps = np.arange(order.size)
    found = inherent_structures(walk(loss, database, order, rng, steps), database, steps=steps)
    np.testing.assert_array_equal(found.minimum_ids, order)


def test_default_steps_are_waiting_times_and_the_last(loss, database):
    order = known_order(database)
    runs = walk(loss, database, order)
    found = inherent_structures(runs, database)
    np.testing.assert_array_equal(found.steps, STEPS[1:])
    np.testing.assert_array_equal(found.minimum_ids, order[:, 1:])


def test_chosen_steps_in_any_order_and_once(loss, database):
    order = known_order(database)
    found = inherent_structures(walk(loss, database, order), database, steps=[80, 10, 80])
    np.testing.assert_array_equal(found.steps, [10, 80])
    np.testing.assert_array_equal(found.minimum_ids, order[:, [1, 4]])


def test_float32_snapshots(loss, database):
    order = known_order(database)
    runs = walk(loss, database, order)
    runs = replace(runs, snapshots=np.asarray(runs.snapshots, np.float32))
    np.testing.assert_array_equal(inherent_structures(runs, database, steps=STEPS).minimum_ids, order)


def test_visits_are_no_hits_of_searches(loss, database):
    hits = {minimum.id: minimum.hits for minimum in database.minima}
    inherent_structures(walk(loss, database, known_order(database)), database)
    with Database(database.path) as again:
        assert {minimum.id: minimum.hits for minimum in again.minima} == hits


@pytest.mark.parametrize("method", ["flow", "lbfgs"])
def test_a_snapshot_on_a_saddle_is_reported_and_not_moved(loss, database, rng, method):
    order = known_order(database)
    runs = walk(loss, database, order)
    saddle = database.transition_states[0].point.coordinates
    snapshots = np.array(runs.snapshots)
    snapshots[0, 2], snapshots[1, 4] = saddle, symmetry.random_image(loss.network, saddle, rng=rng)
    runs, before = replace(runs, snapshots=snapshots), len(database.minima)
    for _ in range(2):  # also from what the database remembers
        found = inherent_structures(runs, database, steps=STEPS, method=method)
        expected = np.where(order > 0, SnapshotStatus.MINIMUM, None)
        expected[0, 2] = expected[1, 4] = SnapshotStatus.SADDLE
        np.testing.assert_array_equal(found.statuses, expected)
        assert found.count(SnapshotStatus.SADDLE) == 2
        np.testing.assert_array_equal(found.minimum_ids, np.where(expected == SnapshotStatus.MINIMUM, order, 0))
        assert np.isnan(found.losses[0, 2])
    assert len(database.minima) == before


def test_the_status_comes_from_disk(loss, database, rng, monkeypatch):
    """And is found out where a file of an older version, or one that was tampered with, does not say."""
    snapshots = np.array(walk(loss, database, known_order(database)).snapshots)
    snapshots[1, 4] = database.transition_states[0].point.coordinates
    runs = replace(walk(loss, database, known_order(database)), snapshots=snapshots)
    first = inherent_structures(runs, database, steps=STEPS)
    true_test, tested = inherent.is_saddle, []
    monkeypatch.setattr(inherent, "is_saddle", lambda *args: tested.append(args) or true_test(*args))
    assert_same(first, inherent_structures(runs, database, steps=STEPS))
    assert not tested
    for change in ("UPDATE agescape_unmapped SET reason = 'minimum'", "DROP TABLE agescape_unmapped"):
        alter(database.path, change)
        again = inherent_structures(runs, database, steps=STEPS)
        assert_same(first, again)
        np.testing.assert_array_equal(again.statuses, first.statuses)
        assert len(tested) == 1
        tested.clear()


def test_a_new_minimum_knows_the_first_snapshot_that_found_it(incomplete):
    few, loss, missing = incomplete
    rng, known = np.random.default_rng(1), few.minima[0].point.coordinates
    runs = trajectories(
        loss, [[near(loss, known, rng)] * 6, [near(loss, known, rng)] * 3 + [near(loss, missing.coordinates, rng)] * 3]
    )
    found = inherent_structures(runs, few)
    (new,) = found.new_ids
    first = found.steps[found.minimum_ids[1] == new][0]
    expected = Discovery(runs.identity, 1, int(first), "flow")
    assert few.minimum(new).discovery == expected
    inherent_structures(runs, few, method="lbfgs")
    with Database(few.path) as again:
        assert again.minimum(new).discovery == expected
        assert {minimum.id for minimum in again.minima if minimum.discovery} == {new}
        assert again.discoveries() == {new: expected}


def test_hops_between_known_minima_in_known_order(loss, database, rng):
    """Order, dwell times and jumps of a synthetic trajectory, and of symmetric images of its snapshots."""
    order = known_order(database)
    runs = walk(loss, database, order)
    images = [[symmetry.random_image(loss.network, point, rng=rng) for point in run] for run in runs.snapshots]
    edges = [0, 5, 15, 30, 60, 120, 160]  # half-way between snapshots
    joined = {(state.minimum_ids): state.id for state in reversed(database.transition_states)}  # the lowest comes last
    expected_stays, expected_jumps = [], []
    for r, run in enumerate(order.tolist()):
        changes = [0, *(k for k in range(1, 6) if run[k] != run[k - 1]), 6]
        expected_stays += [(r, run[k], edges[end] - edges[k]) for k, end in pairwise(changes)]
        expected_jumps += [
            (r, STEPS[k - 1], STEPS[k], run[k - 1], run[k], joined.get(tuple(sorted(run[k - 1 : k + 1])), 0))
            for k in changes[1:-1]
        ]
    for these in (runs, replace(runs, snapshots=np.array(images))):
        found = inherent_structures(these, database, steps="all")
        np.testing.assert_array_equal(found.minimum_ids, order)
        stays, hops = dwells(found), jumps(found, database)
        assert [*zip(stays.runs, stays.minimum_ids, stays.lengths, strict=True)] == expected_stays
        columns = (hops.runs, hops.left, hops.entered, hops.sources, hops.targets, hops.transition_states)
        assert [*zip(*columns, strict=True)] == expected_jumps
    assert JumpStatus.DIRECT in hops.statuses
    assert len(set(hops.statuses)) > 1


@pytest.fixture
def incomplete(explored, database, tmp_path):
    """A database that lacks a minimum, the loss, and the minimum."""
    loss, _ = explored
    explore(loss, tmp_path / "few.db", searches=FEW_SEARCHES)
    with Database(tmp_path / "few.db") as few:
        missing = next(minimum.point for minimum in database.minima if few.find_minimum(minimum.point) is None)
        yield few, loss, missing


def test_a_new_minimum_is_added_once(incomplete, rng):
    few, loss, missing = incomplete
    known = few.minima[0]
    snapshots = [[near(loss, point, rng) for point in (known.point.coordinates, *[missing.coordinates] * 5)]] * 2
    before = {minimum.id for minimum in few.minima}
    found = inherent_structures(trajectories(loss, snapshots), few, steps=STEPS)
    (new,) = {minimum.id for minimum in few.minima} - before
    np.testing.assert_array_equal(found.minimum_ids, [[known.id] + [new] * 5] * 2)
    assert found.new_ids.tolist() == [new]
    stored = few.minimum(new)
    assert (stored.origin, stored.search) == ("sgd", None)
    assert symmetry.distance(loss.network, stored.point.coordinates, missing.coordinates) < 1e-2
    with Database(few.path) as again:  # in the file, too
        assert again.find_minimum(missing).id == new
        assert again.minimum(new).origin == "sgd"


@pytest.mark.slow
@only_wide
def test_a_search_that_ends_in_a_minimum_from_sgd_counts(incomplete, rng):
    few, loss, missing = incomplete
    found = inherent_structures(trajectories(loss, [[near(loss, missing.coordinates, rng)] * 6]), few)
    (new,) = found.new_ids
    assert few.minimum(new).hits == 0
    few.close()
    explored = explore(loss, few.path, searches=3 * SEARCHES)
    with Database(few.path) as again:
        assert again.minimum(new).hits > 0
        assert explored.estimated_minima.low >= sum(minimum.hits > 0 for minimum in again.minima)


def test_a_quench_without_a_minimum_is_zero(loss, database, monkeypatch):
    order = known_order(database)
    runs = walk(loss, database, order)
    true_quench, calls = quenching._quench_along, []

    def fail_first(*args):
        calls.extend(args[1])
        ends = true_quench(*args)
        return [SnapshotStatus.NOT_CONVERGED, *ends[1:]] if len(calls) == len(args[1]) else ends

    monkeypatch.setattr(quenching, "_quench_along", fail_first)
    found = inherent_structures(runs, database, steps=STEPS)
    assert found.minimum_ids[0, 0] == 0
    assert np.isnan(found.losses[0, 0])
    assert found.mapped == order.size - 1
    np.testing.assert_array_equal(found.minimum_ids.ravel()[1:], order.ravel()[1:])
    assert_same(found, inherent_structures(runs, database, steps=STEPS))  # failures are remembered, too
    assert len(calls) == order.size
    seen = visits(found, database)
    assert seen.counts.sum() == order.size - 1
    _, distinct, jumps, direct = naive_visits([order[0, 1:].tolist(), order[1].tolist()], database)
    assert (seen.distinct.tolist(), seen.jumps.tolist(), seen.direct_jumps) == (distinct, jumps, direct)


def test_a_repeated_call_makes_no_quench(loss, database, monkeypatch):
    runs = walk(loss, database, known_order(database))
    first = inherent_structures(runs, database, steps=STEPS)

    def forbidden(*_):
        pytest.fail("a snapshot was quenched again")

    monkeypatch.setattr(quenching, "_quench_along", forbidden)
    reports = []
    again = inherent_structures(runs, database, steps=STEPS, progress=lambda *report: reports.append(report))
    assert_same(first, again)
    assert reports == [(12, 12)]
    one = inherent_structures(runs.first(1), database, steps=STEPS)
    np.testing.assert_array_equal(one.minimum_ids, first.minimum_ids[:1])


def test_more_runs_quench_only_the_new_ones(loss, database, monkeypatch):
    runs = walk(loss, database, known_order(database))
    inherent_structures(runs.first(1), database)
    quenched, true_quench = [], quenching._quench_along
    monkeypatch.setattr(quenching, "_quench_along", lambda *args: quenched.extend(args[1]) or true_quench(*args))
    inherent_structures(runs, database)
    np.testing.assert_array_equal(quenched, np.asarray(runs.snapshots)[1, 1:])


def test_methods_are_remembered_apart(loss, database, monkeypatch):
    runs = walk(loss, database, known_order(database))
    inherent_structures(runs, database, method="lbfgs")
    methods, true_quench = [], quenching._quench_along
    monkeypatch.setattr(quenching, "_quench_along", lambda *args: methods.append(args[2]) or true_quench(*args))
    inherent_structures(runs, database, method="flow")
    assert methods == ["flow"] * 2  # one call for each run


def many_runs(loss, database):
    """Four runs with snapshots in minima of which some may be unknown."""
    rng = np.random.default_rng(3)
    ids = [minimum.id for minimum in database.minima]
    return walk(loss, database, rng.choice(ids, (4, 20)), rng, np.arange(20))


def test_progress_counts_snapshots(loss, database):
    reports = []
    inherent_structures(
        many_runs(loss, database), database, steps=range(20), progress=lambda *report: reports.append(report)
    )
    assert reports == [(0, 80), (20, 80), (40, 80), (60, 80), (80, 80)]


def test_long_runs_are_mapped_in_parts(loss, database, monkeypatch):
    monkeypatch.setattr(quenching, "CHUNK", 8)
    whole, reports = many_runs(loss, database), []
    found = inherent_structures(whole, database, steps="all", progress=lambda *report: reports.append(report))
    assert [done for done, _ in reports] == [0, 8, 16, 20, 28, 36, 40, 48, 56, 60, 68, 76, 80]
    np.testing.assert_array_equal(found.steps, range(20))


@only_deep
def test_number_of_workers_does_not_matter(incomplete, database, tmp_path):
    few, loss, _ = incomplete
    runs = many_runs(loss, database)
    (tmp_path / "two.db").write_bytes(few.path.read_bytes())
    one = inherent_structures(runs, few, steps=range(20), jobs=1)
    with Database(tmp_path / "two.db") as other:
        two = inherent_structures(runs, other, steps=range(20), jobs=2)
    assert one.new_ids.size > 0
    assert_same(one, two)
    assert tables(few.path) == tables(tmp_path / "two.db")


def victim(path, snapshots, hidden, where, at):
    """What the subprocess below does: map all snapshots, and die at call number `at` of a function."""
    owner, name = {
        "quench": (quenching, "_quench_along"),
        "write": (Database, "add_inherent_structure"),
    }[where]
    calls, true = [], getattr(owner, name)

    def deadly(*args, **kwargs):
        calls.append(name)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return true(*args, **kwargs)

    setattr(owner, name, deadly)
    loss = make_loss(hidden)
    with Database(path) as database:
        inherent_structures(trajectories(loss, np.load(snapshots), np.arange(20)), database, steps=range(20))


@only_deep
@pytest.mark.parametrize(("where", "at"), [("quench", 3), ("write", 50)])
def test_a_kill_changes_nothing(incomplete, database, tmp_path, where, at):
    few, loss, _ = incomplete
    runs = many_runs(loss, database)
    np.save(tmp_path / "snapshots.npy", runs.snapshots)
    (tmp_path / "killed.db").write_bytes(few.path.read_bytes())
    undisturbed = inherent_structures(runs, few, steps=range(20))
    arguments = (str(tmp_path / "killed.db"), str(tmp_path / "snapshots.npy"), loss.network.hidden, where, at)
    paths = [str(Path(__file__).parent), str(TESTS)]
    module = Path(__file__).stem
    code = f"import sys; sys.path[:0] = {paths!r}; from {module} import victim; victim(*{arguments!r})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    with Database(tmp_path / "killed.db") as killed:
        done = len(killed.inherent_structures("flow"))
        assert done in (20, 40)
        reports = []
        again = inherent_structures(runs, killed, steps=range(20), progress=lambda *report: reports.append(report))
    assert reports[0] == (done, 80)
    assert_same(undisturbed, again)
    assert tables(few.path) == tables(tmp_path / "killed.db")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_sha256", "0" * 64),
        ("regularization", 2e-4),
        ("regularize_biases", False),
    ],
)
def test_runs_of_another_loss_are_refused(loss, database, name, value):
    runs = walk(loss, database, known_order(database))
    runs = replace(runs, metadata=metadata_of(loss, **{name: value}))
    with pytest.raises(ValueError, match=rf"{name} = {value!r}.*{database.path}"):
        inherent_structures(runs, database)


def test_runs_of_another_network_are_refused(database):
    other = make_loss((4,))
    runs = trajectories(other, np.zeros((1, STEPS.size, other.n_parameters)))
    with pytest.raises(ValueError, match=r"layer_sizes = \[2, 4, 4\]"):
        inherent_structures(runs, database)


def test_runs_of_no_network_are_refused(database, rng):
    with pytest.raises(ValueError, match="layer_sizes"):
        inherent_structures(brownian(2, 5, [10], [1, 2], 1e-3, rng=rng), database)


@pytest.mark.parametrize("steps", [[5], [10, 30], [-1], [161]])
def test_steps_without_a_snapshot_are_refused(loss, database, steps):
    missing = next(step for step in steps if step not in STEPS)
    with pytest.raises(ValueError, match=f"there is none at {missing}"):
        inherent_structures(walk(loss, database, known_order(database)), database, steps=steps)


def test_an_unknown_method_is_refused(loss, database):
    with pytest.raises(ValueError, match="method must be one of lbfgs, flow; got 'slow'"):
        inherent_structures(walk(loss, database, known_order(database)), database, method="slow")


def test_inputs_are_left_alone(loss, database):
    runs = walk(loss, database, known_order(database))
    before = np.array(runs.snapshots)
    found = inherent_structures(runs, database)
    visits(found, database)
    np.testing.assert_array_equal(runs.snapshots, before)
    with pytest.raises(FrozenInstanceError):
        found.method = "other"


# ---------------------------------------------------------------- the loss of a database


def test_loss_of_a_database(loss, database, rng):
    again = loss_of(database)
    theta = rng.normal(size=loss.n_parameters)
    assert again.value_and_gradient(theta)[0] == loss.value_and_gradient(theta)[0]


def test_loss_of_a_database_without_regularized_biases(tmp_path, rng):
    loss = CrossEntropyLoss(MLP((2, 2, 4)), datasets.ljat(20, 3), 1e-3, regularize_biases=False)
    with open_or_create(loss, tmp_path / "f.db", 0) as database:
        again = loss_of(database)
    theta = rng.normal(size=loss.n_parameters)
    assert again.value_and_gradient(theta)[0] == loss.value_and_gradient(theta)[0]


def test_data_that_have_changed_are_refused(tmp_path):
    datasets.write_table(datasets.ljat(30, 0, test_rows=0), tmp_path / "data.csv")
    loss = CrossEntropyLoss(MLP((2, 2, 4)), datasets.table(tmp_path / "data.csv"))
    with open_or_create(loss, tmp_path / "f.db", 0) as database:
        datasets.write_table(datasets.ljat(30, 1, test_rows=0), tmp_path / "data.csv")
        with pytest.raises(ValueError, match=r"data\.csv: the data have changed"):
            loss_of(database)


def test_a_mistake_in_making_the_data_is_not_taken_for_damage(loss, tmp_path, monkeypatch):
    @functools.wraps(datasets.ljat)
    def mistaken(**_):
        raise TypeError("a mistake in ljat")

    runs = train(loss, SGD(batch_size=20), replicas=1, steps=40, path=tmp_path / "r.h5")
    monkeypatch.setitem(MAKERS, "ljat", mistaken)
    with open_or_create(loss, tmp_path / "f.db", 0) as database:
        for again in (lambda: loss_of(database), lambda: loss_of_runs(runs)):
            with pytest.raises(TypeError, match=r"^a mistake in ljat"):
                again()


def test_runs_that_name_no_data_are_refused(loss, tmp_path):
    runs = train(loss, SGD(batch_size=20), replicas=1, steps=40)
    for data, said in ((5, "say 5 of the data"), ({"name": "ljat", "rows": "x", "seed": 0}, "rows must be")):
        wrong = replace(runs, metadata={**runs.metadata, "data": data})
        with pytest.raises(ValueError, match=said):
            loss_of_runs(wrong)


@only_deep
def test_data_made_by_hand(loss, tmp_path):
    data = datasets.Dataset(loss.data.inputs, loss.data.labels, 4, loss.data.test_inputs, loss.data.test_labels)
    by_hand = CrossEntropyLoss(loss.network, data)
    explore(by_hand, tmp_path / "f.db", searches=4)
    runs = train(by_hand, SGD(batch_size=20), replicas=1, steps=40)
    with Database(tmp_path / "f.db") as database:
        assert inherent_structures(runs, database, loss=by_hand).mapped > 0
        with pytest.raises(ValueError, match="metadata must have a name"):
            inherent_structures(runs, database, steps=[0])
