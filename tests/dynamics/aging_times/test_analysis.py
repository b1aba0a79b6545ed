"""The analysis against processes whose answer is known: `dynamics.synthetic._processes` and exact power laws."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from support.figures import flaws

from dynamics import MeanSquareDisplacement, aging, analyze_aging, mean_square_displacement
from dynamics.aging_times import (
    collapse,
    compare_forms,
    compare_with_control,
    generalized_diffusion,
    learning_rate_collapse,
    local_slope,
    threshold_scan,
    what_moves,
)
from dynamics.displacement import split_displacement
from dynamics.plots import ANALYSIS_PANELS, plot_analysis, plot_collapse, plot_what_moves
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status
from dynamics.statistics._resampling import interval
from dynamics.synthetic import (
    aging_walk,
    aging_walk_t_star,
    brownian,
    drifting_walk,
    ornstein_uhlenbeck,
    trap_model,
    trap_model_displacement,
)

TW = np.array(WAITING_TIMES)
LAGS = log_lags(1000)
LONG_TW = np.array([3000, 6000, 12_000, 24_000, 50_000])
LONG_LAGS = log_lags(200_000, 10)
P = 40


def power_law(mu, exponent=1.3, replicas=6, lags=LAGS, prefactor=0.05, spread=0.0):
    t_star = prefactor * TW[:, None] ** mu
    factors = np.exp(spread * np.random.default_rng(5).standard_normal((replicas, TW.size, 1)))
    return MeanSquareDisplacement(TW, lags, factors * 1e-2 * (lags / t_star) ** exponent)


def walk(mu, replicas=40, parameters=60, seed=0, lags=LAGS):
    diffusion = 1e-2 * TW[0] ** mu / 80
    runs = aging_walk(replicas, parameters, TW, lags, diffusion, rng=np.random.default_rng(seed), mu=mu)
    return mean_square_displacement(runs)


def drifting(diffusion, mu=0.7, replicas=20, seed=0, shared=False):
    """Runs with |v(s)| = speed s^-mu, and a curve of the gradient that fits: t* = 100 at the first waiting time."""
    speed = np.sqrt(P * 1e-2) / 100 * TW[0] ** mu
    rng = np.random.default_rng(seed)
    runs = drifting_walk(replicas, P, TW, LAGS, speed, diffusion, rng=rng, mu=mu, shared_direction=shared)
    steps = np.array([0, 1000, 20_000])
    norm = np.tile(speed / 0.05 * np.maximum(steps, 1.0) ** -mu, (replicas, 1))
    nothing = np.zeros((replicas, 3))
    metadata = {"learning_rate": 0.05}
    return replace(
        runs, curve_steps=steps, gradient_norm=norm, loss=nothing, accuracy=nothing, metadata=metadata
    ), speed


# lags


def test_lags_keep_to_multiples():
    lags = log_lags(1005, multiple_of=10)
    assert (lags % 10 == 0).all()
    assert (lags[0], lags[-1]) == (10, 1000)
    np.testing.assert_array_equal(lags, 10 * log_lags(100))
    with pytest.raises(ValueError, match="multiple_of must be at most max_lag, 9"):
        log_lags(9, multiple_of=10)
    with pytest.raises(ValueError, match="multiple_of must be >= 1"):
        log_lags(9, multiple_of=0)


# processes


def test_ornstein_uhlenbeck_is_analytic():
    lags = log_lags(5000, 4)
    msd = mean_square_displacement(ornstein_uhlenbeck(60, 80, TW, lags, 0.3, 500.0, rng=np.random.default_rng(0)))
    np.testing.assert_allclose(msd.mean, np.tile(0.6 * -np.expm1(-lags / 500), (6, 1)), rtol=0.12)


def test_drifting_walk_is_analytic():
    runs, speed = drifting(1e-5, mu=0.7, replicas=60)
    ends = (TW[:, None] + LAGS) ** 0.3 - TW[:, None] ** 0.3
    expected = speed**2 * (ends / 0.3) ** 2 / P + 2e-5 * LAGS
    np.testing.assert_allclose(mean_square_displacement(runs).mean, expected, rtol=0.15)


@pytest.mark.parametrize("walk", [False, True])
def test_the_trap_model_has_its_closed_form(walk):
    x, late = 0.5, LONG_LAGS >= 3000
    msd = mean_square_displacement(
        trap_model(60, 40, LONG_TW[:4], LONG_LAGS, x, rng=np.random.default_rng(0), variance=0.5, walk=walk)
    )
    exact = trap_model_displacement(LONG_TW[:4], LONG_LAGS, x, variance=0.5, walk=walk)
    np.testing.assert_allclose(msd.mean[:, late], exact[:, late], rtol=0.15)


def test_the_arcsine_law_is_its_integral():
    u = np.geomspace(1e-9, 1e12, 400_001)  # from t / tw = 1e-9 to infinity, in ln u
    for x in (0.3, 0.6):
        integrand = u ** (1 - x) / (1 + u)
        for ratio in (0.1, 2.0):
            far = u >= ratio
            staying = np.sin(np.pi * x) / np.pi * np.trapezoid(integrand[far], np.log(u[far]))
            value = trap_model_displacement([1000.0], [1000.0 * ratio], x)[0, 0]
            assert value == pytest.approx(2 * (1 - staying), abs=2e-3)


def test_the_trap_model_names_bad_arguments():
    with pytest.raises(ValueError, match="temperature must be positive; got 0"):
        trap_model(1, 1, [2], [1], 0.0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="temperature must be between 0 and 1"):
        trap_model_displacement([2], [1], 1.5)


# interval


def test_the_interval_of_a_normal_mean_is_students():
    """Of the mean of R numbers the interval is Student's, up to the error of the bootstrap."""
    rng = np.random.default_rng(0)
    data = rng.standard_normal(8)
    means = rng.choice(data, (200_000, 8)).mean(axis=1)
    low, high = interval(data.mean(), means, 0.95, 8)
    half = stats.t.ppf(0.975, 7) * data.std(ddof=1) / np.sqrt(8)
    assert (high - low) / 2 == pytest.approx(half, rel=0.01)
    plain = np.quantile(means, [0.025, 0.975])
    assert (plain[1] - plain[0]) / 2 < 0.85 * half  # what was mended
    assert (low + high) / 2 == pytest.approx(data.mean())
    assert np.isnan(interval(data.mean(), means, 0.95, 1)).all()


def coverage(make, threshold, truth, replicas, trials=200):
    hits = 0
    for seed in range(trials):
        msd = mean_square_displacement(make(replicas, np.random.default_rng([seed, replicas])))
        fit = aging(msd, threshold, resamples=400, rng=seed)
        hits += fit.mu.low <= truth <= fit.mu.high
    return hits / trials


def slope_of(times, t_star):
    return np.polyfit(np.log(times), np.log(t_star), 1)[0]


def trap_truth(threshold, walk):
    exact = trap_model_displacement(LONG_TW, LONG_LAGS, 0.5, walk=walk)
    rows = [np.exp(np.interp(np.log(threshold), np.log(row), np.log(LONG_LAGS))) for row in exact]
    return slope_of(LONG_TW, rows)


FIVE = log_lags(5000)
STEP = 1e-2 * TW[0] ** 0.7 / 80
COVERAGE = {
    "brownian": (lambda r, rng: brownian(r, 10, TW, FIVE, 5e-6, rng=rng), 1e-2, 0.0),
    "ornstein-uhlenbeck": (lambda r, rng: ornstein_uhlenbeck(r, 10, TW, FIVE, 1e-2, 1000.0, rng=rng), 1e-2, 0.0),
    "aging walk": (
        lambda r, rng: aging_walk(r, 10, TW, LAGS, STEP, rng=rng, mu=0.7),
        1e-2,
        slope_of(TW, aging_walk_t_star(TW, 1e-2, STEP, 0.7)),
    ),
    "trap model": (lambda r, rng: trap_model(r, 20, LONG_TW, LONG_LAGS, 0.5, rng=rng), 1.0, 1.0),
    "trap walk": (
        lambda r, rng: trap_model(r, 20, LONG_TW, LONG_LAGS, 0.5, rng=rng, walk=True),
        20.0,
        trap_truth(20.0, True),
    ),
}


def test_the_truths_of_the_coverage_test_are_near_the_exponents():
    assert COVERAGE["aging walk"][2] == pytest.approx(0.7, abs=0.01)
    assert trap_truth(1.0, False) == pytest.approx(1.0, abs=0.01)
    assert trap_truth(2.0, True) == pytest.approx(0.5, abs=0.01)  # 1 - x, where t* is much smaller than tw


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [8, 30])
@pytest.mark.parametrize("name", COVERAGE)
def test_95_percent_intervals_cover_in_90_to_99_percent(name, replicas):
    make, threshold, truth = COVERAGE[name]
    assert 0.90 <= coverage(make, threshold, truth, replicas) <= 0.99


# threshold scan


@pytest.mark.parametrize("mu", [0.0, 0.7, 1.0])
def test_a_scan_is_flat_for_power_laws(mu):
    scan = threshold_scan(power_law(mu, prefactor=20.0 if mu == 0 else 0.05), resamples=20)
    there = np.isfinite(scan.mu.value)
    assert there.mean() > 0.9
    np.testing.assert_allclose(scan.mu.value[there], mu, atol=1e-8)
    np.testing.assert_array_equal(scan.flat, there)
    np.testing.assert_allclose(scan.local_slope[there], 1.3, rtol=1e-6)
    assert scan.mu_flat.value == pytest.approx(mu, abs=1e-8)
    assert scan.status == Status.OK


def test_a_scan_finds_where_mu_stops_being_flat():
    """Delta = A(tw) t below 1e-2 with mu = 0.5 there, and faster in the lag above: mu falls along the threshold."""
    x = 1e-3 * LAGS / (TW[:, None] / 1000) ** 0.5
    bent = np.where(x < 1e-2, x, 1e-2 + (x - 1e-2) * (TW[:, None] / 1000.0) ** 1.0)
    scan = threshold_scan(MeanSquareDisplacement(TW, LAGS, np.tile(bent, (4, 1, 1))), resamples=20)
    assert scan.status == Status.OK
    assert scan.window[1] < 1.5e-2
    assert scan.mu_flat.value == pytest.approx(0.5, abs=0.02)
    assert np.nanmin(scan.mu.value) < 0.3


def test_a_scan_of_thin_data_is_a_status():
    msd = power_law(0.7)
    assert threshold_scan(msd, [0.02, 0.021], resamples=5).status == Status.TOO_NARROW
    assert threshold_scan(replace(msd, values=msd.values[:1]), resamples=5).status == Status.TOO_FEW_RUNS
    steep = MeanSquareDisplacement(
        TW, LAGS, 1e-4 * LAGS ** (1 + 0.5 * np.log(TW / 1000))[None, :, None] + np.zeros((3, 6, 1))
    )
    assert threshold_scan(steep, tolerance=1e-6, resamples=5).status == Status.NOT_FLAT
    with pytest.raises(ValueError, match="thresholds must be positive and ascend"):
        threshold_scan(msd, [2.0, 1.0])
    with pytest.raises(ValueError, match="tolerance must be positive"):
        threshold_scan(msd, tolerance=0)


# collapse


@pytest.mark.parametrize("mu", [0.0, 0.5, 1.0, 1.4])
def test_power_laws_collapse_exactly(mu):
    found = collapse(power_law(mu, prefactor=20.0 if mu == 0 else 0.05), resamples=10)
    assert found.exponent.value == pytest.approx(mu, abs=1e-4)
    assert found.distance < 1e-3
    other = found.distance_at_1 if mu < 0.7 else found.distance_at_0
    assert not other < 0.1
    assert found.status == Status.OK


@pytest.mark.parametrize("mu", [0.0, 0.7, 1.0])
def test_walks_collapse_with_their_mu(mu):
    found = collapse(walk(mu), (3e-3, 3e-2))
    assert found.exponent.low < mu + 0.01
    assert mu - 0.02 < found.exponent.high
    assert found.exponent.high - found.exponent.low < 0.15


def test_nothing_to_collapse_is_a_status():
    found = collapse(power_law(0.7), (1e5, 1e6), resamples=5)
    assert found.status == Status.TOO_LITTLE_OVERLAP
    assert np.isnan(found.exponent.value)
    with pytest.raises(ValueError, match="window must be two ascending"):
        collapse(power_law(0.7), (2.0, 1.0))


@pytest.mark.parametrize(("runs", "status"), [(2, Status.TOO_FEW_RUNS_FOR_COLLAPSE), (3, Status.OK)])
def test_a_collapse_of_two_runs_is_not_trusted(runs, status):
    msd = power_law(0.7)
    few = replace(msd, values=np.repeat(msd.values[:1], runs, axis=0))
    assert collapse(few, resamples=5).status == status


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_learning_rates_collapse_with_their_exponent(exponent):
    """Exact curves with rate^k t* = f(rate^k tw), f bent, so that k can be told from the amplitude."""
    rates = [0.025, 0.05, 0.1]
    ensembles = []
    for rate in rates:
        unit = (rate / 0.05) ** -exponent
        t_star = unit * 30 * (1 + TW / unit / 2000) ** 0.9
        ensembles.append(MeanSquareDisplacement(TW, FIVE, np.tile(1e-2 * (FIVE / t_star[:, None]) ** 1.5, (4, 1, 1))))
    found = learning_rate_collapse(ensembles, rates, resamples=5)
    assert found.exponent.value == pytest.approx(exponent, abs=0.05)
    assert found.distance < 0.01
    with pytest.raises(ValueError, match="learning_rates must be 3 positive numbers"):
        learning_rate_collapse(ensembles, [0.1, 0.2])


def rated(noise, spread, metadata, exponent=1.0, curvature=0.9):
    """Ensembles of three rates whose runs have log-normal factors in t*, from the generator of seed noise[k]."""
    ensembles = []
    for k, rate in enumerate((0.025, 0.05, 0.1)):
        unit = (rate / 0.05) ** -exponent
        t_star = unit * 30 * (1 + TW / unit / 2000) ** curvature
        factors = np.exp(spread * np.random.default_rng(noise[k]).standard_normal((12, 1, 1)))
        values = 1e-2 * (FIVE / (factors * t_star[:, None])) ** 1.5
        ensembles.append(MeanSquareDisplacement(TW, FIVE, values, metadata))
    return ensembles


def test_ensembles_that_start_alike_are_resampled_alike():
    """A factor that run r has at every rate shifts all curves by as much, up to the bend: it must not widen k."""
    common = rated((7, 7, 7), 0.3, {"seed": 0, "start": "glorot", "data_sha256": "a"})
    unknown = [replace(msd, metadata={}) for msd in common]
    rates = [0.025, 0.05, 0.1]
    paired, apart = (learning_rate_collapse(ensembles, rates, resamples=100) for ensembles in (common, unknown))
    assert paired.exponent.value == apart.exponent.value == pytest.approx(1.0, abs=0.05)
    assert np.ptp(paired.exponent.interval) < 0.2 < np.ptp(apart.exponent.interval)
    other = [replace(msd, metadata={"seed": k}) for k, msd in enumerate(common)]
    assert learning_rate_collapse(other, rates, resamples=100).exponent.low == apart.exponent.low


def test_an_exponent_that_anything_fits_is_not_determined():
    """t* = tw / 20 whatever the rate: curves slide along the diagonal, and only noise prefers an exponent."""
    rates, ensembles = [0.025, 0.05, 0.1], []
    for k in range(3):
        factors = np.exp(0.2 * np.random.default_rng(k).standard_normal((12, TW.size, 1)))
        values = 1e-2 * (FIVE / (factors * TW[:, None] / 20)) ** 1.5
        ensembles.append(MeanSquareDisplacement(TW, FIVE, values))
    found = learning_rate_collapse(ensembles, rates, resamples=100)
    assert found.status == Status.NOT_DETERMINED
    assert found.exponent.high - found.exponent.low > 1


# regimes


@pytest.mark.parametrize("exponent", [0.4, 1.0, 2.0])
def test_the_local_slope_of_a_power_law_is_its_exponent(exponent):
    found = local_slope(power_law(0.7, exponent, spread=0.2), resamples=50)
    np.testing.assert_allclose(found.slope.value, exponent, atol=1e-8)
    assert (found.slope.low <= found.slope.value + 1e-8).all()
    assert (found.slope.value - 1e-8 <= found.slope.high).all()


def test_the_local_slope_follows_a_crossover():
    values = np.tile(1e-6 * LAGS**2 + 1e-4 * LAGS, (3, 6, 1))
    exact = (2e-6 * LAGS**2 + 1e-4 * LAGS) / (1e-6 * LAGS**2 + 1e-4 * LAGS)
    np.testing.assert_allclose(local_slope(MeanSquareDisplacement(TW, LAGS, values)).slope.value[0], exact, atol=0.02)


@pytest.mark.parametrize("mu", [0.0, 0.7])
def test_diffusion_coefficients_of_a_walk(mu):
    lags = log_lags(100)
    found = generalized_diffusion(walk(mu, lags=lags))
    assert found.alpha.low < 1 < found.alpha.high
    assert found.a.low < mu < found.a.high
    diffusion = 1e-2 * TW[0] ** mu / 80
    np.testing.assert_allclose(found.coefficients.value, 2 * diffusion * TW.astype(float) ** -mu, rtol=0.1)
    assert found.window[1] == 100
    assert found.status == Status.OK


def test_diffusion_of_a_power_law_is_exact():
    found = generalized_diffusion(power_law(0.7, 0.6), (100, 1000), resamples=5)
    assert (found.alpha.value, found.a.value) == (pytest.approx(0.6), pytest.approx(0.6 * 0.7))
    np.testing.assert_allclose(found.coefficients.value, 1e-2 * (0.05 * TW**0.7) ** -0.6, rtol=1e-9)
    thin = generalized_diffusion(power_law(0.7), (998, 1000), resamples=5)
    assert thin.status == Status.TOO_FEW_LAGS
    assert np.isnan(thin.a.value)


# forms


@pytest.mark.parametrize(
    ("name", "t_star"),
    [
        ("stationary", np.full(6, 80.0)),
        ("simple aging", 0.05 * TW),
        ("power law", 0.3 * TW**0.75),
        ("logarithmic", TW**1.02 - TW),
    ],
)
def test_the_form_that_was_put_in_comes_out(name, t_star):
    noise = np.exp(0.1 * np.random.default_rng(3).standard_normal((60, 6, 1)))
    lags = log_lags(20_000)
    found = compare_forms(MeanSquareDisplacement(TW, lags, noise * 1e-2 * (lags / t_star[:, None]) ** 1.5))
    k = found.names.index(name)
    assert found.aic[k] < 2.5  # a power law contains two of the others, at the price of one parameter
    assert found.p_value[k] > 0.001
    np.testing.assert_allclose(found.t_star[k], t_star, rtol=0.05)
    if name in ("power law", "logarithmic"):
        assert found.best == name
    assert found.supported[0] == found.best
    near = {n for n, aic, p in zip(found.names, found.aic, found.p_value, strict=True) if aic <= 2.0 and p >= 0.01}
    assert set(found.supported) == near
    assert found.status == Status.OK


def correlated(replicas=24):
    """t* = 3000, 3300, ... of runs with a common factor: errors correlated by 0.99, larger at late waiting times."""
    rng = np.random.default_rng(8)
    common = rng.standard_normal((replicas, 1)) * np.linspace(0.2, 1.0, TW.size)
    factors = np.exp(common + 0.02 * rng.standard_normal((replicas, TW.size)))[..., None]
    lags = log_lags(200_000)
    t_star = 3000 * (TW[:, None] / TW[0]) ** 0.5
    return MeanSquareDisplacement(TW, lags, 1e-2 * (factors * lags / t_star) ** 1.2)


def test_the_curves_of_the_forms_pass_through_the_points():
    """Least squares with correlated errors may pass by all points; the curves shown are ordinary least squares."""
    msd = correlated()
    fit, found = aging(msd), compare_forms(msd)
    y, x = np.log(fit.t_star.value), np.log(TW)
    slope, intercept = np.polyfit(x, y, 1)
    np.testing.assert_allclose(np.log(found.t_star[2]), intercept + slope * x, rtol=1e-9)
    assert found.exponents[2] == pytest.approx(fit.mu.value, rel=1e-9)
    np.testing.assert_allclose(found.t_star[0], np.exp(y.mean()), rtol=1e-9)
    np.testing.assert_allclose(found.t_star[1], TW * np.exp((y - x).mean()), rtol=1e-9)
    for curve in found.t_star[[0, 2]]:
        assert curve.min() < fit.t_star.value.max()
        assert curve.max() > fit.t_star.value.min()
    half = (fit.mu.high - fit.mu.low) / 2
    assert found.errors[2] * stats.t.ppf(0.975, 23) == pytest.approx(half, rel=0.02)  # the same interval


def test_the_chi_square_of_a_form_is_the_least_one():
    msd = correlated()
    found, y = compare_forms(msd), np.log(aging(msd).t_star.value)
    rng = np.random.default_rng(0)
    means = np.array([msd.values[rng.integers(0, 24, 24)].mean(axis=0) for _ in range(1000)])
    logs = np.array([[np.exp(np.interp(np.log(1e-2), np.log(c), np.log(msd.lags))) for c in m] for m in means])
    inverse = np.linalg.inv(np.cov(np.log(logs), rowvar=False) * 24 / 23 + 1e-6 * np.eye(TW.size))
    ones = np.ones(TW.size)
    least = y @ inverse @ y - (ones @ inverse @ y) ** 2 / (ones @ inverse @ ones)
    assert found.chi_square[0] == pytest.approx(least * (24 - TW.size - 2) / 23, rel=0.25)  # other draws


def test_thin_data_are_refused_with_the_estimate():
    few = compare_forms(power_law(0.8, replicas=5), resamples=20)
    assert few.status == Status.TOO_FEW_RUNS_FOR_COVARIANCE
    assert few.best is None
    assert few.supported == ()
    assert few.exponents[2] == pytest.approx(0.8, abs=1e-6)
    assert np.isnan(few.aic).all()
    three = power_law(0.8, replicas=20)
    three = replace(three, waiting_times=TW[:3], values=three.values[:, :3])
    assert compare_forms(three, resamples=20).status == Status.TOO_FEW_WAITING_TIMES


# what moves


@pytest.mark.parametrize("diffusion", [0.0, 2e-6, 1e-5])
def test_drift_and_noise_are_told_apart(diffusion):
    runs, speed = drifting(diffusion)
    fit = aging(mean_square_displacement(runs))
    found = what_moves(runs, fit)
    np.testing.assert_allclose(found.velocity_gradient, speed * TW**-0.7, rtol=1e-9)
    np.testing.assert_allclose(found.t_star_gradient, 100 * (TW / TW[0]) ** 0.7, rtol=1e-9)
    assert found.mu_gradient.value == pytest.approx(0.7)
    moved = speed * ((TW + fit.t_star.value) ** 0.3 - TW**0.3) / 0.3
    drift = moved**2 / P
    np.testing.assert_allclose(found.drift_share.value, drift / (drift + 2 * diffusion * fit.t_star.value), atol=0.08)
    assert found.method == "straightness"
    assert found.status == Status.OK
    if diffusion == 0:
        np.testing.assert_allclose(found.t_star_differences, fit.t_star.value, rtol=0.03)


def test_the_split_agrees_with_its_definition_and_leaves_inputs_alone():
    runs, _ = drifting(1e-5, replicas=2)
    before = runs.snapshots.copy()
    split = split_displacement(runs)
    np.testing.assert_array_equal(runs.snapshots, before)
    np.testing.assert_allclose(split.total, mean_square_displacement(runs).values, rtol=1e-12)
    j, i = LAGS.searchsorted(100), int(np.abs(LAGS - 50).argmin())
    t, m = int(LAGS[j]), int(np.abs(LAGS - LAGS[j] / 2).argmin())
    assert abs(m - i) <= 2
    at = {int(step): theta for step, theta in zip(runs.steps, runs.snapshots[1], strict=True)}
    tw, half = int(TW[2]), int(LAGS[m])
    first, second = at[tw + half] - at[tw], at[tw + t] - at[tw + half]
    naive = sum(a * b for a, b in zip(first, second, strict=True)) / (half / t) / (1 - half / t) / P
    assert split.drift[1, 2, j] == pytest.approx(naive)


def test_brownian_motion_is_all_noise():
    share = split_displacement(brownian(60, 80, TW, LAGS, 1e-5, rng=np.random.default_rng(0))).drift_share
    assert np.nanmax(np.abs(share)) < 0.15


def test_replicas_that_share_their_start_are_split_by_what_they_share():
    runs, _ = drifting(5e-6, mu=0.0, replicas=40, shared=True)
    shifted = replace(runs, snapshots=runs.snapshots + 1.0)
    split = split_displacement(shifted)
    assert split.method == "shared start"
    drift = 1e-2 * (LAGS / 100) ** 2
    np.testing.assert_allclose(split.drift.mean(axis=0)[:, -8:], np.tile(drift, (6, 1))[:, -8:], rtol=0.05)
    both = split_displacement(shifted, "straightness").drift_share
    np.testing.assert_allclose(split.drift_share[:, -8:], both[:, -8:], atol=0.05)
    apart = replace(runs, snapshots=runs.snapshots + np.arange(40.0)[:, None, None])
    with pytest.raises(ValueError, match="method must be 'straightness'"):
        split_displacement(apart, "shared start")


def test_runs_without_curves_say_so():
    runs = brownian(3, 5, TW, LAGS, 1e-4, rng=np.random.default_rng(0))
    found = what_moves(runs, aging(mean_square_displacement(runs)), resamples=20)
    assert found.status == Status.NO_GRADIENT
    assert np.isnan(found.t_star_gradient).all()
    far = what_moves(runs, aging(mean_square_displacement(runs), 1e9), resamples=20)
    assert far.status == Status.NO_T_STAR


def test_the_control_is_compared_run_by_run():
    runs, _ = drifting(1e-7)
    scaled = replace(runs, snapshots=runs.snapshots[:, :1] + 2.0 * (runs.snapshots - runs.snapshots[:, :1]))
    fits = [aging(mean_square_displacement(ensemble)) for ensemble in (runs, scaled)]
    same = compare_with_control(runs, fits[0], scaled, fits[1])
    np.testing.assert_allclose(same.ratio, 2.0, rtol=0.1)
    assert same.same_starts
    itself = compare_with_control(runs, fits[0], runs, fits[0])
    np.testing.assert_allclose(itself.correlation, 1.0)
    moved = replace(runs, snapshots=runs.snapshots + 1.0)
    assert np.isnan(compare_with_control(runs, fits[0], moved, fits[0]).correlation).all()


LJAT = {"data": {"name": "ljat", "rows": 200, "seed": 0}, "data_sha256": "a", "regularization": 1e-4,
        "learning_rate": 0.05, "noise": "sgd", "batch_size": 100, "seed": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data_sha256": "b", "data": {"name": "table", "rows": 200, "seed": 0}}, "dataset = 'ljat'"),
        ({"data_sha256": "b", "data": {"name": "ljat", "rows": 300, "seed": 0}}, "rows = 200, the control has 300"),
        ({"data_sha256": "b"}, "data_sha256"),
        ({"regularization": 1e-3}, "regularization"),
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"momentum": 0.9}, "momentum"),
        ({"noise": "full", "batch_size": 200, "seed": 1, "label_noise": 0.0}, None),
    ],
)
def test_a_control_differs_in_its_noise_only(changes, named):
    runs = replace(drifting(1e-7)[0], metadata=LJAT)
    control = replace(runs, metadata=LJAT | changes)
    fit = aging(mean_square_displacement(runs))
    if named is None:
        assert compare_with_control(runs, fit, control, fit).same_starts
        return
    with pytest.raises(ValueError, match=f"{named}.*differs from the runs in its noise only"):
        compare_with_control(runs, fit, control, fit)


def test_a_control_has_another_kind_of_start_only_if_the_starts_are_the_same():
    runs = replace(drifting(1e-7)[0], metadata=LJAT)
    control = replace(runs, metadata=LJAT | {"start": "file:x.npz"})
    fit = aging(mean_square_displacement(runs))
    assert compare_with_control(runs, fit, control, fit).same_starts
    with pytest.raises(ValueError, match="start = 'glorot', the control has 'file:"):
        compare_with_control(runs, fit, replace(control, snapshots=control.snapshots + 1.0), fit)


def test_learning_rates_collapse_only_if_nothing_else_differs():
    ensembles = rated((7, 7, 7), 0.3, LJAT)
    ensembles[1] = replace(ensembles[1], metadata=LJAT | {"data_sha256": "b"})
    with pytest.raises(ValueError, match="must differ only in their learning rate and seed; data_sha256 is"):
        learning_rate_collapse(ensembles, [0.025, 0.05, 0.1], resamples=5)


# all of it


SIZES = [(1e-2, "screen"), (1e9, "column"), (1e9, "screen"), (1e-2, "column")]  # each takes three seconds


@pytest.mark.parametrize(
    ("threshold", "size"), [SIZES[0], *(pytest.param(*each, marks=pytest.mark.slow) for each in SIZES[1:])]
)
def test_the_whole_analysis_is_drawn_also_where_there_is_nothing(threshold, size):
    analysis = analyze_aging(drifting(1e-6, replicas=12)[0], threshold)
    figure = plot_analysis(analysis, "runs", analysis.fit.t_star.value, size=size)
    assert len(figure.axes) == len(ANALYSIS_PANELS) == 8
    assert flaws(figure) == []


def test_each_panel_of_the_analysis_is_drawn_alone():
    analysis = analyze_aging(drifting(1e-6, replicas=12)[0], 1e9)
    for name in ANALYSIS_PANELS:
        assert flaws(plot_analysis(analysis, panels=[name], size="page")) == []
    ax = Figure().subplots()
    assert plot_collapse(analysis.msd, analysis.collapse, ax) is ax
    assert plot_what_moves(analysis.moves, ax) is ax
