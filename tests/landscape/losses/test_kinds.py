"""Squared error and logistic loss against torch, closed forms and cross-entropy."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from support.reference import relative_error

from landscape import CrossEntropyLoss, Dataset, LogisticLoss, SquaredErrorLoss
from landscape.datasets import RegressionDataset, teacher, teacher_parameters
from landscape.losses import WIDE, gradient_over_rows, gradients_of_rows, loss_kind
from landscape.networks import MLP
from landscape.symmetry import random_image

TOLERANCE = 1e-12


def data_of(kind, features, rows=23, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, features))
    if kind == "regression":
        targets = 3.0 * rng.normal(size=rows)
        return RegressionDataset(inputs[5:], targets[5:], inputs[:5], targets[:5])
    classes = 2 if kind == "logistic" else 3
    labels = np.arange(rows) % classes
    return Dataset(inputs[5:], labels[5:], classes, inputs[:5], labels[:5])


def loss_of(kind, hidden=(4, 3), features=3, **options):
    data = data_of(kind, features)
    made = LogisticLoss if kind == "logistic" else SquaredErrorLoss
    return made(MLP((features, *hidden, made.outputs_for(data))), data, 1e-3, **options)


KINDS = ("regression", "classes", "logistic")


def torch_value(torch, kind, loss, inputs, labels):
    """The loss in torch's own words, as a function of theta."""
    sizes = loss.network.layer_sizes
    x, y = torch.tensor(np.array(inputs)), torch.tensor(np.array(labels))

    def value(theta, reduction="mean"):
        h, start = x, 0
        for k, (n_in, n_out) in enumerate(pairwise(sizes)):
            end = start + n_in * n_out
            h = h @ theta[start:end].reshape(n_in, n_out) + theta[end : end + n_out]
            start = end + n_out
            h = torch.tanh(h) if k + 2 < len(sizes) else h
        if kind == "logistic":
            each = torch.nn.functional.binary_cross_entropy_with_logits(h[:, 0], y.double(), reduction="none")
        elif kind == "regression":
            each = 0.5 * torch.nn.functional.mse_loss(h[:, 0], y, reduction="none")
        else:
            each = 0.5 * ((h - torch.nn.functional.one_hot(y, sizes[-1]).double()) ** 2).sum(dim=1)
        return each if reduction == "none" else each.mean()

    return value


def check_against_torch(kind, loss, theta, vector):
    torch = pytest.importorskip("torch")
    data = loss.data
    value = torch_value(torch, kind, loss, data.inputs, data.labels)
    penalty = torch.tensor(np.full(loss.n_parameters, loss.regularization))
    point = torch.tensor(theta)

    def full(t):
        return value(t) + (penalty * t * t).sum()

    gradient, hessian = torch.func.grad(full)(point).numpy(), torch.func.jacrev(torch.func.grad(full))(point).numpy()
    found = loss.value_gradient_hessian(theta)
    assert found[0] == pytest.approx(float(full(point)), rel=TOLERANCE)
    assert relative_error(found[1], gradient) < TOLERANCE
    assert relative_error(found[2], hessian) < TOLERANCE
    assert relative_error(loss.value_and_gradient(theta)[1], gradient) < TOLERANCE
    np.testing.assert_array_equal(loss.values_and_gradients([theta, theta])[1][1], loss.value_and_gradient(theta)[1])
    assert relative_error(loss.hessian_vector_product(theta, vector), hessian @ vector) < TOLERANCE
    rows = torch.func.jacrev(lambda t: value(t, "none"))(point).numpy()
    own = gradients_of_rows(loss.network, theta, data.inputs, data.labels, head=loss.head)
    assert relative_error(own, rows) < TOLERANCE
    mean = gradient_over_rows(loss.network, theta, data.inputs, data.labels, head=loss.head)
    assert relative_error(mean, rows.mean(axis=0)) < TOLERANCE
    each = torch_value(torch, kind, loss, data.test_inputs, data.test_labels)(point, "none").numpy()
    np.testing.assert_allclose(loss.row_losses(theta, data.test_inputs, data.test_labels), each, rtol=1e-12)
    assert loss.scores(theta, test=True)[0] == pytest.approx(each.mean(), rel=TOLERANCE)
    assert loss.data_loss(theta, test=True) == pytest.approx(each.mean(), rel=TOLERANCE)
    np.testing.assert_array_equal(loss.scores(theta)[1], loss.accuracy(theta))


@pytest.mark.slow  # compiles
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [(), (4, 3)])
def test_derivatives_against_torch(kind, hidden):
    loss, rng = loss_of(kind, hidden), np.random.default_rng(1)
    theta, vector = rng.normal(size=(2, loss.n_parameters))
    check_against_torch(kind, loss, 1.5 * theta, vector)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_wide_inputs_against_torch(kind):
    loss, rng = loss_of(kind, (2,), WIDE), np.random.default_rng(1)
    theta, vector = 0.3 * rng.normal(size=(2, loss.n_parameters))
    check_against_torch(kind, loss, theta, vector)


def test_a_linear_network_is_least_squares():
    data, penalty = data_of("regression", WIDE, rows=400), 1e-2
    loss = SquaredErrorLoss(MLP((WIDE, 1)), data, penalty)
    matrix = np.column_stack([data.inputs, np.ones(data.rows)])
    ridge = np.linalg.solve(
        matrix.T @ matrix / data.rows + 2.0 * penalty * np.eye(WIDE + 1), matrix.T @ data.labels / data.rows
    )
    _, gradient, hessian = loss.value_gradient_hessian(np.zeros(WIDE + 1))
    np.testing.assert_allclose(-np.linalg.solve(hessian, gradient), ridge, rtol=1e-10, atol=1e-12)
    bare = SquaredErrorLoss(MLP((WIDE, 1)), data, 0.0)
    best = np.linalg.lstsq(matrix, data.labels)[0]
    assert np.linalg.norm(bare.value_and_gradient(best)[1]) < 1e-12
    residual = matrix @ best - data.labels
    assert bare.value(best) == pytest.approx(0.5 * (residual @ residual) / data.rows, rel=1e-12)
    assert bare.r_squared(best) == pytest.approx(1.0 - 2.0 * bare.value(best) / data.labels.var(), rel=1e-10)


def test_logistic_is_a_softmax_whose_other_logit_is_zero():
    data = data_of("logistic", WIDE)
    rng = np.random.default_rng(0)
    one, two = LogisticLoss(MLP((WIDE, 1)), data, 0.0), CrossEntropyLoss(MLP((WIDE, 2)), data, 0.0)
    theta = 0.3 * rng.normal(size=one.n_parameters)
    both = np.column_stack([np.zeros_like(theta), theta]).ravel()
    value, gradient = two.value_and_gradient(both)
    assert one.value(theta) == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(one.value_and_gradient(theta)[1], gradient[1::2], rtol=1e-11, atol=1e-15)
    assert one.accuracy(theta) == two.accuracy(both)


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS))
def test_symmetries_leave_the_losses_unchanged(seed, kind):
    loss, rng = loss_of(kind, (3, 2), WIDE), np.random.default_rng(seed)
    theta = 0.3 * rng.normal(size=loss.n_parameters)
    assert loss.value(random_image(loss.network, theta, rng=rng)) == pytest.approx(loss.value(theta), rel=1e-12)


def test_only_a_softmax_has_a_shift_of_the_outputs():
    for kind in KINDS:
        assert loss_of(kind, (2,), regularize_biases=False).zero_modes.shape[0] == 0
    data = data_of("classes", 3)
    assert CrossEntropyLoss(MLP((3, 2, 3)), data, 1e-3, regularize_biases=False).zero_modes.shape[0] == 1


def test_extreme_outputs_of_the_logistic_loss_are_finite():
    data = Dataset(np.array([[1.0]] * 4), [0, 1, 0, 1], 2, np.empty((0, 1)), [])
    for z in (800.0, -800.0, 40.0):
        head = LogisticLoss(MLP((1, 1)), data, 0.0).head
        outputs = np.full((4, 1), z)
        assert head.losses(outputs, data.labels).sum() == pytest.approx(2 * abs(z), rel=1e-15)
        assert np.abs(head.deltas(outputs, data.labels)).sum() == pytest.approx(2.0, rel=1e-15)


def test_losses_refuse_data_that_they_are_not_defined_for():
    regression, three = data_of("regression", 3), data_of("classes", 3)
    with pytest.raises(ValueError, match="choose squared-error"):
        CrossEntropyLoss(MLP((3, 2)), regression)
    with pytest.raises(ValueError, match="logistic needs two classes; these data have 3"):
        LogisticLoss(MLP((3, 1)), three)
    with pytest.raises(ValueError, match="3 inputs and 1 outputs"):
        SquaredErrorLoss(MLP((3, 3)), regression)
    with pytest.raises(ValueError, match="loss must be one of cross-entropy, squared-error, logistic"):
        loss_kind("hinge")


def test_accuracy_of_a_regression_is_unknown_and_r_squared_known():
    loss = loss_of("regression", (2,), WIDE)
    theta = np.zeros(loss.n_parameters)
    theta[-1] = loss.data.labels.mean()
    assert np.isnan(loss.accuracy(theta))
    assert np.isnan(loss.scores(theta)[1])
    assert loss.r_squared(theta) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(loss_of("classes", (2,), WIDE).r_squared(np.zeros(loss_of("classes", (2,), WIDE).n_parameters)))


def test_the_teacher_of_a_regression_has_no_error_on_its_own_rows():
    data = teacher(rows=50, seed=3, teacher_layers=(WIDE, 2, 1), teacher_seed=4, test_rows=20, regression=True)
    network = MLP((WIDE, 2, 1))
    loss = SquaredErrorLoss(network, data, 0.0)
    assert loss.value(teacher_parameters(network, 4)) < 1e-25
    assert loss.r_squared(teacher_parameters(network, 4), test=True) == pytest.approx(1.0)
    noisy = teacher(rows=5000, teacher_layers=(2, 1), teacher_noise=0.5, test_rows=0, regression=True)
    exact = MLP((2, 1)).logits(teacher_parameters(MLP((2, 1)), 0), noisy.inputs)[:, 0]
    assert (noisy.labels - exact).std() == pytest.approx(0.5, rel=0.05)
