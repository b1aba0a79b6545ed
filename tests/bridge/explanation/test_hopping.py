"""Hops foretold by the master equation: against kinetic Monte Carlo, Langevin dynamics and naive sums."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure
from scipy.linalg import expm
from scipy.sparse import csr_array

from bridge.explanation import (
    HoppingStatus,
    exit_temperatures,
    ids_in_database,
    mean_dwell_time,
    mean_of_covered,
    observed_hops,
    predict_hopping,
    region_around,
    temperatures_at,
)
from bridge.explanation._hopping import Region
from bridge.explanation._hopping_comparison import hopping_lags, of_covered
from bridge.mapping import UNKNOWN, QuenchedSnapshots, quenched_snapshots
from bridge.plots._explanation import plot_dwell_times
from dynamics import SGD, MeanSquareDisplacement, aging, train
from dynamics.noises import Langevin
from dynamics.training import Points
from landscape import CrossEntropyLoss, Database, Minimum, TransitionState, datasets, explore, symmetry
from landscape.database import StoredMinimum, StoredTransitionState
from landscape.kinetics import Barriers, RateNetwork, langer_rates, random_walk, transition_probabilities
from landscape.kinetics._master_equation import generator
from landscape.losses import DoubleWells
from landscape.networks import MLP

RATE = 0.5  # learning rate of the synthetic networks
SQUARES = (np.arange(4)[:, None] - np.arange(4)) ** 2 / 2.0  # |x_i - x_j|^2 / P of the minima of `region`


def record(number, x, value, orbit, eigenvalues=(1.0, 2.0)):
    return StoredMinimum(number, Minimum(np.asarray(x), value, 0.0, np.array(eigenvalues)), 1, "start", None, orbit)


def saddle(number, ends, value, orbit, eigenvalues=(-1.0, 2.0)):
    point = TransitionState(np.zeros(2), value, 0.0, np.array(eigenvalues), np.array([1.0, 0.0]))
    return StoredTransitionState(number, point, ends, 1, "saddle", None, orbit)


@pytest.fixture
def region():
    """Minima 3, 5, 8 and 9 in a row, at (0, 0), (1, 0), (2, 0) and (3, 0), and 5 joined to an image of itself."""
    values = ((3, 0.0, 2), (5, 0.1, 1), (8, 0.3, 4), (9, 0.25, 2))
    minima = [record(number, [float(k), 0.0], value, orbit) for k, (number, value, orbit) in enumerate(values)]
    ends = (((3, 5), 0.5, 4), ((5, 8), 0.6, 4), ((9, 8), 0.55, 8), ((5, 5), 0.4, 2))
    return Region(minima, [saddle(k + 1, *each) for k, each in enumerate(ends)])


# ---------------------------------------------------------------- against kinetic Monte Carlo and naive sums


def test_correlation_displacement_and_dwell_times_agree_with_kinetic_monte_carlo(region):
    t, walks, rng = 0.1, 3000, np.random.default_rng(0)
    network = langer_rates(Barriers.of(region.minima, region.states), t)
    starts = np.array([3, 8, 8])
    lags = np.array([20, 100, 400])
    found = predict_hopping(starts[:, None], region, None, t, learning_rate=RATE, waiting_times=[10], lags=lags)
    for r, start in enumerate((0, 2)):
        runs = [random_walk(network, start, 500.0, rng=rng) for _ in range(walks)]
        ends = np.array([run.at(RATE * lags) for run in runs])
        squares = (ends - start) ** 2 / 2.0
        error = squares.std(axis=0) / np.sqrt(walks)
        assert (np.abs(squares.mean(axis=0) - found.displacement.values[r, 0]) < 4 * error).all()
        alone = predict_hopping([[starts[r]]], region, None, t, learning_rate=RATE, waiting_times=[10], lags=lags)
        same = (ends == start).mean(axis=0)
        assert (np.abs(same - alone.same[0]) < 4 * np.sqrt(same * (1 - same) / walks)).all()
        half = 0.5 * RATE * found.dwell_times[found.minimum_ids == starts[r]]
        assert half < 500.0
        longer = np.mean([run.dwell_times[0] > half for run in runs])
        assert longer == pytest.approx(np.exp(-0.5), abs=4 * np.sqrt(0.25 / walks))


@given(st.integers(0, 2**32 - 1), st.floats(0.03, 1.0))
def test_it_is_the_naive_sum_over_runs_and_minima(seed, temperature):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 8))
    numbers, ends = np.arange(1, n + 1) * 7, rng.integers(0, n, (m, 2))
    minima = [record(int(numbers[k]), rng.random(2), 0.1 * rng.random(), 2) for k in range(n)]
    states = [saddle(k, tuple(numbers[pair].tolist()), 0.2 + 0.1 * rng.random(), 4) for k, pair in enumerate(ends)]
    each = temperature * (1 + rng.random((m, 2)))
    ids, lags = rng.choice(np.array([0, 1, *numbers]), (5, 2)), np.array([1, 30, 1000])
    region = Region(minima, states)
    found = predict_hopping(ids, region, None, each, learning_rate=RATE, waiting_times=[10, 20], lags=lags)
    joined = {number for state in states for number in state.minimum_ids if len(set(state.minimum_ids)) == 2}
    np.testing.assert_array_equal(found.covered, np.isin(ids, list(joined)))
    assert found.minimum_ids.tolist() == sorted(set(ids[found.covered].tolist()))
    k = generator(langer_rates(Barriers.of(minima, states), each)).toarray()
    np.testing.assert_allclose(k.sum(axis=0), 0.0, atol=1e-12 * np.abs(k).max(initial=1.0))
    for t, lag in enumerate(lags):
        p = expm(k * RATE * lag)
        for w in range(2):
            stays = []
            for r in range(5):
                i = int(np.flatnonzero(numbers == ids[r, w])[0]) if found.covered[r, w] else None
                moved = found.displacement.values[r, w, t]
                if i is None:
                    assert np.isnan(moved)
                    continue
                points = [minimum.point.coordinates for minimum in minima]
                naive = sum(p[j, i] * ((points[i] - points[j]) ** 2).sum() / 2 for j in range(n))
                assert moved == pytest.approx(naive, rel=1e-6, abs=3 * n * 1e-6)  # unlikely minima are left out
                stays.append(p[i, i])
            assert found.same[w, t] == pytest.approx(np.mean(stays) if stays else np.nan, rel=1e-6, nan_ok=True)
    assert np.nanmax(found.left_out, initial=0.0) < n * 1e-6


def test_with_detailed_balance_the_displacement_ends_at_that_of_two_independent_draws(region):
    temperature = 0.2
    found = predict_hopping([[3], [9]], region, None, temperature, learning_rate=RATE, waiting_times=[10], lags=[10**9])
    weights = langer_rates(Barriers.of(region.minima, region.states), temperature).equilibrium
    expected = [(weights * SQUARES[0]).sum(), (weights * SQUARES[3]).sum()]
    np.testing.assert_allclose(found.displacement.values[:, 0, 0], expected, rtol=1e-5)
    assert found.same[0, 0] == pytest.approx((weights[0] + weights[3]) / 2)


@pytest.mark.slow
def test_stiff_networks_of_many_minima_agree_with_the_matrix_exponential():
    rng = np.random.default_rng(1)
    n, m = 120, 300
    edges, losses = rng.integers(0, n, (m, 2)), 0.1 * rng.random(n)
    tops = losses[edges].max(axis=1) + 0.2 * rng.random(m)
    determinants = 3 * rng.normal(size=n), 3 * rng.normal(size=m)
    barriers = Barriers(
        losses, determinants[0], np.ones(n), edges, tops, determinants[1], np.ones(m), -rng.random(m) - 0.01
    )
    for temperature in (0.02, rng.uniform(0.02, 0.05, (m, 2))):
        network = langer_rates(barriers, temperature)
        k = generator(network).toarray()
        times = np.array([1e2, 1e5]) / network.escape_rates.max() * 1e3
        for time, found in zip(times, transition_probabilities(network, [0, 7], times), strict=True):
            np.testing.assert_allclose(found, expm(k * time).T[[0, 7]], atol=1e-8)


@pytest.mark.slow
def test_one_way_rings_whose_eigenvalues_leave_the_contour_are_noticed():
    n = 120
    ring = csr_array((np.ones(n), (np.arange(n), (np.arange(n) + 1) % n)), shape=(n, n))
    blocks = csr_array((np.ones(n), (np.arange(n), (np.arange(n) // 12) * 12 + (np.arange(n) + 1) % 12)), shape=(n, n))
    for way in (ring, blocks):
        network = RateNetwork(way, np.zeros(n), None)
        found = next(iter(transition_probabilities(network, [3], [300.0])))
        np.testing.assert_allclose(found[0], expm(generator(network).toarray() * 300.0)[:, 3], atol=1e-6)


# ---------------------------------------------------------------- Langevin dynamics


def test_langevin_walkers_in_a_double_well_hop_as_foretold():
    """Two dimensions, barrier / T = 4 out of both wells: C and the time t* to leave, from 400 walkers."""
    surface, t, step, walkers = DoubleWells([1.0, 3.0], [0.0, 0.0]), 0.25, 5e-3, 400
    known = surface.known_points()
    hessians = [surface.value_gradient_hessian(x)[2] for x in known.minima]
    minima = [
        record(k + 1, x, value, 1, np.linalg.eigvalsh(h))
        for k, (x, value, h) in enumerate(zip(known.minima, known.minimum_values, hessians, strict=True))
    ]
    states = [
        saddle(k, tuple((edge + 1).tolist()), value, 1, np.linalg.eigvalsh(surface.value_gradient_hessian(x)[2]))
        for k, (x, value, edge) in enumerate(
            zip(known.transition_states, known.transition_values, known.edges, strict=True)
        )
    ]
    lags = np.arange(400, 4001, 400)
    found = predict_hopping(
        np.ones((1, 1), dtype=int), Region(minima, states), None, t, learning_rate=step, waiting_times=[1], lags=lags
    )
    rng, x, seen = np.random.default_rng(5), np.tile(known.minima[0], (walkers, 1)), []
    for k in range(1, 4001):
        slope = 4.0 * surface.heights * (x * x - 1.0) * (x - surface.tilts)
        x = x - step * slope + np.sqrt(2 * t * step) * rng.standard_normal(x.shape)
        if k in lags:
            seen.append(((np.sign(x) - known.minima[0]) ** 2).mean(axis=1))
    displacement = MeanSquareDisplacement(np.array([1]), lags, np.array(seen).T[:, None])
    same = (np.array(seen) == 0.0).mean(axis=1)
    assert 0.3 < same[-1] < 0.8
    np.testing.assert_allclose(same, found.same[0], atol=0.12)
    foretold, measured = (aging(each, 0.3).t_star.value[0] for each in (found.displacement, displacement))
    assert lags[0] < measured < lags[-1]
    assert 1 / 1.5 < foretold / measured < 1.5


@pytest.mark.slow
def test_langevin_runs_of_a_network_hop_as_foretold(tmp_path):
    """Two minima, barriers of 5 and 7 T: correlation, dwell times and t* of 80 runs, half of them from each minimum."""
    loss = CrossEntropyLoss(MLP((2, 3, 4)), datasets.ljat(rows=50, seed=0), 0.01)
    explore(loss, tmp_path / "small.db", searches=96, seed=0)
    with Database(tmp_path / "small.db") as database:
        barriers, minima = Barriers.of_database(database), database.minima
        apart = barriers.heights[barriers.edges[:, 0] != barriers.edges[:, 1]]
        t, eta = float(apart.min() / 5.0), 0.4
        dwell = langer_rates(barriers, t).dwell_times.min() / eta
        lags = np.unique(np.geomspace(dwell / 20, 1.2 * dwell, 8).astype(int))
        tw = int(dwell / 20)
        starts = np.array([minima[k % 2].point.coordinates for k in range(80)])
        runs = train(
            loss, SGD(eta, 50, precision="float64", noise=Langevin(t)), replicas=80, steps=tw + int(lags[-1]),
            start=Points(starts), waiting_times=[tw], lags=lags, seed=1,
        )  # fmt: skip
        quenched = quenched_snapshots(runs, loss, steps=[tw, *(tw + lags)])
        ids = ids_in_database(quenched, loss, database)
        found = predict_hopping(
            ids[:, :1], region_around(ids, database), loss.network, t, learning_rate=eta, waiting_times=[tw], lags=lags
        )
    assert found.status is HoppingStatus.OK
    seen = observed_hops(quenched, ids, found, lags)
    assert found.coverage.value[0] > 0.95
    low, high = seen.same.low[0], seen.same.high[0]
    assert ((low < found.same[0]) & (found.same[0] < high)).mean() > 0.7
    upper = int(np.argmin(found.dwell_times))
    assert seen.departures[upper] > 15
    assert 1 / 1.5 < seen.dwell_times.value[upper] / found.dwell_times[upper] < 1.5
    squared = symmetry.distance(loss.network, minima[0].point.coordinates, minima[1].point.coordinates) ** 2
    hops = (ids[:, 1:] != ids[:, :1]) * squared / loss.n_parameters
    moved = MeanSquareDisplacement(np.array([tw]), lags, hops[:, None])
    foretold, measured = (aging(each, 0.2 * hops.max()).t_star.value[0] for each in (found.displacement, moved))
    assert 1 / 1.5 < foretold / measured < 1.5


# ---------------------------------------------------------------- what was seen, and what is not covered


def quenched_of(ids, steps):
    nothing = np.zeros((*ids.shape, 2))
    basins = np.where(ids >= 0, ids + 1, 0)
    return QuenchedSnapshots(
        np.arange(len(ids)), np.array(steps), nothing, nothing, np.zeros(ids.shape), basins, "flow"
    )


def test_hops_of_hand_made_runs_are_seen(region):
    """Run 0 stays, run 1 leaves and returns, run 2 goes to an unknown minimum (0), run 3 starts in one."""
    ids = np.array([[3, 3, 3, 3], [5, 8, 5, 5], [8, 8, 0, 0], [0, 5, 5, 5]])
    found = predict_hopping(ids[:, :2], region, None, 0.1, learning_rate=RATE, waiting_times=[10, 20], lags=[10, 20])
    assert found.covered.tolist() == [[True, True]] * 3 + [[False, True]]
    assert found.coverage.value.tolist() == [0.75, 1.0]
    seen = observed_hops(quenched_of(ids, [10, 20, 30, 40]), ids, found, [10, 20])
    np.testing.assert_allclose(seen.same.value, [[2 / 3, 2 / 3], [2 / 4, 2 / 4]])
    assert (seen.same.low < seen.same.value).all()
    assert (seen.same.value < seen.same.high).all()
    by_id = dict(zip(seen.minimum_ids.tolist(), zip(seen.stays, seen.departures, strict=True), strict=True))
    assert by_id == {3: (30.0, 0), 5: (5.0 + 15.0 + 25.0, 1), 8: (10.0 + 15.0, 2)}
    assert seen.dwell_times.value.tolist() == [np.inf, 45.0, 12.5]
    late = observed_hops(quenched_of(ids, [10, 20, 30, 40_000]), ids, found, [10])  # a snapshot long after the others
    assert late.stays.tolist() == [20.0, 5.0 + 5.0 + 15.0, 10.0 + 15.0]
    assert mean_dwell_time(45.0, 1).low < 45.0 < mean_dwell_time(45.0, 1).high
    assert mean_dwell_time(30.0, 0).high == np.inf
    assert np.isnan(mean_dwell_time(0.0, 0).value)  # nobody was seen to stay: it is not known that none leaves


def test_snapshots_without_a_minimum_are_left_out(region):
    ids = np.array([[3, 3], [3, 0], [3, 5]])
    quenched = quenched_of(ids, [10, 20])
    quenched.basins[1, 1] = UNKNOWN
    found = predict_hopping(ids[:, :1], region, None, 0.1, learning_rate=RATE, waiting_times=[10], lags=[10])
    assert observed_hops(quenched, ids, found, [10]).same.value.tolist() == [[0.5]]
    assert np.isnan(observed_hops(quenched, ids, found, [15]).same.value).all()  # no snapshot there


def test_thin_coverage_is_a_status(region):
    lags = [10, 20]
    for ids, status in (
        ([[3], [0]], HoppingStatus.OK),
        ([[3], [0], [0]], HoppingStatus.THIN),
        ([[0], [0], [0]], HoppingStatus.NOT_COVERED),
    ):
        found = predict_hopping(ids, region, None, 0.05, learning_rate=RATE, waiting_times=[10], lags=lags)
        assert found.status is status
        assert np.isnan(found.displacement.values[1:]).all()
    assert np.isnan(found.same).all()
    assert np.isnan(of_covered(found.displacement, found.covered).mean).all()
    assert np.isnan(found.low_barriers)
    hot = predict_hopping([[3]], region, None, 1.0, learning_rate=RATE, waiting_times=[10], lags=lags)
    assert hot.status is HoppingStatus.LOW_BARRIERS
    assert hot.low_barriers == 1.0
    for status in list(HoppingStatus)[1:]:
        assert any(remedy in status for remedy in ("explore", "lower the temperature"))


def test_a_temperature_of_next_to_nothing_freezes_all(region):
    cold = predict_hopping(
        [[3], [8]],
        region,
        None,
        np.full((4, 2), np.finfo(float).tiny),
        learning_rate=RATE,
        waiting_times=[10],
        lags=[10, 10**6],
    )
    assert np.isinf(cold.dwell_times).all()
    np.testing.assert_array_equal(cold.same, 1.0)
    np.testing.assert_array_equal(cold.displacement.values, 0.0)


def test_of_covered_has_the_mean_of_the_covered_runs_and_keeps_the_rest(rng):
    msd = MeanSquareDisplacement(np.array([1, 2]), np.array([1, 5, 9]), rng.random((5, 2, 3)))
    msd.values.flags.writeable = False
    covered = np.array([[1, 1], [0, 1], [1, 1], [1, 1], [0, 1]], dtype=bool)
    weighted = of_covered(msd, covered)
    np.testing.assert_allclose(weighted.mean[0], msd.values[covered[:, 0], 0].mean(axis=0))
    np.testing.assert_allclose(weighted.values[:, 1], msd.values[:, 1])
    np.testing.assert_allclose(mean_of_covered(msd.values, covered), weighted.mean)


def test_lags_that_are_foretold():
    lags = np.unique(np.geomspace(1, 10_000, 60).astype(int))
    chosen = hopping_lags(lags, lags[[30, 40, 52]])
    assert chosen[-3:].tolist() == lags[[30, 40, 52]].tolist()
    assert chosen[0] == 1
    assert (np.diff(chosen) > 0).all()
    assert 5 <= chosen.size <= 12
    assert hopping_lags(lags[40:], lags[[40, 50]]).tolist() == lags[[40, 50]].tolist()


# ---------------------------------------------------------------- databases


def test_regions_and_temperatures_of_a_database(tmp_path):
    loss = CrossEntropyLoss(MLP((2, 2, 4)), datasets.ljat(rows=50, seed=0), 0.01)
    explore(loss, tmp_path / "small.db", searches=96, seed=0)
    with Database(tmp_path / "small.db") as database:
        numbers = [minimum.id for minimum in database.minima]
        region = region_around([[numbers[0], 0]], database)
        assert region.numbers.tolist() == sorted(numbers)
        assert len(region.states) == len(database.transition_states)
        assert not region_around([0], database).minima
        found = exit_temperatures(loss, region.minima, region.states, SGD(0.05, 20))
        for k, state in enumerate(region.states):
            ends = [database.minimum(number).point.coordinates for number in state.minimum_ids]
            curved = temperatures_at(loss, ends, SGD(0.05, 20)).curved
            np.testing.assert_allclose(found["curved"][k], curved)
            unstable = temperatures_at(loss, [state.point.coordinates], SGD(0.05, 20)).softest[0]
            np.testing.assert_allclose(found["unstable"][k], max(unstable, np.finfo(float).tiny), rtol=1e-9)


def test_bad_arguments_are_named(region):
    for ids in (np.array([3]), np.array([[3, 3]]), np.empty((0, 1))):
        with pytest.raises(ValueError, match=r"minimum_ids must have shape \(R, 1\)"):
            predict_hopping(ids, region, None, 0.1, learning_rate=RATE, waiting_times=[10], lags=[10])
    with pytest.raises(ValueError, match="temperature must be positive"):
        predict_hopping([[3]], region, None, -0.1, learning_rate=RATE, waiting_times=[10], lags=[10])
    with pytest.raises(ValueError, match="starts must be minima"):
        transition_probabilities(langer_rates(Barriers.of(region.minima, region.states), 0.1), [4], [1.0])


def test_the_panel_of_dwell_times_says_why_it_is_empty():
    seen = SimpleNamespace(departures=np.zeros(1))
    for foretold, words in (([np.inf, np.inf], "too high"), ([], "No run is in a minimum")):
        found = SimpleNamespace(observed=seen, predicted={"curved": SimpleNamespace(dwell_times=np.array(foretold))})
        ax = Figure().subplots()
        plot_dwell_times(found, ax)
        assert words in ax.texts[0].get_text()
