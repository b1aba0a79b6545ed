"""Runs that agescape did not train: any steps, named parameters, displacements without snapshots, and their file."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dynamics.displacement import layer_displacement, mean_square_displacement, non_gaussian
from dynamics.runs import Parameter, Trajectories, grid_of, load_trajectories, write_trajectories
from dynamics.synthetic import brownian

PARAMETERS = (
    Parameter("conv1.weight", (2, 1)),
    Parameter("conv1.bias", (2,)),
    Parameter("head.weight", (1, 2)),
    Parameter("scale", (1,)),
)
P = 7
PYTHIA = np.array([0, *2 ** np.arange(10), *range(1000, 144000, 1000)])
ARRAYS = ("snapshots", "recorded", "steps", "waiting_times", "lags", "curve_steps", "loss")


def recorded_runs(recorded, steps=None, dtype=np.float32, seed=0, waiting_times=None, lags=None):
    """Runs without curves and layer sizes, with the snapshots of `recorded` (R, S)."""
    recorded = np.asarray(recorded, dtype=bool)
    steps = np.arange(1, recorded.shape[1] + 1) if steps is None else np.asarray(steps)
    snapshots = np.random.default_rng(seed).normal(size=(*recorded.shape, P)).astype(dtype)
    snapshots[~recorded] = np.nan
    waiting = steps[steps >= 1][:3] if waiting_times is None else waiting_times
    lags = np.arange(1, 5) if lags is None else lags
    none, empty = np.empty((len(recorded), 0)), np.empty(0, dtype=np.int64)
    return Trajectories(
        (), steps, snapshots, waiting, lags, empty, none, none, none, {"program": "other"},
        recorded=recorded, parameters=PARAMETERS,
    )  # fmt: skip


def by_dictionary(runs):
    """MSD, fourth moment and MSD of every parameter from dictionaries of snapshots, pair by pair in float64."""
    sizes = [int(np.prod(one.shape)) for one in runs.parameters]
    ends = np.cumsum(sizes)
    grid = (runs.replicas, runs.waiting_times.size, runs.lags.size)
    second, fourth, layers = np.full(grid, np.nan), np.full(grid, np.nan), np.full((*grid, len(sizes)), np.nan)
    for r in range(runs.replicas):
        kept = {int(s): runs.snapshots[r, k] for k, s in enumerate(runs.steps) if runs.recorded[r, k]}
        for w, tw in enumerate(runs.waiting_times.tolist()):
            for t, lag in enumerate(runs.lags.tolist()):
                if tw in kept and tw + lag in kept:
                    d = [float(b) - float(a) for a, b in zip(kept[tw], kept[tw + lag], strict=True)]
                    second[r, w, t] = sum(x**2 for x in d) / P
                    fourth[r, w, t] = sum(x**4 for x in d) / P
                    layers[r, w, t] = [sum(x**2 for x in d[e - n : e]) / n for e, n in zip(ends, sizes, strict=True)]
    return second, fourth, layers


masks = st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(masks, st.sampled_from([np.float32, np.float64]))
def test_pairs_that_exist_are_used_and_the_others_are_nan(mask, dtype):
    runs = recorded_runs(mask, dtype=dtype)
    second, fourth, layers = by_dictionary(runs)
    if np.isnan(second).all():
        with pytest.raises(ValueError, match="they have no such pair"):
            mean_square_displacement(runs)
        return
    msd, moments = mean_square_displacement(runs), non_gaussian(runs)
    np.testing.assert_allclose(msd.values, second, rtol=1e-12)
    np.testing.assert_allclose(moments.fourth, fourth, rtol=1e-12)
    np.testing.assert_allclose(layer_displacement(runs).values, layers, rtol=1e-12)
    np.testing.assert_array_equal(msd.runs_per_pair, np.isfinite(second).sum(axis=0))
    known = [[[v for v in second[:, w, t] if np.isfinite(v)] for t in range(4)] for w in range(len(second[0]))]
    np.testing.assert_allclose(msd.mean, [[np.mean(v) if v else np.nan for v in row] for row in known], rtol=1e-12)


@pytest.mark.parametrize("mask", [np.ones((3, 6)), [[1, 1, 0, 1, 0, 1], [1, 1, 1, 0, 0, 0], [0] * 6]])
def test_a_file_gives_the_same_runs(tmp_path, mask):
    path, again = tmp_path / "F.h5", tmp_path / "again.h5"
    runs = recorded_runs(mask)
    write_trajectories(path, runs)
    stored = load_trajectories(path)
    write_trajectories(again, stored)
    for found in (stored, load_trajectories(again)):
        for name in ARRAYS:
            np.testing.assert_array_equal(np.asarray(getattr(found, name)), getattr(runs, name), err_msg=name)
        assert found.parameters == PARAMETERS
        assert (found.metadata, found.layer_sizes) == (runs.metadata, ())
    np.testing.assert_array_equal(
        mean_square_displacement(stored.first(2)).values, mean_square_displacement(runs.first(2)).values
    )
    np.testing.assert_array_equal(stored.snapshots[1, 1:3], runs.snapshots[1, 1:3])
    np.testing.assert_array_equal(stored.snapshots[-1, -1], runs.snapshots[-1, -1])
    np.testing.assert_array_equal(stored.snapshots[1, [0, 2]], runs.snapshots[1, [0, 2]])


def test_missing_snapshots_take_no_space(tmp_path):
    few = np.zeros((4, 200))
    few[:, [0, 1]] = 1
    write_trajectories(tmp_path / "few.h5", recorded_runs(few))
    with h5py.File(tmp_path / "few.h5") as file:
        assert file["snapshots"].id.get_storage_size() == 4 * 2 * P * 4
        assert file["snapshots"].nbytes == 4 * 200 * P * 4
    assert load_trajectories(tmp_path / "few.h5").recorded.sum() == 8


def test_displacements_alone(tmp_path):
    whole = recorded_runs([[1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    second, fourth, layers = by_dictionary(whole)
    moments = {"displacement": second, "fourth_moment": fourth, "layer_displacement": layers}
    for kept in ({"recorded": np.zeros((2, 6), bool)}, {"snapshots": np.empty((2, 0, P), np.float32), "steps": []}):
        changes = {"recorded": None} | kept | moments
        if "steps" in changes:
            changes["steps"] = np.empty(0, dtype=np.int64)
        else:
            changes["snapshots"] = np.full((2, 6, P), np.nan, np.float32)
        runs = replace(whole, **changes)
        write_trajectories(tmp_path / "F.h5", runs)
        stored = load_trajectories(tmp_path / "F.h5")
        for found in (runs, stored):
            np.testing.assert_array_equal(mean_square_displacement(found).values, second)
            np.testing.assert_array_equal(layer_displacement(found).values, layers)
            assert found.n_parameters == P
        assert stored.snapshots.shape == (2, 0, P)


def test_runs_of_train_are_written_as_train_does(tmp_path):
    runs = brownian(2, 3, [2, 5], [1, 2], 0.1, rng=np.random.default_rng(0))
    curves = dict.fromkeys(["loss", "accuracy", "gradient_norm", "test_loss", "test_accuracy"], np.ones((2, 2)))
    runs = replace(runs, curve_steps=np.array([0, 7]), **curves)
    write_trajectories(tmp_path / "F.h5", runs)
    with h5py.File(tmp_path / "F.h5") as file:
        assert file.attrs["format_version"] == 1
        assert "recorded" not in file
    np.testing.assert_array_equal(np.asarray(load_trajectories(tmp_path / "F.h5").snapshots), runs.snapshots)


def test_a_recorded_snapshot_that_is_not_finite_is_named(tmp_path):
    runs = recorded_runs([[1, 1, 1, 0], [1, 0, 1, 1]])
    broken = np.array(runs.snapshots)
    broken[1, 2, 3] = np.inf
    with pytest.raises(ValueError, match="run 1 of 2 of the runs diverged: at step 3 its parameters are"):
        replace(runs, snapshots=broken)
    write_trajectories(tmp_path / "F.h5", runs)
    with h5py.File(tmp_path / "F.h5", "r+") as file:
        file["snapshots"][1, 2, 3] = np.nan
    stored = load_trajectories(tmp_path / "F.h5")
    with pytest.raises(ValueError, match=r"run 1 of 2 of the runs in .*F.h5 diverged: at step 3"):
        mean_square_displacement(stored)
    assert np.isfinite(stored.snapshots[0, :3]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": PARAMETERS[:3]}, "must have 7 elements together, each at least one; got 6"),
        ({"parameters": (Parameter("a", (3,)), Parameter("a", (4,)))}, "'a' is repeated"),
        ({"recorded": np.zeros((2, 3), bool)}, r"recorded must have shape \(2, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(recorded_runs([[1, 1, 1, 0], [1, 0, 1, 1]]), **changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.attrs.__setitem__("parameters", "[[1]]"), "its parameters are not names with shapes"),
        (lambda file: file.attrs.__setitem__("parameters", '[["a", [2]]]'), "must have 7 elements together"),
        (lambda file: (file.pop("recorded"), file.create_dataset("recorded", data=np.ones((2, 3), np.uint8))),
         "recorded should have shape"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, damage, message):
    write_trajectories(tmp_path / "F.h5", recorded_runs([[1, 1, 1, 0], [1, 0, 1, 1]]))
    with h5py.File(tmp_path / "F.h5", "r+") as file:
        damage(file)
    with pytest.raises(ValueError, match=message):
        load_trajectories(tmp_path / "F.h5")


def test_layers_are_what_names_have_in_common():
    assert [one.layer for one in PARAMETERS] == ["conv1", "conv1", "head", "scale"]
    found = layer_displacement(recorded_runs(np.ones((2, 6))))
    assert found.layers == ("conv1", "head", "scale")
    both = (2 * found.group("conv1.weight").values + 2 * found.group("conv1.bias").values) / 4
    np.testing.assert_allclose(found.layer(1).values, both, rtol=1e-14)


# ---------------------------------------------------------------- grids of pairs


def test_the_grid_of_a_public_model():
    waiting, lags = grid_of(PYTHIA)
    assert waiting.size == 12
    assert (waiting[0], waiting[-1] * 2 <= PYTHIA[-1]) == (1, True)
    assert np.isin(waiting, PYTHIA).all()
    thousands = waiting[waiting >= 1000]
    assert thousands.size > 3
    for tw in thousands:  # all whole thousands that are kept are lags of each that has them
        mine = lags[np.isin(tw + lags, PYTHIA)]
        assert (mine % 1000 == 0).all()
        expected = lags[(lags % 1000 == 0) & (tw + lags <= PYTHIA[-1])]
        np.testing.assert_array_equal(mine, expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=2, max_size=40), st.integers(1, 6), st.integers(1, 20))
def test_every_waiting_time_has_a_lag_in_each_part_of_a_decade_where_a_step_follows(steps, most, per_decade):
    if len({s for s in steps if s >= 1}) < 2:
        with pytest.raises(ValueError, match="at least two"):
            grid_of(steps)
        return
    waiting, lags = grid_of(steps, most=most, per_decade=per_decade)
    assert 1 <= waiting.size <= most
    assert (np.diff(lags) > 0).all()
    for tw in waiting.tolist():
        parts = {int(np.floor(per_decade * np.log10(s - tw))) for s in steps if s > tw}
        mine = [int(np.floor(per_decade * np.log10(lag))) for lag in lags.tolist() if tw + lag in steps]
        assert set(mine) == parts


def test_waiting_times_of_a_grid_may_be_chosen():
    waiting, lags = grid_of(PYTHIA, waiting_times=[512, 2000])
    assert waiting.tolist() == [512, 2000]
    assert np.isin(512 + lags, PYTHIA).any()
    with pytest.raises(ValueError, match="there is none at 700"):
        grid_of(PYTHIA, waiting_times=[700])
    with pytest.raises(ValueError, match="must be followed by a step"):
        grid_of(PYTHIA, waiting_times=[143000])
