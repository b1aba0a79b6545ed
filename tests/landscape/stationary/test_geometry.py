from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import spearmanr, ttest_1samp
from support.figures import flaws
from support.reference import DoubleWell, finite_hessian

from landscape import CrossEntropyLoss, TorchLoss, datasets, quench
from landscape.networks import MLP
from landscape.plots import new_figure, plot_geometry
from landscape.stationary import LocalGeometry, local_geometry


@pytest.fixture(scope="module")
def found():
    data = datasets.ljat(rows=60, seed=1, test_rows=200)
    loss = CrossEntropyLoss(MLP((2, 3, 4)), data, 1e-3)
    rng = np.random.default_rng(2)
    return loss, [quench(loss, loss.network.glorot_uniform(rng)).minimum for _ in range(6)]


def naive_cross_entropy(network, theta, inputs, labels):
    total = 0.0
    for row, label in zip(network.logits(theta, inputs), labels, strict=True):
        weights = np.exp(row)
        total -= np.log(weights[label] / weights.sum())
    return total / len(labels)


def test_cross_entropy_is_that_of_a_loop_and_the_loss_without_penalty(found):
    loss, minima = found
    for minimum in minima:
        theta = minimum.coordinates
        plain = loss.value(theta) - loss.regularization * theta @ theta
        assert loss.data_loss(theta) == pytest.approx(plain, abs=1e-12)
        test = naive_cross_entropy(loss.network, theta, loss.data.test_inputs, loss.data.test_labels)
        assert loss.data_loss(theta, test=True) == pytest.approx(test, abs=1e-12)


def test_cross_entropy_of_large_logits_is_finite(found):
    loss, minima = found
    theta = 1e4 * minima[0].coordinates
    assert 0.0 <= loss.data_loss(theta) < np.inf


def test_torch_gives_the_same(found):
    torch = pytest.importorskip("torch")
    loss, minima = found
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4))
    other = TorchLoss(module, loss.data, 1e-3)
    layers = loss.network.unflatten(minima[0].coordinates)
    theta = np.concatenate([part for layer in layers for part in (layer.kernel.T.ravel(), layer.bias)])
    for test in (False, True):
        assert other.data_loss(theta, test=test) == pytest.approx(
            loss.data_loss(minima[0].coordinates, test=test), abs=1e-12
        )


def test_the_geometry_is_that_of_the_hessian(found):
    loss, minima = found
    geometry = local_geometry(loss, minima)
    for i, minimum in enumerate(minima):
        hessian = finite_hessian(lambda x: loss.value_and_gradient(x)[1], minimum.coordinates)
        assert geometry.traces[i] == pytest.approx(np.trace(hessian), rel=1e-6)
        assert geometry.log_determinants[i] == pytest.approx(np.linalg.slogdet(hessian)[1], abs=1e-4)
        assert geometry.losses[i] == minimum.value
        assert geometry.test_accuracies[i] == loss.accuracy(minimum.coordinates, test=True)
        assert geometry.train_accuracies[i] == loss.accuracy(minimum.coordinates)
        assert geometry.test_data_losses[i] == loss.data_loss(minimum.coordinates, test=True)
        assert geometry.train_data_losses[i] == loss.data_loss(minimum.coordinates)
    assert geometry.lowest_eigenvalues.shape == (6,)
    np.testing.assert_array_equal(
        geometry.generalization_errors, geometry.test_data_losses - geometry.train_data_losses
    )


def test_workers_change_nothing(found):
    loss, minima = found
    one, two = (local_geometry(loss, 30 * minima, jobs=jobs) for jobs in (1, 2))
    for name, values in vars(one).items():
        np.testing.assert_array_equal(values, vars(two)[name])


def made_up(traces, errors):
    n = len(traces)
    zeros = np.zeros(n)
    return LocalGeometry(zeros, np.array(traces), *4 * [zeros], np.array(errors), zeros, zeros)


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(3)
    traces, errors = rng.exponential(size=40), np.round(rng.normal(size=40), 1)
    assert made_up(traces, errors).rank_correlation == pytest.approx(spearmanr(traces, errors).statistic)
    assert made_up([1.0, 2.0, 30.0], [0.1, 0.2, 0.3]).rank_correlation == pytest.approx(1.0)
    for geometry in (made_up([1.0, 2.0], [1.0, 2.0]), made_up([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])):
        assert np.isnan(geometry.rank_correlation)


def test_intervals_of_the_generalization_error_are_those_of_scipy(found):
    loss, minima = found
    geometry, data = local_geometry(loss, minima), loss.data
    for k, minimum in enumerate(minima):
        rows = loss.row_losses(minimum.coordinates, data.test_inputs, data.test_labels)
        low, high = ttest_1samp(rows - geometry.train_data_losses[k], 0.0).confidence_interval(0.95)
        assert (geometry.generalization.low[k], geometry.generalization.high[k]) == pytest.approx((low, high))


def test_without_test_rows(found):
    loss, minima = found
    data = loss.data
    bare = CrossEntropyLoss(loss.network, replace(data, test_inputs=np.empty((0, 2)), test_labels=np.empty(0, int)))
    geometry = local_geometry(bare, minima)
    assert np.isnan(geometry.generalization_errors).all()
    assert np.isnan(geometry.rank_correlation)
    with pytest.raises(ValueError, match="no test rows"):
        plot_geometry(geometry, Figure().subplots())


def test_bad_arguments_are_refused(found):
    with pytest.raises(ValueError, match="at least one minimum"):
        local_geometry(found[0], [])
    with pytest.raises(ValueError, match="got DoubleWell"):
        local_geometry(DoubleWell(), found[1])


def test_geometry_plot(found):
    geometry = local_geometry(*found)
    figure, (ax,) = new_figure(4.25, 3.8)
    assert plot_geometry(geometry, ax) is ax
    assert flaws(figure) == []
    expected = np.stack([geometry.traces, geometry.generalization_errors], axis=1)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), expected)
    assert f"{geometry.rank_correlation:.2f}" in ax.get_title()
