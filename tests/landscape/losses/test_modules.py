"""Torch modules of every kind as losses and as replicas, against torch's own training and finite differences."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from joblib.externals.loky.backend import reduction as loky_reduction
from support.reference import finite_hessian, relative_error

from dynamics import SGD, ModuleLoss, mean_square_displacement, train_module
from landscape import TorchLoss, datasets

torch = pytest.importorskip("torch")
nn = torch.nn
parametrizations = nn.utils.parametrizations
LAMBDA = 1e-3
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")  # of some modules under vmap


@pytest.fixture(scope="module")
def data():
    return datasets.ljat(rows=24, seed=0, test_rows=10)


class Function(nn.Module):
    """A module whose forward pass is a function of it and the inputs."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def between(part, width=3):
    return nn.Sequential(nn.Linear(2, width), part, nn.Tanh(), nn.Linear(width, 4))


def two_names():
    """A layer that is applied twice, under two names."""
    layer = nn.Linear(2, 2)
    return Function(lambda m, x: m.out(torch.tanh(m.b(torch.tanh(m.a(x))))), a=layer, b=layer, out=nn.Linear(2, 4))


def one_weight():
    """Two layers with one weight and a bias each."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    return Function(lambda m, x: m.out(torch.tanh(m.b(torch.tanh(m.a(x))))), a=first, b=second, out=nn.Linear(2, 4))


def recurrent(kind):
    return Function(lambda m, x: m.out(m.inner(x[:, :, None])[0][:, -1]), inner=kind(1, 3, batch_first=True),
                    out=nn.Linear(3, 4))  # fmt: skip


def attention():
    def forward(m, x):
        h = m.embed(x[:, :, None])
        return m.out(m.inner(h, h, h, need_weights=False)[0].mean(dim=1))

    inner = nn.MultiheadAttention(4, 2, batch_first=True)
    return Function(forward, embed=nn.Linear(1, 4), inner=inner, out=nn.Linear(4, 4))


def encoder():
    inner = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    return Function(lambda m, x: m.out(m.inner(m.embed(x[:, :, None])).mean(dim=1)), embed=nn.Linear(1, 4),
                    inner=inner, out=nn.Linear(4, 4))  # fmt: skip


def older_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return between(nn.utils.weight_norm(nn.Linear(3, 3), dim=1))


MODULES = {
    "two names": two_names,
    "one weight": one_weight,
    "weight norm": lambda: between(parametrizations.weight_norm(nn.Linear(3, 3))),
    "weight norm over all": lambda: between(parametrizations.weight_norm(nn.Linear(3, 3), dim=None)),
    "older weight norm": older_weight_norm,
    "spectral norm": lambda: between(parametrizations.spectral_norm(nn.Linear(3, 3))),
    "orthogonal": lambda: between(parametrizations.orthogonal(nn.Linear(3, 3))),
    "LSTM": lambda: recurrent(nn.LSTM),
    "GRU": lambda: recurrent(nn.GRU),
    "attention": attention,
    "encoder": encoder,
    "batch norm": lambda: between(nn.BatchNorm1d(3)),
    "layer norm": lambda: between(nn.LayerNorm(3)),
    "dropout": lambda: between(nn.Dropout(0.5)),
    "ReLU": lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4)),
    "half precision": lambda: between(nn.Identity()).half(),
}


@pytest.fixture(params=MODULES)
def module(request):
    torch.manual_seed(1)
    return MODULES[request.param]()


def copy_at(module, theta):
    """The module in float64 with theta in the parameters that are trained."""
    own = copy.deepcopy(module).double().eval()
    nn.utils.vector_to_parameters(torch.tensor(theta), [p for p in own.parameters() if p.requires_grad])
    return own


def reference_gradient(module, data, theta):
    """Torch's autograd on the module itself."""
    own = copy_at(module, theta)
    loss = nn.functional.cross_entropy(own(torch.tensor(data.inputs)), torch.tensor(data.labels))
    parameters = [p for p in own.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, parameters)
    return float(loss.detach()) + LAMBDA * theta @ theta, np.concatenate(
        [g.numpy().ravel() for g in gradients]
    ) + 2 * LAMBDA * theta


def test_derivatives_of_every_kind_of_module(module, data, rng):
    loss = TorchLoss(module, data, LAMBDA)
    theta, vector = 0.5 * rng.normal(size=(2, loss.n_parameters))
    value, gradient, hessian = loss.value_gradient_hessian(theta)
    without_hooks(module)
    expected_value, expected = reference_gradient(module, data, theta)
    assert value == pytest.approx(expected_value, rel=1e-12)
    assert relative_error(gradient, expected) < 1e-11
    assert np.abs(hessian - hessian.T).max() < 1e-12 * np.abs(hessian).max()
    numeric = finite_hessian(lambda x: reference_gradient(module, data, x)[1], theta)
    assert np.abs(hessian - numeric).max() < 1e-6 * max(1.0, np.abs(hessian).max())
    assert relative_error(loss.hessian_vector_product(theta, vector), hessian @ vector) < 1e-10


def without_hooks(module):
    """Let torch copy a module with an older weight norm: its hook makes the weight again."""
    for part in module.modules():
        for name in [n for n, value in vars(part).items() if isinstance(value, torch.Tensor)]:
            part.__dict__[name] = part.__dict__[name].detach()


def test_replicas_of_every_kind_of_module_take_the_path_of_autograd(module, data, rng):
    n_parameters = sum(p.numel() for p in module.parameters())
    starts = 0.5 * rng.normal(size=(2, n_parameters))
    steps, rate = 12, 0.1
    optimizer = SGD(rate, 24, precision="float64", noise="full")
    runs = train_module(ModuleLoss(module, data, LAMBDA), optimizer, replicas=2, steps=steps, start=starts, block=2,
                        waiting_times=[1])  # fmt: skip
    without_hooks(module)
    for r, start in enumerate(starts):
        theta = start
        for _ in range(steps):
            theta = theta - rate * reference_gradient(module, data, theta)[1]
        np.testing.assert_allclose(runs.snapshots[r, -1], theta, rtol=0, atol=1e-11)
        assert runs.loss[r, -1] == pytest.approx(reference_gradient(module, data, theta)[0], rel=1e-11)


def test_the_loss_goes_to_workers_after_it_was_used(module, data, rng):
    loss = TorchLoss(module, data, LAMBDA)
    theta = rng.normal(size=loss.n_parameters)
    gradient = loss.value_and_gradient(theta)[1]
    other = pickle.loads(loky_reduction.dumps(loss))
    np.testing.assert_array_equal(other.value_and_gradient(theta)[1], gradient)


def test_threads_may_share_a_loss(data):
    """`joblib.parallel_config(backend="threading")` gives them one: each result is that of its own point."""
    loss = TorchLoss(between(nn.GELU()), data)

    def of_a_seed(seed):
        theta = loss.random_point(rng=np.random.default_rng(seed))
        return theta, *loss.value_gradient_hessian(theta)

    alone = [of_a_seed(seed) for seed in range(24)]
    together = Parallel(n_jobs=4, backend="threading")(delayed(of_a_seed)(seed) for seed in range(24))
    for found, expected in zip(together, alone, strict=True):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_module_stays_as_it_was(module, data):
    before = copy.deepcopy({name: value.detach() for name, value in module.state_dict().items()})
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    loss = TorchLoss(module, data)
    loss.hessian(np.zeros(loss.n_parameters) + 0.1)
    train_module(
        ModuleLoss(module, data), SGD(batch_size=8), replicas=1, steps=3, block=1, start=np.full(loss.n_parameters, 0.1)
    )
    assert torch.equal(torch.rand(2), expected)
    assert module.training
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_a_shared_layer_has_the_sum_of_the_gradients(data, rng):
    """Of the same module with two layers of equal numbers."""
    shared = TorchLoss(two_names(), data, 0.0)
    apart = Function(lambda m, x: m.out(torch.tanh(m.b(torch.tanh(m.a(x))))), a=nn.Linear(2, 2), b=nn.Linear(2, 2),
                     out=nn.Linear(2, 4))  # fmt: skip
    theta = rng.normal(size=18)
    value, gradient = TorchLoss(apart, data, 0.0).value_and_gradient(np.concatenate([theta[:6], theta]))
    assert shared.n_parameters == 18
    assert shared.value(theta) == pytest.approx(value, rel=1e-14)
    expected = np.concatenate([gradient[:6] + gradient[6:12], gradient[12:]])
    np.testing.assert_allclose(shared.value_and_gradient(theta)[1], expected, atol=1e-14)


def frozen_first():
    torch.manual_seed(3)
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4))
    module[0].requires_grad_(False)
    return module


def test_frozen_parameters_stay_and_do_not_count(data, tmp_path):
    module, path = frozen_first(), tmp_path / "f.h5"
    hidden = np.tanh(data.inputs @ module[0].weight.numpy().T + module[0].bias.numpy())
    test_hidden = np.tanh(data.test_inputs @ module[0].weight.numpy().T + module[0].bias.numpy())
    features = datasets.Dataset(hidden, data.labels, 4, test_hidden, data.test_labels)
    given = {"replicas": 2, "steps": 40, "seed": 1, "block": 2, "start": np.linspace(-1, 1, 16)}
    optimizer = SGD(batch_size=8, precision="float64")
    runs = train_module(ModuleLoss(module, data), optimizer, path=path, **given)
    expected = train_module(
        ModuleLoss(nn.Linear(3, 4), features), optimizer, **given
    )  # a linear model of fixed features
    assert runs.n_parameters == 16
    np.testing.assert_allclose(runs.snapshots, expected.snapshots, atol=1e-7)  # the layer is float32
    np.testing.assert_allclose(runs.loss, expected.loss, atol=1e-7)
    np.testing.assert_allclose(mean_square_displacement(runs).mean, mean_square_displacement(expected).mean, rtol=1e-5)
    loss, plain = TorchLoss(module, data, LAMBDA), TorchLoss(nn.Linear(3, 4), features, LAMBDA)
    np.testing.assert_allclose(loss.hessian(given["start"]), plain.hessian(given["start"]), atol=1e-7)
    with torch.no_grad():
        module[0].bias += 1.0
    with pytest.raises(ValueError, match="made with constants_sha256"):
        train_module(ModuleLoss(module, data), optimizer, path=path, **given)


def test_random_starts_leave_frozen_parameters_alone(data):
    module = frozen_first()
    runs = train_module(ModuleLoss(module, data), SGD(batch_size=8), replicas=3, steps=5, block=3)
    assert runs.n_parameters == 16
    assert len(np.unique(runs.snapshots[:, 0], axis=0)) == 3


def test_integer_parameters_and_buffers_are_constants(data, rng):
    module = Function(lambda m, x: m.out(x[:, m.order] * m.scale), out=nn.Linear(2, 4),
                      order=nn.Parameter(torch.tensor([1, 0]), requires_grad=False))  # fmt: skip
    module.register_buffer("scale", torch.tensor([2.0, 3.0]))
    theta = rng.normal(size=12)
    swapped = datasets.Dataset(data.inputs[:, ::-1] * [2.0, 3.0], data.labels, 4, data.test_inputs, data.test_labels)
    loss = TorchLoss(module, data)
    assert loss.n_parameters == 12
    assert loss.value(theta) == pytest.approx(TorchLoss(nn.Linear(2, 4), swapped).value(theta), rel=1e-14)


def test_lazy_modules_take_their_shapes_from_the_data(data, rng):
    lazy = nn.Sequential(nn.LazyLinear(3), nn.Tanh(), nn.LazyLinear(4))
    plain = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4))
    theta = rng.normal(size=25)
    assert TorchLoss(lazy, data).value(theta) == TorchLoss(plain, data).value(theta)
    given = {"replicas": 2, "steps": 10, "block": 2, "seed": 4}
    runs = [train_module(ModuleLoss(m, data), SGD(batch_size=8), **given).snapshots for m in (lazy, plain)]
    np.testing.assert_array_equal(*runs)
    assert isinstance(lazy[0].weight, nn.parameter.UninitializedParameter)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 4)
        self.register_buffer("calls", torch.tensor(0.0))

    def forward(self, x):
        self.calls += 1
        return self.out(x)


def changed(forward, **parts):
    return lambda: Function(forward, out=nn.Linear(2, 4), **parts)


UNFIT = {
    "too few outputs": (lambda: nn.Linear(2, 3), r"\(N, 2\) to \(N, 4\); got \(2, 3\) for two rows"),
    "too many outputs": (lambda: nn.Linear(2, 5), r"got \(2, 5\) for two rows"),
    "other inputs": (lambda: nn.Linear(3, 4), "for two rows it raises RuntimeError"),
    "(N, K, 1)": (lambda: nn.Sequential(nn.Linear(2, 4), nn.Unflatten(1, (4, 1))), r"got \(2, 4, 1\)"),
    "a tuple": (lambda: nn.Sequential(nn.Unflatten(1, (2, 1)), nn.LSTM(1, 4, batch_first=True)), "returns a tuple"),
    "functional dropout": (changed(lambda m, x: nn.functional.dropout(m.out(x))), "differ from call to call"),
    "noise": (changed(lambda m, x: m.out(x) + torch.rand(4)), "differ from call to call"),
    "batch norm without statistics": (
        lambda: between(nn.BatchNorm1d(3, track_running_stats=False)),
        "for one row it raises ValueError|the other rows",
    ),
    "rows that see each other": (changed(lambda m, x: m.out(x - x.mean(dim=0))), "change with the other rows"),
    "a counter": (Counter, "changes its buffer calls"),
    "half precision inside": (changed(lambda m, x: m.out(x).half()), "turns float64 into torch.float16"),
    "no parameters": (nn.Identity, "parameters with requires_grad; got none"),
    "all frozen": (lambda: nn.Linear(2, 4).requires_grad_(False), "parameters with requires_grad; got none"),
    "meta": (lambda: nn.Linear(2, 4, device="meta"), "got parameters on the meta device"),
    "complex": (changed(lambda m, x: m.out(x), z=nn.Parameter(torch.zeros(1, dtype=torch.cfloat))), "complex ones"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_modules_that_are_no_functions_are_refused_before_any_work(name, data):
    make, complaint = UNFIT[name]
    with pytest.raises(ValueError, match=complaint):
        TorchLoss(make(), data)
    with pytest.raises(ValueError, match=complaint):
        train_module(ModuleLoss(make(), data), SGD(batch_size=8), replicas=1, steps=5, progress=pytest.fail)


def fused_norm():
    """What `torch.nn.utils.parametrizations.weight_norm` computes by, where nothing can replace it."""
    torch.manual_seed(0)
    return Function(
        lambda m, x: m.out(torch.tanh(x @ torch._weight_norm(m.v, m.g, 0).T)),
        v=nn.Parameter(torch.randn(3, 2)), g=nn.Parameter(torch.ones(3, 1)), out=nn.Linear(3, 4),
    )  # fmt: skip


def test_wrong_second_derivatives_of_torch_are_found_and_named(data):
    with pytest.raises(ValueError, match=r"second derivatives of this module are wrong.*symmetry.* at v.*_weight_norm"):
        TorchLoss(fused_norm(), data)
    runs = train_module(ModuleLoss(fused_norm(), data), SGD(batch_size=8), replicas=1, steps=5, start=np.full(25, 0.1))
    assert np.isfinite(runs.loss).all()  # its first derivatives are right


def test_gradients_that_are_not_those_of_the_values_are_found(data, caplog):
    module = changed(lambda m, x: m.out(x) + (m.out(x).square() - m.out(x).square().detach()))()
    with pytest.raises(ValueError, match="torch's gradient of this module is wrong"):
        TorchLoss(module, data)
    train_module(ModuleLoss(module, data), SGD(batch_size=8), replicas=1, steps=3)  # some train so on purpose
    assert "torch's gradient of this module is wrong" in caplog.text


@pytest.mark.parametrize("scale", [1e-9, 1e4, 1e9])
def test_inputs_of_any_size_pass(scale, data, rng):
    scaled = datasets.Dataset(scale * data.inputs, data.labels, 4, data.test_inputs, data.test_labels)
    for make in (lambda: between(nn.Identity()), MODULES["ReLU"], MODULES["weight norm"]):
        assert TorchLoss(make(), scaled).n_parameters > 0


def test_functions_without_a_second_derivative_are_refused(data):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x.square()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, gradient):
            return 2 * ctx.saved_tensors[0] * gradient

    with pytest.raises(ValueError, match=r"must be differentiable two times|second derivatives"):
        TorchLoss(changed(lambda m, x: Once.apply(m.out(x)))(), data)


@pytest.mark.parametrize("rows", [1, 2])
def test_few_rows_are_enough(rows, data):
    few = datasets.Dataset(data.inputs[:rows], data.labels[:rows], 4, data.inputs[:0], data.labels[:0])
    assert TorchLoss(nn.Linear(2, 4), few).n_parameters == 12
    train_module(ModuleLoss(nn.Linear(2, 4), few), SGD(batch_size=1), replicas=1, steps=3)


def test_a_start_that_no_reset_makes_must_be_given(data):
    for make, complaint in ((older_weight_norm, "Linear has parameters, but its reset_parameters.. leaves weight_g"),
                            (attention, "MultiheadAttention has parameters, but no reset_parameters")):  # fmt: skip
        with pytest.raises(ValueError, match=f"start must be given: {complaint}"):
            train_module(ModuleLoss(make(), data), SGD(batch_size=8), replicas=1, steps=3)


def test_what_is_evaluated_side_by_side_changes_no_number(data, rng, monkeypatch):
    module = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 4))
    loss = TorchLoss(module, data, 1e-3)
    assert loss._logits.width(torch.tensor(data.inputs[:1])) == 2 + 3 + 3 + 4  # inputs and what each part gives out
    thetas = rng.normal(size=(5, loss.n_parameters))
    together = *loss.values_and_gradients(thetas), loss.hessian(thetas[0])
    monkeypatch.setattr("landscape.losses._torch_loss.IN_CACHE", 2 * data.rows * 12)
    apart = *loss.values_and_gradients(thetas), loss.hessian(thetas[0])
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    vector = rng.normal(size=loss.n_parameters)
    product = loss.hessian_vector_product(thetas[0], vector)
    np.testing.assert_allclose(product, together[2] @ vector, rtol=1e-12, atol=1e-14)
