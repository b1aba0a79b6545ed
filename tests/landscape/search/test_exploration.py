import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from support.reference import flow_end

from landscape import CrossEntropyLoss, Database, Minimum, TorchLoss, datasets, explore, quench, symmetry
from landscape.database import Discovery, Quenched
from landscape.descent import _quench
from landscape.losses import GRACE, _watched
from landscape.networks import MLP
from landscape.search import _exploration, _planning, _searches, estimate_minima, store_inherent_structures, summarize
from landscape.search._searches import Task, run
from landscape.stationary import certify, same_point

HIDDEN = [(3,), (2, 2)]
SEARCHES = 48  # a batch of 32 and a half


def contents(path):
    """Everything in a file: there are no times in it."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


@pytest.fixture(scope="module", params=HIDDEN, ids=str)
def explored(request, few_data, tmp_path_factory):
    """A loss and the file of some searches on it, made in one go by one worker."""
    loss = CrossEntropyLoss(MLP((2, *request.param, 4)), few_data)
    path = tmp_path_factory.mktemp("explored") / "landscape.db"
    explore(loss, path, searches=SEARCHES, seed=3)
    return loss, path


# ---------------------------------------------------------------- what is found


def test_every_point_in_the_file_is_certified(explored):
    loss, path = explored
    with Database(path) as database:
        assert len(database.minima) >= 4
        assert len(database.transition_states) >= 3
        for stored, index in [(m, 0) for m in database.minima] + [(t, 1) for t in database.transition_states]:
            again = certify(loss, stored.point.coordinates)
            assert again.index == stored.point.index == index
            assert again.rms_gradient <= 1e-10
            assert again.value == pytest.approx(stored.point.value, abs=1e-14)
            np.testing.assert_allclose(again.eigenvalues, stored.point.eigenvalues, rtol=1e-6, atol=1e-13)
            assert stored.orbit_size == symmetry.orbit_size(loss.network, stored.point.coordinates)


def test_both_ends_of_every_transition_state_are_its_minima(explored):
    loss, path = explored
    with Database(path) as database:
        assert database.transition_states
        for state in database.transition_states:
            minima = [database.minimum(number).point for number in state.minimum_ids]
            assert max(minimum.value for minimum in minima) < state.point.value
            ends = []
            for sign in (1.0, -1.0):
                start = state.point.coordinates + sign * 3e-3 * state.point.eigenvector
                end = flow_end(loss, start)
                ends.append(
                    next(m.id for m in database.minima if same_point(loss.network, m.point, certify(loss, end)))
                )
            assert tuple(sorted(ends)) == state.minimum_ids


def test_no_point_is_stored_twice(explored):
    loss, path = explored
    with Database(path) as database:
        points = [m.point for m in database.minima]
        assert not any(same_point(loss.network, a, b) for i, a in enumerate(points) for b in points[:i])


def test_the_summary_counts_what_is_in_the_file(explored):
    _, path = explored
    with Database(path) as database:
        summary = summarize(database)
        assert summary.path == path
        assert summary.searches == len(database.attempts()) == SEARCHES
        assert summary.minima == len(database.minima)
        assert summary.transition_states == len(database.transition_states)
        assert summary.lowest_loss == database.minima[0].point.value == min(m.point.value for m in database.minima)
        assert 1 <= summary.components <= summary.minima
        assert summary.estimated_minima.low == summary.minima  # too few random starts to say more
        assert np.isnan(summary.estimated_minima.value) == (summary.random_starts < 24)
        assert summary.random_starts == sum(a.kind == "start" and a.status == "CONVERGED" for a in database.attempts())
        assert [attempt.search for attempt in database.attempts()] == list(range(SEARCHES))


def test_hits_count_the_quenches_that_ended_there(few_data, tmp_path):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data)
    explore(loss, tmp_path / "a.db", searches=16)  # random starts only
    with Database(tmp_path / "a.db") as database:
        converged = sum(attempt.status == "CONVERGED" for attempt in database.attempts())
        assert sum(minimum.hits for minimum in database.minima) == converged
        assert {attempt.kind for attempt in database.attempts()} == {"collapsed", "start"}


# ---------------------------------------------------------------- reproducible and resumable


def test_the_number_of_workers_does_not_matter(explored, tmp_path):
    loss, path = explored
    explore(loss, tmp_path / "two.db", searches=SEARCHES, seed=3, jobs=2)
    assert contents(tmp_path / "two.db") == contents(path)


@pytest.mark.parametrize("parts", [(20, SEARCHES), (1, 32, 33, SEARCHES - 1, SEARCHES)])
def test_in_parts_or_at_once_does_not_matter(explored, tmp_path, parts):
    loss, path = explored
    for searches in parts:
        explore(loss, tmp_path / "parts.db", searches=searches, seed=3)
    assert contents(tmp_path / "parts.db") == contents(path)


def test_the_seed_matters(explored, tmp_path):
    loss, path = explored
    explore(loss, tmp_path / "other.db", searches=16, seed=4)
    with Database(path) as one, Database(tmp_path / "other.db") as other:
        assert one.minima[0].point.value != other.minima[0].point.value or len(one.minima) != len(other.minima)


def test_what_is_done_is_not_done_again(explored):
    loss, path = explored
    before = path.read_bytes()
    for searches in (0, 20, SEARCHES):
        assert explore(loss, path, searches=searches, seed=3).searches == SEARCHES
    assert path.read_bytes() == before


EXPLORER = """
import os, signal, sys
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.networks import MLP
from threadpoolctl import threadpool_limits
calls, add_attempt = [], Database.add_attempt
def deadly(*arguments):
    calls.append(arguments)
    if len(calls) == 40:  # in the transaction of the second batch
        os.kill(os.getpid(), signal.SIGKILL)
    return add_attempt(*arguments)
Database.add_attempt = deadly
loss = CrossEntropyLoss(MLP((2, *map(int, sys.argv[2].split(",")), 4)), datasets.ljat(rows=100, seed=0))
with threadpool_limits(1):
    explore(loss, sys.argv[1], searches=int(sys.argv[3]), seed=3)
"""


def test_a_kill_and_a_second_run_give_the_same_file(explored, tmp_path):
    loss, path = explored
    hidden, killed = ",".join(map(str, loss.network.hidden)), tmp_path / "killed.db"
    command = [sys.executable, "-c", EXPLORER, str(killed), hidden, str(SEARCHES)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with Database(killed) as database:
        assert len(database.attempts()) == 32 < SEARCHES
    explore(loss, killed, searches=SEARCHES, seed=3)
    assert contents(killed) == contents(path)


def test_an_interrupted_batch_leaves_nothing(explored, tmp_path, monkeypatch):
    loss, path = explored

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("landscape.database.Database.add_attempt", stop)
        with pytest.raises(KeyboardInterrupt):
            explore(loss, tmp_path / "stopped.db", searches=SEARCHES, seed=3)
    with Database(tmp_path / "stopped.db") as database:
        assert database.minima == []
    explore(loss, tmp_path / "stopped.db", searches=SEARCHES, seed=3)
    assert contents(tmp_path / "stopped.db") == contents(path)


# ---------------------------------------------------------------- budget, progress


def test_a_budget_stops(few_data, tmp_path):
    loss = CrossEntropyLoss(MLP((2, 2, 4)), few_data)
    none = explore(loss, tmp_path / "a.db", budget=0.0)
    assert (none.searches, none.minima, none.components, none.estimated_minima) == (0, 0, 0, None)
    assert np.isnan(none.lowest_loss)
    some = explore(loss, tmp_path / "a.db", budget=0.2)
    more = explore(loss, tmp_path / "a.db", budget=0.2)
    assert 0 < some.searches < more.searches
    assert some.searches % 32 == more.searches % 32 == 0  # whole batches
    explore(loss, tmp_path / "b.db", searches=more.searches)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_progress_is_reported_after_each_batch(few_data, tmp_path):
    loss, calls = CrossEntropyLoss(MLP((2, 3, 4)), few_data), []
    result = explore(loss, tmp_path / "a.db", searches=40, progress=lambda *call: calls.append(call))
    assert [(done, searches) for done, searches, _ in calls] == [(32, 40), (40, 40)]
    assert calls[-1][2] == result


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    "arguments",
    [{}, {"searches": 3, "budget": 1.0}, {"searches": -1}, {"budget": -1.0}],
)
def test_wrong_amounts_are_named(small_loss, tmp_path, arguments):
    with pytest.raises(ValueError, match="give either searches >= 0 or budget >= 0 seconds; got"):
        explore(small_loss, tmp_path / "a.db", **arguments)
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize(("arguments", "name"), [({"budget": np.nan}, "budget"), ({"searches": 1, "jobs": 0}, "jobs")])
def test_other_wrong_arguments_are_named(small_loss, tmp_path, arguments, name):
    with pytest.raises(ValueError, match=name):
        explore(small_loss, tmp_path / "a.db", **arguments)
    assert not (tmp_path / "a.db").exists()


def test_a_file_of_another_loss_is_refused_with_what_differs(explored, few_data):
    loss, path = explored
    before = path.read_bytes()
    others = {
        "layer_sizes": CrossEntropyLoss(MLP((2, 4, 4)), few_data),
        "regularization": CrossEntropyLoss(loss.network, few_data, 1e-3),
        "regularize_biases": CrossEntropyLoss(loss.network, few_data, regularize_biases=False),
        "dataset_seed": CrossEntropyLoss(loss.network, datasets.ljat(rows=100, seed=1)),
        "rows": CrossEntropyLoss(loss.network, datasets.ljat(rows=50, seed=0)),
    }
    for name, other in others.items():
        with pytest.raises(
            ValueError, match=f"was made with {name} = .*, not .*; choose another output file"
        ) as caught:
            explore(other, path, searches=81, seed=3)
        assert str(path) in str(caught.value)
    with pytest.raises(ValueError, match="was made with seed = 3, not 5"):
        explore(loss, path, searches=81, seed=5)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_refused(small_loss, tmp_path):
    (tmp_path / "a.db").write_text("a text")
    with pytest.raises(ValueError, match="is not an SQLite file"):
        explore(small_loss, tmp_path / "a.db", searches=1)
    assert (tmp_path / "a.db").read_text() == "a text"


# ---------------------------------------------------------------- other losses, other sources of minima


def test_a_loss_without_a_penalty_on_biases(few_data, tmp_path):
    loss = CrossEntropyLoss(MLP((2, 2, 4)), few_data, regularize_biases=False)
    result = explore(loss, tmp_path / "a.db", searches=80)
    assert 1 <= result.minima < 15  # and not a new one with every quench
    with Database(tmp_path / "a.db") as database:
        assert max(minimum.hits for minimum in database.minima) > 5


def test_a_torch_module_can_be_explored(few_data, tmp_path):
    torch = pytest.importorskip("torch")
    loss = TorchLoss(torch.nn.Linear(2, 4), few_data, 1e-3)
    result = explore(loss, tmp_path / "a.db", searches=4)
    assert (result.searches, result.minima) == (4, 1)  # a convex loss
    with Database(tmp_path / "a.db") as database:
        assert database.network is None
        assert database.minima[0].hits == 4


def test_inherent_structures_are_no_hits_of_searches(explored, tmp_path, rng):
    loss, path = explored
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    with Database(copy) as database:
        before, known = summarize(database), database.minima[0]
        image = symmetry.random_image(loss.network, known.point.coordinates, rng=rng)
        again = quench(loss, image + 1e-6 * rng.normal(size=image.size)).minimum
        new = Minimum(known.point.coordinates + 1.0, 1.5, 1e-11, np.ones(loss.n_parameters))
        store_inherent_structures(
            database,
            [
                Quenched("a", again, discovery=Discovery("this", 0, 1, "flow")),
                Quenched("b", None, reason="saddle"),
                Quenched("c", new, discovery=Discovery("this", 0, 2, "flow")),
                Quenched("d", new, discovery=Discovery("this", 1, 1, "flow")),
            ],
            method="flow",
            origin="sgd",
        )
        after = summarize(database)
        assert database.minimum(known.id).hits == known.hits
        found = database.inherent_structures("flow")
        assert found["a"] == known.id
        assert found["b"] is None
        assert found["c"] == found["d"]
        assert database.minimum(found["c"]).origin == "sgd"
        assert database.minimum(found["c"]).discovery == Discovery("this", 0, 2, "flow")  # the first one
        assert database.minimum(known.id).discovery is None  # a search knew it
        assert database.unmapped("flow") == {"b": "saddle"}
        assert database.unmapped("lbfgs") == {}
        assert after.minima == before.minima + 1
        assert (after.random_starts, after.random_minima) == (before.random_starts, before.random_minima)


# ---------------------------------------------------------------- searches that take long


class SlowLoss(CrossEntropyLoss):
    """A loss whose gradients move a clock; nothing waits."""

    clock = SimpleNamespace(seconds=0.0)

    def value_and_gradient(self, theta):
        self.clock.seconds += 0.25
        return super().value_and_gradient(theta)


@pytest.fixture
def slow(few_data, monkeypatch):
    """A loss with a quench of about a minute, on a clock that it moves itself."""
    SlowLoss.clock = now = SimpleNamespace(seconds=1000.0)
    clocks = SimpleNamespace(time=lambda: now.seconds, monotonic=lambda: now.seconds)
    for module in (_exploration, _searches, _watched):
        monkeypatch.setattr(module, "time", clocks)
    return SlowLoss(MLP((2, 2, 4)), few_data)


def test_a_budget_holds_within_a_search(slow, tmp_path):
    found = explore(slow, tmp_path / "a.db", budget=8.0)
    assert (found.searches, found.new_searches, found.minima, found.unfinished) == (0, 0, 0, 1)
    assert SlowLoss.clock.seconds <= 1000.0 + 8.0 + GRACE


def test_what_a_budget_stops_is_searched_anew(slow, few_data, tmp_path):
    parts = []
    for _ in range(2):
        parts.append(explore(slow, tmp_path / "a.db", budget=60.0))
        assert parts[-1].unfinished == 1
    done = parts[-1].searches
    assert 0 < parts[0].searches < done < 32
    assert [part.new_searches for part in parts] == [parts[0].searches, done - parts[0].searches]
    whole = CrossEntropyLoss(slow.network, few_data)
    explore(whole, tmp_path / "b.db", searches=done)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_long_searches_are_stored_one_by_one(slow, few_data, tmp_path):
    stored = []

    def look(done, total, summary):
        with Database(tmp_path / "a.db") as database:
            stored.append((done, len(database.attempts())))

    explore(slow, tmp_path / "a.db", searches=4, progress=look)
    assert stored == [(k, k) for k in range(1, 5)]
    explore(CrossEntropyLoss(slow.network, few_data), tmp_path / "b.db", searches=4)
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")


def test_random_starts_that_a_budget_stops_are_drawn_again(slow, few_data, tmp_path, monkeypatch):
    monkeypatch.setattr(_exploration, "FEWEST_SEARCHES", 0)
    explore(slow, tmp_path / "a.db", budget=4.0, completeness=0.9)
    with Database(tmp_path / "a.db") as database:
        assert database.random_starts() == []
    estimate_minima(CrossEntropyLoss(slow.network, few_data), tmp_path / "a.db", starts=2)
    with Database(tmp_path / "a.db") as database:
        assert [start.number for start in database.random_starts()] == [0, 1]


def test_large_networks_start_collapsed_searches_without_an_eigenproblem(small_loss, monkeypatch):
    """Above `LARGE` parameters a flow would need an eigenproblem for each of hundreds of steps."""
    monkeypatch.setattr(_searches, "LARGE", 0)
    monkeypatch.setattr(_quench, "LARGE", 0)
    found = run(small_loss, Task(0, "collapsed", 0))
    (minimum,) = found.minima
    assert minimum.inertia is not None
    assert found.hessian_evaluations == 1


def test_large_networks_connect_after_few_searches(small_loss, tmp_path, monkeypatch):
    """Sixteen random starts would take minutes before any two minima are connected."""
    monkeypatch.setattr(_planning, "LARGE", 0)
    kinds = {}
    for name, parts in (("a.db", (20,)), ("b.db", (3, 11, 20))):
        for searches in parts:
            explore(small_loss, tmp_path / name, searches=searches)
        with Database(tmp_path / name) as database:
            kinds[name] = [attempt.kind for attempt in database.attempts()]
    assert "connect" not in kinds["a.db"][:8]
    assert "connect" in kinds["a.db"][8:16]
    assert contents(tmp_path / "a.db") == contents(tmp_path / "b.db")
