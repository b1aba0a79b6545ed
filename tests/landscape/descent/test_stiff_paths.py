"""Paths down a stiff ravine: the loss only falls along them, or what they lead to is no connection."""

from types import SimpleNamespace

import numpy as np
import pytest

from landscape import quench
from landscape.descent import follow_down
from landscape.descent._flow import FRACTIONS
from landscape.losses import Surface
from landscape.search import SaddleStatus, _saddles as saddles, find_transition_state
from landscape.stationary import local_model


class Ravine(Surface):
    """h (x^2 - 1)^2 + c x + K/2 (y - sin 3x)^2: a stiff and winding ravine, with two minima on its floor.

    On the floor the loss is that of x alone, and so are its stationary points: K is arbitrary.
    """

    def __init__(self, stiffness, h=0.01, c=0.002):
        super().__init__(2)
        self.stiffness, self.h, self.c = stiffness, h, c

    def value_gradient_hessian(self, theta):
        x, y = self._point(theta)
        k, f, slope, bend = self.stiffness, np.sin(3 * x), 3 * np.cos(3 * x), -9 * np.sin(3 * x)
        off = y - f
        value = self.h * (x * x - 1) ** 2 + self.c * x + 0.5 * k * off**2
        gradient = np.array([4 * self.h * x * (x * x - 1) + self.c - k * off * slope, k * off])
        xx = self.h * (12 * x * x - 4) + k * (slope**2 - off * bend)
        return float(value), gradient, np.array([[xx, -k * slope], [-k * slope, k]])

    @property
    def known(self):
        """Minimum on the left, transition state, minimum on the right: (x, y) each."""
        x = np.sort(np.roots([4 * self.h, 0.0, -4 * self.h, self.c]).real)
        return np.stack([x, np.sin(3 * x)], axis=1)


@pytest.mark.parametrize("stiffness", [1.0, 1e4, 1e5, 1e6])
def test_the_loss_falls_all_the_way_down(stiffness):
    """An error of 1e-2 along the stiff mode would cost 1e-4 K / 2 = 50 nats; the barrier is 0.01.

    So stiff, the floor also bends so much that a push of 1e-3 along the straight mode leads up.
    """
    loss, reached = Ravine(stiffness), []
    left, top, right = loss.known
    model = local_model(loss, top)
    for sign in (1.0, -1.0):
        path = follow_down(loss, model, sign, with_points=True)
        steps = path.points[1 :: FRACTIONS.size]  # where the first step begins, and where each one ends
        values = np.array([loss.value_and_gradient(point)[0] for point in steps])
        assert values[0] < model.value
        assert np.diff(values).max() <= 1e-12
        assert path.result.value < values[0]
        known = left if path.result.coordinates[0] < top[0] else right
        np.testing.assert_allclose(path.result.coordinates, known, atol=1e-4)
        reached.append(known[0])
    assert sorted(reached) == [left[0], right[0]]


@pytest.mark.parametrize("stiffness", [1.0, 1e4])
def test_the_ends_are_the_two_minima_of_the_floor(stiffness):
    loss = Ravine(stiffness)
    left, top, right = loss.known
    found = find_transition_state(loss, top, local_model(loss, top).eigenvectors[:, 0])
    assert found.status is SaddleStatus.CONVERGED
    np.testing.assert_allclose(sorted(tuple(end.coordinates) for end in found.minima), [left, right], atol=1e-6)


def test_a_path_that_ended_higher_is_no_connection(monkeypatch):
    loss = Ravine(1.0)
    _, top, right = loss.known
    model = local_model(loss, top)
    higher = quench(loss, right)
    lifted = type(higher)(**{**vars(higher), "value": model.value + 0.0067})
    monkeypatch.setattr(saddles, "follow_down", lambda *_: SimpleNamespace(result=lifted, on_a_ridge=False))
    found = find_transition_state(loss, top, model.eigenvectors[:, 0])
    assert found.status is SaddleStatus.ROSE
    assert found.transition_state is None
    assert found.minima == ()
