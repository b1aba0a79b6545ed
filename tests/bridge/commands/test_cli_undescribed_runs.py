"""Runs of another training: they do not say what they descend, and their grid is not complete."""

from dataclasses import replace

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, strict_json

from dynamics import SGD, curvature, load_trajectories, train
from dynamics.runs import Parameter, Trajectories, write_trajectories
from dynamics.snapshots import with_loss
from landscape import MLP, CrossEntropyLoss, datasets, explore

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


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A database, runs as they were trained, the same as another program leaves them, and with holes."""
    folder = tmp_path_factory.mktemp("undescribed")
    explore(LOSS, folder / "f.db", searches=2)
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


def test_what_is_missing_is_named_with_the_option_that_gives_it(files):
    runs, loss_of = files / "holes.h5", ("--loss-of", files / "f.db")
    assert_complaint(agescape("curvature", runs), "their metadata have no layer_sizes and no module", "--loss-of F.db")
    assert_complaint(agescape("curvature", runs, *loss_of), "must say their learning_rate", "--learning-rate")
    given = (*loss_of, "--learning-rate", "0.1")
    assert_complaint(agescape("curvature", runs, *given), "must say their batch_size", "--batch-size")
    wrong = ("--learning-rate", "0.2")
    assert_complaint(agescape("curvature", files / "trained.h5", *wrong), "have learning_rate = 0.1; got 0.2")


def test_curvature_is_that_of_the_same_snapshots(files, tmp_path):
    options = ("--loss-of", files / "f.db", *STEPS, "--jobs", "1", "--store", tmp_path)
    found = said("curvature", files / "holes.h5", *options)
    runs = load_trajectories(files / "holes.h5")
    assert set(found["steps"]) <= set(runs.common_steps.tolist())
    trained = curvature(load_trajectories(files / "trained.h5"), LOSS, steps=found["steps"])
    assert found["largest_eigenvalue"] == pytest.approx(trained.largest.mean(axis=0))
    assert found["effective_temperature"] == pytest.approx(trained.temperatures.mean(axis=0))
    assert found["dataset"] == "ljat"
    lost = runs.steps[5]
    assert_complaint(
        agescape("curvature", files / "holes.h5", *options, "--steps", lost),
        f"run 1 has none at {lost}", "Choose steps that all runs have",
    )  # fmt: skip


def test_observe_measures_all_that_the_loss_allows(files):
    found = said("observe", files / "holes.h5", "--loss-of", files / "f.db", *STEPS)
    trained = said("observe", files / "trained.h5")
    assert "missing" not in found
    assert {"layers", "outputs", "modulo_symmetry", "alpha2"} <= found.keys()
    assert found["layers"]["names"] == trained["layers"]["names"]
    whole = said("observe", files / "whole.h5", "--loss-of", files / "f.db", *STEPS)
    assert whole["outputs"] == trained["outputs"]
    assert said("observe", files / "whole.h5")["missing"] == "layer_sizes"


def test_parameters_of_other_shapes_are_refused(files):
    runs = load_trajectories(files / "whole.h5")
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


def test_a_recorder_need_not_know_every_curve(files):
    runs = load_trajectories(files / "whole.h5")
    curves = {name: np.array([[1.0, np.nan]] * 3) for name in ("loss", "accuracy", "gradient_norm")}
    recorded = replace(runs, metadata={"recording": {}}, curve_steps=np.array([0, 10]), **curves)
    assert with_loss(recorded, LOSS).layer_sizes == (2, 3, 4)


@pytest.mark.slow
def test_overlay_takes_the_loss_of_the_database(files, tmp_path):
    for name, snapshots in (("holes", "waiting"), ("holes", "7"), ("whole", "waiting")):
        explore(LOSS, tmp_path / f"{name}.db", searches=16)
        drawn = ("--output", tmp_path / "o.svg", "--snapshots", snapshots, "--jobs", "1")
        found = said("overlay", tmp_path / f"{name}.db", files / f"{name}.h5", *drawn)
        assert found["mapped_share"] > 0.5 if "mapped_share" in found else found["replicas"] == 3
        assert (tmp_path / "o.svg").exists()
    explore(LOSS, tmp_path / "trained.db", searches=16)
    trained = said("overlay", tmp_path / "trained.db", files / "trained.h5", "--output", tmp_path / "o.svg")
    same = {name for name in found.keys() & trained.keys() if found[name] == trained[name]}
    assert {"distinct_minima", "mean_overlap", "minimum_ids"} & found.keys() <= same


@pytest.mark.slow
def test_explain_takes_the_loss_of_the_database(files, tmp_path):
    options = (*STEPS, "--jobs", "1", "--quench-lags", "2", "--threshold", "0.05", "--store", tmp_path / "s")
    whole = said("explain", files / "f.db", files / "whole.h5", *options)
    assert whole["replicas"] == 3
    done = agescape("explain", files / "f.db", files / "holes.h5", *options)
    assert_complaint(done, "run 1 has none at")
