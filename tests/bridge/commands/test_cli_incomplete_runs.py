"""The commands on runs that agescape did not train: an incomplete grid, no curves, no loss."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support.cli import agescape, assert_complaint
from support.paths import ROOT

from dynamics import load_trajectories
from dynamics.runs import Parameter, Trajectories, at_common_steps, write_trajectories
from dynamics.synthetic import aging_walk


def said(*arguments, as_json=True):
    """What a command prints: its JSON, or its text."""
    done = agescape(*arguments, *(["--json"] if as_json else []))
    assert done.code == 0, done.err
    return json.loads(done.out) if as_json else done.out


TW, STEPS = np.array([32, 64, 128, 256, 1000]), np.array([0, *2 ** np.arange(10), *range(1000, 9000, 500)])

PARAMETERS = (Parameter("conv.weight", (5, 8)), Parameter("conv.bias", (8,)), Parameter("head.weight", (12,)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Powers of two, then every 500 steps; two of six runs end early, one file is missing, and others beside them."""
    folder, found = tmp_path_factory.mktemp("incomplete"), []
    lags = np.unique([b - a for a in TW for b in STEPS if b > a])
    for seed, mu in ((0, 0.5), (1, 0.7)):
        walk = aging_walk(6, 60, TW, lags, 1e-3, mu=mu, rng=seed)
        kept = np.isin(walk.steps, STEPS)
        recorded = np.ones((6, kept.sum()), bool)
        recorded[:2, walk.steps[kept] > 4000] = False
        recorded[3, -4] = False
        none = np.empty((6, 0))
        runs = Trajectories(
            (), walk.steps[kept], np.where(recorded[..., None], walk.snapshots[:, kept], np.nan), TW, lags,
            np.empty(0, int), none, none, none, {"program": "other"}, recorded=recorded,
            parameters=PARAMETERS,
        )  # fmt: skip
        write_trajectories(folder / f"{seed}.h5", runs)
        found.append(folder / f"{seed}.h5")
    return found


def test_age_says_which_pairs_there_were(files, tmp_path):
    options = ("--threshold", 0.03, "--compare-with", files[1], "--output", tmp_path / "a.svg", "--panel", "msd")
    result = said("age", files[0], *options)
    runs = load_trajectories(files[0])
    kept = [{int(s) for s in runs.steps_of(r)} for r in range(6)]
    counts = np.array([[sum({tw, tw + t} <= own for own in kept) for t in runs.lags.tolist()] for tw in TW.tolist()])
    assert result["pairs"]["runs"] == counts.tolist()
    assert (result["pairs"]["recorded"], result["pairs"]["of"]) == ((counts > 0).sum(), counts.size)
    assert result["pairs"]["in_all_runs"] == (counts == 6).sum()
    assert np.isfinite(np.array(result["t_star"], float)).sum() >= 3
    assert np.array(result["t_star_runs_mean_interval"]).shape == (5, 2)
    other = result["compared_with"][str(files[1])]
    assert 0 <= other["p_value"] <= 1
    assert (tmp_path / "a.svg").exists()


def test_age_says_it_in_words(files):
    text = said("age", files[0], "--threshold", 0.03, "--compare-with", files[1], as_json=False)
    assert "pairs of waiting time and lag" in text
    assert " were recorded, " in text
    assert "t* (steps)" in text
    assert "mean of t* (steps)" in text
    assert "between lags" in text
    assert f"mu minus that of {files[1]}" in text


def test_observe_measures_what_can_be(files):
    result = said("observe", files[0], "--threshold", 0.01)
    assert {"layers", "alpha2"} <= result.keys()
    assert result["missing"] == "layer_sizes"
    assert {"curves", "outputs", "gradients", "modulo-symmetry", "onset"} <= set(result["left_out"])
    assert result["layers"]["names"] == ["conv.weight", "conv.bias", "head.weight"]


def test_info_and_what_is_refused(files):
    info = said("info", files[0])
    runs = load_trajectories(files[0])
    assert (info["recorded"], info["steps"]) == (runs.recorded.sum(), runs.steps[-1])
    assert info["layers"] == ["conv", "head"]
    assert "not all in each run" in said("info", files[0], as_json=False)


def test_common_steps_and_refusals(files):
    runs = load_trajectories(files[0])
    assert set(runs.common_steps) == set.intersection(*(set(runs.steps_of(r).tolist()) for r in range(6)))
    with pytest.raises(ValueError, match=r"run 0 has none at 4500. Choose steps that all runs have \(\d+ of \d+\)"):
        runs.check_recorded([4500])
    with pytest.raises(ValueError, match="there is none at 3"):
        runs.check_recorded([3])
    assert replace(runs, snapshots=np.empty((6, 0, 60)), steps=np.empty(0, int), recorded=None).last_step == 0


def test_runs_at_the_steps_that_all_have(files):
    runs = load_trajectories(files[0])
    common = at_common_steps(runs)
    np.testing.assert_array_equal(common.steps, runs.common_steps)
    at = np.searchsorted(runs.steps, common.steps)
    np.testing.assert_array_equal(common.snapshots[3], runs.snapshots[3][at])
    assert common.recorded.all()
    assert at_common_steps(common) is common
    np.testing.assert_array_equal(common.waiting_times, [tw for tw in TW if tw in set(common.steps.tolist())])
    pairs = {b - a for a in common.waiting_times.tolist() for b in common.steps.tolist()}
    assert set(common.lags.tolist()) == pairs & set(runs.lags.tolist())
    nothing = np.zeros_like(runs.recorded)
    nothing[:, 0] = True
    with pytest.raises(ValueError, match=r"1 of \d+ steps are in every run, and run 0 lacks"):
        at_common_steps(replace(runs, recorded=nothing))


def test_a_module_is_refused_where_the_runs_name_none(files):
    pytest.importorskip("torch")
    done = agescape("observe", files[0], "--module", f"{ROOT}/tests/support/modules/nets.py:Net(hidden=2)")
    assert_complaint(done, "their metadata have no layer_sizes and no module")
