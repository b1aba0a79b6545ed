"""Every loss of a torch module against the compiled perceptron that it is, and against torch."""

import dataclasses

import numpy as np
import pytest
from support.reference import relative_error

from dynamics import load_trajectories
from dynamics.gradient_noise import per_sample_gradients
from dynamics.runs import loss_of_runs
from dynamics.snapshots import check_loss
from dynamics.training import SGD, Adam, ModuleLoss, train, train_module
from landscape import Dataset, TorchLoss
from landscape.database import Database, loss_of, provenance_of
from landscape.datasets import RegressionDataset, teacher
from landscape.losses import LOSSES, WIDE, load_module
from landscape.networks import MLP

torch = pytest.importorskip("torch")

TOLERANCE = 1e-12
KINDS = {"one target": "squared-error", "two targets": "squared-error", "classes": "squared-error",
         "logistic": "logistic", "softmax": "cross-entropy"}  # fmt: skip
HEAVY_BALL = SGD(0.05, 4, "float64", momentum=0.9)
SMALL = [pytest.param(3, marks=pytest.mark.slow), WIDE]  # inputs; kernels to compile


def data_of(what, features, rows=23, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, features))
    if "target" in what:
        targets = 3.0 * rng.normal(size=(rows, 1 + (what == "two targets")))
        return RegressionDataset(inputs[5:], targets[5:], inputs[:5], targets[:5])
    classes = 2 if what == "logistic" else 3
    labels = np.arange(rows) % classes
    return Dataset(inputs[5:], labels[5:], classes, inputs[:5], labels[:5])


def pair(what, features, hidden=(2,), penalty=1e-3):
    """The loss of a perceptron, that of the module that it is, and the places of the module's parameters."""
    data, kind = data_of(what, features), KINDS[what]
    network = MLP((features, *hidden, LOSSES[kind].outputs_for(data)))
    layers = [torch.nn.Linear(n, m) for n, m in zip(network.layer_sizes[:-1], network.layer_sizes[1:], strict=True)]
    parts = [part for layer in layers for part in (layer, torch.nn.Tanh())][:-1]
    module = torch.nn.Sequential(*parts)
    places = [
        part
        for layer in network.unflatten(np.arange(float(network.n_parameters)))
        for part in (layer.kernel.T.ravel(), layer.bias)
    ]
    compiled = LOSSES[kind](network, data, penalty, regularize_biases=False)
    wrapped = TorchLoss(module, data, penalty, regularize_biases=False, kind=kind)
    return compiled, wrapped, np.concatenate(places).astype(int)


@pytest.mark.parametrize("features", SMALL)
@pytest.mark.parametrize("what", KINDS)
def test_a_module_has_the_derivatives_of_its_perceptron(what, features):
    compiled, module, places = pair(what, features)
    rng = np.random.default_rng(1)
    theta, vector = 0.4 * rng.normal(size=(2, compiled.n_parameters))
    value, gradient, hessian = compiled.value_gradient_hessian(theta)
    own, slope, curvature = module.value_gradient_hessian(theta[places])
    assert own == pytest.approx(value, rel=TOLERANCE)
    assert relative_error(slope, gradient[places]) < TOLERANCE
    assert relative_error(curvature, hessian[np.ix_(places, places)]) < TOLERANCE
    product = module.hessian_vector_product(theta[places], vector[places])
    assert relative_error(product, compiled.hessian_vector_product(theta, vector)[places]) < TOLERANCE
    values, slopes = module.values_and_gradients(np.stack([theta[places]] * 2))
    assert values[1] == pytest.approx(value, rel=TOLERANCE)
    assert relative_error(slopes[0], gradient[places]) < TOLERANCE
    rows = per_sample_gradients(module, theta[places])
    assert relative_error(rows, per_sample_gradients(compiled, theta)[:, places]) < TOLERANCE
    data = compiled.data
    each = compiled.row_losses(theta, data.test_inputs, data.test_labels)
    np.testing.assert_allclose(module.row_losses(theta[places], data.test_inputs, data.test_labels), each, rtol=1e-12)
    for test in (False, True):
        np.testing.assert_array_equal(module.accuracy(theta[places], test=test), compiled.accuracy(theta, test=test))
        for found, wanted in (
            (module.data_loss(theta[places], test=test), compiled.data_loss(theta, test=test)),
            (module.r_squared(theta[places], test=test), compiled.r_squared(theta, test=test)),
        ):
            np.testing.assert_allclose(found, wanted, rtol=1e-11)
    assert (module.name, module.unit) == (compiled.name, compiled.unit)
    assert np.isnan(module.r_squared(theta[places])) == (not data.is_regression)


@pytest.mark.slow  # kernels to compile
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("hidden", [(), (4, 3)])
def test_derivatives_against_torch(what, hidden):
    """Autograd of a sum over rows, written out here."""
    compiled, _, _ = pair(what, 3, hidden)
    data, network = compiled.data, compiled.network
    inputs, labels = torch.tensor(np.array(data.inputs)), torch.tensor(np.array(data.labels))

    def value(theta):
        outputs, start = inputs, 0
        for k, (n_in, n_out) in enumerate(zip(network.layer_sizes[:-1], network.layer_sizes[1:], strict=True)):
            end = start + n_in * n_out
            outputs = outputs @ theta[start:end].reshape(n_in, n_out) + theta[end : end + n_out]
            start = end + n_out
            outputs = torch.tanh(outputs) if k + 2 < len(network.layer_sizes) else outputs
        if what == "softmax":
            rows = torch.logsumexp(outputs, 1) - outputs[torch.arange(data.rows), labels]
        elif what == "logistic":
            rows = torch.log1p(torch.exp(outputs[:, 0])) - labels * outputs[:, 0]
        else:
            wanted = torch.eye(3, dtype=torch.float64)[labels] if what == "classes" else labels.reshape(data.rows, -1)
            rows = 0.5 * ((outputs - wanted) ** 2).sum(1)
        held = torch.tensor(network.kernel_mask().astype(float))
        return rows.mean() + 1e-3 * (held * theta**2).sum()

    rng = np.random.default_rng(3)
    theta, vector = 0.7 * rng.normal(size=(2, compiled.n_parameters))
    point = torch.tensor(theta)
    gradient = torch.func.grad(value)(point).numpy()
    hessian = torch.func.jacrev(torch.func.grad(value))(point).numpy()
    found = compiled.value_gradient_hessian(theta)
    assert found[0] == pytest.approx(float(value(point)), rel=TOLERANCE)
    assert relative_error(found[1], gradient) < TOLERANCE
    assert relative_error(found[2], hessian) < TOLERANCE
    assert relative_error(compiled.hessian_vector_product(theta, vector), hessian @ vector) < TOLERANCE
    np.testing.assert_allclose(
        compiled.scores(theta), (compiled.data_loss(theta), compiled.accuracy(theta)), rtol=1e-12
    )


@pytest.mark.slow  # kernels to compile
@pytest.mark.parametrize(
    ("what", "features", "optimizer"),
    [
        *((what, 3, HEAVY_BALL) for what in KINDS),
        ("two targets", 3, Adam(0.01, 4, "float64")),
        ("two targets", WIDE, HEAVY_BALL),
    ],
)
def test_a_module_takes_the_steps_of_its_perceptron(what, features, optimizer):
    compiled, module, places = pair(what, features, (4,) if features == WIDE else (2,))
    trained = ModuleLoss(module.module, compiled.data, 1e-3, regularize_biases=False, kind=module.name)
    kernel = train(compiled, optimizer, replicas=2, steps=30, seed=3)
    runs = train_module(trained, optimizer, replicas=2, steps=30, seed=3, start=kernel.snapshots[:, 0][:, places])
    last = kernel.snapshots[:, -1][:, places]
    assert relative_error(runs.snapshots[:, -1], last) < TOLERANCE
    assert np.abs(last - runs.snapshots[:, 0]).max() > 0.01
    rough = 1e-12 if features < WIDE else 1e-5  # curves of wide inputs are in float32
    for name in ("loss", "accuracy", "gradient_norm", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(runs, name), getattr(kernel, name), rtol=rough, err_msg=name)
    theta = runs.snapshots[0, -1]
    assert trained.r_squared(theta) == pytest.approx(module.r_squared(theta), rel=1e-12, nan_ok=True)
    check_loss(runs, module)


@pytest.mark.slow  # a kernel of 40 targets to compile
def test_many_targets_are_trained_in_loops():
    rng = np.random.default_rng(0)
    data = RegressionDataset(rng.normal(size=(12, 3)), rng.normal(size=(12, 40)), np.empty((0, 3)), [])
    loss = LOSSES["squared-error"](MLP((3, 5, 40)), data, 1e-3)
    runs = train(loss, SGD(0.05, 12, "float64", noise="full"), replicas=1, steps=2, seed=0)
    theta = runs.snapshots[0, 0]
    for _ in range(2):
        theta = theta - 0.05 * loss.value_and_gradient(theta)[1]
    assert relative_error(runs.snapshots[0, -1], theta) < TOLERANCE


NET = """
import torch


class Net(torch.nn.Sequential):
    def __init__(self, outputs=1):
        super().__init__(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, outputs))
"""


@pytest.mark.slow
def test_files_keep_the_loss_of_a_module_and_refuse_another(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    net = load_module(f"{tmp_path / 'net.py'}:Net")
    data = teacher(20, teacher_layers=(2, 2), test_rows=0)
    squares = TorchLoss(load_module(f"{tmp_path / 'net.py'}:Net(outputs=2)"), data, kind="squared-error")
    losses = [TorchLoss(net, data, kind="logistic"), squares]
    for loss in losses:
        path = tmp_path / f"{loss.name}.db"
        with Database.create(path, provenance_of(loss, seed=0)):
            pass
        with Database(path) as database:
            again = loss_of(database, module=loss.module)
        theta = np.linspace(-1.0, 1.0, loss.n_parameters)
        assert (again.name, again.value(theta)) == (loss.name, loss.value(theta))
        runs = tmp_path / f"{loss.name}.h5"
        trained = ModuleLoss(loss.module, data, loss.regularization, kind=loss.name)
        train_module(trained, SGD(0.1, 4), replicas=1, steps=2, block=1, path=runs)
        opened = load_trajectories(runs)
        assert loss_of_runs(opened, module=loss.module).name == loss.name
        check_loss(opened, loss)
        other = TorchLoss(squares.module, data, kind="cross-entropy") if loss is squares else None
        if other is not None:
            with pytest.raises(ValueError, match="it has loss = 'cross-entropy', the runs have 'squared-error'"):
                check_loss(opened, other)
            with pytest.raises(ValueError, match="loss"):
                train_module(dataclasses.replace(trained, kind="cross-entropy"), SGD(0.1, 4), replicas=1, steps=2,
                             block=1, path=runs)  # fmt: skip


def test_losses_of_modules_refuse_data_that_they_are_not_defined_for():
    one, two = torch.nn.Linear(WIDE, 1), torch.nn.Linear(WIDE, 2)
    regression, classes = data_of("two targets", WIDE), data_of("classes", WIDE)
    with pytest.raises(ValueError, match="choose squared-error"):
        TorchLoss(two, regression)
    with pytest.raises(ValueError, match=f"must map .N, {WIDE}. to .N, 2.; got .2, 1."):
        TorchLoss(one, regression, kind="squared-error")
    with pytest.raises(ValueError, match="logistic needs two classes; these data have 3"):
        ModuleLoss(one, classes, kind="logistic")
    with pytest.raises(ValueError, match="loss must be one of cross-entropy, squared-error, logistic"):
        TorchLoss(one, classes, kind="hinge")
