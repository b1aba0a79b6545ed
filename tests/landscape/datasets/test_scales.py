"""Warnings of columns whose scale networks cannot use."""

import json
import re

import numpy as np
import pytest
from support.cli import agescape, good
from support.paths import SHARED

import bridge.commands.study
from dynamics import SGD, train
from landscape import CrossEntropyLoss, Dataset, datasets
from landscape.networks import MLP

MNIST = SHARED / "data" / "mnist"
ROWS = 60


def dataset(*columns, **metadata):
    """Columns, and two classes."""
    inputs = np.stack([np.broadcast_to(column, ROWS) for column in columns], axis=1)
    return Dataset(inputs, np.arange(ROWS) % 2, 2, inputs[:0], np.empty(0, int), metadata)


def spread(low, high):
    return np.linspace(low, high, ROWS)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ((spread(-1, 1), spread(1.6e9, 1.7e9)), [2]),  # unix time stamps
        ((spread(-1, 1), spread(1990, 2020)), [2]),  # years: an offset of 130 times their spread
        ((spread(-1, 1), spread(0, 1e-3)), [2]),
        ((spread(-5e-2, 5e-2), spread(-20, 20)), [1, 2]),  # each near one, but 400 times apart
        ((spread(-1, 1), spread(5.0, 5.01)), [2]),
        ((spread(-1, 1), 500.0), [2]),  # a constant saturates units, too
        ((spread(0, 1e308), 1.9 * spread(-5e307, 5e307) * 1.8), [1, 2]),
        ((spread(-90, 90), spread(-1, 1)), []),
        ((spread(-1, 1), 3.0), []),
        ((spread(-1, 1), spread(0, 1) > 0.99), []),  # a rare truth value
        ((0.0, 1.0), []),
    ],
)
def test_columns_far_from_one_are_named(columns, named):
    warning = datasets.scale_warning(dataset(*columns))
    if not named:
        assert warning is None
        return
    assert [k for k in (1, 2) if f"column {k - 1} from" in warning] == named
    assert "\n" not in warning


def test_few_columns_are_named_and_the_others_counted():
    warning = datasets.scale_warning(dataset(*(10.0**k * spread(0, 1) for k in range(3, 10))))
    assert warning.count("column ") == 3
    assert "and 4 more" in warning


def test_what_is_standardized_or_pixels_has_no_warning():
    rare = np.zeros(ROWS)
    rare[0] = 1e4
    assert datasets.scale_warning(dataset(rare, spread(0, 1)))
    assert datasets.scale_warning(dataset(rare, spread(0, 1), standardize=True)) is None
    faint = np.zeros(ROWS)
    faint[3] = 1 / 255
    assert datasets.scale_warning(dataset(faint, np.round(spread(0, 255)) / 255)) is None


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((1.0, 30.0), None),
        (
            (1.0, 2e3),
            r"differ in scale .* \(standard deviations 1 to 2e\+03\): the squared error is that of the largest",
        ),
        ((1e-3,), r"are far from one \(standard deviation 0\.001\): the penalty"),
        ((0.0, 1e4), r"are far from one \(standard deviation 1e\+04\)"),
        ((0.0,), None),
    ],
)
def test_scales_of_targets(sizes, words):
    signs = np.where(np.arange(ROWS) % 2, 1.0, -1.0)  # their standard deviation is one
    targets = 7.0 + signs[:, None] * sizes
    found = datasets.target_warning(
        datasets.RegressionDataset(spread(0, 1)[:, None], targets, np.empty((0, 1)), [], {})
    )
    assert found is None if words is None else re.search(words, found)
    assert datasets.target_warning(dataset(spread(0, 1))) is None


@pytest.mark.parametrize("seed", range(3))
def test_ljat_has_no_warning(seed):
    assert datasets.scale_warning(datasets.ljat(rows=300, seed=seed, test_rows=10)) is None
    assert datasets.scale_warning(datasets.ljat(rows=300, seed=seed, test_rows=10, standardize=True)) is None


@pytest.mark.parametrize("rows", [50, 3000])
def test_mnist_has_no_warning(rows):
    try:
        data = datasets.load("mnist", rows=rows, data_dir=MNIST)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert datasets.scale_warning(data) is None


@pytest.fixture
def file(tmp_path):
    """Columns as in scikit-learn's breast cancer table, and a time stamp; the label in the middle."""
    rng = np.random.default_rng(0)
    columns = {
        "mean area": rng.normal(655, 350, ROWS),
        "target_": None,
        "mean smoothness": rng.normal(0.096, 0.014, ROWS),
        "time": rng.uniform(1.6e9, 1.7e9, ROWS),
        "texture": rng.normal(19, 4, ROWS),
    }
    columns["target_"] = np.arange(ROWS) % 2
    path = tmp_path / "table.csv"
    lines = [",".join(columns), *(",".join(map(repr, map(float, row))) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines).replace(".0,", ",") + "\n")
    return path


def test_columns_of_a_file_are_named_as_in_its_header(file, tmp_path):
    data = datasets.table(file, target="target_")
    warning = datasets.scale_warning(data)
    for words in ("'mean area'", "'time'", "factor of 100"):
        assert words in warning
    assert "texture" not in warning
    assert datasets.scale_warning(datasets.table(file, target="target_", standardize=True)) is None
    flowers = tmp_path / "flowers.csv"
    flowers.write_text("petal,income,label\n" + "".join(f"0.{k},{k}000,{'ab'[k % 2]}\n" for k in range(1, 9)))
    warning = str(datasets.scale_warning(datasets.table(flowers)))
    assert "column 'income'" in warning
    assert json.loads(good("info", flowers, "--json").out)["scale_warning"] == f"{warning}: --standardize"
    said = " ".join(good("info", flowers).out.split())
    assert warning in said
    assert said.index("a 4 b 4") > 0
    file.unlink()
    assert "column 'mean area' from" in datasets.scale_warning(data)


@pytest.mark.parametrize("command", ["explore", "train", "study"])
def test_commands_warn_on_one_line_and_in_the_json(command, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise ValueError("far enough")

    monkeypatch.setattr(bridge.commands.study, "run_study", stop)
    path = tmp_path / "t.csv"
    rows = zip(spread(1.6e9, 1.7e9).tolist(), spread(0, 1).tolist(), strict=True)
    path.write_text("time,x,label\n" + "".join(f"{a!r},{b!r},{k % 4}\n" for k, (a, b) in enumerate(rows)))
    common = ("--dataset", path, "--hidden", "3", "--jobs", 1, "--output", tmp_path / "out", "--json")
    runs = ("--replicas", 2, "--steps", 20, "--batch-size", 20)
    options = {"explore": ("--searches", 0), "train": runs, "study": (*runs, "--searches", 0)}[command]
    result = agescape(command, *common, *map(str, options))
    lines = [line for line in result.err.splitlines() if "warning: inputs" in line]
    assert len(lines) == 1
    assert "'time'" in lines[0]
    assert lines[0].endswith("standardize them: --standardize")
    if command != "study":
        assert json.loads(result.out)["scale_warning"] in lines[0]


def test_commands_are_silent_where_scales_are_fine(tmp_path):
    result = good("explore", "--hidden", "2", "--rows", 50, "--searches", 0, "--output", tmp_path / "e.db")
    assert "warning" not in result.err


def test_inputs_beyond_the_precision_are_refused():
    data = dataset(spread(0, 1), spread(-1e39, 0))
    with pytest.raises(ValueError, match=r"within 3\.4e\+38, the largest number of float32; got 1e\+39"):
        train(CrossEntropyLoss(MLP((2, 2, 2)), data), SGD(batch_size=10), replicas=1, steps=5)
