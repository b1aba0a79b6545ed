"""Broken and hostile files, through the command line: one line that names the file, nothing executed, no memory."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import h5py
import pytest
from support import hostile
from support.cli import agescape, assert_complaint, complaints

from landscape import interchange

# of the slow tests; an hour's work are 10000 and 2000
FILES = int(os.environ.get("AGESCAPE_DAMAGED_FILES", "2000"))
LINES = int(os.environ.get("AGESCAPE_ODD_LINES", "500"))


@pytest.fixture(scope="module")
def specimens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("specimens") / "good"
    folder.mkdir()
    hostile.make_specimens(folder, agescape)
    return folder


def problem(reader, number, specimens, folder):
    """What is wrong with how a case ends, or None."""
    path = hostile.damaged_copy(reader, number, specimens, folder)
    command = hostile.command_line(reader, number, path, folder) if reader.commands else None
    try:
        with hostile.bounded():
            wrong = wrong_graph(path) if command is None else wrong_result(command, path, folder)
    except KeyboardInterrupt:
        raise
    except BaseException:
        wrong = traceback.format_exc()
    if (folder / "ran").exists():
        wrong = "it was executed"
    return None if wrong is None else f"{reader.name}, case {number}, {command}: {wrong}"


def wrong_result(command, path, folder):
    result = agescape(*command)
    result = result._replace(err=re.sub(r".* is not the original MNIST file.*\n", "", complaints(result.err)))
    if result.code == 0 or (result.code == 1 and command[0] == "verify"):
        return None
    named = path.name in result.err or (path.parent != folder and path.parent.name in result.err)
    line = result.err.startswith("agescape: ") and result.err.count("\n") == 1 and len(result.err) < 1200
    fine = result.code == 2 and line and named and "MemoryError" not in result.err
    return None if fine else str(result)[:3000]


def wrong_graph(path):
    """GraphML has no command."""
    try:
        interchange.read_graphml(path)
    except ValueError as error:
        return None if path.name in str(error) else str(error)
    return None


def problems(reader, numbers, specimens, folder):
    found = []
    for number in numbers:
        found.append(problem(reader, number, specimens, folder / "case"))
        shutil.rmtree(folder / "case")
    return [text for text in found if text]


@pytest.mark.parametrize(
    "reader",
    [pytest.param(one, marks=pytest.mark.slow) if one.name in ("images", "labels") else one for one in hostile.READERS],
    ids=lambda reader: reader.name,
)
def test_a_damaged_file_is_read_or_refused_in_one_line(reader, specimens, tmp_path):
    assert problems(reader, range(4), specimens, tmp_path) == []


def test_a_damaged_header_of_hdf5_is_one_line(specimens, tmp_path):
    """Its error was once its own cause, and following the causes took for ever."""
    (runs,) = (reader for reader in hostile.READERS if reader.name == "runs")
    path = hostile.damaged_copy(runs, 27, specimens, tmp_path / "case")
    with pytest.raises(OSError, match="bad object header version"):
        h5py.File(path)
    with hostile.bounded():
        assert_complaint(agescape("info", path), path.name, "bad object header version")


@pytest.mark.slow
@pytest.mark.parametrize("reader", hostile.READERS, ids=lambda reader: reader.name)
def test_many_damaged_files_are_read_or_refused_in_one_line(reader, specimens, tmp_path):
    assert problems(reader, range(-(-FILES // len(hostile.READERS))), specimens, tmp_path) == []


@pytest.mark.parametrize("command", ["verify {}/f.db --jobs 1", "curvature {}/f.h5 --runs 1 --jobs 1"])
@pytest.mark.parametrize("what", ["rows", "test_rows"])
def test_a_file_that_speaks_of_very_many_rows_takes_no_memory(command, what, specimens, tmp_path):
    words = command.format(tmp_path).split()
    path = Path(shutil.copy(specimens / Path(words[1]).name, words[1]))
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "UPDATE agescape_provenance SET value = json_set(value, ?, ?) WHERE name = 'dataset'",
                (f"$.{what}", 10**12),
            )
    else:
        with h5py.File(path, "r+") as file:
            metadata = json.loads(file.attrs["metadata"])
            metadata["data"][what] = 10**12
            file.attrs["metadata"] = json.dumps(metadata)
    with hostile.bounded():
        result = agescape(*words)
    assert_complaint(result, str(path), f"{what} must be a whole number", "1000000000000")


def wrong_arguments(numbers, specimens, folder):
    found = []
    for number in numbers:
        shutil.copytree(specimens, folder / "case")
        command = hostile.odd_command(number, folder / "case")
        try:
            with hostile.bounded(), contextlib.chdir(folder / "case"):
                result = agescape(*command)
            result = result._replace(err=complaints(result.err))
            line = result.err.startswith("agescape: ") and result.err.count("\n") == 1 and len(result.err) < 1200
            wrong = (
                None if result.code in {0, 1} or (result.code == 2 and line and not result.out) else str(result)[:3000]
            )
        except KeyboardInterrupt:
            raise
        except BaseException:
            wrong = traceback.format_exc()
        if wrong:
            found.append(f"case {number}, {command}: {wrong}")
        shutil.rmtree(folder / "case")
    return found


@pytest.mark.slow
def test_odd_arguments_are_used_or_refused_in_one_line(specimens, tmp_path):
    assert wrong_arguments(range(2 * len(hostile.GOOD_COMMANDS)), specimens, tmp_path) == []


@pytest.mark.slow
def test_many_odd_command_lines_are_used_or_refused_in_one_line(specimens, tmp_path):
    assert wrong_arguments(range(LINES), specimens, tmp_path) == []
