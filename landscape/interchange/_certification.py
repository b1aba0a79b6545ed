"""Certify points from other programs, or reject them with a reason."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from landscape.database import Database, check_new, new_database, provenance_of, same_ends
from landscape.descent import locate, newton
from landscape.graph import LandscapeGraph, below_minima
from landscape.losses import Loss
from landscape.search import SaddleResult, downhill, find_transition_state
from landscape.stationary import GRADIENT_TOLERANCE, LocalModel, Minimum, TransitionState, local_model
from landscape.support import Result, check_jobs, one_thread, run_tasks

Array = NDArray[np.float64]

ORIGIN = "import"
Kind = TypeVar("Kind", Minimum, TransitionState)
MAX_GRADIENT = 1e-4  # rms gradient beyond which Newton's method is unreliable
LOSS_ERROR = 1e-6  # relative: single precision; a larger difference means another point or another loss
MAX_MOVE = 0.1  # Euclidean: a point that must move farther to become stationary is a different one
Progress = Callable[[int, int], object]  # points done, total


class PointStatus(Enum):
    """Outcome for a point; the value says why."""

    CERTIFIED = "stored unchanged"
    POLISHED = "stored after Newton steps, because its gradient was above the tolerance"
    DUPLICATE = "the same point, modulo symmetry, as one before it"
    INVALID = "the file marks it as invalid"
    LOSS = "the loss in the file differs from that at its coordinates"
    NOT_FINITE = "the loss is not finite there"
    GRADIENT = "the gradient does not vanish there: it belongs to another loss, or did not converge"
    INDEX = "wrong number of negative eigenvalues"
    DEGENERATE = "the loss is flat there along some directions, within rounding, or runs away from there"
    ENDS_UNKNOWN = "a minimum that it connects was rejected"
    NOT_KEPT = "a number that a database cannot hold: it is too large, or an eigenvalue is exactly 0"
    BELOW_ENDS = "it is below a minimum that the file says it connects"
    OTHER_ENDS = "the paths down from it end in other minima than the file says"


@dataclass(frozen=True)
class Said:
    """What a file says about points besides their coordinates, and their names in messages."""

    losses: Array  # (n,), nan if the file does not say
    rounding: Array  # (n,) uncertainty of the written digits
    valid: NDArray[np.bool_]  # (n,)
    names: Sequence[str]  # (n,)


@dataclass(frozen=True)
class Candidates:
    """Points that a file calls minima and transition states."""

    source: Path
    minima: Array  # (n, P)
    states: Array  # (m, P)
    ends: NDArray[np.int64]  # (m, 2) rows of `minima`
    said_of_minima: Said
    said_of_states: Said

    def graph(self) -> LandscapeGraph:
        """The graph of minima as in the file, lowest first, without points marked as invalid.

        The only check is that no transition state is below its minima.
        """
        minima, states = self.said_of_minima, self.said_of_states
        order = [k for k in np.argsort(minima.losses, kind="stable").tolist() if minima.valid[k]]
        position = {k: i for i, k in enumerate(order)}
        kept = [
            k
            for k in np.argsort(states.losses, kind="stable").tolist()
            if states.valid[k] and all(end in position for end in self.ends[k].tolist())
        ]
        edges = [[position[end] for end in self.ends[k].tolist()] for k in kept]
        return LandscapeGraph(minima.losses[order], states.losses[kept], np.array(edges, dtype=np.int64).reshape(-1, 2))


@dataclass(frozen=True)
class Imported(Result):
    """Result of an import."""

    path: Path
    minima: int
    transition_states: int
    minimum_status: Mapping[str, int]  # number of points by the name of their `PointStatus`
    transition_state_status: Mapping[str, int]
    unchecked_ends: int  # transition states whose paths nobody has followed
    contradictions: tuple[str, ...]  # a line for each point whose loss is not that in the file


def import_candidates(
    candidates: Candidates,
    loss: Loss,
    output: str | Path,
    *,
    check_paths: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Imported:
    """Store the points that pass certification in a new database.

    Values, gradients and eigenvalues are computed again; points that the file marks as invalid, and those whose loss
    in the file differs from that at their coordinates, are rejected. Hits are 0, because no search of agescape ended
    in these points, and the estimate of the number of minima counts searches.

    Parameters
    ----------
    candidates : Candidates
    loss : Loss
        The loss whose stationary points they should be.
    output : path
        The new file.
    check_paths : bool
        Follow the paths down from each transition state, and reject it if they end elsewhere. Without it, transition
        states are stored as not checked (`Database.unchecked_ends`).
    seed : int
        Seed for continued exploration.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the points do not have the loss's number of parameters, none of the minima is one, or the file's
        coordinates and losses are in different orders.
    FileExistsError
        If `output` exists.
    """
    _check(candidates, loss, jobs)
    check_new(output)
    said = candidates.said_of_minima, candidates.said_of_states
    tasks = [
        delayed(_certified_minimum)(loss, theta, valid)
        for theta, valid in zip(candidates.minima, said[0].valid, strict=True)
    ]
    tasks += [
        delayed(_certified_state)(loss, theta, valid, check_paths)
        for theta, valid in zip(candidates.states, said[1].valid, strict=True)
    ]
    results = list(run_tasks(tasks, len(tasks), jobs=jobs, progress=progress))
    minima, states = results[: len(candidates.minima)], results[len(candidates.minima) :]
    contradictions = [
        *_contradicted(candidates.source, said[0], minima),
        *_contradicted(candidates.source, said[1], states),
    ]
    if minima and not any(result.point for result in minima):
        msg = f"{candidates.source}: none of its {len(minima)} minima is one of this loss ({_reasons(minima)})"
        raise ValueError(msg)
    with new_database(output, provenance_of(loss, seed)) as database:
        ids, minimum_status = _store_minima(database, minima)
        state_status = _store_states(database, states, [(ids[a], ids[b]) for a, b in candidates.ends.tolist()])
        counts = len(database.minima), len(database.transition_states)
        unchecked = len(database.unchecked_ends())
    return Imported(
        Path(output), *counts, _counts(minimum_status), _counts(state_status), unchecked, tuple(contradictions)
    )


def _check(candidates: Candidates, loss: Loss, jobs: int) -> None:
    check_jobs(jobs)
    for points in (candidates.minima, candidates.states):
        if len(points) and points.shape[1] != loss.n_parameters:
            msg = (
                f"{candidates.source}: its points have {points.shape[1]} coordinates, but the network of the loss has "
                f"{loss.n_parameters} parameters: they belong to another system"
            )
            raise ValueError(msg)


def _counts(statuses: Sequence[PointStatus]) -> dict[str, int]:
    found = Counter(statuses)
    return {status.name: found[status] for status in PointStatus if found[status]}


def _reasons(results: Sequence["_Result"]) -> str:
    counts = Counter(result.status for result in results)
    return "; ".join(f"{count} x {status.value}" for status, count in counts.most_common())


# ---------------------------------------------------------------- what the file says about them


def _contradicted(source: Path, said: Said, results: list["_Result"]) -> list[str]:
    """Reject points whose loss differs from that in the file; return a line for each.

    Raises
    ------
    ValueError
        If the losses agree with those in the file, in another order.
    """
    wrong = [k for k, result in enumerate(results) if result.point and _differ(said, k, result.values)]
    found = [results[k].values[0] for k in wrong]
    lines = [
        f"{said.names[k]}: the loss at its coordinates is {value!r}, the file says {float(said.losses[k])!r}"
        for k, value in zip(wrong, found, strict=True)
    ]
    in_file = sorted(wrong, key=lambda k: said.losses[k])
    if len(wrong) > 1 and not any(_differ(said, k, (value,)) for k, value in zip(in_file, sorted(found), strict=True)):
        msg = (
            f"{source}: coordinates and losses are in different orders. {lines[0]}; so it is with {len(wrong)} of "
            f"{len(results)}, and each of these losses is that of another one"
        )
        raise ValueError(msg)
    for k in wrong:
        results[k] = _Result(PointStatus.LOSS, None, results[k].values)
    return lines


def _differ(said: Said, k: int, values: Sequence[float]) -> bool:
    """Whether none of the values agrees with the file's loss of point k, if it has one."""
    written = said.losses[k]
    margin = said.rounding[k] + LOSS_ERROR * max(1.0, abs(written))
    return bool(np.isfinite(written)) and all(abs(value - written) > margin for value in values)


# ---------------------------------------------------------------- one point


@dataclass(frozen=True)
class _Result:
    """Outcome for a point, with its loss in the file and as stored."""

    status: PointStatus
    point: Minimum | TransitionState | None
    values: tuple[float, ...] = ()
    ends: tuple[Minimum, ...] | None = None  # ends of the paths down from it; None if not followed


def _certified_minimum(loss: Loss, theta: Array, valid: bool) -> _Result:
    if not valid:
        return _Result(PointStatus.INVALID, None)
    with one_thread():
        status, model = _stationary(loss, theta, index=0)
        if status is PointStatus.CERTIFIED:
            return _Result(*_located(loss, model, Minimum, status), (model.value,))
        if status is not PointStatus.GRADIENT or not _is_close(model):
            return _Result(status, None)
        polished, _ = newton(loss, model, tolerance=GRADIENT_TOLERANCE, radius=0.1 * MAX_MOVE)
        if polished.rms_gradient > GRADIENT_TOLERANCE or polished.index or _moved(model, polished.point):
            return _Result(PointStatus.GRADIENT, None)
        status, minimum = _located(loss, polished, Minimum, PointStatus.POLISHED)
        return _Result(status, minimum, (model.value, polished.value))


def _certified_state(loss: Loss, theta: Array, valid: bool, check_paths: bool) -> _Result:
    if not valid:
        return _Result(PointStatus.INVALID, None)
    with one_thread():
        status, model = _stationary(loss, theta, index=1)
        if status is PointStatus.CERTIFIED:
            status, state = _located(loss, model, TransitionState, status)
            return _Result(status, state, (model.value,), _ends(loss, model.point) if check_paths and state else None)
        if status is not PointStatus.GRADIENT or not _is_close(model):
            return _Result(status, None)
        polished: SaddleResult = find_transition_state(loss, model.point, model.eigenvectors[:, 0])
        state = polished.transition_state
        if state is None or _moved(model, state.coordinates):
            return _Result(PointStatus.GRADIENT, None)
        ends = polished.minima if check_paths else None
        return _Result(PointStatus.POLISHED, state, (model.value, state.value), ends)


def _located(loss: Loss, model: LocalModel, kind: type[Kind], status: PointStatus) -> tuple[PointStatus, Kind | None]:
    """The point with this status, if its kind is certain."""
    point = locate(loss, model).point
    return (status, point) if isinstance(point, kind) else (PointStatus.DEGENERATE, None)


def _stationary(loss: Loss, theta: Array, *, index: int) -> tuple[PointStatus, LocalModel]:
    """The point at its coordinates; along zero modes, the representative nearest to the origin."""
    modes = loss.zero_modes
    nothing = LocalModel(theta, np.inf, theta, theta, np.zeros((0, 0)), np.zeros(0, dtype=bool))
    if not np.isfinite(theta).all():
        return PointStatus.NOT_FINITE, nothing
    try:
        with np.errstate(all="ignore"):  # coordinates may have any size: the result is checked
            model = local_model(loss, theta - modes.T @ (modes @ theta))
    except (FloatingPointError, np.linalg.LinAlgError):
        return PointStatus.NOT_FINITE, nothing
    if model.index != index:
        return PointStatus.INDEX, model
    return (PointStatus.CERTIFIED if model.rms_gradient <= GRADIENT_TOLERANCE else PointStatus.GRADIENT), model


def _is_close(model: LocalModel) -> bool:
    """Whether Newton's method is reliable from there."""
    return model.rms_gradient <= MAX_GRADIENT


def _moved(model: LocalModel, point: Array) -> bool:
    return bool(np.linalg.norm(point - model.point) > MAX_MOVE)


def _ends(loss: Loss, theta: Array) -> tuple[Minimum, ...]:
    """The minima at the ends of the paths down; fewer than two if a path ends in none."""
    return tuple(quenched.minimum for quenched in downhill(loss, theta) if quenched.converged)


# ---------------------------------------------------------------- all points


def _store_minima(database: Database, results: Sequence[_Result]) -> tuple[list[int | None], list[PointStatus]]:
    ids: list[int | None] = []
    statuses: list[PointStatus] = []
    for result in results:
        number, new, minimum = None, True, result.point
        if isinstance(minimum, Minimum):
            if database.minimum_problem(minimum):
                ids.append(None)
                statuses.append(PointStatus.NOT_KEPT)
                continue
            number, new = database.add_minimum(minimum, origin=ORIGIN, hits=0)
        ids.append(number)
        statuses.append(result.status if new else PointStatus.DUPLICATE)
    return ids, statuses


def _store_states(
    database: Database, results: Sequence[_Result], ends: Sequence[tuple[int | None, int | None]]
) -> list[PointStatus]:
    statuses = []
    for result, (first, second) in zip(results, ends, strict=True):
        state = result.point
        if not isinstance(state, TransitionState):
            statuses.append(result.status)
        elif first is None or second is None:
            statuses.append(PointStatus.ENDS_UNKNOWN)
        elif wrong := _ends_problem(database, state, result.ends, (first, second)):
            statuses.append(wrong)
        else:
            _, new = database.add_transition_state(
                state, (first, second), origin=ORIGIN, hits=0, ends_checked=result.ends is not None
            )
            statuses.append(result.status if new else PointStatus.DUPLICATE)
    return statuses


def _ends_problem(
    database: Database, state: TransitionState, found: tuple[Minimum, ...] | None, ids: tuple[int, int]
) -> PointStatus | None:
    named = [database.minimum(number).point for number in ids]
    if found is not None and not (len(found) == 2 and same_ends(database.network, found, named)):
        return PointStatus.OTHER_ENDS
    if database.transition_state_problem(state):
        return PointStatus.NOT_KEPT
    if below_minima([state.value], [[minimum.value for minimum in named]]).any():
        return PointStatus.BELOW_ENDS
    return None
