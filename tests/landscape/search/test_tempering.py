import numpy as np
import pytest
from hypothesis import given, strategies as st
from support.reference import DoubleWell

from landscape import quench
from landscape.losses import MuellerBrown
from landscape.search import BasinHopping, GaussianMove, parallel_tempering
from landscape.search._tempering import exchange_probability

TEMPERATURES = [1e-4, 1e-3, 1e-2]
SWEEPS = 1000


def starts_of(loss):
    return [loss.network.glorot_uniform(np.random.default_rng(k)) for k in range(3)]


def assert_same(a, b):
    for one, two in zip(a.minima, b.minima, strict=True):
        assert len(one) == len(two)
        for m, n in zip(one, two, strict=True):
            np.testing.assert_array_equal(m.coordinates, n.coordinates)
    for one, two in zip(a.walkers, b.walkers, strict=True):
        np.testing.assert_array_equal(one.current.coordinates, two.current.coordinates)
        assert one.lengths == two.lengths
    for name in ("accepted", "exchanges_offered", "exchanges_accepted"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_the_number_of_workers_changes_nothing(small_loss):
    one, two = (
        parallel_tempering(small_loss, starts_of(small_loss), TEMPERATURES, seed=3, sweeps=5, jobs=jobs)
        for jobs in (1, 2)
    )
    assert_same(one, two)
    assert sum(map(len, one.minima)) > 0


@pytest.mark.parametrize("first", [0, 1, 4])
def test_to_go_on_is_the_same_as_one_long_run(small_loss, first):
    long = parallel_tempering(small_loss, starts_of(small_loss), TEMPERATURES, seed=3, sweeps=6)
    begun = parallel_tempering(small_loss, starts_of(small_loss), TEMPERATURES, seed=3, sweeps=first)
    assert begun.sweeps == first
    on = parallel_tempering(small_loss, begun, TEMPERATURES, seed=3, sweeps=6 - first)
    assert_same(long, on)
    assert on.sweeps == long.sweeps == 6
    other = parallel_tempering(small_loss, starts_of(small_loss), TEMPERATURES, seed=4, sweeps=6)
    values = [[m.value for minima in run.minima for m in minima] for run in (long, other)]
    assert values[0] != values[1]


energies = st.floats(-3.0, 3.0)


@given(energies, energies, st.floats(0.2, 5.0), st.floats(0.2, 5.0))
def test_exchanges_keep_the_product_of_the_boltzmann_distributions(e1, e2, t1, t2):
    """Detailed balance: weight times rate is the same both ways."""
    there = np.exp(-e1 / t1 - e2 / t2) * exchange_probability((e1, e2), (t1, t2))
    back = np.exp(-e2 / t1 - e1 / t2) * exchange_probability((e2, e1), (t1, t2))
    assert there == pytest.approx(back)


def test_two_walkers_in_a_double_well_visit_it_as_boltzmann_says():
    """Quenched losses +-d, steps long enough that the next minimum is either with the same chance.

    Then each temperature sees the upper minimum with the probability 1 / (1 + exp(2d / T)). Over 1000
    correlated steps the standard error is about 0.03.
    """
    surface, temperatures = DoubleWell(0.2), np.array([0.2, 0.6])
    upper, lower = (quench(surface, [x, 0.0]).minimum for x in (1.0, -1.0))
    state = parallel_tempering(
        surface, [upper, lower], temperatures, seed=1, sweeps=0, settings=(hops := BasinHopping(moves=[Coin()]))
    )
    high = np.zeros(2)
    for _ in range(SWEEPS):
        state = parallel_tempering(surface, state, temperatures, seed=1, sweeps=1, settings=hops)
        high += [walker.current.coordinates[0] > 0.0 for walker in state.walkers]
    expected = 1.0 / (1.0 + np.exp((upper.value - lower.value) / temperatures))
    np.testing.assert_allclose(high / SWEEPS, expected, atol=0.08)
    assert state.exchanges_accepted[0] > 0


class Coin:
    """Close to one of the two minima of the double well, whichever comes."""

    length = None

    def propose(self, loss, current, partners, length, rng):
        return np.array([rng.choice([-1.0, 1.0]), 0.0])


def test_the_ladder_brings_the_lowest_minimum_to_the_cold_end():
    surface = MuellerBrown()
    start = [-0.05, 0.47]
    run = parallel_tempering(
        surface, [start] * 3, [1e-3, 0.1, 0.5], seed=0, sweeps=30, settings=BasinHopping(moves=[GaussianMove(0.5)])
    )
    np.testing.assert_allclose(run.lowest.coordinates, surface.known_points().minima[0], atol=1e-6)
    np.testing.assert_allclose(run.walkers[0].current.coordinates, surface.known_points().minima[0], atol=1e-6)
    assert run.exchanges_offered.tolist() == [15, 15]


def test_every_temperature_advances_by_the_steps_asked_for(small_loss):
    run = parallel_tempering(small_loss, starts_of(small_loss), TEMPERATURES, seed=0, sweeps=2, steps=3)
    assert all(len(minima) <= 6 for minima in run.minima)
    assert max(len(minima) for minima in run.minima) == 6
    assert [walker.temperature for walker in run.walkers] == TEMPERATURES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperatures": [1e-3, 1e-3]}, r"temperatures must be finite and ascending; got \[0.001, 0.001\]"),
        ({"temperatures": [-1.0, 1.0]}, r"temperatures must be positive.*got \[-1.0, 1.0\]"),
        ({"temperatures": []}, r"temperatures must be positive, at least one.*got \[\]"),
        ({"temperatures": [1e-3]}, "starts must be one per temperature; got 2 for 1"),
        ({"sweeps": -1}, "sweeps must be at least 0; got -1"),
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"jobs": 0}, "jobs must be a number of workers.*got 0"),
        ({"settings": BasinHopping(target_acceptance=0.3)}, "target_acceptance must be None, got 0.3"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {"temperatures": [1e-3, 1e-2], "seed": 0, "sweeps": 1} | change
    with pytest.raises(ValueError, match=message):
        parallel_tempering(DoubleWell(), [[1.0, 0.0], [-1.0, 0.0]], **arguments)


def test_to_go_on_with_other_temperatures_is_refused():
    run = parallel_tempering(DoubleWell(), [[1.0, 0.0]], [1e-3], seed=0, sweeps=0)
    with pytest.raises(ValueError, match=r"temperatures and seed must be those .* \[0.001\] and 0; got \[0.01\] and 0"):
        parallel_tempering(DoubleWell(), run, [1e-2], seed=0, sweeps=1)
