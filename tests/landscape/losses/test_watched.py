"""Losses that count their calls and end a search: no test sleeps, the clock is moved by hand."""

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from landscape import CrossEntropyLoss, TorchLoss, quench
from landscape.losses import GRACE, MuellerBrown, OutOfTime, Watch, _watched as module, calls_made, watched
from landscape.networks import MLP


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a test moves it."""
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now.seconds, monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def loss(few_data):
    return CrossEntropyLoss(MLP((2, 3, 4)), few_data)


def test_a_watched_loss_is_the_same_loss(loss, rng):
    other, theta = watched(loss, Watch()), rng.normal(size=loss.n_parameters)
    assert isinstance(other, CrossEntropyLoss)
    assert type(other).__name__ == "CrossEntropyLoss"
    assert other.value(theta) == loss.value(theta)
    for a, b in zip(other.value_gradient_hessian(theta), loss.value_gradient_hessian(theta), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (other.network, other.regularization) == (loss.network, loss.regularization)
    assert quench(other, theta).value == quench(loss, theta).value


def test_surfaces_without_a_network_can_be_watched():
    other = watched(MuellerBrown(), Watch(deadline=0.0))
    other.value_and_gradient(np.zeros(2))  # the first call is made in any case


@pytest.mark.parametrize("again", [copy.copy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies_are_watched_from_their_own_beginning(loss, again, clock):
    other, theta = watched(loss, Watch(deadline=clock.seconds)), np.zeros(loss.n_parameters)
    other.value_and_gradient(theta)
    clock.seconds += GRACE + 1.0
    anew = again(other)
    anew.value_and_gradient(theta)
    clock.seconds += GRACE + 1.0
    with pytest.raises(OutOfTime):
        anew.value_gradient_hessian(theta)


def test_it_is_over_after_the_deadline_but_not_for_what_has_just_begun(loss, clock):
    other, theta = watched(loss, Watch(deadline=clock.seconds + 60.0)), np.zeros(loss.n_parameters)
    other.value_and_gradient(theta)
    clock.seconds += 60.0
    other.value_and_gradient(theta)
    clock.seconds += 0.1
    with pytest.raises(OutOfTime):
        other.value_and_gradient(theta)
    late = watched(loss, Watch(deadline=clock.seconds - 1.0))
    late.value_and_gradient(theta)
    clock.seconds += GRACE
    late.value_and_gradient(theta)
    clock.seconds += 0.1
    with pytest.raises(OutOfTime):
        late.hessian_vector_product(theta, theta)


def test_calls_of_all_copies_are_counted(loss, tmp_path, clock):
    theta = np.zeros(loss.n_parameters)
    assert calls_made(str(tmp_path)).tolist() == [0, 0, 0]
    for other in (watched(loss, Watch(folder=str(tmp_path))) for _ in range(2)):
        for call in (
            lambda o: o.value_and_gradient(theta),
            lambda o: o.values_and_gradients([theta] * 3),
            lambda o: o.hessian(theta),
            lambda o: o.hessian_vector_product(theta, theta),
        ):
            clock.seconds += 1.0  # a note every half second
            call(other)
    assert calls_made(str(tmp_path)).tolist() == [8, 2, 2]


def test_a_folder_that_is_elsewhere_does_no_harm(loss, tmp_path):
    watched(loss, Watch(math.inf, str(tmp_path / "none"))).value(np.zeros(loss.n_parameters))


def test_the_loss_of_a_module_travels_to_workers_watched(few_data, tmp_path):
    torch, cloudpickle = pytest.importorskip("torch"), pytest.importorskip("cloudpickle")  # what joblib uses
    loss = TorchLoss(torch.nn.Linear(2, 4), few_data)
    other = pickle.loads(cloudpickle.dumps(watched(loss, Watch(folder=str(tmp_path)))))
    theta = np.linspace(-1.0, 1.0, loss.n_parameters)
    assert isinstance(other, TorchLoss)
    assert other.value_and_gradient(theta)[0] == loss.value_and_gradient(theta)[0]
    assert calls_made(str(tmp_path)).tolist() == [1, 0, 0]
