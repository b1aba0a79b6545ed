import numpy as np
import pytest
from support.reference import DoubleWell, Surface

from landscape import quench, symmetry
from landscape.descent import QuenchStatus
from landscape.losses import MuellerBrown
from landscape.search import BasinHopping, GaussianMove, basin_hopping
from landscape.stationary import certify


def test_the_lower_of_two_minima_is_found(rng):
    surface = DoubleWell()
    upper = quench(surface, [1.0, 0.0]).minimum
    walk = basin_hopping(surface, upper, rng=rng, steps=20, settings=BasinHopping(0.1, 1.5))
    assert upper.coordinates[0] > 0.9
    assert walk.lowest.coordinates[0] < -0.9
    assert walk.lowest.value < upper.value
    assert any(minimum is walk.lowest for minimum in walk.minima)


@pytest.mark.parametrize("seed", range(5))
def test_the_global_minimum_of_the_surface_is_found(seed):
    surface, rng = MuellerBrown(), np.random.default_rng(seed)
    walk = basin_hopping(surface, [-0.05, 0.47], rng=rng, steps=40, settings=BasinHopping(0.5, 0.5))
    np.testing.assert_allclose(walk.lowest.coordinates, surface.known_points().minima[0], atol=1e-6)


def test_a_cold_walk_never_goes_up_and_a_hot_one_does():
    surface = DoubleWell()
    start = quench(surface, [1.0, 0.0]).minimum
    hot = basin_hopping(surface, start, rng=np.random.default_rng(1), steps=40, settings=BasinHopping(10.0, 1.5))
    cold = basin_hopping(surface, start, rng=np.random.default_rng(1), steps=40, settings=BasinHopping(1e-9, 1.5))
    assert hot.accepted > 1 == cold.accepted
    assert cold.current.value == pytest.approx(cold.lowest.value)
    assert cold.lowest.value < start.value


def test_a_step_that_falls_back_makes_the_next_longer(small_loss, rng):
    start = quench(small_loss, small_loss.network.glorot_uniform(rng)).minimum
    walk = basin_hopping(small_loss, start, rng=rng, steps=6, settings=BasinHopping(1e-3, 1e-3))
    assert walk.step_length == pytest.approx(1e-3 * 1.2**6)
    assert all(symmetry.distance(small_loss.network, start.coordinates, m.coordinates) < 1e-2 for m in walk.minima)
    assert walk.accepted == 0


def test_a_step_into_another_minimum_makes_the_next_shorter():
    surface = DoubleWell(tilt=0.5)
    lower = quench(surface, [-1.0, 0.0]).minimum
    walk = basin_hopping(surface, lower, rng=np.random.default_rng(0), steps=40, settings=BasinHopping(1e-9, 3.0))
    length, rejected = 3.0, 0
    for minimum in walk.minima:
        same = abs(minimum.value - lower.value) < 1e-9
        length, rejected = min(1.2 * length, 15.0) if same else 0.98 * length, rejected + (not same)
    assert 0 < rejected < 40
    assert walk.step_length == pytest.approx(length)
    assert walk.accepted == 0


def test_steps_do_not_grow_without_bound_where_there_is_one_minimum(rng):
    walk = basin_hopping(Bowl(), [1.0, 1.0], rng=rng, steps=200, settings=BasinHopping(1e-3, 2.0))
    assert walk.step_length <= 5.0 * 2.0
    assert len(walk.minima) == 200


class Bowl(Surface):
    def value_gradient_hessian(self, theta):
        x = np.asarray(theta, dtype=float)
        return float(x @ x), 2.0 * x, 2.0 * np.eye(2)


class Crater(Surface):
    """Not finite outside of a disc."""

    def value_gradient_hessian(self, theta):
        x = np.asarray(theta, dtype=float)
        broken = 1.0 if x @ x < 4.0 else np.nan
        return broken * float(x @ x), broken * 2.0 * x, broken * 2.0 * np.eye(2)


def test_quenches_that_fail_are_counted_and_shorten_the_step(rng):
    walk = basin_hopping(Crater(), [0.5, 0.5], rng=rng, steps=3, settings=BasinHopping(1e-3, 100.0))
    assert walk.unconverged == 3
    assert walk.minima == ()
    assert walk.step_length == pytest.approx(100.0 * 0.98**3)
    assert walk.lowest is walk.current


def test_the_same_seed_gives_the_same_walk(small_loss):
    start = small_loss.network.glorot_uniform(np.random.default_rng(0))
    a, b, other = (basin_hopping(small_loss, start, rng=np.random.default_rng(seed), steps=6) for seed in (5, 5, 6))
    assert (a.accepted, a.step_length, a.unconverged) == (b.accepted, b.step_length, b.unconverged)
    for one, two in zip(a.minima, b.minima, strict=True):
        np.testing.assert_array_equal(one.coordinates, two.coordinates)
    assert any((one.coordinates != two.coordinates).any() for one, two in zip(a.minima, other.minima, strict=False))


def test_every_minimum_of_a_walk_is_certified(small_loss, rng):
    walk = basin_hopping(small_loss, small_loss.network.glorot_uniform(rng), rng=rng, steps=8)
    assert len(walk.minima) + walk.unconverged == 8
    for minimum in walk.minima:
        again = certify(small_loss, minimum.coordinates)
        assert again.index == 0
        assert again.rms_gradient <= 1e-10
        assert again.value == minimum.value
    assert walk.lowest.value == min(minimum.value for minimum in (*walk.minima, walk.current))


def test_no_steps_stay_at_the_start(small_loss, rng):
    start = quench(small_loss, small_loss.network.glorot_uniform(rng)).minimum
    walk = basin_hopping(small_loss, start, rng=rng, steps=0)
    assert walk.current is start
    assert walk.lowest is start
    assert walk.minima == ()


def test_a_walk_goes_on_where_it_stopped(small_loss):
    start, settings = small_loss.network.glorot_uniform(np.random.default_rng(0)), BasinHopping(target_acceptance=0.5)
    whole = basin_hopping(small_loss, start, rng=np.random.default_rng(5), steps=6, settings=settings)
    rng = np.random.default_rng(5)
    first = basin_hopping(small_loss, start, rng=rng, steps=2, settings=settings)
    second = basin_hopping(small_loss, first.walker, rng=rng, steps=4, settings=settings)
    for one, two in zip(whole.minima, (*first.minima, *second.minima), strict=True):
        np.testing.assert_array_equal(one.coordinates, two.coordinates)
    assert (whole.walker.lengths, whole.walker.temperature) == (second.walker.lengths, second.walker.temperature)


@pytest.mark.parametrize("target", [0.3, 0.7])
def test_the_temperature_adapts_until_the_wanted_share_is_accepted(target):
    """Each step leads to the other of two minima; at the first temperature none up is accepted and all down are."""
    surface = DoubleWell(tilt=0.5)
    lower = quench(surface, [-1.0, 0.0]).minimum
    settings, rng = BasinHopping(1e-2, moves=[Jump()], target_acceptance=target), np.random.default_rng(0)
    warm = basin_hopping(surface, lower, rng=rng, steps=100, settings=settings).walker
    walk = basin_hopping(surface, warm, rng=rng, steps=400, settings=settings)
    assert walk.accepted / 400 == pytest.approx(target, abs=0.03)
    cold = basin_hopping(surface, lower, rng=rng, steps=100, settings=BasinHopping(1e-2, moves=[Jump()]))
    assert cold.accepted == 0


class Jump:
    """To the other side of the double well."""

    length = None

    def propose(self, loss, current, length, rng):
        return -current.coordinates


def test_each_move_adapts_its_own_length(small_loss, rng):
    """Tiny steps fall back, each makes the length of its own move longer."""
    start = quench(small_loss, small_loss.network.glorot_uniform(rng)).minimum
    moves = [GaussianMove(1e-4), GaussianMove(1e-3), Jump()]
    walker = first = basin_hopping(small_loss, start, rng=rng, steps=0, settings=BasinHopping(moves=moves)).walker
    assert first.lengths[:2] == (1e-4, 1e-3)
    changed = set()
    for _ in range(9):
        before = np.array(walker.lengths)
        walker = basin_hopping(small_loss, walker, rng=rng, steps=1, settings=BasinHopping(moves=moves)).walker
        factors = np.array(walker.lengths) / before
        assert (factors != 1.0).sum() <= 1
        changed |= set(np.flatnonzero(factors != 1.0).tolist())
        assert factors[:2].max() <= 1.2 + 1e-12
    assert changed == {0, 1}


def test_settings_that_exclude_one_another_are_refused():
    with pytest.raises(ValueError, match="give at least one move, or only step_length"):
        BasinHopping(step_length=1.0, moves=[GaussianMove()])
    with pytest.raises(ValueError, match="give at least one move"):
        BasinHopping(moves=[])
    with pytest.raises(ValueError, match=r"target_acceptance must be between 0 and 1; got 1\.0"):
        BasinHopping(target_acceptance=1.0)


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.0), ("step_length", -1.0), ("temperature", np.nan)])
def test_wrong_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be positive; got {value}"):
        BasinHopping(**{name: value})


def test_wrong_arguments_are_named(small_loss, rng):
    with pytest.raises(ValueError, match="steps must not be negative; got -1"):
        basin_hopping(small_loss, np.zeros(25), rng=rng, steps=-1)
    with pytest.raises(ValueError, match=QuenchStatus.NOT_FINITE.value):
        basin_hopping(Crater(), [10.0, 10.0], rng=rng, steps=1)


def test_the_step_stays_bounded_where_there_is_no_other_minimum():
    surface = DoubleWell(tilt=0.5)
    lower = quench(surface, [-1.0, 0.0]).minimum
    walk = basin_hopping(surface, lower, rng=np.random.default_rng(0), steps=200, settings=BasinHopping(1e-9, 0.01))
    assert walk.current is lower
    assert walk.step_length <= 0.05
