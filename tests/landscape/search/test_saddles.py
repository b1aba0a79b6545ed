from itertools import pairwise

import numpy as np
import pytest
from support.reference import DoubleWell, Surface, flow_end

from landscape import CrossEntropyLoss, Database, datasets, explore, quench, symmetry
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.search import SaddleStatus, find_transition_state, search_between, search_from_minimum
from landscape.stationary import certify


def minima_of(loss, rng, n):
    found = [quench(loss, loss.network.glorot_uniform(rng)) for _ in range(n)]
    return [result.minimum for result in found if result.converged]


def assert_transition_state(loss, result):
    """One negative eigenvalue, no gradient, above both minima, which are certified too."""
    state = result.transition_state
    value, gradient, hessian = loss.value_gradient_hessian(state.coordinates)
    eigenvalues, vectors = np.linalg.eigh(hessian)
    assert np.linalg.norm(gradient) / np.sqrt(gradient.size) <= 1e-10
    assert state.index == certify(loss, state.coordinates).index == 1
    assert eigenvalues[0] < 0.0 < eigenvalues[1 + len(loss.zero_modes)]
    assert state.value == value
    assert state.eigenvalues[0] == pytest.approx(eigenvalues[0], rel=1e-6)
    assert abs(state.eigenvector @ vectors[:, 0]) == pytest.approx(1.0)
    assert len(result.minima) == 2
    for minimum in result.minima:
        assert minimum.value < value
        assert minimum.rms_gradient <= 1e-10
        assert certify(loss, minimum.coordinates).index == 0


def assert_downhill_paths(loss, result):
    """SciPy's Radau from both sides ends in the two minima, modulo symmetry."""
    state = result.transition_state
    ends = []
    for sign in (1.0, -1.0):
        push, drop = 1e-3, 0.0
        while drop < 1e-13:
            start = state.coordinates + sign * push * state.eigenvector
            drop, push = state.value - loss.value_and_gradient(start)[0], 2.0 * push
        ends.append(flow_end(loss, start))
    for end, minimum in zip(ends, result.minima, strict=True):
        assert loss.value_and_gradient(end)[0] == pytest.approx(minimum.value, abs=1e-9)
        assert symmetry.distance(loss.network, end, minimum.coordinates) < 1e-2


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize("hidden", [(3,), (2, 2), (2, 2, 2)], ids=str)
def test_searches_from_a_minimum_give_certified_transition_states(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    results = [search_from_minimum(loss, minimum, rng=rng, displacement=2.0) for minimum in minima_of(loss, rng, 8)]
    converged = [result for result in results if result.converged]
    assert len(converged) >= 2
    for result in converged:
        assert_transition_state(loss, result)
        assert_downhill_paths(loss, result)


@pytest.mark.parametrize("hidden", [(3,), (4, 4)], ids=str)
def test_searches_between_minima_give_certified_transition_states(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    minima = minima_of(loss, rng, 8)
    pairs = [
        (a, b)
        for i, a in enumerate(minima)
        for b in minima[:i]
        if symmetry.distance(loss.network, a.coordinates, b.coordinates) > 1e-2
    ]
    results = [search_between(loss, a, b) for a, b in pairs[:8]]
    converged = [result for result in results if result.converged]
    assert len(converged) >= len(results) // 2 > 0
    for result in converged:
        assert_transition_state(loss, result)


@pytest.mark.slow
def test_searches_on_a_thousand_rows(loss):
    rng = np.random.default_rng(1)
    minima = minima_of(loss, rng, 10)
    results = [search_from_minimum(loss, minimum, rng=rng) for minimum in minima]
    results += [search_between(loss, a, b) for a, b in pairwise(minima)]
    converged = [result for result in results if result.converged]
    assert len(converged) >= len(results) // 2 or loss.network.hidden == (1, 1, 1)  # starts there: one minimum
    for result in converged:
        assert_transition_state(loss, result)
        assert_downhill_paths(loss, result)


def test_without_a_penalty_on_biases_the_zero_mode_stays_out(few_data, rng):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data, regularize_biases=False)
    found = [search_from_minimum(loss, minimum, rng=rng) for minimum in minima_of(loss, rng, 4)]
    converged = [result for result in found if result.converged]
    assert converged
    for result in converged:
        assert_transition_state(loss, result)
        assert len(result.transition_state.eigenvalues) == loss.n_parameters - 1
        for point in (result.transition_state, *result.minima):
            assert abs(point.coordinates[-4:].sum()) < 1e-8


def test_the_arguments_are_not_written(small_loss, rng):
    minimum = minima_of(small_loss, rng, 1)[0]
    direction = rng.normal(size=small_loss.n_parameters)
    start = minimum.coordinates + 0.1 * direction
    before = start.copy(), direction.copy()
    start.flags.writeable = direction.flags.writeable = False
    find_transition_state(small_loss, start, direction)
    assert (start == before[0]).all()
    assert (direction == before[1]).all()


# ---------------------------------------------------------------- a surface with a known answer


def minima_of_surface(surface):
    return [quench(surface, point).minimum for point in surface.known_points().minima]


def which(points, x):
    return int(np.linalg.norm(points - x, axis=1).argmin())


def test_all_saddles_of_the_surface_are_found(rng):
    surface = MuellerBrown()
    minima, found, known = minima_of_surface(surface), set(), surface.known_points()
    for _ in range(10):
        for minimum in minima:
            result = search_from_minimum(surface, minimum, rng=rng, displacement=0.1)
            if not result.converged:
                continue
            assert_transition_state(surface, result)
            k = which(known.transition_states, result.transition_state.coordinates)
            np.testing.assert_allclose(result.transition_state.coordinates, known.transition_states[k], atol=1e-6)
            assert result.transition_state.value == pytest.approx(known.transition_values[k], abs=1e-7)
            ends = sorted(which(known.minima, end.coordinates) for end in result.minima)
            assert ends == sorted(known.edges[k])
            for end, position in zip(sorted(result.minima, key=lambda m: m.value), sorted(ends), strict=True):
                np.testing.assert_allclose(end.coordinates, known.minima[position], atol=1e-6)
            found.add(k)
    assert found == {0, 1}


@pytest.mark.parametrize(("ends", "saddle"), [((0, 2), 1), ((2, 1), 0)])
def test_searches_between_the_minima_of_the_surface(ends, saddle):
    surface = MuellerBrown()
    minima = minima_of_surface(surface)
    result = search_between(surface, minima[ends[0]], minima[ends[1]])
    assert result.converged
    np.testing.assert_allclose(
        result.transition_state.coordinates, surface.known_points().transition_states[saddle], atol=1e-6
    )


# ---------------------------------------------------------------- statuses


def test_no_steps_is_a_status(small_loss, rng):
    minimum = minima_of(small_loss, rng, 1)[0]
    result = search_from_minimum(small_loss, minimum, rng=rng, max_steps=2)
    assert result.status is SaddleStatus.MAX_STEPS
    assert not result.converged
    assert result.transition_state is None
    assert result.minima == ()
    assert result.hessian_evaluations == 2


def test_a_start_in_a_minimum_is_a_status():
    surface = DoubleWell()
    result = find_transition_state(surface, quench(surface, [1.0, 0.0]).coordinates, [1.0, 0.0])
    assert result.status is SaddleStatus.MINIMUM


class Hilltop(Surface):
    def value_gradient_hessian(self, theta):
        x = np.asarray(theta, dtype=float)
        return float(np.cos(x).sum()), -np.sin(x), -np.diag(np.cos(x))


def test_a_saddle_of_higher_index_is_a_status():
    assert find_transition_state(Hilltop(), [0.0, 0.0], [1.0, 0.0]).status is SaddleStatus.HIGHER_INDEX


class Abyss(Surface):
    """y^2 / 2 - x^2 / 2 + x^3 / 3: a transition state at 0, a minimum at x = 1, and nothing below x = -3."""

    edge = -3.0

    def value_gradient_hessian(self, theta):
        x, y = np.asarray(theta, dtype=float)
        if x < self.edge:
            return np.nan, np.full(2, np.nan), np.full((2, 2), np.nan)
        return 0.5 * y * y - 0.5 * x * x + x**3 / 3, np.array([x * x - x, y]), np.diag([2 * x - 1, 1.0])


@pytest.mark.slow
def test_a_way_down_that_does_not_end_is_a_status():
    assert find_transition_state(Abyss(), [0.4, 0.1], [-1.0, 0.0]).status is SaddleStatus.DOWNHILL


def test_a_loss_that_is_not_finite_is_a_status():
    assert find_transition_state(Abyss(), [-4.0, 0.0], [-1.0, 0.0]).status is SaddleStatus.NOT_FINITE


@pytest.mark.parametrize(
    ("theta", "direction", "name"),
    [
        (np.full(25, np.nan), np.ones(25), "theta"),
        (np.zeros(25), np.full(25, np.nan), "direction"),
        (np.zeros(25), np.zeros(25), "direction"),
        (np.zeros(25), np.ones(24), "direction"),
        (np.zeros(24), np.ones(25), "theta"),
    ],
)
def test_mistakes_of_the_caller_are_named(small_loss, theta, direction, name):
    with pytest.raises(ValueError, match=name):
        find_transition_state(small_loss, theta, direction)


# ---------------------------------------------------------------- the chain


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_chain_has_two_minima_one_of_them_collapsed(seed, tmp_path):
    data = datasets.ljat(rows=1000, seed=seed)
    loss = CrossEntropyLoss(MLP((2, 1, 1, 1, 4)), data)
    explore(loss, tmp_path / "chain.db", searches=32)
    with Database(tmp_path / "chain.db") as database:
        working, collapsed = database.minima  # exactly two
        assert 0.63 < working.point.value < 0.68
        assert data.constant_entropy < collapsed.point.value < data.constant_entropy + 1e-3
        # a constant predictor: no kernel leads into the last hidden unit, which serves as one more bias
        first, second, third, _ = loss.network.unflatten(collapsed.point.coordinates)
        assert max(np.abs(layer.kernel).max() for layer in (first, second, third)) < 1e-6
        assert (collapsed.orbit_size, working.orbit_size) == (2, 8)


def test_the_collapsed_minimum_is_found_from_small_starts(data, rng):
    loss = CrossEntropyLoss(MLP((2, 1, 1, 1, 4)), data)
    for _ in range(5):
        result = quench(loss, 1e-2 * rng.normal(size=loss.n_parameters), method="flow")
        assert result.converged
        assert result.value == pytest.approx(data.constant_entropy, abs=1e-3)
