"""Tables in memory and what is understood of a table: pandas, Parquet, scikit-learn."""

import json
import math

import numpy as np
import pytest

from landscape import CrossEntropyLoss, Database, datasets, explore, loss_of
from landscape.datasets import _frames
from landscape.networks import MLP

TEXT = "x,y,class\n" + "".join(f"{k}.5,{k * k % 7},{'ab'[k % 2]}\n" for k in range(12))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_pandas_reads_the_same_file_alike(tmp_path, delimiter):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / ("t.tsv" if delimiter == "\t" else "t.csv")
    path.write_text(TEXT.replace(",", delimiter))
    own, frame = datasets.table(path), pandas.read_csv(path, sep=delimiter)
    other = datasets.table(frame)
    assert own.sha256 == other.sha256
    np.testing.assert_array_equal(own.inputs, frame[["x", "y"]])
    assert [own.metadata["classes"][k] for k in own.labels] == frame["class"].tolist()
    assert own.description.columns == other.description.columns
    assert (own.description.delimiter, other.description.delimiter) == (delimiter, None)


def test_types_of_a_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "whole": pandas.array([1, 2, 3], "Int64"),
            "truth": [True, False, True],
            "text": ["1.5", " 2", "3e1"],
            "kind": pandas.Categorical(["b", "a", "b"], categories=["c", "b", "a"]),
        },
        index=[7, 8, 9],
    )
    data = datasets.table(frame)
    np.testing.assert_array_equal(data.inputs, [[1, 1, 1.5], [2, 0, 2], [3, 1, 30]])
    assert (data.labels.tolist(), data.metadata["classes"]) == ([1, 0, 1], ["a", "b"])
    assert datasets.table(frame.drop(columns="kind"), target="truth").metadata["classes"] == [False, True]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ([1.0, None, 2.0], "row 1: expected finite numbers, found nan in column 'x': a value is missing"),
        (["1", "NA", "2"], "row 1: expected finite numbers, found nan in column 'x': a value is missing"),
        (["1", "2", "red"], "row 2: expected a number, found 'red' in column 'x': delete it, or .*get_dummies"),
    ],
)
def test_what_is_no_number_is_named_by_row_and_column(column, found):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match=found):
        datasets.table(pandas.DataFrame({"x": column, "label": [0, 1, 0]}))


def test_a_missing_label_is_named():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="row 1: expected a whole label, found '': the label is missing"):
        datasets.table(pandas.DataFrame({"x": [1, 2, 3], "label": ["a", None, "b"]}))


def test_an_index_that_was_written_is_no_feature(caplog):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"Unnamed: 0": range(4), "x": [1.5, 2, 3, 4], "label": [0, 1, 0, 1]})
    data = datasets.table(frame)
    assert data.n_features == 1
    assert data.description.ignored == ("column 'Unnamed: 0'",)
    assert "column 'Unnamed: 0' numbers the rows" in caplog.text


def test_the_data_of_a_frame_are_in_no_file(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, 2, 3, 4], "label": [0, 1, 0, 1]})
    loss = CrossEntropyLoss(MLP((1, 1, 2)), datasets.table(frame), 1e-2)
    explore(loss, tmp_path / "f.db", searches=0)
    with Database(tmp_path / "f.db") as database, pytest.raises(ValueError, match="came from a pandas frame"):
        loss_of(database)


def test_parquet(tmp_path, monkeypatch):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, 2, 3, 4], "kind": ["a", "b", "a", "b"]})
    path = tmp_path / "t.parquet"
    try:
        frame.to_parquet(path)
    except ImportError:  # without pyarrow: all but the reader itself
        path.write_bytes(b"PAR1")
        with pytest.raises(ImportError, match="needs pyarrow: pip install pyarrow"):
            datasets.table(path)
        monkeypatch.setattr(pandas, "read_parquet", lambda _: frame)
    data = datasets.table(path, rows=2)
    assert (data.description.kind, data.rows, data.metadata["classes"]) == ("Parquet", 2, ["a", "b"])
    assert datasets.reload(json.loads(json.dumps(dict(data.metadata))), data.sha256).sha256 == data.sha256


def test_without_pandas_the_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(_frames, "import_module", lambda name: __import__(f"no_{name}"))
    with pytest.raises(ImportError, match=r"t\.parquet: needs pandas: pip install pandas"):
        datasets.table(tmp_path / "t.parquet")
    with pytest.raises(ImportError, match=r"sklearn:wine: needs scikit-learn: pip install scikit-learn"):
        datasets.load("sklearn:wine")


@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("iris", (150, 4), [50, 50, 50]),
        ("wine", (178, 13), [59, 71, 48]),
        ("breast_cancer", (569, 30), [357, 212]),  # benign, malignant
        ("digits", (1797, 64), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    ],
)
def test_tables_of_scikit_learn(name, shape, counts):
    loaders = pytest.importorskip("sklearn.datasets")
    data = datasets.load(f"sklearn:{name}")
    assert data.inputs.shape == shape
    assert data.class_counts.tolist() == counts
    np.testing.assert_array_equal(data.inputs, getattr(loaders, f"load_{name}")().data)
    some = datasets.load(f"sklearn:{name}", rows=60, seed=3, standardize=True, pca=2)
    for k, n in enumerate(counts):
        assert abs(some.class_counts[k] - 60 * n / sum(counts)) <= len(counts) / 2
    again = datasets.reload(json.loads(json.dumps(dict(some.metadata))), some.sha256)
    assert again.metadata == some.metadata


def test_standardizing_is_scikit_learns():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    raw, data = (datasets.load("sklearn:wine", rows=100, standardize=standardize) for standardize in (False, True))
    scaler = preprocessing.StandardScaler().fit(raw.inputs)
    np.testing.assert_allclose(data.inputs, scaler.transform(raw.inputs), atol=1e-12)
    np.testing.assert_allclose(data.test_inputs, scaler.transform(raw.test_inputs), atol=1e-12)


@pytest.mark.parametrize("name", ["sklearn:diabetes", "sklearn:", "sklearn:files"])
def test_other_tables_of_scikit_learn_are_refused(name):
    with pytest.raises(ValueError, match=r"scikit-learn's tables of classes, sklearn:breast_cancer, .*; got"):
        datasets.load(name)
    with pytest.raises(ValueError, match="no option 'target'"):
        datasets.load(name, target="x")


# ---------------------------------------------------------------- what is understood


def test_a_table_is_described(file):
    found = datasets.describe_table(file)
    assert (found.kind, found.delimiter, found.header, found.rows) == ("text", ",", True, 12)
    assert (found.target, found.target_position, found.classes, found.class_counts) == (
        "column 'class'", 2, ("a", "b"), (6, 6),
    )  # fmt: skip
    assert [(c.position, c.name, c.low, c.high) for c in found.columns] == [(0, "x", 0.5, 11.5), (1, "y", 0.0, 4.0)]
    assert found.columns[0].mean == pytest.approx(6.0)
    assert (found.missing_values, found.first_missing) == (0, None)
    assert datasets.table(file).description == found


def test_missing_values_are_counted_and_the_first_is_named(file):
    file.write_text("x,y,class\n1,2,a\n3,NA,b\n,?,a\n4,nan,b\n")
    found = datasets.describe_table(file)
    assert [c.missing for c in found.columns] == [1, 3]
    assert (found.missing_values, found.first_missing) == (4, "line 3, column 'y'")
    assert (found.columns[0].low, found.columns[0].high) == (1.0, 4.0)
    with pytest.raises(ValueError, match=r"line 3: expected a number, found 'NA' in column 'y': a value is missing"):
        datasets.table(file)
    file.write_text("x,y,class\n1,,a\n3,,b\n")
    assert math.isnan(datasets.describe_table(file).columns[1].mean)


def test_the_columns_before_which_row_numbers_stand_keep_their_positions(file):
    file.write_text(",x,y,class\n0,1.5,2,a\n1,NA,2,b\n")
    found = datasets.describe_table(file)
    assert [(c.position, c.name, c.missing) for c in found.columns] == [(1, "x", 1), (2, "y", 0)]
    assert (found.ignored, found.target_position) == (("column 0",), 3)
    file.write_text(",x,class\n0.5,1.5,a\n1.5,NA,b\n")  # the first column measures something
    found = datasets.describe_table(file)
    assert [(c.position, c.missing) for c in found.columns] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="line 3: expected a number, found 'NA' in column 'x'"):
        datasets.table(file)


def test_words_in_a_feature_may_be_the_target(file):
    file.write_text("kind,x,y\nb,1,2\na,2,3\n")
    with pytest.raises(ValueError, match=r"column 'kind'; if .* classes, choose it by target='kind' .*get_dummies"):
        datasets.table(file)


def test_an_npz_of_other_names_is_told_the_right_ones(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.ones((3, 2)), y_train=np.arange(3))
    expected = r"expected an array inputs; it has x_train, y_train: a data set has inputs \(n, D\), labels"
    with pytest.raises(ValueError, match=expected):
        datasets.table(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", inputs=np.ones((3, 2)), labels=np.arange(3) % 2)
    assert datasets.describe_table(tmp_path / "b.npz").kind == "npz"


def test_metadata_with_the_name_of_before(file):
    """Files of the time when the option was called label_column."""
    data = datasets.table(file, rows=8, seed=2, target="class")
    before = {("label_column" if key == "target" else key): value for key, value in data.metadata.items()}
    del before["pca"]
    again = datasets.reload(before, data.sha256)
    assert again.metadata == data.metadata
