"""Every activation: its numbers over the whole range, and the derivatives of the loss against torch."""

import importlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from support.reference import finite_gradient, relative_error

from landscape import CrossEntropyLoss, Dataset
from landscape.activations import ACTIVATIONS
from landscape.losses import _variants, gradient_over_rows, gradients_of_rows
from landscape.networks import MLP

SINGLE, DOUBLE = np.float32, np.float64
OTHERS = [name for name in ACTIVATIONS if name != "tanh"]  # `test_losses` and `test_elementary_functions` have tanh
ULP = 6.0  # of the activation; of a derivative, in units of the last place of its natural scale, one
TOLERANCE = 1e-12  # of derivatives of losses, relative


def exact(name, z):
    """The activation and its two derivatives with many digits."""
    mpmath = pytest.importorskip("mpmath")
    z = mpmath.mpf(z)
    p = 1 / (1 + mpmath.exp(-z))
    phi, density = mpmath.erfc(-z / mpmath.sqrt(2)) / 2, mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)
    step = mpmath.mpf(int(z > 0))
    return {
        "sigmoid": lambda: (p, p * (1 - p), p * (1 - p) * (1 - 2 * p)),
        "softplus": lambda: (mpmath.log1p(mpmath.exp(z)), p, p * (1 - p)),
        "silu": lambda: (z * p, p + z * p * (1 - p), p * (1 - p) * (2 + z * (1 - 2 * p))),
        "gelu": lambda: (z * phi, phi + z * density, density * (2 - z * z)),
        "relu": lambda: (z * step, step, mpmath.mpf(0)),
        "linear": lambda: (z, mpmath.mpf(1), mpmath.mpf(0)),
    }[name]()


def arguments(number):
    """Of every magnitude, dense where the functions bend, up to where they end; subnormal ones."""
    rng = np.random.default_rng(0)
    end = 700.0 if number is DOUBLE else 80.0
    least = float(np.finfo(number).smallest_subnormal)
    parts = [np.linspace(-9.0, 9.0, 301), rng.uniform(-40.0, 40.0, 200), rng.uniform(-end, end, 100)]
    parts += [np.geomspace(1e-300 if number is DOUBLE else 1e-37, 1e3, 200), [0.0, least, 7 * least, 12345 * least]]
    x = np.concatenate(parts)
    return np.concatenate([x, -x]).astype(number)


def compiled(name, number):
    """The activation and its derivatives as the kernels have them, over an array, in a loop that LLVM vectorizes."""
    units = importlib.import_module(f"landscape.losses._units.{name}")
    activate, single, slope, fall = units.activate, units.activate_float32, units.slope, units.fall

    @njit(error_model="numpy")
    def double_loop(z, out):
        for i in range(z.size):
            a, first, second = activate(z[i])
            out[0, i], out[1, i] = a, slope(a, first)
            out[2, i] = second if units.KEEPS else -fall(a) * slope(a, first)

    @njit(error_model="numpy")
    def single_loop(z, out):
        for i in range(z.size):
            out[0, i], out[1, i] = single(z[i])

    def call(z):
        out = np.empty((3 if number is DOUBLE else 2, z.size), number)
        (double_loop if number is DOUBLE else single_loop)(z, out)
        return out

    return call


@pytest.mark.slow
@pytest.mark.parametrize("number", [DOUBLE, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("name", OTHERS)
def test_activations_and_their_derivatives_over_the_whole_range(name, number):
    mpmath = pytest.importorskip("mpmath")
    z = arguments(number)
    found = compiled(name, number)(z)
    least = 1e-304 if number is DOUBLE else 1e-36  # below it, underflow need not be gradual
    with mpmath.workdps(60):
        for argument, values in zip(z.tolist(), found.T.tolist(), strict=True):
            for order, (value, expected) in enumerate(zip(values, exact(name, argument), strict=False)):
                unit = float(np.spacing(number(abs(float(expected)) if order == 0 else 1.0)))
                if (name, number) == ("gelu", SINGLE):  # its tails lose digits: see `half_gaussian_float32`
                    unit *= 1.0 + argument * argument / ULP
                assert abs(value - expected) <= max(ULP * unit, least), (argument, order, value, float(expected))


@pytest.mark.slow
@pytest.mark.parametrize("number", [DOUBLE, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("name", OTHERS)
def test_ends_and_what_is_no_number(name, number):
    call = compiled(name, number)
    low, high, nothing = (call(np.full(67, z, number)) for z in (-np.inf, np.inf, np.nan))
    top = 1.0 if name == "sigmoid" else np.inf
    bottom = -np.inf if name == "linear" else 0.0
    assert (high[0] == top).all()
    assert (low[0] == bottom).all() or (name == "gelu" and number is SINGLE and (np.abs(low[0]) < 1e-36).all())
    assert np.isfinite(low[1:]).all()
    assert np.isfinite(high[1:]).all()
    assert np.isnan(nothing[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("number", [DOUBLE, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "relu", "linear"])
def test_monotone_ones_never_fall_by_more_than_their_rounding(name, number):
    z = np.sort(np.concatenate([arguments(number), np.linspace(-20, 20, 100_001).astype(number)]))
    a = compiled(name, number)(z)[0]
    top = np.maximum.accumulate(a)
    assert ((top - a) <= 8 * np.spacing(np.abs(a))).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_numpy_values_and_derivatives(name):
    units, z = ACTIVATIONS[name], np.linspace(-6.0, 6.0, 48)
    a, first, second = units.derivatives(z)
    np.testing.assert_allclose(a, units.value(z), rtol=1e-15)
    h = 1e-6
    up, down = units.derivatives(z + h), units.derivatives(z - h)
    np.testing.assert_allclose(first, (up[0] - down[0]) / (2 * h), atol=1e-8)
    np.testing.assert_allclose(second, (up[1] - down[1]) / (2 * h), atol=1e-8)
    assert np.array_equal(units.value(-z), -a) == units.odd or name == "linear"


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_rows_add_up(name, rng):
    network, data = MLP((2, 3, 2, 3), name), random_data((2, 3), 11)
    theta = rng.normal(size=network.n_parameters)

    def entropy(point):
        logits = network.logits(point, data.inputs)
        return float((np.logaddexp.reduce(logits, axis=1) - logits[np.arange(11), data.labels]).mean())

    mean = gradient_over_rows(network, theta, data.inputs, data.labels)
    np.testing.assert_allclose(gradients_of_rows(network, theta, data.inputs, data.labels).mean(axis=0), mean)
    np.testing.assert_allclose(mean, finite_gradient(entropy, theta), atol=1e-6)


def test_threads_that_ask_at_once_get_the_same_kernels(monkeypatch):
    monkeypatch.setattr(_variants, "_made", {})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(_variants.kernels, ["silu"] * 8))
    assert all(one is found[0] for one in found)
    assert found[0]["value_gradient"].py_func.__globals__["KEEPS"]
    assert not _variants.kernels("tanh")["value_gradient"].py_func.__globals__["KEEPS"]


def test_unknown_activation():
    with pytest.raises(ValueError, match=r"activation must be one of tanh, sigmoid.*; got 'Tanh'"):
        MLP((2, 3), "Tanh")


def random_data(ends, rows):
    rng = np.random.default_rng([rows, *ends])
    n_features, n_classes = ends
    return Dataset(
        rng.normal(size=(rows, n_features)),
        rng.integers(n_classes, size=rows),
        n_classes,
        rng.normal(size=(5, n_features)),
        rng.integers(n_classes, size=5),
    )


def in_torch(loss):
    """Mean cross-entropy plus lambda |theta|^2, written out."""
    torch = pytest.importorskip("torch")

    functional = torch.nn.functional
    units = {
        "softplus": lambda z: functional.softplus(z, threshold=1e6),
        "linear": lambda z: z,
        **{name: getattr(functional, name) for name in ("tanh", "sigmoid", "gelu", "silu", "relu")},
    }[loss.network.activation]
    inputs, labels = torch.tensor(loss.data.inputs), torch.tensor(loss.data.labels)

    def value(theta):
        activation, start, sizes = inputs, 0, loss.network.layer_sizes
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            kernel = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            bias = theta[start + n_in * n_out : start + (n_in + 1) * n_out]
            start += (n_in + 1) * n_out
            activation = activation @ kernel + bias
            if layer < len(sizes) - 2:
                activation = units(activation)
        return functional.cross_entropy(activation, labels) + loss.regularization * (theta * theta).sum()

    return value


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(2, 5, 5, 4), (3, 3, 2, 4, 2), (2, 3), (70, 3, 2, 3)], ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_the_loss_against_torch(name, sizes, rng):
    torch = pytest.importorskip("torch")

    loss = CrossEntropyLoss(MLP(sizes, name), random_data((sizes[0], sizes[-1]), 50 if sizes[0] > 60 else 600), 1e-2)
    for size in (0.3, 2.0):
        theta, vector = (size * rng.normal(size=loss.n_parameters) for _ in range(2))
        reference, point = in_torch(loss), torch.tensor(theta)
        expected = torch.autograd.functional.hessian(reference, point).numpy()
        value, gradient, hessian = loss.value_gradient_hessian(theta)
        assert value == pytest.approx(float(reference(point)), rel=TOLERANCE)
        assert relative_error(gradient, torch.func.grad(reference)(point).numpy()) < TOLERANCE
        assert relative_error(hessian, expected) < TOLERANCE
        assert relative_error(loss.hessian_vector_product(theta, vector), expected @ vector) < TOLERANCE
        values, gradients = loss.values_and_gradients([theta, vector])
        assert loss.value_and_gradient(theta)[0] == values[0]
        assert relative_error(gradients[0], gradient) < TOLERANCE
        entropy, accuracy = loss.scores(theta)
        assert entropy == pytest.approx(loss.data_loss(theta), rel=1e-12)
        assert accuracy == loss.accuracy(theta)
        np.testing.assert_allclose(
            loss.row_losses(theta, loss.data.test_inputs, loss.data.test_labels).mean(),
            loss.data_loss(theta, test=True),
        )
