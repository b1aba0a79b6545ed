from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure
from support.clock import processor_seconds_below
from support.reference import naive_msd

from dynamics import MeanSquareDisplacement, aging, mean_square_displacement
from dynamics.aging_times import compare_exponents, threshold_scan
from dynamics.plots import plot_aging, plot_loss, plot_msd
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status
from dynamics.synthetic import aging_walk, aging_walk_t_star, brownian

TW = np.array(WAITING_TIMES)
LAGS = log_lags(20_000)


def power_law(mu, exponent=1.3, replicas=3, spread=0.0, lags=LAGS, prefactor=0.5, tw=TW):
    """MSD(tw, t) = 1e-2 (t / t*)^exponent with t* = prefactor tw^mu, times a factor that differs between the runs."""
    t_star = prefactor * tw[:, None] ** mu
    factors = np.exp(spread * np.random.default_rng(5).standard_normal((replicas, 1, 1)))
    return MeanSquareDisplacement(tw, lags, factors * 1e-2 * (lags / t_star) ** exponent)


def test_msd_agrees_with_a_double_loop():
    runs = brownian(3, 4, [2, 5, 9], [1, 2, 4, 7], 0.1, rng=np.random.default_rng(0))
    values = mean_square_displacement(runs).values
    np.testing.assert_allclose(values, naive_msd(runs.steps, runs.snapshots, [2, 5, 9], [1, 2, 4, 7]), rtol=1e-12)


def test_msd_is_nan_beyond_the_run_and_float64_inside():
    runs = brownian(2, 4, [2, 5, 9], [1, 2, 4, 7], 0.1, rng=np.random.default_rng(0))
    within = runs.steps <= 9
    short = replace(runs, steps=runs.steps[within], snapshots=runs.snapshots[:, within].astype(np.float32))
    msd = mean_square_displacement(short)
    assert np.isnan(msd.values[0]).tolist() == [[False] * 4, [False, False, False, True], [True] * 4]
    assert msd.values.dtype == np.float64
    np.testing.assert_allclose(msd.values, naive_msd(short.steps, short.snapshots, [2, 5, 9], [1, 2, 4, 7]), rtol=1e-12)


def test_msd_is_nan_where_a_snapshot_is_missing():
    runs = brownian(1, 2, [2, 5], [1, 2], 0.1, rng=np.random.default_rng(0))
    few, none = (
        replace(runs, steps=runs.steps[kept], snapshots=runs.snapshots[:, kept])
        for kept in (runs.steps != 3, runs.steps == 2)
    )
    found, whole = (mean_square_displacement(these).values for these in (few, runs))
    assert np.isnan(found[0]).tolist() == [[True, False], [False, False]]
    np.testing.assert_array_equal(found[0, 1], whole[0, 1])
    with pytest.raises(ValueError, match="they have no such pair"):
        mean_square_displacement(none)


def test_inputs_may_be_read_only_and_stay_as_they_are():
    runs = brownian(4, 5, TW, LAGS, 1e-5, rng=np.random.default_rng(0))
    assert not runs.snapshots.flags.writeable
    before = runs.snapshots.copy()
    msd = mean_square_displacement(runs)
    msd.values.flags.writeable = False
    aging(msd)
    np.testing.assert_array_equal(runs.snapshots, before)


def test_brownian_displacement_is_analytic():
    replicas, parameters, diffusion = 60, 80, 1e-5
    msd = mean_square_displacement(brownian(replicas, parameters, TW, LAGS, diffusion, rng=np.random.default_rng(1)))
    error = np.sqrt(2.0 / (replicas * parameters))
    deviation = (msd.mean / (2 * diffusion * LAGS) - 1) / error
    assert np.abs(deviation).max() < 5
    assert np.abs(deviation.mean()) < 1


def test_brownian_motion_does_not_age():
    diffusion = 5e-6
    msd = mean_square_displacement(brownian(60, 80, TW, LAGS, diffusion, rng=np.random.default_rng(4)))
    fit = aging(msd)
    assert fit.mu.low < 0 < fit.mu.high
    assert fit.mu.high - fit.mu.low < 0.2
    np.testing.assert_allclose(fit.t_star.value, 1e-2 / (2 * diffusion), rtol=0.1)
    np.testing.assert_allclose(fit.local_slope.value, 1.0, atol=0.1)
    assert fit.crossover is None
    assert fit.status == "ok"


@pytest.mark.parametrize("mu", [0.3, 0.7, 1.0, 1.2])
def test_mu_known_by_construction_is_recovered(mu):
    t_star_of_first = 40.0
    diffusion = 1e-2 * TW[0] ** mu / (2 * t_star_of_first)
    runs = aging_walk(50, 60, TW, LAGS, diffusion, rng=np.random.default_rng(3), mu=mu)
    fit = aging(mean_square_displacement(runs))
    assert fit.mu.low < mu < fit.mu.high
    assert fit.mu.interval == (fit.mu.low, fit.mu.high)
    assert fit.mu.high - fit.mu.low < 0.2
    assert fit.mu_runs_mean.low < mu < fit.mu_runs_mean.high
    exact = aging_walk_t_star(TW, 1e-2, diffusion, mu)
    np.testing.assert_allclose(exact, t_star_of_first * (TW / TW[0]) ** mu, rtol=0.06)
    np.testing.assert_allclose(fit.t_star.value, exact, rtol=0.1)


def test_interval_holds_mu_as_often_as_it_says():
    mu, hits, trials = 0.7, 0, 60
    diffusion = 1e-2 * TW[0] ** mu / 80.0
    for seed in range(trials):
        runs = aging_walk(40, 10, TW, log_lags(1000), diffusion, rng=np.random.default_rng(seed), mu=mu)
        fit = aging(mean_square_displacement(runs), resamples=300)
        hits += fit.mu.low < mu < fit.mu.high
    assert 0.87 <= hits / trials  # three standard errors below 0.95


@given(
    mu=st.floats(0.2, 1.0),
    exponent=st.floats(0.5, 2.0),
    threshold=st.floats(5e-3, 2e-2),
)
def test_power_laws_are_exact(mu, exponent, threshold):
    fit = aging(power_law(mu, exponent), threshold, resamples=20)
    t_star = 0.5 * TW**mu * (threshold / 1e-2) ** (1 / exponent)
    inside = t_star > 1.0
    np.testing.assert_allclose(fit.t_star.value[inside], t_star[inside], rtol=1e-9)
    if inside.all():
        assert fit.mu.value == pytest.approx(mu, abs=1e-8)
        np.testing.assert_allclose(fit.local_slope.value, exponent, rtol=1e-8)
        np.testing.assert_allclose(fit.t_star_runs, np.tile(t_star, (3, 1)), rtol=1e-9)
        assert fit.crossover is None


def test_the_seed_decides_the_interval():
    msd = power_law(0.6, spread=0.3, replicas=20)
    a, b, c = aging(msd, rng=1), aging(msd, rng=1), aging(msd, rng=2)
    np.testing.assert_array_equal(a.t_star.interval, b.t_star.interval)
    assert not np.array_equal(a.t_star.interval, c.t_star.interval)


def test_interval_widens_with_confidence_and_holds_the_estimate():
    msd = power_law(0.6, spread=0.3, replicas=30)
    narrow, wide = aging(msd, confidence=0.5), aging(msd, confidence=0.99)
    for fit in (narrow, wide):
        assert (fit.t_star.low < fit.t_star.value).all()
        assert (fit.t_star.value < fit.t_star.high).all()
    assert (np.ptp(narrow.t_star.interval, axis=0) < np.ptp(wide.t_star.interval, axis=0)).all()


def test_waiting_times_that_do_not_reach_the_threshold_are_censored():
    lags = log_lags(int(0.5 * TW[3] ** 0.8) + 1)
    fit = aging(power_law(0.8, lags=lags))
    assert fit.censored.tolist() == [False] * 4 + [True] * 2
    assert not fit.early.any()
    assert np.isnan(fit.t_star.value[4:]).all()
    assert np.isnan(fit.t_star_runs[:, 4:]).all()
    assert fit.censored_runs.tolist() == [0, 0, 0, 0, 1, 1]
    assert fit.mu.value == pytest.approx(0.8, abs=1e-6)
    assert fit.status == Status.OK


def test_lags_beyond_the_run_censor_too():
    msd = power_law(0.8)
    values = msd.values.copy()
    values[:, 5, LAGS > 100] = np.nan
    fit = aging(replace(msd, values=values))
    assert fit.censored.tolist() == [False] * 5 + [True]
    assert fit.mu.value == pytest.approx(0.8, abs=1e-6)


def test_runs_that_do_not_move_are_censored_one_by_one():
    msd = power_law(0.8, replicas=5)
    values = msd.values.copy()
    values[2] = 0.0
    fit = aging(replace(msd, values=values))
    np.testing.assert_allclose(fit.censored_runs, 0.2)
    assert np.isnan(fit.t_star_runs[2]).all()
    assert np.isnan([*fit.t_star_runs_mean.value, fit.mu_runs_mean.value, fit.mu_runs_mean.low]).all()
    np.testing.assert_allclose(fit.t_star_runs_at_least, (4 * 0.5 * TW**0.8 + LAGS[-1]) / 5, rtol=1e-9)
    assert fit.mu_runs_mean.status == Status.CENSORED
    assert aging(msd).mu_runs_mean.value == pytest.approx(0.8, abs=1e-6)
    assert aging(msd).mu_runs_mean.status == Status.OK


def test_the_mean_over_runs_leaves_out_where_it_is_not_determined():
    """One run too slow for the last two waiting times, one too fast for the first: four remain for the others' mean."""
    msd = power_law(0.8, replicas=5)
    values = msd.values.copy()
    values[1, 4:] *= 1e-9
    values[2, 0] = 1.0
    fit = aging(replace(msd, values=values))
    assert np.isnan(fit.t_star_runs_mean.value).tolist() == [True] + [False] * 3 + [True] * 2
    assert fit.mu_runs_mean.value == pytest.approx(0.8, abs=1e-6)
    assert (fit.censored_runs.tolist(), fit.early_runs.tolist()) == ([0] * 4 + [0.2] * 2, [0.2] + [0] * 5)
    assert fit.t_star_runs_at_least[0] == pytest.approx(4 / 5 * 0.5 * TW[0] ** 0.8)
    assert fit.mu_runs_mean.status == Status.SOME_CENSORED
    assert "only a lower bound is known there" in fit.mu_runs_mean.status


def test_a_threshold_below_the_first_lag_is_early():
    msd = power_law(0.8)
    low = 0.5 * (msd.mean[1, 0] + msd.mean[0, 0])
    fit = aging(msd, low)
    assert fit.early.tolist() == [True] + [False] * 5
    assert not fit.censored.any()
    assert np.isnan(fit.t_star.value[0])
    assert aging(msd, 1e-9).status == Status.THRESHOLD_TOO_SMALL


def test_too_little_data_is_a_status_with_a_remedy():
    far = aging(power_law(0.8), 1e6)
    assert np.isnan([far.mu.value, far.mu.low, far.mu.high, far.mu_runs_mean.value]).all()
    assert far.status == Status.THRESHOLD_TOO_LARGE
    assert "train longer" in far.status
    single = aging(power_law(0.8, replicas=1))
    assert single.mu.value == pytest.approx(0.8, abs=1e-6)
    assert np.isnan([*single.mu.interval, *single.t_star.low, *single.t_star.high]).all()
    assert single.status == Status.TOO_FEW_RUNS
    assert "two replicas" in single.status


def test_a_waiting_time_of_one_run_alone_is_told_from_a_single_run():
    msd, values = power_law(0.8), power_law(0.8).values.copy()
    values[1:, -1] = np.nan  # the other runs end before the last waiting time
    lone = replace(msd, values=values, recorded=np.isfinite(values))
    assert aging(lone).status == aging(lone, average="mean of t*").status == Status.TIME_OF_ONE_RUN
    assert np.isnan(aging(lone).mu.low)
    assert compare_exponents(lone, msd).status == Status.TIME_OF_ONE_RUN
    assert threshold_scan(lone, resamples=5).status == Status.TIME_OF_ONE_RUN


def bent(times, corner, before, after):
    return np.where(times < corner, before, after) * np.log(times / corner)


def test_a_bend_is_found_where_it_is():
    t_star = 300 * np.exp(bent(TW, 3200, 1.6, 0.7))
    noise = np.exp(0.1 * np.random.default_rng(0).standard_normal((40, 6, 1)))
    msd = MeanSquareDisplacement(TW, LAGS, noise * 1e-2 * (LAGS / t_star[:, None]) ** 1.5)
    bend = aging(msd).crossover
    assert bend is not None
    assert bend.waiting_time == 3200
    assert bend.mu_before == pytest.approx(1.6, abs=0.05)
    assert bend.mu_after == pytest.approx(0.7, abs=0.05)
    assert bend.change.low < -0.9 < bend.change.high < 0
    assert bend.bic_gain > 0
    four = replace(msd, waiting_times=TW[:4], values=msd.values[:, :4])
    assert aging(four).crossover is None


def test_bends_are_rarely_found_in_straight_lines():
    found = 0
    for seed in range(40):
        noise = np.exp(0.3 * np.random.default_rng(seed).standard_normal((20, 6, 1)))
        values = noise * power_law(0.8, replicas=20).values
        found += aging(MeanSquareDisplacement(TW, LAGS, values), resamples=300).crossover is not None
    assert found <= 5


def test_the_bootstrap_is_fast():
    msd = power_law(0.8, replicas=100, spread=0.2, lags=log_lags(140_000))
    with processor_seconds_below(1.0):
        aging(msd)


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 0), ("threshold", np.nan), ("confidence", 1), ("confidence", 0), ("resamples", 0)],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        aging(power_law(0.8), **{name: value})


def test_an_msd_of_other_shape_is_refused():
    with pytest.raises(ValueError, match=r"^values must have shape \(R, 6, 2\)"):
        MeanSquareDisplacement(TW, np.array([1, 2]), np.zeros((3, 6, 4)))


def test_plots_draw_on_the_given_axes():
    msd = mean_square_displacement(aging_walk(9, 10, TW, LAGS, 1e-3, rng=np.random.default_rng(0), mu=0.7))
    ax = Figure().subplots()
    assert plot_msd(msd, ax, threshold=1e-2) is ax
    assert len(ax.get_lines()) == 7
    assert "steps" in ax.get_xlabel()
    ax = Figure().subplots()
    assert plot_aging(aging(msd), ax, label="walk") is ax
    ax.figure.canvas.draw()
    assert "walk: $\\mu$ = " in ax.get_legend_handles_labels()[1][0]
    assert plot_aging(aging(msd, 1e9), Figure().subplots()) is not None


def test_plot_loss_draws_the_median():
    runs = brownian(3, 2, [2], [1], 0.1, rng=np.random.default_rng(0))
    curves = {name: np.ones((3, 4)) for name in ("loss", "accuracy", "gradient_norm")}
    ax = Figure().subplots()
    assert plot_loss(replace(runs, curve_steps=np.array([0, 1, 2, 3]), **curves), ax) is ax
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), [1, 2, 3])
