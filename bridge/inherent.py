"""Inherent structures: the minimum in whose basin each snapshot of a run lies."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from dynamics import Trajectories
from landscape import CrossEntropyLoss, Database, Minimum, loss_of, quench, store_inherent_structures
from landscape.quench import Method
from landscape.workers import shared, worker_pool

ORIGIN = "sgd"  # of minima that no search but a snapshot found
BATCH = 32  # quenches between two commits


@dataclass(frozen=True, eq=False)
class InherentStructures:
    """Where the snapshots of R runs belong, at S steps.

    Parameters
    ----------
    steps : (S,) int64
    minimum_ids : (R, S) int64
        Database id of the minimum; 0 where the quench ended in none.
    losses : (R, S) float64
        Loss of that minimum in nats; nan where there is none.
    new_ids : (k,) int64
        Minima among them that no search of the landscape had found.
    method : str
        The quench that was used: "flow" for the true basin.
    """

    steps: NDArray[np.int64]
    minimum_ids: NDArray[np.int64]
    losses: NDArray[np.float64]
    new_ids: NDArray[np.int64]
    method: str

    @property
    def mapped(self) -> int:
        """Number of snapshots that belong to a minimum."""
        return int((self.minimum_ids > 0).sum())


def inherent_structures(
    runs: Trajectories,
    database: Database,
    *,
    loss: CrossEntropyLoss | None = None,
    steps: ArrayLike | None = None,
    method: Method = "flow",
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> InherentStructures:
    """Quench snapshots and look them up in the database modulo symmetry; new minima are added to it.

    What was quenched before is remembered in the database by a digest of the snapshot, so that an
    interrupted call goes on where it was.

    Parameters
    ----------
    runs : Trajectories
    database : Database
        Of the loss that the runs descend.
    loss : CrossEntropyLoss, optional
        The loss of both; by default made again from the database's provenance, which takes data that can be.
    steps : (S,) int array, optional
        Steps with snapshots to map; by default the waiting times and the last step.
    method : {"flow", "lbfgs"}
        "flow" ends in the minimum whose basin the snapshot lies in (`landscape.quench`).
    jobs : int
        Workers; the result does not depend on it.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the runs descend another loss than the database's, or there is no snapshot at a step.
    """
    check_same_loss(runs, database)
    loss = loss_of(database) if loss is None else loss
    if loss.data.sha256 != database.provenance.dataset_sha256:
        msg = f"loss has another data set than the database {database.path}"
        raise ValueError(msg)
    chosen = _positions(runs, steps)
    points = [np.asarray(runs.snapshots[r], dtype=np.float64)[chosen] for r in range(runs.replicas)]
    digests = np.array([[_digest(theta) for theta in run] for run in points])
    known = database.inherent_structures(method)
    todo = [(d, theta) for d, theta in zip(digests.ravel(), np.concatenate(points), strict=True) if d not in known]
    total = digests.size
    if progress is not None:
        progress(total - len(todo), total)
    with worker_pool(jobs) as parallel:
        common = shared(loss)
        for begin in range(0, len(todo), BATCH):
            batch = todo[begin : begin + BATCH]
            minima = parallel(delayed(_quench)(common, theta, method) for _, theta in batch)
            quenched = [(str(digest), minimum) for (digest, _), minimum in zip(batch, minima, strict=True)]
            store_inherent_structures(database, quenched, method=method, origin=ORIGIN)
            if progress is not None:
                progress(total - len(todo) + begin + len(batch), total)
    return _collect(runs.steps[chosen], digests, database, method)


def check_same_loss(runs: Trajectories, database: Database) -> None:
    """Raise a ValueError that names what differs unless the runs descend the database's loss."""
    wanted: dict[str, Any] = {
        "layer_sizes": (list(runs.layer_sizes), list(database.provenance.layer_sizes or ())),
        "data_sha256": (runs.metadata.get("data_sha256"), database.provenance.dataset_sha256),
        "regularization": (runs.metadata.get("regularization"), database.provenance.regularization),
        "regularize_biases": (runs.metadata.get("regularize_biases"), database.provenance.regularize_biases),
    }
    for name, (found, expected) in wanted.items():
        if found != expected:
            msg = f"the runs have {name} = {found!r}, the database {database.path} has {expected!r}"
            raise ValueError(msg)


def _positions(runs: Trajectories, steps: ArrayLike | None) -> NDArray[np.intp]:
    wanted = np.unique([*runs.waiting_times, runs.steps[-1]] if steps is None else steps)
    if missing := sorted(set(wanted.tolist()) - set(runs.steps.tolist())):
        msg = f"steps must be steps with a snapshot; there is none at {missing[0]}{runs.advice}"
        raise ValueError(msg)
    return np.searchsorted(runs.steps, wanted)


def _digest(theta: NDArray[np.float64]) -> str:
    return hashlib.sha256(theta.astype("<f8").tobytes()).hexdigest()


def _quench(loss: CrossEntropyLoss, theta: NDArray[np.float64], method: Method) -> Minimum | None:
    result = quench(loss, theta, method=method)
    return result.minimum if result.converged else None


def _collect(
    steps: NDArray[np.int64], digests: NDArray[np.str_], database: Database, method: str
) -> InherentStructures:
    known = database.inherent_structures(method)
    ids = np.array([[known[digest] or 0 for digest in run] for run in digests], dtype=np.int64)
    losses = np.array([[database.minimum(i).point.value if i else np.nan for i in run] for run in ids.tolist()])
    visited = np.unique(ids[ids > 0])
    new = [number for number in visited.tolist() if database.minimum(number).origin == ORIGIN]
    return InherentStructures(steps, ids, losses, np.array(new, dtype=np.int64), method)
