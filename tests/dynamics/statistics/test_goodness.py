"""Do fits say when they fail? Closed forms: true ones are refused as often as stated, bent ones nearly always."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure
from scipy import stats

from bridge.commands._words import between, number, share, with_interval
from dynamics import MeanSquareDisplacement, aging, analyze_aging, mean_square_displacement
from dynamics.aging_times import (
    collapse,
    compare_forms,
    compare_realizations,
    generalized_diffusion,
    learning_rate_collapse,
    threshold_scan,
)
from dynamics.plots import interval_text, plot_aging, plot_analysis, plot_collapse, plot_diffusion
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status, _fits, _goodness
from dynamics.synthetic import aging_walk, aging_walk_t_star, wandering_walk
from landscape.support import Estimate

TW = np.array(WAITING_TIMES)
X = np.log(TW / 4000.0)
LAGS = log_lags(1000, 8)


def ensemble(t_star, replicas, rng, noise=0.2, exponent=1.3, lags=LAGS):
    """Delta = 1e-2 (t / t*)^exponent, with Gaussian factors of the runs that change with ln tw and ln t."""
    z = rng.standard_normal((replicas, TW.size, 4))
    for w, kept in enumerate(np.exp(-np.diff(X))):
        z[:, w + 1] = kept * z[:, w] + np.sqrt(1 - kept**2) * z[:, w + 1]
    log_t = np.log(lags)
    along = np.stack([np.ones(lags.size), log_t / 7, np.sin(log_t), np.cos(2 * log_t)])
    factors = 1 + noise / 2 * z @ along
    values = 1e-2 * (lags / np.asarray(t_star, dtype=float)[:, None]) ** exponent
    return MeanSquareDisplacement(TW, lags, np.maximum(factors, 0.05) * values)


# ---------------------------------------------------------------- the test itself


def test_patterns_are_orthonormal_and_beyond_the_form():
    design = _fits.hinge_design(X, 2)
    patterns = _goodness.beyond(design, X)
    assert patterns.shape == (6, 3)
    np.testing.assert_allclose(patterns.T @ patterns, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(patterns.T @ design, 0, atol=1e-12)
    line = _goodness.beyond(design[:, :2], X)
    np.testing.assert_allclose(np.abs(line.T @ _goodness.polynomials(X, 6)[:, 2:]), np.eye(4), atol=1e-10)


@pytest.mark.parametrize("runs", [2, 3, 5, 24])
def test_p_values_of_gaussian_means_are_uniform(runs):
    """Hotelling's T2 is exact for them, whatever the number of runs; the samples are those of the bootstrap."""
    rng, p_values = np.random.default_rng(runs), []
    mixing = rng.standard_normal((4, 4))
    for _ in range(400):
        values = rng.standard_normal((runs, 4)) @ mixing * 10
        counts = rng.multinomial(runs, np.full(runs, 1 / runs), 400)
        p_values.append(_goodness.lack_of_fit(values.mean(axis=0), counts @ values / runs, runs))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_hotelling_agrees_with_the_t_test_of_one_number():
    values = np.random.default_rng(0).normal(0.4, 1.0, 9)
    square = values.mean() ** 2 / values.var(ddof=1) * 9
    assert _goodness.hotelling(square, 1, 9) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)  # pyright: ignore


def test_the_factor_of_the_inverse_covariance_is_its_mean():
    """compare_forms: the inverse of a covariance of W = 4 from R = 12 runs is too large by (R - 1) / (R - W - 2)."""
    data = np.random.default_rng(0).standard_normal((20_000, 12, 4))
    centered = data - data.mean(axis=1, keepdims=True)
    inverse = np.linalg.inv(np.swapaxes(centered, 1, 2) @ centered / 11).mean(axis=0)
    np.testing.assert_allclose(inverse * (12 - 4 - 2) / 11, np.eye(4), atol=0.03)


def test_nothing_is_tested_without_runs_or_contrasts():
    assert np.isnan(_goodness.lack_of_fit(np.zeros(2), np.zeros((5, 2)), 1))
    assert np.isnan(_goodness.lack_of_fit(np.zeros(0), np.zeros((5, 0)), 9))
    assert np.isnan(_goodness.lack_of_fit(np.zeros(1), np.full((5, 1), np.nan), 9))


# ---------------------------------------------------------------- t*(tw)


def test_a_true_power_law_has_uniform_p_values_and_a_bent_one_is_refused():
    t_star, rng = 0.2 * TW**0.7, np.random.default_rng(0)
    fits = [aging(ensemble(t_star, 12, rng), resamples=200, rng=k) for k in range(150)]
    assert stats.kstest([fit.p_value for fit in fits], "uniform").pvalue > 0.01
    assert sum(fit.crossover is not None for fit in fits) <= 0.05 * 150 + 3 * np.sqrt(0.05 * 0.95 * 150)
    bent = [aging(ensemble(t_star * np.exp(0.3 * X**2), 12, rng, 0.05), resamples=200) for _ in range(20)]
    assert all(fit.status == Status.NOT_A_POWER_LAW for fit in bent)
    assert bent[0].worst_misfit > 0.1
    assert "crossover" in bent[0].status


def test_the_worst_misfit_is_the_largest_relative_deviation():
    t_star = 0.2 * TW**0.7 * np.array([1, 1, 1, 1, 1, 2.0])
    fit = aging(MeanSquareDisplacement(TW, LAGS, np.tile(1e-2 * (LAGS / t_star[:, None]), (3, 1, 1))), resamples=10)
    line = np.exp(np.polyval(np.polyfit(np.log(TW), np.log(t_star), 1), np.log(TW)))
    assert fit.worst_misfit == pytest.approx(np.maximum(t_star / line, line / t_star).max() - 1, rel=1e-6)
    assert fit.status == Status.NOT_A_POWER_LAW  # runs that are all alike leave no doubt


@pytest.mark.parametrize("replicas", [2, 3, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 5))])
def test_few_runs_cover_and_invent_no_crossovers(replicas):
    t_star, hits, crossovers = 0.2 * TW**0.7, 0, 0
    for seed in range(150):
        fit = aging(ensemble(t_star, replicas, np.random.default_rng([seed, replicas])), resamples=200, rng=seed)
        hits += fit.mu.low <= 0.7 <= fit.mu.high
        crossovers += fit.crossover is not None
    assert hits >= 0.95 * 150 - 3 * np.sqrt(0.95 * 0.05 * 150)
    assert crossovers <= 0.05 * 150 + 3 * np.sqrt(0.95 * 0.05 * 150)


def test_a_mean_of_few_runs_is_said_to_be():
    rng = np.random.default_rng(1)
    msd = ensemble(0.2 * TW**0.7, 12, rng)
    values = msd.values * np.where(np.arange(12) == 0, 40.0, 1.0)[:, None, None]
    fit = aging(replace(msd, values=values), resamples=100)
    assert fit.status in (Status.UNEVEN_RUNS, Status.HANGS_ON_SINGLE_RUNS)
    assert (fit.effective_runs.value < 2).all()
    at = values[:, 2, np.abs(np.log(LAGS / fit.t_star.value[2])).argmin()]
    assert fit.effective_runs.value[2] == pytest.approx(at.sum() ** 2 / (at**2).sum())


def test_slope_and_effective_runs_have_intervals_of_resampled_runs():
    msd = ensemble(0.2 * TW**0.7, 12, np.random.default_rng(2), noise=0.4)
    fit, rng = aging(msd), np.random.default_rng(3)
    w = 2
    near = np.abs(np.log(LAGS / fit.t_star.value[w])).argmin()
    effective = []
    for _ in range(3000):
        at = msd.values[rng.integers(12, size=12), w, near]
        effective.append(np.log(at.sum() ** 2 / (at**2).sum()))
    reach = stats.t.isf(0.025, 11) * np.std(effective) * np.sqrt(12 / 11)
    value, low, high = (part[w] for part in (fit.effective_runs.value, *fit.effective_runs.interval))
    assert low == pytest.approx(value * np.exp(-reach), rel=0.02)
    assert high == pytest.approx(min(value * np.exp(reach), 12), rel=0.02)
    k = np.searchsorted(LAGS, fit.t_star.value[w])
    x, around = np.log(LAGS[k - 2 : k + 2]), msd.values[:, w, k - 2 : k + 2]
    drawn = [np.polyfit(x, np.log(around[rng.integers(12, size=12)].mean(axis=0)), 1)[0] for _ in range(2000)]
    slope = fit.local_slope
    assert slope.value[w] == pytest.approx(np.polyfit(x, np.log(around.mean(axis=0)), 1)[0])
    reach = stats.t.isf(0.025, 11) * np.std(drawn) * np.sqrt(12 / 11)
    assert slope.high[w] - slope.value[w] == pytest.approx(reach, rel=0.12)
    one = aging(replace(msd, values=msd.values[:1]))
    assert np.isnan([*one.effective_runs.interval, *one.local_slope.interval]).all()


def test_an_interval_that_hangs_on_single_runs_is_refused():
    """Without run 0 the last waiting time does not reach the threshold."""
    t_star = 0.2 * TW**0.7
    values = np.tile(1e-2 * (LAGS / t_star[:, None]) ** 1.3, (4, 1, 1))
    values[1:, 5] = np.minimum(values[1:, 5], 0.9e-2)
    fit = aging(MeanSquareDisplacement(TW, LAGS, values), resamples=200)
    assert np.isfinite(fit.mu.value)
    assert np.isnan([fit.mu.low, fit.mu.high, fit.t_star.low[5], fit.t_star.high[5]]).all()
    assert fit.status == Status.HANGS_ON_SINGLE_RUNS
    scan = threshold_scan(MeanSquareDisplacement(TW, LAGS, values), np.geomspace(3e-3, 1e-2, 5), resamples=200)
    assert np.isfinite(scan.mu_flat.value)
    assert np.isnan(scan.mu_flat.low)
    assert scan.status == Status.NO_INTERVAL


# ---------------------------------------------------------------- more than one crossing


@given(st.lists(st.floats(0.1, 10.0), min_size=3, max_size=12), st.floats(0.2, 5.0))
def test_first_and_last_crossing_are_those_of_a_scan(values, threshold):
    curve, lags = np.array(values), np.arange(1, len(values) + 1)
    first, last = (find(lags, curve, threshold) for find in (_fits.first_crossing, _fits.last_crossing))
    above = [v >= threshold for v in values]
    if not any(above):
        assert np.isinf(first)
    elif above[0]:
        assert first == 0
    else:
        k = above.index(True)
        assert lags[k - 1] <= first <= lags[k] + 1e-9
    if all(above):
        assert last == 0
    elif not above[-1]:
        assert np.isinf(last)
    else:
        k = len(above) - above[::-1].index(False)  # the first from which on all are above
        assert lags[k - 1] <= last <= lags[k] + 1e-9
        assert last >= first - 1e-9


def zigzag(depth, replicas=10, noise=0.05, lags=None):
    """Delta = 1e-2 t / t* with a plateau before, which dips by `depth` at multiples of 10, as epochs do."""
    lags = np.concatenate([np.arange(1, 60), np.arange(60, 2500, 10)]) if lags is None else lags
    t_star = 60 * (TW / 1300.0)
    smooth = np.maximum(lags / t_star[:, None], 0.8 * (lags > 3))
    dip = np.where((lags % 10 == 0) | (lags < 4), depth, 1.5)
    rng = np.random.default_rng(0)
    factors = 1 + noise * rng.standard_normal((replicas, TW.size, 1))
    return MeanSquareDisplacement(TW, lags, 1e-2 * factors * smooth * np.where(lags < 45, dip, 1.0))


def test_a_threshold_that_is_crossed_more_than_once_is_ambiguous():
    msd = zigzag(0.5)
    fit = aging(msd)
    assert fit.ambiguous.all()
    assert fit.status == Status.AMBIGUOUS
    assert "--lags-multiple-of epoch" in fit.status
    np.testing.assert_allclose(fit.t_star_last, 60 * TW / 1300, rtol=0.1)
    assert fit.mu.value == pytest.approx(0, abs=0.05)
    assert fit.mu_last == pytest.approx(1, abs=0.05)
    assert aging(replace(msd, values=msd.values[:1])).status == Status.AMBIGUOUS
    assert compare_forms(msd).status == Status.AMBIGUOUS
    assert compare_realizations([msd, zigzag(0.4)]).status == Status.AMBIGUOUS
    scan = threshold_scan(msd, np.geomspace(1e-2, 5e-2, 6), resamples=50)
    assert scan.ambiguous.tolist() == [True] + [False] * 5
    assert not scan.flat[0]
    assert scan.mu_flat.value == pytest.approx(1, abs=0.05)
    assert threshold_scan(msd, [0.97e-2, 1e-2], resamples=50).status == Status.AMBIGUOUS
    ax = Figure().subplots()
    plot_aging(fit, ax)
    assert "ambiguous" in ax.get_legend_handles_labels()[1][-1]


def test_lags_on_multiples_of_the_epoch_are_not_ambiguous():
    fit = aging(zigzag(0.5, lags=np.arange(10, 600, 10)))
    assert not fit.ambiguous.any()
    assert fit.mu.value == pytest.approx(1, abs=0.05)


def test_noise_about_the_threshold_is_rarely_called_ambiguous():
    """Walks of 30 parameters cross once on average; R = 3 and 12 runs are rough."""
    diffusion = 1e-2 * TW[0] ** 0.7 / 80
    flagged = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        msd = mean_square_displacement(aging_walk(3 + 9 * (seed % 2), 30, TW, LAGS, diffusion, rng=rng, mu=0.7))
        flagged.append(aging(msd, resamples=100).status == Status.AMBIGUOUS)
    assert np.mean(flagged) <= 0.1


# ---------------------------------------------------------------- the other forms


def test_the_form_of_a_bent_law_is_refused():
    rng = np.random.default_rng(2)
    found = compare_forms(ensemble(0.2 * TW**0.7 * np.exp(0.4 * X**2), 20, rng, 0.05), resamples=300)
    assert found.status == Status.NONE_FITS
    assert found.best is None
    assert found.worst_misfit[2] > 0.15
    straight = [compare_forms(ensemble(0.2 * TW**0.7, 20, rng), resamples=200, rng=k).p_value[2] for k in range(150)]
    assert stats.kstest(straight, "uniform").pvalue > 0.01


def test_a_diffusion_of_one_power_law_has_uniform_p_values():
    rng = np.random.default_rng(3)
    found = [generalized_diffusion(ensemble(0.2 * TW**0.7, 16, rng), resamples=200, rng=k) for k in range(150)]
    assert stats.kstest([part.p_value for part in found], "uniform").pvalue > 0.01
    assert stats.kstest([part.a_p_value for part in found], "uniform").pvalue > 0.01


@pytest.mark.parametrize("kind", ["slopes differ", "bent along the lag", "D is no power law"])
def test_a_diffusion_that_is_no_power_law_is_refused(kind):
    log_t = np.log(LAGS / 300.0)
    shape = {
        "slopes differ": np.exp(0.15 * X[:, None] * log_t),
        "bent along the lag": np.exp(0.1 * log_t**2)[None],
        "D is no power law": np.exp(0.4 * X[:, None] ** 2) * np.ones(LAGS.size),
    }[kind]
    msd = ensemble(0.2 * TW**0.7, 20, np.random.default_rng(4), 0.05)
    found = generalized_diffusion(replace(msd, values=msd.values * shape), resamples=300)
    last = kind == "D is no power law"
    assert found.status == (Status.D_NOT_A_POWER_LAW if last else Status.ALPHA_NOT_A_POWER_LAW)
    assert (found.a_p_value < 1e-4) if last else (found.p_value < 1e-4)
    ax = Figure().subplots()
    plot_diffusion(found, ax)
    assert "no power law" in ax.get_legend_handles_labels()[1][0]


def test_curves_that_do_not_collapse_are_refused():
    """Delta = t / tw^0.7 below 1e-2, and steeper above for late waiting times: no exponent makes one curve of them."""
    rng = np.random.default_rng(5)
    msd = ensemble(0.2 * TW**0.7, 20, rng, 0.05)
    good = collapse(msd, (3e-3, 3e-2), resamples=100)
    assert good.status == Status.OK
    assert good.p_value > 0.01
    steeper = np.maximum(msd.mean / 1e-2, 1.0) ** (0.5 * (X[:, None] + 1))
    bad = collapse(replace(msd, values=msd.values * steeper), (3e-3, 3e-2), resamples=100)
    assert bad.status == Status.DOES_NOT_COLLAPSE
    assert bad.p_value < 1e-3
    assert "no collapse" in plot_collapse(msd, bad, Figure().subplots()).get_title()


@pytest.mark.slow
def test_true_collapses_are_rarely_refused():
    rng = np.random.default_rng(6)
    p = [collapse(ensemble(0.2 * TW**0.7, 10, rng), (3e-3, 3e-2), resamples=60, rng=k).p_value for k in range(60)]
    assert np.mean(np.array(p) < 0.05) <= 0.15
    assert min(p) > 1e-4


def test_learning_rates_that_do_not_collapse_are_refused():
    rates, good, bad = (0.02, 0.06, 0.18), [], []
    rng = np.random.default_rng(7)
    for k, rate in enumerate(rates):
        unit = 0.06 / rate
        t_star = unit * 30 * (1 + TW / unit / 2000) ** 0.9
        good.append(ensemble(t_star, 20, rng, 0.05, lags=log_lags(5000, 8)))
        bad.append(ensemble(t_star * np.exp(0.5 * (k - 1) * X), 20, rng, 0.05, lags=log_lags(5000, 8)))
    assert learning_rate_collapse(good, rates, resamples=100).status == Status.OK
    assert learning_rate_collapse(bad, rates, resamples=100).status == Status.DOES_NOT_COLLAPSE


def test_realizations_whose_lines_are_bent_say_so():
    rng = np.random.default_rng(8)
    straight = [ensemble(0.2 * TW**mu, 12, rng, 0.05) for mu in (0.6, 0.7, 0.8)]
    assert compare_realizations(straight, resamples=200).status == Status.OK
    bent = [ensemble(0.2 * TW**0.7 * np.exp(0.4 * X**2), 12, rng, 0.05) for _ in range(3)]
    found = compare_realizations(bent, resamples=200)
    assert found.status == Status.NOT_A_POWER_LAW
    assert (found.mu.p_value < 0.01).all()


# ---------------------------------------------------------------- processes and words


def test_a_wandering_walk_has_the_displacement_of_the_aging_walk():
    diffusion, mu = 1e-2 * TW[0] ** 0.7 / 80, 0.7
    runs = wandering_walk(3000, 4, TW, log_lags(500, 3), diffusion, rng=np.random.default_rng(0), mu=mu, spread=0.5)
    msd = mean_square_displacement(runs)
    ends = (TW[:, None] + msd.lags) ** 0.3 - TW[:, None] ** 0.3
    np.testing.assert_allclose(msd.mean, 2 * diffusion * ends / 0.3, rtol=0.1)
    fit = aging(msd, 5e-3, resamples=20)
    np.testing.assert_allclose(fit.t_star.value, aging_walk_t_star(TW, 5e-3, diffusion, mu), rtol=0.1)


def test_what_is_not_determined_is_said_in_words():
    assert interval_text("mu", Estimate(0.7, 0.6, 0.8)) == "mu = 0.70 [0.60, 0.80]"
    assert interval_text("mu", Estimate(0.7, np.nan, np.nan)) == "mu = 0.70, no interval"
    told = interval_text("mu", Estimate(0.7, np.nan, np.nan, Status.TOO_FEW_RUNS))
    assert told == "mu = 0.70, no interval:\none run"
    none = interval_text("mu", Estimate(np.nan, np.nan, np.nan, Status.THRESHOLD_TOO_LARGE))
    assert none == "mu not determined:\nfewer than two waiting times have a t*"
    assert interval_text("mu", Estimate(np.nan, np.nan, np.nan)) == "mu not determined"


@pytest.mark.parametrize("threshold", [1e-2, 1e9, 1e-12])
def test_no_figure_says_nan(threshold):
    diffusion = 1e-2 * TW[0] ** 0.7 / 80
    runs = aging_walk(3, 5, TW, LAGS, diffusion, rng=np.random.default_rng(0), mu=0.7)
    curves = {name: np.ones((3, 2)) for name in ("loss", "accuracy", "gradient_norm")}
    runs = replace(runs, curve_steps=np.array([0, 1]), metadata={"learning_rate": 0.05}, **curves)
    for ax in plot_analysis(analyze_aging(runs, threshold)).axes:
        texts = [ax.get_title(), *ax.get_legend_handles_labels()[1]]
        assert not [text for text in texts if "nan" in text]


def test_the_command_line_says_what_is_not_determined():
    assert {number(np.nan), number(None), share(np.nan), between([np.nan])} == {"not determined"}
    assert with_interval(np.nan, 0.0, 1.0) == "not determined"
    assert with_interval(0.7, np.nan, np.nan) == "0.70 (no interval)"
    assert with_interval(0.7, 0.6, np.inf) == "0.70 [0.60, ?]"
    assert between([3.0, np.nan, 1.0], "steps") == "1 ... 3 steps"
