"""What benchmarks share that also measure the code of earlier commits: which code there is, and functions by name."""

import importlib
import os
from pathlib import Path


def codes_of(before):
    """Folders of the code `before`, if there is any, and of this checkout, by name."""
    codes = {"before": before.resolve()} if before else {}
    return codes | {"after": Path(__file__).resolve().parent.parent}


def environment_of(code):
    """Environment of a process that runs the code in a folder."""
    return {**os.environ, "PYTHONPATH": str(code)}


def of_that_code(name, room):
    """A function of the code under test: its commit may be older than the rooms, when all stood in `landscape`."""
    for place in (room, "landscape", "landscape.saddles", "landscape.stationary", "landscape.symmetry"):
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    msg = f"the code under test has no {name}"
    raise ImportError(msg)
