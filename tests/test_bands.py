import numpy as np
import pytest

from landscape import MLP, CrossEntropyLoss, datasets, elastic_band, quench, search_along_band, symmetry
from landscape.saddles import highest_between


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
