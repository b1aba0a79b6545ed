"""Functions by name where a benchmark also measures the code of earlier commits."""

import importlib


def of_that_code(name, room):
    """A function of the code under test: its commit may be older than the rooms, when all stood in `landscape`."""
    for place in (room, "landscape", "landscape.saddles", "landscape.stationary", "landscape.symmetry"):
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    msg = f"the code under test has no {name}"
    raise ImportError(msg)
