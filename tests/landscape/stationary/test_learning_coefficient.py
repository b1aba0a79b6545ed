"""The local learning coefficient of wells in closed form, and of a small network against its harmonic well."""

import numpy as np
import pytest

from landscape.stationary import learning_coefficient


class Well:
    """L(w) = 1/2 sum h_i w_i^2 + sum q_i w_i^4."""

    def __init__(self, curvatures, quartic=0.0):
        self.h = np.asarray(curvatures, dtype=float)
        self.q = np.broadcast_to(quartic, self.h.shape)

    def value_and_gradient(self, w):
        return 0.5 * (self.h * w**2).sum() + (self.q * w**4).sum() + 3.0, self.h * w + 4 * self.q * w**3

    def value_gradient_hessian(self, w):
        return *self.value_and_gradient(w), np.diag(self.h + 12 * self.q * w**2)


@pytest.mark.parametrize("temperature", [1e-4, 1.0])
def test_a_regular_minimum_has_half_of_its_parameters(temperature):
    curvatures = np.geomspace(1e-4, 10, 20)
    found = learning_coefficient(Well(curvatures), np.zeros(20), temperature, steps=600, rng=0)
    assert found.harmonic == pytest.approx(10.0)
    assert found.value.value == pytest.approx(10.0, abs=0.4)
    assert 0.0 < found.value.high - found.value.low < 1.0
    assert 0.4 < found.acceptance < 0.75


def test_a_flat_direction_adds_nothing():
    curvatures = np.array([1.0, 2.0, 0.5, 0.0])
    found = learning_coefficient(Well(curvatures), np.zeros(4), 0.01, localization=1e-3, steps=1000, rng=1)
    expected = 0.5 * (curvatures / (curvatures + 1e-3)).sum()
    assert found.harmonic == pytest.approx(expected)
    assert found.value.low < expected < found.value.high
    assert found.harmonic == pytest.approx(1.5, abs=0.01)  # half of the rank
    with pytest.raises(ValueError, match="localization must make all curvatures positive"):
        learning_coefficient(Well(curvatures), np.zeros(4), 0.01)


def test_a_quartic_direction_adds_a_quarter():
    """<w d/dw (q w^4)> = T, so <q w^4> = T / 4, whatever q."""
    well = Well([1.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    found = learning_coefficient(well, np.zeros(3), 0.01, localization=0.01, steps=2000, rng=2)
    assert found.value.value == pytest.approx(1.25, abs=0.1)
    assert found.acceptance > 0.4


def test_coefficients_repeat_and_need_a_temperature():
    well = Well([1.0, 2.0])
    one, two = (learning_coefficient(well, np.zeros(2), 0.1, steps=40, rng=7).chains for _ in range(2))
    np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="temperature must be"):
        learning_coefficient(well, np.zeros(2), 0.0)


def test_chains_that_are_stuck_say_so():
    rough = Well([1.0, 1.0], [1e9, 1e9])
    found = learning_coefficient(rough, np.zeros(2), 1.0, steps=12, rng=0)
    assert found.value.status.startswith("not to be trusted: the chains hardly move")
