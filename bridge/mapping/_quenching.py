"""The one way from snapshots of runs to the minima that they are quenched to, remembered in a folder.

`inherent_structures` looks these minima up in a database, `quenched_snapshots` keeps their coordinates: with one folder
for both no snapshot is quenched twice. A part of a run, `CHUNK` snapshots, is one task: the gradient flow goes along it
(`landscape.descent.quench_along`), so that a flow that joins a former one ends in bitwise the same point.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from dynamics.runs import Trajectories
from dynamics.snapshots import Measurement, loss_identity, point_digest, read_measurement, write_measurement
from landscape.descent import Method, QuenchResult, QuenchStatus, quench, quench_along
from landscape.losses import DataLoss
from landscape.stationary import GRADIENT_TOLERANCE, Inertia, Minimum, certify
from landscape.support import check_jobs, shared, worker_pool

Array = NDArray[np.float64]
Positions = NDArray[np.intp]

UNKNOWN = 0  # in place of the number of a minimum or basin, where a snapshot belongs to none
CHUNK = 50  # snapshots of a run that a worker maps in one go, and that are lost when it is killed


class SnapshotStatus(Enum):
    """Result of mapping a snapshot; the value is the remedy."""

    MINIMUM = "belongs to a minimum"
    SADDLE = "the snapshot is exactly on a saddle; displace it along the lowest eigenvector to either side"
    RUNAWAY = QuenchStatus.RUNAWAY.value
    DEGENERATE = QuenchStatus.DEGENERATE.value
    NOT_CONVERGED = "the quench ended in no minimum; try the other map (flow or lbfgs)"


End = Minimum | SnapshotStatus


class Part(NamedTuple):
    """Snapshots of a run that are quenched in one go."""

    run: int
    positions: Positions  # (k,) among the steps of the run, ascending


def parts_of(run: int, positions: Positions) -> Iterator[Part]:
    """Parts of at most `CHUNK` snapshots of a run."""
    for begin in range(0, len(positions), CHUNK):
        yield Part(run, positions[begin : begin + CHUNK])


def quench_parts(
    runs: Trajectories,
    loss: DataLoss,
    parts: Sequence[Part],
    method: Method,
    *,
    path: str | PathLike[str] | None,
    jobs: int,
    progress: Callable[[int, int], object],
) -> Iterator[tuple[Part, list[End]]]:
    """Each part, in the given order, with where its snapshots end.

    Parameters
    ----------
    runs : Trajectories
    loss : MLPLoss or TorchLoss
    parts : sequence of Part
    method : {"flow", "lbfgs"}
    path : path or None
        Folder for finished quenches, by a digest of snapshot, loss and method.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total)
        Called with the number of snapshots that were remembered, then after each part that was quenched.

    Raises
    ------
    ValueError
        If `method` or `jobs` is out of range, or a file in the folder cannot be read: it names the file.
    """
    check_method(method)
    check_jobs(jobs)
    folder = None if path is None else Path(path)
    identity = loss_identity(loss) | {"measurement": "quench", "version": 2, "method": method}
    names = [[point_digest(theta, identity) for theta in points_at(runs, *part)] for part in parts]
    known = [[read_measurement(folder, name) for name in own] for own in names]
    missing = [
        Part(part.run, part.positions[[one is None for one in own]]) for part, own in zip(parts, known, strict=True)
    ]
    total, common = sum(map(len, names)), shared(loss)
    left = sum(part.positions.size for part in missing)
    progress(total - left, total)
    tasks = (delayed(_quench_along)(common, points_at(runs, *part), method) for part in missing if part.positions.size)
    with worker_pool(jobs) as parallel:
        quenched: Any = iter(parallel(tasks))
        for part, own, old, new in zip(parts, names, known, missing, strict=True):
            ends = iter(next(quenched) if new.positions.size else ())
            yield part, [_kept(folder, name, one, ends) for name, one in zip(own, old, strict=True)]
            if new.positions.size:
                left -= new.positions.size
                progress(total - left, total)
        next(quenched, None)  # nothing is left, and joblib warns of a generator that did not end


def _kept(folder: Path | None, name: str, known: Measurement | None, ends: Iterator[End]) -> End:
    """What is remembered of a snapshot, or the next of the new `ends`, which is remembered from now on."""
    if known is not None:
        return _as_end(known)
    end = next(ends)
    write_measurement(folder, name, _as_arrays(end))
    return end


def quench_folder(trajectories: Path) -> Path | None:
    """Folder beside a file of runs where its quenches are remembered; None where nothing can be written."""
    folder = trajectories.with_name(trajectories.name + ".quenches")
    return folder if os.access(folder if folder.exists() else folder.parent, os.W_OK) else None


def check_method(method: str) -> None:
    """Raise a ValueError unless this is a kind of quench."""
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(get_args(Method))}; got {method!r}"
        raise ValueError(msg)


def default_steps(runs: Trajectories) -> NDArray[np.int64]:
    """The waiting times and the last step; of incomplete runs those that all of them have."""
    wanted = np.unique([*runs.waiting_times, runs.steps[-1]])
    return wanted if runs.recorded.all() else np.intersect1d(wanted, runs.common_steps)


def points_at(runs: Trajectories, run: int, positions: Positions) -> Array:
    """Snapshots (k, P) of a run in double precision."""
    return np.asarray(runs.snapshots[run], dtype=np.float64)[positions]


def _as_arrays(end: End) -> Measurement:
    if isinstance(end, SnapshotStatus):
        return {"status": np.asarray(end.name)}
    values = {
        "status": SnapshotStatus.MINIMUM.name,
        "coordinates": end.coordinates,
        "value": end.value,
        "rms_gradient": end.rms_gradient,
        "eigenvalues": end.eigenvalues,
        "hessian_rounding": end.hessian_rounding,
        **({} if end.inertia is None else {"inertia": end.inertia.to_array()}),
    }
    return {name: np.asarray(value) for name, value in values.items()}


def _as_end(found: Measurement) -> End:
    status = SnapshotStatus[str(found["status"])]
    if status is not SnapshotStatus.MINIMUM:
        return status
    value, rms_gradient, rounding = (float(found[name]) for name in ("value", "rms_gradient", "hessian_rounding"))
    inertia = Inertia.from_array(found["inertia"]) if "inertia" in found else None
    what = found["coordinates"], value, rms_gradient, found["eigenvalues"]
    return Minimum(*what, hessian_rounding=rounding, inertia=inertia)


def _quench_along(loss: DataLoss, points: Array, method: Method) -> list[End]:
    """Minima of consecutive snapshots (k, P) of a run, or why there is none."""
    movable = [not is_saddle(loss, theta) for theta in points]
    starts = points[movable]
    ends = iter(quench_along(loss, starts) if method == "flow" else [quench(loss, theta) for theta in starts])
    return [_end(next(ends)) if moves else SnapshotStatus.SADDLE for moves in movable]


def _end(result: QuenchResult) -> End:
    if result.converged:
        return result.minimum
    own = {QuenchStatus.RUNAWAY: SnapshotStatus.RUNAWAY, QuenchStatus.DEGENERATE: SnapshotStatus.DEGENERATE}
    return own.get(result.status, SnapshotStatus.NOT_CONVERGED)


def is_saddle(loss: DataLoss, theta: Array) -> bool:
    """Whether a point (P,) is stationary with a negative eigenvalue."""
    _, gradient = loss.value_and_gradient(theta)
    if not np.linalg.norm(gradient) <= GRADIENT_TOLERANCE * np.sqrt(theta.size):
        return False
    return certify(loss, theta).index > 0
