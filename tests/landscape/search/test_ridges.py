"""Transition states found from the ridge between two basins, against those that are known."""

from itertools import pairwise

import numpy as np
import pytest
from support.reference import DoubleWell

from landscape import CrossEntropyLoss, quench
from landscape.descent import _ridge, follow_ridge
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.search import search_ridge, search_ridges

SURFACE = MuellerBrown()
KNOWN = SURFACE.known_points()


def nearest(point):
    return int(np.linalg.norm(KNOWN.minima - point, axis=1).argmin())


JOINED = {  # transition state between two minima, by their positions from low to high
    frozenset(map(nearest, ends)): state
    for ends, state in (
        (([-0.558, 1.442], [-0.050, 0.467]), [-0.822, 0.624]),
        (([0.623, 0.028], [-0.050, 0.467]), [0.212, 0.293]),
    )
}


def test_too_many_parameters_are_refused(monkeypatch):
    monkeypatch.setattr(_ridge, "LARGEST_FOLLOWED", 1)
    with pytest.raises(ValueError, match=r"loss must have at most 1 parameters, .*; got 2: search between minima"):
        search_ridge(SURFACE, *KNOWN.minima[:2])


def basin(theta):
    return nearest(quench(SURFACE, theta, method="flow").coordinates)


@pytest.mark.parametrize("seed", range(12))
def test_the_ridge_of_a_known_surface_leads_to_its_transition_state(seed):
    rng = np.random.default_rng(seed)
    inside, outside = rng.uniform([-1.3, -0.2], [1.0, 1.7], size=(2, 2))
    found = search_ridge(SURFACE, inside, outside)
    if basin(inside) == basin(outside):
        assert found is None
        return
    assert found.joins
    sides = frozenset(
        int(np.linalg.norm(KNOWN.minima - end.coordinates, axis=1).argmin()) for end in (found.near, found.far)
    )
    np.testing.assert_allclose(found.searches[-1].transition_state.coordinates, JOINED[sides], atol=2e-3)
    assert basin(inside) in sides
    assert basin(found.beyond) in sides - {basin(inside)}
    share = (found.beyond - inside) @ (outside - inside) / ((outside - inside) @ (outside - inside))
    np.testing.assert_allclose(found.beyond, inside + share * (outside - inside), atol=1e-9)
    before = inside + (share - 2e-3) * (outside - inside)  # a few times the spacing of the first bisection
    assert basin(before) == basin(inside)


def test_a_line_through_three_basins_gives_both_transition_states():
    found = search_ridges(SURFACE, [-0.6, 1.3], [0.6, 0.1])
    assert [search.joins for search in found] == [True, True]
    states = np.array([search.searches[-1].transition_state.coordinates for search in found])
    np.testing.assert_allclose(np.sort(states, axis=0), np.sort(KNOWN.transition_states, axis=0), atol=1e-6)


def test_no_more_ridges_than_asked_for():
    (found,) = search_ridges(SURFACE, [-0.6, 1.3], [0.6, 0.1], most=1)
    assert found.joins


def test_the_flow_on_the_ridge_comes_nearer_and_nearer():
    """The ridge of this double well is a line, and its transition state is known to rounding."""
    surface = DoubleWell()
    roots = np.roots([4.0, 0.0, -4.0, surface.tilt]).real
    top = sorted(roots)[1]
    gaps = [abs(point.model.point[0] - top) for point in follow_ridge(surface, [-1.0, 0.5], [1.0, 0.5])]
    assert gaps[-1] < 1e-3 < gaps[0]


def test_points_of_one_basin_have_no_ridge_between_them():
    assert search_ridge(SURFACE, [-0.6, 1.3], [-0.5, 1.4]) is None
    assert search_ridges(SURFACE, [-0.6, 1.3], [-0.5, 1.4]) == ()


@pytest.mark.parametrize(
    ("name", "arguments"), [("inside", ([np.nan, 0.0], [0.0, 0.0])), ("outside", ([0.0, 0.0], [0.0]))]
)
def test_bad_points_are_named(name, arguments):
    with pytest.raises(ValueError, match=name):
        search_ridge(SURFACE, *arguments)


@pytest.mark.parametrize("option", ["most", "max_steps"])
def test_numbers_must_be_positive(option):
    with pytest.raises(ValueError, match=option):
        search_ridges(SURFACE, [-0.6, 1.3], [0.6, 0.1], **{option: 0})


@pytest.mark.slow
def test_between_minima_of_a_network_most_ridges_give_a_state_that_joins_their_two_sides(few_data):
    loss = CrossEntropyLoss(MLP((2, 3, 4)), few_data, 1e-3)
    rng = np.random.default_rng(5)
    points = 0.5 * rng.normal(size=(6, loss.n_parameters))
    found = [search for a, b in pairwise(points) for search in search_ridges(loss, a, b, most=2)]
    assert len(found) >= 4
    assert sum(search.joins for search in found) >= 0.5 * len(found)
    for search in found:
        if search.joins:  # the state's own downhill paths, and the flows from the two sides, are computed separately
            ends = sorted(end.value for end in search.searches[-1].minima)
            np.testing.assert_allclose(ends, sorted([search.near.value, search.far.value]), atol=1e-9)
            assert search.searches[-1].transition_state.value > max(ends)
