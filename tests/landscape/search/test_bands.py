from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.spatial.distance import cdist
from support.reference import Scaled

from landscape import CrossEntropyLoss, datasets, quench, symmetry
from landscape.losses import DoubleWells, MuellerBrown
from landscape.networks import MLP
from landscape.search import BandStatus, _band_steps, elastic_band, search_along_band
from landscape.search._saddles import highest_between


class Bow:
    """Minima at (-1, 0) and (1, 0), saddle at (0, 1) with loss 1; straight between the minima lies (0, 0) with 11."""

    n_parameters = 2
    network = None
    zero_modes = np.zeros((0, 2))

    def value_and_gradient(self, theta):
        x, y = theta
        off = y - 1 + x * x
        gradient = np.array([4 * x * (x * x - 1) + 40 * x * off, 20 * off])
        return float((x * x - 1) ** 2 + 10 * off * off), gradient

    def value_gradient_hessian(self, theta):
        x, y = theta
        off = y - 1 + x * x
        hessian = np.array([[12 * x * x - 4 + 40 * off + 80 * x * x, 40 * x], [40 * x, 20.0]])
        return *self.value_and_gradient(theta), hessian


BOW = Bow()
LEFT, RIGHT = np.array([-1.0, 0.0]), np.array([1.0, 0.0])


def test_a_band_bends_over_the_saddle():
    band = elastic_band(BOW, LEFT, RIGHT, images=15, steps=300, tolerance=1e-6, spring=1.0)
    assert band.rms_force <= 1e-6
    assert band.values.max() == pytest.approx(1.0, abs=1e-4)
    assert band.peaks.tolist() == [8]
    np.testing.assert_allclose(band.points[8], [0, 1], atol=1e-2)
    tangent = band.tangent(8) / np.linalg.norm(band.tangent(8))
    np.testing.assert_allclose(np.abs(tangent), [1, 0], atol=1e-3)


def test_the_springs_keep_images_apart():
    band = elastic_band(BOW, LEFT, RIGHT, images=15, steps=300, tolerance=1e-6, spring=1.0)
    gaps = np.linalg.norm(np.diff(band.points, axis=0), axis=1)
    assert gaps.max() / gaps.min() < 1.2


def test_ends_stay_and_inputs_are_not_written_to():
    start, end = LEFT.copy(), RIGHT.copy()
    start.flags.writeable = end.flags.writeable = False
    band = elastic_band(BOW, start, end, images=4, steps=10)
    np.testing.assert_array_equal(band.points[[0, -1]], [LEFT, RIGHT])
    assert band.points.shape == (6, 2)
    assert band.values.tolist() == [BOW.value_and_gradient(point)[0] for point in band.points]
    assert band.evaluations <= 4 * 11


def test_no_steps_wanted_is_an_error_and_so_are_other_wrong_numbers():
    for name in ("images", "steps", "tolerance", "spring", "max_step"):
        with pytest.raises(ValueError, match=f"{name} must be positive; got 0"):
            elastic_band(BOW, LEFT, RIGHT, **{name: 0})
    with pytest.raises(ValueError, match="end must be finite with shape"):
        elastic_band(BOW, LEFT, np.array([np.nan, 0]))
    with pytest.raises(ValueError, match="start must be finite with shape"):
        elastic_band(BOW, np.zeros(3), RIGHT)


def test_a_band_that_falls_all_the_way_has_no_peak():
    band = elastic_band(BOW, np.array([0.6, 0.64]), RIGHT, images=5, steps=50)
    assert band.peaks.size == 0


def test_a_loss_that_is_not_finite_is_said_so():
    class Hole(Bow):
        def value_and_gradient(self, theta):
            return (np.nan, np.zeros(2)) if abs(theta[0]) < 0.1 else super().value_and_gradient(theta)

    with pytest.raises(FloatingPointError, match="not finite on the band"):
        elastic_band(Hole(), LEFT, RIGHT, images=5)


@pytest.fixture(scope="module")
def far_apart():
    network = MLP((2, 4, 4, 4, 4))
    loss = CrossEntropyLoss(network, datasets.ljat(rows=1000, seed=0))
    rng = np.random.default_rng(0)
    return loss, *(quench(loss, network.glorot_uniform(rng)).minimum for _ in range(2))


def test_between_far_minima_the_band_lies_far_below_the_straight_line(far_apart):
    loss, a, b = far_apart
    _, on_line, _ = highest_between(loss, a, b)
    end = symmetry.nearest_image(loss.network, b.coordinates, a.coordinates)
    band = elastic_band(loss, a.coordinates, end, steps=100)
    assert band.values.max() - a.value < 0.5 * (on_line - a.value)


def test_searches_along_a_band_give_certified_transition_states(far_apart):
    loss, a, b = far_apart
    found = [result for result in search_along_band(loss, a, b, steps=40) if result.converged]
    assert found
    for result in found:
        assert result.transition_state.index == 1
        assert result.transition_state.rms_gradient <= 1e-10
        assert all(minimum.value < result.transition_state.value for minimum in result.minima)


def test_a_perturbed_band_is_another_band_and_the_seed_decides_which(far_apart):
    loss, a, b = far_apart

    def values(seed):
        results = search_along_band(loss, a, b, steps=40, rng=np.random.default_rng(seed), spread=0.3)
        return [r.transition_state.value for r in results if r.converged]

    assert values(1) == values(1) != values(2)


# ---------------------------------------------------------------- convergence


def minimum_energy_path(surface, saddles):
    """Steepest descent from both sides of each saddle by DOP853: length, and points (T, P) to be near to."""
    length, points = 0.0, []
    for saddle in saddles:
        mode = np.linalg.eigh(surface.value_gradient_hessian(saddle)[2])[1][:, 0]
        for sign in (1.0, -1.0):
            way = solve_ivp(
                lambda _, x: -surface.value_and_gradient(x)[1],
                (0.0, 40.0),
                saddle + sign * 1e-4 * mode,
                method="DOP853",
                rtol=1e-7,
                max_step=0.1,
            ).y.T
            length += np.linalg.norm(np.diff(way, axis=0), axis=1).sum()
            shares = np.linspace(0.0, 1.0, 10, endpoint=False)[:, None, None]
            points.append((way[:-1] + shares * np.diff(way, axis=0)).reshape(-1, way.shape[1]))
    return length, np.concatenate(points)


def test_more_steps_lead_to_the_path_of_mueller_and_browns_surface():
    surface = MuellerBrown()
    known = surface.known_points()
    length, exact = minimum_energy_path(surface, known.transition_states)
    bands = [elastic_band(surface, *known.minima[:2], images=40, steps=steps) for steps in (60, 200, 2000)]
    assert bands[0].length == pytest.approx(length, rel=0.05)
    for band in bands[1:]:
        assert band.status is BandStatus.CONVERGED
        assert band.converged
        assert band.residual <= 1e-2
        assert band.length == pytest.approx(length, rel=0.015)  # a polygon: 0.011 short
        assert cdist(band.points, exact).min(axis=1).max() < 0.02
        assert band.peaks.size == 2
        np.testing.assert_allclose(np.sort(band.values[band.peaks]), np.sort(known.transition_values), atol=0.01)
    np.testing.assert_array_equal(bands[-1].points, bands[-2].points)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e3])
def test_units_do_not_matter(factor, length):
    surface = MuellerBrown()
    start, end = surface.known_points().minima[:2]
    for steps in (20, 200):
        plain = elastic_band(surface, start, end, steps=steps)
        band = elastic_band(Scaled(surface, factor, length), length * start, length * end, steps=steps)
        assert band.status is plain.status is (BandStatus.MAX_STEPS if steps == 20 else BandStatus.CONVERGED)
        np.testing.assert_allclose(band.points / length, plain.points, atol=1e-4)
        assert band.residual == pytest.approx(plain.residual, rel=0.1)


SURFACES = [
    (MuellerBrown(), [-0.558224, 1.441726], [0.623499, 0.028038]),
    (MuellerBrown(), [-0.558224, 1.441726], [-0.050011, 0.466694]),
    (DoubleWells([1.0, 0.5], 0.2), [-1, -1], [1, 1]),
    (DoubleWells([1.0, 0.5, 2.0], 0.2), [-1, -1, -1], [1, 1, 1]),
    (BOW, LEFT, RIGHT),
]


@pytest.mark.parametrize(("surface", "start", "end"), SURFACES)
def test_more_steps_never_make_a_band_worse(surface, start, end):
    bands = [elastic_band(surface, start, end, steps=steps) for steps in (5, 20, 60, 200, 1000)]
    highest = [band.values.max() for band in bands]
    scale = np.ptp(bands[-1].values)
    for before, after in pairwise(highest):
        assert after <= before + 0.05 * scale  # two images may straddle a peak: a band that did not relax looks lower
    assert bands[-1].converged
    assert bands[-1].residual <= min(band.residual for band in bands[:-1])
    assert bands[-1].length < bands[0].length * 2.0


def test_in_a_double_well_of_three_coordinates_the_band_turns_at_the_corners():
    """Known in closed form: along an edge at a time, over tops of h (1 - t^2)^2 + 4 h t^2 (1 - t^2 / 3)."""
    surface = DoubleWells([1.0, 0.5, 2.0], 0.2)
    band = elastic_band(surface, [-1, -1, -1], [1, 1, 1], images=40, steps=1000)
    assert band.converged
    known = surface.known_points()
    on_peaks = cdist(band.points[band.peaks], known.transition_states).min(axis=1)
    assert on_peaks.max() < 0.2
    assert cdist(band.points, known.minima).min(axis=0).min() < 0.2


def test_more_steps_on_a_network_come_lower(far_apart):
    loss, a, b = far_apart
    end = symmetry.nearest_image(loss.network, b.coordinates, a.coordinates)
    bands = [elastic_band(loss, a.coordinates, end, steps=steps) for steps in (10, 40, 120)]
    tops = [band.values.max() for band in bands]
    assert tops[0] > tops[1] > tops[2]
    for band in bands:
        assert band.status is BandStatus.MAX_STEPS
        assert "increase steps" in band.status.value
        assert not band.converged
    assert bands[0].hessians == 4


def test_without_hessians_a_band_converges_too(monkeypatch):
    monkeypatch.setattr(_band_steps, "LARGEST_SIZE", 1)
    surface = MuellerBrown()
    band = elastic_band(surface, *surface.known_points().minima[:2], images=20, steps=400)
    assert band.converged
    assert band.hessians == 0
    assert band.peaks.size == 2


def test_a_band_whose_forces_no_step_lowers_says_so():
    class Lies(Bow):  # its gradient is that of another function at each call: nothing relaxes
        calls = 0

        def value_and_gradient(self, theta):
            self.calls += 1
            value, gradient = super().value_and_gradient(theta)
            return value, gradient * 1.5**self.calls

    band = elastic_band(Lies(), LEFT, RIGHT, images=5, steps=400)
    assert band.status is BandStatus.STALLED
