"""Tables on the command line: what was understood is said first, and two commands each lead to a graph and to mu."""

import json

import numpy as np
import pytest
from support.cli import agescape, assert_complaint, good, strict_json
from support.mnist import write_mnist
from support.paths import ROOT

from bridge.studies import StudySettings
from bridge.studies.report._study_command import study_command
from dynamics.training import SGD
from landscape import datasets

UNDERSTOOD = (
    "agescape: wine.csv: 178 rows of 13 features, separated by commas, names in the first line; "
    "target column 'target', 3 classes (rows): 0 (59), 1 (71), 2 (48)\n"
    "agescape: training on 120 rows (drawn in proportion to the classes), 58 test rows; inputs standardized\n"
)


@pytest.fixture
def wine(tmp_path):
    """Scikit-learn's wines as a CSV."""
    table = pytest.importorskip("sklearn.datasets").load_wine()
    lines = [",".join([*table.feature_names, "target"])]
    rows = zip(table.data.tolist(), table.target.tolist(), strict=True)
    lines += [",".join(map(repr, [*row, label])) for row, label in rows]
    path = tmp_path / "wine.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_two_commands_lead_to_a_connected_graph_and_two_to_mu(wine, tmp_path):
    data = ("--dataset", wine, "--rows", 120, "--standardize", "--hidden", 4, "--regularization", 1e-3, "--jobs", 1)
    explored = agescape("explore", *data, "--searches", 64, "--output", tmp_path / "w.db")
    assert explored.code == 0
    assert explored.err.startswith(UNDERSTOOD)
    assert "warning" not in explored.err
    graph = strict_json(good("graph", tmp_path / "w.db", "--output", tmp_path / "w.png", "--json").out)
    assert graph["components"] == 1
    assert graph["minima"] > 1
    runs = ("--batch-size", 10, "--replicas", 8, "--steps", 3000)
    trained = agescape("train", *data, *runs, "--output", tmp_path / "w.h5")
    assert trained.code == 0
    assert trained.err.startswith(UNDERSTOOD)
    mu = strict_json(good("age", tmp_path / "w.h5", "--json").out)["mu"]
    assert 0.0 < mu < 1.5


def test_the_page_shows_what_is_said():
    assert UNDERSTOOD in (ROOT / "docs" / "howto" / "tables.md").read_text()


def test_info_says_what_is_understood(wine):
    found = strict_json(good("info", wine, "--json").out)
    assert (found["delimiter"], found["header"], found["rows"], found["target"]) == (",", True, 178, "column 'target'")
    assert [column["name"] for column in found["columns"]][::12] == ["alcohol", "proline"]
    assert found["columns"][12]["high"] == 1680
    assert found["class_counts"] == [59, 71, 48]
    text = good("info", wine).out
    for words in ("commas", "in the first line", "column 'target', position 13", "proline", "1,680", "--standardize"):
        assert words in text
    assert "3 classes" in good("info", "sklearn:wine").out
    assert_complaint(agescape("info", "sklearn:wine", "--target", "x"), "--target is for files")


def test_info_of_a_target_by_name(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("kind\tx\ty z\nred wine\t1\t2\nwhite wine\t2\t3\nred wine\t3\t4\n")
    assert_complaint(agescape("info", path), "column 'kind'", "choose it by --target kind")
    for target in ("kind", "0", "-3"):
        found = strict_json(good("info", path, "--target", target, "--json").out)
        assert (found["classes"], found["target_position"], found["delimiter"]) == (["red wine", "white wine"], 0, "\t")
    text = good("info", path, "--target", "kind").out
    assert "tabs" in text
    assert "red wine" in text


def test_info_counts_missing_values_where_explore_refuses_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,age,label\n1,2,a\n3,NA,b\n,4,a\n5,,b\n")
    found = json.loads(good("info", path, "--json").out)
    assert [column["missing"] for column in found["columns"]] == [1, 2]
    assert "Warning: 3 values missing, the first in line 3, column 'age'." in " ".join(good("info", path).out.split())
    refused = agescape("explore", "--dataset", path, "--hidden", 2, "--searches", 0, "--output", tmp_path / "f.db")
    assert_complaint(refused, "line 3", "'NA' in column 'age'", "a value is missing")


@pytest.mark.parametrize(("batch", "warned"), [(10, False), (11, True), (100, True)])
def test_a_minibatch_of_more_than_a_tenth_of_the_rows_is_warned_of(batch, warned, tmp_path):
    train = ("train", "--rows", 100, "--hidden", 2, "--replicas", 1, "--steps", 5, "--jobs", 1, "--batch-size", batch)
    said = agescape(*train, "--output", tmp_path / "f.h5").err
    assert (
        "training rows leaves the runs little noise; choose a minibatch of at most 10, or more rows" in said
    ) == warned
    assert said.count("minibatch of") == 2 * warned  # in one warning
    assert "minibatch" not in agescape(*train, "--noise", "full", "--output", tmp_path / "full.h5").err


def test_components_of_mnist_make_the_network_small(tmp_path):
    folder = write_mnist(tmp_path)
    mnist = ("--dataset", "mnist", "--rows", 15, "--data-dir", folder, "--pca", 4, "--hidden", 2)
    made = agescape("explore", *mnist, "--searches", 0, "--output", tmp_path / "f.db")
    assert made.code == 0
    assert "training on 15 rows of mnist, 5 test rows; 4 principal components" in made.err
    found = strict_json(good("info", tmp_path / "f.db", "--json").out)
    assert found["n_parameters"] == 4 * 2 + 2 + 2 * 10 + 10
    assert found["pca"] == 4


def test_a_study_is_repeated_with_the_same_table(wine):
    data = datasets.table(wine, rows=100, pca=3, target="target")
    command = study_command(data, StudySettings(optimizer=SGD(batch_size=10)))
    assert f"--dataset {wine} --rows 100 --dataset-seed 0 --pca 3 --target target" in command
    command = study_command(datasets.load("sklearn:iris", rows=100, standardize=True), StudySettings())
    assert "--dataset sklearn:iris --rows 100 --dataset-seed 0 --standardize" in command
    np.testing.assert_array_equal(data.inputs.shape, (100, 3))
