"""JSON and text in files."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from landscape.support import to_json, write_text


def strict(text):
    def refuse(name):
        pytest.fail(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_strict():
    value = {
        "nan": math.nan, "inf": -math.inf, "array": np.array([[1.0, np.nan], [np.inf, 2.0]]), 1: np.int64(3),
        "half": np.float32(0.5), "no": np.float64(np.nan), "yes": np.bool_(True), "path": Path("a/b"),
        "tuple": (None, False, "x"), "empty": np.empty((0, 2)),
    }  # fmt: skip
    text = to_json(value)
    assert "\n" not in text
    assert strict(text) == {
        "nan": None, "inf": None, "array": [[1.0, None], [None, 2.0]], "1": 3, "half": 0.5, "no": None, "yes": True,
        "path": "a/b", "tuple": [None, False, "x"], "empty": [],
    }  # fmt: skip


def test_text_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "b" / "f.txt"
    write_text(path, "old Δ\n")
    assert path.read_text(encoding="utf-8") == "old Δ\n"

    def fail(*_):
        raise OSError

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):  # noqa: PT011
        write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old Δ\n"
