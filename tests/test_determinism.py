"""The same seed gives the same files, whoever does the work and however often it is interrupted.

Dask's workers: `test_cluster`.
"""

import os
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
import test_faults
from test_cli import MAIN, arrays, tables
from test_faults import COMMANDS, results

from dynamics import SGD, train
from landscape import explore

undisturbed = test_faults.undisturbed
TIMEOUT = 120
STARTED = 3.0  # seconds until all is imported


def run(folder, command, seconds=TIMEOUT):
    """Run a command, interrupt it after so long: its code. A plain process, for its workers are loky's."""
    process = subprocess.Popen([sys.executable, "-c", MAIN, *command], cwd=folder, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
    return process.returncode


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True], ids=["undisturbed", "interrupted"])
@pytest.mark.parametrize("jobs", ["2", "4"])
@pytest.mark.parametrize("name", COMMANDS)
def test_workers_and_interruptions_change_no_file(name, jobs, interrupted, undisturbed, tmp_path):
    begin, whole, seconds = undisturbed(name)  # with one worker
    command = COMMANDS[name][0]
    place = command.index("--jobs") + 1
    command = (*command[:place], jobs, *command[place + 1 :])
    for path in begin.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for share in np.random.default_rng().uniform(0.2, 1.0, 3 if interrupted else 0).tolist():
        run(tmp_path, command, STARTED + share * seconds)
    assert run(tmp_path, command) == 0
    assert results(tmp_path) == results(whole)


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
