from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support.ensembles import DATA, NETWORK, OPTIMIZER, Killed, assert_same, run, stop_after
from support.reference import naive_msd

from dynamics import aging, analyze_aging, load_trajectories, mean_square_displacement, train
from dynamics.aging_times import what_moves
from dynamics.displacement import (
    displacement_modulo_symmetry,
    layer_displacement,
    non_gaussian,
    output_displacement,
    split_displacement,
)
from dynamics.observables import minibatch_gradients, update_alignment
from dynamics.runs import MOMENTS, PER_REPLICA, displacement_moments
from dynamics.statistics import Status
from dynamics.training import _recording as recording, _replica as replica
from dynamics.training._recording import Recording
from landscape import CrossEntropyLoss

TIMES: dict[str, Any] = {"waiting_times": [3, 8, 20], "lags": [1, 2, 5, 17, 30, 45, 52]}  # some beyond the 60 steps


def measures(runs):
    moments = non_gaussian(runs)
    return [mean_square_displacement(runs).values, moments.second, moments.fourth, layer_displacement(runs).values]


@pytest.fixture(scope="module")
def whole():
    return run(**TIMES)


@pytest.fixture(scope="module")
def thin():
    return run(**TIMES, snapshots="waiting")


def test_snapshots_are_those_at_zero_the_waiting_times_and_the_end(whole, thin):
    assert thin.steps.tolist() == [0, 3, 8, 20, 60]
    np.testing.assert_array_equal(thin.snapshots, whole.snapshots[:, np.searchsorted(whole.steps, thin.steps)])
    for name in PER_REPLICA[1:]:
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name))
    assert thin.metadata["snapshots"] == "waiting"
    assert whole.displacement is None


def test_the_displacements_are_those_of_all_snapshots_bit_by_bit(whole, thin):
    assert np.isnan(thin.displacement[:, 2, -1]).all()
    assert np.isnan(thin.displacement).sum() == 7 * 2  # 20 + 45 and 20 + 52 are beyond the end, 8 + 52 is the end
    for ours, theirs in zip(measures(thin), measures(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    expected = naive_msd(whole.steps, whole.snapshots, TIMES["waiting_times"], TIMES["lags"])
    np.testing.assert_allclose(mean_square_displacement(thin).values, expected, rtol=1e-12)
    np.testing.assert_array_equal(aging(mean_square_displacement(thin), 1e-3).t_star.value,
                                  aging(mean_square_displacement(whole), 1e-3).t_star.value)  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_and_memory_do_not_change_them(monkeypatch, chunk, precision):
    optimizer, changes = replace(OPTIMIZER, precision=precision), {"replicas": 2, "lags": range(1, 58)}
    expected = measures(run(optimizer, **(TIMES | changes)))
    monkeypatch.setattr(replica, "CHUNK", chunk)
    monkeypatch.setattr(recording, "MOST_BYTES", 1)  # two points at a time
    for snapshots in ("all", "waiting"):
        found = run(optimizer, **(TIMES | changes), snapshots=snapshots)
        for ours, theirs in zip(measures(found), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


times = st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(waiting=times, lags=times, cuts=st.lists(st.integers(1, 49), max_size=4, unique=True).map(sorted))
def test_a_recording_gives_the_moments_of_its_points_however_it_is_cut(waiting, lags, cuts):
    rng, sizes, n_steps = np.random.default_rng(0), np.array([3, 2]), 50
    points = rng.normal(size=(n_steps + 1, 5)).astype(np.float32)
    kept = np.unique([0, *waiting, n_steps])

    def empty():
        ends = np.array([0, n_steps])
        return Recording(kept, ends, np.array(waiting), np.array(lags), n_steps, sizes, 5, points.dtype)

    first, old = 0, empty()
    for end in [*cuts, n_steps]:
        steps, stop = old.cut(first, end)
        assert stop == end
        old.take(steps, points[steps])
        first, new = end, empty()
        new.restore({name: array.copy() for name, array in old.state(end).items()})  # as a checkpoint does
        old = new
    np.testing.assert_array_equal(old.arrays["snapshots"], points[kept])
    for w, tw in enumerate(waiting):
        for t, lag in enumerate(lags):
            found = [old.arrays[name][w, t] for name in MOMENTS]
            if tw + lag > n_steps:
                assert all(np.isnan(value).all() for value in found)
                continue
            d = points[tw + lag].astype(float) - points[tw].astype(float)
            np.testing.assert_allclose(found[0], (d**2).mean(), rtol=1e-14)
            np.testing.assert_allclose(found[1], (d**4).mean(), rtol=1e-14)
            np.testing.assert_allclose(found[2], [(d[:3] ** 2).mean(), (d[3:] ** 2).mean()], rtol=1e-14)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 40), width=st.integers(1, 300), cut=st.integers(0, 40))
def test_moments_do_not_depend_on_what_is_measured_beside_them(rows, width, cut):
    d = np.random.default_rng(rows).normal(size=(rows, width))
    sizes = np.array([width // 2, width - width // 2]) if width > 1 else np.array([1])
    parts = [displacement_moments(part, sizes) for part in (d[:cut], d[cut:])]
    for name, together in displacement_moments(d, sizes).items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), together)


def test_files_interruptions_and_workers_change_nothing(tmp_path, thin):
    path = tmp_path / "F.h5"
    changes = TIMES | {"snapshots": "waiting", "path": path}
    with pytest.raises(Killed):
        run(**changes, progress=stop_after(5))
    assert_same(run(**changes, jobs=2), thin)
    stored = load_trajectories(path)
    assert not isinstance(stored.displacement, np.ndarray)
    assert_same(stored, thin)
    for ours, theirs in zip(measures(stored.first(3)), measures(thin.first(3)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert len(ours) == 3
    assert_same(run(**changes, replicas=12), run(**TIMES, snapshots="waiting", replicas=12))
    with pytest.raises(ValueError, match="made with snapshots = 'waiting', not 'all'"):
        run(**(changes | {"snapshots": "all"}))


def test_its_arrays_are_read_only_and_must_fit(thin):
    with pytest.raises(ValueError, match="read-only"):
        thin.displacement[0, 0, 0] = 1
    values = mean_square_displacement(thin).values
    values[:] = 0  # a copy
    assert thin.displacement[0, 0, 0] > 0
    with pytest.raises(ValueError, match=r"^displacement must have shape \(7, 2, 7\)"):
        replace(thin, waiting_times=thin.waiting_times[:2])


def test_the_file_does_not_grow_with_the_number_of_parameters_times_lags(tmp_path):
    sizes = []
    for count in (10, 800):
        path, lags = tmp_path / f"{count}.h5", range(1, count + 1)
        train(
            CrossEntropyLoss(NETWORK, DATA), OPTIMIZER, replicas=1, steps=1000, waiting_times=[10, 100], lags=lags,
            path=path, snapshots="waiting",
        )  # fmt: skip
        with h5py.File(path) as file:
            sizes.append(file["snapshots"].nbytes)
    assert sizes == [4 * NETWORK.n_parameters * 4] * 2


@pytest.mark.parametrize(
    "measure",
    [
        split_displacement,
        displacement_modulo_symmetry,
        lambda runs: output_displacement(runs, DATA),
        lambda runs: update_alignment(runs, [1]),
        lambda runs: minibatch_gradients(runs, DATA, rng=np.random.default_rng(0), steps=[4]),
    ],
)
def test_what_needs_the_other_snapshots_names_the_option(thin, measure):
    with pytest.raises(ValueError, match="snapshots='all'"):
        measure(thin)


def test_the_analysis_does_without_the_split(whole, thin):
    full, most = (analyze_aging(runs, 1e-3) for runs in (whole, thin))
    np.testing.assert_array_equal(most.fit.t_star.value, full.fit.t_star.value)
    np.testing.assert_array_equal(most.moves.t_star_gradient, full.moves.t_star_gradient)
    assert full.moves.status == Status.OK
    assert most.moves.status == Status.NO_SNAPSHOTS
    assert most.moves.method == "none"
    assert np.isnan(most.moves.drift_share.value).all()
    split = split_displacement(whole)
    assert what_moves(thin, most.fit, split=split).status == Status.OK


def test_a_bad_value_is_named():
    with pytest.raises(ValueError, match=r"^snapshots must be one of all, waiting; got 'none'"):
        run(snapshots="none")
