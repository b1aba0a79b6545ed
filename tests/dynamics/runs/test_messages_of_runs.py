"""What is said of files of runs that cannot be read, of runs that diverged, and of times in disorder."""

import io
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import pytest
from support.cli import complaints

from bridge.cli import run
from dynamics import MeanSquareDisplacement, aging, load_trajectories, mean_square_displacement, train
from dynamics.aging_times import collapse, compare_forms, generalized_diffusion, local_slope, threshold_scan
from dynamics.displacement import of_known
from landscape import explore

WAITING, LAGS = [40, 60, 100], [1, 3, 10, 30, 60]


def command(*arguments):
    """Exit code, and what the command line wrote on stdout and stderr, but for what it says of small data."""
    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", ["agescape", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
        with pytest.raises(SystemExit) as stopped:
            run()
    return stopped.value.code, out.getvalue(), complaints(err.getvalue())


@pytest.fixture(scope="module")
def files(tmp_path_factory, small_loss):
    """A folder with runs of a small network, and a database of its minima."""
    folder = tmp_path_factory.mktemp("runs")
    train(
        small_loss, replicas=4, steps=160, waiting_times=WAITING, lags=LAGS,
        path=folder / "good.h5",
    )  # fmt: skip
    explore(small_loss, folder / "good.db", searches=4, seed=0)
    return folder


@pytest.fixture
def runs_file(files, tmp_path):
    return Path(shutil.copy(files / "good.h5", tmp_path / "runs.h5"))


def change(**arrays):
    """Write into a file: name of the array, and what to do with it."""

    def damage(path):
        with h5py.File(path, "r+") as file:
            for name, how in arrays.items():
                array = file[name][...]
                how(array)
                file[name][...] = array

    return damage


def diverge(array, run=2, at=5):
    array[run, at:] = np.nan


def overflow(array):
    array[1, 3, 0] = np.inf


def exchange(steps):
    steps[[3, 4]] = steps[[4, 3]]


def repeat(steps):
    steps[4] = steps[3]


def delete(path):
    with h5py.File(path, "r+") as file:
        del file["snapshots"]


def foreign(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def newer(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def database(path):
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("create table t (x)")
    connection.close()


def become_a_folder(path):
    path.unlink()
    path.mkdir()


UNREADABLE = {
    "truncated": (
        truncate,
        ValueError,
        "is damaged: it is truncated, .* of .* bytes exist; copy or train it",
    ),
    "empty": (lambda path: path.write_bytes(b""), ValueError, "is empty, .*train again"),
    "text": (lambda path: path.write_text("step,loss\n"), ValueError, "is not an HDF5 file"),
    "a database": (database, ValueError, r"is a database \(SQLite\)$"),
    "of another program": (foreign, ValueError, "is not a file of trajectories: its attribute 'format'"),
    "of a later version": (newer, ValueError, "has format version 99; this agescape reads versions 1 and 2"),
    "without snapshots": (delete, ValueError, "is not a complete file of trajectories: it has no snapshots"),
    "unsorted steps": (change(steps=exchange), ValueError, r"its steps should .*; \d+, number 3 of \d+, comes before"),
    "repeated steps": (change(steps=repeat), ValueError, r"its steps should .*; \d+, number 3 of \d+, is repeated"),
    "unsorted lags": (change(lags=lambda x: x.sort(kind="stable") or exchange(x)), ValueError, "its lags should"),
    "a folder": (become_a_folder, IsADirectoryError, "it is a folder"),
    "absent": (Path.unlink, FileNotFoundError, "there is no file"),
    "loss of one run": (
        change(loss=diverge),
        ValueError,
        r"run 2 of 4 .* diverged: at step \d+ its loss is not",
    ),
}
DIVERGED = {
    "nan": (change(snapshots=diverge), "run 2 of 4 of the runs in .*runs.h5 diverged: at step 60 its parameters are"),
    "infinite": (change(snapshots=overflow), r"run 1 of 4 .*runs.h5 diverged: at step \d+ its parameters are"),
    "two of them": (
        change(snapshots=lambda x: (diverge(x), diverge(x, 3, 2))), r"run 2 of 4 .* and 1 others did \(3\)"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "error", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read(runs_file, damage, error, message):
    damage(runs_file)
    with pytest.raises(error, match=message) as raised:
        load_trajectories(runs_file)
    assert "runs.h5" in str(raised.value)
    code, out, err = command("age", runs_file)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert str(raised.value) in err


def test_a_file_that_may_not_be_read(runs_file, monkeypatch):
    real = Path.open

    def refuse(self, *args, **more):
        if self == runs_file:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **more)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match=r"runs\.h5 cannot be read: permission denied; ask its owner"):
        load_trajectories(runs_file)


HOLDER = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def held(runs_file):
    """A file that another process has open to write, and the number of the process."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(runs_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    line = child.stdout.readline()
    assert line == b"held\n"
    yield runs_file, child.pid
    child.stdin.close()
    child.stdout.close()
    child.wait()


def test_a_file_that_another_process_writes(held):
    path, pid = held
    with pytest.raises(BlockingIOError, match=r"runs\.h5 is being written by another process.*wait .*, or read a copy"):
        load_trajectories(path)
    for arguments in (("age", path), ("observe", path), ("curvature", path), ("info", path)):
        code, out, err = command(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is being written by another process" in err
        assert "errno" not in err
        if Path("/proc/locks").exists() and "another process (" in err:
            assert f"({pid})" in err


def test_a_file_whose_writer_was_killed(runs_file):
    """HDF5 marks a file in its latest format while it is open to write."""
    code = "import h5py, os, sys; f = h5py.File(sys.argv[1], 'w', libver='latest'); f['x'] = 1; f.flush(); os._exit(1)"
    subprocess.run([sys.executable, "-c", code, str(runs_file)], check=False)
    try:
        h5py.File(runs_file, "r").close()
    except OSError:
        with pytest.raises(BlockingIOError, match=r"runs\.h5 is being written .*h5clear -s"):
            load_trajectories(runs_file)


# ---------------------------------------------------------------- runs that diverged


@pytest.mark.parametrize(("damage", "message"), DIVERGED.values(), ids=DIVERGED)
def test_a_run_that_diverged_is_named_wherever_its_snapshots_are_read(files, runs_file, tmp_path, damage, message):
    damage(runs_file)
    runs = load_trajectories(runs_file)
    with pytest.raises(ValueError, match=message):
        mean_square_displacement(runs)
    with pytest.raises(ValueError, match=message):
        runs.snapshots[:]
    shutil.copy(files / "good.db", tmp_path / "f.db")
    for arguments in (
        ("age", runs_file),
        ("observe", runs_file),
        ("curvature", runs_file, "--jobs", 1),
        ("overlay", tmp_path / "f.db", runs_file, "--jobs", 1, "--output", tmp_path / "o.svg"),
        ("explain", tmp_path / "f.db", runs_file, "--jobs", 1),
    ):
        code, out, err = command(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
        assert "diverged" in err
    assert not (tmp_path / "o.svg").exists()


def test_the_runs_before_it_can_still_be_read(runs_file):
    change(snapshots=diverge)(runs_file)
    assert np.isfinite(mean_square_displacement(load_trajectories(runs_file).first(2)).mean[0]).all()


def test_runs_in_memory_that_diverged_are_refused(files):
    runs = load_trajectories(files / "good.h5").first(3)
    snapshots = np.array(runs.snapshots)
    snapshots[1, 4, 2] = np.nan
    step = runs.steps[4]
    with pytest.raises(ValueError, match=rf"run 1 of 3 of the runs diverged: at step {step} its parameters are"):
        replace(runs, snapshots=snapshots)
    norm = np.array(runs.gradient_norm)
    norm[2, 1] = np.inf
    with pytest.raises(ValueError, match=rf"run 2 of 3.* at step {runs.curve_steps[1]} its gradient norm is not"):
        replace(runs, gradient_norm=norm)


@pytest.mark.parametrize(
    "statistic",
    [
        aging, threshold_scan, local_slope, generalized_diffusion, compare_forms,
        lambda msd: collapse(msd, (1e-3, 1e-1)),
    ],
)  # fmt: skip
def test_a_displacement_without_numbers_of_one_run_is_refused_by_name(statistic):
    """It said "train longer runs" before."""
    lags = np.array([1, 10, 100, 1000])
    values = np.tile(1e-4 * lags / np.array([[1.0], [2.0], [4.0]]), (5, 1, 1))
    values[:, 2, 3] = np.nan  # beyond the end of all runs
    statistic(MeanSquareDisplacement(np.array([10, 20, 40]), lags, values))
    values[3, 1, 2:] = np.nan
    message = r"of run 3 is nan at waiting time 20 and lag 100.*\(1 of 5 runs have none: 3\).*smaller learning rate"
    with pytest.raises(ValueError, match=message):
        statistic(MeanSquareDisplacement(np.array([10, 20, 40]), lags, values))


def test_the_mean_of_the_known_runs(rng):
    values = rng.random((5, 2, 3))
    values[1, 0, 1:] = values[3, 1, :] = values[:, 0, 2] = np.nan
    msd = MeanSquareDisplacement(np.array([1, 2]), np.array([1, 5, 9]), values)
    filled = of_known(msd)
    expected = [[np.mean([x for x in values[:, w, t] if np.isfinite(x)] or np.nan) for t in range(3)] for w in range(2)]
    np.testing.assert_allclose(filled.mean, expected, rtol=1e-12)
    np.testing.assert_array_equal(of_known(filled).values[np.isfinite(filled.values)],
                                  filled.values[np.isfinite(filled.values)])  # fmt: skip
    whole = MeanSquareDisplacement(msd.waiting_times, msd.lags, rng.random((5, 2, 3)))
    np.testing.assert_array_equal(of_known(whole).values, whole.values)


def test_a_learning_rate_that_is_too_large_without_an_overflow_is_said(tmp_path):
    train_it = (
        "train",
        "--hidden",
        "3",
        "--rows",
        100,
        "--replicas",
        2,
        "--steps",
        200,
        "--jobs",
        1,
        "--batch-size",
        20,
    )
    code, out, err = command(*train_it, "--learning-rate", 1e3, "--output", tmp_path / "large.h5")
    assert (code, err.count("\n")) == (0, 1)
    assert "2 of the runs end at a higher loss than they started with" in err
    assert re.search(r"runs whose loss rose +2\n", out)
    code, _, err = command(*train_it, "--output", tmp_path / "usual.h5")
    assert (code, err) == (0, "")


# ---------------------------------------------------------------- times in disorder


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("steps", exchange, r"steps must ascend strictly, without repetitions; \d+, number 3 of \d+, comes before \d+"),
        ("steps", repeat, r"steps must ascend strictly, without repetitions; \d+, number 3 of \d+, is repeated"),
        ("curve_steps", repeat, r"curve_steps must ascend strictly, .* number 3 of \d+, is repeated"),
        ("waiting_times", lambda x: x.__setitem__(1, 30), "waiting_times must ascend strictly, .*; 40, number 0 of 3"),
        ("lags", lambda x: x.__setitem__(1, 1), "lags must ascend strictly, .*; 1, number 0 of 5, is repeated"),
    ],
)
def test_times_in_disorder_are_refused_where_they_are(files, name, how, message):
    runs = load_trajectories(files / "good.h5")
    changed = np.array(getattr(runs, name))
    how(changed)
    with pytest.raises(ValueError, match=message):
        replace(runs, **{name: changed})


BAD_OPTIONS = {
    "beyond the runs": (["--waiting-times", "100,150", "--lags", "120,150"], "largest is 150 + 150 = 300 of 200 steps"),
    "waiting time 0": (
        ["--waiting-times", "0,100"],
        "--waiting-times must be whole numbers that ascend",
    ),
    "descending": (["--waiting-times", "100,50"], "--waiting-times must be whole numbers that ascend"),
    "repeated": (["--lags", "10,10"], "lags must be whole numbers that ascend"),
    "no whole number": (["--lags", "1.5"], "--lags must be steps such as"),
    "negative": (["--lags=-1"], "--lags must be steps such as"),
    "no lag": (["--lags-multiple-of", "500"], "--lags-multiple-of must be at most"),
    "no replicas": (["--replicas", "0"], "--replicas"),
    "no steps": (["--steps", "0"], "--steps"),
    "large batches": (
        ["--batch-size", "101"],
        "--batch-size must be at most the number of training rows, 100; got 101",
    ),
    "no batches": (["--batch-size", "0"], "--batch-size"),
    "negative rate": (["--learning-rate=-1"], "--learning-rate must be positive and finite; got -1.0"),
    "rate nan": (["--learning-rate", "nan"], "--learning-rate must be positive and finite; got nan"),
    "penalty inf": (["--regularization", "inf"], "regularization must be"),
    "diverges": (["--learning-rate", "1e9"], "run 0 diverged at step"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_train_refuses_in_one_line_before_it_writes(tmp_path, options, message):
    usual = {"--replicas": "2", "--steps": "200", "--batch-size": "20"}
    given = [part for name, value in usual.items() if name not in options for part in (name, value)]
    arguments = ("train", "--hidden", "3", "--rows", 100, "--jobs", 1, "--output", tmp_path / "f.h5", *given, *options)
    code, out, err = command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "f.h5").exists()


@pytest.mark.parametrize("threshold", ["0", "-1", "nan", "inf"])
def test_thresholds_out_of_range(files, threshold):
    code, _, err = command("age", files / "good.h5", f"--threshold={threshold}")
    assert (code, err.count("\n")) == (2, 1)
    assert "threshold must be positive and finite" in err
