"""Escape rates, master equation, kinetic Monte Carlo, Langevin dynamics and the temperature of SGD."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import integrate, stats

from bridge.explanation import _escapes as escapes, exponential_rate, langevin_escapes, predicted_jumps, temperatures_at
from bridge.mapping import QuenchedSnapshots
from dynamics import SGD, train
from dynamics.gradient_noise import minibatch_factor, per_sample_gradients
from dynamics.noises import Langevin
from dynamics.training import Points
from landscape import CrossEntropyLoss, Database, datasets, explore, symmetry
from landscape.kinetics import (
    Barriers,
    anharmonic_coefficient,
    exit_rates,
    first_passage_times,
    langer_rates,
    occupations,
    random_walk,
    same_minimum,
    two_time_mean,
)
from landscape.kinetics._master_equation import generator
from landscape.losses import DoubleWells
from landscape.networks import MLP


def barriers_of_surface(surface):
    known = surface.known_points()
    at_minima = [np.linalg.eigvalsh(surface.value_gradient_hessian(x)[2]) for x in known.minima]
    at_states = [np.linalg.eigvalsh(surface.value_gradient_hessian(x)[2]) for x in known.transition_states]
    return Barriers(
        known.minimum_values, [np.log(v).sum() for v in at_minima], np.ones(len(at_minima)), known.edges,
        known.transition_values, [np.log(np.abs(v)).sum() for v in at_states], np.ones(len(at_states)),
        [v[0] for v in at_states],
    )  # fmt: skip


@st.composite
def random_barriers(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = draw(st.integers(1, 6)), draw(st.integers(0, 12))
    losses, edges = rng.random(n), rng.integers(0, n, (m, 2))
    heights = losses[edges].max(axis=1, initial=0.0) + rng.random(m)
    return Barriers(losses, rng.normal(size=n), rng.integers(1, 9, n), edges, heights, rng.normal(size=m),
                    rng.integers(1, 9, m), -rng.random(m) - 0.1)  # fmt: skip


@pytest.fixture
def network():
    """Three minima in a row, the first also joined to an image of itself."""
    barriers = Barriers(
        [0.0, 0.1, 0.3], [1.0, 0.5, 2.0], [2, 1, 4], [[0, 1], [1, 2], [0, 0]], [0.5, 0.6, 0.4], [1.0, 1.0, 1.0],
        [4, 4, 2], [-1.0, -0.5, -0.7],
    )  # fmt: skip
    return langer_rates(barriers, 0.1)


# ---------------------------------------------------------------- rates


@given(random_barriers(), st.floats(0.05, 10.0))
def test_rates_are_in_detailed_balance(barriers, temperature):
    found = langer_rates(barriers, temperature)
    weights = barriers.orbit_sizes * np.exp(-barriers.losses / temperature - 0.5 * barriers.log_determinants)
    weights /= weights.sum()
    np.testing.assert_allclose(found.equilibrium, weights, rtol=1e-9)
    flow = weights[:, None] * found.rates.toarray()
    np.testing.assert_allclose(flow, flow.T, rtol=1e-9)
    np.testing.assert_allclose(generator(found) @ weights, 0.0, atol=1e-12 * flow.max(initial=1e-300))


@given(random_barriers(), st.floats(0.05, 10.0))
def test_rates_agree_with_a_naive_loop(barriers, temperature):
    n = barriers.losses.size
    between, images = np.zeros((n, n)), np.zeros(n)
    for k, ends in enumerate(barriers.edges.tolist()):
        for i, j in (ends, ends[::-1]):
            rate = -barriers.unstable[k] / (2 * np.pi)
            rate *= np.sqrt(np.exp(barriers.log_determinants[i]) / np.exp(barriers.transition_log_determinants[k]))
            rate *= np.exp(-(barriers.transition_losses[k] - barriers.losses[i]) / temperature)
            rate *= barriers.transition_orbit_sizes[k] / barriers.orbit_sizes[i]
            if i == j:
                images[i] += rate
            else:
                between[i, j] += rate
    found = langer_rates(barriers, temperature)
    np.testing.assert_allclose(found.rates.toarray(), between, rtol=1e-9)
    np.testing.assert_allclose(found.image_rates, images, rtol=1e-9)
    np.testing.assert_allclose(found.escape_rates, between.sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize(("ratio", "error"), [(8.0, 0.15), (40.0, 0.03)])
def test_the_exact_mean_first_passage_time_is_approached_for_high_barriers(ratio, error):
    """In one dimension it is (1 / T) int_a^b dy exp(U(y) / T) int_-inf^y dz exp(-U(z) / T) (Pontryagin)."""
    surface = DoubleWells([1.0], [0.1])
    barriers = barriers_of_surface(surface)
    i = int(barriers.losses.argmin())
    t = float(barriers.heights[0].max() / ratio)
    grid = np.linspace(-1.7, 1.7, 40_001)
    values = np.array(surface.heights * ((grid**2 - 1) ** 2 - 4 * surface.tilts * (grid**3 / 3 - grid)))
    start = surface.known_points().minima[i, 0]
    side = 1.0 if start < 0 else -1.0  # mirror, so that the way leads to the right
    order = values if side > 0 else values[::-1]
    inner = integrate.cumulative_trapezoid(np.exp(-(order - order.min()) / t), grid, initial=0.0)
    outer = np.exp((order - order.min()) / t) * inner
    between = (grid >= -1.0) & (grid <= 1.0)
    exact = integrate.trapezoid(outer[between], grid[between]) / t
    predicted = langer_rates(barriers, t).dwell_times[i]
    assert predicted == pytest.approx(exact, rel=error)


def test_symmetric_copies_count():
    """Four images of a minimum and two of another with eight transition states: as the network without lumping."""
    images = [[i, 4 + j] for i in range(4) for j in range(2)]  # each transition state joins one image of each
    full = Barriers(
        [0.1] * 4 + [0.0] * 2, [1.0] * 4 + [2.0] * 2, np.ones(6), images, [0.5] * 8, [0.7] * 8, np.ones(8), [-0.3] * 8
    )
    lumped = Barriers([0.1, 0.0], [1.0, 2.0], [4, 2], [[0, 1]], [0.5], [0.7], [8], [-0.3])
    every, few = langer_rates(full, 0.1), langer_rates(lumped, 0.1)
    assert every.escape_rates[0] == pytest.approx(few.escape_rates[0])
    assert every.escape_rates[5] == pytest.approx(few.escape_rates[1])
    np.testing.assert_allclose(few.equilibrium, [every.equilibrium[:4].sum(), every.equilibrium[4:].sum()])


def test_each_exit_may_have_its_own_temperature():
    barriers = Barriers([0.0, 0.1], [1.0, 2.0], [1, 1], [[0, 1]], [0.5], [0.7], [1], [-0.3])
    found = langer_rates(barriers, [[0.1, 0.2]])
    for i, t in enumerate((0.1, 0.2)):
        assert found.escape_rates[i] == pytest.approx(langer_rates(barriers, t).escape_rates[i])
    with pytest.raises(ValueError, match="no detailed balance"):
        _ = found.equilibrium
    assert (exit_rates(barriers, np.full((1, 2), np.finfo(float).tiny)) == 0.0).all()


def test_bad_barriers_and_temperatures_are_named():
    good = {
        "losses": [0.0, 0.1], "log_determinants": [1.0, 2.0], "orbit_sizes": [1, 1], "edges": [[0, 1]],
        "transition_losses": [0.5], "transition_log_determinants": [0.7], "transition_orbit_sizes": [1],
        "unstable": [-0.3],
    }  # fmt: skip
    barriers = Barriers(**good)
    wrong = {
        "edges": [[0, 2]],
        "unstable": [0.3],
        "orbit_sizes": [0, 1],
        "log_determinants": [1.0, np.nan],
        "losses": [[0.0, 0.1]],
    }
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            Barriers(**(good | {name: value}))
    for bad in (0.0, -1.0, np.nan, [0.1, 0.2]):
        with pytest.raises(ValueError, match="temperature must be positive"):
            langer_rates(barriers, bad)


# ---------------------------------------------------------------- master equation and kinetic Monte Carlo


def test_the_master_equation_agrees_with_kinetic_monte_carlo(network):
    rng, walks, waiting, lag = np.random.default_rng(1), 4000, 100.0, 150.0
    runs = [random_walk(network, 2, 300.0, rng=rng) for _ in range(walks)]
    start = np.array([0.0, 0.0, 1.0])
    for time in (waiting, waiting + lag):
        expected = occupations(network, start, [time])[0]
        counted = np.bincount([run.at(time) for run in runs], minlength=3)
        assert stats.chisquare(counted, walks * expected).pvalue > 1e-3
    expected = same_minimum(network, start, waiting, [lag])[0]
    stayed = sum(run.at(waiting) == run.at(waiting + lag) for run in runs)
    assert stats.binomtest(int(stayed), walks, expected).pvalue > 1e-3


def test_dwell_and_first_passage_times_agree_with_kinetic_monte_carlo(network):
    rng = np.random.default_rng(2)
    runs = [random_walk(network, 2, 1e4, rng=rng) for _ in range(20)]
    dwells = np.concatenate([run.dwell_times[:-1][run.minima[:-1] == 1] for run in runs])
    assert stats.kstest(dwells, "expon", args=(0.0, network.dwell_times[1])).pvalue > 1e-3
    first = [
        run.times[np.argmax(run.minima == 0)] for run in (random_walk(network, 2, 6e3, rng=rng) for _ in range(500))
    ]
    expected = first_passage_times(network, [0])[2]
    assert abs(np.mean(first) - expected) < 4 * np.std(first) / np.sqrt(len(first))


def test_walks_fill_their_time_and_depend_on_the_seed_alone(network):
    one, two = (random_walk(network, 0, 5e3, rng=np.random.default_rng(3)) for _ in range(2))
    assert one.dwell_times.sum() == pytest.approx(5e3)
    assert (one.dwell_times > 0).all()
    np.testing.assert_array_equal(one.minima, two.minima)
    np.testing.assert_array_equal(one.times, two.times)
    assert (np.diff(one.minima) != 0).all()
    lonely = langer_rates(Barriers([0.0], [1.0], [1], np.zeros((0, 2)), [], [], [], []), 0.1)
    assert random_walk(lonely, 0, 7.0, rng=np.random.default_rng(0)).dwell_times.tolist() == [7.0]
    for arguments, name in (((3, 1.0), "start"), ((0, 0.0), "horizon"), ((0, np.inf), "horizon")):
        with pytest.raises(ValueError, match=f"{name} must be"):
            random_walk(network, *arguments, rng=np.random.default_rng(0))


def test_occupation_agrees_with_a_solver_of_differential_equations(network):
    start, times = np.array([0.2, 0.3, 0.5]), np.array([0.0, 1.0, 50.0, 500.0])
    k = generator(network).toarray()
    np.testing.assert_allclose(k.sum(axis=0), 0.0, atol=1e-15)
    exact = integrate.solve_ivp(lambda t, p: k @ p, (0, 500), start, t_eval=times, rtol=1e-10, atol=1e-13).y.T
    found = occupations(network, start, times)
    np.testing.assert_allclose(found, exact, rtol=1e-7)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    late = occupations(network, start, [1e9])[0]  # by the other algorithm
    np.testing.assert_allclose(late, network.equilibrium, rtol=1e-6)


def test_mean_over_two_times_of_any_quantity(network, rng):
    k, before, quantity = generator(network).toarray(), np.array([0.2, 0.3, 0.5]), rng.random((3, 3))
    values, vectors = np.linalg.eig(k)
    for lag in (0.0, 30.0, 1e7):
        step = (vectors * np.exp(np.minimum(values, 0.0) * lag)) @ np.linalg.inv(vectors)
        naive = sum(before[i] * step[j, i] * quantity[i, j] for i in range(3) for j in range(3))
        assert two_time_mean(network, before, quantity, [lag])[0] == pytest.approx(naive, rel=1e-6)


def test_first_passage_in_closed_form_and_where_it_never_comes():
    barriers = Barriers([0.0, 0.1, 0.0], [1.0, 2.0, 1.0], [1, 1, 1], [[0, 1]], [0.5], [0.7], [1], [-0.3])
    network = langer_rates(barriers, 0.1)
    times = first_passage_times(network, [0])
    assert times[0] == 0.0
    assert times[1] == pytest.approx(1 / network.rates[1, 0])
    assert times[2] == network.dwell_times[2] == np.inf
    with pytest.raises(ValueError, match="targets must be minima"):
        first_passage_times(network, [3])
    for bad in ([1.0, 1.0, 0.0], [1.0], [-1.0, 2.0, 0.0]):
        with pytest.raises(ValueError, match="start must be a distribution"):
            occupations(network, bad, [1.0])
    with pytest.raises(ValueError, match="times must be finite and not negative"):
        occupations(network, [1.0, 0.0, 0.0], [-1.0])
    with pytest.raises(ValueError, match=r"quantity must have shape \(3, 3\)"):
        two_time_mean(network, [1.0, 0.0, 0.0], np.eye(2), [1.0])


# ---------------------------------------------------------------- Langevin dynamics


def test_langevin_escapes_from_a_double_well_in_two_dimensions():
    """Barrier / T = 4 out of the deeper well, 400 walkers, against the rate over its one transition state."""
    surface, ratio, step, walkers = DoubleWells([1.0, 3.0], [0.1, 0.0]), 4.0, 5e-3, 400
    barriers = barriers_of_surface(surface)
    known = surface.known_points()
    i = int(barriers.losses.argmin())
    over = [k for k in range(len(barriers.edges)) if i in barriers.edges[k]]
    t = min(known.transition_values[over]) / ratio - barriers.losses[i] / ratio
    rate = langer_rates(barriers, t).escape_rates[i]
    rng, x = np.random.default_rng(5), np.tile(known.minima[i], (walkers, 1))
    times, away = np.full(walkers, 0.0), np.zeros(walkers, dtype=bool)
    core = 0.6  # beyond the ridge by this much: those who turn back do not count
    n = int(0.7 / rate / step)
    for _ in range(n):
        slope = 4.0 * surface.heights * (x * x - 1.0) * (x - surface.tilts)
        x = x - step * slope + np.sqrt(2 * t * step) * rng.standard_normal(x.shape)
        away |= (np.sign(known.minima[i]) * (x - surface.tilts) < -core).any(axis=1)
        times += step * ~away
    measured, low, high = exponential_rate(times, away).parts.values()
    assert low < measured < high
    assert 1 / 1.5 < rate / measured < 1.5


def chain(hidden, regularization):
    return CrossEntropyLoss(MLP((2, *hidden, 4)), datasets.ljat(rows=50, seed=0), regularization)


def predicted_escape(loss, path, ratio, lowest=0):
    """Minimum, temperature and predicted escape rate, images included, from the explored landscape."""
    explore(loss, path, searches=96, seed=0)
    with Database(path) as database:
        barriers, minimum = Barriers.of_database(database), database.minima[lowest]
    t = barriers.heights[barriers.edges == lowest].min() / ratio
    network = langer_rates(barriers, t)
    return minimum.point.coordinates, t, network.escape_rates[lowest] + network.image_rates[lowest]


@pytest.mark.slow
def test_langevin_escapes_of_a_small_network(tmp_path):
    """A short version of the slow test below: 40 runs, so within a factor of 2."""
    loss = chain((1,), 0.05)
    minimum, t, rate = predicted_escape(loss, tmp_path / "chain.db", 4.0)
    steps = int(1.2 / (0.4 * rate))
    found = langevin_escapes(loss, minimum, t, learning_rate=0.4, replicas=40, steps=steps, every=steps // 12)
    assert found.escaped.sum() > 15
    assert 0.5 < rate / found.rate.value < 2.0
    assert found.rate.low < found.rate.value < found.rate.high
    assert (found.times <= 0.4 * steps).all()


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "ratio"), [((1,), 5.0), ((1,), 7.0), ((2,), 5.0)])
def test_langevin_escape_times_are_predicted_within_a_factor_of_one_and_a_half(hidden, ratio, tmp_path):
    """And the theory with its next order in T / barrier lies in the interval of what was measured."""
    loss = chain(hidden, 0.05)
    minimum, t, rate = predicted_escape(loss, tmp_path / "chain.db", ratio)
    with Database(tmp_path / "chain.db") as database:
        state = database.transition_states[0].point
    correction = 1.0 + t * (anharmonic_coefficient(loss, state.coordinates) - anharmonic_coefficient(loss, minimum))
    steps = int(1.5 / (0.2 * rate))
    found = langevin_escapes(loss, minimum, t, learning_rate=0.2, replicas=100, steps=steps, every=steps // 37)
    assert 1 / 1.5 < found.mean_time * rate < 1.5
    assert found.rate.low < rate * correction < found.rate.high


@pytest.mark.slow
@pytest.mark.parametrize("learning_rate", [0.1, 0.2, 0.4])
def test_escape_times_beyond_the_leading_order_and_their_step_size(learning_rate, tmp_path):
    """Barrier / T = 5, 400 runs until they reach the core of the image on the other side.

    Steps of size eta sample a harmonic mode with variance (T / l) / (1 - eta l / 2) and grow by ln(1 + eta |l|) / eta.
    """
    loss = chain((1,), 0.05)
    minimum, t, rate = predicted_escape(loss, tmp_path / "chain.db", 5.0)
    with Database(tmp_path / "chain.db") as database:
        well, state = database.minima[0].point.eigenvalues, database.transition_states[0].point
    c = anharmonic_coefficient(loss, state.coordinates) - anharmonic_coefficient(loss, minimum)
    top = state.eigenvalues
    of_steps = np.sqrt(np.prod(1 - learning_rate * well / 2) / np.prod(1 - learning_rate * top / 2))
    of_steps *= np.log1p(-learning_rate * top[0]) / (-learning_rate * top[0])
    every = int(1.5 / (learning_rate * rate)) // 300
    times = every * np.arange(1, 299)
    runs = train(
        loss, SGD(learning_rate, 50, precision="float64", noise=Langevin(t)), replicas=400, steps=every * 299, seed=3,
        start=Points(minimum), waiting_times=[every], lags=times,
    )  # fmt: skip
    way = minimum - symmetry.transform(loss.network, minimum, [(np.array([0]), np.array([-1.0]))])
    along = np.array([np.asarray(snapshots) @ way for snapshots in runs.snapshots]) / (minimum @ way)  # 1 at home
    there = along < -0.5
    escaped = there.any(axis=1)
    ends = learning_rate * runs.steps[np.where(escaped, there.argmax(axis=1), -1)]
    measured, low, high = exponential_rate(ends, escaped).parts.values()
    assert 1 / 1.5 < measured / rate < 1.0
    assert low < rate * (1.0 + c * t) * of_steps < high


def test_cut_exponential_times_give_their_rate():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        times = rng.exponential(2.0, 30)
        rate, low, high = exponential_rate(np.minimum(times, 1.5), times < 1.5).parts.values()
        assert low < rate < high
        inside += low <= 0.5 <= high
    assert inside > 180
    assert exponential_rate([2.0, 3.0], [True, False]).value == pytest.approx(0.2)
    rate, low, high = exponential_rate([2.0, 3.0], [False, False]).parts.values()
    assert np.isnan(rate)
    assert low == 0.0
    assert high == pytest.approx(-np.log(0.025) / 5.0)  # Poisson: probability of no event is 2.5 %


def test_a_snapshot_without_a_minimum_is_no_escape(monkeypatch, small_loss):
    """home, ?, home, away, ?, away: it escaped at the first of the two snapshots elsewhere; ? alone is nothing."""
    ends = {"home": (True, "home"), "away": (True, "away"), "?": (False, None)}
    results = {k: SimpleNamespace(converged=known, minimum=end) for k, (known, end) in ends.items()}
    monkeypatch.setattr(escapes, "same_point", lambda network, a, b: a == b)
    for sequence, expected in (
        ("home ? home away ? away", 3), ("home ? ? ? ?", -1), ("? away home ? away", -1), ("away away", 0), ("? ?", -1),
    ):  # fmt: skip
        seen = iter(sequence.split())
        monkeypatch.setattr(escapes, "quench", lambda loss, theta, method, seen=seen: results[next(seen)])
        points = np.zeros((len(sequence.split()), 1))
        assert escapes._first_escape(small_loss, points, "home", "flow") == expected


def test_bad_escapes_are_named(small_loss):
    with pytest.raises(ValueError, match="steps must be at least twice every"):
        langevin_escapes(small_loss, np.zeros(small_loss.n_parameters), 0.1, steps=10, every=10)
    with pytest.raises(ValueError, match="minimum must be a minimum; its rms gradient"):
        langevin_escapes(small_loss, np.ones(small_loss.n_parameters), 0.1, steps=100, every=10)


# ---------------------------------------------------------------- the temperature of SGD


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinetics") / "small.db"
    explore(chain((2,), 0.01), path, searches=96, seed=0)
    return path


@pytest.fixture(scope="module")
def small_loss():
    """Two minima and three transition states, two of them between both."""
    return chain((2,), 0.01)


def test_effective_temperatures_agree_with_a_naive_covariance(small_loss, explored, tmp_path):
    with Database(explored) as database:
        points = [record.point.coordinates for record in (database.minima[0], database.transition_states[0])]
    found = temperatures_at(small_loss, points, SGD(0.05, 20), path=tmp_path)
    for k, theta in enumerate(points):
        gradients = per_sample_gradients(small_loss, theta)
        covariance = np.cov(gradients.T, bias=True) * minibatch_factor(50, 20)
        values, vectors = np.linalg.eigh(small_loss.hessian(theta))
        along = np.array([v @ covariance @ v for v in vectors.T])
        assert found.mean[k] == pytest.approx(0.025 * np.trace(covariance) / theta.size)
        assert found.curved[k] == pytest.approx(0.025 * (along * abs(values)).sum() / abs(values).sum())
        assert found.softest[k] == pytest.approx(0.025 * along[0], rel=1e-6, abs=1e-14)
    again = temperatures_at(small_loss, points, SGD(0.1, 20), path=tmp_path)  # the same measurements, another rate
    np.testing.assert_allclose(again.curved, 2 * found.curved)


def test_predicted_jumps_of_runs_in_known_minima(small_loss, explored):
    network, rng = small_loss.network, np.random.default_rng(0)
    with Database(explored) as database:
        states = [state for state in database.transition_states if state.minimum_ids[0] != state.minimum_ids[1]]
        first, second = states[0].minimum_ids
        minima = [database.minimum(number).point for number in (first, second)]
        coordinates = np.array([[symmetry.random_image(network, point.coordinates, rng=rng) for point in minima]] * 2)
        coordinates[1, 1] = np.nan
        losses = np.array([[point.value for point in minima], [minima[0].value, np.nan]])
        basins = np.array([[1, 2], [1, 0]])
        quenched = QuenchedSnapshots(np.arange(2), np.array([10, 20]), coordinates, coordinates, losses, basins, "flow")
        found = predicted_jumps(quenched, small_loss, database, SGD(0.05, 20))
        barriers = Barriers.of_database(database)
        position = {minimum.id: k for k, minimum in enumerate(database.minima)}
        known = [minimum.point.coordinates for minimum in database.minima]
    assert found.minimum_ids.tolist() == [[first, second], [first, 0]]
    assert found.with_exits.tolist() == [[True, True], [True, False]]
    t = temperatures_at(small_loss, known, SGD(0.05, 20)).curved
    for s, number in enumerate((first, second)):
        network_of_rates = langer_rates(barriers, t[barriers.edges])
        k = position[number]
        expected = 0.05 * (network_of_rates.escape_rates[k] + network_of_rates.image_rates[k])
        assert found.rates["curved"][s] == pytest.approx(expected, rel=1e-6)
        if s == 0:  # both runs are there, but of one it is not known where it is ten steps later: no jump of it counts
            assert found.expected["curved"] == pytest.approx(10 * expected, rel=1e-6)
        moved = 0.05 * sum(
            network_of_rates.rates[k, j] * symmetry.distance(network, known[k], known[j]) ** 2
            for j in range(len(known))
        )
        assert found.displacement_rates["curved"][s] == pytest.approx(moved / small_loss.n_parameters, rel=1e-6)


def test_minima_that_the_database_does_not_know_have_no_prediction(small_loss, explored):
    nowhere = np.ones((1, 2, small_loss.n_parameters))
    quenched = QuenchedSnapshots(
        np.arange(1), np.array([10, 20]), nowhere, nowhere, np.ones((1, 2)), np.ones((1, 2), dtype=int), "flow"
    )
    with Database(explored) as database:
        found = predicted_jumps(quenched, small_loss, database, SGD(0.05, 20))
    assert not found.minimum_ids.any()
    assert all(np.isnan(rates).all() for rates in found.rates.values())
