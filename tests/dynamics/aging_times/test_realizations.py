"""Exponents on several realizations of a data set: spread over data beside spread over runs."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from support.cli import agescape, strict_json
from support.figures import flaws

from dynamics import MeanSquareDisplacement, aging
from dynamics.aging_times import compare_realizations
from dynamics.plots import plot_exponents
from dynamics.runs import WAITING_TIMES, log_lags
from dynamics.statistics import Status

TW = np.array(WAITING_TIMES)
LAGS = log_lags(20_000)


def ensemble(mu, rng, replicas=12, noise=0.2, bend=None, metadata=None):
    """Exact Delta = 1e-2 (t / t*)^1.5 with t* ~ tw^mu, times tw^(0.05 noise) factors of the runs; bend: (tw, mu)."""
    log_t = np.log(0.1) + mu * np.log(TW)
    if bend is not None:
        later = np.maximum(np.log(TW / bend[0]), 0.0)
        log_t = log_t + (bend[1] - mu) * later
    tilt = noise * rng.standard_normal((replicas, 1)) * np.log(TW / 4000.0)
    values = 1e-2 * (LAGS / np.exp(log_t + tilt)[..., None]) ** 1.5
    return MeanSquareDisplacement(TW, LAGS, values, metadata or {})


@pytest.fixture
def five(rng):
    return [ensemble(mu, rng) for mu in (0.6, 0.7, 0.75, 0.9, 1.0)]


def test_each_exponent_is_that_of_aging(five):
    found = compare_realizations(five, from_waiting_time=4000)
    assert found.status == Status.OK
    for d, msd in enumerate(five):
        fit = aging(msd)
        np.testing.assert_allclose(found.t_star[d], fit.t_star.value)
        assert found.mu.each.value[d] == pytest.approx(fit.mu.value)
        assert found.mu.each.low[d] == pytest.approx(fit.mu.low, abs=0.05)
        assert found.mu.each.high[d] == pytest.approx(fit.mu.high, abs=0.05)
        later = np.polyfit(np.log(TW[3:]), np.log(fit.t_star.value[3:]), 1)[0]
        assert found.later_mu.each.value[d] == pytest.approx(later)
    assert found.later_waiting_times.tolist() == [4500, 6400, 10000]


def test_mean_and_spread_are_the_textbooks(five):
    found = compare_realizations(five).mu
    assert found.mean.value == pytest.approx(np.mean(found.each.value))
    assert found.sd == pytest.approx(np.std(found.each.value, ddof=1))
    assert found.standard_error == pytest.approx(found.sd / np.sqrt(5))
    assert found.within_sd == pytest.approx(np.sqrt(np.mean(found.run_sd**2)))
    assert found.between_sd**2 == pytest.approx(found.sd**2 - found.within_sd**2)
    assert found.mean.low < found.mean.value < found.mean.high


def test_the_spread_over_runs_is_that_of_fresh_runs(rng):
    """The bootstrap from 40 runs against 200 independent ensembles of 40."""
    fresh = [aging(ensemble(0.8, rng, replicas=40), resamples=1).mu.value for _ in range(200)]
    run_sd = compare_realizations([ensemble(0.8, rng, replicas=40) for _ in range(6)]).mu.run_sd
    assert run_sd.mean() == pytest.approx(np.std(fresh), rel=0.2)


def test_runs_explain_the_spread_of_equal_data_and_data_that_of_quiet_runs(rng):
    equal = compare_realizations([ensemble(0.8, rng) for _ in range(40)]).mu
    assert equal.sd == pytest.approx(equal.within_sd, rel=0.35)
    quiet = compare_realizations([ensemble(mu, rng, noise=1e-4) for mu in (0.6, 0.8, 1.0)]).mu
    assert quiet.within_sd < 1e-3
    assert quiet.between_sd == pytest.approx(0.2, rel=0.01)


def test_behind_the_bend_the_second_slope_is_found(rng):
    bent = [ensemble(1.3, rng, noise=1e-6, bend=(3300, 0.7)) for _ in range(3)]
    found = compare_realizations(bent)
    np.testing.assert_allclose(found.later_mu.each.value, 0.7, atol=0.01)
    assert (found.mu.each.value > 0.9).all()


@pytest.mark.slow
@pytest.mark.parametrize(("between", "noise"), [(0.15, 0.1), (0.02, 0.4)])
def test_the_interval_of_the_mean_covers(between, noise, rng):
    """As often as stated, whether the data or the runs make the spread.

    The runs' factors exp(-1.5 noise z L), L = ln(tw / 4000), have the mean exp((1.5 noise L)^2 / 2): t* of the mean is
    no power law, and the slope that is covered is that of its logarithm.
    """
    log_tw = np.log(TW / 4000.0)
    truth = 0.8 - np.polyfit(log_tw, (1.5 * noise * log_tw) ** 2 / 2 / 1.5, 1)[0]
    covered = []
    for k in range(120):
        mus = 0.8 + between * rng.standard_normal(8)
        found = compare_realizations([ensemble(mu, rng, 8, noise) for mu in mus], resamples=2, rng=k).mu
        covered.append(found.mean.low <= truth <= found.mean.high)
    assert np.mean(covered) >= 0.89  # three standard errors below 0.95


def test_the_seed_decides_and_nothing_is_changed(five):
    for msd in five:
        msd.values.flags.writeable = False
    a, b, c = (compare_realizations(five, rng=seed).mu for seed in (3, 3, 4))
    np.testing.assert_array_equal(a.each.low, b.each.low)
    assert not np.array_equal(a.each.low, c.each.low)


def test_the_interval_of_the_mean_is_students(five):
    found = compare_realizations(five).mu
    ends = stats.t.interval(0.95, 4, loc=np.mean(found.each.value), scale=stats.sem(found.each.value))
    assert found.mean.interval == pytest.approx(ends)


def test_thin_data_are_a_status(five, rng):
    assert compare_realizations(five[:1]).status == Status.TOO_FEW_REALIZATIONS
    single = [ensemble(0.8, rng, replicas=1) for _ in range(3)]
    found = compare_realizations(single)
    assert found.status == Status.TOO_FEW_RUNS
    assert np.isnan(found.mu.run_sd).all()
    assert np.isfinite(found.mu.sd)
    beyond = compare_realizations(five, threshold=1e9)
    assert beyond.status == Status.TOO_FEW_REALIZATIONS
    assert beyond.mu.number == 0
    assert np.isnan([beyond.mu.mean.value, beyond.mu.sd, beyond.mu.mean.low, beyond.mu.within_sd]).all()


def test_one_realization_without_an_exponent_does_not_spoil_the_others(five):
    slow = replace(five[0], values=five[0].values * 1e-9)
    found = compare_realizations([*five, slow])
    assert found.mu.number == 5
    assert found.mu.mean.value == pytest.approx(compare_realizations(five).mu.mean.value)


def test_bad_arguments_are_named(five):
    with pytest.raises(ValueError, match="threshold must be positive and finite; got 0"):
        compare_realizations(five, threshold=0)
    with pytest.raises(ValueError, match="must hold at least one"):
        compare_realizations([])
    with pytest.raises(ValueError, match="confidence must be between 0 and 1; got 2"):
        compare_realizations(five, confidence=2)
    shorter = MeanSquareDisplacement(TW[:5], LAGS, five[0].values[:, :5])
    with pytest.raises(ValueError, match="must have the same waiting_times"):
        compare_realizations([five[0], shorter])
    other = replace(five[1], metadata={"learning_rate": 0.1})
    with pytest.raises(
        ValueError, match=r"must differ only in the seed of their data and of the runs; learning_rate is None and 0\.1"
    ):
        compare_realizations([five[0], other])
    kinds = [{"data": {"name": "table", "path": name, "seed": k}} for k, name in enumerate(("a.csv", "b.csv"))]
    with pytest.raises(ValueError, match=r"path is 'a\.csv' and 'b\.csv'"):
        compare_realizations([replace(msd, metadata=kind) for msd, kind in zip(five, kinds, strict=False)])
    rows = [{"data": {"name": "ljat", "rows": rows, "seed": rows}} for rows in (200, 300)]
    with pytest.raises(ValueError, match="rows is 200 and 300"):
        compare_realizations([replace(msd, metadata=kind) for msd, kind in zip(five, rows, strict=False)])
    draws = [{"seed": k, "data": {"name": "ljat", "seed": k}, "data_sha256": str(k)} for k in range(2)]
    assert compare_realizations([replace(msd, metadata=kind) for msd, kind in zip(five, draws, strict=False)])
    same = [replace(msd, metadata={"data_sha256": "abc"}) for msd in five[:2]]
    with pytest.raises(ValueError, match="of different data; number 1 has those of another one, sha256 abc"):
        compare_realizations(same)


def test_the_figure_has_both_exponents(five):
    figure = plot_exponents(compare_realizations(five))
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    assert "runs alone" in figure.axes[0].get_title()
    assert flaws(figure) == []
    (ax,) = plot_exponents(compare_realizations(five), panels=["later"]).axes
    assert ax.get_title() == figure.axes[1].get_title()


# ---------------------------------------------------------------- the commands

TRAIN = ("train", "--hidden", "3", "--rows", "100", "--replicas", "3", "--steps", "300", "--batch-size", "20")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("realizations")
    result = agescape(*TRAIN, "--dataset-seeds", 3, "--dataset-seed", 2, "--output", folder / "F.h5", "--json")
    assert result.code == 0, result.err
    return folder, strict_json(result.out)


def test_train_writes_a_file_for_each_realization(trained):
    folder, said = trained
    assert [row["dataset_seed"] for row in said["realizations"]] == [2, 3, 4]
    assert said["files"] == [str(folder / f"F-seed{k}.h5") for k in (2, 3, 4)]
    finals = ("final_loss", "final_accuracy", "final_test_loss", "final_test_accuracy")
    for k, row in enumerate(said["realizations"]):
        with h5py.File(said["files"][k]) as file:
            assert json.loads(file.attrs["metadata"])["data"]["seed"] == 2 + k
            for name in finals:
                assert row[name] == pytest.approx(file[name.removeprefix("final_")][:, -1].mean())
    for name in finals:
        means = [row[name] for row in said["realizations"]]
        assert said[name] == pytest.approx(np.mean(means))
        low, high = stats.t.interval(0.95, 2, loc=np.mean(means), scale=stats.sem(means))
        assert said[f"{name}_low"] == pytest.approx(max(low, 0.0))
        assert said[f"{name}_high"] == pytest.approx(min(high, 1.0) if "accuracy" in name else high)


def test_each_file_is_that_of_its_seed_alone_and_nothing_is_done_twice(trained, tmp_path):
    folder, said = trained
    alone = agescape(*TRAIN, "--dataset-seed", 3, "--output", tmp_path / "one.h5", "--json")
    with h5py.File(tmp_path / "one.h5") as a, h5py.File(folder / "F-seed3.h5") as b:
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name][...], b[name][...])
    assert strict_json(alone.out)["final_test_loss"] == said["realizations"][1]["final_test_loss"]
    before = [(folder / f"F-seed{k}.h5").stat().st_mtime_ns for k in (2, 3, 4)]
    again = agescape(*TRAIN, "--dataset-seeds", 3, "--dataset-seed", 2, "--output", folder / "F.h5", "--json")
    assert strict_json(again.out)["replica_steps_per_second"] == 0
    assert [(folder / f"F-seed{k}.h5").stat().st_mtime_ns for k in (2, 3, 4)] == before


def test_age_of_several_files_reports_the_spread(trained, tmp_path):
    _, said = trained
    picture = tmp_path / "mu.png"
    options = ("--threshold", "1e-3", "--from-waiting-time", "40", "--output", picture, "--json")
    result = agescape("age", *said["files"], *options)
    assert result.code == 0, result.err
    spread = strict_json(result.out)
    assert picture.exists()
    assert {"waiting_times", "t_star", "mu", "mu_low", "mu_high", "crossover", "dataset", "rows"} < spread.keys()
    assert spread["dataset_seed"] == [2, 3, 4]
    assert min(spread["later_waiting_times"]) > 40 == spread["from_waiting_time"]
    for k, row in enumerate(spread["realizations"]):
        one = strict_json(agescape("age", said["files"][k], "--threshold", "1e-3", "--json").out)
        assert row["mu"] == pytest.approx(one["mu"])
        assert row["t_star"] == pytest.approx(one["t_star"])
    for name in ("mu", "later_mu"):
        values = [row[name] for row in spread["realizations"]]
        assert spread[name] == pytest.approx(np.mean(values))
        assert spread[f"{name}_sd"] == pytest.approx(np.std(values, ddof=1))
        within = [row[f"{name}_run_sd"] for row in spread["realizations"]]
        assert spread[f"{name}_within_sd"] == pytest.approx(np.sqrt(np.mean(np.square(within))))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("train", "--hidden", "3", "--dataset", "x.csv", "--dataset-seeds", "2", "--output", "F.h5"), "ljat or mnist"),
        (("age", "a.h5", "b.h5", "--control", "c.h5"), "need a single file of runs"),
        (("age", "a.h5", "b.h5"), "there is no file a.h5"),
    ],
)
def test_the_commands_name_what_is_wrong(arguments, complaint):
    result = agescape(*arguments)
    assert result.code == 2
    assert complaint in result.err
    assert result.err.count("\n") == 1
