import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.ensembles import DATA, NETWORK, OPTIMIZER, Killed, assert_same, run, stop_after
from support.paths import ROOT, TESTS

from dynamics import SGD, load_trajectories
from dynamics.noises import NOISES, Noise, make_noise
from dynamics.training import Cosine, Glorot, _replica as replica, _store as store
from dynamics.training._checkpoints import Checkpoints, _warn_once
from dynamics.training._plan import make_plan
from dynamics.training._replica import KernelTask, run_replica
from landscape import CrossEntropyLoss

TW, LAGS, STEPS = np.array([3, 8, 20]), np.array([1, 2, 5, 40, 58]), 61
EVERYTHING = {"label_noise": 0.2, "optimizer": replace(OPTIMIZER, momentum=0.5, schedule=Cosine(50))}
PARAMETERS = {"langevin": {"temperature": 1e-3}, "persistent": {"persistence": 5.0}}


def task(noise: Noise, accumulates: bool = False, optimizer: SGD = OPTIMIZER, label_noise: float = 0.0) -> KernelTask:
    plan = make_plan(
        CrossEntropyLoss(NETWORK, DATA),
        replace(optimizer, noise=noise, label_noise=label_noise),
        steps=STEPS,
        seed=3,
        waiting_times=TW,
        lags=LAGS,
        snapshots="waiting" if accumulates else "all",
    )
    return KernelTask(plan, NETWORK, Glorot())


def assert_same_run(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name])
        assert array.dtype == b[name].dtype


@pytest.fixture
def short_chunks(monkeypatch):
    monkeypatch.setattr(replica, "CHUNK", 7)  # an epoch has 17 steps: most checkpoints are in the middle of one


@pytest.mark.parametrize(
    ("name", "changes"),
    [*((name, {}) for name in NOISES), ("sgd", EVERYTHING), ("persistent", EVERYTHING)],
)
@pytest.mark.parametrize("accumulates", [False, True])
def test_a_run_goes_on_from_any_checkpoint_bit_by_bit(tmp_path, monkeypatch, short_chunks, name, changes, accumulates):
    """Stopped after every one of its checkpoints: the chunks end at 7, 14, ..., 56."""
    work = task(make_noise(name, **PARAMETERS.get(name, {})), accumulates, **changes)
    whole, steps, save = run_replica(work, 1), [], Checkpoints.save

    def save_and_stop(self, number, arrays):
        save(self, number, arrays)
        if "step" in arrays:
            steps.append(int(arrays["step"]))
            raise Killed

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    kept = Checkpoints(tmp_path, "mine", 0.0)
    for _ in range(9):
        with pytest.raises(Killed):
            run_replica(work, 1, kept)
    assert_same_run(run_replica(work, 1, kept), whole)
    assert steps == [7, 14, 21, 28, 35, 42, 49, 56, 61]


def test_a_finished_run_of_an_unfinished_block_is_not_run_again(tmp_path, monkeypatch):
    work, kept = task(NOISES["sgd"]()), Checkpoints(tmp_path, "mine", 0.0)
    whole = run_replica(work, 1, kept)
    monkeypatch.setattr(replica, "record_run", None)
    assert_same_run(run_replica(work, 1, kept), whole)


def test_checkpoints_of_other_settings_and_damaged_ones_are_not_used(tmp_path, caplog):
    mine, theirs = Checkpoints(tmp_path, "mine", 0.0), Checkpoints(tmp_path, "theirs", 0.0)
    assert mine.load(3) is None
    mine.save(3, {"step": np.array(5)})
    assert mine.load(3) == {"step": 5}
    assert theirs.load(3) is None
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    for damaged in (content[:50], content[: len(content) // 2], b"", b"hello", content.replace(b"NUMPY", b"NUMPX")):
        file.write_bytes(damaged)
        assert mine.load(3) is None
    assert "its run starts again" in caplog.text
    mine.remove(range(5))
    assert not list(tmp_path.iterdir())


class Payload:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


def test_checkpoints_are_not_executed(tmp_path):
    kept = Checkpoints(tmp_path, "mine", 0.0)
    kept.save(0, {"step": np.array([Payload()])})
    with pytest.raises(pytest.fail.Exception):
        np.load(next(tmp_path.iterdir()), allow_pickle=True)["step"]
    assert kept.load(0) is None


def test_a_worker_that_does_not_see_the_folder_does_without_and_says_so_once(tmp_path, caplog):
    _warn_once.cache_clear()
    work, kept = task(NOISES["sgd"]()), Checkpoints(tmp_path / "elsewhere", "mine", 0.0)
    for number in (1, 2):
        assert_same_run(run_replica(work, number, kept), run_replica(work, number))
    assert not list(tmp_path.iterdir())
    assert len(caplog.records) == 1
    assert "not visible from here" in caplog.text


def test_checkpoints_take_a_small_share_of_the_time(tmp_path, monkeypatch):
    now, saved = 0.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def save(self, number, arrays):
        nonlocal now
        now += 2.0  # seconds that writing takes
        saved.append(now)

    monkeypatch.setattr(Checkpoints, "save", save)
    keep = Checkpoints(tmp_path, "mine", 5.0).keeper(0)
    for _ in range(1000):
        keep(dict)
        now += 1.0
    assert saved[0] == 7.0  # after 5 seconds
    assert all(35 < b - a <= 43 for a, b in pairwise(saved))


def test_checkpoints_of_other_settings_refuse_like_parts(tmp_path, monkeypatch, short_chunks):
    """A run killed in its first block: the settings of what it left count, but only as long as it left something."""
    monkeypatch.setattr(store, "SECONDS", 0.0)
    path, save = tmp_path / "F.h5", Checkpoints.save

    def save_and_stop(self, number, arrays):
        save(self, number, arrays)
        raise Killed

    with monkeypatch.context() as context:
        context.setattr(Checkpoints, "save", save_and_stop)
        with pytest.raises(Killed):
            run(path=path)
    assert [file.name for file in (tmp_path / "F.h5.parts").glob("*.checkpoint")] == ["0000000.checkpoint"]
    with pytest.raises(ValueError, match=r"F\.h5\.parts was made with seed = 3"):
        run(path=path, seed=4)
    assert_same(run(path=path), run())
    with pytest.raises(Killed):  # before anything was kept
        run(path=tmp_path / "G.h5", progress=stop_after(0))
    assert_same(run(path=tmp_path / "G.h5", seed=4), run(seed=4))


def test_runs_that_diverge_do_not_refuse_a_smaller_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SECONDS", 0.0)
    changes: dict[str, Any] = {"regularization": 1.0, "path": tmp_path / "F.h5", "steps": 400}
    with pytest.raises(FloatingPointError, match="diverged"):
        run(replace(OPTIMIZER, learning_rate=50.0), **changes)
    run(**changes)
    assert list(tmp_path.iterdir()) == [tmp_path / "F.h5"]


# ------------------------------------------------------------------ real processes

LONG = {"replicas": 7, "steps": 200_000, "lags": [1, 10, 1000, 150_000], "waiting_times": [100, 3000]}
CHILD = """
import os, sys
sys.path[:0] = {paths!r}
from support import ensembles as t
from dynamics.training import _checkpoints as checkpoints, _replica as replica, _store as store
store.SECONDS, checkpoints.LARGEST_SHARE, replica.CHUNK = 0.0, 1e9, 8192  # a checkpoint after every 8192 steps
events = 0
def stop(event, arguments):  # before a file beside the results is opened, before it takes its name
    global events
    if event in ("open", "os.rename") and ".parts" in str(arguments[0]):
        events += 1
        if events == {event}:
            os.kill(os.getpid(), {number})
sys.addaudithook(stop)
print("ready", flush=True)
t.run(path={path!r}, jobs=2, **{changes!r})
"""


def begin(path: Path, changes: dict[str, Any], event: int = 0, number: int = 0) -> subprocess.Popen[bytes]:
    """Runs in a process that sends itself a signal at this event of writing; the first is number 1."""
    paths = [str(TESTS), str(ROOT)]
    code = CHILD.format(paths=paths, path=str(path), changes=changes, event=event, number=number)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return child


def wait_for_checkpoint(parts: Path, child: subprocess.Popen[bytes]) -> None:
    before = {file: file.stat().st_mtime_ns for file in parts.glob("*.checkpoint")}
    while child.poll() is None:
        for file in parts.glob("*.checkpoint"):
            try:
                if file.stat().st_mtime_ns != before.get(file):
                    return
            except FileNotFoundError:
                continue
        time.sleep(0.002)


def interrupted_until_done(path: Path, changes: dict[str, Any], number: signal.Signals, events: list[int]) -> int:
    """Begin and stop at each of these events of writing; and finish. How often a checkpoint was left."""
    kept = 0
    for event in events:
        with begin(path, changes, event, number) as child:
            child.wait()
        assert child.returncode != 0, "it was done before: give it more to do"
        kept += any(path.with_name(path.name + ".parts").glob("*.checkpoint"))
    run(path=path, **changes)
    return kept


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("snapshots", ["all", "waiting"])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_undisturbed(tmp_path, name, snapshots):
    """One thread is stopped while it writes, the other wherever it is; all runs write about 600 times."""
    path, changes = tmp_path / "F.h5", LONG | {"snapshots": snapshots}
    events = np.random.default_rng(["all", "waiting"].index(snapshots)).integers(5, 80, 4).tolist()
    kept = interrupted_until_done(path, changes, signal.Signals[name], events)
    assert kept >= 3, events  # the moment between the last run of a block and its file has none
    assert_same(load_trajectories(path), run(**changes))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_after_a_checkpoint_it_ends_as_if_undisturbed_and_holds_its_file_until_then(tmp_path):
    path = tmp_path / "F.h5"
    with begin(path, LONG) as child:
        wait_for_checkpoint(tmp_path / "F.h5.parts", child)
        with pytest.raises(BlockingIOError, match=f"F.h5 is being used by process {child.pid} on "):
            run(path=path, **LONG)
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert_same(run(path=path, **LONG), run(**LONG))
    assert list(tmp_path.iterdir()) == [path]
