import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.reference import finite_gradient, finite_hessian, relative_error

from landscape import Database, explore, quench
from landscape.graph import components, funnelling
from landscape.losses import DoubleWells, MuellerBrown
from landscape.search import find_transition_state
from landscape.stationary import certify

SURFACES = [MuellerBrown(), DoubleWells([0.1]), DoubleWells([0.1, 0.2, 0.4], [0.1, -0.2, 0.3])]
surfaces = pytest.mark.parametrize("surface", SURFACES, ids=lambda s: f"{type(s).__name__}-{s.n_parameters}")


@surfaces
def test_derivatives(surface):
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.normal(scale=0.7, size=surface.n_parameters)
        value, gradient, hessian = surface.value_gradient_hessian(x)
        assert surface.value_and_gradient(x)[0] == value
        assert relative_error(finite_gradient(lambda p: surface.value_and_gradient(p)[0], x), gradient) < 1e-6
        assert relative_error(finite_hessian(lambda p: surface.value_and_gradient(p)[1], x), hessian) < 1e-6


@surfaces
def test_the_known_points_are_stationary_with_the_right_index(surface):
    known = surface.known_points()
    for points, values, index in (
        (known.minima, known.minimum_values, 0),
        (known.transition_states, known.transition_values, 1),
    ):
        for point, value in zip(points, values, strict=True):
            found = certify(surface, point)
            assert found.index == index
            assert found.value == pytest.approx(value, abs=1e-7)
            assert found.rms_gradient < 1e-4


def test_the_commonly_quoted_numbers_of_mueller_and_browns_surface():
    known = MuellerBrown(scale=1.0).known_points()
    expected = [[-0.558, 1.442, -146.700], [0.623, 0.028, -108.167], [-0.050, 0.467, -80.768]]
    np.testing.assert_allclose(np.column_stack([known.minima, known.minimum_values]), expected, atol=6e-4)
    expected = [[0.212, 0.293, -72.249], [-0.822, 0.624, -40.665]]
    np.testing.assert_allclose(np.column_stack([known.transition_states, known.transition_values]), expected, atol=6e-4)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_numbers_of_points(d):
    known = DoubleWells(np.arange(1.0, d + 1)).known_points()
    assert known.minima.shape == (2**d, d)
    assert known.transition_states.shape == (d * 2 ** (d - 1), d)
    assert (components(known.graph) == 0).all()
    assert len(np.unique(known.edges, axis=0)) == d * 2 ** (d - 1)


@settings(deadline=None, max_examples=30)
@given(st.floats(-0.9, 0.9), st.floats(0.1, 5))
def test_values_and_curvatures_in_closed_form(tilt, height):
    surface = DoubleWells([height], tilt)
    known = surface.known_points()
    np.testing.assert_allclose(known.minimum_values, [-8 * height * tilt / 3, 8 * height * tilt / 3], atol=1e-12)
    top = height * ((1 - tilt**2) ** 2 + 4 * tilt**2 * (1 - tilt**2 / 3))
    assert known.transition_values[0] == pytest.approx(top)
    curvature = [surface.value_gradient_hessian([x])[2][0, 0] for x in (-1.0, 1.0, tilt)]
    expected = [8 * height * (1 + tilt), 8 * height * (1 - tilt), 4 * height * (tilt**2 - 1)]
    np.testing.assert_allclose(curvature, expected, atol=1e-12)


def nearest(points, x):
    distances = np.linalg.norm(points - x, axis=1)
    assert distances.min() < 1e-5
    return int(distances.argmin())


@surfaces
def test_transition_states_and_what_they_join(surface):
    known = surface.known_points()
    rng = np.random.default_rng(1)
    for state, value, edge in zip(known.transition_states, known.transition_values, known.edges, strict=True):
        mode = np.linalg.eigh(surface.value_gradient_hessian(state)[2])[1][:, 0]
        found = find_transition_state(surface, state + 0.05 * rng.normal(size=state.size), mode)
        assert found.converged
        np.testing.assert_allclose(found.transition_state.coordinates, state, atol=1e-5)
        assert found.transition_state.value == pytest.approx(value, abs=1e-7)
        assert sorted(nearest(known.minima, end.coordinates) for end in found.minima) == sorted(edge)


def test_the_flow_ends_in_its_basin():
    surface = DoubleWells([0.1, 0.2, 0.4], [0.1, -0.2, 0.3])
    rng = np.random.default_rng(2)
    for start in rng.uniform(-1.6, 1.6, size=(40, 3)):
        if np.abs(start - surface.tilts).min() < 0.02:  # within the error of the path of a ridge
            continue
        np.testing.assert_allclose(quench(surface, start, method="flow").coordinates, surface.basin(start), atol=1e-6)
        assert nearest(surface.known_points().minima, quench(surface, start).coordinates) >= 0


@pytest.mark.slow
@surfaces
def test_an_exploration_finds_exactly_what_there_is(surface, tmp_path):
    known = surface.known_points()
    explore(surface, tmp_path / "s.db", searches=160, seed=1)
    with Database(tmp_path / "s.db") as database:
        graph = database.graph()
        where = [nearest(known.minima, m.point.coordinates) for m in database.minima]
        assert sorted(where) == list(range(len(known.minima)))
        assert len(database.transition_states) == len(known.transition_states)
        for k, state in enumerate(database.transition_states):
            i = nearest(known.transition_states, state.point.coordinates)
            assert state.point.value == pytest.approx(known.transition_values[i], abs=1e-7)
            assert sorted(where[j] for j in graph.edges[k]) == sorted(known.edges[i])
    found, expected = funnelling(graph), funnelling(known.graph)
    assert (found.share, len(found.funnels)) == (expected.share, len(expected.funnels))


def test_bad_arguments_are_refused():
    for heights in ([], [0.0], [1.0, -1.0], [[1.0]], [np.nan]):
        with pytest.raises(ValueError, match="heights must be positive"):
            DoubleWells(heights)
    for tilt in (1.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="tilts must be between -1 and 1"):
            DoubleWells([1.0], tilt)
    for scale in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="scale must be a positive number"):
            MuellerBrown(scale)
    with pytest.raises(ValueError, match=r"theta must have shape \(2,\)"):
        MuellerBrown().value_and_gradient([0.0])
