import itertools
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.paths import SHARED
from support.reference import finite_gradient, finite_hessian, relative_error
from threadpoolctl import threadpool_limits

from landscape import CrossEntropyLoss, Dataset, TorchLoss, datasets
from landscape.losses import HEADS, _hessian, _kernels, _wide
from landscape.losses._sparse import SparseRows
from landscape.networks import MLP

DEPTHS = [(), (3,), (3, 2), (2, 3, 2), (2, 1, 2, 3)]
ROWS = [1, 7, 511, 512, 513, 1000]  # a block of the kernel has 512
TOLERANCE = 1e-14  # of value and gradient against torch, which rounds too
SECOND_TOLERANCE = 1e-13  # of second derivatives: at large weights their terms cancel
MNIST = SHARED / "data" / "mnist"


def random_data(rows, n_features=2, n_classes=4, seed=0):
    rng = np.random.default_rng([seed, rows])
    return Dataset(
        rng.normal(size=(rows, n_features)),
        rng.integers(n_classes, size=rows),
        n_classes,
        rng.normal(size=(5, n_features)),
        rng.integers(n_classes, size=5),
    )


def in_torch(loss):
    """Equation 1 written out: mean cross-entropy plus lambda |theta|^2 over what is held."""
    torch = pytest.importorskip("torch")

    inputs, labels = torch.tensor(loss.data.inputs), torch.tensor(loss.data.labels)
    held = np.ones(loss.n_parameters) if loss.regularize_biases else loss.network.kernel_mask()
    penalty = loss.regularization * torch.tensor(held.astype(float))

    def value(theta):
        activation, start = inputs, 0
        sizes = loss.network.layer_sizes
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            kernel = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            bias = theta[start + n_in * n_out : start + (n_in + 1) * n_out]
            start += (n_in + 1) * n_out
            activation = activation @ kernel + bias
            if layer < len(sizes) - 2:
                activation = torch.tanh(activation)
        chosen = activation.log_softmax(dim=1)[torch.arange(len(labels)), labels]
        return -chosen.mean() + (penalty * theta * theta).sum()

    return value


def mlp_module(layer_sizes):
    torch = pytest.importorskip("torch")

    modules = []
    for n_in, n_out in itertools.pairwise(layer_sizes):
        modules += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    return torch.nn.Sequential(*modules[:-1])


def to_module_order(network, theta):
    """Torch keeps kernels as (n_out, n_in)."""
    return np.concatenate([part.T.ravel() for layer in network.unflatten(theta) for part in layer])


def assert_derivatives(loss, theta, vector):
    """Value, gradient, Hessian and its product with a vector, all against torch's autograd.

    Both round pre-activations, which inputs of 1000 make large: four times what a unit in the last place of the
    parameters changes in torch's gradient is allowed besides.
    """
    torch = pytest.importorskip("torch")
    reference, point = in_torch(loss), torch.tensor(theta)
    reference_gradient = torch.func.grad(reference)
    true_gradient = reference_gradient(point).numpy()
    sway = 4.0 * relative_error(reference_gradient(torch.tensor(np.nextafter(theta, np.inf))).numpy(), true_gradient)
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    expected = torch.autograd.functional.hessian(reference, point).numpy()
    assert value == pytest.approx(float(reference(point)), rel=TOLERANCE)
    assert relative_error(gradient, true_gradient) < TOLERANCE + sway
    assert relative_error(hessian, expected) < SECOND_TOLERANCE + sway
    assert (hessian == hessian.T).all()
    assert relative_error(loss.hessian_vector_product(theta, vector), expected @ vector) < SECOND_TOLERANCE + sway
    again, gradient_alone = loss.value_and_gradient(theta)
    assert again == pytest.approx(value, rel=1e-14)
    assert relative_error(gradient_alone, gradient) < TOLERANCE


# ---------------------------------------------------------------- CrossEntropyLoss


@pytest.mark.parametrize("regularize_biases", [True, False])
@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
def test_derivatives_at_every_depth(hidden, regularize_biases, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), random_data(100), 1e-2, regularize_biases=regularize_biases)
    assert_derivatives(loss, rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


@pytest.mark.parametrize("rows", ROWS)
def test_derivatives_for_any_number_of_rows(rows, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 2, 4)), random_data(rows))
    assert_derivatives(loss, rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


@pytest.mark.parametrize(("n_features", "n_classes"), [(1, 2), (3, 3), (5, 10)])
def test_derivatives_for_any_number_of_classes(n_features, n_classes, rng):
    loss = CrossEntropyLoss(MLP((n_features, 3, 2, n_classes)), random_data(50, n_features, n_classes), 1e-3)
    assert_derivatives(loss, rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


def test_derivatives_of_the_four_architectures(loss, rng):
    assert_derivatives(loss, 2.0 * rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


@settings(max_examples=40, deadline=None)
@given(hidden=st.lists(st.integers(1, 4), max_size=4), rows=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_derivatives_against_finite_differences(hidden, rows, seed):
    loss = CrossEntropyLoss(MLP((2, *hidden, 3)), random_data(rows, n_classes=3, seed=seed), 1e-3)
    theta = np.random.default_rng(seed).normal(size=loss.n_parameters)
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    assert loss.value(theta) == pytest.approx(value)
    np.testing.assert_allclose(gradient, finite_gradient(loss.value, theta), atol=1e-8)
    np.testing.assert_allclose(hessian, finite_hessian(lambda x: loss.value_and_gradient(x)[1], theta), atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 4), max_size=4),
    rows=st.integers(1, 600),
    held=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_hessian_vector_product_is_the_product(hidden, rows, held, seed):
    loss = CrossEntropyLoss(MLP((2, *hidden, 3)), random_data(rows, n_classes=3), 1e-3, regularize_biases=held)
    theta, vector = np.random.default_rng(seed).normal(size=(2, loss.n_parameters))
    hessian = loss.hessian(theta)
    error = np.abs(loss.hessian_vector_product(theta, vector) - hessian @ vector).max()
    assert error < 1e-12 * max(1.0, np.abs(hessian).max())


def test_a_network_collapsed_to_constants_has_exact_derivatives(data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 2, 4)), data)
    assert_derivatives(loss, np.zeros(loss.n_parameters), rng.normal(size=loss.n_parameters))
    at_zero = loss.value(np.zeros(loss.n_parameters))
    assert at_zero == pytest.approx(np.log(4.0), rel=1e-14)


@pytest.mark.parametrize(
    ("regularization", "regularize_biases", "n_modes"), [(1e-4, True, 0), (1e-4, False, 1), (0.0, True, 4)]
)
def test_zero_modes_are_flat_and_orthonormal(few_data, rng, regularization, regularize_biases, n_modes):
    loss = CrossEntropyLoss(MLP((2, 2, 3, 4)), few_data, regularization, regularize_biases=regularize_biases)
    modes, theta = loss.zero_modes, rng.normal(size=loss.n_parameters)
    assert modes.shape == (n_modes, loss.n_parameters)
    np.testing.assert_allclose(modes @ modes.T, np.eye(n_modes), atol=1e-15)
    for mode in modes:
        for length in (-30.0, 0.1, 7.0):
            assert loss.value(theta + length * mode) == pytest.approx(loss.value(theta), rel=1e-13)
        assert np.abs(loss.hessian(theta) @ mode).max() < 1e-14
    assert len(modes) == 0 or np.abs(modes @ loss.value_and_gradient(theta)[1]).max() < 1e-15


def test_a_penalty_on_all_parameters_leaves_no_flat_direction(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 2, 4)), few_data)
    shift = np.zeros(loss.n_parameters)
    shift[-4:] = 0.5
    theta = rng.normal(size=loss.n_parameters)
    assert loss.value(theta + shift) != pytest.approx(loss.value(theta), rel=1e-9)


@pytest.mark.parametrize("size", [1e2, 1e3, 1e5])
def test_large_parameters_give_finite_numbers(data, rng, size):
    loss = CrossEntropyLoss(MLP((2, 5, 5, 4)), data)
    theta = rng.normal(size=loss.n_parameters)
    theta *= size / np.linalg.norm(theta)
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()
    assert np.isfinite(loss.hessian_vector_product(theta, theta)).all()


def test_large_parameters_against_torch(data, rng):
    loss = CrossEntropyLoss(MLP((2, 5, 5, 4)), data)
    theta = rng.normal(size=loss.n_parameters)
    assert_derivatives(loss, theta * 100.0 / np.linalg.norm(theta), rng.normal(size=loss.n_parameters))


@pytest.mark.parametrize("regularization", [0.0, 1e-4])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_diverged_network_shows(few_data, rng, regularization, bad):
    loss = CrossEntropyLoss(MLP((2, 3, 3, 4)), few_data, regularization)
    for position in range(0, loss.n_parameters, 5):
        theta = rng.normal(size=loss.n_parameters)
        theta[position] = bad
        value, gradient, hessian = loss.value_gradient_hessian(theta)
        assert not np.isfinite(value)
        assert not np.isfinite(gradient).all()
        assert np.isnan(hessian).any() or not np.isnan(bad)


def test_accuracy_counts_the_rows_where_the_largest_logit_is_right(data, rng):
    loss = CrossEntropyLoss(MLP((2, 5, 4)), data)
    theta = rng.normal(size=loss.n_parameters)
    for test, inputs, labels in ((False, data.inputs, data.labels), (True, data.test_inputs, data.test_labels)):
        hidden, last = loss.network.unflatten(theta)
        right = 0
        for row, label in zip(inputs, labels, strict=True):
            logits = np.tanh(row @ hidden.kernel + hidden.bias) @ last.kernel + last.bias
            right += int(np.argmax(logits) == label)
        assert loss.accuracy(theta, test=test) == pytest.approx(right / len(labels), abs=1e-15)
    constant = np.zeros(loss.n_parameters)
    constant[-4] = 1.0
    assert loss.accuracy(constant) == data.class_counts[0] / data.rows


def test_accuracy_without_rows_is_nan():
    assert math.isnan(HEADS["cross-entropy"].share_correct(np.zeros((0, 3)), np.zeros(0, np.int64)))


def test_read_only_input_is_accepted_and_nothing_is_written(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data)
    theta, vector = rng.normal(size=(2, loss.n_parameters))
    before = theta.copy()
    theta.flags.writeable = vector.flags.writeable = False
    loss.value_gradient_hessian(theta)
    loss.value_and_gradient(theta)
    loss.hessian_vector_product(theta, vector)
    loss.accuracy(theta)
    assert (theta == before).all()


def test_lists_strides_and_other_types_are_accepted(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data)
    theta = rng.normal(size=loss.n_parameters)
    value = loss.value(theta)
    assert loss.value(theta.tolist()) == value
    assert loss.value(np.repeat(theta, 2)[::2]) == value
    assert loss.value(theta.astype(np.float32)) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("shape", [(24,), (26,), (25, 1), ()])
def test_wrong_shapes_raise(small_loss, shape):
    wrong, right = np.zeros(shape), np.zeros(25)
    for call in (
        small_loss.value,
        small_loss.value_and_gradient,
        small_loss.value_gradient_hessian,
        small_loss.accuracy,
        lambda theta: small_loss.hessian_vector_product(theta, right),
        lambda vector: small_loss.hessian_vector_product(right, vector),
    ):
        with pytest.raises(ValueError, match=r"theta must have shape \(25,\)"):
            call(wrong)


@pytest.mark.parametrize("layer_sizes", [(3, 5, 4), (2, 5, 3)])
def test_a_network_that_does_not_fit_the_data_is_refused(few_data, layer_sizes):
    with pytest.raises(ValueError, match="network must have 2 inputs and 4 outputs"):
        CrossEntropyLoss(MLP(layer_sizes), few_data)


@pytest.mark.parametrize("regularization", [-1e-4, np.nan, np.inf])
def test_a_wrong_regularization_is_refused(few_data, regularization):
    with pytest.raises(ValueError, match="regularization must be a finite number >= 0; got"):
        CrossEntropyLoss(MLP((2, 5, 4)), few_data, regularization)


@pytest.mark.parametrize("scale", [1e-100, 1e-10, 1e-6, 1e3, 1e6, 1e10, 1e100])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e3])
def test_inputs_and_weights_of_any_size_against_torch(scale, size, rng):
    data = random_data(30)
    scaled = Dataset(scale * data.inputs, data.labels, 4, data.test_inputs, data.test_labels)
    loss = CrossEntropyLoss(MLP((2, 3, 2, 4)), scaled, 1e-3)
    assert_derivatives(loss, size * rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


# ---------------------------------------------------------------- batches and wide inputs


@pytest.mark.parametrize("layer_sizes", [(2, 4), (2, 5, 5, 4), (80, 3, 4)], ids=str)
def test_a_batch_has_the_bits_of_single_calls(layer_sizes, rng):
    loss = CrossEntropyLoss(MLP(layer_sizes), random_data(700, layer_sizes[0]))
    thetas = rng.normal(size=(5, loss.n_parameters))
    values, gradients = loss.values_and_gradients(thetas)
    for theta, value, gradient in zip(thetas, values, gradients, strict=True):
        expected, expected_gradient = loss.value_and_gradient(theta)
        assert value == expected
        np.testing.assert_array_equal(gradient, expected_gradient)


def test_a_batch_of_a_torch_loss(few_data, rng):
    pytest.importorskip("torch")
    loss = TorchLoss(mlp_module((2, 3, 4)), few_data)
    thetas = rng.normal(size=(2, loss.n_parameters))
    values, gradients = loss.values_and_gradients(thetas)
    np.testing.assert_allclose(values, [loss.value_and_gradient(theta)[0] for theta in thetas], rtol=1e-14)
    np.testing.assert_allclose(gradients[1], loss.value_and_gradient(thetas[1])[1], rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match=r"thetas must have shape \(M, 25\); got \(25,\)"):
        loss.values_and_gradients(thetas[0])


@pytest.mark.parametrize("hidden", [(), (3,), (3, 2), (2, 3, 2)], ids=str)
def test_wide_inputs_have_exact_derivatives(hidden, rng):
    loss = CrossEntropyLoss(MLP((70, *hidden, 4)), random_data(60, 70), 1e-2)
    assert_derivatives(loss, 0.5 * rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


def mostly_zero(rows, n_features, n_classes, values):
    """Rows of which four in five numbers are zero, some features in all; the others are pixels or any numbers."""
    rng = np.random.default_rng([rows, n_features])
    numbers = (
        rng.integers(1, 256, (rows, n_features)) / 255 if values == "pixels" else rng.normal(size=(rows, n_features))
    )
    inputs = np.where(rng.random((rows, n_features)) < 0.2, numbers, 0.0)
    inputs[:, ::7] = 0.0
    return Dataset(inputs, rng.integers(n_classes, size=rows), n_classes, inputs[:1], np.zeros(1, int))


@pytest.mark.parametrize("values", ["pixels", pytest.param("numbers", marks=pytest.mark.slow)])  # compiled for each
@pytest.mark.parametrize("hidden", [pytest.param((), marks=pytest.mark.slow), (3, 2)], ids=str)
def test_sparse_inputs_have_exact_derivatives(hidden, values, rng):
    loss = CrossEntropyLoss(MLP((70, *hidden, 4)), mostly_zero(60, 70, 4, values), 1e-2)
    assert isinstance(loss._inputs, SparseRows)
    assert loss._inputs.values.dtype == (np.uint8 if values == "pixels" else np.float64)
    assert_derivatives(loss, 0.5 * rng.normal(size=loss.n_parameters), rng.normal(size=loss.n_parameters))


@pytest.mark.parametrize(("rows", "hidden"), [(1, (3,)), (50, (9,)), (2001, (2, 2))], ids=str)  # a group: 8 units
def test_sparse_and_dense_inputs_agree(rows, hidden, rng):
    network, data = MLP((64, *hidden, 3)), mostly_zero(rows, 64, 3, "pixels")
    sparse, dense = (CrossEntropyLoss(network, data, 1e-3) for _ in range(2))
    dense._inputs = np.array(data.inputs)
    theta, vector = rng.normal(size=(2, network.n_parameters))
    for a, b in zip(sparse.value_gradient_hessian(theta), dense.value_gradient_hessian(theta), strict=True):
        assert relative_error(a, b) < 1e-12
    products = (loss.hessian_vector_product(theta, vector) for loss in (sparse, dense))
    assert relative_error(*products) < 1e-12


def test_sparse_inputs_give_the_same_bits_wherever_they_run(rng):
    data = mostly_zero(60, 70, 4, "pixels")
    loss = CrossEntropyLoss(MLP((70, 3, 2, 4)), data)
    theta = rng.normal(size=loss.n_parameters)
    elsewhere = pickle.loads(pickle.dumps(loss))
    with threadpool_limits(2):
        for a, b in zip(loss.value_gradient_hessian(theta), elsewhere.value_gradient_hessian(theta), strict=True):
            np.testing.assert_array_equal(a, b)


def test_only_wide_inputs_that_are_mostly_zero_are_sparse():
    assert isinstance(CrossEntropyLoss(MLP((70, 3, 4)), random_data(20, 70))._inputs, np.ndarray)
    narrow = mostly_zero(50, 20, 4, "pixels")
    assert isinstance(CrossEntropyLoss(MLP((20, 3, 4)), narrow)._inputs, np.ndarray)


@pytest.mark.parametrize("rows", [1, 1999, 2000, 4001])  # a block has 2000
@pytest.mark.parametrize("hidden", [(), (4,), (2, 3, 2)], ids=str)
def test_the_two_forms_agree(rows, hidden, rng):
    network, data = MLP((5, *hidden, 3)), random_data(rows, 5, 3)
    sizes, penalty = np.array(network.layer_sizes), np.full(network.n_parameters, 1e-3)
    theta, vector = rng.normal(size=(2, network.n_parameters))
    columns = (np.array(data.inputs.T, order="C"), np.array(data.labels), penalty)
    rows_first = (np.array(data.inputs), np.array(data.labels), penalty)
    for a, b in zip(
        _hessian.value_gradient_hessian(theta, sizes, *columns),
        _wide.value_gradient_hessian(theta, sizes, *rows_first),
        strict=True,
    ):
        assert relative_error(a, b) < 1e-13
    product = _kernels.hessian_vector_product(theta, vector, sizes, *columns)
    assert relative_error(product, _wide.hessian_vector_product(theta, vector, sizes, *rows_first)) < 1e-13


def test_a_diverged_wide_network_shows(rng):
    loss = CrossEntropyLoss(MLP((70, 2, 4)), random_data(20, 70))
    theta = rng.normal(size=loss.n_parameters)
    theta[3] = np.nan
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    assert np.isnan(value)
    assert np.isnan(gradient).any()
    assert np.isnan(hessian).any()


def test_the_hessian_of_mnist_against_products(rng):
    try:
        data = datasets.load("mnist", rows=300, data_dir=MNIST)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    loss = CrossEntropyLoss(MLP((784, 5, 10)), data)
    theta = loss.network.glorot_uniform(rng)
    hessian = loss.hessian(theta)
    for vector in rng.normal(size=(3, loss.n_parameters)):
        assert relative_error(hessian @ vector, loss.hessian_vector_product(theta, vector)) < 1e-12


# ---------------------------------------------------------------- TorchLoss


@pytest.mark.parametrize("regularize_biases", [True, False])
@pytest.mark.parametrize("hidden", DEPTHS, ids=str)
def test_torch_loss_of_the_same_network_agrees(few_data, hidden, regularize_biases, rng):
    pytest.importorskip("torch")
    network = MLP((2, *hidden, 4))
    ours = CrossEntropyLoss(network, few_data, 1e-2, regularize_biases=regularize_biases)
    other = TorchLoss(mlp_module(network.layer_sizes), few_data, 1e-2, regularize_biases=regularize_biases)
    theta, vector = rng.normal(size=(2, network.n_parameters))
    order = to_module_order(network, np.arange(network.n_parameters, dtype=float)).astype(int)
    value, gradient, hessian = ours.value_gradient_hessian(theta)
    other_value, other_gradient, other_hessian = other.value_gradient_hessian(theta[order])
    assert other.n_parameters == ours.n_parameters
    assert other_value == pytest.approx(value, rel=TOLERANCE)
    assert other.value(theta[order]) == pytest.approx(value, rel=TOLERANCE)
    assert relative_error(other_gradient, gradient[order]) < TOLERANCE
    assert relative_error(other_hessian, hessian[np.ix_(order, order)]) < TOLERANCE
    product = ours.hessian_vector_product(theta, vector)[order]
    assert relative_error(other.hessian_vector_product(theta[order], vector[order]), product) < TOLERANCE
    assert other.accuracy(theta[order]) == ours.accuracy(theta)
    assert other.accuracy(theta[order], test=True) == ours.accuracy(theta, test=True)


def skip_module():
    """x + tanh(x A) fed into a layer norm: nothing that `MLP` could describe."""
    torch = pytest.importorskip("torch")

    class Skip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = torch.nn.Linear(2, 2), torch.nn.Linear(2, 4)
            self.scale = torch.nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.outer(self.scale * x + torch.tanh(self.inner(x)))

    return Skip()


def test_torch_loss_of_any_module_has_consistent_derivatives(few_data, rng):
    torch = pytest.importorskip("torch")
    module = skip_module()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    loss = TorchLoss(module, few_data, 1e-3)
    theta, vector = rng.normal(size=(2, loss.n_parameters))
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    assert loss.network is None
    assert value == loss.value(theta)
    np.testing.assert_allclose(gradient, finite_gradient(loss.value, theta), atol=1e-8)
    np.testing.assert_allclose(hessian, finite_hessian(lambda x: loss.value_and_gradient(x)[1], theta), atol=1e-7)
    np.testing.assert_allclose(loss.hessian_vector_product(theta, vector), hessian @ vector, atol=1e-12)
    for parameter, old in zip(module.parameters(), before, strict=True):
        assert parameter.dtype == torch.float32
        assert parameter.requires_grad
        assert torch.equal(parameter, old)


def test_torch_loss_does_not_write_its_input(few_data, rng):
    pytest.importorskip("torch")
    loss = TorchLoss(skip_module(), few_data)
    theta = rng.normal(size=loss.n_parameters)
    before = theta.copy()
    theta.flags.writeable = False
    loss.value_gradient_hessian(theta)
    assert (theta == before).all()


def test_torch_loss_names_a_wrong_shape(few_data):
    pytest.importorskip("torch")
    loss = TorchLoss(skip_module(), few_data)
    with pytest.raises(ValueError, match=r"theta must have shape \(20,\)"):
        loss.value(np.zeros(19))
    with pytest.raises(ValueError, match="regularization"):
        TorchLoss(skip_module(), few_data, -1.0)


def test_torch_loss_of_a_module_with_dropout_is_one_function(few_data, rng):
    torch = pytest.importorskip("torch")
    loss = TorchLoss(torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5)), few_data)
    theta = rng.normal(size=loss.n_parameters)
    assert loss.value(theta) == loss.value(theta)


def test_torch_loss_without_torch_says_how_to_get_it(few_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'agescape\[torch\]'"):
        TorchLoss(None, few_data)
