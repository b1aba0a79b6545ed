import csv
import functools
import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.container import ErrorbarContainer
from scipy.stats import spearmanr
from support.figures import flaws
from support.paths import TESTS
from support.sql import alter

from bridge import Visits, compare, dwells, inherent_structures, jumps, visits
from bridge.comparison import (
    CONTROL,
    LANDSCAPE,
    RUNS,
    Comparison,
    ComparisonRow,
    _rows as comparison,
    rank_correlations,
    row_dict,
    write_comparison,
)
from bridge.comparison._correlation import rank_correlation, spearman_interval
from bridge.comparison._rows import lowest_barriers
from bridge.mapping import SnapshotStatus, _inherent as inherent, _quenching as quenching
from bridge.plots import plot_comparison, plot_graph, plot_visits
from bridge.residence import JumpStatus, per_minimum
from dynamics import SGD, Trajectories, train
from dynamics.runs import loss_of_runs
from dynamics.synthetic import brownian
from landscape import CrossEntropyLoss, Database, LandscapeGraph, datasets, explore, loss_of, symmetry
from landscape.database import Discovery
from landscape.datasets import MAKERS
from landscape.graph import visible_top
from landscape.networks import MLP
from landscape.plots import new_figure
from landscape.search import estimate_minima
from landscape.search._exploration import open_or_create
from landscape.support import Estimate, to_json, write_text

WIDE, DEEP = (3,), (2, 2)
SEARCHES, FEW_SEARCHES = 48, 16
DISPLACEMENT = 1e-3  # Euclidean: far inside the basins
STEPS = np.array([0, 10, 20, 40, 80, 160])


only_deep = pytest.mark.parametrize("explored", [DEEP], ids=str, indirect=True)
only_wide = pytest.mark.parametrize("explored", [WIDE], ids=str, indirect=True)


def make_loss(hidden, seed=0):
    data = datasets.ljat(100, seed, test_rows=0)
    return CrossEntropyLoss(MLP((2, *hidden, 4)), data)


@pytest.fixture(scope="session", params=[WIDE, DEEP], ids=str)
def explored(request, tmp_path_factory):
    """A landscape's loss and its database; not to be written to."""
    loss = make_loss(request.param)
    path = tmp_path_factory.mktemp("explored") / "landscape.db"
    explore(loss, path, searches=SEARCHES)
    return loss, path


@pytest.fixture
def loss(explored):
    return explored[0]


@pytest.fixture
def database(explored, tmp_path):
    """A copy that a test may write to."""
    (tmp_path / "copy.db").write_bytes(explored[1].read_bytes())
    with Database(tmp_path / "copy.db") as opened:
        yield opened


def metadata_of(loss, **changes):
    return {
        "layer_sizes": list(loss.network.layer_sizes),
        "data_sha256": loss.data.sha256,
        "regularization": loss.regularization,
        "regularize_biases": loss.regularize_biases,
        "rows": loss.data.rows,
        "data": dict(loss.data.metadata),
    } | changes


def trajectories(loss, snapshots, steps=STEPS, **changes):
    """Runs (R, S, P) in memory with snapshots at `steps`; the waiting times are all steps but the first and last."""
    snapshots = np.array(snapshots)
    none = np.empty((len(snapshots), 0))
    return Trajectories(
        layer_sizes=loss.network.layer_sizes,
        steps=np.asarray(steps),
        snapshots=snapshots,
        waiting_times=np.asarray(steps)[1:-1],
        lags=np.array([10]),
        curve_steps=np.empty(0, np.int64),
        loss=none,
        accuracy=none,
        gradient_norm=none,
        metadata=metadata_of(loss, **changes),
    )


def near(loss, point, rng, displacement=DISPLACEMENT):
    """A random symmetric image of a point at a short distance from it."""
    noise = rng.normal(size=point.size)
    moved = point + displacement * noise / np.linalg.norm(noise)
    return symmetry.random_image(loss.network, moved, rng=rng)


def walk(loss, database, ids, rng=None, steps=STEPS):
    """Runs whose snapshots lie near these minima (R, S)."""
    rng = rng or np.random.default_rng(7)
    points = [[near(loss, database.minimum(i).point.coordinates, rng) for i in run] for run in ids]
    return trajectories(loss, points, steps)


def joined_pair(database):
    return next(state.minimum_ids for state in database.transition_states if len(set(state.minimum_ids)) == 2)


def not_joined_pair(database):
    joined = {state.minimum_ids for state in database.transition_states}
    ids = sorted(minimum.id for minimum in database.minima)
    return next((a, b) for a in ids for b in ids if a < b and (a, b) not in joined)


def known_order(database):
    """Two runs (2, S) over four minima, some of whose jumps follow a known transition state."""
    a, b = joined_pair(database)
    c, d = not_joined_pair(database)
    return np.array([[a, a, b, a, c, d], [d, d, d, c, c, c]])


def assert_same(a, b):
    np.testing.assert_array_equal(a.steps, b.steps)
    np.testing.assert_array_equal(a.minimum_ids, b.minimum_ids)
    np.testing.assert_array_equal(a.losses, b.losses)
    np.testing.assert_array_equal(a.new_ids, b.new_ids)
    assert a.method == b.method


def tables(path):
    """Everything an SQLite file holds."""
    with Database(path) as database:
        names = [name for (name,) in database._connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: sorted(database._connection.execute(f"SELECT * FROM {name}").fetchall()) for name in names}


# ---------------------------------------------------------------- inherent structures


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
    assert {status for status in hops.statuses} == set(JumpStatus)


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


# ---------------------------------------------------------------- visits


def naive_visits(ids, database):
    """Counts {(minimum, step index): runs}, distinct and jumps per run, direct jumps; the slow way."""
    counts, distinct, jumps, direct = Counter(), [], [], 0
    joined = {frozenset(state.minimum_ids) for state in database.transition_states}
    for run in ids:
        for s, number in enumerate(run):
            counts[number, s] += 1
        distinct.append(len(set(run)))
        pairs = [(a, b) for a, b in pairwise(run) if a != b]
        jumps.append(len(pairs))
        direct += sum(frozenset(pair) in joined for pair in pairs)
    return counts, distinct, jumps, direct


def test_visits(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    counts, distinct, jumps, direct = naive_visits(order.tolist(), database)
    by_loss = sorted(set(order.ravel().tolist()), key=lambda i: database.minimum(i).point.value)
    assert seen.minimum_ids.tolist() == by_loss
    np.testing.assert_array_equal(seen.steps, STEPS)
    np.testing.assert_array_equal(seen.counts, [[counts[number, s] for s in range(STEPS.size)] for number in by_loss])
    assert seen.counts.sum(axis=0).tolist() == [2] * STEPS.size
    assert seen.distinct.tolist() == distinct
    assert seen.jumps.tolist() == jumps
    assert seen.direct_jumps == direct
    assert direct >= 2  # a to b and back
    a = by_loss.index(order[0, 0])
    steps = np.repeat(np.maximum(STEPS, 1), seen.counts[a])
    assert seen.mean_steps[a] == pytest.approx(math.exp(np.log(steps).mean()), rel=1e-12)


def test_direct_jumps_count_known_transition_states_only(loss, database):
    (a, b), (c, d) = joined_pair(database), not_joined_pair(database)
    runs = walk(loss, database, [[a, b, a, b, a, b], [c, d, c, d, c, d]])
    seen = visits(inherent_structures(runs, database, steps=STEPS), database)
    assert seen.jumps.tolist() == [5, 5]
    assert seen.direct_jumps == 5


def test_a_run_that_stays_does_not_jump(loss, database):
    number = database.minima[0].id
    seen = visits(inherent_structures(walk(loss, database, [[number] * 6]), database), database)
    assert (seen.jumps.tolist(), seen.distinct.tolist(), seen.direct_jumps) == ([0], [1], 0)


def test_per_minimum(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    numbers, ages = per_minimum(seen, database)
    for position, minimum in enumerate(database.minima):
        where = order == minimum.id
        assert numbers[position] == where.sum()
        if where.any():
            logs = np.log(np.maximum(np.broadcast_to(STEPS, order.shape)[where], 1))
            assert ages[position] == pytest.approx(math.exp(logs.mean()), rel=1e-12)
        else:
            assert np.isnan(ages[position])


NO_VISITS = Visits(
    steps=np.array([10, 20]),
    minimum_ids=np.empty(0, np.int64),
    counts=np.empty((0, 2), np.int64),
    distinct=np.zeros(1, np.int64),
    jumps=np.zeros(1, np.int64),
    direct_jumps=0,
)


def test_no_snapshot_with_a_minimum(loss, database, monkeypatch):
    runs = walk(loss, database, known_order(database))
    monkeypatch.setattr(quenching, "_quench_along", lambda _, points, __: [SnapshotStatus.NOT_CONVERGED] * len(points))
    found = inherent_structures(runs, database)
    assert found.mapped == 0
    seen = visits(found, database)
    assert (seen.minimum_ids.size, seen.jumps.sum(), seen.distinct.sum(), seen.direct_jumps) == (0, 0, 0, 0)
    numbers, ages = per_minimum(seen, database)
    assert numbers.sum() == 0
    assert np.isnan(ages).all()


# ---------------------------------------------------------------- pictures


def disks(ax):
    """Offsets (n, 2) and areas (n,) of the disks on `ax`."""
    found = [c for c in ax.collections if isinstance(c, PathCollection)]
    if not found:
        return np.empty((0, 2)), np.empty(0)
    (collection,) = found
    return np.asarray(collection.get_offsets()), collection.get_sizes()


def test_plot_visits_draws_a_disk_per_visited_minimum(loss, database):
    order = known_order(database)
    seen = visits(inherent_structures(walk(loss, database, order), database, steps=STEPS), database)
    figure, (ax,) = new_figure(4, 3)
    assert plot_visits(database, seen, ax) is ax
    offsets, areas = disks(ax)
    heights = {round(database.minimum(i).point.value, 12): (order == i).sum() for i in seen.minimum_ids.tolist()}
    assert sorted(round(y, 12) for y in offsets[:, 1]) == sorted(heights)
    numbers = [heights[round(y, 12)] for y in offsets[:, 1]]
    assert np.argsort(areas, kind="stable").tolist() == np.argsort(numbers, kind="stable").tolist()
    assert len(figure.axes) == 2  # the color bar
    assert flaws(figure) == []


def test_plot_visits_shows_a_visited_minimum_above_all_transition_states(loss, database):
    top = database.minima[-1]
    seen = visits(inherent_structures(walk(loss, database, [[top.id] * 6]), database), database)
    _, (ax,) = new_figure(4, 3)
    plot_visits(database, seen, ax)
    offsets, _ = disks(ax)
    assert offsets[:, 1].tolist() == [top.point.value]


def test_plot_visits_without_visits(database):
    figure, (ax,) = new_figure(4, 3)
    plot_visits(database, NO_VISITS, ax)
    assert len(disks(ax)[1]) == 0
    assert flaws(figure) == []


def test_plot_graph(database):
    for options in ({}, {"levels": 5}, {"whole": True}):
        figure, (ax,) = new_figure(4, 3)
        assert plot_graph(database, ax, **options) is ax
        assert len(disks(ax)[1]) == 0
        assert flaws(figure) == []
    assert visible_top(database.graph()) > database.transition_states[-1].point.value


def test_plot_graph_without_transition_states(loss, tmp_path):
    explore(loss, tmp_path / "f.db", searches=6)
    with Database(tmp_path / "f.db") as database:
        assert visible_top(database.graph()) == np.inf
        figure, (ax,) = new_figure(4, 3)
        plot_graph(database, ax)
        assert flaws(figure) == []


UNKNOWN = Estimate(math.nan, math.nan, math.nan)
ESTIMATES = ("estimated_minima", "mu")
COLUMNS = [  # of the tables that versions before wrote
    "study", "hidden", "parameters", "dataset", "dataset_seed", "rows", "searches", "minima", "transition_states",
    "components", "estimated_minima", "estimated_minima_low", "estimated_minima_high", "minima_from_sgd",
    "lowest_loss", "replicas", "steps", "threshold", "mu", "mu_low", "mu_high", "mu_runs_mean", "mu_control",
    "funnelled", "frustration", "median_barrier", "median_climb", "visited_minima", "visited_entropy", "mu_status",
]  # fmt: skip
ROW = ComparisonRow(
    study="h3", hidden="3", parameters=25, dataset="ljat", dataset_seed=0, rows=100, searches=32, minima=6,
    transition_states=5,
    components=2, estimated_minima=Estimate(8.5, 6.5, 20.0), minima_from_sgd=1, lowest_loss=0.34, replicas=4,
    steps=200, threshold=1e-2, mu=Estimate(0.9, 0.7, 1.2), mu_runs_mean=0.8, mu_control=math.nan,
)  # fmt: skip


def test_plot_comparison_draws_every_row():
    rows = (ROW, replace(ROW, hidden="2,2", minima=9, mu=Estimate(0.5, 0.4, 0.6)))
    figure, (ax,) = new_figure(4, 3)
    assert plot_comparison(Comparison(rows), ax) is ax
    bars = [c for c in ax.containers if isinstance(c, ErrorbarContainer)]
    points = [tuple(c.lines[0].get_xydata()[0]) for c in bars]
    assert points == [(6, 0.9), (8.5, 0.9), (9, 0.5), (8.5, 0.5)]
    (vertical,) = bars[0].lines[2]
    assert vertical.get_segments()[0][:, 1].tolist() == pytest.approx([0.7, 1.2])
    (horizontal,) = bars[1].lines[2]
    assert horizontal.get_segments()[0][:, 0].tolist() == pytest.approx([6.5, 20.0])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label.split(" (")[0] for label in labels] == ["3", "2,2"]
    assert (ax.get_xscale(), bool(ax.get_xlabel()), bool(ax.get_ylabel())) == ("log", True, True)
    assert flaws(figure) == []


@pytest.mark.parametrize("unknown", ["mu", "estimated_minima", "minima"])
def test_plot_comparison_with_what_is_not_known(unknown):
    nothing = {unknown: 0 if unknown == "minima" else UNKNOWN}
    figure, (ax,) = new_figure(4, 3)
    plot_comparison(Comparison((replace(ROW, **nothing),)), ax)
    assert flaws(figure) == []
    assert len([c for c in ax.containers if isinstance(c, ErrorbarContainer)]) == 2


# ---------------------------------------------------------------- comparison


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """Folders as `study` makes them: one and two levels deep, one with a control, one without."""
    root = tmp_path_factory.mktemp("studied")
    for name, hidden in (("x/h2-2", (2, 2)), ("h3", (3,))):
        loss = make_loss(hidden)
        explore(loss, root / name / LANDSCAPE, searches=SEARCHES)
        estimate_minima(loss, root / name / LANDSCAPE, starts=16)
        options = {"replicas": 3, "steps": 200, "path": root / name / RUNS}
        train(loss, SGD(batch_size=20), **options)
    train(
        loss,
        SGD(noise="full"),
        **options | {"path": root / name / CONTROL, "replicas": 2},
    )
    (root / "empty").mkdir()
    (root / "half").mkdir()
    (root / "half" / LANDSCAPE).write_bytes((root / "h3" / LANDSCAPE).read_bytes())
    return root


def test_compare(studied):
    rows = compare(studied).rows
    assert [(row.hidden, row.parameters, row.rows, row.dataset, row.dataset_seed) for row in rows] == [
        ("3", 25, 100, "ljat", 0),
        ("2,2", 24, 100, "ljat", 0),
    ]
    for row in rows:
        with Database(studied / {"3": "h3", "2,2": "x/h2-2"}[row.hidden] / LANDSCAPE) as database:
            assert (row.minima, row.transition_states) == (len(database.minima), len(database.transition_states))
            assert row.lowest_loss == database.minima[0].point.value
        assert row.minima_from_sgd == 0
        assert row.minima <= row.estimated_minima.value
        assert row.estimated_minima.low <= row.estimated_minima.value <= row.estimated_minima.high
        assert row.mu.low <= row.mu.value <= row.mu.high
        assert (row.replicas, row.steps, row.threshold) == (3, 200, 1e-2)
    assert np.isfinite(rows[0].mu_control)
    assert np.isnan(rows[1].mu_control)
    assert repr(compare(studied)) == repr(compare(str(studied)))


def test_compare_one_folder(studied):
    (row,) = compare(studied / "h3").rows
    assert row.hidden == "3"
    assert row.study == "h3"


def test_compare_with_another_threshold(studied):
    one, other = (compare(studied / "h3", threshold=threshold).rows[0] for threshold in (1e-2, 3e-3))
    assert other.threshold == 3e-3
    assert other.mu.value != one.mu.value


def test_compare_counts_minima_from_sgd(studied, tmp_path, rng):
    loss = make_loss((3,))
    with Database(studied / "h3" / LANDSCAPE) as full:
        explore(loss, tmp_path / LANDSCAPE, searches=FEW_SEARCHES)
        with Database(tmp_path / LANDSCAPE) as few:
            known = len(few.minima)
            missing = next(m.point for m in full.minima if few.find_minimum(m.point) is None)
            inherent_structures(trajectories(loss, [[near(loss, missing.coordinates, rng)] * 6]), few)
    (tmp_path / RUNS).write_bytes((studied / "h3" / RUNS).read_bytes())
    (row,) = compare(tmp_path).rows
    assert (row.minima, row.minima_from_sgd) == (known + 1, 1)


@pytest.mark.parametrize("where", ["empty", "half", "nowhere"])
def test_compare_without_a_study(studied, where):
    with pytest.raises(FileNotFoundError, match=f"{where} holds no folder with {LANDSCAPE} and {RUNS}"):
        compare(studied / where)


def test_compare_sorts_by_size(studied, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for file in (LANDSCAPE, RUNS):
            (tmp_path / name / file).write_bytes((studied / "h3" / file).read_bytes())
    sizes = {"a": "10", "b": "5"}
    monkeypatch.setattr(
        comparison, "compare_one", lambda folder, **_: replace(ROW, study=folder.name, hidden=sizes[folder.name])
    )
    assert [row.hidden for row in compare(tmp_path).rows] == ["5", "10"]


def test_compare_refuses_runs_of_another_landscape(studied, tmp_path):
    (tmp_path / LANDSCAPE).write_bytes((studied / "h3" / LANDSCAPE).read_bytes())
    (tmp_path / RUNS).write_bytes((studied / "x/h2-2" / RUNS).read_bytes())
    with pytest.raises(ValueError, match="layer_sizes"):
        compare(tmp_path)


def test_rows_of_several_studies_have_their_own_names(studied, tmp_path):
    for name in ("seed0/h3", "seed1/h3"):
        (tmp_path / name).mkdir(parents=True)
        for file in (LANDSCAPE, RUNS):
            (tmp_path / name / file).write_bytes((studied / "h3" / file).read_bytes())
    assert len({row.study for row in compare(tmp_path).rows}) == 2


def test_csv_round_trip(studied, tmp_path):
    rows = (*compare(studied).rows, ROW, replace(ROW, dataset_seed=None, dataset='a "b", c'))
    write_comparison(rows, tmp_path / "new" / "table.csv")
    with (tmp_path / "new" / "table.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.csv"]
    assert list(read[0]) == COLUMNS
    for text, row in zip(read, rows, strict=True):
        ends = {f"{name}_{end}": getattr(getattr(row, name), end) for name in ESTIMATES for end in ("low", "high")}
        middle = {name: getattr(row, name).value for name in ESTIMATES}
        for name, value in (vars(row) | middle | ends | {"mu_status": row.mu.status}).items():
            if isinstance(value, float):
                assert float(text[name]) == value or (math.isnan(float(text[name])) and math.isnan(value))
            else:
                assert text[name] == ("" if value is None else str(value))


def test_tables_in_latex_and_json(tmp_path):
    rows = (ROW, replace(ROW, hidden="2,2", mu=UNKNOWN))
    for suffix in ("tex", "json"):
        write_comparison(rows, tmp_path / f"t.{suffix}")
    lines = (tmp_path / "t.tex").read_text().splitlines()
    cells = [line.removesuffix(r" \\").split(" & ") for line in lines if "&" in line]
    assert len({len(row) for row in cells}) == 1
    assert [row[-2] for row in cells] == [r"$\mu$", "0.90 [0.70, 1.20]", "--"]
    assert json.loads((tmp_path / "t.json").read_text())["rows"][1]["mu"] is None
    with pytest.raises(ValueError, match=r"\.csv, \.json, \.tex; got .*t\.xls"):
        write_comparison(rows, tmp_path / "t.xls")


def test_lowest_barrier_is_that_to_another_minimum():
    graph = LandscapeGraph([0.0, 1.0, 2.0, 3.0], [1.5, 1.2, 2.1, 5.0], [[0, 1], [1, 1], [2, 0], [0, 1]])
    np.testing.assert_allclose(lowest_barriers(graph), [1.5, 0.5, 0.1, np.inf])


def test_rank_correlation_of_a_monotonic_law(rng):
    x = np.arange(1.0, 13.0)
    found = rank_correlation("minima", x, np.exp(-x), rng=rng)
    assert found.coefficient.value == pytest.approx(-1)
    assert found.coefficient.low == -1
    assert found.coefficient.high == pytest.approx(
        -0.983, abs=1e-3
    )  # ranks of 12 rows cannot tell -1 from somewhat less
    assert found.p < 0.001
    assert found.rows == 12


def test_interval_of_a_rank_correlation_covers_no_correlation(rng):
    covered = 0
    for _ in range(60):
        x, y = rng.normal(size=(2, 20))
        rho = spearmanr(x, y).statistic
        reach = 1.96 * np.sqrt((1 + rho**2 / 2) / 17)
        with mock.patch("bridge.comparison._correlation.permutation_test", return_value=mock.Mock(pvalue=1.0)):
            found = rank_correlation("minima", x, y, rng=rng)
        low, high = found.coefficient.interval
        assert (low, high) == pytest.approx(np.tanh(np.arctanh(rho) + np.array([-reach, reach])), abs=1e-3)
        covered += low <= 0 <= high
    assert covered >= 52


def test_the_spearman_interval_is_that_of_statpsych():
    """The example of https://dgbonett.github.io/statpsych/reference/ci.spear.html, 15 rows."""
    assert spearman_interval(0.8699639, 15, 0.95) == pytest.approx((0.5840951, 0.9638297), abs=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_spearman_intervals_of_few_rows_cover(rho, rng):
    """Of the bivariate normal, whose coefficient is 6 / pi arcsin(rho / 2) (Pearson 1907)."""
    truth, covered = 6 / np.pi * np.arcsin(rho / 2), []
    for n in (4, 5, 6, 8):
        for _ in range(150):
            x, y = rng.standard_normal((2, n))
            value = float(spearmanr(x, rho * x + np.sqrt(1 - rho**2) * y).statistic)
            low, high = spearman_interval(value, n, 0.95)
            covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize("x", [[1, 2, 3], [1, 1, 1, 1, 1], [1, 2, 3, math.nan, math.nan]])
def test_rank_correlation_of_too_little_is_not_known(x, rng):
    assert np.isnan(rank_correlation("minima", x, np.arange(len(x)), rng=rng).coefficient.value)


def test_rank_correlations_leave_out_what_is_not_known(rng):
    rows = [replace(ROW, minima=k, mu=Estimate(0.1 * k, 0.0, 1.0), median_barrier=math.nan) for k in range(1, 7)]
    found = {part.quantity: part for part in rank_correlations(rows, rng=rng)}
    assert found["minima"].coefficient.value == pytest.approx(1)
    assert (found["median_barrier"].rows, found["minima"].rows) == (0, 6)


def test_row_as_json():
    values = json.loads(to_json(row_dict(ROW)))
    assert values["estimated_minima"] == {"value": 8.5, "low": 6.5, "high": 20.0}
    assert values["mu_control"] is None
    assert list(values) == [name for name in COLUMNS if name not in {"estimated_minima_low", "estimated_minima_high"}]


# ---------------------------------------------------------------- files


def strict(text):
    def refuse(name):
        pytest.fail(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_strict():
    value = {
        "nan": math.nan, "inf": -math.inf, "array": np.array([[1.0, np.nan], [np.inf, 2.0]]), 1: np.int64(3),
        "half": np.float32(0.5), "no": np.float64(np.nan), "yes": np.bool_(True), "path": Path("a/b"),
        "tuple": (None, False, "x"), "empty": np.empty((0, 2)),
    }  # fmt: skip
    text = to_json(value)
    assert "\n" not in text
    assert strict(text) == {
        "nan": None, "inf": None, "array": [[1.0, None], [None, 2.0]], "1": 3, "half": 0.5, "no": None, "yes": True,
        "path": "a/b", "tuple": [None, False, "x"], "empty": [],
    }  # fmt: skip


def test_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "b" / "f.txt"
    write_text(path, "old Δ\n")
    assert path.read_text(encoding="utf-8") == "old Δ\n"

    def fail(*_):
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):  # noqa: PT011
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old Δ\n"
