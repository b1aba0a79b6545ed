from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import block_diag
from support.reference import Scaled

from landscape import CrossEntropyLoss, datasets, quench, symmetry
from landscape.descent import highest_point
from landscape.graph import minimax_barrier
from landscape.losses import DoubleWells, MuellerBrown
from landscape.networks import MLP
from landscape.search import PathStatus, _minimax, find_transition_state, minimax_path
from landscape.search._flux import Polygon, solve_blocks

SURFACE = MuellerBrown()
KNOWN = SURFACE.known_points()


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_the_highest_point_is_the_known_transition_state(pair):
    a, b = pair
    path = minimax_path(SURFACE, KNOWN.minima[a], KNOWN.minima[b], tolerance=2e-3, steps=300)
    barrier = minimax_barrier(KNOWN.graph, a, b)
    assert path.converged
    assert path.highest == pytest.approx(barrier, abs=1e-6)
    state = KNOWN.transition_states[np.abs(KNOWN.transition_values - barrier).argmin()]
    np.testing.assert_allclose(path.top, state, atol=1e-3)
    np.testing.assert_array_equal(path.points[[0, -1]], KNOWN.minima[[a, b]])


def test_in_a_double_well_of_three_coordinates_it_goes_over_single_saddles():
    surface = DoubleWells([1.0, 0.5, 2.0], 0.2)
    known = surface.known_points()
    path = minimax_path(surface, [-1, -1, -1], [1, 1, 1], tolerance=1e-4, steps=300)
    near = np.linalg.norm(known.transition_states - path.top, axis=1).argmin()
    assert path.highest == pytest.approx(known.transition_values[near], abs=1e-3)


@pytest.fixture(scope="module")
def far_apart():
    network = MLP((2, 4, 4, 4))
    loss = CrossEntropyLoss(network, datasets.ljat(rows=100, seed=0))
    rng = np.random.default_rng(1)
    a, b = (quench(loss, network.glorot_uniform(rng)).minimum for _ in range(2))
    return loss, a.coordinates, symmetry.nearest_image(network, b.coordinates, a.coordinates)


def test_more_steps_never_raise_it_and_the_straight_pieces_lie_below(far_apart):
    loss, start, end = far_apart
    paths = [minimax_path(loss, start, end, steps=steps) for steps in (1, 5, 20, 60)]
    line, _ = highest_point(loss, [start, end])
    heights = [line, *(path.highest for path in paths)]
    assert all(after <= before + 1e-6 for before, after in pairwise(heights))
    best = paths[-1]
    fine = [loss.value_and_gradient(a + t * (b - a))[0] for a, b in pairwise(best.points)
            for t in np.linspace(0, 1, 101)]  # fmt: skip
    assert max(fine) <= best.highest + 1e-9
    assert best.highest == pytest.approx(loss.value_and_gradient(best.top)[0], abs=1e-14)
    floor = max(best.values[[0, -1]])
    assert best.highest - floor < 0.2 * (line - floor)


def test_a_search_from_the_top_finds_a_transition_state_of_about_its_loss(far_apart):
    loss, start, end = far_apart
    path = minimax_path(loss, start, end, steps=100, tolerance=1e-2)
    found = find_transition_state(loss, path.top, path.tangent)
    assert found.transition_state is not None
    assert 0.0 < path.highest - found.transition_state.value < 1e-4


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("length", [1e-3, 1e3])
def test_units_do_not_matter(factor, length):
    start, end = KNOWN.minima[:2]
    plain = minimax_path(SURFACE, start, end, steps=20)
    path = minimax_path(Scaled(SURFACE, factor, length), length * start, length * end, steps=20)
    np.testing.assert_allclose(path.points / length, plain.points, atol=1e-6)
    assert path.highest == pytest.approx(factor * plain.highest, rel=1e-9)


def test_a_path_that_falls_all_the_way_is_left_as_it_is():
    class Slope:
        network, n_parameters, zero_modes = None, 2, np.zeros((0, 2))

        def value_and_gradient(self, theta):
            return float(theta[0]), np.array([1.0, 0.0])

        def value_gradient_hessian(self, theta):
            return *self.value_and_gradient(theta), np.zeros((2, 2))

    path = minimax_path(Slope(), [1.0, 0.0], [0.0, 1.0])
    assert path.status is PathStatus.CONVERGED
    assert (path.highest, path.steps, path.hessians) == (1.0, 0, 0)


def test_a_path_through_given_points_starts_there_and_never_gets_worse():
    start, end = KNOWN.minima[:2]
    through = KNOWN.minima[2:]
    path = minimax_path(SURFACE, start, end, initial=through, steps=1)
    assert path.highest <= highest_point(SURFACE, [start, *through, end])[0] + 1e-9
    again = minimax_path(SURFACE, start, end, initial=path.points[1:-1], steps=30)
    assert again.highest < path.highest
    assert again.highest == pytest.approx(minimax_barrier(KNOWN.graph, 0, 1), abs=1e-3)


def test_few_steps_say_so():
    path = minimax_path(SURFACE, *KNOWN.minima[:2], steps=2)
    assert path.status is PathStatus.MAX_STEPS
    assert "increase steps" in path.status.value
    assert path.steps == 2


def test_wrong_arguments_are_named():
    start, end = KNOWN.minima[:2]
    for name in ("images", "steps", "tolerance", "max_images"):
        with pytest.raises(ValueError, match=f"{name} must be positive; got 0"):
            minimax_path(SURFACE, start, end, **{name: 0})
    with pytest.raises(ValueError, match="end must be finite with shape"):
        minimax_path(SURFACE, start, [np.nan, 0.0])
    with pytest.raises(ValueError, match="initial must be finite with shape"):
        minimax_path(SURFACE, start, end, initial=[1.0, 2.0])


def test_too_many_parameters_are_refused(monkeypatch):
    monkeypatch.setattr(_minimax, "LARGE", 1)
    with pytest.raises(ValueError, match=r"at most 1 parameters, because each image has a .P, P. block; got 2"):
        minimax_path(SURFACE, *KNOWN.minima[:2])


def test_a_loss_that_is_not_finite_is_said_so():
    class Hole(MuellerBrown):
        def value_and_gradient(self, theta):
            return np.nan, np.zeros(2)

    with pytest.raises(FloatingPointError, match="not finite on the first path"):
        minimax_path(Hole(), *KNOWN.minima[:2])


def test_inputs_are_not_written_to():
    start, end = (point.copy() for point in KNOWN.minima[:2])
    start.flags.writeable = end.flags.writeable = False
    minimax_path(SURFACE, start, end, steps=3)


# ---------------------------------------------------------------- parts


def test_the_gradient_of_the_functional_is_that_of_finite_differences():
    images = np.linspace(KNOWN.minima[0], KNOWN.minima[1], 5) + np.random.default_rng(0).normal(scale=0.05, size=(5, 2))
    slope = Polygon.through(SURFACE, images).slope(Polygon.through(SURFACE, images).functional(0.1, 0.3)[1], 0.3)
    for k, x in np.ndindex(3, 2):
        moved = np.array([images, images])
        moved[:, k + 1, x] += (1e-6, -1e-6)
        up, down = (Polygon.through(SURFACE, one).functional(0.1, 0.3)[0] for one in moved)
        assert slope[k, x] == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8)


def test_block_systems_are_solved_as_dense_ones():
    rng = np.random.default_rng(0)
    diagonal, beside, right = rng.normal(size=(4, 3, 3)), rng.normal(size=(3, 3, 3)), rng.normal(size=(4, 3))
    diagonal = diagonal @ diagonal.transpose(0, 2, 1) + 8 * np.eye(3)
    dense = np.array(block_diag(*diagonal))
    for k in range(3):
        dense[3 * k : 3 * k + 3, 3 * k + 3 : 3 * k + 6] = beside[k]
        dense[3 * k + 3 : 3 * k + 6, 3 * k : 3 * k + 3] = beside[k].T
    np.testing.assert_allclose(solve_blocks(diagonal, beside, right).ravel(), np.linalg.solve(dense, right.ravel()))
