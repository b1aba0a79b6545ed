"""Inherent structures: the minimum whose basin contains each snapshot of a run."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.mapping._quenching import (
    UNKNOWN,
    End,
    Part,
    SnapshotStatus,
    check_method,
    default_steps,
    is_saddle,
    parts_of,
    points_at,
    quench_parts,
)
from dynamics.runs import Trajectories, check_loss_settings
from dynamics.snapshots import check_loss
from landscape.database import Database, Discovery, Quenched, loss_of
from landscape.descent import Method
from landscape.losses import DataLoss
from landscape.search import store_inherent_structures
from landscape.stationary import Minimum
from landscape.support import Result

Array = NDArray[np.float64]

ORIGIN = "sgd"  # origin of minima found by a snapshot and not by a search
REASONS = {status.name.lower(): status for status in SnapshotStatus if status is not SnapshotStatus.MINIMUM}  # on disk


@dataclass(frozen=True, eq=False)
class InherentStructures(Result, shows=("method", "losses"), axes={"k": "new_minimum"}):
    """The minima of the snapshots of R runs, at S steps.

    Parameters
    ----------
    steps : (S,) int64
    minimum_ids : (R, S) int64
        Database id of the minimum; `UNKNOWN` (0) if the quench ended in none.
    losses : (R, S) float64
        Loss of that minimum in nats; nan if there is none.
    new_ids : (k,) int64
        Minima among them that no search of the landscape had found.
    method : str
        The quench that was used: "flow" for the true basin.
    statuses : (R, S) array of SnapshotStatus, optional
        By default derived from `minimum_ids`: a minimum, or not converged.
    loss_unit : str
        Unit of the losses in words; empty for a squared error.
    """

    steps: NDArray[np.int64]
    minimum_ids: NDArray[np.int64]
    losses: NDArray[np.float64]
    new_ids: NDArray[np.int64]
    method: str
    statuses: NDArray[np.object_] = None  # pyright: ignore[reportAssignmentType]
    loss_unit: str = "nats"

    def __post_init__(self) -> None:
        if self.statuses is None:
            object.__setattr__(self, "statuses", _statuses(self.minimum_ids))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each snapshot (R, S) belongs to a minimum."""
        return self.minimum_ids != UNKNOWN

    @property
    def mapped(self) -> int:
        """Number of snapshots that belong to a minimum."""
        return int(self.known.sum())

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
    statuses[ids != UNKNOWN], statuses[ids == UNKNOWN] = SnapshotStatus.MINIMUM, SnapshotStatus.NOT_CONVERGED
    return statuses


def inherent_structures(
    runs: Trajectories,
    database: Database,
    *,
    loss: DataLoss | None = None,
    steps: ArrayLike | Literal["all"] | None = None,
    method: Method = "flow",
    path: str | PathLike[str] | None = None,
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
    loss : MLPLoss or TorchLoss, optional
        The loss of both; by default reconstructed from the database's provenance, if its data are available.
    steps : (S,) int array or "all", optional
        Steps with snapshots to map; by default the waiting times and the last step, those
        that all runs have.
    method : {"flow", "lbfgs"}
        "flow" ends in the minimum whose basin contains the snapshot (`landscape.quench`).
    path : path, optional
        Folder of finished quenches, which `quenched_snapshots` can share: what stands there is looked up only.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the loss of the runs is not that of the database, or there is no snapshot at a step.
    """
    if loss is None or runs.layer_sizes:
        check_same_loss(runs, database)
    else:  # what nobody recorded cannot be compared
        check_loss(runs, loss)
    loss = loss_of(database) if loss is None else loss
    if loss.data.sha256 != database.provenance.dataset_sha256:
        msg = f"loss has another data set than the database {database.path}"
        raise ValueError(msg)
    check_method(method)
    chosen = steps_with_snapshots(runs, steps)
    digests = np.array([[_digest(theta) for theta in points_at(runs, r, chosen)] for r in range(runs.replicas)])
    known = database.inherent_structures(method)
    unmapped = ~np.isin(digests, list(known))
    parts = [part for r, row in enumerate(unmapped) for part in parts_of(r, chosen[row])]
    total, report = digests.size, progress or (lambda done, total: None)
    quenches = quench_parts(
        runs, loss, parts, method, path=path, jobs=jobs,
        progress=lambda done, new: report(total - new + done, total),
    )  # fmt: skip
    for part, ends in quenches:
        names = digests[part.run, np.searchsorted(chosen, part.positions)]
        quenched = _for_database(runs, part, names, ends, method)
        store_inherent_structures(database, quenched, method=method, origin=ORIGIN)
    return _collect(runs, chosen, digests, database, loss, method)


def stored_structures(runs: Trajectories, database: Database, *, method: Method = "flow") -> InherentStructures:
    """The minima of those snapshots that `inherent_structures` has mapped before; nothing is quenched or stored.

    Steps at which no snapshot was mapped are left out. Statuses tell only whether the minimum is known.

    Raises
    ------
    ValueError
        If the loss of the runs is not that of the database, or no snapshot was mapped.
    """
    check_same_loss(runs, database)
    known = database.inherent_structures(method)
    everywhere = np.arange(runs.steps.size)
    digests = [[_digest(theta) for theta in points_at(runs, r, everywhere)] for r in range(runs.replicas)]
    ids = np.array([[known.get(digest) or UNKNOWN for digest in run] for run in digests], dtype=np.int64)
    mapped = np.isin(np.array(digests), list(known)).any(axis=0)
    if not mapped.any():
        msg = f"no snapshot of these runs was mapped to a minimum of {database.path}: map them with overlay first"
        raise ValueError(msg)
    ids = ids[:, mapped]
    losses = np.full(ids.shape, np.nan)
    losses[ids != UNKNOWN] = database.graph().losses[database.positions(ids[ids != UNKNOWN])]
    none = np.empty(0, np.int64)
    return InherentStructures(runs.steps[mapped], ids, losses, none, method, loss_unit=runs.loss_unit)


def check_same_loss(runs: Trajectories, database: Database) -> None:
    """Raise a ValueError that names the difference unless the runs descend the database's loss."""
    check_loss_settings(runs, database.provenance.loss_settings, f"the database {database.path}")


def steps_with_snapshots(runs: Trajectories, steps: ArrayLike | Literal["all"] | None) -> NDArray[np.intp]:
    """Positions (S,) of chosen steps in `runs.steps`, ascending; by default the waiting times and the last step."""
    if isinstance(steps, str):
        if steps != "all":
            msg = f'steps must be steps with a snapshot or "all"; got {steps!r}'
            raise ValueError(msg)
        steps = runs.common_steps
    wanted = default_steps(runs) if steps is None else np.unique(np.asarray(steps, dtype=np.int64))
    runs.check_recorded(wanted)
    return np.searchsorted(runs.steps, wanted)


def _digest(theta: Array) -> str:
    return hashlib.sha256(theta.astype("<f8").tobytes()).hexdigest()


def _for_database(
    runs: Trajectories, part: Part, digests: NDArray[np.str_], ends: list[End], method: Method
) -> list[Quenched]:
    """The records of the snapshots of a part for the database."""
    identity, steps = runs.identity, runs.steps[part.positions].tolist()
    return [
        Quenched(digest, end, discovery=Discovery(identity, part.run, step, method))
        if isinstance(end, Minimum)
        else Quenched(digest, None, reason=end.name.lower())
        for digest, end, step in zip(digests.tolist(), ends, steps, strict=True)
    ]


def _collect(
    runs: Trajectories,
    chosen: NDArray[np.intp],
    digests: NDArray[np.str_],
    database: Database,
    loss: DataLoss,
    method: str,
) -> InherentStructures:
    known = database.inherent_structures(method)
    ids = np.array([[known[digest] or UNKNOWN for digest in run] for run in digests.tolist()], dtype=np.int64)
    visited = np.unique(ids[ids != UNKNOWN])
    values = {number: database.minimum(number).point.value for number in visited.tolist()} | {UNKNOWN: np.nan}
    losses = np.array([[values[i] for i in run] for run in ids.tolist()])
    new = [number for number in visited.tolist() if database.minimum(number).origin == ORIGIN]
    statuses, reasons = _statuses(ids), database.unmapped(method)
    for r, s in np.argwhere(ids == UNKNOWN).tolist():
        known = REASONS.get(reasons.get(digests[r, s], ""))
        if known is None:  # a file of an older version does not say
            saddle = is_saddle(loss, points_at(runs, r, chosen[s : s + 1])[0])
            known = SnapshotStatus.SADDLE if saddle else SnapshotStatus.NOT_CONVERGED
        statuses[r, s] = known
    new_ids = np.array(new, dtype=np.int64)
    return InherentStructures(runs.steps[chosen], ids, losses, new_ids, method, statuses, runs.loss_unit)
