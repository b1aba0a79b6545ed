"""Recording runs in a loop of one's own: what is kept, what a kill leaves, how runs continue and become one file."""

import logging
import os
import signal
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.paths import ROOT

from dynamics import Recorder, RecordingSchedule, load_trajectories, mean_square_displacement
from dynamics.displacement import layer_displacement, non_gaussian
from dynamics.plots import plot_layers
from dynamics.recording import join_recordings
from dynamics.recording._journal import Journal
from dynamics.runs import Parameter

SCHEDULE = RecordingSchedule(60, waiting_times=[4, 10, 20], lags=[1, 3, 10, 30])
GRID = [(4, 1), (4, 3), (4, 10), (4, 30), (10, 1), (10, 3), (10, 10), (10, 30), (20, 1), (20, 3), (20, 10), (20, 30)]


def walk(replica=0, steps=60):
    """A random walk (steps + 1, 5) that a float32 holds exactly."""
    moves = np.random.default_rng(replica).integers(-8, 9, (steps + 1, 5)) / 8
    return moves.cumsum(axis=0)


def record(path, run, begin=0, end=None, **options):
    """Record the steps from `begin` to before `end` of a run (S, P); the first call says where it begins."""
    with Recorder(path, SCHEDULE, **options) as recorder:
        for step in range(begin, len(run) if end is None else end):
            recorder.step(named(run[step]), step if step == begin else None)


def named(theta):
    return {"conv.weight": theta[:4].reshape(2, 2), "conv.bias": theta[4:]}


def interrupted(path, run, end, **options):
    """The same, but the process ends without a word."""
    recorder = Recorder(path, SCHEDULE, join=False, **options)
    for step in range(end):
        recorder.step(named(run[step]), step)
    recorder._journal.close()
    recorder._stack.close()


def displacement(run):
    """The grid (W, T) of mean square displacements of a run (S, P), pair by pair."""
    values = [np.mean((run[tw + lag] - run[tw]) ** 2) if tw + lag < len(run) else np.nan for tw, lag in GRID]
    return np.reshape(values, (3, 4))


# ---------------------------------------------------------------- the schedule


def test_a_schedule_has_both_ends_of_every_pair_within_the_run():
    schedule = RecordingSchedule(45, waiting_times=[4, 10, 20], lags=[1, 3, 10, 30])
    ends = {tw + lag for tw, lag in GRID if tw + lag <= 45}
    assert schedule.recorded_steps.tolist() == sorted({0, 45, 4, 10, 20} | ends)
    assert schedule.pairs.tolist() == [[True] * 4, [True] * 4, [True, True, True, False]]
    assert "45 steps, recorded at 15 of them: 3 waiting times, 4 lags, 11 pairs" in repr(schedule)


def test_a_schedule_has_the_times_that_train_takes_by_default():
    schedule = RecordingSchedule(20_000)
    assert schedule.waiting_times.tolist() == [1300, 2100, 3200, 4500, 6400, 10000]
    assert schedule.lags[-1] == 20_000 - 1300
    with pytest.raises(ValueError, match="waiting_times must be whole numbers that ascend strictly within 1"):
        RecordingSchedule(100, waiting_times=[20, 10])


# ---------------------------------------------------------------- what is kept


def test_a_recorded_run_is_that_of_the_loop(tmp_path):
    run = walk()
    record(tmp_path / "a.h5", run, metadata={"learning_rate": 0.1})
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.steps.tolist() == SCHEDULE.recorded_steps.tolist()
    np.testing.assert_array_equal(runs.snapshots[0], run[runs.steps].astype(np.float32))
    np.testing.assert_allclose(mean_square_displacement(runs).values, displacement(run)[None], rtol=1e-12)
    assert runs.parameters == (Parameter("conv.weight", (2, 2)), Parameter("conv.bias", (1,)))
    assert runs.metadata["learning_rate"] == 0.1
    assert runs.recorded.all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_an_array_has_no_names_and_may_have_any_shape(tmp_path):
    with Recorder(tmp_path / "a.h5", SCHEDULE, precision="float64") as recorder:
        for theta in walk():
            recorder.step(theta[:4].reshape(2, 2) / 3)
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(runs.snapshots[0], walk()[runs.steps, :4] / 3)
    assert runs.parameters == ()


def test_the_model_is_not_looked_at_unless_it_is_recorded(tmp_path):
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        for step in range(100):  # the run may be longer than the schedule
            assert recorder.due == (step in SCHEDULE.recorded_steps)
            recorder.step(np.zeros(2) if recorder.due else None, loss=None if recorder.due else "not a number")


def test_curves_are_kept_where_they_were_given(tmp_path):
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        for step in range(61):
            recorder.step(np.zeros(2), loss=1 / (1 + step), **({"accuracy": 0.5} if step % 4 == 0 else {}))
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.curve_steps.tolist() == SCHEDULE.recorded_steps.tolist()
    np.testing.assert_array_equal(runs.loss[0], 1 / (1 + runs.curve_steps))
    np.testing.assert_array_equal(runs.accuracy[0], np.where(runs.curve_steps % 4 == 0, 0.5, np.nan))
    assert np.isnan(runs.gradient_norm).all()
    assert np.isnan(runs.test_loss).all()
    with (
        pytest.raises(TypeError, match=r"curves must be among loss, accuracy, .*; got 'los'"),
        Recorder(tmp_path / "b.h5", SCHEDULE) as recorder,
    ):
        recorder.step(np.zeros(2), los=1.0)


def test_a_torch_module_is_recorded_by_its_named_parameters(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 3).bfloat16())
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        for step in range(61):
            recorder.step(module, loss=torch.tensor(2.0, requires_grad=True))
            with torch.no_grad():
                torch._foreach_add_(list(module.parameters()), 2.0 ** -(step % 3))
    runs = load_trajectories(tmp_path / "a.h5")
    assert [(one.name, one.shape) for one in runs.parameters] == [
        (name, tuple(values.shape)) for name, values in module.named_parameters()
    ]
    last = torch.nn.utils.parameters_to_vector(values.float() - 2.0**0 for values in module.parameters())
    np.testing.assert_allclose(runs.snapshots[0, -1], last.detach().numpy(), atol=1e-2)
    assert layer_displacement(runs).layers == ("0", "1", "2")
    assert (runs.loss == 2.0).all()


def test_a_run_that_diverges_stays_up_to_there(tmp_path):
    run = walk()
    run[13] = np.inf
    with pytest.raises(FloatingPointError, match=r"replica 0 diverged: at step 13 conv.weight is not finite"):
        record(tmp_path / "a.h5", run)
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.steps[-1] == 11


@pytest.mark.parametrize("model", ["text", [1, "a"], {"a": object()}, np.array([1j])])
def test_what_is_no_model_is_refused(tmp_path, model):
    with pytest.raises(TypeError, match=r"must be a torch module, an array of numbers or a mapping of names to arrays"):
        Recorder(tmp_path / "a.h5", SCHEDULE).step(model)


# ---------------------------------------------------------------- only displacements


def test_displacements_alone_are_those_of_the_snapshots(tmp_path):
    for keep in ("snapshots", "displacements"):
        for replica in (0, 1):
            record(tmp_path / f"{keep}.h5", walk(replica), keep=keep, replica=replica)
    full, thin = (load_trajectories(tmp_path / f"{keep}.h5") for keep in ("snapshots", "displacements"))
    assert thin.snapshots.shape == (2, 0, 5)
    for measure in (mean_square_displacement, layer_displacement):
        np.testing.assert_allclose(measure(thin).values, measure(full).values, rtol=1e-12)
    np.testing.assert_allclose(non_gaussian(thin).fourth, non_gaussian(full).fourth, rtol=1e-12)
    np.testing.assert_allclose(mean_square_displacement(thin).values, [displacement(walk(r)) for r in (0, 1)])
    assert not (tmp_path / "displacements.h5.recording").exists()


def test_layers_are_drawn_with_a_color_each(tmp_path):
    record(tmp_path / "a.h5", walk())
    lines = plot_layers(layer_displacement(load_trajectories(tmp_path / "a.h5")), Figure().subplots(), 0).lines
    assert [(line.get_label(), line.get_linestyle()) for line in lines] == [("conv.weight", "-"), ("conv.bias", ":")]
    assert lines[0].get_color() == lines[1].get_color()
    squares = (walk()[4:] - walk()[4])[:, :4] ** 2
    np.testing.assert_allclose(lines[0].get_ydata(), squares[[1, 3, 10, 30]].mean(axis=1), rtol=1e-12)


@pytest.mark.parametrize("step", [3, 4, 10, 20, 33, 59])
def test_displacements_alone_continue_from_any_step(tmp_path, step):
    """Also from before a waiting time, and from after the last lag of one."""
    other = walk(replica=7)
    other[: step + 1] = walk()[: step + 1]
    interrupted(tmp_path / "a.h5", other, 60, keep="displacements")
    record(tmp_path / "a.h5", walk(), begin=step, keep="displacements")
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_allclose(mean_square_displacement(runs).values[0], displacement(walk()), rtol=1e-12)


def test_displacements_alone_take_the_memory_of_one_tensor(tmp_path):
    arrays = {f"{k}.weight": np.full(20_000, k, np.float32) for k in range(64)}
    with Recorder(tmp_path / "a.h5", 2, keep="displacements") as recorder:
        recorder.step(arrays)
        tracemalloc.start()
        recorder.step(arrays)
        recorder.step(arrays)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < sum(array.nbytes for array in arrays.values()) / 2


# ---------------------------------------------------------------- kills and continuations


@pytest.mark.parametrize("keep", ["snapshots", "displacements"])
def test_records_that_were_cut_anywhere_are_continued(tmp_path, keep):
    interrupted(tmp_path / "a.h5", walk(), 12, keep=keep)
    records = tmp_path / "a.h5.recording" / "0000000.records"
    content = records.read_bytes()
    size = len(content) // len([step for step in SCHEDULE.recorded_steps if step < 12])
    for left in (0, 1, 7, size - 1, size, size + 1, len(content) - 9, len(content) - 1):
        records.write_bytes(content[:left])
        recorder = Recorder(tmp_path / "a.h5", SCHEDULE, keep=keep, join=False)
        assert len(recorder._journal) == left // size
        recorder.close()
        assert records.stat().st_size == left // size * size


def test_a_record_that_a_power_cut_spoiled_is_the_end(tmp_path):
    interrupted(tmp_path / "a.h5", walk(), 12)
    records = tmp_path / "a.h5.recording" / "0000000.records"
    spoiled = bytearray(records.read_bytes())
    spoiled[-20] ^= 1
    records.write_bytes(spoiled)
    assert join_recordings(tmp_path / "a.h5").steps[-1] == 10
    record(tmp_path / "a.h5", walk(), begin=9)
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(runs.snapshots[0], walk()[runs.steps])


def test_a_write_that_fails_leaves_the_records_before_it(tmp_path, monkeypatch):
    recorder, write, left = Recorder(tmp_path / "a.h5", SCHEDULE), Journal._write, iter(range(10))

    def full(self, data):
        if next(left) == 6:
            write(self, memoryview(data)[:3])
            raise OSError(28, "No space left on device")
        write(self, data)

    monkeypatch.setattr(Journal, "_write", full)
    for step in range(4):
        recorder.step(named(walk()[step]), step)
    with pytest.raises(OSError, match="No space left"):
        recorder.step(named(walk()[4]), 4)
    monkeypatch.undo()
    for step in range(4, 61):
        recorder.step(named(walk()[step]), step)
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(runs.snapshots[0], walk()[runs.steps])
    assert runs.recorded.all()


def test_what_is_recorded_again_replaces_what_was_there_and_all_after_it(tmp_path, caplog):
    interrupted(tmp_path / "a.h5", walk(replica=7), 50)
    with caplog.at_level(logging.INFO), Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        recorder.step(named(walk()[11]), 11)
    assert "replica 0 of" in caplog.text
    assert "continues at step 11: 9 recorded steps are replaced" in caplog.text
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.steps.tolist() == [0, 4, 5, 7, 10, 11]
    np.testing.assert_array_equal(runs.snapshots[0], [*walk(replica=7)[[0, 4, 5, 7, 10]], walk()[11]])


def test_a_run_that_goes_back_in_the_same_loop_has_one_history(tmp_path):
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        for step in range(25):
            recorder.step(named(walk(replica=7)[step]))
        for step in range(61):
            recorder.step(named(walk()[step]), step)
            recorder.step(None, step)  # the same again
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(runs.snapshots[0], walk()[runs.steps])


def test_a_continued_run_must_say_where(tmp_path, caplog):
    interrupted(tmp_path / "a.h5", walk(), 12)
    recorder = Recorder(tmp_path / "a.h5", SCHEDULE)
    with pytest.raises(ValueError, match=r"was recorded up to step 11: pass the step at which it continues"):
        recorder.step(named(walk()[0]))
    recorder.step(named(walk()[22]), 22)
    assert "has no record of 4 steps before step 22" in caplog.text  # 13, 14, 20, 21
    recorder.close()
    values = mean_square_displacement(load_trajectories(tmp_path / "a.h5")).values[0]
    np.testing.assert_array_equal(np.isfinite(values), [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])


def test_a_run_that_goes_back_lacks_nothing(tmp_path, caplog):
    interrupted(tmp_path / "a.h5", walk(), 22)
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        recorder.step(named(walk()[11]), 11)
    assert "has no record" not in caplog.text


def test_a_complete_run_is_not_recorded_over(tmp_path, caplog):
    with Recorder(tmp_path / "a.h5", SCHEDULE) as recorder:
        assert not recorder.complete
    record(tmp_path / "a.h5", walk())
    assert Recorder(tmp_path / "a.h5", SCHEDULE).complete
    before = (tmp_path / "a.h5").read_bytes()
    for step in (None, 0):
        with pytest.raises(ValueError, match="holds replica 0 up to step 60 already: choose another"):
            Recorder(tmp_path / "a.h5", SCHEDULE).step(named(walk()[0]), step)
    record(tmp_path / "a.h5", walk(replica=7), begin=50)  # from an older checkpoint
    assert "holds replica 0 completely: its steps are not recorded again" in caplog.text
    assert (tmp_path / "a.h5").read_bytes() == before


def test_a_closed_recorder_says_so(tmp_path):
    recorder = Recorder(tmp_path / "a.h5", SCHEDULE)
    recorder.step(np.zeros(2))
    recorder.close()
    with pytest.raises(ValueError, match=r"Recorder\(.*a.h5', replica 0, closed\) cannot record"):
        recorder.step(np.zeros(2))


LOOP = """
import os, signal, sys
import numpy as np
from dynamics import Recorder, RecordingSchedule
from dynamics.recording import _journal
path, keep, kill, replica = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
write, count = _journal.Journal._write, 0
def dying(self, data):
    global count
    count += 1
    if count == kill:
        write(self, memoryview(data)[: memoryview(data).nbytes // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, data)
_journal.Journal._write = dying
run = (np.random.default_rng(replica).integers(-8, 9, (61, 5)) / 8).cumsum(axis=0)
schedule = RecordingSchedule(60, waiting_times=[4, 10, 20], lags=[1, 3, 10, 30])
recorder = Recorder(path, schedule, keep=keep, replica=replica)
last = recorder._journal.steps[-1] if recorder._journal and len(recorder._journal) else 0
for step in range(last // 5 * 5, 61):  # his own checkpoints, every five steps
    recorder.step({"conv.weight": run[step, :4].reshape(2, 2), "conv.bias": run[step, 4:]}, step)
"""


def run_loop(path, keep="snapshots", kill=0, replica=0):
    """The process of a training loop that is killed in the middle of a write."""
    arguments = map(str, (path, keep, kill, replica))
    return subprocess.Popen([sys.executable, "-c", LOOP, *arguments], env=os.environ | {"PYTHONPATH": str(ROOT)})


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["snapshots", "displacements"])
@pytest.mark.parametrize("kills", [(1, 2, 3, 4, 5, 6), (7, 30, 11), (20, 21, 5)])
def test_a_run_that_is_killed_while_it_writes_ends_like_one_that_is_not(tmp_path, keep, kills):
    for kill in kills:
        assert run_loop(tmp_path / "a.h5", keep, kill).wait(60) == -signal.SIGKILL
    assert run_loop(tmp_path / "a.h5", keep).wait(60) == 0
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_allclose(mean_square_displacement(runs).values[0], displacement(walk()), rtol=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


# ---------------------------------------------------------------- several runs


def test_runs_that_are_recorded_at_the_same_time_become_one_file(tmp_path):
    recorders = {replica: Recorder(tmp_path / "a.h5", SCHEDULE, replica=replica) for replica in (4, 0, 2)}
    for step in range(61):
        for replica, recorder in recorders.items():
            if replica != 2 or step < 22:
                recorder.step(named(walk(replica)[step]), loss=float(replica))
    assert load_trajectories(tmp_path / "a.h5").replicas == 3  # a run that goes on is a shorter run
    recorders[2].close()
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.metadata["recording"]["replicas"] == [0, 2, 4]
    assert runs.metadata["recording"]["recorded_to"] == [60, 21, 60]
    msd = mean_square_displacement(runs)
    expected = [displacement(walk(0)), displacement(walk(2)[:22]), displacement(walk(4))]
    np.testing.assert_allclose(msd.values, expected, rtol=1e-12)
    assert msd.runs_per_pair.tolist() == [[3, 3, 3, 2], [3, 3, 3, 2], [3, 2, 2, 2]]
    np.testing.assert_array_equal(runs.loss[1, runs.curve_steps > 21], np.nan)
    assert sorted(path.stem for path in (tmp_path / "a.h5.recording").iterdir()) == ["0000002", "0000002"]
    record(tmp_path / "a.h5", walk(2), begin=20, replica=2)
    runs = load_trajectories(tmp_path / "a.h5")
    np.testing.assert_array_equal(runs.snapshots[1], walk(2)[runs.steps])
    assert not (tmp_path / "a.h5.recording").exists()


@pytest.mark.slow
def test_processes_that_end_at_the_same_time_lose_no_run(tmp_path):
    loops = [run_loop(tmp_path / "a.h5", replica=replica) for replica in range(6)]
    assert [loop.wait(120) for loop in loops] == [0] * 6
    runs = load_trajectories(tmp_path / "a.h5")
    assert runs.metadata["recording"]["replicas"] == list(range(6))
    for replica in range(6):
        np.testing.assert_array_equal(runs.snapshots[replica], walk(replica)[runs.steps])


def test_runs_may_be_joined_at_the_end(tmp_path):
    for replica in range(3):
        record(tmp_path / "a.h5", walk(replica), replica=replica, join=False)
    assert not (tmp_path / "a.h5").exists()
    with pytest.raises(FileNotFoundError, match=r"join_recordings"):
        load_trajectories(tmp_path / "a.h5")
    assert join_recordings(tmp_path / "a.h5").replicas == 3
    assert join_recordings(tmp_path / "a.h5").replicas == 3
    with pytest.raises(FileNotFoundError, match="nothing was recorded for"):
        join_recordings(tmp_path / "b.h5")


def test_one_replica_has_one_recorder(tmp_path):
    recorder = Recorder(tmp_path / "a.h5", SCHEDULE)
    with pytest.raises(BlockingIOError, match="is being used by process"):
        Recorder(tmp_path / "a.h5", SCHEDULE)
    recorder.close()
    Recorder(tmp_path / "a.h5", SCHEDULE).close()
    assert not (tmp_path / "a.h5").exists()


@pytest.mark.parametrize("joined", [False, True])
def test_runs_of_one_file_are_recorded_alike(tmp_path, joined):
    record(tmp_path / "a.h5", walk(), metadata={"batch_size": 10}, join=joined)
    alike = {"replica": 1, "metadata": {"batch_size": 10}}
    for name, other in (
        ("metadata", {"metadata": {"batch_size": 20}}),
        ("keep", {"keep": "displacements"}),
        ("precision", {"precision": "float64"}),
    ):
        with pytest.raises(ValueError, match=rf"was recorded with {name} = .*; choose another file, or that value"):
            Recorder(tmp_path / "a.h5", SCHEDULE, **alike | other)
    with pytest.raises(ValueError, match=r"was recorded with steps = 60, not 61"):
        Recorder(tmp_path / "a.h5", 61, **alike)
    with pytest.raises(ValueError, match=r"was recorded with parameters = \[\['conv.weight', \[2, 2\]\]"):
        Recorder(tmp_path / "a.h5", SCHEDULE, **alike).step(np.zeros(5))


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not an HDF5 file"):
        Recorder(tmp_path / "a.h5", SCHEDULE)
    assert (tmp_path / "a.h5").read_bytes() == b"something else"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep": "all"}, "keep must be one of snapshots, displacements; got 'all'"),
        ({"precision": "half"}, "precision must be one of float32, float64; got 'half'"),
        ({"replica": -1}, "replica must be a whole number in 0 ... "),
        ({"metadata": {"batch_size": "ten"}}, "metadata must be .*batch_size"),
        ({"metadata": {"recording": 1}}, "metadata must not hold 'recording'"),
        ({"metadata": {"model": object()}}, "metadata must be .*not JSON serializable"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, options, problem):
    with pytest.raises(ValueError, match=problem):
        Recorder(tmp_path / "a.h5", SCHEDULE, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', '{"format": "agescape recording", "format_version": 1}'])
def test_a_damaged_header_is_named(tmp_path, text):
    interrupted(tmp_path / "a.h5", walk(), 12)
    header = tmp_path / "a.h5.recording" / "0000000.json"
    header.write_text(text)
    with pytest.raises(ValueError, match=r"0000000.json is damaged"):
        join_recordings(tmp_path / "a.h5")
