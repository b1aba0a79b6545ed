"""Tables as other programs and people write them: what a user expects of each."""

import csv
import io
import json
import logging
import math
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.cli import agescape

from landscape import CrossEntropyLoss, Database, Dataset, datasets, explore, loss_of
from landscape.datasets._arguments import standardized
from landscape.datasets._split import stratified_order
from landscape.networks import MLP

# four rows of two features, with the labels 0, 1, 0, 2
INPUTS = [[0.5, -1.5], [2.5, 300.0], [4.5, 5.5], [0.0, 7.25]]
LABELS = [0, 1, 0, 2]
PLAIN = "0.5,-1.5,0\n2.5,3e2,1\n4.5,5.5,0\n0.0,7.25,2\n"
SEMICOLONS = PLAIN.replace(",", ";")
TABS = PLAIN.replace(",", "\t")


def numbered(text, first=0, between=","):
    """The lines with their numbers before them."""
    return "".join(f"{k}{between}{line}\n" for k, line in enumerate(text.splitlines(), first))


INDEXED = numbered(PLAIN)
RX = "".join(f'"RX {line}\n' for line in numbered(PLAIN, 4, '",').splitlines())
QUOTED = "".join(",".join(f'"{field}"' for field in line.split(",")) + "\n" for line in PLAIN.splitlines())

# name of the case: file name, content; each holds the four rows
SAME = {
    "commas": ("a.csv", PLAIN),
    "semicolons": ("a.csv", SEMICOLONS),
    "tabs": ("a.csv", TABS),
    "tabs, tsv": ("a.tsv", "x\ty\tlabel\n" + TABS),
    "bars": ("a.csv", PLAIN.replace(",", "|")),
    "blanks": ("a.csv", PLAIN.replace(",", "   ")),
    "blanks after commas": ("a.csv", PLAIN.replace(",", ", ")),
    "blanks around semicolons": ("a.csv", PLAIN.replace(",", " ; ")),
    "columns of blanks": ("a.csv", "  ".join(["", *PLAIN.replace(",", "    ").splitlines(keepends=True)])),
    "commas, but called txt": ("a.txt", PLAIN),
    "commas, but without suffix": ("iris", PLAIN),
    "semicolons, names with blanks and commas": ("a.csv", 'fixed acidity;"pH, mean";quality\n' + SEMICOLONS),
    "names with semicolons": ("a.csv", "a;b,c;d,label\n" + PLAIN),
    "quotes": ("a.csv", '"x","y","label"\n' + QUOTED),
    "byte order mark": ("a.csv", "\ufeffx;y;label\n" + SEMICOLONS),
    "Windows": ("a.csv", "x,y,label\r\n" + PLAIN.replace("\n", "\r\n")),
    "old Macintosh": ("a.csv", PLAIN.replace("\n", "\r")),
    "comments": ("a.csv", "# made by hand, 2024\n" + PLAIN.replace("\n", "\n# or so\n")),
    "comments of Matlab": ("a.csv", "% made by hand\n" + PLAIN),
    "comments at the end of lines": ("a.csv", PLAIN.replace("\n", "  # measured, twice\n")),
    "names in a comment": ("a.csv", "# a table\n# label,x,y\n" + "0,.5,-1.5\n1,2.5,3e2\n0,4.5,5.5\n2,0,7.25\n"),
    "comment before the names": ("a.csv", "# a table\nx,y,label\n" + PLAIN),
    "empty lines and lines of commas": ("a.csv", PLAIN.replace("\n", "\n,,\n\n")),
    "commas at the end": ("a.csv", PLAIN.replace("\n", ",\n")),
    "commas at the end below names": ("a.csv", "x,y,label\n" + PLAIN.replace("\n", ",\n")),
    "comma at the end of names": ("a.csv", "x,y,label,\n" + PLAIN),
    "empty last column": ("a.csv", "x,y,label,\n" + PLAIN.replace("\n", ",\n")),
    "names 0, 1, 2": ("a.csv", "0,1,2\n" + PLAIN.replace("0.0", "0")),
    "names 1, 2, 3": ("a.csv", "1,2,3\n" + PLAIN),
    "names 0, 1, label": ("a.csv", "0,1,label\n" + PLAIN),
    "names 0, 1, 2 and pandas' index": ("a.csv", ",0,1,2\n" + INDEXED),
    "pandas' index": ("a.csv", ",x,y,z\n" + INDEXED),
    "pandas' index, twice": ("a.csv", "Unnamed: 0,,x,y,z\n" + numbered(INDEXED, 7)),
    "index with a name": ("a.csv", "Id,x,y,Species\n" + INDEXED),
    "shuffled index": ("a.csv", ",x,y,z\n" + INDEXED.replace("3,0.0", "17,0.0").replace("0,0.5", "3,0.5")),
    "row names of R": ("a.csv", '"","x","y","z"\n' + RX),
    "row names of R without a name": ("a.txt", "x y z\n" + INDEXED.replace(",", " ")),
    "labels first": ("a.csv", "class;x;y\n0;.5;-1.5\n1;2.5;3e2\n0;4.5;5.5\n2;0;7.25\n"),
    "target": ("a.csv", "target,x,y\n0,.5,-1.5\n1,2.5,3e2\n0,4.5,5.5\n2,0,7.25\n"),
    "one name for two features": ("a.csv", "x,x,label\n" + PLAIN),
    "truth values as features": ("a.csv", "x,y,label\n" + PLAIN.replace("0.0,", "False,")),
    "Fortran": ("a.csv", PLAIN.replace("3e2", "3D+02")),
    "scikit-learn's own": ("a.csv", "4,setosa,virginica\n" + PLAIN),
    "MLPdata": ("MLPdata", "0 .5 -1.5\n 1  2.5  3D2\n0 4.5 5.5\n2 0 7.25\n"),
    "MLPdata below three words": ("MLPdata", "# three atoms relaxed\n0 .5 -1.5\n1 2.5 3D2\n0 4.5 5.5\n2 0 7.25\n"),
    "MLPdata with tabs and a comment": ("MLPdata", "# LJAT\n0\t.5\t-1.5\n1\t2.5\t3D2\n0 4.5 5.5\n2 0 7.25\n"),
}  # fmt: skip


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("case", SAME)
def test_a_table_is_the_same_however_it_is_written(tmp_path, case):
    name, content = SAME[case]
    data = datasets.table(write(tmp_path, name, content))
    np.testing.assert_array_equal(data.inputs, INPUTS)
    assert data.labels.tolist() == LABELS
    assert data.n_classes == 3


# content, classes by name, labels of the rows
KINDS = {
    "0, 10, 20": ("0 10 20 10", [0, 10, 20], [0, 1, 2, 1]),
    "-1, +1": ("-1 +1 +1 -1", [-1, 1], [0, 1, 1, 0]),
    "reals that are whole": ("1.0 2.0 1.0 3e0", None, [0, 1, 0, 2]),
    "1 and 1.0": ("1 1.0 2 2.0", None, [0, 0, 1, 1]),
    "numbers, not digits": ("10 9 10 100", [9, 10, 100], [1, 0, 1, 2]),
    "words": ("versicolor setosa virginica setosa", ["setosa", "versicolor", "virginica"], [1, 0, 2, 0]),
    "words in quotes": ('"b" a "b" a', ["a", "b"], [1, 0, 1, 0]),
    "truth values": ("True False True True", [False, True], [1, 0, 1, 1]),
    "truth values of R": ("TRUE FALSE FALSE TRUE", [False, True], [1, 0, 0, 1]),
    "signs": ("+ - - +", ["+", "-"], [0, 1, 1, 0]),
    "none is a word": ("mild none none severe", ["mild", "none", "severe"], [0, 1, 1, 2]),
    "M and B": ("M B B B", ["B", "M"], [1, 0, 0, 0]),
    "colors": ("#ff0000 #00ff00 #ff0000 #ff0000", ["#00ff00", "#ff0000"], [1, 0, 1, 1]),
    "large numbers": ("9007199254740992 0 0 1", [0, 1, 9007199254740992], [2, 0, 0, 1]),
}


@pytest.mark.parametrize("separator", [",", "; ", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("case", KINDS)
def test_different_labels_are_the_classes(tmp_path, case, separator):
    labels, names, expected = KINDS[case]
    lines = [separator.join((f"{k}.5", "1.5", label)) for k, label in enumerate(labels.split())]
    data = datasets.table(write(tmp_path, "a.csv", "\n".join(lines)))
    assert data.labels.tolist() == expected
    assert data.n_classes == max(expected) + 1
    assert data.metadata["classes"] == names
    assert data.inputs[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    again = datasets.reload(json.loads(json.dumps(dict(data.metadata))), data.sha256)
    assert again.metadata == data.metadata


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        ([0, 10, 20, 10], [0, 10, 20], [0, 1, 2, 1]),
        ([-1.0, 1.0, 1.0, -1.0], [-1, 1], [0, 1, 1, 0]),
        ([True, False, True, True], [False, True], [1, 0, 1, 1]),
        (["b", "a", "c", "a"], ["a", "b", "c"], [1, 0, 2, 0]),
        (["10", "9", "10", "9"], [9, 10], [1, 0, 1, 0]),
        ([1, 2, 3, 1], None, [0, 1, 2, 0]),
        (np.array([3, 3, 4, 5], np.uint8), [3, 4, 5], [0, 0, 1, 2]),
    ],
)
def test_labels_of_an_npz_are_classes_too(tmp_path, labels, names, expected):
    np.savez(tmp_path / "a.npz", inputs=np.array(INPUTS), labels=labels)
    data = datasets.table(tmp_path / "a.npz")
    assert (data.labels.tolist(), data.metadata["classes"]) == (expected, names)
    np.testing.assert_array_equal(data.inputs, INPUTS)


# file name, content, what the message says
MISSING, COMMA = "a value is missing", "write decimal points"
MANY = "100 different labels in 100 rows"
REFUSED = {
    "real labels": ("a.csv", "1,2,0.9\n1,2,1.7\n", r"line 1: expected a whole label, found 0\.9.* regression"),
    "real labels, further down": ("a.csv", "1,2,0\n1,2,1\n1,2,1.5\n", r"line 3: expected a whole label, found 1\.5"),
    "missing label": ("a.csv", "x,y,label\n1,2,a\n1,2,\n", "line 3: .*the label is missing"),
    "label NA": ("a.csv", "x,y,label\n1,2,1\n1,2,NA\n", "line 3: .*found 'NA': the label is missing"),
    "label nan": ("a.csv", "x,y,label\n1,2,1\n1,2,nan\n", "line 3: .*the label is missing"),
    "words among numbers": ("a.csv", "1,2,1\n1,2,0\n1,2,O\n", "line 3: expected whole labels or words, .* 'O' beside"),
    "missing value": ("a.csv", "x,y,label\n1,,0\n", rf"line 2: .*found '' in column 'y': {MISSING}"),
    "NA": ("a.csv", "x,y,label\n1,2,1\nNA,2,0\n", rf"line 3: .*'NA' in column 'x': {MISSING}"),
    "?": ("a.csv", "1;?;0\n2;3;1\n", rf"line 1: .*column 1: {MISSING}"),
    "nan": ("a.csv", "x,y,label\n1,2,1\n1,NaN,0\n", rf"line 3: .*found nan in column 'y': {MISSING}"),
    "decimal commas": ("a.csv", "x;y;label\n1,5;2,5;0\n", rf"line 2: .*'1,5' in column 'x': {COMMA}"),
    "decimal commas and tabs": ("a.csv", "1,5\t2,5\t0\n1,6\t2\t1\n", f"line 1: .*{COMMA}"),
    "decimal commas and blanks": ("a.csv", "1,5 2,5 0\n1,6 2 1\n", f"line 1: .*{COMMA}"),
    "decimal commas in quotes": ("a.csv", '"1,5","2,5",0\n"1,6","2,5",1\n', f"line 1: .*{COMMA}"),
    "thousands": ("a.csv", '"1,500",2,0\n"1,600",2,1\n', f"line 1: .*{COMMA}"),
    "underscores": ("a.csv", "1_000,2,0\n1,2,1\n", "line 1: expected a number, found '1_000'"),
    "words as features": ("a.csv", "x,y,label\n1,red,0\n", r"line 2: .*a number, found 'red' in column 'y'"),
    "ragged": ("a.csv", "1;2;0\n1;2;3;0\n", "line 2: expected 3 fields, found 4"),
    "one column": ("a.csv", "x\n1\n2\n", "expected 2 fields, found 1"),
    "labels alone": ("a.csv", "name,label\na,1\nb,0\n", "expected a number, found 'a'"),
    "two columns for labels": ("a.csv", "class,x,label\n1,2,0\n0,1,1\n", r"column among 0 \('class'\), 2 \('label'\)"),
    "whole numbers that measure": ("a.csv", "".join(f"{k},{k * k}\n" for k in range(100)), MANY),
    "names of things": ("a.csv", "".join(f"{k},thing {k}\n" for k in range(100)), MANY),
    "UTF-16": ("a.csv", PLAIN.encode("utf-16"), "UTF-8"),
    "real outcomes in MLPdata": ("a.dat", "1.25 2.5 0\n3.5 4.5 1\n", r"line 1: expected a whole label, found 1\.25"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_with_the_place(tmp_path, case):
    name, content, match = REFUSED[case]
    with pytest.raises(ValueError, match=match) as caught:
        datasets.table(write(tmp_path, name, content))
    assert str(tmp_path / name) in str(caught.value)


def test_what_is_left_out_is_said(tmp_path, caplog):
    for name, content, match in (
        ("index.csv", ",x,y,z\n" + INDEXED, "column 0 numbers the rows and is not used as a feature"),
        ("names.csv", "0,1,2\n" + PLAIN, "the first line, 0,1,..., is read as column names"),
    ):
        caplog.clear()
        datasets.table(write(tmp_path, name, content))
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage() == f"{tmp_path / name}: {match}"


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        ("a row", "0,1,2\n1,2,0\n2,0,1\n0,0,2\n", [0, 1]),  # its label is another row's
        ("a row of two", "0,1\n1,0\n0,0\n1,1\n", [0]),
        ("no order", "1,0,2\n2.5,3.5,0\n2.5,3.5,1\n2.5,3.5,0\n2.5,3.5,1\n", [1, 0]),
        ("no whole numbers", "0.0,1.0,2\n0.5,1.5,0\n0.5,1.5,1\n", [0, 1]),
    ],
)
def test_a_first_row_of_numbers_stays_one(tmp_path, name, content, first):
    data = datasets.table(write(tmp_path, "a.csv", content))
    assert data.inputs[0].tolist() == first, name
    assert data.rows == content.count("\n")


def test_an_unnamed_first_column_of_measurements_is_a_feature(tmp_path):
    content = ",y,label\n0.5,-1.5,0\n2.5,3e2,1\n4.5,5.5,0\n0.0,7.25,2\n"
    np.testing.assert_array_equal(datasets.table(write(tmp_path, "a.csv", content)).inputs, INPUTS)
    content = ",y,label\n1,-1.5,0\n1,3e2,1\n"  # whole, but not different
    assert datasets.table(write(tmp_path, "b.csv", content)).inputs[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("first", [0, 1])
def test_without_names_a_column_that_counts_ten_rows_is_no_feature(tmp_path, caplog, first):
    lines = [f"{k + first},{k % 3}.5,{k % 2}" for k in range(10)]
    assert datasets.table(write(tmp_path, "a.csv", "\n".join(lines))).n_features == 1
    assert "column 0 numbers the rows" in caplog.text
    for kept in (lines[:9], lines[1:3] + lines[:1] + lines[3:], [line.replace(",", ".0,", 1) for line in lines]):
        assert datasets.table(write(tmp_path, "b.csv", "\n".join(kept))).n_features == 2
    alone = [f"{k},{k % 2}" for k in range(12)]
    assert datasets.table(write(tmp_path, "c.csv", "\n".join(alone))).n_features == 1  # there is no other


def test_a_column_of_row_numbers_can_be_the_labels(tmp_path):
    data = datasets.table(write(tmp_path, "a.csv", "id,x,y\n0,1.5,2.5\n1,2.5,3.5\n"), target="id")
    assert (data.labels.tolist(), data.inputs.shape) == ([0, 1], (2, 2))


@pytest.mark.parametrize("column", ["M/F", 1, -4])
def test_labels_in_the_middle(tmp_path, column):
    content = "id,M/F,a,b,c\n8411,M,1,2,3\n8510,F,4,5,6\n9311,M,7,8,9\n"
    data = datasets.table(write(tmp_path, "a.csv", content), target=column)
    np.testing.assert_array_equal(data.inputs, np.arange(1.0, 10.0).reshape(3, 3))
    assert (data.labels.tolist(), data.metadata["classes"]) == ([1, 0, 1], ["F", "M"])


def test_blanks_before_words_are_a_table_and_before_numbers_mlpdata(tmp_path):
    words = datasets.table(write(tmp_path, "a.txt", "1 2.5 b\n0 3.5 a\n1 4.5 b\n"))
    np.testing.assert_array_equal(words.inputs, [[1, 2.5], [0, 3.5], [1, 4.5]])
    assert (words.labels.tolist(), words.metadata["classes"]) == ([1, 0, 1], ["a", "b"])
    numbers = datasets.table(write(tmp_path, "b.txt", "1 2.5 7\n0 3.5 8\n1 4.5 9\n"))
    np.testing.assert_array_equal(numbers.inputs, [[2.5, 7], [3.5, 8], [4.5, 9]])


NAMES = st.text("abcdefgxyz -()", min_size=1, max_size=8).filter(lambda text: text.strip() == text)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=2, max_size=8),
    words=st.lists(NAMES, min_size=2, max_size=2, unique=True),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    header=st.booleans(),
    index=st.booleans(),
)
def test_what_the_csv_module_writes_is_read(tmp_path_factory, rows, words, delimiter, quoting, header, index):
    labels = [words[k % 2] for k in range(len(rows))]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    if header:
        writer.writerow([""] * index + ["length (cm)", "b", "c", "kind"])
    for k, (row, label) in enumerate(zip(rows, labels, strict=True)):
        writer.writerow([k] * (index and header) + [*row, label])
    data = datasets.table(write(tmp_path_factory.mktemp("table"), "a.csv", text.getvalue()))
    np.testing.assert_array_equal(data.inputs, rows)
    assert [sorted(words)[label] for label in data.labels] == labels


# ---------------------------------------------------------------- which rows train


def shares(labels, n):
    counts = Counter(labels)
    return {label: Fraction(n * count, len(labels)) for label, count in counts.items()}


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=60), seed=st.integers(0, 2**32), data=st.data())
def test_each_beginning_has_the_shares_of_the_classes(labels, seed, data):
    order = stratified_order(np.array(labels), seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    n, classes = data.draw(st.integers(1, len(labels))), len(set(labels))
    taken = Counter(labels[row] for row in order[:n])
    assert len(taken) == min(n, classes) if n <= classes else len(taken) == classes
    for label, share in shares(labels, n).items():
        # each class has at most one row too many for being there at all, and all of them together K
        assert share - classes <= taken[label] <= share + 1 + Fraction(1, 2) or n <= classes


def sorted_table(tmp_path, counts=(50, 50, 50), name="a.csv"):
    """Rows sorted by class, as in the files of Fisher's irises; the feature is the number of the row."""
    labels = [k for k, count in enumerate(counts) for _ in range(count)]
    lines = [f"{row}.5,{(7 * row) % 11}.25,{label}" for row, label in enumerate(labels)]
    return write(tmp_path, name, "\n".join(["x,y,label", *lines])), np.array(labels)


def test_a_table_sorted_by_class_trains_on_all_classes(tmp_path):
    path, labels = sorted_table(tmp_path)
    data = datasets.table(path, rows=100)
    assert sorted(data.class_counts.tolist()) == [33, 33, 34]
    rows = np.concatenate([data.inputs, data.test_inputs])[:, 0] - 0.5
    assert sorted(rows.tolist()) == list(range(150))
    np.testing.assert_array_equal(np.concatenate([data.labels, data.test_labels]), labels[rows.astype(int)])
    assert data.metadata["seed"] == 0
    assert data.metadata["in_order"] is False
    assert data.metadata["classes_without_training_rows"] == []


def test_seeds_draw_other_rows_and_more_rows_extend_the_set(tmp_path):
    path, _ = sorted_table(tmp_path)
    one, again, two = (datasets.table(path, rows=60, seed=seed) for seed in (1, 1, 2))
    assert one.sha256 == again.sha256 != two.sha256
    more = datasets.load(path, rows=100, seed=1)
    np.testing.assert_array_equal(more.inputs[:60], one.inputs)
    assert datasets.reload(json.loads(json.dumps(dict(two.metadata))), two.sha256).metadata == two.metadata


@pytest.mark.parametrize("seed", [-1, 0.5, "3"])
def test_bad_seeds(tmp_path, seed):
    path, _ = sorted_table(tmp_path)
    with pytest.raises(ValueError, match=r"^seed must be a whole number >= 0; got"):
        datasets.table(path, rows=10, seed=seed)


def test_rare_classes_train(tmp_path):
    path, _ = sorted_table(tmp_path, (190, 8, 2))
    assert datasets.table(path, rows=20).class_counts.tolist() == [18, 1, 1]
    assert datasets.table(path, rows=3).class_counts.tolist() == [1, 1, 1]


def test_where_nothing_is_split_the_order_stays(tmp_path):
    path, labels = sorted_table(tmp_path)
    whole = [datasets.table(path, seed=3), datasets.table(path, rows=150, seed=4), datasets.table(path, in_order=True)]
    assert len({data.sha256 for data in whole}) == 1
    np.testing.assert_array_equal(whole[0].labels, labels)
    assert whole[0].metadata["seed"] is None


def test_in_order_names_the_classes_that_do_not_train(tmp_path, caplog):
    path, labels = sorted_table(tmp_path)
    data = datasets.table(path, rows=60, in_order=True)
    np.testing.assert_array_equal(data.labels, labels[:60])
    assert data.metadata["classes_without_training_rows"] == [2]
    assert f"{path}: none of the 60 training rows is of class 2" in caplog.text
    words = write(tmp_path, "b.csv", "1,a\n2,b\n3,c\n4,c\n")
    assert datasets.table(words, rows=1, in_order=True).metadata["classes_without_training_rows"] == ["b", "c"]


def test_a_part_for_tests_stays_one(tmp_path):
    rng = np.random.default_rng(0)
    parts = {"inputs": rng.normal(size=(60, 2)), "labels": np.repeat([0, 1, 2], 20)}
    tests = {"test_inputs": rng.normal(size=(9, 2)), "test_labels": np.arange(9) % 3}
    np.savez(tmp_path / "a.npz", **parts, **tests)
    path = tmp_path / "a.npz"
    np.testing.assert_array_equal(datasets.table(path).inputs, parts["inputs"])
    some = datasets.table(path, rows=30)
    assert some.class_counts.tolist() == [10, 10, 10]
    np.testing.assert_array_equal(some.test_inputs[-9:], tests["test_inputs"])
    assert {tuple(row) for row in some.inputs} < {tuple(row) for row in parts["inputs"]}
    assert datasets.table(path, rows=66).class_counts.tolist() == [22, 22, 22]


def test_generated_data_name_their_missing_classes(caplog):
    data = datasets.load("ljat", rows=2, seed=0)
    missing = [k for k in range(4) if k not in data.labels]
    assert f"is of class {', '.join(map(str, missing))}" in caplog.text


# ---------------------------------------------------------------- files of older versions


def older(data, path, rows, **more):
    """What versions before 0.2 wrote about a table."""
    return {"name": "table", "path": str(path), "rows": rows, "seed": None, "standardize": False,
            "label_column": None, "first_label": 0, **more}  # fmt: skip


def test_what_older_versions_made_is_found_again(tmp_path):
    """Rows in order, 0 and 2 are two of three classes, names 0, 1, 2 are a row, pandas' index is a feature."""
    path = write(tmp_path, "a.csv", ",x,label\n0,0.5,0\n1,1.5,2\n2,2.5,0\n3,3.5,2\n")
    again = datasets.reload(older(None, path, 3))
    np.testing.assert_array_equal(again.inputs, [[0, 0.5], [1, 1.5], [2, 2.5]])
    assert (again.labels.tolist(), again.test_labels.tolist(), again.n_classes) == ([0, 2, 0], [2], 3)
    assert again.metadata == older(None, path, 3)
    path = write(tmp_path, "b.csv", "0,1,2\n0.5,1.5,0\n2.5,3.5,1\n")
    assert datasets.reload(older(None, path, 3)).inputs[0].tolist() == [0, 1]
    path = write(tmp_path, "MLPdata", "1 0.1 5\n2 0.1 6\n1 0.1 7D0\n")
    again = datasets.reload(older(None, path, 2, standardize=True, first_label=1))
    train = np.array([[0.1, 5.0], [0.1, 6.0]])
    np.testing.assert_array_equal(again.inputs, (train - train.mean(axis=0)) / [1.0, 0.5])
    assert again.labels.tolist() == [0, 1]


def test_an_older_database_finds_its_data(tmp_path):
    path, labels = sorted_table(tmp_path, (12, 9, 6))
    now = datasets.table(path, rows=20, in_order=True)
    data = Dataset(now.inputs, now.labels, 3, now.test_inputs, now.test_labels, older(now, path, 20))
    explore(CrossEntropyLoss(MLP((2, 2, 3)), data, 1e-2), tmp_path / "f.db", searches=0)
    with Database(tmp_path / "f.db") as database:
        assert loss_of(database).data.sha256 == data.sha256
        np.testing.assert_array_equal(loss_of(database).data.labels, labels[:20])


# ---------------------------------------------------------------- standardizing


@pytest.mark.parametrize("size", [1e200, 1e-170, 1e308, 1e-300, 5e-324, 1.0, 1e-3])
def test_standardizing_columns_of_any_size(size):
    """Against rational arithmetic."""
    rng = np.random.default_rng(0)
    column = rng.integers(-9, 9, 12) * size if size == 5e-324 else rng.uniform(-1.0, 1.0, 12) * size
    exact = [Fraction(float(value)) for value in column]
    mean = sum(exact) / 12
    variance = sum((value - mean) ** 2 for value in exact) / 12
    ratios = [(value - mean) ** 2 / variance * (1 if value > mean else -1) for value in exact]
    expected = [math.copysign(math.sqrt(abs(ratio)), ratio) for ratio in ratios]
    train, test = standardized(column[:, None], column[:3, None])
    np.testing.assert_allclose(train[:, 0], expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_array_equal(test, train[:3])


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), exponent=st.integers(-60, 60), offset=st.floats(-1e6, 1e6))
def test_usual_columns_are_standardized_to_the_bit_as_ever(seed, exponent, offset):
    columns = np.random.default_rng(seed).normal(size=(9, 2)) * 10.0**exponent + [0.0, offset]
    if (np.ptp(columns, axis=0) > 0.0).all():
        plain = (columns - columns.mean(axis=0)) / columns.std(axis=0)
        np.testing.assert_array_equal(standardized(columns, columns)[0], plain)


@pytest.mark.parametrize("value", [0.1, 1e200, -1e-170, 1e10, 0.0, 1.7e308])
def test_constant_columns_become_zero(value):
    train, test = standardized(np.full((7, 1), value), np.array([[value], [0.5 * value]]))
    assert (train == 0.0).all()
    assert test[:, 0].tolist() == [0.0, 0.5 * value - value]


def test_columns_whose_parts_are_too_far_apart_are_named(tmp_path):
    path = write(tmp_path, "a.csv", "x,far,label\n1,1e-200,0\n2,2e-200,1\n3,1e200,0\n")
    with pytest.raises(ValueError, match=r"a\.csv, column 'far': cannot be standardized"):
        datasets.table(path, rows=2, standardize=True, in_order=True)


def test_a_table_of_extreme_sizes(tmp_path):
    path = write(tmp_path, "a.csv", "1e200,1e-170,0\n3e200,3e-170,1\n")
    np.testing.assert_allclose(datasets.table(path, standardize=True).inputs, [[-1, -1], [1, 1]], rtol=1e-15)


# ---------------------------------------------------------------- data sets made by hand


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([0.9, 1.7], r"labels must be whole numbers, the classes; row 0 is 0\.9"),
        ([0.0, np.nan], "labels must be whole numbers, the classes; row 1 is nan"),
        (["a", "b"], "labels must be whole numbers 0, 1, ..., the classes; got an array of <U1"),
    ],
)
def test_labels_are_not_cut(labels, match):
    inputs, given, whole = np.zeros((2, 1)), np.array(labels), np.zeros(2, int)
    with pytest.raises(ValueError, match=f"^{match}"):
        Dataset(inputs, given, 2, inputs[:0], whole[:0])
    with pytest.raises(ValueError, match=f"^test_{match}"):
        Dataset(inputs, whole, 2, inputs, given)


def test_truth_values_and_whole_reals_are_labels():
    labels: list[Any] = [np.array([True, False]), np.array([1.0, 0.0])]
    data = Dataset(np.zeros((2, 1)), labels[0], 2, np.zeros((2, 1)), labels[1])
    assert (data.labels.tolist(), data.test_labels.tolist()) == ([1, 0], [1, 0])


# ---------------------------------------------------------------- the command line

EXPLORE = ("explore", "--hidden", 2, "--searches", 0, "--regularization", 0.01, "--jobs", 1, "--json")


def test_options_of_a_table(tmp_path, caplog):
    path, _ = sorted_table(tmp_path)
    drawn = agescape(*EXPLORE, "--dataset", path, "--rows", 100, "--dataset-seed", 3, "--output", tmp_path / "a.db")
    assert drawn.code == 0, drawn.err
    assert (json.loads(drawn.out)["dataset_seed"], json.loads(drawn.out)["rows"]) == (3, 100)
    assert "classes_without_training_rows" not in json.loads(drawn.out)
    with Database(tmp_path / "a.db") as database:
        assert loss_of(database).data.sha256 == datasets.table(path, rows=100, seed=3).sha256
    other = agescape(
        *EXPLORE, "--dataset", path, "--rows", 60, "--in-order", "--standardize", "--output", tmp_path / "b.db"
    )
    assert json.loads(other.out)["classes_without_training_rows"] == [2]
    assert "is of class 2" in caplog.text  # which goes to stderr where nobody listens
    expected = datasets.table(path, rows=60, in_order=True, standardize=True)
    with Database(tmp_path / "b.db") as database:
        assert loss_of(database).data.sha256 == expected.sha256


@pytest.mark.parametrize("column", ["kind", "0"])
def test_labels_by_name_or_position(tmp_path, column):
    path = write(tmp_path, "a.csv", "kind;x;y\nb;1.5;2\na;2.5;3\nb;1;1\n")
    result = agescape(*EXPLORE, "--dataset", path, "--target", column, "--output", tmp_path / "a.db")
    assert result.code == 0, result.err
    assert json.loads(result.out)["classes"] == ["a", "b"]
    shown = agescape("info", path, "--json")
    assert shown.code == 2  # y is taken for the labels, and x is no number
    assert "label" in shown.err


@pytest.mark.parametrize("option", ["--in-order", "--target=2"])
def test_generated_data_have_no_such_options(tmp_path, option):
    result = agescape(*EXPLORE, option, "--output", tmp_path / "a.db")
    assert result.code == 2
    assert f"has no option '{option[2:].partition('=')[0].replace('-', '_')}'" in result.err


def test_info_names_the_classes(tmp_path):
    path = write(tmp_path, "a.csv", "x,species\n1.5,setosa\n2.5,virginica\n3.5,setosa\n")
    result = agescape("info", path, "--json")
    assert json.loads(result.out)["classes"] == ["setosa", "virginica"]
    assert json.loads(result.out)["class_counts"] == [2, 1]


def test_a_table_of_one_class_is_refused_and_the_label_column_named(tmp_path):
    file = tmp_path / "one.csv"
    file.write_text("x,y,label\n1,2,a\n2,3,a\n3,4,a\n")
    with pytest.raises(ValueError, match=r"at least two classes, found only 'a' in column 'label'"):
        datasets.table(file)
    np.savez(tmp_path / "one.npz", inputs=np.ones((3, 2)), labels=np.zeros(3, int))
    with pytest.raises(ValueError, match="at least two classes, found only"):
        datasets.table(tmp_path / "one.npz")


def test_one_class_is_refused_however_it_is_given(tmp_path):
    inputs, labels = np.ones((3, 2)), np.zeros(3, int)
    with pytest.raises(ValueError, match="n_classes must be a whole number >= 2; got 1"):
        Dataset(inputs, labels, 1, inputs[:0], labels[:0])
    np.savez(tmp_path / "one.npz", inputs=inputs, labels=labels, n_classes=1)
    with pytest.raises(ValueError, match="n_classes must be a whole number >= 2; got 1"):
        datasets.table(tmp_path / "one.npz")
    (tmp_path / "one.csv").write_text("x,label[1]\n1,0\n2,0\n")
    with pytest.raises(ValueError, match=r"at least two classes, found 1 announced by column 'label\[1\]'"):
        datasets.table(tmp_path / "one.csv")
    few = Dataset(inputs, labels, 2, inputs[:0], labels[:0])  # of the two classes one has no row: a part of the rows
    assert few.class_counts.tolist() == [3, 0]
