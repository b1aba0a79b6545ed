"""Inherent structures: the minimum whose basin contains each snapshot of a run."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories
from landscape.database import Database, Discovery, Quenched, loss_of
from landscape.descent import Method, QuenchResult, quench, quench_along
from landscape.losses import CrossEntropyLoss
from landscape.search import store_inherent_structures
from landscape.stationary import GRADIENT_TOLERANCE, Minimum, certify
from landscape.support import shared, worker_pool

Array = NDArray[np.float64]

ORIGIN = "sgd"  # origin of minima found by a snapshot and not by a search
CHUNK = 50  # snapshots of a run that a worker maps in one task, and that are lost if it is killed


class SnapshotStatus(Enum):
    """Result of mapping a snapshot; the value is the remedy."""

    MINIMUM = "belongs to a minimum"
    SADDLE = "the snapshot is exactly on a saddle; displace it along the lowest eigenvector to either side"
    NOT_CONVERGED = "the quench ended in no minimum; try the other map (flow or lbfgs)"


REASONS = {status.name.lower(): status for status in (SnapshotStatus.SADDLE, SnapshotStatus.NOT_CONVERGED)}  # on disk


@dataclass(frozen=True, eq=False)
class InherentStructures:
    """The minima of the snapshots of R runs, at S steps.

    Parameters
    ----------
    steps : (S,) int64
    minimum_ids : (R, S) int64
        Database id of the minimum; 0 if the quench ended in none.
    losses : (R, S) float64
        Loss of that minimum in nats; nan if there is none.
    new_ids : (k,) int64
        Minima among them that no search of the landscape had found.
    method : str
        The quench that was used: "flow" for the true basin.
    statuses : (R, S) array of SnapshotStatus, optional
        By default derived from `minimum_ids`: a minimum, or not converged.
    """

    steps: NDArray[np.int64]
    minimum_ids: NDArray[np.int64]
    losses: NDArray[np.float64]
    new_ids: NDArray[np.int64]
    method: str
    statuses: NDArray[np.object_] = None  # pyright: ignore[reportAssignmentType]

    def __post_init__(self) -> None:
        if self.statuses is None:
            object.__setattr__(self, "statuses", _statuses(self.minimum_ids))

    @property
    def mapped(self) -> int:
        """Number of snapshots that belong to a minimum."""
        return int((self.minimum_ids > 0).sum())

    def places(self, waiting_times: ArrayLike) -> NDArray[np.intp]:
        """Positions of waiting times (W,) among the mapped steps; ValueError if one is not among them."""
        ages = np.atleast_1d(np.asarray(waiting_times, dtype=np.int64))
        if missing := sorted(set(ages.tolist()) - set(self.steps.tolist())):
            msg = f"waiting_times must be mapped steps; {missing[0]} is not"
            raise ValueError(msg)
        return np.searchsorted(self.steps, ages)

    def count(self, status: SnapshotStatus) -> int:
        """Number of snapshots with this status."""
        return int((self.statuses == status).sum())


def _statuses(ids: NDArray[np.int64]) -> NDArray[np.object_]:
    statuses = np.empty(ids.shape, dtype=object)
    statuses[ids > 0], statuses[ids == 0] = SnapshotStatus.MINIMUM, SnapshotStatus.NOT_CONVERGED
    return statuses


def inherent_structures(
    runs: Trajectories,
    database: Database,
    *,
    loss: CrossEntropyLoss | None = None,
    steps: ArrayLike | Literal["all"] | None = None,
    method: Method = "flow",
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> InherentStructures:
    """Quench snapshots and look them up in the database modulo symmetry; new minima are added to it.

    The database stores finished quenches, with their status if they gave no minimum, by a digest of the snapshot, so
    that an interrupted call continues. For a new minimum it records the snapshot that found it
    (`landscape.database.Discovery`). The flow goes along each run (`landscape.descent.quench_along`). A snapshot
    exactly on a saddle (rms gradient at most 1e-10, a negative eigenvalue) is not moved: it belongs to no minimum.

    Parameters
    ----------
    runs : Trajectories
    database : Database
        Database of the loss that the runs descend.
    loss : CrossEntropyLoss, optional
        The loss of both; by default reconstructed from the database's provenance, if its data are available.
    steps : (S,) int array or "all", optional
        Steps with snapshots to map; by default the waiting times and the last step.
    method : {"flow", "lbfgs"}
        "flow" ends in the minimum whose basin contains the snapshot (`landscape.quench`).
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the loss of the runs is not that of the database, or there is no snapshot at a step.
    """
    check_same_loss(runs, database)
    loss = loss_of(database) if loss is None else loss
    if loss.data.sha256 != database.provenance.dataset_sha256:
        msg = f"loss has another data set than the database {database.path}"
        raise ValueError(msg)
    if method not in get_args(Method):
        msg = f"method must be one of {', '.join(get_args(Method))}; got {method!r}"
        raise ValueError(msg)
    chosen = _positions(runs, steps)
    digests = np.array([[_digest(theta) for theta in _points(runs, r, chosen)] for r in range(runs.replicas)])
    known = database.inherent_structures(method)
    todo = list(_chunks(digests, known))
    done, total = digests.size - sum(len(where) for _, where in todo), digests.size
    if progress is not None:
        progress(done, total)
    common, identity = shared(loss), runs.identity
    tasks = (delayed(_quench_along)(common, _points(runs, r, chosen[where]), method) for r, where in todo)
    with worker_pool(jobs) as parallel:
        ends: Any = parallel(tasks)
        for (r, where), minima in zip(todo, ends, strict=True):
            found = [Discovery(identity, r, step, method) for step in runs.steps[chosen[where]].tolist()]
            quenched = list(map(_quenched, digests[r, where].tolist(), minima, found))
            store_inherent_structures(database, quenched, method=method, origin=ORIGIN)
            done += len(where)
            if progress is not None:
                progress(done, total)
    return _collect(runs, chosen, digests, database, loss, method)


def check_same_loss(runs: Trajectories, database: Database) -> None:
    """Raise a ValueError that names the difference unless the runs descend the database's loss."""
    wanted: dict[str, Any] = {
        "layer_sizes": (list(runs.layer_sizes), list(database.provenance.layer_sizes or ())),
        "data_sha256": (runs.metadata.get("data_sha256"), database.provenance.dataset_sha256),
        "regularization": (runs.metadata.get("regularization"), database.provenance.regularization),
        "regularize_biases": (runs.metadata.get("regularize_biases"), database.provenance.regularize_biases),
    }
    for name, (found, expected) in wanted.items():
        if found != expected:
            msg = f"{runs.source} have {name} = {found!r}, the database {database.path} has {expected!r}"
            raise ValueError(msg)


def _positions(runs: Trajectories, steps: ArrayLike | Literal["all"] | None) -> NDArray[np.intp]:
    if isinstance(steps, str):
        if steps != "all":
            msg = f'steps must be steps with a snapshot or "all"; got {steps!r}'
            raise ValueError(msg)
        steps = runs.steps
    wanted = np.unique([*runs.waiting_times, runs.steps[-1]] if steps is None else steps)
    if missing := sorted(set(wanted.tolist()) - set(runs.steps.tolist())):
        msg = f"steps must be steps with a snapshot; there is none at {missing[0]}{runs.advice}"
        raise ValueError(msg)
    return np.searchsorted(runs.steps, wanted)


def _points(runs: Trajectories, run: int, positions: NDArray[np.intp]) -> Array:
    """Snapshots (k, P) of a run in double precision."""
    return np.asarray(runs.snapshots[run], dtype=np.float64)[positions]


def _digest(theta: Array) -> str:
    return hashlib.sha256(theta.astype("<f8").tobytes()).hexdigest()


def _chunks(digests: NDArray[np.str_], known: dict[str, int | None]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Run and positions of snapshots to quench, `CHUNK` consecutive ones of a run at a time."""
    for r, run in enumerate(digests.tolist()):
        missing = np.flatnonzero([digest not in known for digest in run])
        for begin in range(0, len(missing), CHUNK):
            yield r, missing[begin : begin + CHUNK]


def _quenched(digest: str, end: Minimum | SnapshotStatus, discovery: Discovery) -> Quenched:
    """The record of a snapshot for the database."""
    if isinstance(end, Minimum):
        return Quenched(digest, end, discovery=discovery)
    return Quenched(digest, None, reason=end.name.lower())


def _quench_along(loss: CrossEntropyLoss, points: Array, method: Method) -> list[Minimum | SnapshotStatus]:
    """Minima of consecutive snapshots (k, P) of a run, or why there is none."""
    movable = [not _is_saddle(loss, theta) for theta in points]
    starts = points[movable]
    ends = iter(quench_along(loss, starts) if method == "flow" else [quench(loss, theta) for theta in starts])
    return [_end(next(ends)) if moves else SnapshotStatus.SADDLE for moves in movable]


def _end(result: QuenchResult) -> Minimum | SnapshotStatus:
    return result.minimum if result.converged else SnapshotStatus.NOT_CONVERGED


def _is_saddle(loss: CrossEntropyLoss, theta: Array) -> bool:
    """Whether a point (P,) is stationary with a negative eigenvalue."""
    _, gradient = loss.value_and_gradient(theta)
    if not np.linalg.norm(gradient) <= GRADIENT_TOLERANCE * np.sqrt(theta.size):
        return False
    return certify(loss, theta).index > 0


def _collect(
    runs: Trajectories,
    chosen: NDArray[np.intp],
    digests: NDArray[np.str_],
    database: Database,
    loss: CrossEntropyLoss,
    method: str,
) -> InherentStructures:
    known = database.inherent_structures(method)
    ids = np.array([[known[digest] or 0 for digest in run] for run in digests.tolist()], dtype=np.int64)
    visited = np.unique(ids[ids > 0])
    values = {number: database.minimum(number).point.value for number in visited.tolist()} | {0: np.nan}
    losses = np.array([[values[i] for i in run] for run in ids.tolist()])
    new = [number for number in visited.tolist() if database.minimum(number).origin == ORIGIN]
    statuses, reasons = _statuses(ids), database.unmapped(method)
    for r, s in np.argwhere(ids == 0).tolist():
        known = REASONS.get(reasons.get(digests[r, s], ""))
        if known is None:  # a file of an older version does not say
            saddle = _is_saddle(loss, _points(runs, r, chosen[s : s + 1])[0])
            known = SnapshotStatus.SADDLE if saddle else SnapshotStatus.NOT_CONVERGED
        statuses[r, s] = known
    return InherentStructures(runs.steps[chosen], ids, losses, np.array(new, dtype=np.int64), method, statuses)
