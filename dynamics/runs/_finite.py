"""Errors for diverged runs, naming the run and the step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

REMEDY = "Diverged runs cannot be analyzed: train again with a smaller learning rate, or leave them out"


def check_snapshots(snapshots: Any, steps: NDArray[np.int64], source: str, recorded: NDArray[np.bool_]) -> None:
    """Raise a ValueError that names runs with `recorded` (R, S) snapshots (R, S, P) that are not finite.

    It names their first such step.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        if recorded.all() and isinstance(snapshots, np.ndarray) and np.isfinite(snapshots.sum(dtype=np.float64)):
            return  # needs no memory
    bad = [~np.isfinite(snapshots[r]).all(axis=1) & recorded[r] for r in range(len(recorded))]
    _refuse(np.array(bad).reshape(recorded.shape), steps, "parameters are", source)


def check_curves(curves: Mapping[str, NDArray[np.float64]], steps: NDArray[np.int64], source: str) -> None:
    """Raise a ValueError that names the runs whose curves (R, C) are not finite, and their first such step."""
    for name, curve in curves.items():
        _refuse(~np.isfinite(curve), steps, f"{name.replace('_', ' ')} is", source)


def _refuse(bad: NDArray[np.bool_], steps: NDArray[np.int64], what: str, source: str) -> None:
    runs = np.flatnonzero(bad.any(axis=1))
    if not runs.size:
        return
    first = steps[bad[runs[0]].argmax()]
    others = f", and {runs.size - 1} others did ({', '.join(map(str, runs[1:9]))})" if runs.size > 1 else ""
    msg = f"run {runs[0]} of {len(bad)} of {source} diverged: at step {first} its {what} not finite{others}. {REMEDY}"
    raise ValueError(msg)
