"""A regression and a logistic loss through the commands, and what their files say."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from bridge.cli import app
from dynamics import load_trajectories
from dynamics.runs import loss_of_runs
from dynamics.snapshots import check_loss
from dynamics.training import SGD, ModuleLoss, train_module
from landscape import CrossEntropyLoss, LogisticLoss, SquaredErrorLoss, TorchLoss, datasets
from landscape.database import Database, loss_of, provenance_of
from landscape.graph import LandscapeGraph, disconnectivity_tree, zeroed
from landscape.losses import held_out_loss
from landscape.networks import MLP
from landscape.plots import plot_disconnectivity
from landscape.support import labeled, with_unit


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


def test_several_columns_are_the_targets_of_a_regression(table):
    rows = np.loadtxt(table, delimiter=",", skiprows=1)
    data = datasets.table(table, target=["height", "a"], regression=True, in_order=True, rows=100)
    np.testing.assert_array_equal(data.labels, rows[:100, [2, 0]])
    np.testing.assert_array_equal(data.test_labels, rows[100:, [2, 0]])
    np.testing.assert_array_equal(data.inputs, rows[:100, [1]])
    np.testing.assert_array_equal(
        datasets.table(table, target=[-1, 0], regression=True, rows=100).labels.mean(axis=0),
        datasets.table(table, target=["height", "a"], regression=True, rows=100).labels.mean(axis=0),
    )
    again = datasets.reload(json.loads(json.dumps(dict(data.metadata))), data.sha256)
    np.testing.assert_array_equal(again.labels, data.labels)
    assert data.constant_error == pytest.approx(0.5 * rows[:100, [2, 0]].var(axis=0).sum())
    assert SquaredErrorLoss.outputs_for(data) == 2
    said = call("info", table, "--target", "height", "--target", "a")
    assert "column 'height', column 'a'" in said
    found = json.loads(call("info", table, "--target", "height", "--target", "0", "--json"))
    assert (found["features"], found["target_range"][0]) == (1, rows[:, [2, 0]].min())
    for name, column in (("height", rows[:, 2]), ("a", rows[:, 0])):
        expected = [column.min(), column.mean(), column.max()]
        np.testing.assert_allclose(found["target_ranges"][f"column '{name}'"], expected, rtol=1e-12)
    assert f"column 'a', {rows[:, 0].min():.4g} to {rows[:, 0].max():.4g}, mean" in " ".join(said.split())
    for wrong, complaint in ((["height", "height"], "'height' twice"), (["height", "a", "b"], "leave features"),
                             (["height", "c"], "among a, b; got 'c'"), ([], "must name a column")):  # fmt: skip
        with pytest.raises(ValueError, match=complaint):
            datasets.table(table, target=wrong, regression=True)
    with pytest.raises(ValueError, match="several targets are for a regression"):
        datasets.table(table, target=["height", "a"])
    several = datasets.teacher(20, teacher_layers=(2, 2, 3), regression=True, test_rows=5)
    assert (several.labels.shape, several.test_labels.shape, several.n_targets) == ((20, 3), (5, 3), 3)


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
    unit = kind == "logistic"  # what says nats; a squared error never does
    call("verify", database)
    call("graph", database, "--output", tmp_path / "g.svg")
    drawn, page = tmp_path / "g.svg", tmp_path / "g.html"
    call("graph", database, "--output", page)
    assert ("nats" in drawn.read_text(), "(nats)" in page.read_text()) == (unit, unit)
    assert ("nats" in call("info", database)) == unit
    assert ("nats" in call("geometry", database, "--output", tmp_path / "geometry.png")) == unit
    training = "--hidden", "3", "--replicas", 3, "--steps", 2000, "--batch-size", 10, *words
    said = call("train", "--output", runs, *training)
    assert ("nats" in said) == unit
    assert ("accuracy" in said) == (kind == "logistic")
    assert ("R^2" in said) == (kind == "regression")
    assert "nan" not in said
    ensemble = load_trajectories(runs)
    loss = loss_of_runs(ensemble)
    check_loss(ensemble, loss)
    assert ensemble.loss[0, -1] == pytest.approx(loss.value(np.asarray(ensemble.snapshots[0][-1], float)), rel=1e-5)
    observed = call("observe", runs, "--output", tmp_path / "o.svg")
    assert "nan" not in observed.split()
    assert ("accuracy" in observed, "nats" in observed, "probabilities" in observed) == (unit, unit, unit)
    said = [call("curvature", runs, "--output", tmp_path / "c.svg")]
    overlaid = call("overlay", database, runs, "--output", tmp_path / "v.svg")
    assert unit or "nats" not in overlaid  # which names a loss only if a run jumps
    said += [(tmp_path / f"{name}.svg").read_text() for name in "ocv"]
    assert ["nats" in text for text in said] == [unit, unit, unit, unit]
    assert f"{loss.name} loss" in call("info", runs)
    call("explain", database, runs, "--output", tmp_path / "explain.png")
    adam = tmp_path / "adam.h5"
    call("train", "--output", adam, "--optimizer", "adam", "--learning-rate", 0.005, *training)
    call("age", adam, "--output", tmp_path / "a.svg")
    call("overlay", database, adam, "--output", tmp_path / "v.svg")
    other = LogisticLoss if kind == "regression" else SquaredErrorLoss
    with pytest.raises(ValueError, match="it has loss = "):
        check_loss(ensemble, _like(loss, other))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["squared-error", "logistic"])
def test_study_of_a_loss(tmp_path, table, kind):
    words = ["--regression"]
    if kind == "logistic":
        rows = np.loadtxt(table, delimiter=",", skiprows=1)
        np.savetxt(
            table, np.column_stack([rows[:, :2], rows[:, 2] > 0]), delimiter=",", header="a,b,height", comments=""
        )
        words = []
    words += ["--dataset", table, "--target", "height", "--loss", kind, "--rows", 100, "--hidden", "3"]
    words += ["--searches", 24, "--replicas", 3, "--steps", 2000, "--batch-size", 10, "--optimizer", "adam"]
    said = call("study", "--output", tmp_path / "study", "--learning-rate", 0.005, *words)
    report = (tmp_path / "study" / "report.html").read_text()
    assert f"--loss {kind}" in report
    assert ("nats" in said, "(nats)" in report) == (False, kind == "logistic")


def test_labels_are_in_the_unit_of_the_loss():
    assert (labeled("loss", "nats"), labeled("loss", "")) == ("loss (nats)", "loss")
    assert (with_unit("0.1 [0, 1]", "nats"), with_unit("0.1", "")) == ("0.1 [0, 1] nats", "0.1")
    for unit in ("nats", ""):
        graph = LandscapeGraph(np.array([0.0, 1.0]), np.array([2.0]), np.array([[0, 1]]), loss_unit=unit)
        ax = plot_disconnectivity(disconnectivity_tree(zeroed(graph), emax=1.5), Figure().subplots())
        assert (ax.get_ylabel(), "nats" in ax.get_title()) == (labeled("training loss", unit), bool(unit))
    regression = datasets.teacher(20, teacher_layers=(2, 2, 1), regression=True)
    assert (
        held_out_loss(SquaredErrorLoss(MLP((2, 1)), regression), np.zeros((1, 3)))
        .to_xarray()["values"]
        .attrs.get("units")
        is None
    )


def test_a_module_refuses_a_regression():
    torch = pytest.importorskip("torch")
    regression = datasets.teacher(20, teacher_layers=(2, 2, 1), regression=True)
    with pytest.raises(ValueError, match="these data are a regression"):
        TorchLoss(torch.nn.Linear(2, 1), regression)
    with pytest.raises(ValueError, match="these data are a regression"):
        train_module(ModuleLoss(torch.nn.Linear(2, 1), regression), SGD(0.1, 2), replicas=1, steps=2)


def _like(loss, other):
    """Another loss of the same network."""
    made = object.__new__(other)
    vars(made).update(vars(loss))
    return made
