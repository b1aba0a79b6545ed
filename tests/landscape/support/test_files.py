"""Files appear whole or not at all, and what killed processes left of them goes away."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from landscape.support import _files as files, new_file

KILLED = """
import os, pathlib, signal, sys
from landscape.support import new_file
with new_file(sys.argv[1], pathlib.Path(sys.argv[2])) as unfinished:
    unfinished.write_text("half")
    unfinished.with_name(unfinished.name + "-journal").write_text("SQLite's")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def begun_again():
    """What a new process does: look once at every folder."""
    files._sweep.cache_clear()


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_a_file_appears_whole_under_its_name(tmp_path):
    path = tmp_path / "new" / "f.txt"
    with new_file(path) as unfinished:
        unfinished.write_text("all")
        assert os.listdir(path.parent) == [unfinished.name]
        assert unfinished.name.startswith(".f.txt.")
    assert contents(path.parent) == {"f.txt": "all"}


def test_after_an_error_all_is_as_before(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("old")

    def stop():
        with new_file(path) as unfinished:
            unfinished.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stop()
    assert contents(tmp_path) == {"f.txt": "old"}


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("elsewhere", [False, True], ids=["beside", "in a folder"])
def test_what_a_killed_process_left_goes_away(tmp_path, begun_again, elsewhere):
    folder = tmp_path / "parts" if elsewhere else tmp_path
    command = [sys.executable, "-c", KILLED, str(tmp_path / "f.svg"), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert sorted(contents(folder).values()) == ["SQLite's", "half"]
    with new_file(tmp_path / "other.txt", folder) as unfinished:
        unfinished.write_text("all")
    assert contents(folder) | contents(tmp_path) == {"other.txt": "all"}


def test_what_living_processes_and_other_hosts_write_stays(tmp_path, begun_again):
    with new_file(tmp_path / "f.txt") as unfinished:
        unfinished.write_text("mine")
        foreign = tmp_path / ".f.txt.agescape-00000000-1-00000000"
        endless = tmp_path / f".f.txt.agescape-{files._host()}-{'9' * 50}-00000000"
        for path in (foreign, endless):
            path.write_text("another's")
        files._sweep.cache_clear()
        with new_file(tmp_path / "f.txt") as second:
            second.write_text("second")
    assert contents(tmp_path) == {"f.txt": "mine", foreign.name: "another's", endless.name: "another's"}


def test_an_error_names_the_file_and_not_its_unfinished_name(tmp_path):
    path = tmp_path / "folder" / "figure.svg"

    def write():
        with new_file(path) as unfinished:
            shutil.rmtree(path.parent)
            unfinished.write_text("x")

    with pytest.raises(FileNotFoundError, match=r"No such file or directory: '.*/folder/figure\.svg'$"):
        write()
    with pytest.raises(FileNotFoundError, match=r"other\.txt'$"), new_file(path):
        (tmp_path / "other.txt").read_text()
