from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.figures import flaws

from dynamics import SGD, train
from dynamics.displacement import layer_displacement, non_gaussian
from dynamics.observables import (
    alignment_lags,
    onset_from_alignment,
    onset_from_loss,
    replica_overlap,
    update_alignment,
)
from dynamics.plots import plot_alignment, plot_alpha_2, plot_layers, plot_overlap, plot_test_loss
from dynamics.runs import log_lags, snapshot_steps
from dynamics.statistics import Status
from dynamics.synthetic import brownian
from landscape import CrossEntropyLoss, Dataset
from landscape.networks import MLP
from landscape.plots import new_figure

SEPARATIONS = [1, 3, 10]
TW = np.array([1, 10, 100, 1000])


def moving(velocity, noise, replicas=40, parameters=400, tw=TW, seed=0):
    """Runs whose steps are a drift of length `velocity`(s) in one direction and white noise of length `noise`."""
    rng = np.random.default_rng(seed)
    lags = alignment_lags(SEPARATIONS)
    steps = snapshot_steps(tw, lags, int(tw[-1] + lags[-1]))
    drift = np.concatenate([[0.0], np.cumsum(velocity(np.arange(steps[-1])))])[steps]
    direction = rng.normal(size=(replicas, 1, parameters))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    kicks = rng.normal(size=(replicas, steps.size - 1, parameters)) * noise / np.sqrt(parameters)
    kicks *= np.sqrt(np.diff(steps))[:, None]
    walk = np.concatenate([np.zeros((replicas, 1, parameters)), kicks.cumsum(axis=1)], axis=1)
    runs = brownian(replicas, parameters, tw, lags, 1.0, rng=rng)
    return replace(runs, steps=steps, snapshots=drift[:, None] * direction + walk)


def with_loss(curves, curve_steps):
    runs = brownian(len(curves), 2, [2], [1], 0.1, rng=np.random.default_rng(0))
    curves = np.asarray(curves, dtype=np.float64)
    missing = dict.fromkeys(("accuracy", "gradient_norm", "test_loss", "test_accuracy"), curves)
    return replace(runs, loss=curves, curve_steps=np.asarray(curve_steps), **missing)


# ---------------------------------------------------------------- alignment


@settings(deadline=None)
@given(
    separations=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    stride=st.integers(1, 5),
    updates=st.integers(1, 4),
    tw=st.integers(1, 100),
)
def test_the_lags_are_what_the_alignment_needs_and_no_more(separations, stride, updates, tw):
    lags = alignment_lags(separations, stride=stride, updates=updates)
    needed = {
        first + apart + moved for first in range(updates) for apart in (0, *separations) for moved in (0, stride)
    } - {0}
    assert set(lags.tolist()) == needed
    assert (np.diff(lags) > 0).all()
    runs = brownian(1, 2, [tw], lags, 0.1, rng=np.random.default_rng(0))
    found = update_alignment(runs, separations, stride=stride)
    wanted = np.arange(tw, tw + updates)
    assert np.isin(wanted, found.steps).all()
    assert np.isfinite(found.values[:, :, np.searchsorted(found.steps, wanted)]).all()


def test_wanted_lags_are_kept():
    assert alignment_lags([1, 5], lags=[7, 2]).tolist() == [1, 2, 5, 6, 7]


@pytest.mark.parametrize("stride", [1, 2])
def test_alignment_agrees_with_a_loop(stride):
    runs = brownian(2, 5, [3, 9, 40], [1, 2, 3, 4, 6, 7], 0.1, rng=np.random.default_rng(3))
    found = update_alignment(runs, [1, 2, 4], stride=stride)
    where = {int(step): k for k, step in enumerate(runs.steps)}
    count = 0
    for m, s in enumerate([1, 2, 4]):
        for step in where:
            ends = (step, step + stride, step + s, step + s + stride)
            at = np.flatnonzero(found.steps == step)
            if all(end in where for end in ends):
                count += 1
                for r in range(2):
                    a, b, c, d = (runs.snapshots[r, where[end]] for end in ends)
                    x, y = b - a, d - c
                    expected = x @ y / np.sqrt((x @ x) * (y @ y))
                    assert found.values[r, m, at[0]] == pytest.approx(expected, rel=1e-12)
                    assert found.lengths[r, at[0]] == pytest.approx(np.linalg.norm(x), rel=1e-12)
            else:
                assert np.isnan(found.values[:, m, at]).all()
    assert np.isfinite(found.values[0]).sum() == count > 5


def test_straight_motion_is_aligned_and_brownian_is_not():
    straight = update_alignment(moving(np.ones_like, 0.0), SEPARATIONS)
    assert np.isin(TW, straight.steps).all()
    there = np.isfinite(straight.mean)
    np.testing.assert_allclose(straight.mean[there], 1.0, rtol=1e-9)
    random = update_alignment(moving(np.zeros_like, 1.0), SEPARATIONS)
    scores = random.mean / random.standard_error
    assert np.abs(scores[there]).max() < 5
    np.testing.assert_allclose(random.standard_error[there], 1 / np.sqrt(40 * 400), rtol=0.5)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_alignment_is_the_share_of_the_drift(ratio):
    found = update_alignment(moving(lambda s: np.full(s.shape, np.sqrt(ratio)), 1.0), SEPARATIONS)
    there = np.isfinite(found.mean)
    np.testing.assert_allclose(found.mean[there], ratio / (1 + ratio), atol=0.05)


def test_runs_that_rest_have_no_alignment():
    runs = moving(np.ones_like, 0.0, replicas=3, parameters=4)
    snapshots = runs.snapshots.copy()
    snapshots[0] = 1.0
    found = update_alignment(replace(runs, snapshots=snapshots), [1])
    assert np.isnan(found.values[0]).all()
    assert (found.lengths[0] == 0).all()
    np.testing.assert_allclose(found.mean[np.isfinite(found.mean)], 1.0)
    resting = update_alignment(replace(runs, snapshots=np.ones_like(snapshots)), [1])
    assert np.isnan(resting.mean).all()


def test_missing_snapshots_are_told_how_to_record():
    runs = brownian(1, 2, [10], [5, 50], 0.1, rng=np.random.default_rng(0))
    with pytest.raises(
        ValueError, match=r"separations \[1\] with stride 1 .* lags=alignment_lags\(...\) \(--lags 1,2\)"
    ):
        update_alignment(runs, [1])


@pytest.mark.parametrize("bad", [[], [0], [1.5], 3])
def test_bad_separations_are_refused(bad):
    with pytest.raises(ValueError, match=r"^separations must be whole numbers >= 1"):
        update_alignment(brownian(1, 2, [2], [1], 0.1, rng=np.random.default_rng(0)), bad)


# ---------------------------------------------------------------- onset


def test_onset_is_where_drift_and_noise_are_equal():
    tw = np.unique(np.rint(np.geomspace(10, 10_000, 13)).astype(np.int64))
    # share of the drift: 1 / (1 + s / 300)
    runs = moving(lambda s: np.sqrt(300 / np.maximum(s, 1)), 1.0, tw=tw)
    onset = onset_from_alignment(update_alignment(runs, SEPARATIONS), separation=1)
    assert onset.status == Status.OK
    assert onset.step.value == pytest.approx(300, rel=0.2)
    assert onset.step.low < 300 < onset.step.high
    assert onset.step.high / onset.step.low < 1.6
    assert onset.step.interval == (onset.step.low, onset.step.high)
    assert np.nanmedian(onset.runs) == pytest.approx(300, rel=0.4)
    assert onset.runs.shape == (40,)
    later = onset_from_alignment(update_alignment(runs, SEPARATIONS), separation=1, level=0.2)
    assert later.step.value == pytest.approx(1200, rel=0.3)


def test_motion_that_stays_fast_or_was_slow_says_so():
    fast = onset_from_alignment(update_alignment(moving(np.ones_like, 0.0, replicas=3), [1]))
    assert fast.status == Status.STILL_FAST
    assert "train longer" in fast.status
    slow = onset_from_alignment(update_alignment(moving(np.zeros_like, 1.0, replicas=3), [1]))
    assert slow.status == Status.SLOW_AT_FIRST
    assert np.isnan([fast.step.value, slow.step.value, fast.step.low, slow.step.high]).all()
    one = moving(np.ones_like, 0.0, replicas=1, tw=TW[:1])
    kept = one.steps <= 3
    few = replace(one, steps=one.steps[kept], snapshots=one.snapshots[:, kept], lags=np.array([1, 2]))
    assert onset_from_alignment(update_alignment(few, [1])).status == Status.TOO_FEW_STEPS


def logistic(curve_steps, center, power=2.0):
    """A loss whose rate -dL / d ln s is half its largest again at center (3 + 2 sqrt 2)^(1 / power)."""
    return 0.5 + 1.0 / (1.0 + (np.maximum(curve_steps, 1e-9) / center) ** power)


STEPS = np.concatenate([[0], log_lags(100_000, 40)])
FACTOR = (3 + 2 * np.sqrt(2)) ** 0.5


def test_onset_of_a_logistic_loss_is_known():
    onset = onset_from_loss(with_loss([logistic(STEPS, 500)] * 2, STEPS))
    assert onset.step.value == pytest.approx(500 * FACTOR, rel=2e-3)
    np.testing.assert_allclose([onset.step.low, onset.step.high, *onset.runs], onset.step.value, rtol=1e-9)
    assert onset.curve.max() == 1


def test_the_last_steep_drop_counts():
    curves = logistic(STEPS, 20) + logistic(STEPS, 5000)
    assert onset_from_loss(with_loss([curves], STEPS)).step.value == pytest.approx(5000 * FACTOR, rel=0.01)
    flat = logistic(STEPS, 20) + 0.1 * logistic(STEPS, 5000)
    one = onset_from_loss(with_loss([flat], STEPS))
    assert one.step.value == pytest.approx(20 * FACTOR, rel=0.05)
    assert one.status == Status.TOO_FEW_RUNS
    assert np.isnan(one.step.interval).all()


def test_the_interval_holds_the_onset_as_often_as_it_says():
    rng, hits = np.random.default_rng(1), 0
    exact = onset_from_loss(
        with_loss([logistic(STEPS, 500 * np.exp(0.3 * rng.normal(size=(4000, 1)))).mean(axis=0)], STEPS)
    )
    for seed in range(60):
        centers = 500 * np.exp(0.3 * rng.normal(size=(30, 1)))
        onset = onset_from_loss(with_loss(logistic(STEPS, centers), STEPS), resamples=200, rng=seed)
        hits += onset.step.low < exact.step.value < onset.step.high
    assert 0.85 <= hits / 60


def test_onset_of_loss_that_never_falls_or_falls_to_the_end():
    rising = onset_from_loss(with_loss([np.arange(STEPS.size, dtype=float)] * 2, STEPS))
    assert rising.status == Status.SLOW_AT_FIRST
    falling = onset_from_loss(with_loss([-np.log(np.maximum(STEPS, 1))] * 2, STEPS))
    assert falling.status == Status.STILL_FAST


@pytest.mark.parametrize(
    ("name", "value"), [("level", 0), ("level", 1), ("confidence", 1.0), ("resamples", 0), ("resamples", 1.5)]
)
def test_bad_arguments_of_onsets_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must"):
        onset_from_loss(with_loss([logistic(STEPS, 500)], STEPS), **{name: value})


def test_bad_choices_for_alignment_are_named():
    alignment = update_alignment(moving(np.ones_like, 0.0, replicas=2, parameters=3), [1, 3])
    with pytest.raises(ValueError, match=r"^separation must be one of \[1, 3\]; got 2"):
        onset_from_alignment(alignment, separation=2)
    with pytest.raises(ValueError, match=r"^level must be between -1 and 1; got 1"):
        onset_from_alignment(alignment, level=1)
    with pytest.raises(ValueError, match=r"^runs must have at least three curve steps >= 1; got 1"):
        onset_from_loss(with_loss([[1.0, 0.5]], [0, 1]))


# ---------------------------------------------------------------- real runs, plots


@pytest.fixture(scope="module")
def descent():
    """Full-batch descent on a toy problem, and SGD from the same starts."""
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (60, 2))
    data = Dataset(inputs, (inputs[:, 0] > 0).astype(int), 4, inputs[:9], (inputs[:9, 0] > 0).astype(int))
    waiting = [2, 10, 50]

    def run(noise):
        return train(
            CrossEntropyLoss(MLP((2, 3, 2, 4)), data),
            SGD(0.05, 6, noise=noise),
            replicas=3,
            steps=60,
            waiting_times=waiting,
            lags=alignment_lags([1, 3]),
        )

    return run("full"), run("sgd")


def test_descent_is_aligned_and_sgd_less(descent):
    full, sgd = (update_alignment(runs, [1, 3]) for runs in descent)
    there = np.isfinite(full.mean)
    assert full.mean[there].min() > 0.99
    assert sgd.mean[there].max() < 0.95
    assert onset_from_alignment(full).status == Status.STILL_FAST


def test_plots_draw_on_the_given_axes(descent):
    full, sgd = descent
    for plot, result, lines in (
        (plot_alignment, update_alignment(sgd, [1, 3]), 3),
        (plot_alpha_2, non_gaussian(sgd), 3),
        (plot_layers, layer_displacement(sgd), 6),
        (plot_overlap, replica_overlap(full, sgd), 1),
        (plot_test_loss, sgd, 2),
    ):
        figure, (ax,) = new_figure(4.25, 3.8)
        assert plot(result, ax) is ax
        assert len([line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]) == lines
        assert flaws(figure) == []
