"""Data sets: physics against pele and against itself, files against what was written."""

import gzip
import hashlib
import http.server
import importlib
import json
import logging
import math
import os
import pickle
import threading
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation
from support.cli import agescape
from support.clock import processor_seconds_below
from support.mnist import idx, write_mnist
from support.paths import SHARED

from landscape import datasets
from landscape.datasets._arguments import standardized
from landscape.datasets._mnist import read_idx
from landscape.datasets._ridge import steepest_descent
from landscape.datasets._three_atoms import energy, energy_and_gradient, relax

EDGE = 1.35
SHAPES = [  # energy and distances r12, r13, r23 of the four minima, Z = 2
    (-2.1851, (1.16876, 1.16876, 1.16876)),
    (-2.2191, (1.10876, 1.10876, 2.21752)),
    (-2.2191, (1.10876, 2.21752, 1.10876)),
    (-2.2191, (2.21752, 1.10876, 1.10876)),
]
mnist_module = importlib.import_module("landscape.datasets._mnist")  # the function hides the module


def starts(seed, rows, edge=EDGE):
    return np.random.default_rng(seed).uniform(0.0, edge, (rows, 9))


def distances(positions):
    a, b, c = np.reshape(positions, (3, 3))
    return np.array([np.linalg.norm(a - b), np.linalg.norm(a - c), np.linalg.norm(b - c)])


def label_of(positions):
    """Class of a relaxed structure, -1 for none: written again, without the module's closed formula."""
    near = [np.allclose(distances(positions), shape, atol=1e-3) for _, shape in SHAPES]
    return near.index(True) if any(near) else -1


def naive_energy(positions, three_body=2.0):
    """The formula as Axilrod and Teller write it, with the angles."""
    x = np.reshape(positions, (3, 3))
    pairs = sum(4.0 * (r**-12 - r**-6) for r in distances(x))
    cosines = 1.0
    for i in range(3):
        u, v = x[(i + 1) % 3] - x[i], x[(i + 2) % 3] - x[i]
        cosines *= u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    return pairs + three_body * (1.0 + 3.0 * cosines) / distances(x).prod() ** 3


# --- ljat: energies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("label", "expected"), list(enumerate(SHAPES)))
def test_energies_and_shapes_of_the_four_minima(label, expected):
    data = datasets.ljat(rows=300, seed=0, test_rows=0)
    ends, rms = relax(starts(0, 300))
    mine = ends[data.labels == label]
    assert rms.max() < 1e-9
    assert len(mine) > 5
    for end in mine:
        assert energy(end.reshape(3, 3)) == pytest.approx(expected[0], abs=5e-5)
        assert distances(end) == pytest.approx(expected[1], abs=1e-4)


@pytest.mark.parametrize("three_body", [2.0, 0.0, -0.7])
def test_energy_is_the_formula_and_the_gradient_its_derivative(three_body):
    for x in starts(1, 50, edge=2.0):
        value, gradient = energy_and_gradient(x.reshape(3, 3), three_body)
        steps = 1e-6 * np.eye(9) * distances(x).min()
        difference = [
            (naive_energy(x + h, three_body) - naive_energy(x - h, three_body)) / (2.0 * h.max()) for h in steps
        ]
        assert value == pytest.approx(naive_energy(x, three_body), rel=1e-11)
        assert gradient.ravel() == pytest.approx(np.array(difference), rel=1e-6, abs=1e-7 * np.abs(difference).max())


def test_energy_and_gradient_agree_with_pele():
    atlj = pytest.importorskip("pele.potentials.ATLJ").ATLJ(Z=2.0)
    for x in np.concatenate([starts(2, 500), starts(3, 500, edge=4.0)]):
        value, gradient = energy_and_gradient(x.reshape(3, 3))
        other_value, other_gradient = atlj.getEnergyGradient(x)
        assert value == pytest.approx(other_value, rel=1e-12, abs=1e-14)
        assert np.abs(gradient.ravel() - other_gradient).max() <= 1e-12 * np.abs(other_gradient).max()


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shift=hnp.arrays(float, 3, elements=st.floats(-10.0, 10.0)),
    order=st.permutations(range(3)),
)
def test_energy_is_invariant(seed, shift, order):
    x = starts(seed, 1).reshape(3, 3)
    moved = Rotation.random(rng=seed).apply(x)[order] + shift
    # moving rounds the positions to 1e-15, and the energy goes with the -12th power of the distance
    assert abs(energy(moved) - energy(x)) < 1e-12 * (1.0 + distances(x).min() ** -13)


def test_gradient_has_no_net_force_or_torque():
    for x in starts(4, 100):
        _, gradient = energy_and_gradient(x.reshape(3, 3))
        size = np.abs(gradient).max()
        assert np.abs(gradient.sum(axis=0)).max() < 1e-13 * size
        assert np.abs(np.cross(x.reshape(3, 3), gradient).sum(axis=0)).max() < 1e-13 * size


# --- ljat: minimization -----------------------------------------------------------------------------


@pytest.mark.slow
def test_labels_agree_with_pele():
    """Measured: 0 of 2000 rows differ, and of 62000 (seeds 0 to 4) only the row of the next test."""
    atlj = pytest.importorskip("pele.potentials.ATLJ").ATLJ(Z=2.0)
    lbfgs_py = importlib.import_module("pele.optimize").lbfgs_py
    data = datasets.ljat(rows=2000, seed=0, test_rows=0)
    theirs = [label_of(lbfgs_py(x, atlj).coords) for x in starts(0, 2000)]
    different = np.flatnonzero(data.labels != theirs)
    assert len(different) <= 1, f"{len(different)} rows: {different}"


def test_a_row_where_pele_stops_on_a_saddle():
    """pele's default tolerance of 1e-5 is met on the isosceles saddle; ours is not, and the row gets a class."""
    atlj = pytest.importorskip("pele.potentials.ATLJ").ATLJ(Z=2.0)
    lbfgs_py = importlib.import_module("pele.optimize").lbfgs_py
    x = starts(3, 9426)[-1]
    stopped = lbfgs_py(x, atlj)
    assert stopped.success
    assert stopped.energy == pytest.approx(-1.98507, abs=1e-5)
    assert label_of(stopped.coords) == -1
    assert label_of(lbfgs_py(x, atlj, tol=1e-9).coords) == label_of(relax([x])[0]) == 0


def test_labels_are_mostly_those_of_the_gradient_flow():
    """Measured: 10 of 400 rows differ (seed 3): L-BFGS steps across basins where the start is steep."""
    data = datasets.ljat(rows=60, seed=3, test_rows=0)
    ends = [
        solve_ivp(lambda _, y: -energy_and_gradient(y.reshape(3, 3))[1].ravel(), (0.0, 50.0), x, "LSODA", rtol=1e-8)
        for x in starts(3, 60)
    ]
    flow = [label_of(relax([end.y[:, -1]])[0]) for end in ends]
    assert np.count_nonzero(data.labels != flow) <= 5


def test_relax_survives_nearly_coinciding_atoms():
    x = np.array([[0.0, 0.0, 0.0, 1e-5, 0.0, 0.0, 0.7, 0.9, 0.1]])
    ends, rms = relax(x)
    assert rms[0] < 1e-9
    assert label_of(ends) >= 0


def test_relax_and_energy_leave_their_arguments_alone():
    x = starts(5, 4)
    x.flags.writeable = False
    relax(x)
    energy_and_gradient(x[0].reshape(3, 3))
    assert np.array_equal(x, starts(5, 4))


def test_relaxing_many_is_relaxing_each():
    x = starts(6, 20)
    assert np.array_equal(relax(x)[0], np.concatenate([relax(row[None])[0] for row in x]))


def test_20000_rows_take_about_a_second():
    relax(starts(0, 1))
    with processor_seconds_below(2.0):  # measured: 0.3 s
        datasets.ljat(rows=16_000, seed=1)


# --- ljat: ridges -----------------------------------------------------------------------------------

RIDGE = (17, 27_579)  # seed and row of a start whose minimization stops on the saddle between triangle and chain
SADDLE = np.array([1.13096215, 1.13096215, 1.55308448])  # r12, r13, r23; atom 1 at the apex


def flow_label(x):
    """Class that steepest descent gives a start, by another integrator than the module's, in three dimensions."""
    end = solve_ivp(
        lambda _, y: -energy_and_gradient(y.reshape(3, 3))[1].ravel(), (0.0, 50.0), x, "Radau", rtol=1e-7, atol=1e-10
    )
    return label_of(end.y[:, -1])


def test_a_start_on_a_ridge_gets_the_minimum_of_steepest_descent():
    seed, row = RIDGE
    x = starts(seed, row + 1)[-1]
    ends, rms = relax([x])
    assert rms[0] < 1e-9
    assert distances(ends) == pytest.approx(SADDLE, abs=1e-6)  # relax alone has no answer
    data = datasets.ljat(rows=10, seed=seed, test_rows=row)
    assert data.test_labels[row - 10] == flow_label(x) == 0


def test_the_other_rows_stay_as_they_are():
    """Computed before there was a rule for ridges: databases and runs know their data by these digests."""
    assert [datasets.ljat(1000, seed).sha256[:16] for seed in (0, 1)] == ["51b1d0070a7d44ab", "f2ff73f0828f1770"]


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "row", "label"), [(0, 143_417, 3), (2, 115_763, 2), (3, 199_263, 3), (8, 181_330, 2)])
def test_200000_rows_have_their_ridges(seed, row, label):
    data = datasets.ljat(rows=1000, seed=seed, test_rows=200_000)
    assert data.test_labels[row - 1000] == flow_label(starts(seed, row + 1)[-1]) == label


@pytest.mark.parametrize("apex", range(3))
def test_a_start_that_is_the_saddle_goes_to_the_lower_minimum(apex):
    x = np.zeros((3, 3))
    x[[1, 2], 0] = np.sqrt(SADDLE[0] ** 2 - SADDLE[2] ** 2 / 4.0)
    x[[1, 2], 1] = -SADDLE[2] / 2.0, SADDLE[2] / 2.0
    saddle, _ = relax([np.roll(x, apex, axis=0).ravel()])
    assert np.sort(distances(saddle)) == pytest.approx(SADDLE, abs=1e-6)
    assert np.argmax(distances(saddle)) == 2 - apex  # the long side lies opposite of the apex
    found = steepest_descent(distances(saddle), 2.0)
    assert found == pytest.approx(SHAPES[1 + apex][1], abs=1e-4)  # the chain lies lower than the triangle


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)))
def test_steepest_descent_is_permuted_with_the_atoms(seed, order):
    x = starts(seed, 1).reshape(3, 3)
    moved = np.array([np.linalg.norm(x[order[i]] - x[order[j]]) for i, j in ((0, 1), (0, 2), (1, 2))])
    found, ends = (steepest_descent(d, 2.0) for d in (distances(x), moved))
    pairs = {frozenset(pair): r for pair, r in zip(((0, 1), (0, 2), (1, 2)), found, strict=True)}
    assert ends.tolist() == [pairs[frozenset((order[i], order[j]))] for i, j in ((0, 1), (0, 2), (1, 2))]


def test_symmetric_starts_end_in_a_minimum():
    """Isosceles and equilateral triangles and atoms in a row: descent keeps their symmetry, and all get a class."""
    tall = [[0, 0, 0, -b / 2, h, 0, b / 2, h, 0] for b in np.linspace(0.3, 3.0, 28) for h in np.linspace(0.2, 2.0, 19)]
    equal = [[0, 0, 0, -s / 2, s * 0.75**0.5, 0, s / 2, s * 0.75**0.5, 0] for s in np.linspace(0.3, 2.5, 23)]
    row = [[0, 0, 0, a, 0, 0, a + b, 0, 0] for a in np.linspace(0.3, 2.0, 18) for b in np.linspace(0.3, 2.0, 18)]
    labels = [[label_of(end) for end in relax(many)[0]] for many in (tall, equal, row)]
    assert set(labels[0]) == {0, 1}  # never the mirror-symmetric pair 2, 3
    assert set(labels[1]) == {0}
    assert set(labels[2]) == {2}  # atom 2 is in the middle


# --- ljat: the set ----------------------------------------------------------------------------------


def test_ljat_has_the_published_entropy():
    data = datasets.ljat(rows=1000, seed=0)
    assert data.inputs.shape == (1000, 2)
    assert data.test_inputs.shape == (4000, 2)
    assert data.n_classes == 4
    assert data.constant_entropy == pytest.approx(0.82, abs=0.01)
    assert np.mean([datasets.ljat(1000, s, test_rows=0).constant_entropy for s in range(10)]) == pytest.approx(
        0.81, abs=0.02
    )


def test_ljat_inputs_are_the_first_two_distances_of_the_start():
    data = datasets.ljat(rows=30, seed=7, edge=1.2, test_rows=10)
    expected = [distances(x)[:2] for x in starts(7, 40, edge=1.2)]
    np.testing.assert_allclose(np.concatenate([data.inputs, data.test_inputs]), expected, rtol=1e-14)


def test_more_rows_extend_the_same_set():
    short, long = datasets.ljat(rows=50, seed=1, test_rows=30), datasets.ljat(rows=400, seed=1, test_rows=0)
    joined = np.concatenate([short.inputs, short.test_inputs]), np.concatenate([short.labels, short.test_labels])
    assert np.array_equal(joined[0], long.inputs[:80])
    assert np.array_equal(joined[1], long.labels[:80])


def test_seeds_differ_and_repeat():
    one, again, two = (datasets.ljat(rows=50, seed=s, test_rows=0) for s in (1, 1, 2))
    assert one.sha256 == again.sha256 != two.sha256


def test_ljat_standardized():
    raw, data = (datasets.ljat(rows=200, seed=0, test_rows=50, standardize=s) for s in (False, True))
    np.testing.assert_allclose(data.inputs.mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(data.inputs.std(axis=0), 1.0)
    expected = (raw.test_inputs - raw.inputs.mean(axis=0)) / raw.inputs.std(axis=0)
    np.testing.assert_allclose(data.test_inputs, expected)
    assert np.array_equal(raw.labels, data.labels)


def test_standardized_leaves_a_constant_column_finite():
    train, test = standardized(np.full((7, 1), 0.1), np.array([[0.3]]))
    assert np.abs(train).max() < 1e-15
    assert test[0, 0] == pytest.approx(0.2)


def test_ljat_metadata_are_json():
    numpy_numbers: dict[str, Any] = {"rows": np.int64(5), "seed": np.int32(2), "edge": np.float32(1.5)}
    data = datasets.ljat(**numpy_numbers, test_rows=3)
    assert json.loads(json.dumps(data.metadata)) == {
        "name": "ljat", "rows": 5, "seed": 2, "edge": 1.5, "test_rows": 3, "standardize": False, "three_body": 2.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"rows": 0}, {"rows": -3}, {"rows": 2.5}, {"rows": True}, {"rows": None}, {"rows": "5"},
        {"seed": -1}, {"seed": 0.5}, {"seed": None},
        {"edge": 0.0}, {"edge": -1.0}, {"edge": math.nan}, {"edge": math.inf}, {"edge": "1.35"},
        {"test_rows": -1}, {"test_rows": 1.5}, {"rows": 10**12}, {"test_rows": 10**12},
        {"three_body": math.nan}, {"three_body": -math.inf}, {"three_body": None},
    ],
)  # fmt: skip
def test_ljat_refuses_bad_arguments(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=rf"^{name} must be .*; got ") as caught:
        datasets.ljat(**({"rows": 5, "seed": 0} | bad))
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("edge", [30.0, 1e-30])
def test_ljat_never_guesses_a_label(edge):
    with pytest.raises(RuntimeError, match=r"row 0 of seed 5 relaxed to none"):
        datasets.ljat(rows=3, seed=5, edge=edge, test_rows=0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (partial(energy, np.zeros((3, 2))), r"shape \(3, 3\)"),
        (partial(energy, np.full((3, 3), np.nan)), "finite"),
        (partial(energy, np.zeros((3, 3))), "apart"),
        (partial(energy_and_gradient, np.eye(3) * 1e-30), "apart"),
        (partial(energy, np.eye(3), math.nan), "three_body must be"),
        (partial(relax, np.zeros((4, 8))), r"shape \(n, 9\)"),
        (partial(relax, np.zeros(9)), r"shape \(n, 9\)"),
    ],
)
def test_physics_refuses_bad_arguments(call, match):
    with pytest.raises(ValueError, match=match):
        call()


# --- table ------------------------------------------------------------------------------------------

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def any_dataset(draw):
    rows, tests, features = draw(st.integers(1, 5)), draw(st.integers(0, 4)), draw(st.integers(1, 4))
    n_classes = draw(st.integers(2, 6))
    inputs = draw(hnp.arrays(float, (rows + tests, features), elements=FLOATS))
    labels = draw(hnp.arrays(int, rows + tests, elements=st.integers(0, n_classes - 1)))
    return datasets.Dataset(inputs[:rows], labels[:rows], n_classes, inputs[rows:], labels[rows:])


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".CSV"])
@settings(deadline=None, max_examples=60)
@given(data=any_dataset())
def test_what_is_written_is_read_bit_for_bit(tmp_path_factory, suffix, data):
    path = tmp_path_factory.mktemp("table") / f"data{suffix}"
    datasets.write_table(data, path)
    again = datasets.table(path, rows=data.rows, in_order=True)
    assert again.sha256 == data.sha256
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    if suffix == ".npz":
        assert datasets.table(path).rows == data.rows


@settings(deadline=None, max_examples=60)
@given(data=any_dataset(), first=st.integers(0, 1), fortran=st.booleans())
def test_mlpdata_lines_are_read(tmp_path_factory, data, first, fortran):
    assume(np.unique(data.labels).size > 1)
    labels = data.labels - data.labels.min() + first
    lines = [
        f"  {label}   {'   '.join(map(repr, row))}\n" for label, row in zip(labels, data.inputs.tolist(), strict=True)
    ]
    text = "".join(lines)
    path = tmp_path_factory.mktemp("table") / "MLPdata"
    path.write_text(text.replace("e", "D") if fortran else text)
    again = datasets.table(path)
    assert again.inputs.tobytes() == data.inputs.tobytes()
    assert np.array_equal(again.labels, np.searchsorted(np.unique(labels), labels))  # only what is there is a class
    assert again.metadata["first_label"] == first
    assert again.test_inputs.shape == (0, data.n_features)


CSV = "0.5,1.5,0\n2.5,3.5,1\n4.5,5.5,2\n"
INPUTS, LABELS = [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]], [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (CSV, {}),
        (CSV, {"target": 2}),
        (CSV, {"target": -1}),
        ("\ufeffx,y,label\n" + CSV, {}),
        ("x, y, Outcome\r\n" + CSV.replace("\n", "\r\n"), {}),
        ("# x,y,z\n" + CSV, {}),  # a header without a known name: the last column
        ("0,1,label\n" + CSV, {}),  # pandas numbers its columns
        ("0,1,what\n" + CSV, {"target": "what"}),
        ("class,x,y\n0,0.5,1.5\n1,2.5,3.5\n2,4.5,5.5\n", {}),
        ("0,0.5,1.5\n1,2.5,3.5\n2,4.5,5.5\n", {"target": 0}),
        ('"0.5", 1.5 ,0.0\n\n2.5,3.5,1e0\n   \n4.5,5.5,2', {}),
        ("x,y,label\n0.5,1.5,1\n2.5,3.5,2\n4.5,5.5,3\n", {}),
    ],
)
def test_csv_variants(tmp_path, text, options):
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    data = datasets.table(path, **options)
    assert np.array_equal(data.inputs, INPUTS)
    assert np.array_equal(data.labels, LABELS)
    assert data.n_classes == 3
    assert data.metadata["first_label"] == int("5.5,3" in text)
    assert data.metadata["path"] == str(path)
    assert json.loads(json.dumps(data.metadata)) == data.metadata


def test_rows_split_training_and_test(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    data = datasets.table(path, rows=2, standardize=True, in_order=True)
    assert np.array_equal(data.inputs, [[-1.0, -1.0], [1.0, 1.0]])
    assert np.array_equal(data.test_inputs, [[3.0, 3.0]])
    assert data.metadata["rows"] == 2
    bad: Any
    for bad in (4, 0, -1, 1.5, True):
        with pytest.raises(ValueError, match="rows must be"):
            datasets.table(path, rows=bad)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", "", "at least one row"),
        ("a.csv", "\n\n", "at least one row"),
        ("a.csv", "x,y,label\n", "at least one row"),
        ("a.csv", "1,2,0\n1,2\n", "line 2: expected 3 fields, found 2"),
        ("a.csv", "1,2,0\n\n1,2,0,4\n", "line 3: expected 3 fields, found 4"),
        ("a.csv", "x,y,z,label\n1,2,0\n", "line 2: expected 4 fields, found 3"),
        ("a.csv", "1,2,0\n1,oops,1\n", "line 2: expected a number, found 'oops'"),
        ("a.csv", "1,oops,0\n1,2,1\n", "line 1: expected a number, found 'oops'"),
        ("a.csv", "1,2,0\n1,,1\n", "line 2: expected a number, found ''"),
        ("a.csv", "1,2,0\nnan,1,1\n", "line 2: expected finite"),
        ("a.csv", "1,2,0\n1,-inf,1\n", "line 2: expected finite"),
        ("a.csv", "1,2,0\n1,1e999,1\n", "line 2: expected finite"),
        ("a.csv", "1,2,0\n1,2,0.5\n", "line 2: expected a whole label"),
        ("a.csv", "1,2,0\n1,2,nan\n", "line 2: expected a whole label"),
        ("a.csv", "1,2,0\n1,2,1e300\n", "line 2: expected a whole label"),
        ("a.csv", "x,y,label[2]\n1,2,2\n", r"line 2: expected a whole label 0 \.\.\. 1, found 2"),
        ("a.csv", "1\n2\n", "line 1: expected 2 fields, found 1"),
        ("a.csv", b"\xff\xfe\x00\x01", "UTF-8"),
        ("MLPdata", "", "at least one row"),
        ("MLPdata", "0 1.0 2.0\n1 1.0\n", "line 2: expected 3 fields, found 2"),
        ("MLPdata", "0 1.0 2.0\n1 1.0 x\n", "line 2: expected a number, found 'x'"),
        ("MLPdata", "0 1.0 2.0\n7.5 1.0 2.0\n", "line 2: expected a whole label"),
        ("MLPdata", "0 1.0\n1 NaN\n", "line 2: expected finite"),
    ],
)
def test_bad_text_is_refused_with_file_and_line(tmp_path, name, content, match):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=match) as caught:
        datasets.table(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("column", "text"), [(3, CSV), (-4, CSV), ("label", CSV), (True, CSV), ("z", "x,y,w\n" + CSV)])
def test_bad_target(tmp_path, column, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.csv: target must .*; got .*; it"):
        datasets.table(path, target=column)


GOOD: dict[str, Any] = {"inputs": np.array(INPUTS), "labels": np.array(LABELS)}


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"inputs": GOOD["inputs"]}, "expected an array labels; it has inputs"),
        ({"x": GOOD["inputs"]}, "expected an array inputs"),
        (GOOD | {"labels": [0, 1]}, r"labels \(n,\) or \(n, K\); got"),
        (GOOD | {"labels": [[0, 1], [1, 0], [1, 1]]}, r"one label for each row, found 2 in labels: .*--regression"),
        (GOOD | {"labels": [["a", "b"], ["a", "c"], ["b", "b"]]}, "expected numbers"),
        (GOOD | {"labels": np.zeros((3, 0))}, r"labels \(n,\) or \(n, K\); got"),
        (GOOD | {"inputs": [1.0, 2.0, 3.0]}, r"inputs \(n, D\)"),
        (GOOD | {"inputs": np.zeros((3, 0))}, r"inputs \(n, D\)"),
        (GOOD | {"inputs": [["a"], ["b"], ["c"]]}, "expected numbers"),
        (GOOD | {"inputs": [[1j], [2], [3]]}, "expected numbers"),
        (GOOD | {"labels": [0.0, 0.5, 1.0]}, "row 1: expected a whole label"),
        (GOOD | {"inputs": [[1.0], [np.nan], [2.0]]}, "row 1: expected finite"),
        (GOOD | {"test_inputs": [[1.0, 2.0]]}, "expected an array test_labels"),
        (GOOD | {"test_labels": [1]}, "expected an array test_inputs"),
        (GOOD | {"test_inputs": [[1.0]], "test_labels": [1]}, "as many columns"),
        (GOOD | {"n_classes": 2}, r"row 2: expected a whole label 0 \.\.\. 1"),
        (GOOD | {"n_classes": [1, 2]}, "n_classes must be a whole number"),
        (GOOD | {"n_classes": 2.5}, "n_classes must be a whole number"),
        ({"inputs": np.zeros((0, 2)), "labels": np.zeros(0, int)}, "expected rows"),
    ],
)
def test_bad_npz_is_refused(tmp_path, arrays, match):
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=match) as caught:
        datasets.table(path)
    assert str(path) in str(caught.value)


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_objects_in_npz_are_refused_and_never_run(tmp_path):
    path, mark = tmp_path / "a.npz", tmp_path / "executed"
    np.savez(path, inputs=np.array([[Bomb(mark)]], dtype=object), labels=[0])
    with pytest.raises(ValueError, match=r"not a plain array: .*objects"):
        datasets.table(path)
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ValueError, match="is not an npz file"):
        datasets.table(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00"])
def test_broken_npz_is_refused(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz is not an npz file"):
        datasets.table(path)


def test_damaged_npz_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **GOOD)
    content = bytearray(path.read_bytes())
    content[60:70] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz is not an npz file of plain arrays, or is damaged: inputs"):
        datasets.table(path)


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
@pytest.mark.parametrize("targets", [1, 3])
def test_targets_of_a_regression_are_written_bit_for_bit(tmp_path, targets, suffix):
    rng = np.random.default_rng(targets)
    inputs, wanted = rng.normal(size=(9, 2)), rng.normal(size=(9, targets)) * [1e9, 1e-9, 1.0][:targets]
    data = datasets.RegressionDataset(inputs[:6], wanted[:6], inputs[6:], wanted[6:], {})
    path = tmp_path / f"a{suffix}"
    datasets.write_table(data, path)
    columns = {"target": ["target1", "target2", "target3"]} if suffix == ".csv" and targets == 3 else {}
    again = datasets.table(path, rows=6, in_order=True, regression=True, **columns)
    expected = wanted if targets == 3 else wanted[:, 0]
    for found, original in (
        (again.labels, expected[:6]),
        (again.test_labels, expected[6:]),
        (again.inputs, inputs[:6]),
    ):
        np.testing.assert_array_equal(found, original)
    assert datasets.describe_table(path, **columns).target_range == pytest.approx(
        (wanted.min(), wanted.mean(), wanted.max())
    )


def test_targets_in_an_npz_must_be_finite_and_of_one_number(tmp_path):
    path, targets = tmp_path / "a.npz", np.array([[0.0, 1.0], [1.0, np.inf], [2.0, 3.0]])
    np.savez(path, inputs=GOOD["inputs"], labels=targets)
    with pytest.raises(ValueError, match=r"a\.npz, row 1: expected finite targets, found inf in labels"):
        datasets.table(path, regression=True)
    np.savez(
        path,
        inputs=GOOD["inputs"],
        labels=targets[::2].repeat(2, axis=0)[:3],
        test_inputs=[[1.0, 2.0]],
        test_labels=[1.0],
    )
    with pytest.raises(ValueError, match=r"expected as many targets in test_labels; got shapes \[\(3, 2\), \(1,\)\]"):
        datasets.table(path, regression=True)


def test_npz_takes_no_target(tmp_path):
    np.savez(tmp_path / "a.npz", **GOOD)
    with pytest.raises(ValueError, match="target must be None"):
        datasets.table(tmp_path / "a.npz", target=0)


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        datasets.table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="not a directory"):
        datasets.table(tmp_path)


def test_write_table_is_all_or_nothing(tmp_path, monkeypatch):
    data, path = datasets.ljat(rows=3, seed=0, test_rows=0), tmp_path / "a.csv"
    path.write_text("before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        datasets.write_table(data, path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_write_table_refuses_bad_paths(tmp_path):
    data = datasets.ljat(rows=3, seed=0, test_rows=0)
    with pytest.raises(ValueError, match=r"path must end in \.csv or \.npz; got .*a\.txt"):
        datasets.write_table(data, tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="existing directory"):
        datasets.write_table(data, tmp_path / "none" / "a.csv")


# --- mnist ------------------------------------------------------------------------------------------


def mnist_directory():
    given = os.environ.get("AGESCAPE_DATA")
    directory = Path(given) if given else SHARED / "data" / "mnist"
    if not any(directory.glob("train-images-idx3-ubyte*")):
        pytest.skip(f"no MNIST files in {directory}")
    return directory


@pytest.fixture
def small(tmp_path):
    return write_mnist(tmp_path)


def test_mnist_is_the_original(caplog):
    data = datasets.mnist(rows=100, data_dir=mnist_directory())
    assert not caplog.records  # the checksums agree
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.test_labels[:4].tolist() == [7, 2, 1, 0]
    assert data.inputs.shape == (100, 784)
    assert data.test_inputs.shape == (10_000, 784)
    assert (data.n_classes, data.inputs.min(), data.inputs.max()) == (10, 0.0, 1.0)


def test_mnist_reads_gzipped_and_plain_files(small, caplog):
    data = datasets.mnist(rows=7, data_dir=small)
    pixels = read_idx(small / "train-images-idx3-ubyte.gz", 3)
    assert np.array_equal(data.inputs, pixels[:7].reshape(7, 12) / 255.0)
    assert data.labels.tolist() == list(range(7))
    assert data.test_inputs.shape == (5, 12)
    assert data.metadata == {"name": "mnist", "rows": 7, "seed": 0, "data_dir": str(small),
                             "standardize": False, "pca": None}  # fmt: skip
    assert "is not the original MNIST file" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_mnist_is_found_where_the_files_lie_now(small):
    data = datasets.mnist(rows=7, data_dir=small)
    other = small / "elsewhere"
    other.mkdir()
    for file in small.glob("*ubyte*"):
        file.rename(other / file.name)
    with pytest.raises(FileNotFoundError):
        datasets.reload(data.metadata, data.sha256)
    again = datasets.reload(data.metadata, data.sha256, data_dir=other)
    np.testing.assert_array_equal(again.inputs, data.inputs)
    ljat = datasets.ljat(rows=5, seed=1)  # has no files
    assert datasets.reload(ljat.metadata, ljat.sha256, data_dir=other).sha256 == ljat.sha256


def test_mnist_seed_chooses_images(small):
    first, same, other, again = (datasets.mnist(rows=8, data_dir=small, seed=s) for s in (None, 0, 1, 1))
    assert first.sha256 == same.sha256
    assert other.sha256 == again.sha256 != first.sha256
    rows = {tuple(row) for row in datasets.mnist(rows=20, data_dir=small).inputs}
    assert len({tuple(row) for row in other.inputs} & rows) == 8
    assert np.array_equal(other.test_inputs, first.test_inputs)


def test_mnist_finds_its_directory(small, monkeypatch):
    monkeypatch.setenv("AGESCAPE_DATA", str(small))
    data = datasets.mnist(rows=2)
    assert data.metadata["data_dir"] is None
    monkeypatch.delenv("AGESCAPE_DATA")
    monkeypatch.setattr(mnist_module.platformdirs, "user_cache_dir", lambda name: str(small / name))
    with pytest.raises(FileNotFoundError, match=rf"{small}/agescape/mnist: .*agescape data mnist, or .*AGESCAPE_DATA"):
        datasets.mnist(rows=2)


@pytest.mark.parametrize("bad", [{"rows": 0}, {"rows": 21}, {"rows": 1.5}, {"seed": -1}, {"seed": 0.5}])
def test_mnist_refuses_bad_arguments(small, bad):
    with pytest.raises(ValueError, match=f"^{next(iter(bad))} must be .*; got"):
        datasets.mnist(**{"rows": 2, "data_dir": small} | bad)


def test_mnist_labels_must_match_images(small):
    path = small / "t10k-labels-idx1-ubyte"
    for labels in (np.zeros(4), np.full(5, 10)):
        path.write_bytes(idx(labels))
        with pytest.raises(ValueError, match="t10k files must hold one label"):
            datasets.mnist(rows=2, data_dir=small)


IMAGES = idx(np.zeros((3, 4, 4)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "begins with nothing"),
        (b"\x00\x00", "begins with 00 00"),
        (IMAGES[:10], "expected an IDX file"),
        (b"\x00\x00\x0d\x03" + IMAGES[4:], "expected an IDX file"),
        (idx(np.zeros(5)), "expected an IDX file"),
        (b"<html>not found</html>", "expected an IDX file"),
        (IMAGES[:-1], "3 x 4 x 4 = 48 bytes, but fewer"),
        (IMAGES + b"\x00", "3 x 4 x 4 = 48 bytes, but more"),
    ],
)
def test_idx_is_checked(tmp_path, content, match, pack):
    path = tmp_path / "images"
    path.write_bytes(pack(content))
    with pytest.raises(ValueError, match=match) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (60_000, 28, 28)])
def test_lying_idx_is_refused_without_allocating(tmp_path, pack, shape):
    path = tmp_path / "images"
    noise = np.random.default_rng(0).bytes(100_000)  # gzipped it could hold 100 MB: read, found short
    path.write_bytes(pack(bytes([0, 0, 8, 3]) + np.array(shape, ">u4").tobytes() + noise))
    tracemalloc.start()
    with pytest.raises(ValueError, match="but fewer bytes follow"):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("damage", [lambda c: c[:-20], lambda c: c[:30] + bytes(8) + c[38:], lambda c: c[:5]])
def test_damaged_gzip_is_refused(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (30, 4, 4))))))
    with pytest.raises(ValueError, match=r"images\.gz is not a complete gzip file: |images\.gz: "):
        read_idx(path, 3)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path_factory, monkeypatch):
    """A mirror on this machine with four small gzipped files, whose checksums the module now expects."""
    directory = tmp_path_factory.mktemp("mirror")
    checksums = {}
    for name in mnist_module.MD5:
        content = idx(np.arange(20) % 10 if "labels" in name else np.arange(240).reshape(20, 4, 3))
        (directory / f"{name}.gz").write_bytes(gzip.compress(content))
        checksums[name] = hashlib.md5(content).hexdigest()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=directory))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(mnist_module, "MIRROR", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setattr(mnist_module, "MD5", checksums)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield directory
    server.shutdown()
    thread.join()
    server.server_close()


def test_mnist_downloads_only_when_asked(mirror, tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(FileNotFoundError, match="agescape data mnist"):
        datasets.mnist(rows=2, data_dir=cache)
    assert not cache.exists()
    data = datasets.mnist(rows=2, data_dir=cache, download=True)
    assert sorted(p.name for p in cache.iterdir()) == sorted(p.name for p in mirror.iterdir())
    assert datasets.mnist(rows=2, data_dir=cache).sha256 == data.sha256


def test_the_command_downloads_mnist(mirror, tmp_path):
    cache = tmp_path / "cache"
    explore = ("explore", "--dataset", "mnist", "--rows", 2, "--data-dir", cache, "--hidden", 2, "--searches", 0)
    refused = agescape(*explore, "--output", tmp_path / "f.db")
    assert refused.code == 2
    assert "agescape data mnist, or name the folder that holds them by --data-dir" in refused.err
    assert "Python" not in refused.err
    assert "(" not in refused.err
    fetched = agescape("data", "mnist", "--data-dir", cache)
    assert (fetched.code, fetched.out.count("--dataset mnist")) == (0, 1)
    assert agescape(*explore, "--output", tmp_path / "f.db").code == 0


@pytest.mark.parametrize(
    "content", [gzip.compress(idx(np.ones((20, 4, 3))), mtime=0), b"<html>login</html>"], ids=["another", "page"]
)
def test_a_download_with_another_content_is_thrown_away(mirror, tmp_path, content):
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"has changed: MD5|expected an IDX file"):
        datasets.mnist(rows=2, data_dir=tmp_path, download=True)
    assert not any(tmp_path.glob("train-images*"))


# --- load and reload --------------------------------------------------------------------------------


def test_functions_win_over_the_modules_of_the_same_name():
    assert all(
        callable(getattr(datasets, name)) for name in ("ljat", "table", "write_table", "mnist", "load", "reload")
    )


def test_load_by_name(tmp_path, small):
    assert datasets.load("ljat").sha256 == datasets.ljat(rows=1000, seed=0).sha256
    assert datasets.load("ljat", rows=20, seed=3, edge=1.2).sha256 == datasets.ljat(20, 3, 1.2).sha256
    assert datasets.load("mnist", rows=4, data_dir=small).labels.tolist() == [0, 1, 2, 3]
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    for name in (path, str(path)):
        assert datasets.load(name, rows=2, seed=9, in_order=True).test_labels.tolist() == [2]


@pytest.mark.parametrize(
    ("name", "options", "error", "match"),
    [
        (
            "ljta",
            {},
            ValueError,
            "unknown data set 'ljta': expected ljat, mnist, .*sklearn:wine or the path",
        ),
        ("", {}, ValueError, "directory"),
        ("none/ljat", {}, FileNotFoundError, "none/ljat"),
        ("none.csv", {}, FileNotFoundError, r"none\.csv"),
        ("ljat", {"egde": 1.0}, ValueError, "'ljat' has no option 'egde'; its options are rows, seed, edge"),
        ("mnist", {"edge": 1.0}, ValueError, "'mnist' has no option 'edge'"),
        ("a.csv", {"edge": 1.0}, ValueError, "'table' has no option 'edge'"),
        ("ljat", {"rows": 0}, ValueError, "rows must be"),
        ("ljat", {"seed": -1}, ValueError, "seed must be"),
    ],
)
def test_load_refuses(name, options, error, match):
    with pytest.raises(error, match=match):
        datasets.load(name, **options)


def through_json(data):
    return json.loads(json.dumps(dict(data.metadata)))


def test_reload_makes_the_same_set(tmp_path, small):
    source = datasets.ljat(rows=9, seed=4, test_rows=5)
    datasets.write_table(source, tmp_path / "a.npz")
    (tmp_path / "b.csv").write_text("x,outcome\n1,1\n2,2\n3,1\n")
    for data in (
        datasets.ljat(rows=10, seed=3, edge=1.1, test_rows=7, standardize=True, three_body=1.5),
        datasets.table(tmp_path / "a.npz", rows=6, standardize=True),
        datasets.table(tmp_path / "b.csv", target="outcome"),
        datasets.mnist(rows=5, data_dir=small, seed=2),
    ):
        again = datasets.reload(through_json(data), data.sha256)
        assert again.sha256 == data.sha256
        assert again.metadata == data.metadata


def test_reload_refuses_changed_data(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    data = datasets.table(path, rows=2, in_order=True)
    path.write_text(CSV.replace("5.5", "5.6"))
    with pytest.raises(ValueError, match=rf"a\.csv: the data have changed: .*{data.sha256}"):
        datasets.reload(data.metadata, data.sha256)
    assert datasets.reload(data.metadata).test_inputs[0, 1] == 5.6


def test_metadata_of_a_file_cannot_ask_for_a_download(tmp_path):
    # should it try all the same, the tests' lack of a network would give another error
    with pytest.raises(FileNotFoundError, match="download"):
        datasets.reload({"name": "mnist", "rows": 5, "data_dir": str(tmp_path), "download": True})


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({}, "name among ljat, mnist, teacher, table, sklearn; got None"),
        ({"name": "LJAT19"}, "got 'LJAT19'"),
        ({"name": ["ljat"]}, r"got \['ljat'\]"),
        ({"name": "mnist", "data_dir": 5}, "a path as data_dir; got 5"),
        ({"name": "table", "path": None}, "came from a pandas frame, not from a file"),
        ({"name": "table", "path": "f", "rows": "3", "standardize": True, "label_column": None}, "rows must be"),
        ({"name": "ljat", "seed": 0}, "'ljat' needs 'rows'"),
        ({"name": "ljat", "rows": 3, "seed": 0, "color": 1}, "has no option 'color'"),
        ({"name": "table", "rows": 3}, "'table' needs 'source'"),
    ],
)
def test_reload_refuses_bad_metadata(metadata, match):
    with pytest.raises(ValueError, match=match):
        datasets.reload(metadata)


def test_pixels_are_the_inputs_in_bytes_or_none():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5), dtype=np.uint8)
    pixels[0, :2] = 0, 255
    labels = np.zeros(7, int)
    data = datasets.Dataset(pixels / 255.0, labels, 2, pixels[:0] / 255.0, labels[:0])
    assert data.pixels is not None
    np.testing.assert_array_equal(data.pixels, pixels)
    assert data.test_pixels is not None
    assert data.test_pixels.shape == (0, 5)
    for wrong in (0.5, -1 / 255, 256 / 255, np.nextafter(1.0, 0.0)):
        inputs = pixels / 255.0
        inputs[6, 4] = wrong
        assert datasets.Dataset(inputs, labels, 2, inputs[:0], labels[:0]).pixels is None


def test_only_inputs_that_nobody_can_write_are_not_copied():
    inputs, labels = np.zeros((3, 2)), np.zeros(3, int)
    data = datasets.Dataset(inputs, labels, 2, inputs[:0], labels[:0])
    inputs[0] = 1.0
    assert data.inputs[0, 0] == 0.0
    view = inputs.view()
    view.flags.writeable = False
    data = datasets.Dataset(view, labels, 2, view[:0], labels[:0])
    inputs[0] = 2.0
    assert data.inputs[0, 0] == 1.0
    inputs.flags.writeable = False
    assert datasets.Dataset(inputs, labels, 2, inputs[:0], labels[:0]).inputs is inputs
