"""The command `schedule`: the steps at which to save a run that is trained elsewhere."""

from support.cli import agescape, assert_complaint, good, strict_json

from bridge.commands.schedule import describe_schedule, summarize
from dynamics.recording import RecordingSchedule

SMALL = ("schedule", "--steps", "100", "--waiting-times", "10,20", "--lags", "1,5,85")
STEPS = [0, 10, 11, 15, 20, 21, 25, 95, 100]  # 20 + 85 is beyond the run


def test_the_steps_of_every_pair_within_the_run_are_listed():
    assert good(*SMALL, "--list").out.split() == [str(step) for step in STEPS]
    described = strict_json(good(*SMALL, "--json").out)
    assert described["recorded_steps"] == STEPS
    assert described["snapshots"] == 9
    assert described["pairs"] == 5
    assert described["pairs_per_waiting_time"] == [3, 2]
    assert described["longest_lags"] == [85, 5]
    assert "gigabytes" not in described


def test_the_size_on_disk_is_that_of_the_snapshots():
    sizes = ("--parameters", "1000000", "--replicas", "3", "--precision", "float64")
    described = strict_json(good(*SMALL, *sizes, "--json").out)
    assert described["gigabytes"] == 9 * 3 * 8e6 / 1e9
    assert described["gigabytes_for_displacements"] == 2 * 3 * 8e6 / 1e9
    text = good(*SMALL, *sizes).out
    said = " ".join(text.split())
    assert text.startswith("9 snapshots of a run of 100 steps.\n")
    assert "0.216 GB for 3 runs of 1,000,000 parameters in float64" in said
    assert "Save the parameters at steps 0, 10, 11, 15, 20, 21, 25, 95, 100, step 0 being before" in said


def test_many_steps_are_left_to_list():
    """438 numbers in prose would scroll the table away."""
    result = describe_schedule(RecordingSchedule(20_000))
    (note,) = summarize(result).notes
    steps = result["recorded_steps"]
    assert f"at {len(steps)} steps, 0, 1300, " in note
    assert "... and 20000" in note
    assert note.count(",") < 20
    assert "--list" in note


def test_what_is_no_schedule_is_refused():
    assert_complaint(
        agescape("schedule", "--steps", "100", "--waiting-times", "200"), "waiting", "within 1 ... 99; got"
    )
    assert_complaint(agescape(*SMALL, "--precision", "half"), "--precision must be float32 or float64; got 'half'")
    epoch = agescape("schedule", "--steps", "100", "--lags-multiple-of", "epoch")
    assert_complaint(epoch, "--lags-multiple-of must be a whole number of steps >= 1; got 'epoch'")
