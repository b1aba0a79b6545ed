"""Points from elsewhere get their certificate here, or are turned away with a reason."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from landscape._heights import below_minima
from landscape._new_databases import check_new, new_database
from landscape._newton import newton
from landscape.database import Database
from landscape.exploration import provenance_of
from landscape.losses import Loss
from landscape.saddles import SaddleResult, downhill, find_transition_state
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    LocalModel,
    Minimum,
    TransitionState,
    local_model,
    minimum_from,
    transition_state_from,
)
from landscape.verification import same_ends
from landscape.workers import check_jobs, one_thread, worker_pool

Array = NDArray[np.float64]

ORIGIN = "import"
MAX_GRADIENT = 1e-4  # rms: from further off Newton's method wanders
MAX_MOVE = 0.1  # Euclidean: a point that has to move further to become stationary is another one
Progress = Callable[[int, int], object]  # points done, in all


class PointStatus(Enum):
    """What became of a point; the value says why."""

    CERTIFIED = "stored as it is"
    POLISHED = "stored after Newton steps: its gradient was small, but above the tolerance"
    DUPLICATE = "the same point, modulo symmetry, as one before it"
    NOT_FINITE = "the loss is not finite there"
    GRADIENT = "the gradient does not vanish there: it belongs to another loss, or was not converged"
    INDEX = "another number of negative eigenvalues"
    ENDS_UNKNOWN = "a minimum that it joins was turned away"
    NOT_KEPT = "a number that no database holds: it is too large, or an eigenvalue is exactly 0"
    BELOW_ENDS = "it lies below a minimum that it is said to join"
    OTHER_ENDS = "the paths down from it end in other minima than it is said to join"


@dataclass(frozen=True)
class Candidates:
    """Points that a file calls minima and transition states."""

    source: Path
    minima: Array  # (n, P)
    states: Array  # (m, P)
    ends: NDArray[np.int64]  # (m, 2) rows of `minima`


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    path: Path
    minima: int
    transition_states: int
    minimum_status: Mapping[str, int]  # number of points by the name of their `PointStatus`
    transition_state_status: Mapping[str, int]


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
    """Store those points in a new database that are what they are said to be.

    Values, gradients and eigenvalues are computed anew. Hits are 0: no search of ours ended in the points, and
    the estimate of the number of minima counts searches.

    Parameters
    ----------
    candidates : Candidates
    loss : Loss
        Whose stationary points they should be.
    output : path
        The new file.
    check_paths : bool
        Follow the paths down from each transition state, and turn it away if they end elsewhere.
    seed : int
        With which `explore` goes on.
    jobs : int
        Workers; the result does not depend on it.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the points do not have the loss's number of parameters, or none of the minima is one.
    FileExistsError
        If `output` exists.
    """
    _check(candidates, loss, jobs)
    check_new(output)
    total = len(candidates.minima) + len(candidates.states)
    done = 0
    results: list[Any] = []
    with worker_pool(jobs) as parallel:
        tasks = [delayed(_certified_minimum)(loss, theta) for theta in candidates.minima]
        tasks += [delayed(_certified_state)(loss, theta, check_paths) for theta in candidates.states]
        found: Any = parallel(tasks)
        for result in found:
            results.append(result)
            done += 1
            if progress is not None:
                progress(done, total)
    minima, states = results[: len(candidates.minima)], results[len(candidates.minima) :]
    if minima and not any(minimum for _, minimum in minima):
        msg = f"{candidates.source}: none of its {len(minima)} minima is one of this loss ({_reasons(minima)})"
        raise ValueError(msg)
    with new_database(output, provenance_of(loss, seed)) as database:
        ids, minimum_status = _store_minima(database, minima)
        state_status = _store_states(database, states, [(ids[a], ids[b]) for a, b in candidates.ends.tolist()])
        counts = len(database.minima), len(database.transition_states)
    return Imported(Path(output), *counts, _counts(minimum_status), _counts(state_status))


def _check(candidates: Candidates, loss: Loss, jobs: int) -> None:
    check_jobs(jobs)
    for points in (candidates.minima, candidates.states):
        if len(points) and points.shape[1] != loss.n_parameters:
            msg = f"{candidates.source}: its points have {points.shape[1]} coordinates, the loss {loss.n_parameters}"
            raise ValueError(msg)


def _counts(statuses: Sequence[PointStatus]) -> dict[str, int]:
    found = Counter(statuses)
    return {status.name: found[status] for status in PointStatus if found[status]}


def _reasons(results: Sequence[tuple[PointStatus, object]]) -> str:
    return "; ".join(f"{count} x {status.value}" for status, count in Counter(s for s, _ in results).most_common())


# ---------------------------------------------------------------- one point


def _certified_minimum(loss: Loss, theta: Array) -> tuple[PointStatus, Minimum | None]:
    with one_thread():
        status, model = _stationary(loss, theta, index=0)
        if status is not PointStatus.GRADIENT or not _is_close(model):
            return status, None if status is not PointStatus.CERTIFIED else minimum_from(model)
        polished, _ = newton(loss, model.point, tolerance=GRADIENT_TOLERANCE, radius=0.1 * MAX_MOVE)
        if polished.rms_gradient > GRADIENT_TOLERANCE or polished.index or _moved(model, polished.point):
            return PointStatus.GRADIENT, None
        return PointStatus.POLISHED, minimum_from(polished)


def _certified_state(
    loss: Loss, theta: Array, check_paths: bool
) -> tuple[PointStatus, TransitionState | None, tuple[Minimum, ...] | None]:
    """Status, transition state, and the minima at the ends of its paths: None if not looked for."""
    with one_thread():
        status, model = _stationary(loss, theta, index=1)
        if status is PointStatus.CERTIFIED:
            return status, transition_state_from(model), _ends(loss, model.point) if check_paths else None
        if status is not PointStatus.GRADIENT or not _is_close(model):
            return status, None, None
        polished: SaddleResult = find_transition_state(loss, model.point, model.eigenvectors[:, 0])
        state = polished.transition_state
        if state is None or _moved(model, state.coordinates):
            return PointStatus.GRADIENT, None, None
        return PointStatus.POLISHED, state, polished.minima if check_paths else None


def _stationary(loss: Loss, theta: Array, *, index: int) -> tuple[PointStatus, LocalModel]:
    """What the point is as it stands; along zero modes the representative nearest to the origin is taken."""
    modes = loss.zero_modes
    nothing = LocalModel(theta, np.inf, theta, theta, np.zeros((0, 0)), np.zeros(0, dtype=bool))
    if not np.isfinite(theta).all():
        return PointStatus.NOT_FINITE, nothing
    try:
        with np.errstate(all="ignore"):  # coordinates of any size: what comes of them is checked
            model = local_model(loss, theta - modes.T @ (modes @ theta))
    except (FloatingPointError, np.linalg.LinAlgError):
        return PointStatus.NOT_FINITE, nothing
    if model.index != index:
        return PointStatus.INDEX, model
    return (PointStatus.CERTIFIED if model.rms_gradient <= GRADIENT_TOLERANCE else PointStatus.GRADIENT), model


def _is_close(model: LocalModel) -> bool:
    """Whether Newton's method may be trusted from there."""
    return model.rms_gradient <= MAX_GRADIENT


def _moved(model: LocalModel, point: Array) -> bool:
    return bool(np.linalg.norm(point - model.point) > MAX_MOVE)


def _ends(loss: Loss, theta: Array) -> tuple[Minimum, ...]:
    """The minima at the ends of the paths down; fewer than two if a path ends in none."""
    return tuple(quenched.minimum for quenched in downhill(loss, theta) if quenched.converged)


# ---------------------------------------------------------------- all points


def _store_minima(
    database: Database, results: Sequence[tuple[PointStatus, Minimum | None]]
) -> tuple[list[int | None], list[PointStatus]]:
    ids: list[int | None] = []
    statuses: list[PointStatus] = []
    for status, minimum in results:
        if minimum is not None and database.minimum_problem(minimum):
            ids.append(None)
            statuses.append(PointStatus.NOT_KEPT)
            continue
        number, new = (None, True) if minimum is None else database.add_minimum(minimum, origin=ORIGIN, hits=0)
        ids.append(number)
        statuses.append(status if new else PointStatus.DUPLICATE)
    return ids, statuses


def _store_states(
    database: Database,
    results: Sequence[tuple[PointStatus, TransitionState | None, tuple[Minimum, ...] | None]],
    ends: Sequence[tuple[int | None, int | None]],
) -> list[PointStatus]:
    statuses = []
    for (status, state, found), (first, second) in zip(results, ends, strict=True):
        if state is None:
            statuses.append(status)
        elif first is None or second is None:
            statuses.append(PointStatus.ENDS_UNKNOWN)
        elif wrong := _ends_problem(database, state, found, (first, second)):
            statuses.append(wrong)
        else:
            _, new = database.add_transition_state(state, (first, second), origin=ORIGIN, hits=0)
            statuses.append(status if new else PointStatus.DUPLICATE)
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
