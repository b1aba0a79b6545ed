"""The kernels for wide inputs against a naive network in float64 and against the loops over all layers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from support.sgd import DECAY, KEY, RATE, naive_gradient, naive_sgd, problem

from dynamics import SGD, train
from dynamics.kernels import _wide_layer, get_kernel, is_wide
from dynamics.kernels._kernels import _build
from dynamics.noises import NOISES, _random, make_noise
from dynamics.training import _wide_curves
from dynamics.training._curves import evaluate_curves
from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP

PARAMETERS = {"persistent": {"persistence": 5.0}, "langevin": {"temperature": 1e-3}}
SIZES = (70, 4, 3, 5)  # rows of 70 numbers are padded; blocks of two units


@dataclass
class Run:
    """What a call of a kernel leaves."""

    records: Any
    theta: Any
    velocity: Any
    diverged: int


def read_only(array):
    array.flags.writeable = False
    return array


def advance(
    sizes, theta, inputs, labels, batch_size, start, stop, *, noise="sgd", precision="float64", momentum=0.0,
    label_noise=0.0, velocity=None, rates=RATE,
):  # fmt: skip
    dtype = np.dtype(precision)
    theta = np.array(theta, dtype)
    velocity = np.zeros(theta.size, dtype) if velocity is None else velocity.copy()
    records = np.empty((stop - start + 1, theta.size), dtype)
    pixels = inputs.dtype == np.uint8
    rows = len(labels) if NOISES[noise].all_rows else batch_size
    kernel = get_kernel(
        sizes,
        rows,
        precision,
        noise,
        update="momentum" if momentum else "sgd",
        label_noise=label_noise > 0,
        pixels=pixels,
    )
    diverged = kernel.advance(
        theta, velocity, read_only(np.array(inputs, np.uint8 if pixels else dtype)),
        read_only(np.array(labels, dtype)), KEY, start, stop, batch_size,
        np.broadcast_to(rates, stop - start).astype(dtype), dtype.type(momentum), np.full(theta.size, DECAY, dtype),
        label_noise, make_noise(noise, **PARAMETERS.get(noise, {})).numbers, np.arange(start, stop + 1), records,
    )  # fmt: skip
    return Run(records, theta, velocity, diverged)


def looped(monkeypatch, *arguments, **options):
    """The same by the loops over all layers."""
    with monkeypatch.context() as context:
        context.setattr(_wide_layer, "WIDE", 10**6)
        _build.cache_clear()
        run = advance(*arguments, **options)
    _build.cache_clear()
    return run


CASES = [
    (SIZES, 23, 5, "sgd"),  # neither B nor N are multiples of the tile, N not of B
    pytest.param(SIZES, 300, 300, "full", marks=pytest.mark.slow),  # several passes
    pytest.param((80, 7, 3), 23, 6, "sgd", marks=pytest.mark.slow),  # blocks of three and two units, no padding
    pytest.param((70, 4), 16, 8, "sgd", marks=pytest.mark.slow),  # no hidden layer
    pytest.param((70, 13, 13, 4), 23, 5, "sgd", marks=pytest.mark.slow),  # loops behind the first layer
]


@pytest.mark.parametrize(("sizes", "rows", "batch_size", "noise"), CASES)
def test_float64_agrees_with_naive_sgd(sizes, rows, batch_size, noise):
    inputs, labels, theta = problem(sizes, rows)
    run = advance(sizes, theta, inputs, labels, batch_size, 0, 20, noise=noise)
    assert run.diverged == -1
    expected = naive_sgd(sizes, theta, inputs, labels, batch_size, 20, noise)
    np.testing.assert_allclose(run.records, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(run.theta, run.records[-1])


@pytest.mark.slow
def test_pixels_in_float32_agree_with_naive_sgd():
    _, labels, theta = problem(SIZES, 23)
    pixels = np.random.default_rng(0).integers(0, 256, (23, SIZES[0]), dtype=np.uint8)
    run = advance(SIZES, theta, pixels, labels, 5, 0, 12, precision="float32", momentum=0.5)
    expected = naive_momentum(theta, pixels / 255, labels, 5, 12, 0.5)
    np.testing.assert_allclose(run.records, expected, atol=2e-5)
    np.testing.assert_allclose(run.velocity, expected[-1] - expected[-2], atol=2e-5)


def naive_momentum(theta, inputs, labels, batch_size, steps, momentum):
    """Heavy ball in Keras' epochs: theta before each step and at the end."""
    theta, velocity, path = theta.copy(), np.zeros_like(theta), []
    order = np.empty(len(labels), np.int32)
    for step in range(steps):
        path.append(theta)
        epoch, position = divmod(step, -(-len(labels) // batch_size))
        _random.shuffle(order, KEY, epoch)
        rows = order[position * batch_size : (position + 1) * batch_size]
        gradient = naive_gradient(SIZES, theta, inputs[rows], labels[rows])
        velocity = momentum * velocity - RATE * (gradient + DECAY * theta)
        theta = theta + velocity
    return np.array([*path, theta])


@pytest.mark.slow
def test_a_run_with_momentum_can_be_cut_anywhere():
    _, labels, theta = problem(SIZES, 23)
    pixels = np.random.default_rng(0).integers(0, 256, (23, SIZES[0]), dtype=np.uint8)
    options: Any = {"precision": "float32", "momentum": 0.5}
    whole = advance(SIZES, theta, pixels, labels, 5, 0, 17, **options)
    for stop in (1, 5, 7, 10):
        head = advance(SIZES, theta, pixels, labels, 5, 0, stop, **options)
        tail = advance(SIZES, head.theta, pixels, labels, 5, stop, 17, velocity=head.velocity, **options)
        np.testing.assert_array_equal(np.concatenate([head.records, tail.records[1:]]), whole.records)
        np.testing.assert_array_equal(tail.velocity, whole.velocity)


def test_divergence_is_reported_and_leaves_the_point():
    inputs, labels, theta = problem(SIZES, 23)
    theta[3] = np.inf
    run = advance(SIZES, theta, inputs, labels, 5, 4, 17)
    assert run.diverged == 5
    assert not np.isfinite(run.theta).all()


@pytest.mark.slow
@pytest.mark.parametrize("noise", sorted(NOISES))
def test_all_noises_agree_with_the_loops(monkeypatch, noise):
    momentum = 0.9 if noise in ("langevin", "persistent", "sgd") else 0.0
    inputs, labels, theta = problem(SIZES, 150)
    arguments = (SIZES, theta, inputs, labels, 20, 3, 40)
    options: Any = {"noise": noise, "momentum": momentum, "label_noise": 0.2, "rates": RATE / np.arange(1, 38)}
    ours, theirs = advance(*arguments, **options), looped(monkeypatch, *arguments, **options)
    np.testing.assert_allclose(ours.records, theirs.records, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(ours.velocity, theirs.velocity, rtol=1e-10, atol=1e-10)


def test_which_networks_are_wide():
    assert is_wide((784, 5, 10))
    assert not is_wide((2, 30, 30, 4))  # few inputs
    assert not is_wide((40, 3, 4))  # written out


# ------------------------------------------------------------------ ensembles


def images(rows=120, features=70):
    """Data of pixels, learnable."""
    rng = np.random.default_rng(1)
    prototypes = rng.integers(0, 256, (5, features))
    labels = rng.integers(0, 5, rows + 40)
    pixels = np.where(rng.random((rows + 40, features)) < 0.5, prototypes[labels], 0) / 255.0
    return Dataset(pixels[:rows], labels[:rows], 5, pixels[rows:], labels[rows:], {"name": "images", "rows": rows})


@pytest.mark.slow
def test_runs_on_pixels_learn_and_their_curves_are_right(tmp_path):
    data, network = images(), MLP(SIZES)
    runs = train(
        CrossEntropyLoss(network, data),
        SGD(0.1, 5, momentum=0.5),
        replicas=2,
        steps=3000,
        seed=1,
        path=tmp_path / "F.h5",
    )
    assert runs.accuracy[:, -1].min() > 0.9
    loss = CrossEntropyLoss(network, data, 1e-4)
    for r in range(2):
        theta = runs.snapshots[r, -1].astype(float)
        value, gradient = loss.value_and_gradient(theta)
        assert runs.loss[r, -1] == pytest.approx(value, rel=1e-6)
        assert runs.gradient_norm[r, -1] == pytest.approx(np.linalg.norm(gradient), rel=1e-4)
        assert runs.test_loss[r, -1] == pytest.approx(loss.data_loss(theta, test=True), rel=1e-6)
        assert runs.accuracy[r, -1] == loss.accuracy(theta)
        assert runs.test_accuracy[r, -1] == loss.accuracy(theta, test=True)


@pytest.mark.parametrize("sizes", [(70, 5), (70, 4, 3, 5), (70, 300, 5)])
@pytest.mark.parametrize("whole", [True, False])
def test_wide_curves_agree_with_float64(monkeypatch, sizes, whole):
    monkeypatch.setattr(_wide_curves, "ROWS", 50)  # neither all rows nor a divisor of their number
    data, network = images(), MLP(sizes)
    if not whole:  # other inputs than pixels, no test rows
        none = data.test_inputs[:0], data.test_labels[:0]
        data = Dataset(data.inputs - 0.3, data.labels, 5, *none, {})
    rng = np.random.default_rng(0)
    thetas = np.array([(1 + k) * network.glorot_uniform(rng) for k in range(3)])
    penalty = rng.random(network.n_parameters) * 1e-3
    ours = evaluate_curves(network, data, penalty, thetas)
    bare = CrossEntropyLoss(network, data, 0.0)
    for k, theta in enumerate(thetas):
        entropy, gradient = bare.value_and_gradient(theta)
        assert ours.loss[k] == pytest.approx(entropy + penalty @ theta**2, rel=1e-6)
        assert ours.gradient_norm[k] == pytest.approx(np.linalg.norm(gradient + 2 * penalty * theta), rel=1e-5)
        assert ours.accuracy[k] == bare.accuracy(theta)
        assert ours.test_loss[k] == pytest.approx(bare.data_loss(theta, test=True), rel=1e-6, nan_ok=True)
        assert ours.test_accuracy[k] == pytest.approx(bare.accuracy(theta, test=True), nan_ok=True)
