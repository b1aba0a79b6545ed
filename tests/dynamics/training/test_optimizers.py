"""Optimizers beside plain SGD: against torch's, closed forms, the compiled kernels, files and interruptions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.ensembles import Killed
from support.sgd import naive_gradient

from dynamics import SGD, Adam, AdamW, ModuleLoss, RMSprop, load_trajectories, train, train_module
from dynamics.displacement import gradient_speed
from dynamics.noises import Langevin
from dynamics.runs import optimizer_in_words, optimizer_of
from dynamics.training import Cosine, Glorot, _replica as replica, make_optimizer, optimizer_of_noise
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._plan import make_plan
from dynamics.training._replica import KernelTask, run_replica
from dynamics.training._store import Header, compare_settings
from landscape import CrossEntropyLoss, Dataset, datasets
from landscape.networks import MLP

ALL = {
    "momentum": SGD(0.02, momentum=0.9),
    "nesterov": SGD(0.02, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(0.02, alpha=0.9, epsilon=1e-3),
    "adam": Adam(0.02, betas=(0.8, 0.99)),
    "adamw": AdamW(0.02, weight_decay=0.3),
}
IN_DOUBLE = {name: replace(optimizer, precision="float64") for name, optimizer in ALL.items()}


def torch_twin(name, parameters):
    optim = pytest.importorskip("torch").optim
    return {
        "momentum": lambda: optim.SGD(parameters, lr=0.02, momentum=0.9),
        "nesterov": lambda: optim.SGD(parameters, lr=0.02, momentum=0.9, nesterov=True),
        "rmsprop": lambda: optim.RMSprop(parameters, lr=0.02, alpha=0.9, eps=1e-3),
        "adam": lambda: optim.Adam(parameters, lr=0.02, betas=(0.8, 0.99)),
        "adamw": lambda: optim.AdamW(parameters, lr=0.02, weight_decay=0.3),
    }[name]()


def path_of(optimizer, slope_at, theta, steps):
    """Theta (steps + 1, P) along gradients `slope_at(theta)`, by `Optimizer.step`."""
    path, state = [np.array(theta, float)], tuple(np.zeros(np.shape(theta)) for _ in optimizer.state_names)
    for step in range(steps):
        theta, state = optimizer.step(path[-1], state, slope_at(path[-1]), optimizer.rates(step, step + 1)[..., 0])
        path.append(theta)
    return np.array(path)


@pytest.mark.parametrize("name", ALL)
def test_steps_are_those_of_torch(name, rng):
    """In float64, 100 steps on a random quadratic; state, bias corrections and epsilon included."""
    torch = pytest.importorskip("torch")
    curved, shift = np.cov(rng.normal(size=(6, 9))), rng.normal(size=6)
    start = rng.normal(size=6)
    path = path_of(IN_DOUBLE[name], lambda theta: curved @ theta - shift, start, 100)
    point = torch.tensor(start, requires_grad=True)
    twin = torch_twin(name, [point])
    for theta in path:
        np.testing.assert_allclose(theta, point.detach().numpy(), rtol=1e-12, atol=1e-13)
        point.grad = torch.tensor(curved @ point.detach().numpy() - shift)
        twin.step()


@pytest.mark.parametrize("name", ["nesterov", "rmsprop", "adamw"])
def test_runs_of_a_module_are_those_of_torch(name, rng):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    data = datasets.ljat(rows=20, seed=0)
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4))
    start = rng.normal(size=25)
    runs = train_module(
        ModuleLoss(module, data, 1e-3), replace(IN_DOUBLE[name], noise="full"), replicas=1, steps=10, start=start,
        waiting_times=[1], lags=range(1, 10), block=1,
    )  # fmt: skip
    own = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4)).double()
    nn.utils.vector_to_parameters(torch.tensor(start), own.parameters())
    twin = torch_twin(name, own.parameters())
    for step in range(11):
        theta = nn.utils.parameters_to_vector(own.parameters())
        np.testing.assert_allclose(runs.snapshots[0, step], theta.detach().numpy(), rtol=1e-10, atol=1e-12)
        twin.zero_grad()
        loss = nn.functional.cross_entropy(own(torch.tensor(data.inputs)), torch.tensor(data.labels))
        (loss + 1e-3 * (theta**2).sum()).backward()
        twin.step()


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_on_a_parabola_is_a_power_of_a_matrix(nesterov):
    """(theta, velocity) is linear in itself: the heavy ball's and Nesterov's matrices, written down by hand."""
    rate, momentum, curved = 0.1, 0.8, 3.0
    pull = rate * curved
    matrix = [[1 - pull * (1 + momentum), momentum**2], [-pull, momentum]] if nesterov else [
        [1 - pull, momentum], [-pull, momentum]]  # fmt: skip
    optimizer = SGD(rate, precision="float64", momentum=momentum, nesterov=nesterov)
    path = path_of(optimizer, lambda theta: curved * theta, np.array([1.0]), 30)[:, 0]
    expected = [np.linalg.matrix_power(matrix, k)[0, 0] for k in range(31)]
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-14)


def test_first_steps_of_adam():
    """Of constant gradients every step of Adam is eta g / (|g| + epsilon); RMSprop's first is 1 / sqrt(1 - alpha)."""
    slope, rate = np.array([1e-3, -2.0, 50.0]), 0.1
    path = path_of(Adam(rate, precision="float64"), lambda _: slope, np.zeros(3), 5)
    np.testing.assert_allclose(np.diff(path, axis=0), np.tile(-rate * slope / (np.abs(slope) + 1e-8), (5, 1)))
    path = path_of(RMSprop(rate, precision="float64", epsilon=1e-30), lambda _: slope, np.zeros(3), 1)
    np.testing.assert_allclose(path[1], -rate * np.sign(slope) / np.sqrt(1 - 0.99))


def test_adamw_shrinks_by_its_own_rate():
    """Without a gradient theta is multiplied by 1 - eta weight_decay, with the scheduled eta."""
    optimizer = AdamW(0.5, precision="float64", weight_decay=0.1, schedule=Cosine(10))
    path = path_of(optimizer, np.zeros_like, np.ones(2), 10)
    factors = np.cumprod([1, *(1 - 0.05 * optimizer.schedule.factors(np.arange(10)))])
    np.testing.assert_allclose(path[:, 0], factors)


@given(st.floats(1e-6, 1e6), st.sampled_from(["rmsprop", "adam"]), st.integers(0, 2**32))
@settings(max_examples=30)
def test_the_scale_of_the_loss_does_not_matter_to_adam(scale, name, seed):
    """With a vanishing epsilon m / sqrt(v) is homogeneous of degree 0 in the gradients."""
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=(20, 3))
    optimizer = replace(IN_DOUBLE[name], epsilon=1e-200)
    one, other = (
        path_of(optimizer, lambda _, rows=(f * row for row in slopes): next(rows), np.zeros(3), 20)
        for f in (1.0, scale)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Adam(noise=Langevin(0.1)), "langevin.*must be used with SGD.*adam"),
        (lambda: SGD(momentum=0.5, nesterov=True, noise=Langevin(0.1)), "nesterov"),
        (lambda: SGD(nesterov=True), "momentum must be > 0"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas must be two numbers in \[0, 1\)"),
        (lambda: Adam(betas=(0.9,)), "betas"),  # type: ignore
        (lambda: RMSprop(alpha=1.0), r"alpha must be in \[0, 1\); got 1"),
        (lambda: Adam(epsilon=0), "epsilon must be finite and at least"),
        (lambda: AdamW(weight_decay=-1.0), "weight_decay must be finite and >= 0"),
        (lambda: make_optimizer("adagrad"), "must be one of sgd, nesterov, rmsprop, adam, adamw; got 'adagrad'"),
        (lambda: make_optimizer("adam", momentum=0.9), "momentum must not be given.*beta1, beta2, epsilon"),
        (lambda: make_optimizer("sgd", weight_decay=0.1), "weight_decay must not be given"),
    ],
)
def test_what_has_no_meaning_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_optimizers_by_name():
    assert make_optimizer("sgd", momentum=None) == SGD()
    assert make_optimizer("nesterov", momentum=0.9) == SGD(momentum=0.9, nesterov=True)
    assert make_optimizer("adam", beta2=0.95, learning_rate=0.01) == Adam(0.01, betas=(0.9, 0.95))
    assert make_optimizer("adamw").learning_rate == 1e-3
    assert [make_optimizer(name, momentum=0.9).update for name in ("sgd", "nesterov")] == ["momentum", "nesterov"]


def test_files_name_the_optimizer_and_refuse_another(tmp_path):
    """Files of plain SGD say what they always said; files without a name are SGD's."""
    assert SGD().settings == {"momentum": 0.0}
    for old, new in ((SGD(), Adam()), (Adam(), SGD()), (SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True))):
        header = Header((2, 3, 4), {}, new.settings, new.settings)
        with pytest.raises(ValueError, match="made with optimizer = "):
            compare_settings(tmp_path / "f.h5", old.settings, header)
        compare_settings(tmp_path / "f.h5", new.settings, header)
    header = Header((2, 3, 4), {}, Adam().settings, Adam().settings)
    with pytest.raises(ValueError, match=r"made with beta2 = 0\.99, not 0\.999"):
        compare_settings(tmp_path / "f.h5", Adam(betas=(0.9, 0.99)).settings, header)


def test_what_runs_say_of_their_optimizer():
    assert optimizer_of(SGD().settings) == optimizer_of({}) == {}
    assert optimizer_in_words({"momentum": 0.9}) == "sgd, momentum = 0.9"
    assert optimizer_in_words(AdamW().settings) == (
        "adamw, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-08, weight decay = 0.01"
    )
    assert optimizer_of({"optimizer": {"name": "mine"}}) == {"optimizer": {"name": "mine"}}  # of recorded runs


def test_only_steps_along_the_gradient_have_a_temperature():
    metadata = {"learning_rate": 0.1, "batch_size": 7, "noise": "replacement"}
    for settings_of_runs, rate in (({}, 0.1), (Adam().settings, np.nan), ({"optimizer": ["mine"]}, 0.1)):
        found = optimizer_of_noise(metadata | settings_of_runs)
        assert (found.batch_size, found.replacement, found.learning_rate) == (7, True, 0.1)
        assert found.thermal_rate == pytest.approx(rate, nan_ok=True)


LAYERS = [(2, 3, 2, 4), (40, 6, 3), (12, 16, 4)]  # written out, wide, in loops


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "precision"), [(sizes, "float64") for sizes in LAYERS] + [(LAYERS[0], "float32"), (LAYERS[2], "float32")]
)
@pytest.mark.parametrize("name", ["nesterov", "rmsprop", "adam", "adamw"])
def test_kernels_take_these_steps(name, sizes, precision, rng):
    inputs, labels = rng.normal(size=(30, sizes[0])) / np.sqrt(sizes[0]), rng.integers(sizes[-1], size=30)
    loss = CrossEntropyLoss(MLP(sizes), Dataset(inputs, labels, sizes[-1], inputs[:0], labels[:0]), 1e-2)
    optimizer = replace(ALL[name], precision=precision, noise="full", schedule=Cosine(50, 0.1))
    start = 0.5 * rng.normal(size=loss.n_parameters)
    runs = train(loss, optimizer, replicas=1, steps=30, start=start, waiting_times=[1], lags=range(1, 30))
    expected = path_of(
        replace(optimizer, precision="float64"),
        lambda theta: naive_gradient(sizes, theta, inputs, labels) + 2e-2 * theta,
        start,
        30,
    )
    tolerance = 1e-11 if precision == "float64" else 2e-4  # m / sqrt(v) of a vanishing gradient magnifies rounding
    np.testing.assert_allclose(runs.snapshots[0], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", LAYERS[:2])
@pytest.mark.parametrize("name", ["nesterov", "rmsprop", "adam", "adamw"])
def test_a_run_goes_on_from_any_checkpoint_bit_by_bit(tmp_path, monkeypatch, name, sizes, rng):
    monkeypatch.setattr(replica, "CHUNK", 7)
    inputs, labels = rng.normal(size=(30, sizes[0])), rng.integers(sizes[-1], size=30)
    loss = CrossEntropyLoss(MLP(sizes), Dataset(inputs, labels, sizes[-1], inputs[:0], labels[:0]), 1e-2)
    optimizer = replace(ALL[name], batch_size=4, schedule=Cosine(50))
    plan = make_plan(loss, optimizer, steps=30, seed=3, waiting_times=[3, 8], lags=[1, 5, 20])
    task = KernelTask(plan, loss.network, Glorot())
    whole, save, kept = run_replica(task, 1), Checkpoints.save, Checkpoints(tmp_path, "mine", 0.0)

    def save_and_stop(self, number, arrays):
        save(self, number, arrays)
        if "step" in arrays:
            raise Killed

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    for _ in range(5):
        with pytest.raises(Killed):
            run_replica(task, 1, kept)
    continued = run_replica(task, 1, kept)
    for array_name, array in whole.items():
        np.testing.assert_array_equal(array, continued[array_name])


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["replacement", "persistent", "gaussian", "label noise"])
def test_other_noises(noise, few_data):
    """Adam descends with each of them, and a repeated call adds nothing."""
    changes = {"label_noise": 0.1} if noise == "label noise" else {"noise": noise}
    if noise == "persistent":
        from dynamics.noises import Persistent  # noqa: PLC0415

        changes = {"noise": Persistent(5.0)}
    runs = train(CrossEntropyLoss(MLP((2, 3, 4)), few_data, 1e-3), Adam(0.01, 8, **changes), replicas=2, steps=500)
    assert (runs.loss[:, -1] < runs.loss[:, 0]).all()


@pytest.mark.slow
def test_runs_of_adam_in_a_file(tmp_path, few_data):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data, 1e-3)
    runs = train(loss, Adam(0.01, 8), replicas=2, steps=300, path=tmp_path / "f.h5")
    again = load_trajectories(tmp_path / "f.h5")
    assert optimizer_of(again.metadata) == {"optimizer": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    with pytest.raises(ValueError, match="made with optimizer = 'adam', not 'sgd'"):
        train(loss, SGD(0.01, 8), replicas=2, steps=300, path=tmp_path / "f.h5")
    assert np.isnan(gradient_speed(again)).all()
    more = train(loss, Adam(0.01, 8), replicas=3, steps=300, path=tmp_path / "f.h5")
    np.testing.assert_array_equal(more.snapshots[1], runs.snapshots[1])
