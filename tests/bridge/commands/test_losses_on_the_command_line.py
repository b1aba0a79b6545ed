"""A regression and a logistic loss through the commands, and what their files say."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from bridge.cli import app
from dynamics import load_trajectories
from dynamics.runs import loss_of_runs
from dynamics.snapshots import check_loss
from landscape import CrossEntropyLoss, LogisticLoss, SquaredErrorLoss, datasets
from landscape.database import Database, loss_of, provenance_of
from landscape.networks import MLP


def call(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(120, 2))
    targets = np.sin(2.0 * inputs[:, 0]) * np.cos(inputs[:, 1]) + 0.1 * rng.normal(size=120)
    path = tmp_path / "t.csv"
    np.savetxt(path, np.column_stack([inputs, targets]), delimiter=",", header="a,b,height", comments="")
    return path


def test_a_table_of_real_targets_is_a_regression(table):
    said = call("info", table, "--target", "height")
    assert "regression" in said
    assert "class" not in said.replace("classes", "").split("target")[0]
    found = json.loads(call("info", table, "--target", "height", "--json"))
    data = datasets.table(table, target="height", regression=True, rows=100)
    assert found["regression"]
    assert found["target_range"][2] == data.description.target_range[2]
    assert (data.rows, data.test_labels.size, data.labels.dtype) == (100, 20, np.float64)
    again = datasets.reload(data.metadata, data.sha256)
    np.testing.assert_array_equal(again.labels, data.labels)
    values = np.concatenate([data.labels, data.test_labels])
    np.testing.assert_array_equal(np.sort(values), np.sort(np.loadtxt(table, delimiter=",", skiprows=1)[:, 2]))
    with pytest.raises(ValueError, match="for a regression, regression=True"):
        datasets.table(table, target="height")


def test_the_loss_is_part_of_a_database_and_of_runs(tmp_path):
    data = datasets.teacher(20, teacher_layers=(2, 2), test_rows=0)
    kinds = (CrossEntropyLoss(MLP((2, 2)), data), SquaredErrorLoss(MLP((2, 2)), data), LogisticLoss(MLP((2, 1)), data))
    for loss in kinds:
        provenance = provenance_of(loss, seed=0)
        assert provenance.loss == loss.name
        assert ("loss" in provenance.stored) == (loss.name != "cross-entropy")
        path = tmp_path / f"{loss.name}.db"
        with Database.create(path, provenance):
            pass
        with Database(path) as opened:
            assert type(loss_of(opened)) is type(loss)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "logistic"])
def test_explore_train_and_explain(tmp_path, table, kind):
    database, runs = tmp_path / "m.db", tmp_path / "r.h5"
    words = ["--dataset", table, "--target", "height", "--regression", "--loss", "squared-error"]
    if kind == "logistic":
        rows = np.loadtxt(table, delimiter=",", skiprows=1)
        rows[:, 2] = rows[:, 2] > 0
        np.savetxt(table, rows, delimiter=",", header="a,b,height", comments="")
        words = ["--dataset", table, "--target", "height", "--loss", "logistic"]
    words += ["--rows", 100, "--regularization", "1e-4"]
    call("explore", "--output", database, "--hidden", "3", "--searches", 24, *words)
    call("explore", "--output", database, "--hidden", "3", "--searches", 32, *words)  # goes on
    assert "--loss" in call("explore", "--help")
    with Database(database) as opened:
        assert loss_of(opened).name == words[words.index("--loss") + 1]
    call("verify", database)
    call("graph", database, "--output", tmp_path / "g.png")
    call("geometry", database, "--output", tmp_path / "geometry.png")
    said = call(
        "train", "--output", runs, "--hidden", "3", "--replicas", 3, "--steps", 2000, "--batch-size", 10, *words
    )
    assert ("accuracy" in said) == (kind == "logistic")
    assert "nan" not in said
    ensemble = load_trajectories(runs)
    loss = loss_of_runs(ensemble)
    check_loss(ensemble, loss)
    assert ensemble.loss[0, -1] == pytest.approx(loss.value(np.asarray(ensemble.snapshots[0][-1], float)), rel=1e-5)
    assert "nan" not in call("observe", runs, "--output", tmp_path / "o.png").split()
    assert ("accuracy" in call("observe", runs, "--output", tmp_path / "o.png")) == (kind == "logistic")
    call("curvature", runs, "--output", tmp_path / "c.png")
    assert f"{loss.name} loss" in call("info", runs)
    call("overlay", database, runs, "--output", tmp_path / "overlay.png")
    call("explain", database, runs, "--output", tmp_path / "explain.png")
    other = LogisticLoss if kind == "regression" else SquaredErrorLoss
    with pytest.raises(ValueError, match="it has loss = "):
        check_loss(ensemble, _like(loss, other))


def _like(loss, other):
    """Another loss of the same network."""
    made = object.__new__(other)
    vars(made).update(vars(loss))
    return made
