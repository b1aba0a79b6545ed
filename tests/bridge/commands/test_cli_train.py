import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from support.cli import MAIN, SMALL, agescape, assert_complaint, good, strict_json

from bridge.commands._parsing import parse_grid
from bridge.explanation import relaxation
from dynamics import load_trajectories, mean_square_displacement
from dynamics.runs import default_waiting_times, log_lags, loss_of_runs

TRAIN = ("train", *SMALL, "--replicas", "2", "--steps", "200", "--batch-size", "20", "--jobs", "1")


def times(path):
    with h5py.File(path) as file:
        return file["waiting_times"][...].tolist(), file["lags"][...].tolist()


def test_waiting_times_and_lags_are_those_of_the_options(tmp_path):
    path = tmp_path / "f.h5"
    good(*TRAIN, "--output", path, "--waiting-times", "20,40", "--lags", "1, 5,180")
    assert times(path) == ([20, 40], [1, 5, 180])
    complaint = agescape(*TRAIN, "--output", path, "--waiting-times", "20,40")
    assert_complaint(complaint, "made with lags")


def test_lags_a_decade_and_in_multiples_of_the_epoch():
    waiting = default_waiting_times(200).tolist()
    assert parse_grid(200, None, None, 16, "1", 5) == (waiting, log_lags(200 - waiting[0]).tolist())
    assert parse_grid(200, "100", None, 4, "1", 5) == ([100], log_lags(100, 4).tolist())
    for text in ("5", "epoch"):
        lags = parse_grid(200, "100", None, 16, text, 5)[1]
        assert (lags[0], lags[-1]) == (5, 100)
        assert not np.mod(lags, 5).any()


def test_the_epoch_is_that_of_the_runs(tmp_path):
    path = tmp_path / "f.h5"
    good(*TRAIN[:-4], "--batch-size", 30, "--jobs", 1, "--output", path, "--lags-multiple-of", "epoch")
    assert not np.mod(times(path)[1], 4).any()  # 100 rows, 30 a step: the last step of an epoch has 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--lags-multiple-of", "0"), ("--lags-multiple-of", "'0'")),
        (("--lags-multiple-of", "day"), ("--lags-multiple-of", "epoch", "'day'")),
        (("--lags-multiple-of", "199"), ("--lags-multiple-of", "at most 190", "199")),
        (("--lags-per-decade", "0"), ("--lags-per-decade",)),
        (("--waiting-times", "10,x"), ("--waiting-times", "'10,x'")),
        (("--waiting-times", ""), ("--waiting-times", "''")),
        (("--waiting-times", "20,10"), ("--waiting-times", "ascend")),
        (("--lags", "1,500"), ("lags", "1 ... 200")),
        (("--snapshots", "some"), ("snapshots", "all, waiting", "'some'")),
    ],
)
def test_bad_times_are_named(tmp_path, options, words):
    assert_complaint(agescape(*TRAIN, "--output", tmp_path / "f.h5", *options), *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_snapshots_at_the_waiting_times_only_are_enough_for_age(tmp_path):
    said = {}
    for kept in ("all", "waiting"):
        path = tmp_path / f"{kept}.h5"
        good(*TRAIN, "--output", path, "--snapshots", kept)
        said[kept] = strict_json(good("age", path, "--threshold", "1e-3", "--json", "--output", tmp_path / "a.svg").out)
    thin = load_trajectories(tmp_path / "waiting.h5")
    assert thin.steps.tolist() == [0, *thin.waiting_times.tolist(), 200]
    whole = mean_square_displacement(load_trajectories(tmp_path / "all.h5"))
    np.testing.assert_array_equal(mean_square_displacement(thin).values, whole.values)
    assert "--snapshots all" in said["waiting"]["what_moves"]["status"]
    for name in said["all"].keys() - {"what_moves", "output"}:
        assert said["waiting"][name] == said["all"][name]


def test_a_second_train_is_told_who_writes(tmp_path):
    path = tmp_path / "f.h5"
    command = [*map(str, TRAIN), "--output", str(path), "--steps", "300000", "--replicas", "40"]
    with subprocess.Popen([sys.executable, "-c", MAIN, *command], stderr=subprocess.DEVNULL) as first:
        while first.poll() is None and not path.with_name("f.h5.parts").exists():
            time.sleep(0.01)
        assert_complaint(agescape(*command), "f.h5 is being used by process", str(first.pid))
        first.kill()


@pytest.mark.slow
def test_what_is_made_of_runs_of_adam_says_so(tmp_path):
    path = tmp_path / "f.h5"
    adam = {"optimizer": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    assert (
        strict_json(good(*TRAIN, "--optimizer", "adam", "--beta2", 0.99, "--output", path, "--json").out)["optimizer"]
        == adam
    )
    said = strict_json(good("info", path, "--json").out)
    assert {name: said[name] for name in adam} == adam
    assert "beta2 = 0.99" in good("info", path).out
    for command in ("age", "observe", "curvature"):
        assert (
            strict_json(good(command, path, "--json", *["--jobs", 1] * (command == "curvature")).out)["optimizer"]
            == adam
        )
    temperatures = strict_json(good("curvature", path, "--json", "--jobs", 1).out)["effective_temperature"]
    assert set(temperatures) == {None}
    runs = load_trajectories(path)
    with pytest.raises(ValueError, match="must be plain SGD, with optimizer = 'sgd'"):
        relaxation(runs, loss_of_runs(runs))
    assert_complaint(agescape(*TRAIN, "--output", path), "made with optimizer = 'adam', not 'sgd'")
    complaint = agescape(*TRAIN, "--optimizer", "adam", "--momentum", 0.9, "--output", path)
    assert_complaint(complaint, "--momentum must not")
