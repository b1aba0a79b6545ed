"""Principal components of tables and of MNIST."""

import json

import numpy as np
import pytest
from support.mnist import write_mnist

from landscape import CrossEntropyLoss, Database, datasets, explore, loss_of
from landscape.datasets._components import project
from landscape.networks import MLP

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(60, 6)) @ RNG.normal(size=(6, 6)) + 3.0
TEST = RNG.normal(size=(9, 6)) @ RNG.normal(size=(6, 6))


def test_components_diagonalize_the_covariance_and_come_with_the_largest_variance_first():
    train, test, share = project(ROWS, TEST, 4)
    covariance = np.cov(ROWS.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(np.cov(train.T, bias=True), np.diag(values[::-1][:4]), rtol=1e-6, atol=1e-6)
    assert share == pytest.approx(values[::-1][:4].sum() / values.sum())
    expected = (TEST - ROWS.mean(axis=0)) @ vectors[:, ::-1][:, :4]
    signs = np.sign((expected * test).sum(axis=0))
    np.testing.assert_allclose(test, signs * expected, atol=1e-6)


def test_scikit_learn_has_the_same_components_and_signs():
    decomposition = pytest.importorskip("sklearn.decomposition")
    reference = decomposition.PCA(5, svd_solver="full").fit(ROWS)
    train, test, share = project(ROWS, TEST, 5)
    np.testing.assert_allclose(train, reference.transform(ROWS), atol=1e-6)
    np.testing.assert_allclose(test, reference.transform(TEST), atol=1e-6)
    assert share == pytest.approx(reference.explained_variance_ratio_.sum())


def test_neither_the_order_of_rows_nor_the_last_bits_change_a_component():
    """Another order of sums changes the last bits of the singular vectors, as another machine does."""
    train, _, _ = project(ROWS, TEST, 3)
    turned, _, _ = project(ROWS[::-1], TEST, 3)
    np.testing.assert_allclose(turned[::-1], train, atol=1e-13)


def test_two_equal_entries_leave_the_sign_to_the_first():
    x = RNG.normal(size=200)
    pair = np.stack([x, 0.5 * x + RNG.normal(size=200)], axis=1)
    pair = (pair - pair.mean(axis=0)) / pair.std(axis=0)  # so that the components are (1, 1) and (1, -1)
    train, _, _ = project(pair, pair, 2)
    np.testing.assert_allclose(train, pair @ np.array([[1, 1], [1, -1]]) / np.sqrt(2), atol=1e-6)


def test_arrays_stay_as_they_are():
    before = ROWS.copy()
    ROWS.flags.writeable = False
    project(ROWS, TEST, 2)
    np.testing.assert_array_equal(ROWS, before)


def test_more_components_than_directions_are_refused():
    flat = np.column_stack([ROWS[:, 0], 2.0 * ROWS[:, 0], np.ones(60)])
    with pytest.raises(ValueError, match=r"^pca must be at most 1, the number of directions .* vary; got 2"):
        project(flat, flat, 2)
    with pytest.raises(ValueError, match="at most 0"):
        project(np.ones((3, 2)), flat, 1)
    with pytest.raises(ValueError, match="standardize"):
        project(1e300 * ROWS, TEST, 1)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    labels = np.arange(60) % 3
    rows = (ROWS * [1, 9, 1, 1, 1, 1]).tolist()
    lines = [",".join(map(repr, [*row, int(k)])) for row, k in zip(rows, labels, strict=True)]
    path.write_text("\n".join(lines))
    return path


def test_features_are_standardized_before_their_components_are_taken(table):
    data = datasets.table(table, rows=40, standardize=True, pca=3)
    raw = datasets.table(table, rows=40)
    mean, deviation = raw.inputs.mean(axis=0), raw.inputs.std(axis=0)
    inputs, test, share = project((raw.inputs - mean) / deviation, (raw.test_inputs - mean) / deviation, 3)
    np.testing.assert_allclose(data.inputs, inputs, atol=1e-12)
    np.testing.assert_allclose(data.test_inputs, test, atol=1e-12)
    assert data.metadata["variance_kept"] == round(share, 3)
    assert datasets.scale_warning(data) is None


def test_a_database_is_not_continued_with_other_components(table, tmp_path):
    path = tmp_path / "f.db"

    def loss(k):
        data = datasets.table(table, pca=k)
        return CrossEntropyLoss(MLP((data.n_features, 2, 3)), data, 1e-2)

    explore(loss(2), path, searches=0)
    with Database(path) as database:
        again = loss_of(database).data
    assert again.sha256 == datasets.table(table, pca=2).sha256
    assert again.metadata == json.loads(json.dumps(dict(datasets.table(table, pca=2).metadata)))
    with pytest.raises(ValueError, match=r"layer_sizes = \[2, 2, 3\]"):
        explore(loss(3), path, searches=0)
    plain = datasets.table(table, pca=2, target=-1)  # the same data by other words
    explore(CrossEntropyLoss(MLP((2, 2, 3)), plain, 1e-2), path, searches=0)
    scaled = datasets.table(table, pca=2, standardize=True)
    with pytest.raises(ValueError, match="standardize = False, not True"):
        explore(CrossEntropyLoss(MLP((2, 2, 3)), scaled, 1e-2), path, searches=0)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", True, 7])
def test_bad_numbers_of_components(table, bad):
    with pytest.raises(ValueError, match="pca must be"):
        datasets.table(table, pca=bad)


def test_mnist_has_components_too(tmp_path):
    folder = write_mnist(tmp_path)
    data = datasets.load("mnist", rows=15, data_dir=folder, pca=4)
    raw = datasets.load("mnist", rows=15, data_dir=folder)
    inputs, test, _ = project(raw.inputs, raw.test_inputs, 4)
    np.testing.assert_array_equal(data.inputs, inputs)
    np.testing.assert_array_equal(data.test_inputs, test)
    assert datasets.reload(data.metadata, data.sha256).metadata == data.metadata
    older = {"name": "mnist", "rows": 15, "seed": 0, "data_dir": str(folder)}  # of versions without components
    assert datasets.reload(older, raw.sha256).sha256 == raw.sha256
