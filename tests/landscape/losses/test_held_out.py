"""The loss on rows that were not trained on, and its error."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from bridge.figures import _generalization as generalization
from landscape import CrossEntropyLoss, TorchLoss, datasets
from landscape.datasets import _fresh as fresh, fresh_rows
from landscape.losses import held_out_loss


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 500 rows."""
    for module in ("landscape.datasets._fresh", "landscape.losses._held_out"):
        monkeypatch.setattr(f"{module}.CHUNK", 500)


@pytest.fixture
def points(small_loss, rng):
    return rng.normal(size=(4, small_loss.n_parameters))


def rows_of(loss, theta, inputs, labels):
    """Minus the logarithm of the softmax, one row at a time."""
    result = []
    for x, label in zip(inputs, labels, strict=True):
        logits = loss.network.logits(theta, x[None])[0]
        weights = np.exp(logits - logits.max())
        result.append(-np.log(weights[label] / weights.sum()))
    return np.array(result)


def test_losses_row_by_row_are_those_of_a_loop(small_loss, points):
    data = small_loss.data
    for theta in points:
        expected = rows_of(small_loss, theta, data.test_inputs[:600], data.test_labels[:600])
        found = small_loss.row_losses(theta, data.test_inputs[:600], data.test_labels[:600])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert not small_loss.row_losses(points[0], data.test_inputs[:0], data.test_labels[:0]).size


def test_torch_gives_the_same_losses_row_by_row(small_loss, points):
    torch = pytest.importorskip("torch")
    data = small_loss.data
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4))
    layers = small_loss.network.unflatten(points[0])
    theta = np.concatenate([part for layer in layers for part in (layer.kernel.T.ravel(), layer.bias)])
    np.testing.assert_allclose(
        TorchLoss(module, data).row_losses(theta, data.test_inputs, data.test_labels),
        small_loss.row_losses(points[0], data.test_inputs, data.test_labels), rtol=1e-12, atol=1e-14,
    )  # fmt: skip


def test_values_and_errors_are_those_of_all_rows_at_once(small_loss, points, small_chunks):
    found = held_out_loss(small_loss, points, most_rows=1500)
    parts = [fresh_rows(small_loss.data, chunk) for chunk in range(3)]
    inputs, labels = np.concatenate([p.inputs for p in parts]), np.concatenate([p.labels for p in parts])
    each = np.array([rows_of(small_loss, theta, inputs, labels) for theta in points])
    assert found.rows == 1500
    np.testing.assert_allclose(found.values, each.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.errors, each.std(axis=1, ddof=1) / np.sqrt(1500), rtol=1e-9)
    assert found.mean_error == pytest.approx(each.mean(axis=0).std(ddof=1) / np.sqrt(1500), rel=1e-9)


def test_rows_are_made_until_the_error_is_small_enough(small_loss, points, small_chunks):
    few, more = (held_out_loss(small_loss, points, enough=enough, most_rows=20_000) for enough in (1.0, 0.0))
    assert (few.rows, more.rows) == (500, 20_000)
    some = held_out_loss(small_loss, points, enough=2.0 * more.mean_error, most_rows=20_000)
    assert some.mean_error <= 2.0 * more.mean_error
    assert 3000 < some.rows < 8000  # about a quarter


def test_the_error_is_the_spread_over_sets_of_rows(small_loss, points, small_chunks):
    """Thirty sets of 500 rows."""
    means = []
    for chunk in range(30):
        part = fresh_rows(small_loss.data, chunk)
        means.append([small_loss.row_losses(t, part.inputs, part.labels).mean() for t in points])
    found = held_out_loss(small_loss, points, most_rows=500)
    spread = np.std(np.mean(means, axis=1), ddof=1)
    assert spread / found.mean_error == pytest.approx(1.0, abs=0.4)  # three deviations of 30 draws
    assert np.std(means, axis=0, ddof=1) / found.errors == pytest.approx(np.ones(4), abs=0.4)


def test_a_data_set_that_is_not_generated_has_its_test_rows_alone(small_loss, points):
    own = CrossEntropyLoss(small_loss.network, replace(small_loss.data, metadata={"name": "table"}))
    for loss in (own, small_loss):
        found = held_out_loss(loss, points, most_rows=10**6 if loss is own else None)
        assert found.rows == 4000
        for theta, value in zip(points, found.values, strict=True):
            assert value == pytest.approx(loss.data_loss(theta, test=True), rel=1e-13)
    bare = replace(own.data, test_inputs=np.empty((0, 2)), test_labels=np.empty(0, int))
    nothing = held_out_loss(CrossEntropyLoss(own.network, bare), points)
    assert nothing.rows == 0
    assert np.isnan(nothing.values).all()


def test_fresh_rows_are_others_of_the_same_kind(small_chunks):
    data = datasets.ljat(rows=300, seed=3, test_rows=200)
    parts = [fresh_rows(data, 0), fresh_rows(data, 1), fresh_rows(datasets.ljat(rows=50, seed=4, test_rows=0), 0)]
    every = np.concatenate([data.inputs, data.test_inputs, *(part.inputs for part in parts)])
    assert len(np.unique(every, axis=0)) == len(every)
    for part in parts:
        assert part.inputs.mean(axis=0) == pytest.approx(data.inputs.mean(axis=0), abs=0.1)
    np.testing.assert_array_equal(fresh_rows(data, 0).inputs, parts[0].inputs)
    with pytest.raises(ValueError, match="must be generated, as ljat is, to have further rows; got 'table'"):
        fresh_rows(replace(data, metadata={"name": "table"}), 0)


def test_fresh_rows_are_scaled_as_the_training_rows_were(small_chunks):
    raw, scaled = (datasets.ljat(rows=300, seed=3, test_rows=0, standardize=flag) for flag in (False, True))
    rows = fresh_rows(raw, 2)
    expected = (rows.inputs - raw.inputs.mean(axis=0)) / raw.inputs.std(axis=0)
    np.testing.assert_allclose(fresh_rows(scaled, 2).inputs, expected, atol=1e-14)
    np.testing.assert_array_equal(fresh_rows(scaled, 2).labels, rows.labels)


def test_seeds_of_chunks_never_meet():
    assert fresh.SEEDS > 2 * max(generalization.MOST_TEST_ROWS.values()) // fresh.CHUNK


@pytest.mark.parametrize("seed", range(4))
def test_the_partial_correlation_is_that_of_what_the_rows_leave(seed):
    rng = np.random.default_rng(seed)
    rows = np.repeat([316, 1000, 3162, 10_000], 3)
    x, y = 1.0 / rows * rng.lognormal(sigma=0.5, size=12), 1.0 / rows * rng.lognormal(sigma=0.5, size=12)
    found = generalization.rank_correlations_given(x, y, rows)
    line = np.stack([np.ones(12), rankdata(1.0 / rows)], axis=1)
    left = [r - line @ np.linalg.lstsq(line, r)[0] for r in (rankdata(x), rankdata(y))]
    assert found["rank_correlation"] == pytest.approx(spearmanr(x, y).statistic)
    assert found["rank_correlation_of_rows_alone"] == pytest.approx(spearmanr(1.0 / rows, y).statistic)
    assert found["rank_correlation_given_rows"] == pytest.approx(np.corrcoef(left)[0, 1])
    assert 0.0 < found["rank_correlation_given_rows_p"] <= 1.0


def test_what_goes_with_the_rows_alone_has_no_partial_correlation():
    rng = np.random.default_rng(5)
    rows = np.repeat(10.0 ** np.arange(8), 25)
    x, y = (1.0 / rows * rng.lognormal(sigma=0.3, size=200) for _ in range(2))
    found = generalization.rank_correlations_given(x, y, rows)
    assert found["rank_correlation"] > 0.95
    assert abs(found["rank_correlation_given_rows"]) < 0.25
    equal = generalization.rank_correlations_given(x[:6], y[:6], np.full(6, 100.0))
    assert np.isnan(equal["rank_correlation_given_rows"])
    assert np.isnan(generalization.rank_correlations_given(x[:2], y[:2], rows[:2])["rank_correlation"])
