"""Killed, interrupted, without disk or place: no damaged file, a clear message, and the same results afterwards."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from support.cli import tables
from support.disturbances import COMMANDS, EXPLORE, TRAIN, check, read_only, results, small_disk, undisturbed_in
from support.faults import Running

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals and fork")
KILLS = int(os.environ.get("AGESCAPE_KILLS", "12"))  # of each command in the slow test; the full one has 200


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return undisturbed_in(tmp_path_factory.mktemp)


def disturb(name, undisturbed, folder, number, moments, rng):
    """Stop a command at so many moments; begin again whenever it ended; let it end: how often it was stopped.

    A moment may come too late on a busy machine: there are more of them until a third of their number did stop it.
    """
    begin, whole, pace = undisturbed(name)
    command, expected, stopped = COMMANDS[name][0], results(whole), 0
    work = folder / "work"
    shutil.copytree(begin, work)
    for moment, share in enumerate(rng.uniform(0.0, 0.95, 5 * moments).tolist()):
        if moment >= moments and stopped >= moments // 3:
            break
        running = Running(work, command)
        pace.wait(work, share, lambda: running.alive)  # noqa: B023
        ended = running.stop(number)
        check(work)
        if ended.code == 0:
            assert results(work) == expected
            shutil.rmtree(work)
            shutil.copytree(begin, work)
            continue
        stopped += 1
        if number is signal.SIGINT:
            assert ended.code == 130, ended
            assert ended.err.splitlines()[-1].startswith("agescape: interrupted"), ended
        else:
            assert ended.code == -number, ended
        assert "Traceback" not in ended.err, ended
    assert Running(work, command).end().code == 0
    check(work)
    assert results(work) == expected
    return stopped


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("name", COMMANDS)
def test_stopped_at_random_moments_it_goes_on_as_if_undisturbed(name, number, undisturbed, tmp_path):
    moments = KILLS if number is signal.SIGKILL else -(-KILLS // 4)
    stopped = disturb(name, undisturbed, tmp_path, number, moments, np.random.default_rng(len(name)))
    assert stopped >= moments // 3


# ---------------------------------------------------------------- no room, no place


def assert_complaint(ended, word=""):
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    assert ended.err.splitlines()[-1].startswith("agescape: ")
    assert word in ended.err


SIZES = [
    ("explore", [5_000, 40_000]), ("train", [3_000, 12_000]), ("overlay", [10_000]), ("study", [2_000, 70_000])
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "sizes"), SIZES)
def test_a_file_that_cannot_grow(name, sizes, undisturbed, tmp_path):
    """Writes fail beyond a size; with room the same command goes on."""
    begin, whole, _ = undisturbed(name)
    work = tmp_path / "work"
    shutil.copytree(begin, work)
    for size in sizes:
        assert_complaint(Running(work, COMMANDS[name][0], size).end())
        check(work)
    assert Running(work, COMMANDS[name][0]).end().code == 0
    assert results(work) == results(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kilobytes"), [("explore", 64), ("train", 24), ("study", 120)])
def test_a_full_disk(name, kilobytes, undisturbed, tmp_path):
    begin, whole, _ = undisturbed(name)
    work, disk = tmp_path / "work", tmp_path / "disk"
    with small_disk(disk, kilobytes):
        shutil.copytree(begin, disk, dirs_exist_ok=True)
        assert_complaint(Running(disk, COMMANDS[name][0]).end())
        check(disk)
        shutil.copytree(disk, work)
    assert Running(work, COMMANDS[name][0]).end().code == 0
    assert results(work) == results(whole)


@pytest.mark.parametrize("name", ["explore", "train", "study"])
def test_a_place_where_nothing_can_be_written(name, tmp_path):
    command = COMMANDS[name][0]
    output = command.index("--output") + 1
    ended = Running(tmp_path, (*command[:output], "/proc/none/f", *command[output + 1 :])).end()
    assert_complaint(ended, "/proc/none")


def bytes_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


READ_ONLY = [pytest.param(name, half, marks=pytest.mark.slow) for name in COMMANDS for half in (False, True)]


@pytest.mark.parametrize(("name", "half"), READ_ONLY)
def test_a_folder_that_is_read_only(name, half, undisturbed, tmp_path):
    """It says so and changes nothing; where it can write it goes on."""
    begin, whole, pace = undisturbed(name)
    work, locked = Path(shutil.copytree(begin, tmp_path / "work")), tmp_path / "locked"
    if half:
        running = Running(work, COMMANDS[name][0])
        pace.wait(work, 0.5, lambda: running.alive)
        running.stop(signal.SIGKILL)
    with read_only(locked, work):
        before = bytes_of(locked)
        ended = Running(locked, COMMANDS[name][0]).end()
        if ended.code:
            assert_complaint(ended)
            assert re.search("read-?only", ended.err, re.IGNORECASE), ended  # the system's word, and SQLite's
        else:
            assert half  # so much was done that nothing was to be written
        assert bytes_of(locked) == before
    assert Running(work, COMMANDS[name][0]).end().code == 0
    assert results(work) == results(whole)


# ---------------------------------------------------------------- two at once


@pytest.mark.slow
def test_two_explorations_of_one_file_are_one(undisturbed, tmp_path):
    """The second waits, or is told so: never a damaged file, nothing twice."""
    _, whole, _ = undisturbed("explore")
    both = [Running(tmp_path, EXPLORE, log=f"log{k}") for k in range(2)]
    ended = [one.end() for one in both]
    check(tmp_path)
    assert 0 in {one.code for one in ended}
    for one in ended:
        assert one.code == 0 or "is being used by process" in one.err, one
    assert tables(tmp_path / "f.db") == tables(whole / "f.db")


@pytest.mark.slow
def test_of_two_trainings_into_one_file_the_second_is_told_so(undisturbed, tmp_path):
    undisturbed("train")  # compiles
    endless = tuple("20000000" if word == "60000" else word for word in TRAIN)
    first = Running(tmp_path, endless, log="first")
    while first.alive and not (tmp_path / "f.h5.lock").exists():
        time.sleep(0.01)
    assert_complaint(Running(tmp_path, endless, log="second").end(), "is being used by process")
    assert first.stop(signal.SIGKILL).code == -signal.SIGKILL
