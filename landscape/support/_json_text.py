"""JSON and text files that are either old or new, never partial."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from landscape.support._files import new_file


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, and create its folder."""
    with new_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def to_json(value: Any) -> str:
    """One line of strict JSON: nan and infinity become null, arrays become lists, paths become text."""
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
