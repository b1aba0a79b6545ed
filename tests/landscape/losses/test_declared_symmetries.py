"""Declared symmetries and kinks of torch modules; a module against the compiled kernels of the same perceptron."""

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.paths import ROOT

from landscape import CrossEntropyLoss, TorchLoss, datasets, quench, symmetry
from landscape.losses import check_searchable, load_module
from landscape.networks import MLP
from landscape.stationary import same_point
from landscape.symmetry import PermutationSpec

torch = pytest.importorskip("torch")
nn = torch.nn
NETS = str(ROOT / "tests" / "support" / "modules" / "nets.py")
SEEDS = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def data():
    return datasets.ljat(rows=40, seed=0, test_rows=10)


class Convolutional(nn.Module):
    """Channels in blocks behind Flatten, and a residual layer on them."""

    axes_to_perm: ClassVar = {
        "conv.weight": ("channels", None, None),
        "conv.bias": ("channels",),
        "out.weight": (None, "channels"),
    }
    sign_flips = ("channels",)

    def __init__(self, function=torch.tanh):
        super().__init__()
        self.conv, self.out, self.function = nn.Conv1d(1, 3, 1), nn.Linear(6, 4), function

    def forward(self, x):
        return self.out(self.function(self.conv(x[:, None])).flatten(1))


class Residual(nn.Module):
    axes_to_perm: ClassVar = {
        "embed.weight": ("stream", None), "embed.bias": ("stream",), "norm.weight": ("stream",),
        "norm.bias": ("stream",), "up.weight": ("inner", "stream"), "up.bias": ("inner",),
        "down.weight": ("stream", "inner"), "down.bias": ("stream",), "out.weight": (None, "stream"),
    }  # fmt: skip

    def __init__(self):
        super().__init__()
        self.embed, self.norm, self.up = nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 2)
        self.down, self.out = nn.Linear(2, 3), nn.Linear(3, 4)

    def forward(self, x):
        x = self.embed(x)
        return self.out(x + self.down(nn.functional.gelu(self.up(self.norm(x)))))


class Recurrent(nn.Module):
    axes_to_perm: ClassVar = {
        "first.weight": ("units", None), "first.bias": ("units",), "again.weight": ("units", "units"),
        "again.bias": ("units",), "out.weight": (None, "units"),
    }  # fmt: skip
    sign_flips = ("units",)

    def __init__(self):
        super().__init__()
        self.first, self.again, self.out = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return self.out(torch.tanh(self.again(h) + h))


KINDS = {"convolutional": Convolutional, "residual": Residual, "recurrent": Recurrent}


@pytest.fixture(scope="module")
def losses(data):
    torch.manual_seed(0)
    return {name: TorchLoss(kind(), data, 1e-2) for name, kind in KINDS.items()}


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(KINDS)), seed=SEEDS)
def test_loss_is_invariant_under_each_declared_element(losses, name, seed):
    loss, rng = losses[name], np.random.default_rng(seed)
    theta = rng.normal(size=loss.n_parameters)
    image = symmetry.random_image(loss.network, theta, rng=rng)
    assert loss.value(image) == pytest.approx(loss.value(theta), rel=1e-12)
    assert symmetry.distance(loss.network, theta, image) == 0.0


def test_a_quench_from_an_image_ends_in_the_same_minimum(losses):
    loss = losses["convolutional"]
    start = loss.random_point(rng=np.random.default_rng(1))
    ends = [quench(loss, point).minimum for point in (start, symmetry.random_image(loss.network, start, rng=3))]
    assert same_point(loss.network, *ends)
    assert not same_point(None, *ends)


@pytest.mark.parametrize(
    ("axes", "flips", "message"),
    [
        ({"conv.bias": (None,)}, (), "'channels': it also acts along axis 0 of conv.bias"),
        ({"out.bias": ("channels",)}, (), "axis 0 of conv.bias has length 3, axis 0 of out.bias 4"),
        ({"out.weight": (None, None)}, (), "'channels': it also acts along axis 1 of out.weight"),
        ({}, ("channels",), "sign_flips is wrong about the group 'channels'"),
    ],
)
def test_wrong_declarations_name_the_axis(data, axes, flips, message):
    module = Convolutional(nn.functional.gelu)
    module.axes_to_perm, module.sign_flips = {**Convolutional.axes_to_perm, **axes}, flips
    with pytest.raises(ValueError, match=message):
        TorchLoss(module, data)


def test_an_axis_too_much_is_named(data):
    module = Residual()
    module.axes_to_perm = {**Residual.axes_to_perm, "out.weight": (None, None), "norm.bias": ("stream",)}
    with pytest.raises(ValueError, match=r"'stream': it also acts along axis 1 of out\.weight"):
        TorchLoss(module, data)
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4))
    module.axes_to_perm = {"0.weight": ("u", None), "0.bias": ("u",), "2.weight": (None, "u"), "2.bias": ("u",)}
    with pytest.raises(ValueError, match=r"'u': it must not be declared along axis 0 of 2\.bias"):
        TorchLoss(module, data)


class Ring(nn.Module):
    """Units on a ring, each coupled to the one before it, or by their product."""

    def __init__(self, *, product=False):
        super().__init__()
        self.first, self.last, self.product = nn.Linear(2, 4), nn.Linear(4, 4), product
        self.axes_to_perm = {"first.weight": ("ring", None), "first.bias": ("ring",), "last.weight": (None, "ring")}
        self.sign_flips = ["ring"] if product else []

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return self.last(h) + h.prod(1, keepdim=True) if self.product else self.last(h * h.roll(1, 1).exp())


@pytest.mark.parametrize(("product", "what"), [(False, "permuted"), (True, "flipped in sign")])
def test_a_part_of_the_declared_symmetries_is_not_enough(data, product, what):
    # the shifts of a ring leave its outputs unchanged but exchanges do not; an even number of signs but not one
    module, shift = Ring(product=product), [1, 2, 3, 0]
    rows = torch.tensor(data.inputs[:5], dtype=torch.float32)
    before = module(rows)
    signs = torch.tensor([-1.0, 1.0, -1.0, 1.0]) if product else torch.ones(4)
    with torch.no_grad():
        for weights, shape in ((module.first.weight, (4, 1)), (module.first.bias, (4,)), (module.last.weight, (1, 4))):
            weights.copy_(weights.index_select(shape.index(4), torch.tensor(shift)) * signs.reshape(shape))
    torch.testing.assert_close(module(rows), before)
    with pytest.raises(ValueError, match=rf"'ring': its units cannot be {what}"):
        TorchLoss(module, data)


def test_undeclared_modules_have_no_symmetries(data):
    loss = TorchLoss(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 4)), data)
    assert loss.network is None
    assert loss.source is None
    named = TorchLoss(load_module(f"{NETS}:Net"), data)
    assert named.network == PermutationSpec(
        {"first.kernel": (2, 3), "first.bias": (3,), "last.kernel": (3, 4), "last.bias": (4,)},
        named.source.spec.axes_to_perm,
    )


# ---------------------------------------------------------------- kinks

SMOOTH = ("Softplus", "GELU", "Mish")
KINKED = ("ReLU", "LeakyReLU", "PReLU", "Hardtanh", "Hardswish", "ELU", "SELU", "Softsign")


@pytest.mark.parametrize("activation", SMOOTH)
def test_smooth_modules_may_be_searched(data, activation):
    check_searchable(TorchLoss(load_module(f"{NETS}:Net(activation={activation!r})"), data))


@pytest.mark.parametrize("activation", KINKED)
def test_kinks_are_found_by_class(data, activation):
    loss = TorchLoss(nn.Sequential(nn.Linear(2, 3), getattr(nn, activation)(), nn.Linear(3, 4)), data)
    with pytest.raises(ValueError, match=rf"its part 1 \({activation}\).*softplus, GELU"):
        check_searchable(loss)


class Hidden(nn.Module):
    """An activation in the forward pass, which no part shows."""

    def __init__(self, function):
        super().__init__()
        self.first, self.last, self.function = nn.Linear(2, 3), nn.Linear(3, 4), function

    def forward(self, x):
        return self.last(self.function(self.first(x)))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (torch.relu, "the gradient"), (torch.abs, "the gradient"), (nn.functional.leaky_relu, "the gradient"),
        (nn.functional.elu, "the second derivative"), (nn.functional.softsign, "the second derivative"),
        (torch.tanh, None), (nn.functional.gelu, None), (nn.functional.softplus, None), (torch.sin, None),
        (lambda z: torch.tanh(30.0 * z), None),
    ],
)  # fmt: skip
def test_kinks_are_found_along_lines(data, function, what):
    kink = TorchLoss(Hidden(function), data).kink
    assert kink is None if what is None else f"{what} jumps along a straight line" in str(kink)


def test_quench_refuses_a_kink_at_once(data):
    loss = TorchLoss(load_module(f"{NETS}:Functional"), data)
    with pytest.raises(ValueError, match=r"must be smooth, but the gradient jumps.*Choose softplus"):
        quench(loss, np.zeros(loss.n_parameters))


# ---------------------------------------------------------------- one perceptron, two ways


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("Softplus", "GELU")]  # their kernels are compiled first


@pytest.mark.parametrize("activation", ["Tanh", *SLOW])
def test_a_module_agrees_with_the_compiled_perceptron(data, activation):
    kernel = CrossEntropyLoss(MLP((2, 3, 4), activation.lower()), data, 1e-2)
    module = TorchLoss(load_module(f"{NETS}:Net(activation={activation!r})"), data, 1e-2)
    theta = np.random.default_rng(0).normal(size=(3, kernel.n_parameters))
    for a, b in zip(kernel.value_gradient_hessian(theta[0]), module.value_gradient_hessian(theta[0]), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    for a, b in zip(kernel.values_and_gradients(theta), module.values_and_gradients(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    product = module.hessian_vector_product(theta[0], theta[1])
    np.testing.assert_allclose(kernel.hessian_vector_product(theta[0], theta[1]), product, atol=1e-12)
    ends = [quench(loss, theta[2]).minimum for loss in (kernel, module)]
    assert same_point(module.network, *ends)
    np.testing.assert_allclose(ends[0].eigenvalues, ends[1].eigenvalues, atol=1e-8)


def test_batches_are_single_evaluations(losses):
    for loss in losses.values():
        thetas = np.random.default_rng(0).normal(size=(5, loss.n_parameters))
        values, gradients = loss.values_and_gradients(thetas)
        one_by_one = [loss.value_and_gradient(theta) for theta in thetas]
        np.testing.assert_allclose(values, [value for value, _ in one_by_one], rtol=1e-13)
        np.testing.assert_allclose(gradients, [gradient for _, gradient in one_by_one], rtol=0, atol=1e-13)
        nothing = loss.values_and_gradients(thetas[:0])
        assert [part.shape for part in nothing] == [(0,), (0, loss.n_parameters)]
        rows = loss.gradients_of_rows(thetas[0], loss.data.inputs, loss.data.labels)
        penalty = 2.0 * loss.regularization * thetas[0]
        np.testing.assert_allclose(rows.mean(axis=0) + penalty, gradients[0], rtol=0, atol=1e-13)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_numbers(data):
    module = load_module(f"{NETS}:Net(hidden=4)")
    cpu, gpu = (TorchLoss(module, data, device=device) for device in ("cpu", "cuda"))
    thetas = np.random.default_rng(0).normal(size=(4, cpu.n_parameters))
    for a, b in zip(cpu.values_and_gradients(thetas), gpu.values_and_gradients(thetas), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    np.testing.assert_allclose(cpu.hessian(thetas[0]), gpu.hessian(thetas[0]), rtol=0, atol=1e-12)
