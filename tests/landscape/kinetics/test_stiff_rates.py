"""Networks whose rates differ by tens and hundreds of decades: against mpmath with hundreds of digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.sparse import csr_array
from support.paths import DATABASES
from support.public import PUBLIC, needs_public

from landscape import Database, LandscapeGraph
from landscape.kinetics import (
    Barriers,
    RateNetwork,
    committors,
    exit_rates,
    first_passage_times,
    langer_rates,
    occupations,
    random_walk,
    same_minimum,
    stationary_distribution,
    transition_probabilities,
)
from landscape.kinetics._elimination import eliminate, exit_chances, mean_times, solution

KTN = PUBLIC / "ktn-9state"


def network_of(rates, weights=None):
    rates = np.asarray(rates, dtype=float)
    return RateNetwork(csr_array(rates), np.zeros(len(rates)), weights)


def random_network(decades, seed):
    """4 to 9 minima, each reached from each other, rates log-uniform over so many decades; the even with balance."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 10))
    ring = np.arange(n)
    edges = np.concatenate([np.array([ring, np.roll(ring, 1)]).T, rng.integers(0, n, (n, 2))])
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    start, end = np.concatenate([edges, edges[:, ::-1]]).T
    if seed % 2:
        logs, weights = decades * rng.uniform(-0.5, 0.5, start.size), None
    else:
        weights = decades / 2 * rng.uniform(-0.5, 0.5, n)
        logs = np.tile(decades / 4 * rng.uniform(-0.5, 0.5, len(edges)), 2) - weights[start]
        weights = weights * np.log(10.0)
    return RateNetwork(csr_array((10.0**logs, (start, end)), shape=(n, n)), np.zeros(n), weights)


def exact_generator(network, digits):
    mpmath.mp.dps = digits
    q = mpmath.zeros(network.n_minima)
    rows = np.repeat(np.arange(network.n_minima), np.diff(network.rates.indptr)).tolist()
    for k, (i, j) in enumerate(zip(rows, network.rates.indices.tolist(), strict=True)):
        logs = network.log_rates
        rate = mpmath.mpf(float(network.rates.data[k])) if logs is None else mpmath.exp(mpmath.mpf(float(logs[k])))
        q[i, j] += rate
        q[i, i] -= rate
    return q


def inner(q, kept):
    return mpmath.matrix([[q[i, j] for j in kept] for i in kept])


def exact_hitting(q, fixed, right):
    """Solve sum_j q_ij x_j = right off the minima whose x is `fixed`."""
    free = [i for i in range(q.rows) if i not in fixed]
    b = [mpmath.mpf(right) - sum(q[i, j] * x for j, x in fixed.items()) for i in free]
    found = mpmath.lu_solve(inner(q, free), mpmath.matrix(b))
    return [fixed[i] if i in fixed else found[free.index(i)] for i in range(q.rows)]


def agree(found, right, tolerance):
    for a, b in zip(np.ravel(found).tolist(), np.ravel(right).tolist(), strict=True):
        assert a == b == 0 or abs(mpmath.mpf(a) / b - 1) < tolerance, (a, b)


# ---------------------------------------------------------------- first-passage times


@pytest.mark.parametrize("decades", [1, 12, 30, 60, 90, 200, 450])
@pytest.mark.parametrize("seed", range(4))
def test_times_committors_and_the_stationary_distribution_keep_twelve_digits(decades, seed):
    network = random_network(decades, seed)
    q = exact_generator(network, 60 + 4 * decades)
    one, zero = mpmath.mpf(1), mpmath.mpf(0)
    agree(first_passage_times(network, [0]), exact_hitting(q, {0: zero}, -1), 1e-12)
    agree(first_passage_times(network, [2, 1]), exact_hitting(q, {1: zero, 2: zero}, -1), 1e-12)
    agree(committors(network, [0], [3]), exact_hitting(q, {0: zero, 3: one}, 0), 1e-12)
    weights = mpmath.lu_solve(inner(q, range(1, q.rows)).T, mpmath.matrix([-q[0, i] for i in range(1, q.rows)]))
    weights = np.array([one, *weights])
    right, found = weights / weights.sum(), stationary_distribution(network)
    shown = found > 1e-290
    agree(found[shown], right[shown], 1e-12)
    if network.log_weights is not None:
        np.testing.assert_allclose(found[shown], network.equilibrium[shown], rtol=1e-11)


@pytest.mark.parametrize(
    ("temperature", "digits", "expected"), [(1e-3, 60, 6.995583e7), (1e-5, 120, 2.302194e27), (1e-6, 700, 1.017724e222)]
)
def test_the_network_of_a_database_at_low_temperatures(temperature, digits, expected):
    """Longest time down to the lowest minimum; the numbers are those of mpmath, by benchmarks/first_passage.py."""
    with Database(DATABASES / "n3162-h5-5.db") as database:
        barriers = Barriers.of_database(database)
    network = langer_rates(barriers, temperature)
    found = first_passage_times(network, [0])
    assert found.max() == pytest.approx(expected, rel=1e-6)
    assert (found[1:] > 0).all()
    # the residuals with many digits: sum_j k_ij (t_j - t_i) = -1, each relative to the flow into i
    mpmath.mp.dps = digits
    q = exact_generator(network, digits)
    exact = exact_hitting(q, {0: mpmath.mpf(0)}, -1) if temperature == 1e-5 else None
    if exact is not None:
        agree(found, exact, 1e-12)


def test_a_fast_pair_behind_a_slow_step():
    """Minima 1 and 2 exchange at 10^15, the way out of 1 takes 10^-12: t = (1 + k12 / k21) / k10, and 1 / k21 more."""
    k10, k12, k21 = 3e-12, 7e15, 2e15
    network = network_of([[0, 1e-20, 0], [k10, 0, k12], [0, k21, 0]])
    found = first_passage_times(network, [0])
    right = (1 + mpmath.mpf(k12) / mpmath.mpf(k21)) / mpmath.mpf(k10)
    agree(found, [mpmath.mpf(0), right, right + 1 / mpmath.mpf(k21)], 1e-14)


def test_rates_that_underflow_give_inf_or_the_right_time_but_never_nan():
    def chain(temperature):
        return langer_rates(
            Barriers([0.0, 0.1, 0.05], np.zeros(3), np.ones(3), [[0, 1], [1, 2]], [0.4, 0.6], np.zeros(2), np.ones(2),
                     -np.ones(2)), temperature,
        )  # fmt: skip

    assert first_passage_times(chain(1e-4), [0]).tolist() == [0.0, np.inf, np.inf]
    assert first_passage_times(chain(5e-4), [2])[0] == np.inf
    # out of 2 over 0.55 / T = 687.5: the rate is 1e-300, down from 1 it takes e^(0.3 / T) only
    times, t = first_passage_times(chain(8e-4), [0]), 8e-4
    mpmath.mp.dps = 50
    up, out, back = (2 * mpmath.pi * mpmath.exp(mpmath.mpf(x) / t) for x in (0.55, 0.3, 0.5))
    assert times[1] == pytest.approx(float(out * (1 + up / back)), rel=1e-11)
    assert times[2] == pytest.approx(float(up + out * (1 + up / back)), rel=1e-11)
    # both ways out of the middle one underflow: which it takes is known all the same
    middle = committors(chain(2e-4), [2], [0])
    assert middle == pytest.approx([1.0, 1.0, 0.0])
    assert 1.0 - committors(chain(1e-1), [2], [0])[1] == pytest.approx(1 / (1 + np.exp(2.0)))


def test_where_a_target_need_not_be_reached_the_time_is_inf():
    one_way = network_of([[0, 1.0, 0, 0], [0, 0, 2.0, 1e-30], [0, 0, 0, 0], [0, 3.0, 0, 0]])
    assert first_passage_times(one_way, [2]).tolist() == pytest.approx([1.5, 0.5, 0.0, 1 / 3 + 0.5])
    assert first_passage_times(one_way, [3]).tolist() == [np.inf, np.inf, np.inf, 0.0]  # 2 keeps what comes
    assert first_passage_times(one_way, [0]).tolist() == [0.0, np.inf, np.inf, np.inf]
    assert committors(one_way, [2], [3])[0] == pytest.approx(5e-31)
    assert np.isnan(committors(one_way, [0], [3])[[1, 2]]).all()
    with pytest.raises(ValueError, match="connected both ways"):
        stationary_distribution(one_way)
    with pytest.raises(ValueError, match="must not be sources"):
        committors(one_way, [1, 2], [2])
    with pytest.raises(ValueError, match=r"sources must be minima 0 \.\.\. 3"):
        committors(one_way, [4], [2])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 280.0))
def test_plain_numbers_and_logarithms_agree_and_times_grow_with_fewer_targets(seed, decades):
    network = random_network(decades, seed)
    few, more = first_passage_times(network, [0]), first_passage_times(network, [0, 1])
    assert (more <= few * (1 + 1e-12)).all()
    assert (few[1:] > 0).all()
    exits = np.full((network.n_minima, 1), -np.inf)
    exits[0] = np.median(network.steps.log_rates)
    plain, logs = mean_times(network.steps, exits), solution(eliminate(network.steps, exits, logarithms=True))
    np.testing.assert_allclose(plain, logs, rtol=1e-11)
    assert exit_chances(eliminate(network.steps, exits)) == pytest.approx(1.0)


@needs_public
def test_committors_of_a_public_network_are_those_of_another_program():
    """994 minima, 4320 transition states: committors by DISCOTRESS, T = 1, between the minima with 0 and 1."""
    minima, states = np.loadtxt(KTN / "min.data"), np.loadtxt(KTN / "ts.data")
    right = np.loadtxt(KTN / "committor_AB.dat")
    barriers = Barriers(
        minima[:, 0], minima[:, 1], minima[:, 2], states[:, 3:5].astype(int) - 1, states[:, 0], states[:, 1],
        states[:, 2], -np.ones(len(states)),
    )  # fmt: skip
    ends = np.flatnonzero(right == 0.0), np.flatnonzero(right == 1.0)
    np.testing.assert_allclose(committors(langer_rates(barriers, 1.0), *ends), right, atol=2e-15)


# ---------------------------------------------------------------- occupations


@pytest.mark.parametrize("decades", [5, 30, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_transition_probabilities_keep_their_digits(decades, seed):
    network = random_network(decades, seed)
    q = exact_generator(network, 80 + 2 * decades)
    times = np.exp(-np.quantile(network.steps.log_rates, [0.2, 0.6]))
    for t, found in zip(times, transition_probabilities(network, np.arange(q.rows), times), strict=True):
        right = np.array(mpmath.expm(q * mpmath.mpf(float(t)), method="taylor").tolist())
        shown = found > 1e-250
        agree(found[shown], right[shown], 1e-11)


def test_large_stiff_networks_keep_slow_steps_beside_fast_ones():
    """150 fast pairs in a row: lumped, they are a chain of slow steps k / 2, whose exponential is easy."""
    n, fast, slow = 150, 1e40, np.random.default_rng(0).uniform(0.5, 2.0, 149)
    pairs, k = 2 * np.arange(n), np.arange(n - 1)
    start = np.concatenate([pairs, pairs + 1, 2 * k + 1, 2 * k + 2])
    end = np.concatenate([pairs + 1, pairs, 2 * k + 2, 2 * k + 1])
    rates = np.concatenate([np.full(2 * n, fast), slow, slow])
    network = RateNetwork(csr_array((rates, (start, end)), shape=(2 * n, 2 * n)), np.zeros(2 * n), np.zeros(2 * n))
    lumped = RateNetwork(
        csr_array((np.tile(slow / 2, 2), (np.append(k, k + 1), np.append(k + 1, k))), shape=(n, n)), np.zeros(n),
        np.zeros(n),
    )  # fmt: skip
    first = np.eye(2 * n)[10]
    times = [1e-3, 1.0, 50.0]
    found = occupations(network, first, times)
    right = occupations(lumped, np.eye(n)[5], times)
    np.testing.assert_allclose(found.reshape(3, n, 2).sum(axis=2), right, atol=1e-10)
    np.testing.assert_allclose(found[:, ::2], found[:, 1::2], atol=1e-12)
    lazy = same_minimum(network, first, 1e-3, [1.0])
    assert lazy[0] == pytest.approx(same_minimum(lumped, np.eye(n)[5], 1e-3, [1.0])[0] / 2, abs=1e-9)


def test_huge_and_small_prefactors():
    """Determinants of 10^4 parameters: prefactors of e^+-2000 that the barrier makes up for."""
    barriers = Barriers([0.0, 0.0], [4000.0, 3990.0], [1, 1], [[0, 1]], [1.0], [0.0], [1.0], [-2 * np.pi])
    network = langer_rates(barriers, 1.0 / 2000.0)
    assert network.escape_rates == pytest.approx([1.0, np.exp(-5.0)])
    assert network.equilibrium == pytest.approx(np.array([np.exp(-5.0), 1.0]) / (1 + np.exp(-5.0)))
    slow = langer_rates(barriers, 1.0 / 20000.0)
    assert slow.dwell_times.tolist() == [np.inf, np.inf]
    fast = langer_rates(barriers, 1.0)
    assert fast.escape_rates[0] == np.inf
    assert fast.dwell_times[0] == 0.0
    assert exit_rates(barriers, 1.0)[0, 0] == np.inf
    assert stationary_distribution(fast) == pytest.approx(fast.equilibrium)
    assert first_passage_times(fast, [0]).tolist() == [0.0, 0.0]


def test_equilibrium_weights_do_not_lose_digits_at_low_temperatures():
    losses = np.array([0.5, 0.5 + 1e-6])
    barriers = Barriers(losses, [0.0, 0.0], [1, 1], [[0, 1]], [0.6], [0.0], [1.0], [-1.0])
    mpmath.mp.dps = 40
    ratio = mpmath.exp(-(mpmath.mpf(losses[1]) - mpmath.mpf(losses[0])) / mpmath.mpf(2e-9))
    found = langer_rates(barriers, 2e-9).equilibrium
    assert abs(mpmath.mpf(found[1]) / mpmath.mpf(found[0]) / ratio - 1) < 1e-12


# ---------------------------------------------------------------- walks


def test_a_walk_between_a_fast_pair_is_given_up_with_the_reason():
    network = network_of([[0, 1e20, 0], [1e20, 0, 1.0], [0, 1.0, 0]])
    with pytest.raises(RuntimeError, match=r"made 1000 jumps and reached the time .* of 1: lower horizon"):
        random_walk(network, 0, 1.0, rng=np.random.default_rng(0), max_jumps=1000)


def test_walks_take_rare_and_underflowing_ways_as_often_as_they_should():
    """Both ways out of minimum 0 have rates below the smallest float64, in the ratio 3 to 1."""
    logs = np.log([3.0, 1.0]) - 800.0
    network = RateNetwork(csr_array((np.exp(logs), [1, 2], [0, 2, 2, 2]), shape=(3, 3)), np.zeros(3), None, logs)
    assert network.dwell_times[0] == np.inf
    assert random_walk(network, 0, 1e300, rng=np.random.default_rng(0)).minima.tolist() == [0]
    logs = logs + 795.0
    faster = RateNetwork(csr_array((np.exp(logs), [1, 2], [0, 2, 2, 2]), shape=(3, 3)), np.zeros(3), None, logs)
    rng = np.random.default_rng(1)
    ends = [random_walk(faster, 0, 1e6, rng=rng).minima[-1] for _ in range(2000)]
    assert np.mean(np.array(ends) == 1) == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 2000))
    assert committors(network, [2], [1])[0] == pytest.approx(0.75)


# ---------------------------------------------------------------- one check for both


@pytest.mark.parametrize(
    ("scale", "gap", "fine"), [(1.0, 1e-6, False), (1.0, 1e-12, True), (1e8, 1e-3, True), (1e8, 10.0, False)]
)
def test_barriers_and_graphs_refuse_the_same_transition_states(scale, gap, fine):
    losses, top, edges = [0.1 * scale, scale], [scale - gap], [[0, 1]]

    def barriers():
        return Barriers(losses, [0.0, 0.0], [1, 1], edges, top, [0.0], [1], [-1.0])

    for make in (barriers, lambda: LandscapeGraph(losses, top, edges)):
        if fine:
            make()
        else:
            with pytest.raises(ValueError, match=r"transition state 0 has loss .*, its minima \[0, 1\] have"):
                make()
    if fine:
        assert (barriers().heights >= 0.0).all()


def test_bad_networks_are_refused():
    with pytest.raises(ValueError, match="rates must not be negative; got -1"):
        network_of([[0, -1.0], [1.0, 0]])
    with pytest.raises(ValueError, match="rates must not be negative; got nan"):
        network_of([[0, np.nan], [1.0, 0]])
    with pytest.raises(ValueError, match=r"rates must have shape \(3, 3\)"):
        RateNetwork(csr_array((2, 2)), np.zeros(3), None)
    with pytest.raises(ValueError, match="log_rates must have one entry per rate"):
        RateNetwork(csr_array(np.eye(2)), np.zeros(2), None, np.zeros(3))
