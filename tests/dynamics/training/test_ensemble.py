import json
import os
import pickle
import re
import signal
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from itertools import pairwise

import h5py
import joblib
import numpy as np
import pytest
from support.ensembles import DATA, NETWORK, OPTIMIZER, Killed, assert_same, run, stop_after, toy_data
from support.paths import ROOT, TESTS
from support.reference import naive_loss

from dynamics import SGD, load_trajectories, mean_square_displacement, train
from dynamics.noises import Epochs, Replacement
from dynamics.noises._random import shuffle
from dynamics.runs import (
    PER_REPLICA,
    SHARED,
    WAITING_TIMES,
    curve_steps,
    default_waiting_times,
    log_lags,
    snapshot_steps,
)
from dynamics.training import _ensemble
from dynamics.training._curves import evaluate_curves
from dynamics.training._plan import noise_key, start_seed
from dynamics.training._store import Block, FileStore, Header, MemoryStore
from landscape import CrossEntropyLoss
from landscape.networks import MLP


def test_shapes_and_metadata():
    runs = run()
    n_snapshots, n_curve = runs.steps.size, runs.curve_steps.size
    assert runs.snapshots.shape == (7, n_snapshots, NETWORK.n_parameters)
    assert runs.snapshots.dtype == np.float32
    assert runs.loss.shape == runs.accuracy.shape == runs.gradient_norm.shape == (7, n_curve)
    assert runs.steps[0] == runs.curve_steps[0] == 0
    assert runs.steps[-1] == runs.curve_steps[-1] == 60
    assert runs.metadata["data"] == {"name": "toy", "rows": 100, "seed": 1}
    assert runs.metadata["data_sha256"] == DATA.sha256
    assert runs.metadata["learning_rate"] == 0.2
    json.dumps(runs.metadata)


def test_results_are_read_only():
    runs = run(replicas=1)
    with pytest.raises(ValueError, match="read-only"):
        runs.snapshots[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        runs.steps = None


def test_replicas_differ_and_begin_at_their_glorot_start():
    runs = run()
    assert len(np.unique(runs.snapshots[:, 0, 0])) == 7
    for r in (0, 6):
        np.testing.assert_array_equal(
            runs.snapshots[r, 0], NETWORK.glorot_uniform(np.random.default_rng(start_seed(3, r))).astype(np.float32)
        )


def test_workers_do_not_change_the_result():
    assert_same(run(jobs=1, replicas=12), run(jobs=2, replicas=12))


def test_processes_do_not_change_the_result():
    with joblib.parallel_config(backend="loky"):
        assert_same(run(replicas=12), run(jobs=2, replicas=12))


def test_a_store_in_memory_and_on_disk_agree(tmp_path):
    path = tmp_path / "F.h5"
    assert_same(run(), run(path=path))
    assert_same(run(), load_trajectories(path))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("stops", [(5,), (5, 10), (10, 10)])
def test_interrupted_runs_go_on(tmp_path, stops, jobs):
    path = tmp_path / "F.h5"
    for stop in stops:
        with pytest.raises(Killed):
            run(path=path, replicas=13, jobs=jobs, progress=stop_after(stop))
    with pytest.raises(FileNotFoundError, match="train again with the same settings"):
        load_trajectories(path)
    assert_same(run(replicas=13, path=path), run(replicas=13))


def test_identity_tells_settings_apart_but_not_numbers_of_runs():
    runs = run()
    assert run(replicas=2).identity == run(snapshots="waiting").identity == runs.identity
    others = [run(seed=4), run(SGD(learning_rate=0.1, batch_size=6)), run(noise="full")]
    assert len({runs.identity, *(other.identity for other in others)}) == 4


def test_more_replicas_extend_and_fewer_do_nothing(tmp_path):
    path = tmp_path / "F.h5"
    small = run(replicas=3, path=path)
    with pytest.raises(Killed):
        run(replicas=13, path=path, progress=stop_after(10))
    assert load_trajectories(path).replicas == 3
    large = run(replicas=13, path=path)
    assert_same(large, run(replicas=13))
    assert_same(small, large.first(3))
    before = path.stat()
    reports = []
    assert_same(run(replicas=2, path=path, progress=lambda *report: reports.append(report)), small.first(2))
    assert path.stat() == before
    assert reports == [(2, 2)]


CHILD = """
import os, sys, time
sys.path[:0] = {paths!r}
from support import ensembles as t
rename, commits = os.replace, []
def replace(source, target):
    if ".parts" in str(source):
        commits.append(target)
        if len(commits) == {commit}:
            print("ready", flush=True)
            time.sleep(100)
    return rename(source, target)
os.replace = replace
t.run(path={path!r}, replicas=13)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("commit", [1, 3, 5])  # settings, the second of three blocks, the file itself
def test_kill_in_the_middle_of_a_write(tmp_path, commit):
    path = tmp_path / "F.h5"
    paths = [str(TESTS), str(ROOT)]
    code = CHILD.format(paths=paths, commit=commit, path=str(path))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        os.kill(child.pid, signal.SIGKILL)
    assert not path.exists()
    kept = []
    assert_same(run(path=path, replicas=13, progress=lambda done, total: kept.append(done)), run(replicas=13))
    assert kept[0] == {1: 0, 3: 5, 5: 13}[commit]
    assert list(tmp_path.iterdir()) == [path]


def test_parts_that_a_kill_left_of_a_removal_do_not_count(tmp_path):
    path = tmp_path / "F.h5"
    with pytest.raises(Killed):
        run(path=path, seed=1, progress=stop_after(5))
    (tmp_path / "F.h5.parts" / "settings.json").unlink()
    assert_same(run(path=path), run())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("learning_rate", {"optimizer": replace(OPTIMIZER, learning_rate=0.1)}),
        ("batch_size", {"optimizer": replace(OPTIMIZER, batch_size=7)}),
        ("steps", {"steps": 61}),
        ("seed", {"seed": 4}),
        ("regularization", {"regularization": 1e-3}),
        ("regularize_biases", {"regularize_biases": False}),
        ("lags", {"lags": [1, 2]}),
        ("waiting_times", {"waiting_times": [3, 4]}),
        ("noise", {"noise": "full"}),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_are_refused(tmp_path, name, changes, finished):
    path = tmp_path / "F.h5"
    base = {"lags": [1, 2, 4], "waiting_times": [3, 8]}
    if finished:
        run(path=path, **base)
    else:
        with pytest.raises(Killed):
            run(path=path, progress=stop_after(5), **base)
    with pytest.raises(ValueError, match=rf"made with {name} ="):
        run(path=path, **(base | changes))


def test_other_data_is_refused(tmp_path):
    run(path=tmp_path / "F.h5", replicas=1)
    with pytest.raises(ValueError, match="data_sha256"):
        train(
            CrossEntropyLoss(NETWORK, toy_data(shift=0.1)),
            OPTIMIZER,
            replicas=1,
            steps=60,
            seed=3,
            path=tmp_path / "F.h5",
        )


def test_foreign_files_are_named_and_left_alone(tmp_path):
    text, other, broken = tmp_path / "a.txt", tmp_path / "b.h5", tmp_path / "c.h5"
    text.write_text("hello")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    run(path=broken, replicas=1)
    with h5py.File(broken, "a") as file:
        del file["lags"]
    for path, message in ((text, "a.txt is not an HDF5"), (other, "b.h5.*format"), (broken, "c.h5.*no lags")):
        content = path.read_bytes()
        with pytest.raises(ValueError, match=message):
            load_trajectories(path)
        with pytest.raises(ValueError, match=message):
            run(path=path)
        assert path.read_bytes() == content


def test_stored_snapshots_are_indexed_like_arrays(tmp_path):
    stored, array = run(path=tmp_path / "F.h5").snapshots, run().snapshots
    keys = [0, -1, slice(None), slice(1, 3), slice(None, None, -2), (2, 1), (slice(2, 9), 0, 3), [4, 1], (..., 0)]
    for key in keys:
        np.testing.assert_array_equal(stored[key], array[key])
    with pytest.raises(IndexError):
        stored[7]
    assert len(stored) == 7
    assert pickle.loads(pickle.dumps(stored)).shape == array.shape


@pytest.mark.slow
def test_full_batch_control_is_gradient_descent_from_the_same_start():
    optimizer, rate, penalty = replace(OPTIMIZER, precision="float64"), OPTIMIZER.learning_rate, 1e-2
    changes = {"replicas": 2, "regularization": penalty, "lags": range(1, 20), "waiting_times": [1]}
    sgd, full = run(optimizer, **changes), run(optimizer, **changes, noise="full")
    np.testing.assert_array_equal(sgd.snapshots[:, 0], full.snapshots[:, 0])
    assert not np.array_equal(sgd.snapshots, full.snapshots)
    theta = full.snapshots[1, 0]
    for step in range(20):
        np.testing.assert_allclose(full.snapshots[1, step], theta, atol=1e-11)
        theta = theta - rate * numerical_gradient(theta, penalty)


def numerical_gradient(theta, penalty):
    """Richardson-extrapolated central differences of the loss."""
    lam = np.full(theta.size, penalty)

    def central(h):
        steps = h * np.eye(theta.size)
        return np.array([_loss(theta + s, lam) - _loss(theta - s, lam) for s in steps]) / (2 * h)

    return (64 * central(5e-3) - 20 * central(1e-2) + central(2e-2)) / 45


def _loss(theta, lam):
    return naive_loss(NETWORK, DATA.inputs, DATA.labels, lam, theta)[0]


def test_curves_do_not_depend_on_where_the_data_lie():
    shifted = np.zeros(DATA.inputs.nbytes + 1, np.uint8)[1:].view(np.float64).reshape(DATA.inputs.shape)
    shifted[...] = DATA.inputs
    moved = toy_data()
    object.__setattr__(moved, "inputs", shifted)
    thetas = np.random.default_rng(0).normal(size=(50, NETWORK.n_parameters))
    lam = np.full(NETWORK.n_parameters, 1e-4)
    for a, b in zip(*(evaluate_curves(NETWORK, data, lam, thetas) for data in (DATA, moved)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("regularize_biases", [True, False])
def test_curves_agree_with_torch(regularize_biases):
    torch = pytest.importorskip("torch")
    waiting, penalty = [1], 1e-2
    runs = run(lags=range(1, 60), waiting_times=waiting, regularization=penalty, regularize_biases=regularize_biases)
    mask = np.ones(NETWORK.n_parameters, bool) if regularize_biases else NETWORK.kernel_mask()
    inputs, labels = torch.tensor(DATA.inputs), torch.tensor(DATA.labels)
    at = np.searchsorted(runs.steps, runs.curve_steps)
    for r, c in ((0, 0), (3, 5), (6, -1)):
        theta = torch.tensor(runs.snapshots[r, at[c]].astype(np.float64), requires_grad=True)
        offset, value = 0, inputs
        for n_in, n_out in pairwise(NETWORK.layer_sizes):
            kernel = theta[offset : offset + n_in * n_out].reshape(n_in, n_out)
            value = (torch.tanh(value) if offset else value) @ kernel + theta[offset + kernel.numel() :][:n_out]
            offset += (n_in + 1) * n_out
        loss = torch.nn.functional.cross_entropy(value, labels) + penalty * (theta[mask] ** 2).sum()
        loss.backward()
        accuracy = (value.argmax(dim=1) == labels).double().mean()
        assert runs.loss[r, c] == pytest.approx(loss.item(), rel=1e-12)
        assert runs.accuracy[r, c] == pytest.approx(accuracy.item())
        assert runs.gradient_norm[r, c] == pytest.approx(theta.grad.norm().item(), rel=1e-10)


def test_penalty_without_biases_leaves_them_alone():
    optimizer = replace(OPTIMIZER, learning_rate=1e-3)
    strong = {"regularization": 50.0, "optimizer": optimizer, "replicas": 1}
    biases = ~NETWORK.kernel_mask()
    free = run(**strong, regularize_biases=False).snapshots[0, -1]
    bound = run(**strong).snapshots[0, -1]
    assert np.abs(free[biases]).max() > 2 * np.abs(bound[biases]).max()


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_divergence_names_replica_step_and_rate(jobs, precision):
    optimizer = replace(OPTIMIZER, learning_rate=10.0, precision=precision)
    with pytest.raises(FloatingPointError, match=r"^run 0 diverged at step \d+; choose a learning_rate below 10.0"):
        run(optimizer, regularization=1.0, steps=400, replicas=12, jobs=jobs)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("replicas", {"replicas": 0}),
        ("steps", {"steps": 1}),
        ("steps", {"steps": 10.5}),
        ("seed", {"seed": -1}),
        ("regularization", {"regularization": -1e-4}),
        ("regularization", {"regularization": float("nan")}),
        ("noise", {"noise": "loud"}),
        ("jobs", {"jobs": 0}),
        ("waiting_times", {"waiting_times": [5, 5]}),
        ("waiting_times", {"waiting_times": [60]}),
        ("waiting_times", {"waiting_times": []}),
        ("replicas", {"replicas": float("nan")}),
        ("replicas", {"replicas": 2.5}),
        ("steps", {"steps": float("inf")}),
        ("seed", {"seed": 0.5}),
        ("regularization", {"regularization": float("inf")}),
        ("label_noise", {"label_noise": 1.5}),
        ("label_noise", {"label_noise": float("nan")}),
        ("snapshots", {"snapshots": "some"}),
        ("waiting_times", {"waiting_times": [0, 5]}),
        ("waiting_times", {"waiting_times": [9, 5]}),
        ("waiting_times", {"waiting_times": [float("nan")]}),
        ("waiting_times", {"waiting_times": [[5, 9]]}),
        ("lags", {"lags": [9, 5]}),
        ("lags", {"lags": [5, 5]}),
        ("lags", {"lags": [-1, 5]}),
        ("lags", {"lags": [61]}),
        ("lags", {"lags": [0, 1]}),
        ("lags", {"lags": [1.5]}),
        ("batch_size", {"optimizer": SGD(batch_size=101)}),
    ],
)
def test_bad_arguments_are_named(name, changes):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        run(**changes)


@pytest.mark.parametrize(
    ("waiting_times", "lags", "largest", "remedy"),
    [
        ([20, 30], [35, 45], "30 + 45 = 75 of 60 steps", r"lag 45: lags must be at most 40, or steps larger"),
        ([20, 30], [41], "30 + 41 = 71 of 60 steps", r"lag 41: lags must be at most 40"),
        ([10, 55], [10, 50], "55 + 50 = 105 of 60 steps", r"waiting time 55 .*waiting_times must be at most 50"),
    ],
)
def test_displacements_that_no_run_has_are_refused_before_training(waiting_times, lags, largest, remedy, tmp_path):
    path = tmp_path / "F.h5"
    with pytest.raises(ValueError, match=rf"within the runs: the largest is {re.escape(largest)}.*{remedy}"):
        run(waiting_times=waiting_times, lags=lags, path=path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("waiting_times", [[20, 30], [20, 59]])
def test_every_waiting_time_and_lag_that_is_accepted_has_a_displacement(waiting_times):
    runs = run(waiting_times=waiting_times, lags=[1, 40], replicas=1)
    known = np.isfinite(mean_square_displacement(runs).values[0])
    assert known.any(axis=0).all()
    assert known.any(axis=1).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("learning_rate", np.inf),
        ("learning_rate", np.nan),
        ("batch_size", 0),
        ("batch_size", 1.5),
        ("batch_size", np.nan),
        ("batch_size", np.inf),
        ("momentum", 1.0),
        ("momentum", np.nan),
        ("schedule", "cosine"),
        ("precision", "float16"),
    ],
)
def test_bad_hyperparameters_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        SGD(**{name: value})


@pytest.mark.parametrize("sizes", [(3, 4), (2, 3)])
def test_a_network_that_does_not_fit_is_refused(sizes):
    with pytest.raises(ValueError, match=r"^network must have 2 inputs and 4 outputs"):
        train(CrossEntropyLoss(MLP(sizes), DATA), OPTIMIZER)


def test_first_names_what_exists():
    with pytest.raises(ValueError, match=r"replicas must be in 1 ... 7; got 8"):
        run().first(8)


def test_times():
    assert default_waiting_times(150_000).tolist() == list(WAITING_TIMES)
    assert default_waiting_times(10_000).tolist() == [1300, 2100, 3200, 4500]
    assert default_waiting_times(1000).tolist() == [50, 79, 126, 199, 315, 500]
    lags = log_lags(1000, per_decade=10)
    assert lags[0] == 1
    assert lags[-1] == 1000
    assert (np.diff(lags) > 0).all()
    assert log_lags(1).tolist() == [1]
    assert snapshot_steps([3, 5], [1, 2], 6).tolist() == [0, 3, 4, 5, 6]
    assert curve_steps(150_000).size < 50
    for arguments in ({"max_lag": 0}, {"max_lag": 5, "per_decade": 0}):
        with pytest.raises(ValueError, match="must be >= 1"):
            log_lags(**arguments)


@pytest.mark.parametrize("steps", [2, 3, 17])
def test_short_runs_have_usable_defaults(steps):
    runs = run(steps=steps, replicas=1)
    assert np.isfinite(mean_square_displacement(runs).values).any()


@pytest.mark.parametrize("kind", [MemoryStore, FileStore])
def test_stores_count_what_they_hold(tmp_path, kind):
    runs = run()
    shared = {name: getattr(runs, name) for name in SHARED}
    header = Header(runs.layer_sizes, shared, {"seed": 3}, runs.metadata)
    store = kind(header) if kind is MemoryStore else kind(tmp_path / "F.h5", header)
    assert store.count() == 0
    for first, end in ((0, 5), (5, 7)):
        store.add(Block(first, *(getattr(runs, name)[first:end] for name in PER_REPLICA)))
        assert store.count() == end
    assert_same(store.finish(), runs)


@pytest.mark.parametrize("noise", ["sgd", "full"])
def test_runs_that_share_their_order_see_the_same_minibatches(noise):
    options = {"replicas": 2, "steps": 60, "noise": noise}
    own, shared = run(**options), run(**options, shared_order=True)
    np.testing.assert_array_equal(own.snapshots[:, 0], shared.snapshots[:, 0])  # starts stay their own
    np.testing.assert_array_equal(own.snapshots[0], shared.snapshots[0])  # the first run is as it was
    assert (own.snapshots[1] == shared.snapshots[1]).all() == (noise == "full")
    assert shared.metadata["shared_order"]
    key = noise_key(3, 0)
    for r in range(2):  # one step of each run, by hand, over the rows that replica 0 sees
        order = np.empty(DATA.rows, np.int32)
        shuffle(order, key, 0)
        rows = order[: OPTIMIZER.batch_size] if noise == "sgd" else np.arange(DATA.rows)
        theta = shared.snapshots[r, 0].astype(float)
        gradient = naive_loss(NETWORK, DATA.inputs[rows], DATA.labels[rows], np.full(theta.size, 1e-4), theta)[2]
        step = theta - OPTIMIZER.learning_rate * gradient
        recorded = run(**options, shared_order=True, waiting_times=[1, 2], lags=[1]).snapshots[r, 1]
        np.testing.assert_allclose(recorded, step, atol=1e-6)


def test_a_file_of_shared_order_is_not_extended_by_runs_of_their_own(tmp_path):
    run(replicas=1, path=tmp_path / "F.h5", shared_order=True)
    with pytest.raises(ValueError, match="shared_order = True, not False"):
        run(replicas=2, path=tmp_path / "F.h5")


@pytest.mark.parametrize(
    ("batch_size", "noise", "said"),
    [
        (
            40,
            "sgd",
            "a minibatch of 40 of 50 training rows leaves the runs little noise; choose a minibatch of at most 5,",
        ),
        (17, "gaussian", "a minibatch of 17 of 50 training rows leaves the runs little noise"),
        (16, "sgd", ""),
        (40, "replacement", ""),  # its noise does not end where minibatches hold all rows
        (40, "full", ""),  # has none
    ],
)
def test_minibatches_of_most_rows_are_warned_of(batch_size, noise, said, caplog, monkeypatch):
    monkeypatch.setattr(_ensemble, "run_task", lambda *arguments: None)
    loss = CrossEntropyLoss(NETWORK, toy_data(50))
    train(loss, SGD(batch_size=batch_size, noise=noise), replicas=1, steps=2)
    assert caplog.text.count("little noise") == bool(said)
    assert said in caplog.text


def test_the_noise_of_sgd_is_a_noise_however_it_is_given():
    for given in ("langevin", 3, None):
        with pytest.raises((ValueError, TypeError)):
            SGD(noise=given)  # pyright: ignore
    named, made = SGD(noise="replacement"), SGD(noise=Replacement())
    assert type(named.noise) is Replacement
    assert named == made
    assert hash(named) == hash(made)
    assert replace(named, learning_rate=0.1) == SGD(0.1, noise="replacement")
    assert pickle.loads(pickle.dumps(made)) == made
    assert type(SGD().noise) is type(SGD.noise) is Epochs
    with pytest.raises(AttributeError):
        named.noise = "full"  # pyright: ignore
