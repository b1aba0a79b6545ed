"""A package that nobody can write to, for a user without a home: the usual container."""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from support import hostile
from support.cli import agescape
from support.disturbances import small_disk
from support.paths import ROOT

from landscape.support import _compilation

PACKAGES = ("landscape", "dynamics", "bridge", "agescape")
NOWHERE = "/proc/none"  # not even root can make a folder there
FORGOTTEN = ("NUMBA_CACHE_DIR", "AGESCAPE_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """A copy of the packages in which numba finds no place beside the code: a file is where its folder should be."""
    folder = tmp_path_factory.mktemp("installation")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for package in (folder / name, *(path for path in (folder / name).rglob("*") if path.is_dir())):
            (package / "__pycache__").write_text("")
    return folder


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """The place for temporary files, which all tests share."""
    return tmp_path_factory.mktemp("temporary")


def run(installation, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
    environment |= {"HOME": NOWHERE, "PYTHONPATH": str(installation), **variables}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=installation,  # comes first where Python looks for modules
        capture_output=True,
        text=True,
        check=False,
    )


def assert_one_line(ended, *words):
    assert ended.returncode == 0, ended
    assert ended.stderr.count("\n") == 1, ended
    assert all(word in ended.stderr for word in words), ended


@pytest.mark.slow
def test_commands_without_a_place_for_caches(installation, temporary, tmp_path):
    ended = run(installation, "-m", "agescape", "--help", TMPDIR=str(temporary))
    assert (ended.returncode, ended.stderr) == (0, "")  # nothing is compiled
    assert "Usage:" in ended.stdout
    make = ("data", "ljat", "--rows", "20", "--test-rows", "0", "--output", str(tmp_path / "d.csv"))
    ended = run(installation, "-m", "agescape", *make, TMPDIR=str(temporary))
    assert_one_line(ended, "agescape: cannot write to", str(temporary), "NUMBA_CACHE_DIR")
    assert ended.stdout.startswith("20 training rows")


COMPILE = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
import numpy as np
from landscape.datasets._three_atoms import _dot
from dynamics.kernels import get_kernel
from landscape.support import worker_pool
from joblib import delayed
kernel = get_kernel((1, 1), 4, "float64", "full").advance
print(_dot(np.arange(3.0), np.arange(3.0)), _dot.stats.cache_path, kernel.stats.cache_path)
print(list(worker_pool(int(sys.argv[2]))(delayed(_dot)(np.full(1, 1.0 * k), np.ones(1)) for k in range(2))))
"""


def test_without_any_place_nothing_is_kept_and_everything_works(installation):
    ended = run(installation, "-c", COMPILE, NOWHERE, "1")
    assert_one_line(ended, "every process compiles everything again")
    assert ended.stdout.splitlines() == ["5.0 None None", "[0.0, 1.0]"]


@pytest.mark.slow
def test_workers_share_the_temporary_directory_without_a_word(installation, tmp_path):
    ended = run(installation, "-c", COMPILE, str(tmp_path), "2")
    assert_one_line(ended, str(tmp_path))
    assert ended.stdout.count(str(tmp_path)) == 2
    assert list(tmp_path.glob("agescape-*/*/*/*.nbc"))


@pytest.mark.slow
def test_a_directory_that_is_named_is_used_without_a_word(installation, tmp_path):
    named = {name: str(tmp_path / name) for name in FORGOTTEN[:3]}
    ended = run(installation, "-c", COMPILE, NOWHERE, "1", **named)
    assert ended.returncode == 0, ended
    assert ended.stderr == ""
    assert {path.name for path in tmp_path.iterdir()} == {"NUMBA_CACHE_DIR", "AGESCAPE_CACHE_DIR"}


def test_a_temporary_directory_that_others_can_write_to_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = _compilation._temporary_directory()
    assert place is not None
    assert place.stat().st_mode & 0o077 == 0
    place.chmod(0o777)  # numba would run what it finds there
    assert _compilation._temporary_directory() is None
    place.rmdir()
    place.symlink_to(tmp_path)
    assert _compilation._temporary_directory() is None
    monkeypatch.setattr(tempfile, "tempdir", NOWHERE)
    assert _compilation._temporary_directory() is None


def test_a_place_takes_what_can_be_written_and_keeps_nothing_of_the_trial(tmp_path):
    (tmp_path / "file").write_text("")
    assert _compilation._takes(tmp_path / "not" / "yet", 1)
    assert not _compilation._takes(tmp_path / "file" / "below", 1)
    assert not _compilation._takes(Path(NOWHERE), 1)
    assert not _compilation._takes(Path("~"), 1)  # of a user who is unknown
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_no_place(tmp_path):
    """Numba takes a place where a file can be made, and fails when it writes."""
    with small_disk(tmp_path / "disk", 64):
        assert _compilation._takes(tmp_path / "disk", 1)
        assert not _compilation._takes(tmp_path / "disk", _compilation.ROOM)


def filled(word, folder):
    """A word of a command, with the path of the file that it names."""
    for name in ("folder", "new", "f.h5", "f.db"):
        word = word.replace(f"{{{name}}}", str(folder if name == "folder" else folder / name))
    return word


@pytest.mark.slow
def test_every_command(installation, temporary, tmp_path):
    (good := tmp_path / "good").mkdir()
    hostile.make_specimens(good, agescape)
    for command in hostile.GOOD_COMMANDS:
        codes = []
        for name, call in (("usual", agescape), ("read-only", partial(run, installation, "-m", "agescape"))):
            folder = Path(shutil.copytree(good, tmp_path / name))
            words = [filled(word, folder) for word in command]
            ended = call(*words) if call is agescape else call(*words, TMPDIR=str(temporary))
            codes.append(ended.code if call is agescape else ended.returncode)
            shutil.rmtree(folder)
        assert codes[0] == codes[1], ended
        assert "Traceback" not in ended.stderr, ended
        assert ended.stderr.count("cannot write to") <= 1, ended  # not where nothing is compiled
