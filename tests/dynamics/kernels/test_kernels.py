import logging
from itertools import pairwise, permutations

import numpy as np
import platformdirs
import pytest
from hypothesis import given, settings, strategies as st
from support.sgd import DECAY, KEY, RATE, naive_gradient, naive_sgd, problem

from dynamics.kernels import _kernels, get_kernel
from dynamics.kernels._codegen import MAX_TILE, choose_tile, generate
from dynamics.noises import _random, draw_all, get_noise
from dynamics.noises._epochs import draw_epochs
from landscape.activations import ACTIVATIONS

MEMBERS, NUMBERS = np.empty(0, np.uint8), np.empty(0)  # of no use to these noises


def compiled_sgd(
    sizes,
    theta,
    inputs,
    labels,
    batch_size,
    start,
    stop,
    noise="sgd",
    precision="float64",
    activation="tanh",
    loss="cross-entropy",
):
    dtype = np.dtype(precision)
    records = np.empty((stop - start + 1, theta.size), dtype)
    decay = np.full(theta.size, DECAY, dtype)
    diverged = get_kernel(sizes, batch_size, precision, noise, activation=activation, loss=loss).advance(
        np.array(theta, dtype),
        np.zeros(theta.size, dtype),
        np.array(inputs, dtype),
        np.array(labels, dtype),
        KEY,
        start,
        stop,
        batch_size,
        np.full(stop - start, RATE, dtype),
        dtype.type(0),
        decay,
        0.0,
        np.empty(0),
        np.arange(start, stop + 1),
        records,
    )
    return records, diverged


CASES = [
    ((3, 2), 23, 5, "sgd"),
    ((2, 3, 4), 23, 5, "sgd"),
    ((2, 3, 4), 23, 8, "sgd"),  # whole vectors
    ((2, 3, 4), 8, 8, "sgd"),  # one step an epoch
    ((2, 3, 4), 300, 300, "full"),  # several tiles
    ((2, 2, 3, 4), 23, 6, "sgd"),
    pytest.param((2, 2, 1, 2, 3), 16, 8, "sgd", marks=pytest.mark.slow),  # as two hidden layers
    pytest.param((2, 1, 1, 1, 1, 4), 23, 5, "sgd", marks=pytest.mark.slow),
    pytest.param((2, 14, 13, 3), 23, 5, "sgd", marks=pytest.mark.slow),  # loops: ten seconds to compile
]


@pytest.mark.parametrize(("sizes", "rows", "batch_size", "noise"), CASES)
def test_float64_agrees_with_naive_sgd(sizes, rows, batch_size, noise):
    inputs, labels, theta = problem(sizes, rows)
    ours, diverged = compiled_sgd(sizes, theta, inputs, labels, batch_size, 0, 12, noise)
    assert diverged == -1
    np.testing.assert_allclose(
        ours, naive_sgd(sizes, theta, inputs, labels, batch_size, 12, noise), rtol=1e-12, atol=1e-12
    )


@pytest.mark.slow
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "tanh"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_activations_agree_with_naive_sgd(activation, precision, tolerance):
    """Written out, in loops, and with wide inputs."""
    shapes = [(2, 3, 2, 4), (40, 4, 3)]
    if activation in {"gelu", "relu"} and precision == "float64":  # loops: ten seconds to compile
        shapes += [(2, 14, 13, 3), (40, 14, 13, 3)]
    for sizes in shapes:
        inputs, labels, theta = problem(sizes, 23)
        ours, diverged = compiled_sgd(
            sizes, theta, inputs, labels, 5, 0, 12, precision=precision, activation=activation
        )
        naive = naive_sgd(sizes, theta, inputs, labels, 5, 12, "sgd", activation)
        assert diverged == -1
        np.testing.assert_allclose(ours, naive, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["squared-error", "logistic"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_losses_agree_with_naive_sgd(loss, precision, tolerance):
    """Written out and with wide inputs; one output, or one for each class; in loops, too."""
    shapes = [(2, 3, 1), (40, 4, 1)] + [(2, 3, 3), (2, 4, 40)] * (loss == "squared-error" and precision == "float64")
    for sizes in shapes:
        inputs, labels, theta = problem((*sizes[:-1], max(2, sizes[-1])), 23)
        theta = theta[: sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))]
        labels = labels + (0.25 if loss == "squared-error" and sizes[-1] == 1 else 0)
        ours, diverged = compiled_sgd(sizes, theta, inputs, labels, 5, 0, 12, precision=precision, loss=loss)
        naive = naive_sgd(sizes, theta, inputs, labels, 5, 12, "sgd", loss=loss)
        assert diverged == -1
        np.testing.assert_allclose(ours, naive, rtol=tolerance, atol=tolerance)


def test_the_text_of_an_activation():
    """Nothing of it is in the kernels of tanh, and nothing of tanh in those of another."""
    texts = {
        name: generate((2, 3, 2, 4), 16, "float64", get_noise("sgd"), update="sgd", label_noise=False, pixels=False,
                       cache=False, activation=name)
        for name in ("tanh", "gelu")
    }  # fmt: skip
    assert "activate" not in texts["tanh"]
    body = texts["gelu"].partition("def advance")[2]
    assert "tanh" not in body
    assert "h1_0, slope_h1_0 = activate_float64(" in body


@pytest.mark.parametrize(
    ("sizes", "batch_size"), [((2, 3, 4), 5), pytest.param((784, 5, 10), 7, marks=pytest.mark.slow)]
)
def test_float32_agrees_with_naive_sgd(sizes, batch_size):
    inputs, labels, theta = problem(sizes, 23)
    ours, _ = compiled_sgd(sizes, theta, inputs, labels, batch_size, 0, 12, precision="float32")
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, naive_sgd(sizes, theta, inputs, labels, batch_size, 12, "sgd"), atol=1e-5)


def torch_sgd(sizes, theta, inputs, labels, steps, precision):
    """Theta after full-batch steps of autograd in this precision."""
    torch = pytest.importorskip("torch")
    dtype = getattr(torch, precision)
    x, y, t = torch.tensor(inputs, dtype=dtype), torch.tensor(labels), torch.tensor(theta, dtype=dtype)
    for _ in range(steps):
        t.requires_grad_(True)
        value, start = x, 0
        for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
            end = start + n_in * n_out
            value = value @ t[start:end].reshape(n_in, n_out) + t[end : end + n_out]
            value = torch.tanh(value) if layer + 2 < len(sizes) else value
            start = end + n_out
        loss = torch.nn.functional.cross_entropy(value, y) + DECAY / 2 * (t * t).sum()
        t = (t - RATE * torch.autograd.grad(loss, t)[0]).detach()
    return t.double().numpy()


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("scale", "weights"),
    [*((10.0**k, 1.0) for k in (-30, -6, -3, 0, 6, 8, 10, 30)), *((1.0, 10.0**k) for k in (-20, -6, 1, 2, 4))],
)
def test_inputs_and_weights_of_any_size_train_as_in_torch(scale, weights, precision):
    """Saturated units must have a slope of exactly zero, or inputs of 1e6 and more drive the weights away.

    Inputs of 1e3 are left out: there units saturate and come back, and rounding alone decides where a run ends.
    """
    sizes, rows = (2, 3, 4), 16 if precision == "float32" else 8  # all of them in each minibatch
    inputs, labels, theta = problem(sizes, rows)
    inputs, theta = inputs * scale, theta * weights
    ours, diverged = compiled_sgd(sizes, theta, inputs, labels, rows, 0, 200, precision=precision)
    assert diverged == -1
    expected = torch_sgd(sizes, theta, inputs, labels, 200, precision)
    loose = 1e-3 if precision == "float32" else 1e-10
    losses = [naive_loss(sizes, t.astype(np.float64), inputs, labels) for t in (ours[-1], expected)]
    assert losses[0] == pytest.approx(losses[1], rel=loose)


def naive_loss(sizes, theta, inputs, labels):
    """Mean cross-entropy with the penalty, in float64."""
    value, start = inputs, 0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        end = start + n_in * n_out
        value = value @ theta[start:end].reshape(n_in, n_out) + theta[end : end + n_out]
        value = np.tanh(value) if layer + 2 < len(sizes) else value
        start = end + n_out
    logs = np.logaddexp.reduce(value, axis=1) - value[np.arange(len(labels)), labels]
    return logs.mean() + DECAY / 2 * theta @ theta


def test_naive_gradient_agrees_with_autograd():
    torch = pytest.importorskip("torch")
    inputs, labels, theta = problem((2, 3, 4), 9)
    t = torch.tensor(theta, requires_grad=True)
    hidden = torch.tanh(torch.tensor(inputs) @ t[:6].reshape(2, 3) + t[6:9])
    logits = hidden @ t[9:21].reshape(3, 4) + t[21:]
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels)).backward()
    np.testing.assert_allclose(naive_gradient((2, 3, 4), theta, inputs, labels), t.grad.numpy(), atol=1e-14)


@pytest.mark.parametrize("stop", [1, 5, 7, 10])
def test_a_run_can_be_cut_anywhere(stop):
    sizes = (2, 3, 4)
    inputs, labels, theta = problem(sizes, 23)
    whole, _ = compiled_sgd(sizes, theta, inputs, labels, 5, 0, 17)
    head, _ = compiled_sgd(sizes, theta, inputs, labels, 5, 0, stop)
    tail, _ = compiled_sgd(sizes, head[-1], inputs, labels, 5, stop, 17)
    np.testing.assert_array_equal(np.concatenate([head, tail[1:]]), whole)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e35])
def test_divergence_is_reported_with_its_step(bad):
    sizes = (2, 3, 4)
    inputs, labels, theta = problem(sizes, 23)
    assert compiled_sgd(sizes, theta, inputs, labels, 5, 0, 17, precision="float32")[1] == -1
    theta[3] = bad
    assert compiled_sgd(sizes, theta, inputs, labels, 5, 4, 17, precision="float32")[1] == 5


@settings(deadline=None)  # the first call compiles
@given(rows=st.integers(1, 60), epoch=st.integers(0, 10**6), key=st.integers(0, 2**64 - 1))
def test_shuffles_are_permutations(rows, epoch, key):
    order = np.full(rows, -7, np.int32)
    _random.shuffle(order, np.uint64(key), epoch)
    np.testing.assert_array_equal(np.sort(order), np.arange(rows))


def test_shuffles_are_uniform():
    draws, counts, order = 12_000, dict.fromkeys(permutations(range(4)), 0), np.empty(4, np.int32)
    for epoch in range(draws):
        _random.shuffle(order, KEY, epoch)
        counts[tuple(order.tolist())] += 1
    expected = draws / 24
    chi_square = sum((n - expected) ** 2 / expected for n in counts.values())
    assert chi_square < 49.7  # 99.9 % of 23 degrees of freedom


@settings(deadline=None)  # a shared machine may pause for longer
@given(data=st.data(), rows=st.integers(1, 40))
def test_each_epoch_visits_each_row_once(data, rows):
    batch_size = data.draw(st.integers(1, rows))
    order, steps = np.empty(rows, np.int32), -(-rows // batch_size)
    for epoch in range(2):
        seen = []
        for step in range(epoch * steps, (epoch + 1) * steps):
            start, size = draw_epochs(order, MEMBERS, step, step == 0, batch_size, KEY, NUMBERS)
            seen.append(order[start : start + size].copy())
        assert [len(part) for part in seen[:-1]] == [batch_size] * (steps - 1)
        np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(rows))


def test_full_noise_takes_every_row():
    order = np.empty(7, np.int32)
    assert draw_all(order, MEMBERS, 3, True, 2, KEY, NUMBERS) == (0, 7)
    np.testing.assert_array_equal(order, np.arange(7))


@given(batch_size=st.integers(1, 5000), precision=st.sampled_from(["float32", "float64"]))
def test_tiles_are_whole_cache_lines_and_waste_little(batch_size, precision):
    tile = choose_tile(batch_size, precision)
    lanes = 16 if precision == "float32" else 8
    passes = -(-batch_size // tile)
    assert tile % lanes == 0
    assert tile <= MAX_TILE
    assert passes * tile - batch_size < passes * lanes


@pytest.fixture
def cache_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.delenv("AGESCAPE_CACHE_DIR", raising=False)
    return tmp_path / "agescape" / "kernels"


def build():
    return _kernels._build.__wrapped__((1, 1), 4, "float64", "full")


def test_kernels_are_cached_and_changed_files_never_run(cache_directory):
    kernel = build()
    (file,) = cache_directory.glob("*.py")
    assert file.read_text() == kernel.source
    assert sum(build().advance.stats.cache_hits.values()) == 1
    file.write_text("raise SystemExit('tampered')")
    build()
    assert file.read_text() == kernel.source


def test_without_a_writable_cache_kernels_still_compile(tmp_path, cache_directory, caplog):
    (tmp_path / "agescape").write_text("a file where a directory should be")
    with caplog.at_level(logging.WARNING):
        assert build().advance is not None
    assert "cannot write to" in caplog.text
