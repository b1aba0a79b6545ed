"""Runs of another training: they do not say what they descend, and their grid is not complete."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, strict_json

from dynamics import SGD, curvature, load_trajectories, train
from dynamics.runs import Parameter, Trajectories, write_trajectories
from dynamics.snapshots import with_loss
from landscape import CrossEntropyLoss, Database, datasets, explore
from landscape.database import provenance_of
from landscape.networks import MLP

LOSS = CrossEntropyLoss(MLP((2, 3, 4)), datasets.ljat(100, 0, test_rows=0))
STEPS = ("--learning-rate", "0.1", "--batch-size", "20")


def undescribed(runs, recorded):
    """The same snapshots without any description, but for those that are lost."""
    none = np.empty((runs.replicas, 0))
    snapshots = np.where(recorded[..., None], np.stack([runs.snapshots[r] for r in range(runs.replicas)]), np.nan)
    return Trajectories(
        (), runs.steps, snapshots, runs.waiting_times, runs.lags, np.empty(0, int), none, none, none,
        {"program": "other"}, recorded=recorded,
    )  # fmt: skip


@pytest.fixture
def bare(tmp_path):
    """A database without minima, and runs at random; one lacks a checkpoint, nothing is trained."""
    Database.create(tmp_path / "f.db", provenance_of(LOSS, 0)).close()
    theta = np.random.default_rng(0).normal(size=(2, 4, LOSS.n_parameters))
    none = np.empty((2, 0))
    runs = Trajectories(
        (), np.array([0, 1, 10, 100]), theta, np.array([1, 10]), np.array([9, 90]), np.empty(0, int), none, none, none,
        {"program": "other"}, recorded=np.array([[True] * 4, [True, True, False, True]]),
    )  # fmt: skip
    write_trajectories(tmp_path / "bare.h5", runs)
    return tmp_path / "bare.h5", tmp_path / "f.db"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A database, runs as they were trained, the same as another program leaves them, and with holes."""
    folder = tmp_path_factory.mktemp("undescribed")
    explore(LOSS, folder / "f.db", searches=16)
    runs = train(LOSS, SGD(0.1, 20), replicas=3, steps=3000, path=folder / "trained.h5")
    recorded = np.ones(runs.snapshots.shape[:2], bool)
    write_trajectories(folder / "whole.h5", undescribed(runs, recorded))
    recorded[0, runs.steps > 2500] = False  # this run ended early
    recorded[1, 5] = False  # and this checkpoint is lost
    write_trajectories(folder / "holes.h5", undescribed(runs, recorded))
    return folder


def said(*arguments):
    done = agescape(*arguments, "--json")
    assert done.code == 0, done.err
    return strict_json(done.out)


def test_what_is_missing_is_named_with_the_option_that_gives_it(bare):
    runs, loss_of = bare[0], ("--loss-of", bare[1])
    assert_complaint(agescape("curvature", runs), "their metadata have no layer_sizes and no module", "--loss-of F.db")
    assert_complaint(agescape("observe", runs, "--what", "tail-index"), "their metadata have no layer_sizes", "F.db")
    assert_complaint(agescape("observe", runs, "--what", "modulo-symmetry"), "do not say what they descend", "F.db")
    assert "Left out" not in agescape("observe", runs, "--what", "alpha2").out
    assert_complaint(agescape("curvature", runs, *loss_of), "the metadata of these runs have no --learning-rate")
    given = (*loss_of, "--learning-rate", "0.1")
    assert_complaint(agescape("curvature", runs, *given), "the metadata of these runs have no --batch-size")
    given = (*given, "--batch-size", "20", "--steps", "10")
    assert_complaint(
        agescape("curvature", runs, *given), "run 1 has none at 10. Choose steps that all runs have (3 of 4)"
    )
    assert_complaint(agescape("explain", bare[1], runs), "runs must have a --learning-rate in their metadata")


def test_parameters_of_other_shapes_are_refused(bare):
    runs = load_trajectories(bare[0])
    transposed = (Parameter("0.weight", (3, 2)), Parameter("0.bias", (3,)), Parameter("2.weight", (4, 3)),
                  Parameter("2.bias", (4,)))  # fmt: skip
    with pytest.raises(ValueError, match=r"have parameters of shapes .*\(3, 2\).* explore the torch module itself"):
        with_loss(replace(runs, parameters=transposed), LOSS)
    described = with_loss(runs, LOSS, learning_rate=0.1)
    assert described.layer_sizes == (2, 3, 4)
    assert [one.name for one in described.parameters] == ["kernel 1", "bias 1", "kernel 2", "bias 2"]
    assert described.metadata["learning_rate"] == 0.1
    with pytest.raises(ValueError, match="it has n_parameters = "):
        with_loss(runs, CrossEntropyLoss(MLP((2, 2, 4)), LOSS.data))


def test_a_recorder_need_not_know_every_curve(bare):
    runs = load_trajectories(bare[0])
    curves = {name: np.array([[1.0, np.nan]] * 2) for name in ("loss", "accuracy", "gradient_norm")}
    recorded = replace(runs, metadata={"recording": {}}, curve_steps=np.array([0, 10]), **curves)
    assert with_loss(recorded, LOSS).layer_sizes == (2, 3, 4)


@pytest.mark.slow
def test_curvature_is_that_of_the_same_snapshots(files, tmp_path):
    options = ("--loss-of", files / "f.db", *STEPS, "--jobs", "1", "--store", tmp_path)
    found = said("curvature", files / "holes.h5", *options)
    runs = load_trajectories(files / "holes.h5")
    assert set(found["steps"]) <= set(runs.common_steps.tolist())
    trained = curvature(load_trajectories(files / "trained.h5"), LOSS, steps=found["steps"])
    assert found["largest_eigenvalue"] == pytest.approx(trained.largest.mean(axis=0))
    assert found["effective_temperature"] == pytest.approx(trained.temperatures.mean(axis=0))
    assert found["dataset"] == "ljat"


@pytest.mark.slow
def test_observe_measures_all_that_the_loss_allows(files):
    found = said("observe", files / "holes.h5", "--loss-of", files / "f.db", *STEPS)
    trained = said("observe", files / "trained.h5")
    assert "missing" not in found
    assert {"layers", "outputs", "modulo_symmetry", "alpha2"} <= found.keys()
    assert found["layers"]["names"] == trained["layers"]["names"]
    whole = said("observe", files / "whole.h5", "--loss-of", files / "f.db", *STEPS)
    assert whole["outputs"] == trained["outputs"]
    assert said("observe", files / "whole.h5")["missing"] == "layer_sizes"


@pytest.mark.slow
def test_overlay_takes_the_loss_of_the_database(files, tmp_path):
    picture, found = ("--output", tmp_path / "o.svg", "--jobs", "1"), {}
    for name in ("trained", "whole", "holes"):
        shutil.copy(files / "f.db", tmp_path / f"{name}.db")
        found[name] = said("overlay", tmp_path / f"{name}.db", files / f"{name}.h5", *picture)
        assert (tmp_path / "o.svg").exists()
    own = {"output", "dataset", "dataset_seed", "rows"}
    assert {k: v for k, v in found["whole"].items() if k not in own} == {
        k: v for k, v in found["trained"].items() if k not in own
    }
    runs = load_trajectories(files / "holes.h5")
    assert set(found["holes"]["snapshot_steps"]) <= set(runs.common_steps.tolist())
    said("overlay", tmp_path / "holes.db", files / "holes.h5", *picture, "--snapshots", "5")


@pytest.mark.slow
def test_explain_takes_the_loss_of_the_database(files, tmp_path):
    options = (*STEPS, "--jobs", "1", "--quench-lags", "2", "--threshold", "0.05", "--store", tmp_path / "s")
    whole = said("explain", files / "f.db", files / "whole.h5", *options)
    assert whole["replicas"] == 3
    assert "left_out" not in whole
    found = said("explain", files / "f.db", files / "holes.h5", *options)
    runs = load_trajectories(files / "holes.h5")
    lost = np.setdiff1d(runs.steps, runs.common_steps)
    assert found["left_out"]["steps"] == lost.tolist()
    assert found["left_out"]["waiting_times"] == np.intersect1d(runs.waiting_times, lost).tolist()
    assert found["waiting_times"] == np.intersect1d(runs.waiting_times, runs.common_steps).tolist()
    assert set(found["jumps"]["steps"]) <= set(runs.common_steps.tolist())
    known = dict(zip(whole["waiting_times"], whole["relaxation"]["local"]["share"], strict=True))
    same = dict(zip(found["waiting_times"], found["relaxation"]["local"]["share"], strict=True))
    assert all(same[tw] == pytest.approx(known[tw], rel=0.2) for tw in same if same[tw] and known[tw])
    text = agescape("explain", files / "f.db", files / "holes.h5", *options).out
    assert f"Left out, because not every run has a snapshot there: {lost.size} steps from" in text
