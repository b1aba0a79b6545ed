"""The same seed gives the same files, whoever does the work and however often it is interrupted.

Dask's workers: `test_cluster`.
"""

import os
import shutil
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
from support.cli import MAIN, arrays, tables
from support.disturbances import COMMANDS, results, undisturbed_in
from support.faults import CHECKPOINTS

from dynamics import SGD, train
from landscape import explore

TIMEOUT, INTERRUPTED = 300, 130
OFTEN = f"from dynamics.training import _store; _store.SECONDS = {CHECKPOINTS}; "  # as where the pace is taken


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return undisturbed_in(tmp_path_factory.mktemp)


def start(folder, command):
    """A plain process, for its workers are loky's."""
    return subprocess.Popen([sys.executable, "-c", OFTEN + MAIN, *command], cwd=folder, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def interrupt(folder, command, pace, share):
    """Run a command and interrupt it when this share of its writes is done: its code."""
    process = start(folder, command)
    pace.wait(folder, share, lambda: process.poll() is None)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    return process.wait(TIMEOUT)


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True], ids=["undisturbed", "interrupted"])
@pytest.mark.parametrize("jobs", ["2", "4"])
@pytest.mark.parametrize("name", COMMANDS)
def test_workers_and_interruptions_change_no_file(name, jobs, interrupted, undisturbed, tmp_path):
    begin, whole, pace = undisturbed(name)  # with one worker
    command = COMMANDS[name][0]
    place = command.index("--jobs") + 1
    command = (*command[:place], jobs, *command[place + 1 :])
    shares = np.random.default_rng(int(jobs)).uniform(0.1, 0.4, 3 if interrupted else 0).tolist()
    for sooner in (1.0, 0.3, 0.1):  # again, where a busy machine interrupted too late
        folder = shutil.copytree(begin, tmp_path / str(sooner))
        codes = [interrupt(folder, command, pace, sooner * share) for share in shares[:1]]
        if codes == [INTERRUPTED] * interrupted:
            break
    assert codes == [INTERRUPTED] * interrupted
    codes = [interrupt(folder, command, pace, share) for share in shares[1:]]
    assert set(codes) <= {INTERRUPTED, 0}  # 0: what was left took less than that
    assert start(folder, command).wait(TIMEOUT) == 0
    assert results(folder) == results(whole)


@pytest.mark.slow
def test_threads_and_processes_find_the_same(small_loss, tmp_path):
    found = []
    for backend in ("sequential", "threading", "loky"):
        path = tmp_path / f"{backend}.db"
        with joblib.parallel_config(backend=backend):
            explore(small_loss, path, searches=40, jobs=2)
        found.append(tables(path))
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_threads_and_processes_train_the_same(small_loss, tmp_path):
    found = []
    for backend in ("sequential", "threading", "loky"):
        path = tmp_path / f"{backend}.h5"
        with joblib.parallel_config(backend=backend):
            train(
                small_loss,
                SGD(batch_size=20),
                replicas=11,
                steps=2000,
                path=path,
                jobs=2,
            )
        found.append(arrays(path))
    assert found[0] == found[1] == found[2]
