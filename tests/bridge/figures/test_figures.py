"""Figures of the paper, on runs that are small enough for a test."""

import dataclasses
import json
import re
import time

import numpy as np
import pytest
from support.figures import flaws

from bridge.cli import run
from bridge.figures import FIGURES, Ensemble, Work, estimate_seconds, get_figure, missing_seconds, reproduce
from bridge.figures._gradients import GradientCurves
from bridge.figures._widths import WidthScan
from dynamics import aging, load_trajectories, mean_square_displacement, train
from dynamics.noises import Full, Langevin
from landscape import CrossEntropyLoss
from landscape.datasets import CHUNK, Dataset, fresh_rows, ljat
from landscape.networks import MLP
from landscape.support import Estimate

STEPS, REPLICAS = 12_000, 3  # figure A3 looks at steps from 10000 on
TINY = tuple(Ensemble(hidden, REPLICAS, STEPS, rows=100) for hidden in ((3,), (2, 2)))


def tiny(name, ensembles=TINY):
    return dataclasses.replace(get_figure(name), ensembles=lambda scale: ensembles)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduce")


def test_names_of_ensembles_tell_apart_all_that_decides_their_runs():
    base = Ensemble((3,), 2, 100)
    others = [
        dataclasses.replace(base, **change)
        for change in (
            {"hidden": (2, 2)},
            {"steps": 200},
            {"dataset": "mnist"},
            {"rows": 50},
            {"dataset_seed": 1},
            {"noise": Full()},
            {"noise": Langevin(1e-5)},
            {"noise": Langevin(1e-4)},
            {"waiting_times": (10, 20)},
            {"method": "adam"},
        )
    ]
    names = {ensemble.name for ensemble in (base, *others)}
    assert len(names) == len(others) + 1
    assert dataclasses.replace(base, replicas=5).name == base.name  # more runs go into the same file


@pytest.mark.parametrize("name", [n for n in FIGURES if n.startswith("fig")])
def test_ensembles_have_the_papers_numbers(name):
    ensembles = FIGURES[name].ensembles("paper")
    assert ensembles
    for ensemble in ensembles:
        wanted = (100_000, 1_000_000) if ensemble.dataset == "mnist" else (150_000, 150_000)
        assert wanted[0] <= ensemble.steps <= wanted[1]
        assert ensemble.batch_size == (50 if ensemble.dataset == "mnist" else 100)
        assert ensemble.n_parameters == MLP(ensemble.layer_sizes).n_parameters


@pytest.mark.slow
def test_figures_with_equal_ensembles_share_their_runs(folder):
    trained = []
    for name in ("fig1", "fig2", "figA3"):
        reproduce(tiny(name), folder, progress=lambda stage, done, total: trained.append((stage, done)))
    starts = [done for stage, done in trained if stage.startswith("train")]
    assert starts.count(0) == len(TINY)  # only the first figure began from nothing
    assert len(list((folder / "quick" / "runs").glob("*.h5"))) == len(TINY)


def test_curves_are_means_over_the_runs(folder):
    made = reproduce(tiny("fig1"), folder)
    runs = load_trajectories(Work(folder / "quick" / "runs").path(TINY[1]))
    np.testing.assert_allclose(made.ours["loss"][1], np.asarray(runs.loss).mean(axis=0))
    spread = np.asarray(runs.accuracy)[:, -1].std(ddof=1) / np.sqrt(REPLICAS)
    assert made.ours["final_accuracy_error"][1] == pytest.approx(spread)


def test_aging_figure_is_the_analysis_of_its_runs(folder):
    made = reproduce(tiny("fig2"), folder)
    fit = aging(mean_square_displacement(load_trajectories(Work(folder / "quick" / "runs").path(TINY[0]))), 1e-2)
    np.testing.assert_array_equal(made.ours["t_star"][0], fit.t_star.value)
    assert made.ours["mu"][0] == pytest.approx(fit.mu.value, nan_ok=True)


def test_aging_figure_has_the_papers_average_in_both_windows(folder):
    """The mean over the runs of the lags at which each first reaches the threshold, here interpolated by hand."""
    made = reproduce(tiny("fig2"), folder)
    msd = mean_square_displacement(load_trajectories(Work(folder / "quick" / "runs").path(TINY[0])))
    times = np.empty((REPLICAS, msd.waiting_times.size))
    for r, w in np.ndindex(times.shape):
        after = int(np.flatnonzero(msd.values[r, w] >= 1e-2)[0])
        pair = slice(after - 1, after + 1)
        times[r, w] = np.exp(np.interp(np.log(1e-2), np.log(msd.values[r, w, pair]), np.log(msd.lags[pair])))
    np.testing.assert_allclose(made.ours["t_star_runs_mean"][0], times.mean(axis=0))
    slopes = [
        np.polyfit(np.log(msd.waiting_times[first:]), np.log(times.mean(axis=0)[first:]), 1)[0]
        for first in (0, -2)  # these runs are too short for more than the last two
    ]
    assert made.ours["mu_runs_mean"][0] == pytest.approx(slopes[0])
    assert made.ours["behind_the_bend"]["mu_runs_mean"][0] == pytest.approx(slopes[1])


def test_files_hold_published_beside_ours(folder):
    made = reproduce(tiny("figA3"), folder)
    content = json.loads(made.files[0].read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert content["published"]["late_gradient_rms"] == [0.02, 0.07, 0.12]
    assert set(content["ours"]) >= {"late_gradient_rms", "late_gradient_rms_error"}
    assert [one["published"] for one in content["statements"]] == ["0.02, 0.07, 0.12", ""]
    assert {path.suffix for path in made.files} == {".json", ".png", ".svg"}
    assert all(path.stat().st_size > 0 for path in made.files)


def test_fewer_runs_first_and_the_rest_later_are_the_same_as_all_at_once(folder, tmp_path):
    reproduce(tiny("fig1"), tmp_path, replicas=2)
    later = reproduce(tiny("fig1"), tmp_path)
    at_once = reproduce(tiny("fig1"), folder)
    np.testing.assert_array_equal(later.ours["loss"], at_once.ours["loss"])


def test_fewer_steps_are_the_first_of_more(folder, tmp_path):
    made, whole = reproduce(tiny("fig1"), tmp_path, steps=STEPS // 2), reproduce(tiny("fig1"), folder)
    assert json.loads(made.files[0].read_text())["steps"] == [STEPS // 2]
    short, long = (load_trajectories(next((base / "quick" / "runs").glob("*h3*.h5"))) for base in (tmp_path, folder))
    kept = np.isin(long.steps, short.steps)
    assert kept.sum() > 10
    np.testing.assert_array_equal(short.snapshots[:, np.isin(short.steps, long.steps)], long.snapshots[:, kept])
    assert (made.ours["steps"], whole.ours["steps"]) == (STEPS // 2, STEPS)
    with pytest.raises(ValueError, match="steps must be at least 10000"):
        reproduce(tiny("figA3"), tmp_path, steps=STEPS // 2)


@pytest.mark.slow
def test_estimate_leaves_out_what_is_on_disk(folder, tmp_path):
    reproduce(tiny("fig1"), folder)
    figure = dataclasses.replace(tiny("fig1"), extra_seconds=lambda scale: 0.0)
    assert estimate_seconds(figure, folder, "quick") == 0.0
    assert estimate_seconds(figure, tmp_path, "quick") > 0.0


@pytest.mark.parametrize(
    ("name", "replicas", "steps", "seconds"),
    [("fig1", 100, 150_000, 65), ("fig3", 100, 150_000, 6), ("fig5", 50, 300_000, 870), ("fig6", 40, 30_000, 590)],
)
def test_estimates_of_runs_are_those_of_the_pages(name, replicas, steps, seconds, tmp_path):
    """Processor seconds that the runs at the paper's scale took, as docs/reproduction has them."""
    work, found = Work(tmp_path), FIGURES[name].ensembles("paper")
    estimate = sum(missing_seconds(one.at_most(replicas, steps), work) for one in found)
    assert seconds / 2 < estimate < 2 * seconds


@pytest.mark.slow
def test_runs_on_pixels_take_as_long_as_estimated():
    """Curves over all rows take most of a short run; in units of a run on few inputs, because machines differ."""
    rng = np.random.default_rng(0)
    wide, few = Ensemble((5, 5), 1, 4000, "mnist", rows=20_000, batch_size=50), Ensemble((10,), 1, 40_000)
    pixels = [rng.integers(0, 256, (rows, 784)) / 255 for rows in (20_000, 10_000)]
    labels = [np.arange(len(rows)) % 10 for rows in pixels]
    digits = Dataset(pixels[0], labels[0], 10, pixels[1], labels[1])
    taken = []
    for one, data in ((wide, digits), (few, ljat(rows=1000, seed=0))):
        loss = CrossEntropyLoss(MLP(one.layer_sizes), data, 1e-4)
        seconds = []
        for steps in (2, one.steps, one.steps):  # the first compiles
            begin = time.process_time()
            train(loss, one.optimizer, replicas=1, steps=steps, waiting_times=[1], lags=[1])
            seconds.append(time.process_time() - begin)
        taken.append(min(seconds[1:]) / one.run_seconds)
    assert 0.5 < taken[0] / taken[1] < 2.0


def test_spectra_have_the_traces_of_the_hessian(folder):
    made = reproduce(tiny("fig7", TINY[1:]), folder)
    work = Work(folder / "quick" / "runs")
    runs, loss = load_trajectories(work.path(TINY[1])), work.loss(TINY[1])
    traces = [np.trace(loss.hessian(np.asarray(runs.snapshots[r], dtype=float)[0])) for r in range(REPLICAS)]
    assert made.ours["ljat"]["trace"][0] == pytest.approx(np.mean(traces))


def test_generalization_error_leaves_the_penalty_out(folder, monkeypatch):
    """On further rows of the data set: the 4000 test rows that runs have by default err by more than the runs do."""
    monkeypatch.setattr("bridge.figures._generalization.MOST_TEST_ROWS", {"quick": 2 * CHUNK})
    made = reproduce(tiny("figA2", TINY), folder)
    work = Work(folder / "quick" / "runs")
    runs, loss = load_trajectories(work.path(TINY[0])), work.loss(TINY[0])
    gaps, entropies, rows = [], [], int(made.ours["test_rows"][0])
    parts = [fresh_rows(loss.data, chunk) for chunk in range(rows // CHUNK)]
    for r in range(REPLICAS):
        theta = np.asarray(runs.snapshots[r], dtype=float)[-1]
        each = [loss.row_losses(theta, part.inputs, part.labels) for part in parts]
        entropies.append(np.concatenate(each))
        gaps.append(entropies[-1].mean() - loss.value(theta) + loss.regularization * theta @ theta)
    ours = made.ours
    assert ours["generalization_error"][0] == pytest.approx(np.mean(gaps), abs=1e-12)
    assert ours["test_rows"][0] == rows
    assert ours["generalization_error_standard_error_runs"][0] == pytest.approx(
        np.std(gaps, ddof=1) / np.sqrt(REPLICAS)
    )
    parts_of_error = [ours[f"generalization_error_standard_error_{name}"][0] for name in ("runs", "test_rows")]
    assert ours["generalization_error_standard_error"][0] == pytest.approx(np.hypot(*parts_of_error))
    assert parts_of_error[1] == pytest.approx(np.mean(entropies, axis=0).std(ddof=1) / np.sqrt(rows), rel=1e-9)


def test_gradients_from_step_ten_thousand_on_have_a_root_mean_square_over_time():
    steps = np.array([0, 9_999, 10_000, 20_000])
    curves = GradientCurves(("3",), steps, np.array([[[9.0, 9.0, 1.0, 7.0]]]), 20)
    assert curves.late[0, 0] == curves.pooled()[0] == 5.0
    assert curves.pooled(epoch_ends=True)[0] == pytest.approx(5.0)


def test_gradients_at_the_ends_of_epochs_are_apart():
    norms = np.array([[[9.0, 3.0, 1.0], [9.0, 4.0, 7.0]]])
    curves = GradientCurves(("3",), np.array([0, 10_000, 10_001]), norms, 10)
    np.testing.assert_allclose(curves.late[0], np.sqrt([5.0, 32.5]))
    assert curves.pooled()[0] == pytest.approx(np.sqrt(75 / 4))
    assert curves.pooled(epoch_ends=True)[0] == pytest.approx(np.sqrt(12.5))


def test_late_gradients_are_those_of_the_snapshots(folder):
    made = reproduce(tiny("figA3", TINY[:1]), folder)
    work = Work(folder / "quick" / "runs")
    runs, loss = load_trajectories(work.path(TINY[0])), work.loss(TINY[0])
    late = np.flatnonzero(runs.steps >= 10_000)
    thetas = (np.asarray(runs.snapshots[r], dtype=float)[s] for r in range(REPLICAS) for s in late)
    squares = [(loss.value_and_gradient(theta)[1] ** 2).sum() for theta in thetas]
    rms = np.sqrt(np.reshape(squares, (REPLICAS, -1)).mean(axis=1))
    assert made.ours["late_gradient_rms"][0] == pytest.approx(rms.mean())
    assert made.ours["late_points"] == late.size


def test_evenly_spaced_snapshots_are_at_all_places_of_an_epoch():
    for ensemble in get_figure("figA3").ensembles("paper"):
        steps = ensemble.waiting_times[0] + np.array(ensemble.lags)
        assert 690 < steps.size < 710
        assert steps[-1] <= ensemble.steps < steps[-1] + ensemble.every
        assert set(steps % 10) == set(range(10))


def test_mean_exponent_is_that_of_networks_that_do_not_fit_the_data():
    class Fit:
        def __init__(self, mu):
            self.mu_runs_mean = Estimate(mu, np.nan, np.nan)

    fits = Fit(0.6), Fit(0.8), Fit(5.0)
    scan = WidthScan(("7", "9", "11"), np.array([6, 12, 30]), 60, np.array([0.9, 0.98, 0.995]), (), fits, 100)
    np.testing.assert_allclose(scan.mean_mu, (0.7, 0.1))
    np.testing.assert_allclose(scan.alpha, (0.1, 0.2, 0.5))  # P / N


def test_unknown_figure_names_those_there_are():
    with pytest.raises(ValueError, match=r"fig1, fig2.*got 'fig99'"):
        get_figure("fig99")


def test_command_lists_what_each_figure_needs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["agescape", "reproduce", "list", "--output", str(tmp_path), "--json"])
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code == 0
    listed = json.loads(capsys.readouterr().out)["figures"]
    assert [row["figure"] for row in listed] == list(FIGURES)
    paper = {row["figure"]: (row["paper_runs"], row["paper_steps"]) for row in listed}
    assert paper["fig2"] == (300, 150_000)
    assert paper["fig5"] == (150, 300_000)


def drawn_panels(figure, result):
    """The names that drawing itself offers, from what it says of a wrong one."""
    with pytest.raises(ValueError, match="panel must be one of") as wrong:
        figure.draw(result, panels=["no such panel"])
    return re.search("one of (.*); got", str(wrong.value))[1].split(", ")


@pytest.mark.parametrize("name", ["fig1", "fig2"])
def test_panels_are_known_before_any_work(name, folder):
    figure = tiny(name)
    result = figure.compute(Work(folder / "quick" / "runs"), TINY)
    assert list(figure.panels(TINY)) == drawn_panels(figure, result)


def test_a_wrong_panel_is_refused_before_any_work(tmp_path, capsys, monkeypatch):
    with pytest.raises(ValueError, match="panel must be one of loss, accuracy; got 'x'"):
        reproduce(tiny("fig1"), tmp_path, panels=["x"])
    monkeypatch.setattr(
        "sys.argv", ["agescape", "reproduce", "fig2", "--panel", "agin", "--steps", "100", "--output", str(tmp_path)]
    )
    with pytest.raises(SystemExit) as end:
        run()
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "must be one of 10, 5-5, 4-4-4, aging; got 'agin' (did you mean aging?)" in said
    assert "about" not in said  # no time is announced, no work begun
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("size", ["screen", "page", "column"])
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in {"minima", "late", "mnist-landscape"}])
def test_no_figure_has_a_flaw(name, size, folder):
    ensembles = TINY[1:] if name in {"fig7", "figA1"} else TINY
    figure = tiny(name, ensembles)
    result = figure.compute(Work(folder / "quick" / "runs"), ensembles)
    assert flaws(figure.draw(result, size=size)) == []
    assert list(figure.panels(ensembles)) == drawn_panels(figure, result)
