import numpy as np
import pytest
from scipy.spatial.distance import cdist
from support.figures import flaws
from support.reference import flow_path

from landscape import CrossEntropyLoss, quench, symmetry
from landscape.descent import _profiles, loss_profile
from landscape.losses import MuellerBrown
from landscape.networks import MLP
from landscape.plots import new_figure, plot_profile
from landscape.search import find_transition_state, search_from_minimum


@pytest.fixture(scope="module")
def surface():
    """Its minima 0, 2, 1 in the order of the way, and the two transition states between them."""
    surface = MuellerBrown()
    known = surface.known_points()
    minima = [quench(surface, known.minima[i]).minimum for i in (0, 2, 1)]
    saddles = known.transition_states[[1, 0]]
    states = [find_transition_state(surface, saddle, [1.0, 0.0]).transition_state for saddle in saddles]
    return surface, minima, states


def assert_is_profile(profile, minima, states):
    np.testing.assert_allclose(profile.losses[profile.minima], [m.value for m in minima], atol=1e-9)
    np.testing.assert_allclose(profile.losses[profile.transition_states], [s.value for s in states], atol=1e-9)
    assert profile.lengths[0] == 0.0
    assert (np.diff(profile.lengths) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(np.diff(profile.points, axis=0), axis=1), np.diff(profile.lengths))
    down = np.diff(profile.losses)
    for k, top in enumerate(profile.transition_states):
        start, end = profile.minima[k], profile.minima[k + 1]
        assert (down[start:top] > -1e-12).all()  # up to the transition state without a dip
        assert (down[top:end] < 1e-12).all()


def test_the_way_across_the_surface(surface):
    loss, minima, states = surface
    profile = loss_profile(loss, minima, states, path_error=1e-4)
    assert_is_profile(profile, minima, states)
    assert profile.points[profile.minima] == pytest.approx(loss.known_points().minima[[0, 2, 1]], abs=1e-6)
    assert profile.points[profile.transition_states] == pytest.approx(
        loss.known_points().transition_states[[1, 0]], abs=1e-6
    )
    # Radau at a fine tolerance follows the same way
    for state in states:
        for sign in (1.0, -1.0):
            exact = flow_path(loss, state.coordinates + sign * 1e-3 * state.eigenvector)
            assert cdist(profile.points, exact).min(axis=0).max() < 0.05
            steps = np.linspace(0, 1, 60)[:, None, None]
            fine = (exact[:-1] + steps * np.diff(exact, axis=0)).reshape(-1, 2)
            near = cdist(fine, profile.points).min(axis=1)
            assert near.max() < 0.02


def test_without_spectra_it_is_the_same_path(surface, monkeypatch):
    loss, minima, states = surface
    expected = loss_profile(loss, minima, states, path_error=1e-4)
    monkeypatch.setattr(_profiles, "LARGE", 0)
    monkeypatch.setattr(_profiles, "local_model", None)
    profile = loss_profile(loss, minima, states, path_error=1e-4)
    assert_is_profile(profile, minima, states)
    assert profile.lengths[-1] == pytest.approx(expected.lengths[-1], rel=1e-3)
    np.testing.assert_allclose(profile.points, expected.points, atol=5e-3)


def test_backwards_is_the_mirror_image(surface):
    loss, minima, states = surface
    there = loss_profile(loss, minima, states)
    back = loss_profile(loss, minima[::-1], states[::-1])
    np.testing.assert_allclose(back.losses[::-1], there.losses, atol=1e-12)
    np.testing.assert_allclose(there.lengths[-1] - back.lengths[::-1], there.lengths, atol=1e-9)


def test_more_points_change_the_length_little(surface):
    loss, minima, states = surface
    lengths = [loss_profile(loss, minima, states, points_per_side=n).lengths[-1] for n in (5, 40, 400)]
    assert lengths == sorted(lengths)  # a polygon with more corners is longer
    assert lengths[1] == pytest.approx(lengths[2], rel=2e-3)


def chain_of_states(loss, rng, n):
    """A way through n transition states of a network: each from the end of the one before, images at random."""
    minima = [quench(loss, loss.network.glorot_uniform(rng)).minimum]
    states = []
    for _ in range(60):
        result = search_from_minimum(loss, minima[-1], rng=rng)
        if not result.converged:
            continue
        ends = result.minima
        here = [symmetry.distance(loss.network, end.coordinates, minima[-1].coordinates) < 1e-2 for end in ends]
        if any(here):
            states.append(result.transition_state)
            minima.append(ends[1] if here[0] else ends[0])
        if len(states) == n:
            return minima, states
    return pytest.fail("no way was found")


@pytest.mark.parametrize("hidden", [(3,), (2, 2)])
def test_pieces_join_modulo_symmetry(few_data, hidden, rng):
    loss = CrossEntropyLoss(MLP((2, *hidden, 4)), few_data)
    minima, states = chain_of_states(loss, rng, 2)

    def image(point):
        return type(point)(
            **{**vars(point), "coordinates": symmetry.random_image(loss.network, point.coordinates, rng=rng)}
        )

    plain = loss_profile(loss, minima, states)
    shuffled = loss_profile(loss, [image(m) for m in minima], [image(s) for s in states])
    for profile in (plain, shuffled):
        assert_is_profile(profile, minima, states)
        steps = np.diff(profile.lengths)
        assert steps.max() < 3 * np.median(steps) + 0.1  # no jump to another image
    np.testing.assert_allclose(shuffled.losses, plain.losses, atol=1e-8)
    np.testing.assert_allclose(shuffled.lengths, plain.lengths, atol=0.02 * plain.lengths[-1])


def test_bad_arguments_are_refused(surface):
    loss, minima, states = surface
    for wrong in ((minima[:2], states), (minima[:1], [])):
        with pytest.raises(ValueError, match="one more than transition_states"):
            loss_profile(loss, *wrong)
    with pytest.raises(ValueError, match=r"transition_states\[0\] must connect minima\[0\] and minima\[1\]"):
        loss_profile(loss, minima, states[::-1])
    with pytest.raises(ValueError, match="points_per_side must be at least 2; got 1"):
        loss_profile(loss, minima, states, points_per_side=1)


def test_profile_plot(surface):
    profile = loss_profile(*surface)
    figure, (ax,) = new_figure(4.25, 3.8)
    assert plot_profile(profile, ax, labels=["a", 2, "c"], title="T") is ax
    assert flaws(figure) == []
    assert [text.get_text() for text in ax.texts] == ["a", "2", "c"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.stack([profile.lengths, profile.losses], axis=1))
    assert [len(c.get_offsets()) for c in ax.collections] == [3, 2]
    with pytest.raises(ValueError, match="one entry per minimum on the path, 3; got 1"):
        plot_profile(profile, ax, labels=["a"])
