"""Databases that cannot be opened now, or by us: what is wrong is said in words that name the file."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import h5py
import pytest
from support.cli import SMALL, agescape, assert_complaint
from support.databases import WRITER, a_minimum
from support.disturbances import read_only
from support.sql import alter

from landscape import Database
from landscape.database import _schema
from landscape.interchange import read_pele
from landscape.support import sqlite_failure

NOBODY = 65534


@pytest.fixture
def impatient(monkeypatch):
    """Readers and writers that wait a twentieth of a second."""
    monkeypatch.setattr(_schema, "READING", 0.05)
    monkeypatch.setattr(_schema, "WRITING", 0.1)


@contextmanager
def locked(path, how="EXCLUSIVE"):
    """Another program has the file for itself; with IMMEDIATE it lets others read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        yield


@contextmanager
def somebody_else():
    """As a user who owns nothing."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_reader_waits_a_little_for_another_process(filled):
    assert 1.0 <= _schema.READING <= 5.0 < _schema.WRITING
    with closing(_schema.connect(filled)) as connection:
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000 * _schema.READING,)
        with _schema.patiently(connection):
            assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000 * _schema.WRITING,)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (1000 * _schema.READING,)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("read", [Database, read_pele])
def test_a_locked_file_is_no_damaged_file(filled, read):
    with locked(filled), pytest.raises(TimeoutError, match=rf"{filled} is being used by another process: wait for it"):
        read(filled)


@pytest.mark.usefixtures("impatient")
def test_every_command_says_that_a_file_is_locked(filled, tmp_path):
    picture = tmp_path / "f.svg"
    commands = [
        ("info", filled), ("verify", filled, "--jobs", 1), ("graph", filled, "--output", picture),
        ("path", filled, 1, 2, "--output", picture), ("geometry", filled, "--output", picture),
        ("export", filled, "--output", tmp_path / "f.npz"), ("merge", filled, "--output", tmp_path / "g.db"),
        ("explore", *SMALL, "--searches", 50, "--output", filled, "--jobs", 1),
        ("import", filled, *SMALL, "--output", tmp_path / "g.db"),
    ]  # fmt: skip
    with locked(filled):
        for command in commands:
            assert_complaint(agescape(*command), f"{filled} is being used by another process")
    assert not picture.exists()


@pytest.mark.usefixtures("impatient")
def test_a_file_that_another_program_writes_to_is_read_and_not_written(filled, rng):
    with locked(filled, "IMMEDIATE"), Database(filled) as database:
        assert len(database.minima) == 3
        with pytest.raises(TimeoutError, match="is being used by another process"), database.transaction():
            pytest.fail("inside")
    with Database(filled) as database, database.transaction():
        database.add_minimum(a_minimum(rng), origin="start")


def empty(path):
    path.write_bytes(b"")


def folder(path):
    path.unlink()
    path.mkdir()


def text(path):
    path.write_text("loss,minimum\n0.5,1\n" * 100)


def runs(path):
    with h5py.File(path, "w"):
        pass


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])


def of_another_program(path):
    path.unlink()
    alter(path, "CREATE TABLE songs (x INTEGER)")


CASES = [
    (lambda path: path.unlink(), FileNotFoundError, "there is no file .*landscape.db$"),
    (folder, FileNotFoundError, "it is a folder"),
    (empty, ValueError, "is empty, not a database"),
    (text, ValueError, "is not an SQLite file, or is damaged: file is not a database"),
    (runs, ValueError, "it is an HDF5 file, such as runs$"),
    (cut, ValueError, "damaged"),
    (of_another_program, ValueError, "is not a database of minima of agescape: it has no table"),
]


@pytest.mark.parametrize(("change", "kind", "words"), CASES)
def test_what_is_wrong_is_said(filled, change, kind, words):
    change(filled)
    with pytest.raises(kind, match=words) as caught:
        Database(filled)
    assert str(filled) in str(caught.value)
    with pytest.raises(kind, match=str(filled)):
        read_pele(filled)


@pytest.mark.parametrize("mode", [0o000, 0o755])
def test_a_file_that_is_not_for_us(filled, mode):
    """The file itself, or the folder above it (pytest's belongs to its user alone)."""
    with tempfile.TemporaryDirectory() as place:
        (open_folder := Path(place)).chmod(0o755)
        target = Path(shutil.copy(filled, open_folder if mode == 0 else filled.parent / "copy.db"))
        target.chmod(mode)
        with somebody_else(), pytest.raises(PermissionError, match=rf"{target} cannot be read: Permission denied"):
            Database(target)


CODES = [
    (sqlite3.SQLITE_BUSY, TimeoutError, "another process"),
    (sqlite3.SQLITE_BUSY_RECOVERY, TimeoutError, "another process"),
    (sqlite3.SQLITE_LOCKED, TimeoutError, "another process"),
    (sqlite3.SQLITE_CANTOPEN, PermissionError, "cannot be opened"),
    (sqlite3.SQLITE_PERM, PermissionError, "cannot be opened"),
    (sqlite3.SQLITE_READONLY, OSError, "cannot be written"),
    (sqlite3.SQLITE_READONLY_ROLLBACK, PermissionError, "a write was interrupted"),
    (sqlite3.SQLITE_FULL, OSError, "cannot be written"),
    (sqlite3.SQLITE_IOERR_FSYNC, OSError, "cannot be read or written"),
    (sqlite3.SQLITE_NOMEM, MemoryError, "more memory"),
    (sqlite3.SQLITE_CORRUPT, ValueError, "is damaged"),
    (sqlite3.SQLITE_NOTADB, ValueError, "is not an SQLite file"),
    (None, ValueError, "is damaged"),
]


@pytest.mark.parametrize(("code", "kind", "words"), CODES)
def test_every_code_of_sqlite_is_somebodys_fault(code, kind, words):
    error = sqlite3.OperationalError("what SQLite says")
    if code is not None:
        error.sqlite_errorcode = code
    found = sqlite_failure(error, "f.db")
    assert type(found) is kind
    assert str(found).startswith("f.db ")
    assert words in str(found)
    assert "what SQLite says" in str(found)


def test_a_file_in_a_read_only_folder_is_read(filled, tmp_path, rng):
    with read_only(tmp_path / "locked", filled.parent):
        with Database(tmp_path / "locked" / filled.name) as database:
            assert len(database.minima) == 3
            with pytest.raises(OSError, match="cannot be written: attempt to write a readonly"), database.transaction():
                database.add_minimum(a_minimum(rng), origin="start")
            assert len(database.minima) == 3
        result = agescape("info", tmp_path / "locked" / filled.name)
        assert result.code == 0


def test_an_interrupted_write_in_a_read_only_folder_is_no_damage(filled, tmp_path):
    """Its journal has to be played back, and nobody can."""
    writer = WRITER.replace("time.sleep(60)", "import os; os._exit(1)")
    assert subprocess.run([sys.executable, "-c", writer, filled], check=False).returncode
    with (
        read_only(tmp_path / "locked", filled.parent),
        pytest.raises(PermissionError, match="a write was interrupted"),
    ):
        Database(tmp_path / "locked" / filled.name)
    with Database(filled) as database:
        assert len(database.minima) == 3


def test_no_message_speaks_of_a_hidden_file(filled, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert_complaint(agescape("info", tmp_path / "empty"), "empty is empty")
    assert_complaint(agescape("merge", filled, "--output", "/proc/f.db"), "agescape: /proc/f.db cannot be created")
