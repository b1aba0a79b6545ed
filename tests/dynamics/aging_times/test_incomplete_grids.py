"""Aging on grids that are not complete, against loops over dictionaries of the snapshots that exist."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dynamics import MeanSquareDisplacement, aging, analyze_aging, mean_square_displacement
from dynamics.aging_times import collapse, compare_forms, generalized_diffusion, local_slope, threshold_scan
from dynamics.displacement import split_displacement
from dynamics.runs import WAITING_TIMES, Trajectories, grid_of, log_lags
from dynamics.statistics import Status, _fits
from dynamics.synthetic import aging_walk

TW = np.array(WAITING_TIMES)
LAGS = log_lags(20_000)


def with_holes(mu=0.8, exponent=1.3, replicas=4, known=None, spread=0.2, seed=5):
    """MSD(tw, t) = 1e-2 (t / t*)^exponent with t* = tw^mu / 2, times a factor of each run, where it is `known`."""
    t_star = 0.5 * TW[:, None] ** mu
    factors = np.exp(spread * np.random.default_rng(seed).standard_normal((replicas, 1, 1)))
    values = factors * 1e-2 * (LAGS / t_star) ** exponent
    known = np.ones(values.shape, bool) if known is None else np.broadcast_to(known, values.shape)
    return MeanSquareDisplacement(TW, LAGS, np.where(known, values, np.nan), {}, np.array(known))


def first_crossing(lags, values, threshold):
    """The first crossing of a curve with holes, by a loop; (lag, lower, upper), or "early" or "never"."""
    points = [(float(t), float(v)) for t, v in zip(lags, values, strict=True) if np.isfinite(v)]
    for k, (t, v) in enumerate(points):
        if v >= threshold:
            if k == 0:
                return "early"
            s, u = points[k - 1]
            share = (np.log(threshold) - np.log(u)) / (np.log(v) - np.log(u))
            return np.exp(np.log(s) + share * (np.log(t) - np.log(s))), s, t
    return "never"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_crossings_with_holes_agree_with_a_loop(seed, share):
    rng = np.random.default_rng(seed)
    lags = np.unique(rng.integers(1, 200, 9))
    values = np.where(rng.random((3, lags.size)) < share, rng.lognormal(size=(3, lags.size)).cumsum(axis=1), np.nan)
    level = float(rng.uniform(0.5, 8))
    found = _fits.first_crossing(lags, values, level)
    some = np.isfinite(values).any(axis=1)
    np.testing.assert_allclose(_fits.last_crossing(lags, values, level)[some], found[some])  # curves that ascend
    for one, row in zip(found, values, strict=True):
        expected = first_crossing(lags, row, level)
        known = {"early": 0.0, "never": np.inf}
        if np.isnan(row).all():
            assert one == np.inf
        else:
            assert one == pytest.approx(known[expected] if isinstance(expected, str) else expected[0], rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.3, 0.9]))
def test_t_star_is_that_of_the_pairs_that_exist(seed, share):
    rng = np.random.default_rng(seed)
    msd = with_holes(known=rng.random((1, TW.size, LAGS.size)) < share)
    fit = aging(msd, resamples=50)
    for w in range(TW.size):
        column = msd.values[:, w]
        mean = [np.mean(column[:, t]) if np.isfinite(column[:, t]).all() else np.nan for t in range(LAGS.size)]
        expected = first_crossing(LAGS, mean, 1e-2)
        if isinstance(expected, str):
            assert np.isnan(fit.t_star.value[w])
            assert (fit.early[w], fit.censored[w]) == (expected == "early", expected == "never")
        else:
            np.testing.assert_allclose([fit.t_star.value[w], *fit.t_star_between[w]], expected, rtol=1e-9)
    if np.isfinite(fit.t_star.value).sum() > 1:
        assert fit.mu.value == pytest.approx(0.8, abs=1e-6)  # straight lines are exact across any gap


def test_a_wide_gap_is_said_and_its_interval_contains_a_bent_curve():
    """Delta bends from drift (2) to diffusion (1): the chord is off, the interval is not."""
    bend = 1e-2 * (LAGS / 500.0) ** 2 / (1 + (LAGS / 500.0))
    whole = np.tile(bend, (3, 2, 1)) * np.array([0.99, 1.0, 1.01])[:, None, None]
    known = np.ones(whole.shape, bool)
    msd = MeanSquareDisplacement(np.array([100, 200]), LAGS, whole)
    true = aging(msd, 1e-2)
    assert true.t_star.status == Status.OK
    known[:, 1, (LAGS > 150) & (LAGS < 3000)] = False
    fit = aging(replace(msd, values=np.where(known, whole, np.nan), recorded=known), 1e-2)
    assert fit.status == fit.t_star.status == Status.WIDE_GAP
    assert fit.t_star_between[1].tolist() == [LAGS[LAGS <= 150][-1], LAGS[LAGS >= 3000][0]]
    assert abs(np.log(fit.t_star.value[1] / true.t_star.value[1])) > 0.1
    assert fit.t_star.low[1] < true.t_star.value[1] < fit.t_star.high[1]
    assert fit.t_star.low[1] >= fit.t_star_between[1, 0] * 0.9
    assert fit.t_star.high[1] <= fit.t_star_between[1, 1] * 1.1
    assert fit.mu.low < true.mu.value < fit.mu.high
    np.testing.assert_array_equal(fit.t_star.low[0], true.t_star.low[0])


@pytest.mark.parametrize("power", [0.3, 0.7, 1.4])
def test_a_curve_that_bends_one_way_is_within_reach_of_its_interpolation(power):
    lags = np.array([1, 3, 10, 30, 100, 300, 1000])
    x = np.log(lags)
    for gap in ([3], [2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5]):
        curve = 1.5 * x + np.sign(power - 1) * 3 * (x / 7) ** (2 * power if power > 1 else 2)
        values = np.exp(curve)[None]
        level = float(np.exp(np.interp(np.log(30.0), x, curve)))
        values[:, gap] = np.nan
        reach = _fits.interpolation_reach(lags, values, level)
        off = np.log(_fits.first_crossing(lags, values, level)) - np.log(30.0)
        assert abs(off[0]) <= reach[0] + 1e-9
        assert reach[0] <= np.log(lags[gap[-1] + 1] / lags[gap[0] - 1])


def test_a_gap_elsewhere_changes_nothing():
    whole, known = with_holes(), np.ones((4, TW.size, LAGS.size), bool)
    known[:, :, LAGS > 15_000] = False
    known[:, :, :3] = False
    fit, true = aging(with_holes(known=known)), aging(whole)
    np.testing.assert_allclose(fit.t_star.value, true.t_star.value, rtol=1e-12)
    np.testing.assert_allclose(fit.t_star.interval, true.t_star.interval, rtol=1e-12)
    assert fit.status == true.status


def test_that_the_set_of_runs_changes_is_said():
    """Slow runs end early: the mean of the others is larger, and jumps."""
    known = np.ones((10, TW.size, LAGS.size), bool)
    slow = with_holes(spread=0.5, replicas=10).values[:, 0, 0].argsort()[:5]
    cut = int(np.searchsorted(LAGS, 400))
    known[slow, -1, cut:] = False
    msd = with_holes(spread=0.5, replicas=10, known=known)
    fit = aging(msd, 1e-2)
    np.testing.assert_array_equal(msd.runs_per_pair[-1], [10] * cut + [5] * (LAGS.size - cut))
    assert msd.mean[-1, cut] / msd.mean[-1, cut - 1] > 1.2 * msd.mean[0, cut] / msd.mean[0, cut - 1]
    assert fit.t_star_of_runs.tolist() == [10] * 5 + [5]
    assert fit.status == Status.RUNS_CHANGE
    assert threshold_scan(msd, resamples=50).status == Status.RUNS_CHANGE
    assert compare_forms(msd, resamples=50).status == Status.RUNS_CHANGE
    assert local_slope(msd, resamples=50).slope.status == Status.RUNS_CHANGE
    assert generalized_diffusion(msd, resamples=50).coefficients.status == Status.RUNS_CHANGE
    assert collapse(msd, (3e-3, 3e-2), resamples=50).status != Status.OK
    shorter = known.copy()
    shorter[slow] &= LAGS < 1e3  # below the threshold all runs are there
    assert aging(with_holes(spread=0.5, replicas=10, known=shorter[:, :1]), 1e-4).status != Status.RUNS_CHANGE


def test_intervals_of_fewer_runs_are_wider_and_those_of_all_stay():
    known = np.ones((8, TW.size, LAGS.size), bool)
    known[4:, 2] = False
    few, all_runs = (aging(with_holes(replicas=8, spread=0.1, known=k)) for k in (known, None))
    four = aging(MeanSquareDisplacement(TW, LAGS, with_holes(replicas=8, spread=0.1).values[:4]))
    others = np.arange(TW.size) != 2
    np.testing.assert_allclose(few.t_star.value[others], all_runs.t_star.value[others], rtol=1e-12)
    np.testing.assert_allclose(few.t_star.low[others], all_runs.t_star.low[others], rtol=1e-12)
    assert few.t_star.value[2] == pytest.approx(four.t_star.value[2], rel=1e-12)
    widths = [np.log(fit.t_star.high[2] / fit.t_star.low[2]) for fit in (few, four)]
    assert widths[0] == pytest.approx(widths[1], rel=0.25)  # other samples


def test_runs_recorded_at_different_steps_are_analyzed_together():
    """Powers of two, then every thousand, each run at its own: every part of the analysis has numbers or says why."""
    waiting, lags = np.array([64, 128, 256, 512, 1000, 2000, 4000]), log_lags(8000, 12)
    dense = aging_walk(5, 60, waiting, lags, 1e-3, mu=0.5, rng=0)
    grid = [2**k for k in range(13)]
    recorded = np.zeros((5, dense.steps.size), bool)
    for r in range(5):
        own = grid + list(range(1000 * (1 + r % 2), 12001, 1000 * (1 + r % 2)))
        recorded[r] = np.isin(dense.steps, [0, *own]) | (np.arange(dense.steps.size) % 3 == 0)
    runs = Trajectories(
        (), dense.steps, np.where(recorded[..., None], dense.snapshots, np.nan), waiting, lags, dense.curve_steps,
        dense.loss, dense.accuracy, dense.gradient_norm, recorded=recorded,
    )  # fmt: skip
    found = analyze_aging(runs, 0.02)
    assert np.isfinite(found.fit.t_star.value).sum() >= 3
    assert found.msd.has_gaps
    assert not found.msd.is_complete
    for part in (found.fit, found.scan, found.forms, found.moves, found.diffusion, found.collapse):
        assert part.status


def test_the_split_of_a_run_uses_the_lags_that_it_has():
    """A straight run: all of its displacement is drift, whichever snapshots exist."""
    steps, waiting, lags = np.arange(0, 41), np.array([4, 8, 12]), np.arange(1, 21)
    snapshots = steps[None, :, None] * np.ones(3)
    rng = np.random.default_rng(0)
    recorded = rng.random((2, steps.size)) < 0.6
    recorded[:, [0, 4, 8]] = True
    none = np.empty((2, 0))
    runs = Trajectories(
        (), steps, np.where(recorded[..., None], np.repeat(snapshots, 2, axis=0), np.nan), waiting, lags,
        np.empty(0, int), none, none, none, recorded=recorded,
    )  # fmt: skip
    found = split_displacement(runs, "straightness")
    known = np.isfinite(found.drift)
    assert known.any(axis=2)[:, :2].all()
    np.testing.assert_allclose(found.drift[known], found.total[known], rtol=1e-12)
    np.testing.assert_array_equal(found.total, mean_square_displacement(runs).values)
    assert np.nanmin(found.drift_share) == pytest.approx(1.0)


def test_the_default_grid_gives_an_exponent():
    steps = np.array([0, *2 ** np.arange(10), *range(1000, 20001, 1000)])
    waiting, lags = grid_of(steps)
    walk = aging_walk(6, 100, waiting, lags, 1e-3, mu=0.5, rng=1)
    kept = np.isin(walk.steps, steps)
    runs = replace(walk, steps=walk.steps[kept], snapshots=walk.snapshots[:, kept])
    fit = aging(mean_square_displacement(runs), 0.05)
    assert np.isfinite(fit.t_star.value).sum() >= 5
    assert fit.mu.low < fit.mu.value < fit.mu.high


# ---------------------------------------------------------------- the two averages


def test_both_averages_are_there_and_either_can_be_the_one():
    msd = with_holes(replicas=6, spread=0.8)
    first, other = aging(msd), aging(msd, average="mean of t*")
    own = np.array([[first_crossing(LAGS, row, 1e-2)[0] for row in run] for run in msd.values])
    np.testing.assert_allclose(first.t_star_runs, own, rtol=1e-9)
    np.testing.assert_allclose(other.t_star.value, own.mean(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(other.t_star.value, first.t_star_runs_mean.value)
    np.testing.assert_allclose(other.t_star.interval, first.t_star_runs_mean.interval, rtol=1e-12)
    assert (other.mu.value, first.mu.value) == (first.mu_runs_mean.value, aging(msd).mu.value)
    assert (first.average, other.average) == ("t* of the mean", "mean of t*")
    assert (first.t_star.value < other.t_star.value).all()
    assert compare_forms(msd, average="mean of t*").exponents[2] == pytest.approx(other.mu.value)
    scan = threshold_scan(msd, [1e-2, 2e-2], average="mean of t*")
    assert scan.mu.value[0] == pytest.approx(other.mu.value)
    with pytest.raises(ValueError, match=r"average must be one of 't\* of the mean', 'mean of t\*'; got 'median'"):
        aging(msd, average="median")  # pyright: ignore[reportArgumentType]


def test_the_interval_of_the_mean_of_t_star_is_students_on_the_logarithm():
    """To first order in a small spread: t R^-1/2 sd / mean."""
    msd = with_holes(replicas=9, spread=0.02)
    fit = aging(msd, resamples=4000)
    own = fit.t_star_runs
    error = own.std(axis=0, ddof=1) / 3 / own.mean(axis=0)
    reach = (np.log(fit.t_star_runs_mean.high) - np.log(fit.t_star_runs_mean.low)) / 2
    np.testing.assert_allclose(reach, 2.306 * error, rtol=0.05)


def test_runs_without_a_waiting_time_are_left_out_of_its_mean():
    known = np.ones((4, TW.size, LAGS.size), bool)
    known[0, 3] = False
    msd = with_holes(known=known)
    fit = aging(msd)
    assert np.isnan(fit.t_star_runs[0, 3])
    np.testing.assert_allclose(fit.t_star_runs_mean.value[3], np.nanmean(fit.t_star_runs[:, 3]), rtol=1e-12)
    assert fit.mu_runs_mean.status == Status.RUNS_CHANGE
    assert fit.censored_runs.tolist() == [0.0] * TW.size
