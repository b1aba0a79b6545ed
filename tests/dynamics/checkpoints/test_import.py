"""Runs made of checkpoints: the same displacements as of the snapshots, on any grid, after any interruption."""

from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from support.checkpoints import flat, network, write_keras, write_safetensors

from dynamics.checkpoints import (
    _importing as importing,
    _streaming as streaming,
    _unfinished as unfinished,
    displacement_of_checkpoints,
    find_checkpoints,
    import_runs,
    plan_import,
)
from dynamics.displacement import layer_displacement, mean_square_displacement, non_gaussian
from dynamics.runs import load_trajectories, write_trajectories

STEPS = (0, 1, 2, 4, 8, 16, 20, 30)
TIMES = {"waiting_times": [1, 2, 4, 20], "lags": [1, 2, 4, 10, 12, 13]}
MISSING = {("b", 8), ("b", 30), ("a", 0)}


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of a few numbers, which begin and end inside tensors."""
    monkeypatch.setattr(streaming, "BYTES", 1)
    monkeypatch.setattr(streaming, "SMALLEST", 4 * 37)


@pytest.fixture
def snapshots(tmp_path):
    """Files of two runs with gaps, and the snapshots in them by run and step."""
    rng, known = np.random.default_rng(0), {}
    for run in "ab":
        tensors = network(rng)
        for step in STEPS:
            tensors = {name: array + 0.1 * rng.normal(size=array.shape).astype("f4") for name, array in tensors.items()}
            if (run, step) not in MISSING:
                write_safetensors(tmp_path / f"run_{run}" / f"step_{step}.safetensors", tensors)
                known[run, step] = dict(sorted(tensors.items()))
    return known


def pattern(folder):
    return str(folder / "run_*" / "step_*.safetensors")


def naive(known, function):
    """A number of every pair of snapshots (R, W, T, ...), nan where one is missing, one pair after the other."""
    some = function(flat(known["a", 1]).astype(np.float64))
    found = np.full((2, 4, 6, *np.shape(some)), np.nan)
    for r, run in enumerate("ab"):
        for w, tw in enumerate(TIMES["waiting_times"]):
            for t, lag in enumerate(TIMES["lags"]):
                if (run, tw) in known and (run, tw + lag) in known:
                    ends = (flat(known[run, step]).astype(np.float64) for step in (tw, tw + lag))
                    found[r, w, t] = function(np.subtract(*ends))
    return found


@pytest.mark.usefixtures("small_parts")
def test_moments_are_those_of_the_snapshots(tmp_path, snapshots):
    found = find_checkpoints(pattern(tmp_path))
    assert found.runs == ("run_a", "run_b")
    assert found.steps.tolist() == list(STEPS)
    assert {("ab"[r], STEPS[s]) for r, s in np.argwhere(~found.recorded)} == MISSING
    assert [one.size for one in found.parameters] == [4, 36, 5, 180]
    runs = displacement_of_checkpoints(found, **TIMES, jobs=1)
    msd = mean_square_displacement(runs)
    np.testing.assert_allclose(msd.values, naive(snapshots, lambda d: np.mean(d**2)), rtol=1e-13)
    assert np.isnan(msd.values).sum() > 4
    np.testing.assert_allclose(runs.fourth_moment, naive(snapshots, lambda d: np.mean(d**4)), rtol=1e-13)
    ends = np.cumsum([0, 4, 36, 5, 180])
    layers = naive(snapshots, lambda d: np.array([np.mean(d[a:b] ** 2) for a, b in pairwise(ends)]))
    np.testing.assert_allclose(layer_displacement(runs).values, layers, rtol=1e-13)
    assert layer_displacement(runs).layers == ("conv1", "fc")


@pytest.mark.usefixtures("small_parts")
def test_number_of_threads_does_not_change_a_result(tmp_path, snapshots):
    one, two = (displacement_of_checkpoints(pattern(tmp_path), **TIMES, jobs=jobs) for jobs in (1, 2))
    np.testing.assert_array_equal(one.layer_displacement, two.layer_displacement)
    np.testing.assert_array_equal(one.fourth_moment, two.fourth_moment)
    assert snapshots


def test_a_file_with_snapshots_has_them_and_the_same_displacements(tmp_path, snapshots):
    runs = import_runs(pattern(tmp_path), tmp_path / "runs.h5", **TIMES, snapshots=True)
    for (run, step), tensors in snapshots.items():
        np.testing.assert_array_equal(runs.snapshots["ab".index(run), STEPS.index(step)], flat(tensors))
    assert runs.metadata["snapshots"] == "all"
    again = replace(runs, displacement=None, fourth_moment=None, layer_displacement=None)
    for measure in (mean_square_displacement, layer_displacement):
        np.testing.assert_allclose(measure(runs).values, measure(again).values, rtol=1e-12)
    np.testing.assert_allclose(non_gaussian(runs).alpha_2_runs, non_gaussian(again).alpha_2_runs, rtol=1e-12)
    few = import_runs(pattern(tmp_path), tmp_path / "few.h5", **TIMES, snapshots=False)
    assert (few.steps.size, few.n_parameters, few.metadata["snapshots"]) == (0, 225, "displacements")
    np.testing.assert_array_equal(few.displacement, runs.displacement)


def test_snapshots_are_copied_up_to_a_size(tmp_path, snapshots, monkeypatch):
    assert len(snapshots) == 13
    assert import_runs(pattern(tmp_path), tmp_path / "runs.h5").steps.size == len(STEPS)
    monkeypatch.setattr(importing, "LARGEST_COPY", 13 * 225 * 4 - 1)
    assert import_runs(pattern(tmp_path), tmp_path / "runs.h5").steps.size == 0


class Killed(Exception):
    pass


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_import_goes_on(tmp_path, snapshots, monkeypatch):
    whole = import_runs(pattern(tmp_path), tmp_path / "whole.h5", **TIMES)
    monkeypatch.setattr(unfinished, "SECONDS", 0.0)
    for stop in (2, 9):  # in the first run, and in the second
        calls = []

        def progress(done, _total, calls=calls, stop=stop):
            calls.append(done)
            if done == stop:
                raise Killed

        with pytest.raises(Killed):
            import_runs(pattern(tmp_path), tmp_path / "runs.h5", **TIMES, progress=progress)
        assert not (tmp_path / "runs.h5").exists()
    assert calls[0] == 3
    calls.clear()
    runs = import_runs(pattern(tmp_path), tmp_path / "runs.h5", **TIMES, progress=lambda done, _: calls.append(done))
    assert calls[0] == 10
    np.testing.assert_array_equal(runs.layer_displacement, whole.layer_displacement)
    np.testing.assert_array_equal(runs.fourth_moment, whole.fourth_moment)
    assert not (tmp_path / "runs.h5.unfinished").exists()
    assert snapshots


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_import_of_other_files_begins_again(tmp_path, snapshots, monkeypatch):
    monkeypatch.setattr(unfinished, "SECONDS", 0.0)

    def stop(done, _total):
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        import_runs(pattern(tmp_path), tmp_path / "runs.h5", **TIMES, progress=stop)
    changed = {name: array + 1 for name, array in snapshots["a", 2].items()}
    write_safetensors(tmp_path / "run_a" / "step_2.safetensors", changed)
    calls = []
    runs = import_runs(pattern(tmp_path), tmp_path / "runs.h5", **TIMES, progress=lambda done, _: calls.append(done))
    assert calls[0] == 1
    expected = naive(snapshots | {("a", 2): changed}, lambda d: np.mean(d**2))
    np.testing.assert_allclose(runs.displacement, expected, rtol=1e-13)


def test_other_files_are_not_replaced(tmp_path, snapshots):
    runs = import_runs(pattern(tmp_path), tmp_path / "runs.h5")
    import_runs(pattern(tmp_path), tmp_path / "runs.h5")
    write_trajectories(tmp_path / "other.h5", replace(runs, metadata={}))
    with pytest.raises(ValueError, match=r"other.h5 exists, and is no import of checkpoints; choose another file"):
        import_runs(pattern(tmp_path), tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(ValueError, match=r"text.h5 is not an HDF5 file"):
        import_runs(pattern(tmp_path), tmp_path / "text.h5")
    assert snapshots


def test_plan(tmp_path, snapshots):
    plan = plan_import(find_checkpoints(pattern(tmp_path)), **TIMES)
    assert plan.pairs == np.isfinite(naive(snapshots, np.mean)).sum()
    used = set()
    for run, tw in snapshots:
        ends = {(run, tw + lag) for lag in TIMES["lags"] if tw in TIMES["waiting_times"]} & set(snapshots)
        used |= {(run, tw), *ends} if ends else set()
    assert plan.bytes == 4 * 225 * len(used)
    assert plan.seconds > 0


def test_which_parameters(tmp_path):
    tensors = network(np.random.default_rng(0)) | {
        "bn.running_mean": np.ones(4, "f4"), "bn.num_batches_tracked": np.int64(3)[None], "bn.weight": np.ones(4, "f4"),
        "mask": np.ones(3, "?"),
    }  # fmt: skip
    for step in (1, 2, 3):
        write_safetensors(tmp_path / f"{step}.safetensors", tensors)

    def names(**options):
        found = find_checkpoints(str(tmp_path / "*.safetensors"), **options)
        return [one.name for one in found.parameters], found.left_out

    chosen, left_out = names()
    assert chosen == ["bn.weight", "conv1.bias", "conv1.weight", "fc.bias", "fc.weight"]
    assert left_out == {
        "buffers": ("bn.num_batches_tracked", "bn.running_mean"),
        "not floating-point numbers": ("mask",),
    }
    assert "bn.running_mean" in names(buffers=True)[0]
    assert names(parameters=["conv*", "*.bias"])[0] == ["conv1.bias", "conv1.weight", "fc.bias"]
    with pytest.raises(ValueError, match=r"parameters: 'cnov\*' fits no name in .*safetensors, which has bn"):
        names(parameters=["cnov*"])
    with pytest.raises(ValueError, match=r"1.safetensors has no parameters \(.*running_mean: buffers"):
        names(parameters=["*running_mean"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("fc.bias"), r"step_2.safetensors has no parameter fc.bias, which .*step_0"),
        (lambda tensors: tensors.update(new=np.ones(2, "f4")),
         r"step_0.safetensors has no parameter new, which .*step_2"),
        (lambda tensors: tensors.update({"fc.bias": np.ones(6, "f4")}),
         r"step_2.safetensors: fc.bias has shape \(6,\), but shape \(5,\) in .*step_0"),
        (lambda tensors: tensors.update({"fc.bias": np.ones(5, "i8")}),
         r"step_2.safetensors: fc.bias has numbers of type int64"),
        (lambda tensors: np.put(tensors["fc.bias"], 3, np.nan),
         r"step_2.safetensors: fc.bias has the number nan at step 2; leave this file out"),
    ],
)  # fmt: skip
def test_files_that_differ_are_named(tmp_path, change, message):
    for step in (0, 1, 2, 3):
        tensors = network(np.random.default_rng(step))
        if step == 2:
            change(tensors)
        write_safetensors(tmp_path / f"step_{step}.safetensors", tensors)
    with pytest.raises(ValueError, match=message):
        displacement_of_checkpoints(str(tmp_path / "*"))


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path, snapshots):
    found = find_checkpoints(pattern(tmp_path))
    path = tmp_path / "run_a" / "step_4.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"step_4.safetensors is damaged: it is truncated at byte"):
        displacement_of_checkpoints(found)
    assert snapshots


def test_no_pairs(tmp_path, snapshots):
    with pytest.raises(ValueError, match=r"no run has two checkpoints .* other waiting_times and lags"):
        displacement_of_checkpoints(pattern(tmp_path), waiting_times=[2], lags=[7])
    assert snapshots


def test_parts_of_a_checkpoint(tmp_path):
    tensors = [network(np.random.default_rng(step)) for step in range(3)]
    for step, some in enumerate(tensors):
        names = list(some)
        for part, own in enumerate((names[:1], names[1:]), 1):
            path = tmp_path / f"checkpoint-{step}" / f"model-{part:05d}-of-00002.safetensors"
            write_safetensors(path, {name: some[name] for name in own})
    found = find_checkpoints(str(tmp_path / "*" / "*.safetensors"))
    runs = displacement_of_checkpoints(found, waiting_times=[1], lags=[1])
    assert (found.runs, found.steps.tolist()) == (("0",), [0, 1, 2])
    expected = np.mean((flat(tensors[2]).astype(float) - flat(tensors[1])) ** 2)
    np.testing.assert_allclose(runs.displacement, [[[expected]]], rtol=1e-12)


def test_tensors_at_the_same_place_of_different_parts_are_different(tmp_path):
    torch = pytest.importorskip("torch")
    rng, known = np.random.default_rng(0), []
    for step in range(3):
        arrays = rng.normal(size=(2, 4, 3)).astype(np.float32)
        for part, array in enumerate(arrays, 1):
            (folder := tmp_path / f"checkpoint-{step}").mkdir(exist_ok=True)
            content = {f"layer.{part}.weight": torch.from_numpy(array)}
            torch.save(content, folder / f"pytorch_model-{part:05d}-of-00002.bin")
        known.append(arrays.astype(float))
    found = find_checkpoints(str(tmp_path / "*" / "*.bin"))
    assert ([one.name for one in found.parameters], found.left_out) == (["layer.1.weight", "layer.2.weight"], {})
    runs = displacement_of_checkpoints(found, waiting_times=[1], lags=[1])
    np.testing.assert_allclose(runs.displacement, [[[np.mean((known[2] - known[1]) ** 2)]]], rtol=1e-12)


def test_moving_averages_of_keras_are_no_parameters(tmp_path):
    rng, known = np.random.default_rng(0), {}
    for step in (1, 2, 4):
        known[step] = {"dense": [rng.normal(size=(3, 4)), rng.normal(size=4)],
                       "batch_normalization_1": list(rng.normal(size=(4, 5))),
                       "batch_normalization_2": list(rng.normal(size=(3, 5))),  # scale=False
                       "own_name": list(rng.normal(size=(4, 6)))}  # fmt: skip
        write_keras(tmp_path / f"{step}.weights.h5", known[step])
    moving = [f"{layer}.{one}" for layer in ("batch_normalization_1", "batch_normalization_2", "own_name")
              for one in ("moving_mean", "moving_variance")]  # fmt: skip
    found = find_checkpoints(str(tmp_path / "*.h5"))
    assert found.left_out == {"buffers": tuple(moving)}
    trained = {step: np.concatenate([*map(np.ravel, one["dense"]), *one["batch_normalization_1"][:2],
                                     one["batch_normalization_2"][0], *one["own_name"][:2]])
               for step, one in known.items()}  # fmt: skip
    runs = displacement_of_checkpoints(found, waiting_times=[1], lags=[1, 3])
    expected = [np.mean((trained[1 + lag] - trained[1]) ** 2) for lag in (1, 3)]
    np.testing.assert_allclose(runs.displacement[0, 0], expected, rtol=1e-12)
    assert find_checkpoints(str(tmp_path / "*.h5"), buffers=True).n_parameters == sum(
        array.size for some in known[1].values() for array in some
    )


@pytest.mark.parametrize("stacked", ["steps", [3, 1, 7]])
def test_all_steps_of_a_run_in_a_file(tmp_path, stacked):
    rng, steps = np.random.default_rng(0), np.array([3, 1, 7])
    arrays = {name: np.stack([array + k for k in range(3)]) for name, array in network(rng).items()}
    for run in "ab":
        own = {"steps": steps} if stacked == "steps" else {}
        np.savez(tmp_path / f"{run}.npz", **own, **arrays)
    found = find_checkpoints(str(tmp_path / "*.npz"), stacked=stacked)
    assert (found.runs, found.steps.tolist()) == (("a", "b"), [1, 3, 7])
    runs = displacement_of_checkpoints(found, waiting_times=[1, 3], lags=[2, 4, 6])
    np.testing.assert_allclose(runs.displacement[1], [[1, np.nan, 1], [np.nan, 4, np.nan]], atol=1e-5)
    with pytest.raises(ValueError, match=r"a.npz: conv1.weight must have a leading axis of 2 steps"):
        find_checkpoints(str(tmp_path / "a.npz"), stacked=[1, 2])
    with pytest.raises(ValueError, match=r"a.npz has no array of steps 'times'; it has"):
        find_checkpoints(str(tmp_path / "a.npz"), stacked="times")


def test_keras_in_chunks_and_half_precision(tmp_path):
    rng, known = np.random.default_rng(0), {}
    for step in (1, 2, 4):
        known[step] = rng.normal(size=(40, 3)).astype(np.float16)
        write_keras(tmp_path / f"{step}.weights.h5", {"dense": [known[step]]}, chunks=(8, 3), compression="gzip")
    runs = displacement_of_checkpoints(str(tmp_path / "*.h5"), waiting_times=[1, 2], lags=[1, 2, 3])
    expected = [[np.mean((known[tw + lag].astype(float) - known[tw]) ** 2) if tw + lag in known else np.nan
                 for lag in (1, 2, 3)] for tw in (1, 2)]  # fmt: skip
    np.testing.assert_allclose(runs.displacement[0], expected, rtol=1e-13)


def test_the_file_is_read_like_any_other(tmp_path, snapshots):
    import_runs(pattern(tmp_path), tmp_path / "runs.h5")
    runs = load_trajectories(tmp_path / "runs.h5")
    assert runs.metadata["runs"] == ["run_a", "run_b"]
    assert [one.name for one in runs.parameters] == ["conv1.bias", "conv1.weight", "fc.bias", "fc.weight"]
    with h5py.File(tmp_path / "runs.h5") as file:
        assert file["loss"].shape == (2, 0)
    assert snapshots


@pytest.mark.slow  # compiles
def test_double_precision(tmp_path):
    known = {step: 1e6 + 1e-4 * np.random.default_rng(step).normal(size=1000) for step in (1, 2, 3)}
    for step, numbers in known.items():
        np.save(tmp_path / f"{step}.npy", numbers)
    runs = displacement_of_checkpoints(str(tmp_path / "*.npy"), waiting_times=[1], lags=[1, 2])
    assert runs.snapshots.dtype == np.float64
    np.testing.assert_allclose(runs.displacement[0, 0], [np.mean((known[1 + lag] - known[1]) ** 2) for lag in (1, 2)])
