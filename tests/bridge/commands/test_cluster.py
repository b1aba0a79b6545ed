"""--scheduler: the same files from a Dask cluster as from this machine's workers."""

import dataclasses
import json
import os
import pickle
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import h5py
import joblib
import numpy as np
import pytest
from joblib.parallel import get_active_backend
from support.cli import agescape as in_process, complaints

from bridge.commands._cluster import cluster
from bridge.figures import Ensemble, get_figure, reproduce
from bridge.figures._spectra import MOST_RUNS
from dynamics import SGD, train
from dynamics.runs import WAITING_TIMES
from landscape import CrossEntropyLoss, datasets, explore
from landscape.networks import MLP
from landscape.support import shared, worker_pool

distributed = pytest.importorskip("distributed")

ANY_PORT = {"dashboard_address": ":0"}  # a port that is free
SMALL = ("--hidden", "3", "--rows", "100")


@pytest.fixture(scope="module")
def address():
    """Two workers in this process that are spoken to by TCP: what they get has been a message."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", **ANY_PORT
    ) as local:
        yield local.scheduler_address


@contextmanager
def processes():
    """Two workers of one thread, each a process."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **ANY_PORT) as local:
        yield local


def contents(path):
    """Datasets and attributes of an HDF5 file."""
    with h5py.File(path, "r") as file:
        return {name: file[name][...] for name in file} | dict(file.attrs)


def same_runs(a, b):
    a, b = contents(a), contents(b)
    assert a.keys() == b.keys()
    assert {"snapshots", "loss", "test_accuracy", "metadata"} < a.keys()
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def rows_of(path):
    """All rows of all tables of a database."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}


def same_databases(a, b):
    a, b = rows_of(a), rows_of(b)
    assert a.keys() == b.keys()
    assert sum(map(len, a.values())) > 20
    for name, rows in a.items():
        assert rows == b[name], name


class Heavy:
    """Counts how often it becomes a message."""

    sent = 0

    def __getstate__(self):
        Heavy.sent += 1
        return {"values": list(range(1000))}


def add(heavy, k):
    return sum(heavy.values) + k


def fail(k):
    msg = f"task {k} failed"
    raise ArithmeticError(msg)


def die():
    os._exit(1)


def where(k):
    time.sleep(0.01)
    return threading.get_ident()


def test_an_ensemble_is_the_same_as_with_threads(address, few_data, tmp_path):
    def run(name):
        optimizer = SGD(batch_size=20)
        path = tmp_path / name
        train(CrossEntropyLoss(MLP((2, 3, 4)), few_data), optimizer, replicas=13, steps=300, seed=4, path=path, jobs=2)
        return path

    here = run("here.h5")
    with cluster(address):
        there = run("there.h5")
    same_runs(here, there)


def test_a_database_is_the_same_as_with_processes(address, small_loss, tmp_path):
    explore(small_loss, tmp_path / "here.db", searches=40, seed=1)
    with cluster(address):
        explore(small_loss, tmp_path / "there.db", searches=40, seed=1)
    same_databases(tmp_path / "here.db", tmp_path / "there.db")


def test_the_work_is_done_by_the_workers(address):
    with cluster(address), worker_pool(1) as pool:
        threads = set(pool(joblib.delayed(where)(k) for k in range(20)))
    assert threading.get_ident() not in threads
    with worker_pool(1) as pool:  # and afterwards here again
        assert set(pool(joblib.delayed(where)(k) for k in range(3))) == {threading.get_ident()}


def test_a_shared_argument_is_sent_once(address):
    heavy = Heavy()
    heavy.values = list(range(1000))
    Heavy.sent = 0
    with cluster(address), worker_pool(1) as pool:
        common = shared(heavy)
        results = list(pool(joblib.delayed(add)(common, k) for k in range(50)))
    assert results == [499500 + k for k in range(50)]
    assert 1 <= Heavy.sent <= 5  # to the cluster, and from worker to worker, again where one is slow


def test_without_a_cluster_a_shared_argument_is_itself():
    value = object()
    assert shared(value) is value
    with cluster(None):
        assert shared(value) is value


def test_copies_of_a_shared_argument_are_kept_until_the_end(address):
    """Dask drops all but one after two seconds: a worker that dies would take the last one along."""
    with distributed.Client(address, set_as_default=False) as client:
        assert client.amm.running()
        with cluster(address), worker_pool(1):
            assert not client.amm.running()
        assert client.amm.running()


def test_a_single_worker_does_the_work_too(few_data, tmp_path):
    arguments = {"optimizer": SGD(batch_size=20), "replicas": 7, "steps": 300, "seed": 4}
    train(CrossEntropyLoss(MLP((2, 3, 4)), few_data), **arguments, path=tmp_path / "here.h5")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", **ANY_PORT
        ) as local,
        cluster(local.scheduler_address),
    ):
        with worker_pool(1) as pool:
            assert threading.get_ident() not in set(pool(joblib.delayed(where)(k) for k in range(3)))
        train(CrossEntropyLoss(MLP((2, 3, 4)), few_data), **arguments, path=tmp_path / "there.h5")
    same_runs(tmp_path / "here.h5", tmp_path / "there.h5")


def test_what_a_task_raises_is_raised_here(address):
    with cluster(address), worker_pool(1) as pool, pytest.raises(ArithmeticError, match=r"task \d failed"):
        list(pool(joblib.delayed(fail)(k) for k in range(3)))


@pytest.mark.parametrize("wrong", ["nowhere", "tcp://127.0.0.1", "tcp://localhost:port"])
def test_what_is_no_address_is_named(wrong):
    with pytest.raises(OSError, match=f"such as tcp://host:8786; {wrong!r} does not answer"), cluster(wrong):
        pass


def test_a_scheduler_that_does_not_answer_is_named():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        wrong = f"tcp://127.0.0.1:{silent.getsockname()[1]}"  # bound, but nobody listens
        with pytest.raises(OSError, match=f"'{wrong}' does not answer"), cluster(wrong, answer=1.0):
            pass


def test_a_scheduler_without_workers_is_named():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp", **ANY_PORT) as empty,
        pytest.raises(RuntimeError, match=r"has no worker after 0.5 s"),
        cluster(empty.scheduler_address, workers=0.5),
    ):
        pass


def test_workers_of_another_version_are_named(address, monkeypatch):
    monkeypatch.setattr("bridge.commands._cluster.VERSION", "0.0.1")
    with pytest.raises(RuntimeError, match=r"must have agescape 0.0.1; tcp://.* has "), cluster(address):
        pass


def test_without_distributed_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "bridge.commands._dask_backend", None)
    with pytest.raises(ImportError, match=r"pip install 'agescape\[cluster\]'"), cluster("tcp://127.0.0.1:1"):
        pass


def agescape(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "agescape", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("explore", *SMALL, "--searches", 3),
        ("train", *SMALL),
        ("study", *SMALL, "--searches", 3),
        pytest.param(("reproduce", "fig1"), marks=pytest.mark.slow),  # it compiles for ten seconds first
    ],
    ids=lambda command: command[0],
)
def test_a_command_without_its_scheduler_ends_with_one_line(command, tmp_path):
    result = in_process(*command, "--scheduler", "tcp://127.0.0.1:1", "--output", tmp_path / "out")
    assert result.code == 2
    said = complaints(result.err)
    assert said.startswith("agescape: --scheduler must be the address of a Dask scheduler")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_every_command_makes_the_same_files_on_a_cluster(tmp_path):
    with processes() as local:
        runs = ("--replicas", 7, "--steps", 400, "--batch-size", 20)
        for folder, more in (("here", ()), ("there", ("--scheduler", local.scheduler_address))):
            place = tmp_path / folder
            place.mkdir()
            study = ("study", "--hidden", 2, "--rows", 60, "--searches", 40, *runs, "--output", place / "study")
            for command in (
                ("explore", *SMALL, "--searches", 40, "--output", place / "F.db"),
                ("train", *SMALL, *runs, "--output", place / "F.h5"),
                ("overlay", place / "F.db", place / "F.h5", "--output", place / "F.svg"),
                ("reproduce", "fig1", "--replicas", 6, "--output", place),
                study,
            ):
                code, out, err = agescape(*command, *more, "--json")
                assert code == 0, err
                assert json.loads(out)
    here, there = (json.loads((tmp_path / folder / "quick/fig1.json").read_text()) for folder in ("here", "there"))
    assert here == there
    for name in ("F.h5", "quick/runs/ljat_h5-5_s30000.h5", "study/h2/sgd.h5", "study/h2/descent.h5"):
        same_runs(tmp_path / "here" / name, tmp_path / "there" / name)
    for name in ("F.db", "study/h2/landscape.db"):
        same_databases(tmp_path / "here" / name, tmp_path / "there" / name)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_nothing(data, tmp_path):
    arguments = {"replicas": 40, "steps": 20_000, "seed": 2}
    train(CrossEntropyLoss(MLP((2, 5, 4)), data), **arguments, path=tmp_path / "here.h5")
    killed = []

    def kill(done, total):
        if done >= 10 and not killed:
            killed.append(next(iter(local.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    with processes() as local, cluster(local.scheduler_address):
        train(CrossEntropyLoss(MLP((2, 5, 4)), data), **arguments, path=tmp_path / "there.h5", progress=kill)
        assert killed
        assert killed[0] not in [worker.pid for worker in local.workers.values()]
    same_runs(tmp_path / "here.h5", tmp_path / "there.h5")


FIGURES = ("fig1", "fig2", "figA2", "fig7")  # curves, motion, Hessians at the end of the runs and along them


def tiny(name, steps, replicas):
    sizes = ((2, 2),) if name == "fig7" else ((3,), (2, 2))
    ensembles = tuple(Ensemble(hidden, replicas, steps, rows=100) for hidden in sizes)
    return dataclasses.replace(get_figure(name), ensembles=lambda scale: ensembles)


def same_figures(a, b, names=FIGURES):
    """Same runs and same numbers: pictures and JSON are made of these."""
    files = sorted(path.relative_to(a) for path in a.rglob("*.h5"))
    assert len(files) == 2
    assert files == sorted(path.relative_to(b) for path in b.rglob("*.h5"))
    for name in files:
        same_runs(a / name, b / name)
    for name in names:
        here, there = ((folder / "quick" / f"{name}.json").read_text() for folder in (a, b))
        assert len(here) > 500
        assert here == there, name
    measured = [sorted(path.name for path in folder.rglob("*.npz")) for folder in (a, b)]
    assert measured[0] == measured[1]
    assert measured[0]


@pytest.mark.slow
def test_figures_are_the_same_as_with_threads(address, tmp_path):
    for name in FIGURES[2:]:
        reproduce(tiny(name, 600, 7), tmp_path / "here", jobs=2)
    with cluster(address):
        for name in FIGURES[2:]:
            reproduce(tiny(name, 600, 7), tmp_path / "there")
    same_figures(tmp_path / "here", tmp_path / "there", FIGURES[2:])


@pytest.mark.slow
def test_a_worker_killed_while_figures_are_made_changes_nothing(tmp_path):
    """Once among the runs and once among the Hessians; every block and every Hessian comes once and in order."""
    steps, replicas, done_at = 60_000, 40, {}
    for name in FIGURES:
        reproduce(tiny(name, steps, replicas), tmp_path / "here")
    with processes() as local, cluster(local.scheduler_address):

        def kill(stage, done, total):
            done_at.setdefault(stage, []).append(done)
            if done >= 10 and stage.split()[0] not in killed:
                killed[stage.split()[0]] = next(iter(local.workers.values())).pid
                os.kill(killed[stage.split()[0]], signal.SIGKILL)

        killed = {}
        for name in FIGURES:
            reproduce(tiny(name, steps, replicas), tmp_path / "there", progress=kill)
        workers = [worker.pid for worker in local.workers.values()]
    assert {"train", "Hessians"} <= killed.keys()
    assert not set(killed.values()) & set(workers)
    spectra = json.loads((tmp_path / "here/quick/fig7.json").read_text())["ours"]["ljat"]["steps"]
    assert spectra == [0, *(tw for tw in WAITING_TIMES if tw < steps), steps]
    expected = {"train": replicas, "Hessians": MOST_RUNS["ljat"] * len(spectra)}
    for stage, done in done_at.items():
        if stage.split()[0] in expected:
            assert done == sorted(done), stage
            assert done[-1] == expected[stage.split()[0]], stage
    same_figures(tmp_path / "here", tmp_path / "there")


@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_an_error_and_no_endless_wait():
    with (
        processes() as local,
        cluster(local.scheduler_address),
        worker_pool(1) as pool,
        pytest.raises(RuntimeError, match=r"the cluster gave up a task .* run the same command again"),
    ):
        list(pool(joblib.delayed(die)() for _ in range(2)))


@pytest.mark.slow
def test_every_worker_has_a_wide_data_set_before_the_tasks_which_carry_only_its_name():
    rng = np.random.default_rng(0)
    rows = 50_000  # 40 MB
    data = datasets.Dataset(rng.random((rows, 100)), rng.integers(0, 2, rows), 2, np.zeros((0, 100)), np.zeros(0))
    loss = CrossEntropyLoss(MLP((100, 2, 2)), data)
    with processes() as local, cluster(local.scheduler_address), worker_pool(1) as pool:
        common = shared(loss)
        holders = get_active_backend()[0].client.who_has(common)[common.key]
        values = list(pool(joblib.delayed(_value)(common, k) for k in range(20)))
    assert len(holders) == 2
    assert len(pickle.dumps(common)) < 1000
    assert len(pickle.dumps(loss)) > 40e6
    np.testing.assert_allclose(values[:3], [_value(loss, k) for k in range(3)], rtol=1e-12)


def _value(loss, k):
    return loss.value(np.full(loss.n_parameters, 0.01 * k))
