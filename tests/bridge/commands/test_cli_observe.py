"""The command `observe`, and what it says against the functions behind it."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from support.cli import agescape, strict_json
from support.figures import flaws

from dynamics import aging, load_trajectories, observe, plots
from dynamics.displacement import displacement_modulo_symmetry, layer_displacement, non_gaussian, output_displacement
from dynamics.observables import OBSERVABLES, minibatch_gradients, onset_from_loss, replica_overlap, update_alignment
from dynamics.plots import plot_observables
from landscape import datasets

TRAIN = ("train", "--hidden", "3", "--rows", "100", "--replicas", "4", "--steps", "400", "--batch-size", "20")
DATASET_KEYS = {"dataset", "dataset_seed", "rows"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("observe")
    for name, rate in (("F.h5", 0.05), ("G.h5", 0.04)):  # the same starts and minibatches
        result = agescape(*TRAIN, "--learning-rate", rate, "--output", folder / name, "--json")
        assert result.code == 0, result.err
    return folder / "F.h5", folder / "G.h5"


@pytest.fixture(scope="module")
def runs(files):
    return load_trajectories(files[0])


@pytest.fixture(scope="module")
def said(files):
    first, other = files
    picture = first.with_name("all.png")
    result = agescape(
        "observe", first, "--other", other, "--threshold", "1e-3", "--output", picture, "--seed", 5, "--json"
    )
    assert result.code == 0, result.err
    assert picture.stat().st_size > 10_000
    return strict_json(result.out)


def same(told, expected):
    """Numbers of a JSON text, null for nan."""
    told = np.array(told, dtype=object)
    told = np.where(told == None, np.nan, told).astype(float)  # noqa: E711 (elementwise)
    np.testing.assert_allclose(told, expected)


def test_every_observable_is_there(said):
    names = {name.replace("-", "_") for name in OBSERVABLES}
    others = {"replicas", "steps", "waiting_times", "lags", "threshold", "loss_unit", "output"}
    assert names | DATASET_KEYS | others == said.keys()
    assert {entry.plot for entry in OBSERVABLES.values()} <= set(plots.__all__)


def test_displacements_are_those_of_the_functions(said, runs):
    data = datasets.ljat(rows=100, seed=0)
    layers = layer_displacement(runs)
    for g, name in enumerate(layers.names):
        same(said["layers"]["displacement"][g], layers.group(name).mean)
        fit = aging(layers.group(name), 1e-3, rng=5)
        same(said["layers"]["groups"][name]["t_star"], fit.t_star.value)
        same(said["layers"]["groups"][name]["mu_low"], fit.mu.low)
    symmetric = displacement_modulo_symmetry(runs)
    same(said["modulo_symmetry"]["displacement"], symmetric.modulo.mean)
    same(said["modulo_symmetry"]["exchanged"], symmetric.exchanged)
    outputs = output_displacement(runs, data)
    same(said["outputs"]["displacement"], outputs.mean)
    same(said["outputs"]["mu"], aging(outputs, 1e-3).mu.value)
    moments = non_gaussian(runs)
    same(said["alpha2"]["alpha2"], moments.alpha_2)
    same(said["alpha2"]["largest"], np.nanmax(moments.alpha_2, axis=1))


def test_the_others_are_those_of_the_functions(said, runs, files):
    curves = said["curves"]
    same(curves["test_loss"], runs.test_loss.mean(axis=0))
    assert curves["final_accuracy"] == pytest.approx(runs.accuracy[:, -1].mean())
    overlap = replica_overlap(runs, load_trajectories(files[1]), modulo_symmetry=True)
    same(said["overlap"]["distance_modulo"], overlap.distance_modulo.mean(axis=0))
    same(said["overlap"]["correlation"], overlap.correlation.mean(axis=0))
    assert said["overlap"]["distance"][0] == 0  # they start alike
    alignment = update_alignment(runs, [1, 2, 4])
    same(said["alignment"]["mean"], alignment.mean)
    onset = onset_from_loss(runs, rng=5)
    same(said["onset"]["from_loss"]["step"], onset.step.value)
    assert said["onset"]["from_loss"]["status"] == str(onset.status)
    steps = np.unique([*runs.waiting_times, 400])
    gradients = minibatch_gradients(runs, datasets.ljat(rows=100, seed=0), rng=np.random.default_rng(5), steps=steps)
    same(said["gradients"]["minibatch"], gradients.minibatch.mean(axis=0))
    assert said["gradients"]["batch_size"] == 20


def test_means_have_the_intervals_of_student(said, runs, files):
    last = runs.loss[:, -1]
    expected = stats.t.interval(0.95, runs.replicas - 1, loc=last.mean(), scale=stats.sem(last))
    curves = said["curves"]
    assert (curves["final_loss_low"], curves["final_loss_high"]) == pytest.approx(expected)
    assert curves["loss_interval"][-1] == pytest.approx(expected)
    alignment = update_alignment(runs, [1, 2, 4])
    each = np.nanmean(alignment.values, axis=-1)  # of each run, over the steps
    same(said["alignment"]["mean_over_steps"], each.mean(axis=0))
    ends = stats.t.interval(0.95, len(each) - 1, loc=each.mean(axis=0), scale=stats.sem(each))
    same(np.transpose(said["alignment"]["mean_over_steps_interval"]), ends)
    alpha = non_gaussian(runs).estimate()
    w, k = 0, np.nanargmax(alpha.value[0])
    same(said["alpha2"]["largest_interval"][w], [alpha.low[w, k], alpha.high[w, k]])
    text = agescape("observe", files[0], "--what", "curves,alignment,alpha2,gradients", "--runs", 1).out
    assert text.count("(one run: no interval)") >= 7
    text = agescape("observe", files[0], "--what", "curves").out
    assert re.search(r"loss at the end +[\d.]+ \[[\d.]+, [\d.]+\] nats", text)


def test_only_what_is_asked_for_is_computed(files):
    result = agescape("observe", files[0], "--what", "gradients, layers", "--runs", 2, "--json")
    found = strict_json(result.out)
    assert {"gradients", "layers"} < found.keys()
    assert not found.keys() & {"curves", "outputs", "alpha2", "modulo_symmetry", "overlap", "alignment", "onset"}
    assert found["replicas"] == 2


@pytest.mark.slow
def test_all_leaves_out_what_there_is_nothing_for(runs):
    assert set(observe(runs)) == set(OBSERVABLES) - {"overlap", "outputs", "gradients", "tail-index"}
    none = observe(runs, separations=[333])
    assert "alignment" not in none
    assert none["onset"].alignment is None


@pytest.mark.slow
def test_the_figure_has_a_panel_each(runs):
    done = []
    results = observe(runs, ["curves", "alpha2", "onset", "layers", "alignment"], progress=lambda *at: done.append(at))
    assert done == [(k, 5) for k in (1, 2, 3, 4, 5)]
    figure = plot_observables(results)
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 5
    assert flaws(figure) == []
    assert [ax.get_ylabel() for ax in plot_observables(results, panels=["onset", "curves"]).axes] == [
        figure.axes[2].get_ylabel(),
        figure.axes[0].get_ylabel(),
    ]


def test_text_is_for_a_reader(files):
    result = agescape("observe", files[0], "--what", "curves,alpha2")
    assert result.code == 0
    assert "test loss at the end" in result.out
    assert max(map(len, result.out.splitlines())) < 600


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--what", "layers,colors"), "what must name some of curves, layers, .* got 'colors'"),
        (("--what", "overlap"), "--other must be given for overlap: the runs"),
        (("--separations", "0"), "--separations must be whole numbers of steps"),
        (("--separations", "333", "--what", "alignment"), "need snapshots that the runs do not have"),
        (("--output", "x.txt"), "x.txt"),
    ],
)
def test_bad_input_is_named(files, arguments, complaint):
    result = agescape("observe", files[0], *arguments)
    assert result.code == 2
    assert re.search(complaint, result.err)
    assert result.err.count("\n") == 1


def test_data_are_needed_where_they_are(runs):
    with pytest.raises(ValueError, match="data must be given for outputs, gradients and tail-index"):
        observe(runs, ["outputs"])
