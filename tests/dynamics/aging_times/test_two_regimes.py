"""Scaling forms of whole curves and the second regime, on exact curves and on walks whose displacement is known."""

import numpy as np
import pytest

from dynamics import MeanSquareDisplacement, mean_square_displacement
from dynamics.aging_times import compare_curve_scaling, second_regime
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status
from dynamics.synthetic import aging_walk, brownian

TW = np.array(WAITING_TIMES)
LAGS = log_lags(100_000, 6)
ONE_FUNCTION = ("stationary", "simple aging", "power law", "effective time")
AGE, LAG = TW[:, None].astype(float), LAGS.astype(float)


def curves(mean, replicas=20, spread=0.1, seed=0):
    """Runs around a mean displacement (W, T), whose amplitude and slope differ from run to run."""
    rng = np.random.default_rng(seed)
    level, slope = spread * rng.standard_normal((2, replicas, TW.size, 1))
    bent = level + 0.3 * slope * np.log(LAG / 1000)
    return MeanSquareDisplacement(TW, LAGS, mean * np.exp(bent - bent.mean(axis=0)))


def clock(mu):
    """Integral of s^-mu from tw to tw + t, by a sum over small steps of ln s."""
    u = np.linspace(0, 1, 2001)
    log_s = np.log(AGE)[..., None] + u * np.log1p(LAG / AGE)[..., None]
    return np.trapezoid(np.exp((1 - mu) * log_s), log_s, axis=-1)


def turning(x):
    """Slope 2, then 1/2."""
    return x**2 / (1 + x**1.5)


def form(found, name):
    k = found.names.index(name)
    return {part: getattr(found, part).value[k] for part in ("mu", "second", "error")} | {
        "mu_low": found.mu.low[k],
        "mu_high": found.mu.high[k],
        "p": found.p_value[k],
        "noise": found.noise[k],
        "excess_low": found.excess.low[k],
    }


def test_motion_on_the_clock_of_its_age_is_the_effective_time():
    found = compare_curve_scaling(curves(0.05 * turning(clock(0.7) / 20), spread=0.03), forms=ONE_FUNCTION)
    assert found.best == "effective time"
    assert found.status == "ok"
    best, other = form(found, "effective time"), form(found, "power law")
    assert best["mu"] == pytest.approx(0.7, abs=0.02)
    assert best["mu_low"] < 0.7 < best["mu_high"]
    assert other["excess_low"] > 0
    assert other["p"] < 0.01
    assert found.supported == ("effective time",)


def test_two_exponents_are_found_where_there_are_two():
    early, late = 0.02 * (LAG / AGE) ** 1.8, 0.5 * (LAG / AGE**0.4 / 1000) ** 0.5
    names = ("two power laws", "power law", "effective time")
    found = compare_curve_scaling(curves(1 / (1 / early + 1 / late)), forms=names)
    assert found.best == "two power laws"
    best = form(found, "two power laws")
    assert best["mu"] == pytest.approx(1.0, abs=0.02)
    assert best["second"] == pytest.approx(0.4, abs=0.05)
    assert "effective time" not in found.supported


@pytest.mark.parametrize("name", ["additive", "multiplicative"])
def test_a_stationary_part_beside_the_aging_one_is_seen(name):
    aging = 0.05 * turning(clock(0.8) / 4)
    mean = aging + 1e-3 * LAG**0.3 if name == "additive" else aging * (LAG / 1000) ** 0.4
    found = compare_curve_scaling(curves(mean, spread=0.02), forms=[name, "effective time"])
    assert found.best == name
    assert found.names == (name, "effective time")
    assert form(found, name)["mu"] == pytest.approx(0.8, abs=0.03)
    assert form(found, "effective time")["excess_low"] > 0


def test_walks_whose_diffusion_slows_down_have_one_scaling_form():
    runs = aging_walk(30, 60, TW, LAGS[::2], 0.01, rng=np.random.default_rng(3), mu=0.6)
    names = ("power law", "effective time")
    found = compare_curve_scaling(mean_square_displacement(runs), (1e-4, np.inf), forms=names)
    walk = form(found, "effective time")
    assert walk["mu_low"] < 0.6 < walk["mu_high"]
    assert found.supported == ("effective time",)
    assert 0.4 < walk["error"] / walk["noise"] < 2.5  # it predicts as well as the runs allow


def test_predictions_are_those_of_a_fit_to_the_other_curves():
    """One exact curve is raised by 20 %: it is mispredicted by that, the others by their share of it."""
    mean = 0.05 * turning(LAG / AGE**0.5)
    mean[2] *= 1.2
    found = compare_curve_scaling(curves(mean, spread=1e-3), forms=["simple aging", "power law"])
    assert form(found, "power law")["error"] > np.log(1.2) / np.sqrt(TW.size)
    assert found.status == Status.NO_FORM_SCALES
    assert found.best is None


def test_scaling_needs_curves_and_known_forms():
    msd = curves(0.05 * turning(clock(0.7)))
    few = MeanSquareDisplacement(TW[:3], LAGS, msd.values[:, :3])
    assert compare_curve_scaling(few).status == Status.TOO_FEW_WAITING_TIMES_FOR_SCALING
    one = MeanSquareDisplacement(TW, LAGS, msd.values[:1])
    assert compare_curve_scaling(one).status == Status.TOO_FEW_RUNS
    with pytest.raises(ValueError, match=r"forms must be some of stationary, .*; got 'cubic'"):
        compare_curve_scaling(msd, forms=["cubic"])
    with pytest.raises(ValueError, match="window must be two ascending displacements"):
        compare_curve_scaling(msd, (1.0, 0.5))


def test_curves_leave_the_first_regime_where_their_slope_falls_below_one():
    """The slope of x^2 / (1 + x^1.5) is 2 - 1.5 x^1.5 / (1 + x^1.5): 1 at x^1.5 = 2."""
    found = second_regime(curves(0.05 * turning(LAG / (0.5 * AGE**0.9)), spread=0.02), bandwidth=0.3)
    expected = 2 ** (2 / 3) * 0.5 * TW**0.9
    np.testing.assert_allclose(found.departure.value, expected, rtol=0.03)  # the smoothing
    assert (found.departure.low < expected * 1.03).all()
    assert (found.departure.high > expected * 0.97).all()
    assert found.nu.value == pytest.approx(0.9, abs=0.01)
    assert found.status == "ok"
    np.testing.assert_allclose(found.displacement.value, 0.05 * turning(2 ** (2 / 3)), rtol=0.03)
    np.testing.assert_allclose(found.largest_slope.value, 2.0, atol=0.05)
    assert ((found.late_slope.value > 0.5) & (found.late_slope.value < 1.0)).all()


def test_the_power_law_behind_the_departure_is_tested():
    knee = np.where(LAG < AGE, (LAG / AGE) ** 1.9, (LAG / AGE) ** 0.5)
    found = second_regime(curves(0.1 * knee))
    np.testing.assert_allclose(found.late_slope.value, 0.5, atol=0.1)
    assert (found.late_p_value > 1e-3).sum() >= TW.size - 1
    bent = second_regime(curves(0.1 * np.log1p((LAG / AGE) ** 1.9), spread=0.01))
    assert (bent.late_p_value < 0.01).any()


def test_the_diffusion_coefficient_is_that_of_walks():
    walk = second_regime(curves(2 * 0.3 * np.broadcast_to(LAG, (TW.size, LAG.size)), spread=1e-3), level=0.5)
    np.testing.assert_allclose(walk.diffusion.value, 0.3, rtol=1e-3)
    assert walk.status == Status.NO_DEPARTURE
    slowing = second_regime(curves(2 * 0.3 * clock(0.6), spread=1e-3), bandwidth=0.2)
    np.testing.assert_allclose(slowing.diffusion.value[:, 3:-3], (0.3 * (AGE + LAG) ** -0.6)[:, 3:-3], rtol=0.02)
    moving = second_regime(mean_square_displacement(brownian(12, 60, TW, LAGS[::4], 0.05, rng=1)))
    inside = (moving.diffusion.low < 0.05) & (moving.diffusion.high > 0.05)
    assert inside.mean() > 0.85
