"""Ensembles of torch modules against the compiled kernels."""

import subprocess
import sys
from itertools import pairwise

import h5py
import numpy as np
import pytest

from dynamics import SGD, ModuleLoss, aging, load_trajectories, mean_square_displacement, train, train_module
from dynamics.displacement import layer_displacement
from dynamics.noises import NOISES, Langevin
from dynamics.training._torch_replicas import NOISES_OF_MODULES
from landscape import CrossEntropyLoss, TorchLoss, datasets
from landscape.networks import MLP

torch = pytest.importorskip("torch")
nn = torch.nn

NETWORK = MLP((2, 3, 4))
STEPS = 200


@pytest.fixture(scope="module")
def data():
    return datasets.ljat(rows=44, seed=0, test_rows=40)


def tanh_network(*sizes):
    """An MLP of torch."""
    layers = [layer for n_in, n_out in pairwise(sizes) for layer in (nn.Linear(n_in, n_out), nn.Tanh())]
    return nn.Sequential(*layers[:-1])


def to_module(theta):
    """Parameters (..., P) of the network in the module's order: weights transposed."""
    theta = np.asarray(theta)
    flat = theta.reshape(-1, theta.shape[-1])
    moved = [
        np.concatenate([part for layer in NETWORK.unflatten(t) for part in (layer.kernel.T.ravel(), layer.bias)])
        for t in flat
    ]
    return np.array(moved).reshape(theta.shape)


def module_runs(data, optimizer, starts, **options):
    given = {"replicas": 4, "steps": STEPS, "seed": 3, "block": 3} | options
    penalty = {name: given.pop(name) for name in ("regularization", "regularize_biases") if name in given}
    return train_module(ModuleLoss(tanh_network(2, 3, 4), data, **penalty), optimizer, start=starts, **given)


def naive_path(data, theta, noise, key, steps, rate, momentum):
    """Theta (steps + 1, P) by autograd on one replica, with the penalty 1e-4 |theta|^2."""
    module, path, velocity = tanh_network(2, 3, 4).double(), [theta], np.zeros_like(theta)
    order, members = np.empty(data.rows, np.int32), np.empty(0, np.uint8)
    draw = NOISES[noise].draw
    for step in range(steps):
        start, size = draw(order, members, step, step == 0, 8, key, np.empty(0))
        rows = order[start : start + size]
        nn.utils.vector_to_parameters(torch.tensor(path[-1]), module.parameters())
        logits = module(torch.tensor(data.inputs[rows]))
        loss = nn.functional.cross_entropy(logits, torch.tensor(data.labels[rows]))
        gradients = torch.autograd.grad(loss, list(module.parameters()))
        gradient = np.concatenate([part.numpy().ravel() for part in gradients]) + 2e-4 * path[-1]
        velocity = momentum * velocity - rate * gradient
        path.append(path[-1] + velocity)
    return np.array(path)


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("noise", NOISES_OF_MODULES)
def test_each_replica_takes_its_own_path(data, noise, momentum, rng):
    """44 rows in minibatches of 8: the last of an epoch is smaller."""
    starts = rng.standard_normal((3, 25))
    optimizer = SGD(learning_rate=0.1, batch_size=8, precision="float64", momentum=momentum, noise=noise)
    lags = {"waiting_times": [1], "lags": range(1, 30)}
    runs = module_runs(data, optimizer, starts, replicas=3, steps=30, **lags)
    for r in range(3):
        key = np.random.SeedSequence(3, spawn_key=(r,)).spawn(2)[1].generate_state(1, np.uint64)[0]
        expected = naive_path(data, starts[r], noise, key, 30, 0.1, momentum)
        np.testing.assert_allclose(runs.snapshots[r], expected[runs.steps], rtol=0, atol=1e-12)


SLOW = [pytest.param(noise, marks=pytest.mark.slow) for noise in ("replacement", "full")]  # kernels to compile


@pytest.mark.parametrize("noise", ["sgd", *SLOW])
def test_an_mlp_takes_the_kernels_path(data, noise):
    """The same minibatches, penalty and arithmetic, in float64."""
    optimizer = SGD(batch_size=8, precision="float64", noise=noise)
    kernel = train(CrossEntropyLoss(NETWORK, data), optimizer, replicas=4, steps=STEPS, seed=3)
    runs = module_runs(data, optimizer, to_module(kernel.snapshots[:, 0]))
    np.testing.assert_array_equal(runs.steps, kernel.steps)
    np.testing.assert_allclose(runs.snapshots, to_module(kernel.snapshots), rtol=0, atol=1e-9)
    for name in ("loss", "accuracy", "gradient_norm", "test_loss", "test_accuracy"):
        np.testing.assert_allclose(getattr(runs, name), getattr(kernel, name), rtol=0, atol=1e-9, err_msg=name)
    assert np.abs(runs.snapshots[:, -1] - runs.snapshots[:, 0]).max() > 0.1


def test_biases_can_be_left_out_of_the_penalty(data):
    optimizer = SGD(batch_size=8, precision="float64")
    given, penalty = {"replicas": 2, "steps": 60, "seed": 3}, {"regularization": 0.01, "regularize_biases": False}
    kernel = train(CrossEntropyLoss(NETWORK, data, **penalty), optimizer, **given)
    runs = module_runs(data, optimizer, to_module(kernel.snapshots[:, 0]), **given, **penalty)
    np.testing.assert_allclose(runs.snapshots, to_module(kernel.snapshots), rtol=0, atol=1e-10)
    np.testing.assert_allclose(runs.loss, kernel.loss, atol=1e-10)


def test_in_float32_it_follows_the_kernel_for_a_while(data):
    kernel = train(CrossEntropyLoss(NETWORK, data), SGD(batch_size=8), replicas=4, steps=50, seed=3)
    runs = module_runs(data, SGD(batch_size=8), to_module(kernel.snapshots[:, 0]), steps=50)
    assert runs.snapshots.dtype == np.float32
    np.testing.assert_allclose(runs.snapshots, to_module(kernel.snapshots), rtol=0, atol=1e-4)


def test_blocks_change_rounding_alone(data):
    optimizer = SGD(batch_size=8, precision="float64")
    one, three, seven = (module_runs(data, optimizer, None, steps=40, replicas=5, block=block) for block in (1, 3, 7))
    for other in (one, three):
        np.testing.assert_allclose(other.snapshots, seven.snapshots, rtol=0, atol=1e-11)
    assert np.abs(seven.snapshots[0, 0] - seven.snapshots[1, 0]).max() > 0.1  # each has its own start


def test_the_number_of_replicas_and_interruptions_change_nothing(data, tmp_path):
    optimizer, path = SGD(batch_size=8), tmp_path / "m.h5"
    whole = module_runs(data, optimizer, None, steps=40, replicas=7)
    seen = []
    more = {"steps": 40, "path": path, "progress": lambda *at: seen.append(at)}
    for replicas in (1, 2, 5, 7, 3):
        part = module_runs(data, optimizer, None, replicas=replicas, **more)
        np.testing.assert_array_equal(part.snapshots[:], whole.snapshots[:replicas])
        np.testing.assert_array_equal(part.test_loss, whole.test_loss[:replicas])
    assert seen == [(0, 1), (1, 1), (1, 2), (2, 2), (2, 5), (3, 5), (5, 5), (5, 7), (6, 7), (7, 7), (3, 3)]


def test_what_an_error_leaves_is_gone_on_with(data, tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    path = tmp_path / "m.h5"
    with pytest.raises(KeyboardInterrupt):
        module_runs(data, SGD(batch_size=8), None, steps=40, replicas=5, path=path, progress=stop)
    assert not path.exists()
    seen = []
    module_runs(data, SGD(batch_size=8), None, steps=40, replicas=5, path=path, progress=lambda *at: seen.append(at))
    assert seen[0] == (3, 5)
    whole = module_runs(data, SGD(batch_size=8), None, steps=40, replicas=5)
    np.testing.assert_array_equal(load_trajectories(path).snapshots[:], whole.snapshots)


def test_the_file_says_what_it_is_of_and_is_refused_to_others(data, tmp_path):
    path = tmp_path / "m.h5"
    module_runs(data, SGD(batch_size=8), None, steps=40, path=path)
    runs = load_trajectories(path)
    assert runs.layer_sizes == ()
    assert "Tanh" in runs.metadata["module"]
    assert runs.metadata["data"]["name"] == "ljat"
    assert np.isfinite(aging(mean_square_displacement(runs), 1e-3).mu.value)
    with h5py.File(path) as file:
        assert file["snapshots"].shape[0] == 4
    with pytest.raises(ValueError, match="made with seed = 3"):
        module_runs(data, SGD(batch_size=8), None, steps=40, path=path, seed=4)
    with pytest.raises(ValueError, match="made with block = 3"):
        module_runs(data, SGD(batch_size=8), None, steps=40, path=path, block=4)


def test_its_layers_move_by_what_the_snapshots_say_and_older_files_open(data, tmp_path):
    path = tmp_path / "m.h5"
    in_memory = module_runs(data, SGD(batch_size=8), None, steps=40)
    module_runs(data, SGD(batch_size=8), None, steps=40, path=path, replicas=2)
    runs = module_runs(data, SGD(batch_size=8), None, steps=40, path=path)
    assert runs.parameters == in_memory.parameters
    found = layer_displacement(runs)
    assert found.names == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert found.layers == ("0", "2")
    at, until = (int(np.searchsorted(runs.steps, step)) for step in (runs.waiting_times[1], runs.waiting_times[1] + 8))
    squares = np.diff(np.asarray(runs.snapshots, np.float64)[:, [at, until]], axis=1)[:, 0] ** 2
    lag = int(np.searchsorted(runs.lags, 8))
    for k, part in enumerate(np.split(squares, [6, 9, 21], axis=1)):  # 2 x 3, 3, 3 x 4, 4 numbers
        np.testing.assert_allclose(found.values[:, 1, lag, k], part.mean(axis=1), rtol=1e-12)
    with h5py.File(path, "a") as file:
        del file.attrs["parameters"]
    older = load_trajectories(path)
    assert older.parameters == ()
    assert older.identity == runs.identity
    assert module_runs(data, SGD(batch_size=8), None, steps=40, path=path, replicas=6).parameters == runs.parameters


def test_curves_are_those_of_the_torch_loss(data):
    runs = module_runs(data, SGD(batch_size=8), None, replicas=2, regularization=1e-2)
    loss = TorchLoss(tanh_network(2, 3, 4), data, 1e-2)
    last = np.asarray(runs.snapshots[:, -1], dtype=np.float64)
    for r, theta in enumerate(last):
        value, gradient = loss.value_and_gradient(theta)
        assert runs.loss[r, -1] == pytest.approx(value, rel=1e-12)
        assert runs.gradient_norm[r, -1] == pytest.approx(np.linalg.norm(gradient), rel=1e-10)
        assert runs.test_accuracy[r, -1] == loss.accuracy(theta, test=True)
        assert runs.test_loss[r, -1] == pytest.approx(loss.data_loss(theta, test=True), rel=1e-12)


def stripes(rows, rng):
    """Images of 6 x 6 with horizontal or vertical stripes and noise: a task for convolutions."""
    labels = rng.integers(0, 2, rows)
    base = np.tile(np.arange(6) % 2, (6, 1))
    images = np.where(labels[:, None, None] == 1, base, base.T) + 0.3 * rng.standard_normal((rows, 6, 6))
    return images.reshape(rows, 36), labels


def test_a_convolutional_module_learns(rng):
    data = datasets.Dataset(*stripes(120, rng), 2, *stripes(60, rng))
    module = nn.Sequential(nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    runs = train_module(ModuleLoss(module, data), SGD(batch_size=8), replicas=3, steps=300, seed=1, block=3)
    assert runs.n_parameters == 30 + 98
    assert (runs.loss[:, -1] < 0.3 * runs.loss[:, 0]).all()
    assert (runs.test_accuracy[:, -1] > 0.9).all()
    for name, value in module.state_dict().items():  # the caller's module is as it was
        assert torch.equal(value, before[name])
        assert value.dtype == torch.float32
    assert module.training


def test_global_random_numbers_of_torch_are_left_alone(data):
    module = tanh_network(2, 3, 4)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_module(ModuleLoss(module, data), SGD(batch_size=8), replicas=1, steps=3)
    assert torch.equal(torch.rand(3), expected)


class Bare(nn.Module):
    """Parameters without reset_parameters()."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 4))

    def forward(self, x):
        return x @ self.weight


def test_a_module_that_cannot_start_itself_needs_a_start(data):
    with pytest.raises(ValueError, match="start must be given: Bare has parameters"):
        train_module(ModuleLoss(Bare(), data), SGD(batch_size=8), replicas=1, steps=3)
    runs = train_module(ModuleLoss(Bare(), data), SGD(batch_size=8), replicas=2, steps=3, start=np.zeros(8), block=2)
    assert not runs.snapshots[:, 0].any()
    assert runs.loss[0, 0] == pytest.approx(np.log(4))


def test_a_divergence_names_the_replica(data):
    starts = np.array([np.full(8, 0.1), np.full(8, 0.2), np.full(8, 1e29)])
    with pytest.raises(FloatingPointError, match=r"run 2 diverged before step 100; .* a learning_rate below 1\.1"):
        train_module(
            ModuleLoss(Bare(), data, regularization=1.0), SGD(1.1, 20), replicas=3, steps=300, start=starts, block=4
        )
    alone = SGD(0.05, 20)
    starts[2] = 1e29  # not asked for, though it runs beside the others
    assert np.isfinite(
        train_module(ModuleLoss(Bare(), data), alone, replicas=2, steps=9, start=starts, block=4).snapshots
    ).all()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"noise": Langevin(0.1)}, "noise must be one of sgd, replacement, full for a torch module; got 'langevin'"),
        ({"label_noise": 0.1}, "label_noise must not be set for a torch module; got 0.1"),
        ({"shared_order": True}, "shared_order must not be set for a torch module; got True"),
        ({"block": 0}, "block must be a whole number >= 1; got 0"),
        ({"device": "nowhere"}, "device must be one that torch has here"),
        ({"device": "cuda:99"}, "device must be one that torch has here"),
        ({"starts": np.zeros((2, 9))}, r"start must have rows of 25 parameters for this module; got \(2, 9\)"),
        ({"replicas": 0}, "replicas must be a whole number >= 1; got 0"),
        ({"regularization": -1.0}, "regularization must be a finite number >= 0"),
        ({"lags": [5, 3]}, "lags must be whole numbers that ascend"),
    ],
)
def test_bad_arguments_are_named(data, options, complaint):
    settings = {name: options[name] for name in ("noise", "label_noise", "shared_order") if name in options}
    rest = {"replicas": 1, "steps": 4} | {name: value for name, value in options.items() if name not in settings}
    with pytest.raises(ValueError, match=complaint):
        module_runs(data, SGD(batch_size=8, **settings), **({"starts": None} | rest))


def test_a_module_with_other_outputs_is_refused(data):
    with pytest.raises(ValueError, match=r"module must map \(N, 2\) to \(N, 4\); got \(2, 3\) for two rows"):
        train_module(ModuleLoss(tanh_network(2, 3, 3), data), SGD(batch_size=8), replicas=1, steps=4)


def test_the_package_does_not_import_torch():
    code = "import sys, dynamics, bridge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("noise", ["sgd", "full"])
def test_a_gpu_takes_the_same_path(data, noise):
    optimizer = SGD(batch_size=8, precision="float64", noise=noise)
    starts = np.random.default_rng(0).normal(size=(4, NETWORK.n_parameters))
    cpu, gpu = (module_runs(data, optimizer, starts, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(cpu.snapshots, gpu.snapshots, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cpu.loss, gpu.loss, rtol=0, atol=1e-9)
