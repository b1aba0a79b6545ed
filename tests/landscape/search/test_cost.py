import numpy as np
import pytest

from landscape import CrossEntropyLoss
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.search import Cost, cost_of


class Clocked:
    """A loss without a network whose calls take a known time, on a clock that they move."""

    network = None

    def __init__(self, parameters):
        self.n_parameters, self.seconds, self.hessians = parameters, 0.0, 0

    def value_and_gradient(self, theta):
        self.seconds += 0.01
        return 0.0, theta

    def value_gradient_hessian(self, theta):
        self.seconds += 2.0
        self.hessians += 1
        return 0.0, theta, np.empty(0)


def cost_on_its_clock(loss):
    return cost_of(loss, clock=lambda: loss.seconds)


def test_a_gradient_and_a_hessian_are_measured():
    loss = Clocked(30)
    assert cost_on_its_clock(loss) == Cost(30, pytest.approx(0.01), pytest.approx(2.0), 0.0)
    assert loss.hessians == 2  # the first might have been compiled, for it took longer than 90 gradients


def test_a_hessian_that_takes_too_long_is_not_computed():
    loss = Clocked(4000)
    assert cost_on_its_clock(loss).hessian == pytest.approx(3 * 4000 * 0.01)
    assert loss.hessians == 0
    compiled = Clocked(4000)
    compiled.network = MLP((396, 10, 2))  # of perceptrons it is fast
    assert compiled.network.n_parameters == 3992
    compiled.n_parameters = 3992
    assert cost_on_its_clock(compiled).hessian == pytest.approx(2.0)


def test_searches_are_sums_of_calls():
    cost = Cost(100, 1e-3, 0.06, 0.04)
    assert cost.seconds("lbfgs") == pytest.approx(2.0)
    assert cost.seconds("flow") == pytest.approx(0.7 + 20.0)
    assert cost.seconds("transition state") == pytest.approx(0.3 + 15.0)
    with pytest.raises(KeyError):
        cost.seconds("walk")


def test_no_search_of_a_large_network_decomposes_a_hessian():
    cost = Cost(4000, 1e-3, 0.5, 20.0)
    assert cost.seconds("lbfgs") == pytest.approx(2.0 + 2 * (0.5 + 2.0))
    assert cost.seconds("flow") == pytest.approx(6.0 + 4 * (0.5 + 2.0))
    assert cost.seconds("transition state") == pytest.approx(20.0 + 10 * (0.5 + 2.0))
    with pytest.raises(KeyError):
        cost.seconds("walk")


@pytest.mark.parametrize("loss", [MuellerBrown(), "network"], ids=["surface", "network"])
def test_any_loss_has_a_cost(loss, few_data):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data) if loss == "network" else loss
    cost = cost_of(loss)
    assert 0.0 < cost.gradient < cost.seconds("lbfgs")
    assert cost.hessian > 0.0
    assert cost.eigenvectors > 0.0
