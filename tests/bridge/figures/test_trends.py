"""Figures beyond the paper that sweep one thing: rows, noises, realizations."""

import functools
import types

import numpy as np
import pytest
from scipy import stats
from scipy.stats import rankdata, spearmanr
from support.figures import flaws

from bridge.figures import (
    FIGURES,
    Ensemble,
    Verdict,
    _jamming as jamming,
    _mu_generalization as mu_generalization,
    judge,
)
from bridge.figures._minima_mu import MinimaMu, describe as describe_minima_mu
from bridge.figures._ranks import clustered_rank_correlation, correlations_given, partial_rank_correlation
from bridge.figures._said_of_trends import misfit_of_one_value
from bridge.figures._sweep import Sweep
from dynamics.statistics import Status
from landscape.support import Estimate

NAN = float("nan")


def residual(values, others):
    """What is left of ranks after least squares on those of others."""
    design = np.stack([np.ones(len(values)), *map(rankdata, others)], axis=1)
    ranks = rankdata(values)
    return ranks - design @ np.linalg.lstsq(design, ranks)[0]


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_partial_correlation_is_that_of_residuals(number, seed):
    rng = np.random.default_rng(seed)
    others = [np.repeat([1.0, 2.0, 5.0], 8), np.tile([1.0, 2.0, 3.0, 4.0], 6), rng.normal(size=24)][:number]
    x, y = (sum(others, rng.normal(size=24)) for _ in range(2))
    expected = np.corrcoef(residual(x, others), residual(y, others))[0, 1]
    assert partial_rank_correlation(x, y, others) == pytest.approx(expected)
    if not number:
        assert expected == pytest.approx(spearmanr(x, y).statistic)


def test_others_that_say_nothing_new_change_nothing_and_unknown_networks_are_left_out():
    rng = np.random.default_rng(2)
    x, y, other = rng.normal(size=(3, 12))
    once = partial_rank_correlation(x, y, [other])
    assert partial_rank_correlation(x, y, [other, other**3, np.ones(12)]) == pytest.approx(once)
    longer = [np.append(part, end) for part, end in ((x, NAN), (y, 5.0), (other, 1.0))]
    assert partial_rank_correlation(longer[0], longer[1], [longer[2]]) == pytest.approx(once)


@pytest.mark.parametrize("x", [np.ones(6), np.arange(6.0), np.array([1.0, 2.0, NAN, NAN, NAN, 3.0])])
def test_without_anything_left_there_is_no_correlation(x):
    """No spread; all of it from the other; too few networks."""
    assert np.isnan(partial_rank_correlation(x, [2.0, 1.0, 4.0, 3.0, 6.0, 5.0], [np.arange(6.0)]))


def test_networks_of_a_realization_are_drawn_together():
    """Copies of one network in each realization tell no more than one: the same interval as of the realizations."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 20))
    once = clustered_rank_correlation(x, y, np.arange(20), resamples=100, rng=1)
    many, realizations = np.repeat([x, y], 4, axis=1), np.repeat(np.arange(20), 4)
    copies = clustered_rank_correlation(*many, realizations, resamples=100, rng=1)
    apart = clustered_rank_correlation(*many, np.arange(80), resamples=100, rng=1)
    assert copies.interval == pytest.approx(once.interval)
    assert apart.high - apart.low < 0.7 * (once.high - once.low)
    assert np.isnan(clustered_rank_correlation(x, y, np.zeros(20), resamples=3).low)  # one realization


def test_what_both_have_from_n_is_gone_given_n():
    rng = np.random.default_rng(4)
    rows, depth = np.tile(np.repeat([316, 1000, 3162, 10_000], 3), 8), np.tile([1, 2, 3], 32)
    mu, error = (np.log(rows) + 0.2 * rng.normal(size=96) for _ in range(2))
    found = correlations_given(mu, error, np.repeat(np.arange(8), 12), {"N": rows, "depth": depth}, resamples=50)
    assert found["given"] == ["nothing", "N", "depth", "N and depth"]
    assert min(found["correlation"][0], found["correlation"][2]) > 0.9
    assert max(abs(found["correlation"][1]), abs(found["correlation"][3])) < 0.3
    outcome = judge(FIGURES["mu-generalization"].statements, found)[0]
    assert outcome.verdict != Verdict.HOLDS
    left = {**found, "correlation_low": [0.1] * 4, "correlation_high": [0.5] * 4}
    assert judge(FIGURES["mu-generalization"].statements, left)[0].verdict == Verdict.HOLDS


def test_the_alpha_from_which_on_the_loss_is_zero():
    alpha = np.array([0.1, 1.0, 10.0, 100.0])
    loss = np.array([1.0, 0.01, 1.0, 0.01])  # the last crossing counts: halfway between 10 and 100 on both scales
    assert jamming.reaches(alpha, loss, 0.1) == pytest.approx((10**1.5, 10.0, 100.0))
    np.testing.assert_equal(jamming.reaches(alpha, loss, 2.0), (NAN, NAN, 0.1))
    np.testing.assert_equal(jamming.reaches(alpha, loss, 1e-3), (NAN, 100.0, NAN))
    assert jamming.reaches(alpha, np.array([1.0, 1.0, 0.0, 0.0]), 0.5)[0] < 10.0


def network(rows, draw, mu, loss, eigenvalues):
    values = Estimate(np.array([10.0, 10.0 ** (1 + mu)]), None, None)  # pyright: ignore
    fit = types.SimpleNamespace(
        mu=Estimate(mu, mu - 0.02, mu + 0.02),
        t_star=values,
        waiting_times=np.array([10, 100]),
        worst_misfit=0.1 * (draw + 1),
    )
    right = np.array([1.0, 0.5 + 0.5 * (loss < 0.05)])
    return jamming.Network(
        Ensemble((5, 5), 2, 100, rows=rows, dataset_seed=draw), fit, np.full(2, loss), right, eigenvalues
    )


@pytest.fixture(scope="module")
def scan():
    spectrum = np.array([[-1.0, -1e-3, 1e-3, 0.5], [-1.0, 0.1, 0.2, 0.3]])
    return jamming.row_scan(
        [
            network(rows, draw, mu + shift, loss, spectrum)
            for rows, mu, loss in ((690, 0.70, 0.5), (138, 0.71, 0.4), (69, 0.9, 0.1), (23, 1.5, 0.01))
            for draw, shift in enumerate((-0.01, 0.0, 0.01))
        ]
    )


def test_scan_over_rows_has_means_over_draws(scan):
    np.testing.assert_allclose(scan.alpha, [0.1, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(scan.mu.value, [0.70, 0.71, 0.9, 1.5])
    np.testing.assert_allclose(scan.mu.high - scan.mu.value, 4.303 * 0.01 / np.sqrt(3), rtol=1e-3)  # Student's t, 2
    np.testing.assert_allclose(scan.t_star[:, 1], 10 ** (1 + scan.mu.value))
    np.testing.assert_allclose(scan.misfit, 0.3)
    np.testing.assert_allclose(scan.negative, 1.5)
    np.testing.assert_allclose(scan.near_zero, 1.0)
    np.testing.assert_allclose(scan.fitted, [0.5, 0.5, 0.5, 1.0])
    assert (scan.draws, scan.replicas) == (3, 2)


def test_one_exponent_is_judged_below_alpha_one(scan):
    ours = jamming.describe({"ljat": scan})
    assert judge(FIGURES["jamming"].statements, ours)[0].verdict == Verdict.HOLDS  # 0.9 and 1.5 are at alpha >= 1
    ours["ljat"]["mu"][1], ours["ljat"]["mu_low"][1], ours["ljat"]["mu_high"][1] = 0.9, 0.88, 0.92
    assert judge(FIGURES["jamming"].statements, ours)[0].verdict == Verdict.FAILS
    assert 1.0 < ours["ljat"]["alpha_of_zero_loss"] < 3.0
    assert ours["ljat"]["alpha_of_zero_loss_between"] == (1.0, 3.0)


def test_misfit_of_one_value_is_chi_square():
    value, half = np.array([0.0, 1.0]), 1.959964 * np.array([1.0, 1.0])
    mean, p = misfit_of_one_value(value, value - half, value + half)
    assert (mean, p) == pytest.approx((0.5, 0.4795), abs=1e-4)  # chi-square 0.5, one degree of freedom
    assert np.isnan(misfit_of_one_value(value[:1], value[:1], value[:1])).all()


def test_equal_exponents_on_three_draws_seldom_differ():
    """Intervals by SciPy's Student; 0.025 is asked for each data set."""
    values = np.random.default_rng(5).normal(0.0, [[1.0], [1.0], [4.0]], (300, 3, 3))
    low, high = stats.t.interval(0.95, 2, values.mean(axis=2), stats.sem(values, axis=2))
    p = [misfit_of_one_value(*one)[1] for one in zip(values.mean(axis=2), low, high, strict=True)]
    assert np.mean(np.array(p) < 0.025) < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 300)


@pytest.mark.slow
def test_scan_is_drawn_without_flaws(scan):
    assert flaws(jamming.draw({"ljat": scan, "mnist": scan})) == []


def persistent_numbers(differences, half):
    """Numbers of figure `persistent`: SGD first, a persistence for each difference, another optimizer far off."""
    difference = np.array([0.0, *differences, 5.0])
    return {
        "persistence": np.ones(len(differences)),
        "mu": 0.7 + difference,
        "difference_low": difference - half,
        "difference_high": difference + half,
        "difference_p": np.where(np.abs(difference) > half, 1e-6, 0.5),
    }


@pytest.mark.parametrize(
    ("differences", "half", "verdict"),
    [((0.01, -0.02), 0.05, Verdict.HOLDS), ((0.01, -0.3), 0.05, Verdict.FAILS), ((0.1, -0.1), 0.2, Verdict.UNDECIDED)],
)
def test_robustness_counts_persistent_noise_alone(differences, half, verdict):
    ours = {"ljat": persistent_numbers(differences, half), "mnist": persistent_numbers((0.0,), 0.01)}
    assert judge(FIGURES["persistent"].statements, ours)[0].verdict == verdict


def test_optimizers_of_ensembles():
    sgd, momentum, adam = (Ensemble((3,), 2, 100, method=method).optimizer for method in ("sgd", "momentum", "adam"))
    assert (sgd.name, momentum.name, adam.name) == ("sgd", "sgd", "adam")
    assert (sgd.settings["momentum"], momentum.settings["momentum"]) == (0.0, 0.9)
    assert sgd.learning_rate == 0.05


def test_persistent_figure_compares_from_the_same_starts():
    for name in ("quick", "paper"):
        found = FIGURES["persistent"].ensembles(name)
        for dataset in ("ljat", "mnist"):
            part = [one for one in found if one.dataset == dataset]
            assert len({(one.hidden, one.replicas, one.steps, one.rows, one.batch_size) for one in part}) == 1
            assert [one.noise.numbers for one in part[1:6]] == [(10.0**k,) for k in range(5)]


def landscape(minima):
    """What a search found, with a bound on the number of minima."""
    return types.SimpleNamespace(
        searches=32,
        random_starts=64,
        minima=minima,
        estimated_minima=Estimate(2.0 * minima, 1.5 * minima, np.inf) if minima else None,
        coverage=Estimate(0.5, 0.4, 0.6),
    )


def minima_mu(minima, mu, rows):
    size, statuses = len(minima), [Status.NOT_A_POWER_LAW, *[Status.OK] * (len(minima) - 1)]
    fits = [
        types.SimpleNamespace(mu=Estimate(one, one - 0.02, one + 0.02), t_star_runs=np.ones((6, 2)), status=status)
        for one, status in zip(mu, statuses, strict=True)
    ]
    networks = Sweep(("5,5",) * size, np.full(size, 2), np.array(rows), np.arange(size) // 4, tuple(fits))
    return MinimaMu(networks, tuple(map(landscape, minima)))


def test_minima_against_mu_are_their_lower_bounds(monkeypatch):
    few = functools.partial(correlations_given, resamples=20)
    monkeypatch.setattr("bridge.figures._minima_mu.correlations_given", few)
    rows = [316, 1000, 3162, 10_000] * 3
    result = minima_mu([40, 20, 10, 0] * 3, [0.7, 0.8, 0.9, 1.0] * 3, rows)
    np.testing.assert_array_equal(result.minima[:4], [80.0, 40.0, 20.0, np.nan])
    np.testing.assert_array_equal(result.minima_at_least[:4], [60.0, 30.0, 15.0, np.nan])
    ours = describe_minima_mu(result)
    assert ours["mean_slopes_only"] == 1
    assert ours["correlation"][0] == pytest.approx(-1.0)
    assert np.isnan(ours["correlation"][1])  # both follow from N
    assert judge(FIGURES["minima-mu"].statements, ours)[0].verdict == Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.1, 0.2, Verdict.HOLDS), (0.1, 0.9, Verdict.FAILS), (-0.9, 0.2, Verdict.UNDECIDED)],
)
def test_landscapes_are_immaterial_if_little_is_left_given_n(low, high, verdict):
    given = ["nothing", "N", "depth", "N and depth"]
    ours = {"given": given, "correlation": [0.05] * 4, "correlation_low": [0.9, low, 0.9, 0.9],
            "correlation_high": [1.0, high, 1.0, 1.0]}  # fmt: skip
    assert judge(FIGURES["minima-mu"].statements, ours)[0].verdict == verdict


def test_minima_against_mu_has_36_networks():
    found = FIGURES["minima-mu"].ensembles("paper")
    assert len({(one.hidden, one.rows, one.dataset_seed) for one in found}) == len(found) == 3 * 4 * 3
    shared = {one.name for one in FIGURES["mu-generalization"].ensembles("paper")}
    assert {one.name for one in found} <= shared


class DrawnLoss:
    """A loss whose rows are easy or hard by their draw: 1 + theta without penalty, more by the draw on other rows."""

    regularization = 0.5

    def __init__(self, draw):
        self.draw = draw

    def value(self, theta):
        return 1.0 + theta[0] + self.regularization * theta @ theta


def test_generalization_error_leaves_out_what_the_rows_do_to_every_network(monkeypatch):
    """Each draw makes test rows harder by its seed / 10; the network with the most rows of another draw tells it."""
    few = [Ensemble((3,), 2, 100, rows=rows, dataset_seed=draw) for rows in (10, 30) for draw in (1, 2)]
    asked = []

    def runs(ensemble):
        asked.append((ensemble.rows, ensemble.dataset_seed))
        return types.SimpleNamespace(snapshots=np.full((2, 4, 1), 7.0))

    def held_out(loss, points, most_rows):
        assert most_rows == 50
        return types.SimpleNamespace(values=1.0 + np.asarray(points)[:, 0] + loss.draw / 10)

    work = types.SimpleNamespace(
        runs=runs,
        loss=lambda ensemble: DrawnLoss(ensemble.dataset_seed),
        data=lambda ensemble: types.SimpleNamespace(rows=ensemble.rows),
    )
    monkeypatch.setattr(mu_generalization, "held_out_loss", held_out)
    ends = types.SimpleNamespace(test_rows=np.array([50]))
    found = [mu_generalization._reference(work, one, ends, tuple(few)) for one in few]
    np.testing.assert_allclose(found, [0.1, 0.2, 0.1, 0.2])
    assert asked == [(30, 2), (30, 1)] * 2
    assert mu_generalization._reference(work, few[0], ends, (few[0], few[2])) == 0.0
