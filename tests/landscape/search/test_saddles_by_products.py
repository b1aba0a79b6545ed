"""Transition states without an eigenproblem, on small networks, against those with one."""

from itertools import pairwise

import numpy as np
import pytest
from support.paths import SHARED
from support.reference import DoubleWell

from landscape import MLP, CrossEntropyLoss, datasets, quench
from landscape.descent import _quench, radau_end
from landscape.losses import MuellerBrown
from landscape.search import SaddleStatus, _saddles, _searches, find_transition_state, search_from_minimum
from landscape.search._saddles import _top, _top_by_products, highest_between
from landscape.stationary import _inertia as inertia_module, local_model, same_point

MNIST = SHARED / "data" / "mnist"


@pytest.fixture
def by_products(monkeypatch):
    """The searches of networks of thousands of parameters, for any."""
    monkeypatch.setattr(_saddles, "LARGE", 0)
    monkeypatch.setattr(_quench, "LARGE", 0)


def minima_of(loss, rng, number):
    found = [quench(loss, loss.network.glorot_uniform(rng)) for _ in range(number)]
    return [result.minimum for result in found if result.converged]


def assert_ends(loss, result):
    """One negative eigenvalue, and Radau from both sides ends in the two minima."""
    state = result.transition_state
    model = local_model(loss, state.coordinates)
    assert model.rms_gradient <= 1e-10
    assert state.signs == (1, 0, loss.n_parameters - 1)
    assert state.eigenvalues[0] == pytest.approx(model.eigenvalues[0], rel=1e-6)
    assert model.eigenvalues[0] < 0.0 < model.eigenvalues[1]
    assert abs(state.eigenvector @ model.eigenvectors[:, 0]) == pytest.approx(1.0)
    side = np.sign(model.eigenvectors[:, 0] @ state.eigenvector)
    for sign, minimum in zip((side, -side), result.minima, strict=True):
        end = radau_end(loss, model, sign, rtol=1e-6)
        np.testing.assert_allclose(minimum.coordinates, end.coordinates, atol=1e-6)


@pytest.mark.usefixtures("by_products")
def test_a_surface_gives_its_transition_states():
    surface, found = MuellerBrown(), []
    for saddle in surface.known_points().transition_states:
        start = np.asarray(saddle) + np.array([0.03, -0.02])
        result = find_transition_state(surface, start, local_model(surface, start).eigenvectors[:, 0])
        np.testing.assert_allclose(result.transition_state.coordinates, saddle, atol=1e-3)
        assert_ends(surface, result)
        found.append(result.transition_state.value)
    assert len(found) == 2


@pytest.mark.usefixtures("by_products")
def test_from_a_minimum_over_a_barrier():
    surface = DoubleWell()
    left = quench(surface, [-1.0, 0.1]).minimum
    result = find_transition_state(surface, left.coordinates + np.array([0.2, 0.05]), [1.0, 0.0])
    assert result.status is SaddleStatus.CONVERGED
    assert_ends(surface, result)
    assert result.minima[0].coordinates[0] * result.minima[1].coordinates[0] < 0.0


def test_between_minima_of_a_small_network(small_loss, rng, monkeypatch):
    minima = minima_of(small_loss, rng, 8)
    expected = None
    for a, b in pairwise(minima):  # the first pair with a transition state between them
        top, _, line = highest_between(small_loss, a, b)
        expected = find_transition_state(small_loss, top, line)
        if expected.converged:
            break
    assert expected is not None
    state = expected.transition_state
    start = state.coordinates + 0.02 * rng.normal(size=state.coordinates.size)
    monkeypatch.setattr(_saddles, "LARGE", 0)
    result = find_transition_state(small_loss, start, state.eigenvector)
    assert result.status is SaddleStatus.CONVERGED
    assert same_point(small_loss.network, state, result.transition_state)
    for minimum in result.minima:
        assert any(same_point(small_loss.network, minimum, other) for other in expected.minima)
    inertia = result.transition_state.inertia
    assert inertia is not None
    assert result.transition_state.log_product == pytest.approx(state.log_product, rel=1e-8)
    monkeypatch.setattr(inertia_module, "MOST_FACTORIZED", 10)
    assert find_transition_state(small_loss, start, state.eigenvector).status is SaddleStatus.UNCERTIFIED


@pytest.mark.usefixtures("by_products")
def test_a_search_for_nothing_says_so(small_loss, rng):
    minimum = minima_of(small_loss, rng, 1)[0]
    at_the_minimum = find_transition_state(small_loss, minimum.coordinates, minimum.coordinates)
    assert at_the_minimum.status is SaddleStatus.MINIMUM
    few = search_from_minimum(small_loss, minimum, rng=0, max_steps=1)
    assert few.status is SaddleStatus.MAX_STEPS
    again = search_from_minimum(small_loss, minimum, rng=0, max_steps=1)
    assert again.hessian_evaluations == few.hessian_evaluations


@pytest.mark.slow
@pytest.mark.usefixtures("by_products")
def test_radau_comes_to_the_same_ends(small_loss, rng):
    minima, converged = minima_of(small_loss, rng, 8), 0
    for a, b in pairwise(minima):
        top, _, line = highest_between(small_loss, a, b)
        result = find_transition_state(small_loss, top, line)
        if result.converged:
            converged += 1
            assert_ends(small_loss, result)
    assert converged >= 3


@pytest.mark.slow
def test_from_the_same_starts_both_find_the_same_transition_states(data):
    """50 starts beside ten transition states of (2, 5, 5, 4): farther off, both find some, but not always the same."""
    loss, rng = CrossEntropyLoss(MLP((2, 5, 5, 4)), data), np.random.default_rng(1)
    minima, states = minima_of(loss, rng, 10), []
    for _ in range(60):
        i, j = rng.choice(len(minima), 2, replace=False)
        top, _, line = highest_between(loss, minima[i], minima[j])
        state = _top(loss, top, line, 1e-10, 150).point
        if state is not None and state.index == 1 and not any(same_point(loss.network, state, s) for s in states):
            states.append(state)
        if len(states) == 10:
            break
    for number in range(50):
        state = states[number % len(states)]
        away = rng.normal(size=state.coordinates.size)
        start = state.coordinates + 0.02 / np.linalg.norm(away) * away
        full, large = (find(loss, start, state.eigenvector, 1e-10, 150) for find in (_top, _top_by_products))
        assert full.status is large.status is SaddleStatus.CONVERGED
        assert same_point(loss.network, full.point, large.point)


@pytest.mark.slow
def test_the_paper_s_mnist_network_has_a_certified_transition_state():
    try:
        data = datasets.load("mnist", rows=1000, data_dir=MNIST)
    except FileNotFoundError:
        pytest.skip(f"no MNIST files in {MNIST}")
    loss = CrossEntropyLoss(MLP((784, 5, 10)), data)
    a, b = (quench(loss, loss.network.glorot_uniform(seed)).minimum for seed in (0, 1))
    top, _, line = highest_between(loss, a, b)
    result = find_transition_state(loss, top, line)
    assert result.status is SaddleStatus.CONVERGED
    assert result.transition_state.signs == (1, 0, 3984)
    for minimum in result.minima:
        assert minimum.signs == (0, 0, 3985)
        assert minimum.value < result.transition_state.value


@pytest.mark.usefixtures("by_products")
def test_a_large_network_s_barrier_is_bounded_by_a_band(monkeypatch):
    surface = MuellerBrown()
    known = surface.known_points()
    a, b = (quench(surface, known.minima[i]).minimum for i in (0, 2))
    monkeypatch.setattr(_searches, "LARGE", 1)
    monkeypatch.setattr(_searches, "minimax_path", None)
    task = _searches.Task(0, "bound", 0, (1, a), (2, b))
    found = _searches._bound(surface, task, np.random.default_rng(0))
    highest, points = found.bound
    assert highest >= known.transition_values.min() - 1e-6
    assert len(points) == _searches.IMAGES + 2
    for state, _ in found.connections:
        assert np.abs(known.transition_states - state.coordinates).max(axis=1).min() < 1e-6
