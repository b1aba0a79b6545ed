"""Measurements at single points, in parallel, stored on disk so that a kill loses only the last ones.

The folder holds one file per point, named by a digest of the point and of everything that the measurement depends on.
A repeated call, even with other steps or runs, therefore measures only what is missing and never confuses points.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from landscape.support import check_jobs, digest, new_file, read_arrays, shared, worker_pool

Array = NDArray[np.float64]
Measurement = dict[str, NDArray[Any]]


def measure_all(
    measure: Callable[[Array], Measurement],
    points: Sequence[Array],
    identity: Mapping[str, Any],
    *,
    path: Path | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> list[Measurement]:
    """Results of `measure` for each of `points` (P,), in their order.

    Parameters
    ----------
    measure : callable
        Picklable; the point and `identity` determine its result.
    identity : mapping
        Everything else that the result depends on, as JSON.
    path : Path, optional
        Folder of stored results; created if missing.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If a file in the folder cannot be read: it names the file.
    """
    check_jobs(jobs)
    names = [point_digest(point, identity) for point in points]
    found: dict[str, Measurement] = {
        name: known for name in names if (known := read_measurement(path, name)) is not None
    }
    todo = {name: point for name, point in zip(names, points, strict=True) if name not in found}
    report = progress or (lambda done, total: None)
    report(len(names) - len(todo), len(names))
    common = shared(measure)  # it carries the data
    measured: Any = worker_pool(jobs)(delayed(_apply)(common, point) for point in todo.values())
    try:
        for k, (name, result) in enumerate(zip(todo, measured, strict=True)):
            found[name] = result
            write_measurement(path, name, result)
            report(len(names) - len(todo) + k + 1, len(names))
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns about results that are not consumed
            measured.close()
    return [found[name] for name in names]


def _apply(measure: Callable[[Array], Measurement], point: Array) -> Measurement:
    return measure(point)


def point_digest(point: Array, identity: Mapping[str, Any]) -> str:
    """Digest of a point (P,) and of everything that a measurement there depends on."""
    text = json.dumps(dict(identity), sort_keys=True).encode()
    return hashlib.sha256(text + np.asarray(point, dtype="<f8").tobytes()).hexdigest()


def read_measurement(path: Path | None, name: str) -> Measurement | None:
    """What the folder `path` remembers by a name (`point_digest`); None where it has nothing, or there is no folder.

    Raises
    ------
    ValueError
        If the file cannot be read: it names the file.
    """
    file = None if path is None else path / f"{name}.npz"
    if file is None or not file.exists():
        return None
    try:
        arrays = read_arrays(file)
        mark = arrays.pop("digest", None)
        if mark is not None and str(mark) != digest(arrays):
            msg = "its arrays have changed"
            raise ValueError(msg)
    except (OSError, ValueError) as error:
        msg = f"{file} is not a readable measurement ({error}): remove it"
        raise ValueError(msg) from error
    return None if mark is None else arrays  # files of older versions have no digest: measure again


def write_measurement(path: Path | None, name: str, result: Measurement) -> None:
    """Remember a measurement in the folder `path`, if there is one."""
    if path is not None:
        with new_file(path / f"{name}.npz") as unfinished, unfinished.open("wb") as file:
            np.savez(file, digest=np.array(digest(result)), **result)  # pyright: ignore[reportArgumentType]
