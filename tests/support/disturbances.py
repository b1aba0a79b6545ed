"""Commands to be stopped, what they leave behind when nothing stops them, and places where writing fails."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from dynamics import load_trajectories
from landscape import Database
from support.cli import arrays, tables
from support.faults import LOSS, Running, pace

EXPLORE = ("explore", *LOSS, "--searches", "40", "--output", "f.db", "--jobs", "1")
TRAIN = ("train", *LOSS, "--replicas", "7", "--steps", "60000", "--batch-size", "20", "--output", "f.h5", "--jobs", "1")
BEFORE = ("train", *LOSS, "--replicas", "3", "--steps", "100", "--batch-size", "20", "--output", "g.h5", "--jobs", "1")
OVERLAY = ("overlay", "f.db", "g.h5", "--output", "o.svg", "--method", "lbfgs", "--jobs", "1")
STUDY = ("study", "--hidden", "2", "--rows", "100", "--searches", "20", "--replicas", "3", "--steps", "400",
         "--jobs", "1", "--output", ".")  # fmt: skip
# a command, and those that make its input
COMMANDS = {"explore": (EXPLORE,), "train": (TRAIN,), "overlay": (OVERLAY, EXPLORE, BEFORE), "study": (STUDY,)}


def undisturbed_in(make_folder):
    """Of each command: the folder with its input, that with its result as well, and its pace."""
    known = {}

    def get(name):
        if name not in known:
            command, *inputs = COMMANDS[name]
            begin = make_folder(name) / "begin"
            begin.mkdir()
            for needed in inputs:
                assert Running(begin, needed).end().code == 0
            whole = Path(shutil.copytree(begin, begin.with_name("whole")))
            pace(whole, command)  # once for whatever is compiled
            shutil.rmtree(whole)
            shutil.copytree(begin, whole)
            known[name] = begin, whole, pace(whole, command)
        return known[name]

    return get


def check(folder):
    """Every file is what its name says, or not there."""
    for path in folder.rglob("*.db"):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        Database(path).close()
    for path in folder.rglob("*.h5"):
        load_trajectories(path)
    for path in folder.rglob("*.svg"):
        assert path.read_text().rstrip().endswith("</svg>")


def results(folder):
    """All that is in a folder, hidden files too: what databases and HDF5 files hold, of all others the bytes."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".db":
            found[name] = tables(path)
        elif path.suffix == ".h5":
            found[name] = arrays(path)
        else:
            found[name] = path.read_bytes()
    return found


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def read_only(folder, content):
    """A folder with this content that nobody, not even root, can write to."""
    folder.mkdir()
    mounted = shell("mount", "-t", "tmpfs", "tmpfs", folder)
    shutil.copytree(content, folder, dirs_exist_ok=True)
    if mounted:
        locked, unlock = shell("mount", "-o", "remount,ro", folder), ("umount", folder)
    elif shell("chattr", "-R", "+i", folder):
        locked, unlock = True, ("chattr", "-R", "-i", folder)
    else:
        locked, unlock = os.geteuid() != 0 and shell("chmod", "-R", "a-w", folder), ("chmod", "-R", "u+w", folder)
    try:
        if not locked:
            pytest.skip("mount and chattr are not allowed here, and chmod does not stop root")
        yield
    finally:
        shell(*unlock)


def shell(*command):
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
