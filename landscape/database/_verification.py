"""Recompute every certificate of a database from its coordinates."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from landscape import symmetry
from landscape.database._inertia_checks import inertia_problems
from landscape.database._provenance import provenance_of
from landscape.database._reconstruction import loss_of
from landscape.database._records import Bound, SetAside, StoredMinimum, StoredTransitionState, loss_difference
from landscape.database._store import Database
from landscape.database._tolerances import EIGENVALUE_ERROR, GRADIENT_ERROR, OVERLAP_ERROR, VALUE_ERROR
from landscape.descent import Location, follow_down, highest_point, is_stationary, locate, radau_end
from landscape.losses import Loss
from landscape.networks import MLP
from landscape.stationary import (
    GRADIENT_TOLERANCE,
    Derived,
    LocalModel,
    Minimum,
    StationaryPoint,
    TransitionState,
    certificate,
    inertia_model,
    local_model,
    rounding_of,
    same_point,
    signs_of,
    value_tolerance,
)
from landscape.support import Result, check_jobs, one_thread, only_writer, run_tasks
from landscape.symmetry import PermutationSpec

# relative errors of Radau along the paths: the second if the first ends elsewhere than in the database
PATH_TOLERANCES = (1e-6, 1e-9)
SMALL_PATH_ERRORS = (1e-4, 1e-5)  # of the steps along the paths of a point without a spectrum
END_ERROR = 1e-9  # of the ends of the path of a bound, relative to their norm
SAMPLES = 64  # a piece of such a path; the searches use 20

Stored = StoredMinimum | StoredTransitionState
Progress = Callable[[int, int], object]  # points done, total


@dataclass(frozen=True)
class Failure:
    """A check that a point fails."""

    id: int
    kind: str  # "minimum", "transition state" or "bound" (id: its first minimum); the kinds of `SetAside`, set aside
    what: str


@dataclass(frozen=True)
class Verification(Result, shows=("path", "minima", "transition_states", "paths", "unchecked_ends", "failures")):
    """Result of checking a database."""

    path: Path
    minima: int  # without those that are set aside
    transition_states: int
    paths: bool  # whether the downhill paths were followed too
    failures: tuple[Failure, ...]  # rows that are set aside, then points: minima first, each lowest first
    unchecked_ends: int = 0  # imported transition states whose paths nobody has followed (see `Database`)


def verify(
    path: str | Path,
    loss: Loss | None = None,
    *,
    paths: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Verification:
    """Recompute every certificate: value, gradient, eigenvalues, index, canonical key, orbit size.

    A point also fails if it equals another one modulo symmetry. Upper bounds on barriers are evaluated again, on a
    finer grid along their paths, which must join images of their two minima. Rows of any table that were set aside when
    the file was opened (`Database.set_aside`) fail, too; `repair` removes these.

    Parameters
    ----------
    path : path
        The database. It is not changed.
    loss : Loss, optional
        Loss whose stationary points it holds; by default reconstructed from the file's provenance.
    paths : bool
        Also follow the paths down on both sides of each transition state and check that they end in the two minima
        that the database names. This uses SciPy's Radau at rtol 1e-6, not the flow of the searches, from another point
        near the transition state, and rtol 1e-9 before it reports a contradiction. It takes several times as long as
        finding them.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read, its loss cannot be reconstructed, or `loss` is a different one.
    """
    check_jobs(jobs)
    with Database(path) as database:
        loss = _checked_loss(database, loss)
        points: list[Stored] = [*database.minima, *database.transition_states]
        columns = database.derived_columns()
        tasks = [
            delayed(_problems)(loss, point, columns[_kind(point), point.id], _named_ends(database, point, paths=paths))
            for point in points
        ]
        failures = [Failure(row.id, row.kind, f"it is set aside: {row.why}") for row in database.set_aside]
        doubles = _doubles(database)
        results = run_tasks(tasks, len(points), jobs=jobs, progress=progress)
        for point, problems in zip(points, results, strict=True):
            found = [*problems, *doubles.get((_kind(point), point.id), ())]
            failures += [Failure(point.id, _kind(point), what) for what in found]
        failures += _bound_failures(database, loss, jobs)
        return Verification(
            database.path,
            len(database.minima),
            len(database.transition_states),
            paths,
            tuple(failures),
            len(database.unchecked_ends()),
        )


def _bound_failures(database: Database, loss: Loss, jobs: int) -> list[Failure]:
    """Failures of upper bounds, under the smaller id of their two minima."""
    failures, tasks, pairs = [], [], []
    for first, second in database.bounds()[0].tolist():
        try:
            bound = database.bound((first, second))
        except ValueError as error:
            failures.append(Failure(first, "bound", f"on the barrier to minimum {second}: {error}"))
            continue
        minima = [database.minimum(number).point for number in bound.minimum_ids]
        tasks.append(delayed(_bound_problem)(loss, bound, minima))
        pairs.append(bound.minimum_ids)
    problems = run_tasks(tasks, len(tasks), jobs=jobs)
    return failures + [
        Failure(first, "bound", f"on the barrier to minimum {second}: {problem}")
        for (first, second), problem in zip(pairs, problems, strict=True)
        if problem
    ]


def _bound_problem(loss: Loss, bound: Bound, minima: Sequence[Minimum]) -> str | None:
    """What is wrong with an upper bound on the barrier between these minima, or None."""
    for number, minimum, end in zip(bound.minimum_ids, minima, bound.points[[0, -1]], strict=True):
        if not _is_image(loss.network, minimum.coordinates, end):
            return f"its path does not end in minimum {number} or an image of it"
    with one_thread():
        highest, _ = highest_point(loss, bound.points, samples=SAMPLES)
    if not highest <= bound.value + VALUE_ERROR * max(1.0, abs(bound.value)):
        return f"the loss on its path reaches {highest!r}, above {bound.value!r}"
    return None


def _is_image(network: MLP | PermutationSpec | None, point: NDArray[np.float64], image: NDArray[np.float64]) -> bool:
    """Whether it is an image of a point.

    Canonical forms decide unless there are many ties, the distance unless layers are wide (`symmetry.is_exact`).
    """
    if np.array_equal(symmetry.canonical_form(network, point), symmetry.canonical_form(network, image)):
        return True
    return symmetry.distance(network, point, image) <= END_ERROR * max(1.0, float(np.linalg.norm(image)))


def repair(path: str | Path) -> tuple[SetAside, ...]:
    """Remove the rows of a database that are set aside when it is opened, all or none; return them.

    Rows that name a removed minimum are removed, too: transition states, quench results of snapshots, discoveries.
    Searches keep their numbers, so that `explore` can continue.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    BlockingIOError
        If another process explores into the file.
    TimeoutError, OSError
        If another program uses it, or it cannot be written.
    ValueError
        If it is not a database of agescape, holds what agescape never writes, or cannot be repaired: it is left
        unchanged.
    """
    with only_writer(Path(path)), Database(path) as database:
        return database.remove_set_aside() if database.set_aside else ()


def _checked_loss(database: Database, loss: Loss | None) -> Loss:
    if loss is None:
        return loss_of(database)
    if found := loss_difference(database.provenance, provenance_of(loss, database.provenance.seed)):
        msg = f"loss must be that of {database.path}, whose {found.name} is {found.own!r}; got {found.other!r}"
        raise ValueError(msg)
    return loss


def _kind(stored: Stored) -> str:
    return "minimum" if isinstance(stored, StoredMinimum) else "transition state"


def _named_ends(database: Database, stored: Stored, *, paths: bool) -> tuple[StoredMinimum, ...]:
    """The two minima to expect at the ends of the paths down from a point; none if paths are not checked."""
    if not paths or isinstance(stored, StoredMinimum):
        return ()
    return tuple(database.minimum(number) for number in stored.minimum_ids)


def _doubles(database: Database) -> dict[tuple[str, int], list[str]]:
    """Points that equal another point of the file, by kind and id."""
    found: dict[tuple[str, int], list[str]] = {}
    for points in (database.minima, database.transition_states):
        for k, stored in enumerate(points):
            for other in points[k + 1 :]:
                if not _near(stored, other):
                    break  # they are sorted by loss
                if _ends(stored) == _ends(other) and same_point(database.network, stored.point, other.point):
                    what = f"it is the same point as {_kind(stored)} {stored.id}"
                    found.setdefault((_kind(other), other.id), []).append(what)
    return found


def _near(stored: Stored, other: Stored) -> bool:
    tolerance = value_tolerance(stored.point.known) + value_tolerance(other.point.known)
    return other.point.value - stored.point.value <= tolerance


def _ends(stored: Stored) -> tuple[int, int] | None:
    return None if isinstance(stored, StoredMinimum) else stored.minimum_ids


def _problems(loss: Loss, stored: Stored, columns: tuple, ends: tuple[StoredMinimum, ...]) -> list[str]:
    """All checks that a point fails."""
    point = stored.point
    try:
        with one_thread():
            if point.inertia is not None:
                return _problems_by_inertia(loss, stored, columns, ends)
            model = local_model(loss, point.coordinates)
    except FloatingPointError as error:
        return [str(error)]
    found = [
        *_certificate_problems(loss, model, point, columns),
        *_derived_problems(loss.network, stored, columns),
        *_existence_problems(loss, model),
    ]
    if ends and not found:
        found += _path_problems(loss, _followed(loss, model), ends)
    return found


def _problems_by_inertia(loss: Loss, stored: Stored, columns: tuple, ends: tuple[StoredMinimum, ...]) -> list[str]:
    """The same for a point without a full spectrum, whose paths down are followed again with smaller errors."""
    found = [*inertia_problems(loss, stored.point, columns), *_derived_problems(loss.network, stored, columns)]
    if ends and not found:
        found += _path_problems(loss, _followed_by_products(loss, stored.point), ends)
    return found


def _certificate_problems(loss: Loss, model: LocalModel, point: StationaryPoint, columns: tuple) -> Iterator[str]:
    exact, rounding = certificate(loss, model), rounding_of(loss, model)
    index = int(isinstance(point, TransitionState))
    if abs(exact.value - point.value) > VALUE_ERROR * max(1.0, abs(point.value)):
        yield f"its loss is {exact.value!r}, not {point.value!r}"
    if not is_stationary(loss, model):
        yield f"its rms gradient is {exact.rms_gradient:.3g}, above {GRADIENT_TOLERANCE:g}"
    if abs(exact.rms_gradient - point.rms_gradient) > GRADIENT_ERROR:
        yield f"its rms gradient is {exact.rms_gradient:.3g}, not {point.rms_gradient:.3g}"
    if exact.index != index:
        yield f"it has {exact.index} negative eigenvalues, not {index}"
    if exact.flat:
        yield (
            f"it is degenerate: along {exact.flat} directions the loss is flat within rounding "
            f"(eigenvalues below {rounding.hessian:.2g})"
        )
    if not _close(exact.eigenvalues, point.eigenvalues):
        yield "its eigenvalues are different"
    if isinstance(point, TransitionState) and not _parallel(point.eigenvector, model.eigenvectors[:, 0]):
        yield "its eigenvector is different"
    _, log_determinant, trace, log_frequencies, _, *lowest = columns
    eigenvalues = point.eigenvalues
    expected = [point.log_determinant, point.trace, float(np.log(np.abs(eigenvalues[index:])).sum())]
    if not _close([log_determinant, trace, log_frequencies, *lowest], [*expected, *eigenvalues[:index]]):
        yield "its log-determinant, trace or log product of frequencies does not fit its eigenvalues"


def _existence_problems(loss: Loss, model: LocalModel) -> Iterator[str]:
    """Check that there is a stationary point near a small gradient, which may be small because the loss levels off."""
    try:
        found = locate(loss, model)
    except FloatingPointError as error:
        yield str(error)
        return
    if found.location is Location.RUNAWAY:
        yield "it is not a minimum: the loss decreases without bound in its direction from the origin"
    elif found.location is Location.FLAT and not signs_of(model.free, found.rounding.hessian).flat:
        yield "it is degenerate: Newton's method does not converge there"


def _derived_problems(network: MLP | PermutationSpec | None, stored: Stored, columns: tuple) -> Iterator[str]:
    derived = Derived.of(network, stored.point)
    key, *_ = columns
    if key != derived.key:
        yield "its canonical key is different"
    if (stored.orbit_size, columns[4]) != (derived.orbit_size, derived.stabilizer):
        yield (
            f"its orbit size is {derived.orbit_size} and its point-group order {derived.stabilizer}, "
            f"not {stored.orbit_size} and {columns[4]}"
        )


def _path_problems(
    loss: Loss, followed: Iterator[list[Minimum | None]], ends: tuple[StoredMinimum, ...]
) -> Iterator[str]:
    """Check that paths followed once, or a second time, end in the minima that the database names."""
    ended = False
    for found in followed:
        minima = [minimum for minimum in found if minimum is not None]
        ended = len(minima) == len(found)
        if ended and same_ends(loss.network, minima, [end.point for end in ends]):
            return
    if not ended:
        yield "a path down from it ends in no minimum; search for the transition state again"
        return
    named = " and ".join(str(end.id) for end in ends)
    yield f"the paths down from it do not end in minima {named}"


def _followed(loss: Loss, model: LocalModel) -> Iterator[list[Minimum | None]]:
    for rtol in PATH_TOLERANCES:
        yield [radau_end(loss, model, sign, rtol=rtol) for sign in (1.0, -1.0)]


def _followed_by_products(loss: Loss, point: StationaryPoint) -> Iterator[list[Minimum | None]]:
    """Where Radau's Jacobians are too large: the flow of the searches, with smaller errors of its steps."""
    model = inertia_model(loss, point.coordinates)
    results = [follow_down(loss, model, sign, path_errors=SMALL_PATH_ERRORS).result for sign in (1.0, -1.0)]
    yield [result.minimum if result.converged else None for result in results]


def same_ends(network: MLP | PermutationSpec | None, found: Sequence[Minimum], named: Sequence[Minimum]) -> bool:
    """Whether two minima are the two that are named, in either order."""
    (a, b), (c, d) = ([same_point(network, minimum, name) for name in named] for minimum in found)
    return (a and d) or (b and c)


def _close(found: object, expected: object) -> bool:
    """Whether numbers agree within rounding; a column of SQLite may hold anything else."""
    try:
        a, b = (np.asarray(values, dtype=np.float64) for values in (found, expected))
    except (TypeError, ValueError):
        return False
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0.0) <= EIGENVALUE_ERROR * np.abs(b).max(initial=1e-6))


def _parallel(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(abs(abs(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300) - 1.0) <= OVERLAP_ERROR)
