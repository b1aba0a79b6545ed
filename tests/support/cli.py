"""The command line in this process, and what it wrote."""

import io
import json
import re
import sqlite3
import sys
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

import h5py
import numpy as np
import pytest

from bridge.cli import run
from bridge.commands import _progress, _time_ahead

SMALL = ("--hidden", "3", "--rows", "100")
MAIN = "from bridge.cli import main; main()"


# what is said of long work depends on how fast the machine is: nothing, unless a test asks for it
PATIENCE = [
    (module, name, getattr(module, name))
    for module, name in (
        (_progress, "LONG"), (_progress, "SECONDS_BETWEEN_LINES"), (_time_ahead, "WORTH_SAYING"),
    )
]  # fmt: skip


@contextmanager
def _patient():
    with ExitStack() as stack:
        for module, name, usual in PATIENCE:
            if getattr(module, name) == usual:
                stack.enter_context(mock.patch.object(module, name, float("inf")))
        yield


class Result(NamedTuple):
    code: int
    out: str
    err: str


def agescape(*arguments):
    """The command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["agescape", *map(str, arguments)]),
        mock.patch.object(sys, "excepthook", sys.excepthook),
        _patient(),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as stopped,
    ):
        run()
    return Result(stopped.value.code or 0, out.getvalue(), err.getvalue())


# lines that come before the work: a table, what becomes of it, and minibatches of many of its rows
INTRODUCTION = re.compile(r"^agescape: (?:.*: [\d,]+ rows? of |training on |a minibatch of ).*\n", re.MULTILINE)


def strict_json(text):
    """The one JSON object in `text`."""

    def refuse(name):
        pytest.fail(f"{name} is no JSON")

    assert text.endswith("\n")
    value = json.loads(text, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


def complaints(err):
    """What commands say on stderr, but for what they understood of a table and of small data."""
    return INTRODUCTION.sub("", err)


def good(*arguments):
    result = agescape(*arguments)
    assert (result.code, complaints(result.err)) == (0, "")
    return result


def assert_complaint(result, *words):
    assert result.code == 2, result
    assert result.out == ""
    err = complaints(result.err)
    assert err.startswith("agescape: ")
    assert len(err) > len("agescape: .\n")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in result.err
    for word in words:
        assert word.casefold() in result.err.casefold()


def tables(path):
    """Everything in an SQLite file."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert len(names) >= 8
        return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in names}


def arrays(path):
    """Everything in an HDF5 file."""
    with h5py.File(path) as file:
        attributes = {name: np.asarray(value).tolist() for name, value in file.attrs.items()}
        return attributes, {name: (file[name].dtype, file[name][...].tobytes()) for name in file}
