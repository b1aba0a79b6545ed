"""One writer: everything that adds to a database of minima what searches or runs have found."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape.database import (
    ORIGINS,
    Attempt,
    Bound,
    Database,
    Find,
    Quenched,
    RandomStart,
    SearchOrigin,
    loss_difference,
    provenance_of,
)
from landscape.descent import QuenchResult
from landscape.graph import below_minima
from landscape.losses import Loss
from landscape.search._searches import Found
from landscape.search._summary import next_search
from landscape.stationary import Minimum, TransitionState
from landscape.support import Difference

FRESH = "random start"  # origin of minima first found by fresh random starts

Connection = tuple[TransitionState, Sequence[Minimum]]  # and the minima at its two ends


def open_or_create(loss: Loss, path: str | Path, seed: int) -> Database:
    """Open the database of this loss, or create it.

    Raises
    ------
    ValueError
        If the file belongs to another loss or seed: the message names what differs.
    """
    expected = provenance_of(loss, seed)
    if not Path(path).exists():
        return Database.create(path, expected)
    database = Database(path)
    found = loss_difference(database.provenance, expected)
    if found is None and database.provenance.seed != seed:
        found = Difference("seed", database.provenance.seed, seed)
    if found is not None:
        database.close()
        msg = f"{path} was made with {found.name} = {found.own!r}, not {found.other!r}; choose another output file"
        raise ValueError(msg)
    return database


def store(database: Database, results: list[Found]) -> None:
    """Write a batch of results in one transaction, in the order of the searches."""
    with database.transaction():
        if results and next_search(database) != results[0].task.search:
            msg = f"{database.path} was changed by another exploration; run one at a time"
            raise ValueError(msg)
        for found in results:
            rejected, hits = _store_found(database, found)
            start = None if found.task.start is None else found.task.start[0]
            partner = None if found.task.partner is None else found.task.partner[0]
            status = f"REJECTED: {rejected}" if rejected else found.status
            search = found.task.search
            database.add_attempt(
                Attempt(search, found.task.kind, (start, partner), status, found.hessian_evaluations),
                SearchOrigin(search, found.task.seed, search),
                [Find(search, *point, count) for point, count in sorted(hits.items()) if count],
            )
            _store_bound(database, found)
        database.remove_superseded_bounds()


def store_random_starts(database: Database, seed: int, quenched: Mapping[int, QuenchResult | None]) -> None:
    """Store what fresh random starts led to, by number; None is one that was not finished."""
    with database.transaction():
        for number, result in quenched.items():
            if result is None:
                continue
            found = None
            if result.converged:
                found, _ = database.add_minimum(result.minimum, origin=FRESH, hits=0)
            database.add_random_start(RandomStart(seed, number, found, result.status.name))


def _store_bound(database: Database, found: Found) -> None:
    """Store the path of a search between two minima; if it is of no use, it is removed with other superseded ones."""
    if found.bound is None or found.task.start is None or found.task.partner is None:
        return
    (value, points), ends = found.bound, (found.task.start, found.task.partner)
    first, second = (number for number, _ in ends)
    value = max(value, *(minimum.value for _, minimum in ends))  # the losses of images differ in the last digit
    order = 1 if first < second else -1
    database.add_bound(Bound((min(first, second), max(first, second)), value, points[::order]))


def _store_found(database: Database, found: Found) -> tuple[str | None, Counter[tuple[str, int]]]:
    """Store what one search found; return why something was rejected, and the hits of points (kind, id).

    Points that a file must not hold are not stored.
    """
    origin, search = ORIGINS.get(found.task.kind, "saddle"), found.task.search
    own = {None if task is None else task[0] for task in (found.task.start, found.task.partner)}
    rejected, hits = None, Counter[tuple[str, int]]()
    for minimum in found.minima:
        if problem := database.minimum_problem(minimum):
            rejected = f"a minimum: {problem}"
        else:
            _add_found(database, minimum, origin, search, own, hits)

    def add_end(end: Minimum) -> int:
        return _add_found(database, end, origin, search, own, hits)

    for connection in found.connections:
        stored = _add_connection(database, connection, add_end, origin=origin, search=search)
        if isinstance(stored, str):
            rejected = stored
        else:
            hits["transition state", stored[0]] += 1
    return rejected, hits


def _add_connection(
    database: Database, connection: Connection, add_end: Callable[[Minimum], int], **attributes: Any
) -> tuple[int, bool] | str:
    """Store a transition state between the minima that `add_end` stores.

    Returns its id and whether it is new, or why a file must not hold it.
    """
    state, ends = connection
    if problem := _connection_problem(database, state, ends):
        return problem
    first, second = map(add_end, ends)
    if problem := database.transition_state_problem(state, (first, second)):  # known minima may differ a little
        return f"a transition state: {problem}"
    return database.add_transition_state(state, (first, second), **attributes)


def _connection_problem(database: Database, state: TransitionState, ends: Sequence[Minimum]) -> str | None:
    """Why a transition state and the ends of its paths cannot be stored; None if they can."""
    if problem := next(filter(None, map(database.minimum_problem, ends)), None):
        return f"an end of a downhill path: {problem}"
    if problem := database.transition_state_problem(state):
        return f"a transition state: {problem}"
    if below_minima([state.value], [[end.value for end in ends]]).any():
        return "a transition state: a path down from it ends above it"
    return None


def _add_found(
    database: Database,
    minimum: Minimum,
    origin: str,
    search: int,
    own: set[int | None],
    hits: Counter[tuple[str, int]],
) -> int:
    """Store the minimum of a search, count the hit and return its id. A return to the starting minimum is not a hit."""
    known = database.find_minimum(minimum)
    count = 0 if known and known.id in own else 1
    number, _ = database.add_minimum(minimum, origin=origin, search=search, hits=count)
    hits["minimum", number] += count
    return number


def store_connections(database: Database, connections: Sequence[Connection], *, origin: str) -> int:
    """Store transition states, each with the minima at its two ends, that no search of an exploration found.

    They count as no hits. Those that a file must not hold are left out. Returns how many were new.
    """
    new = 0

    def add_end(end: Minimum) -> int:
        return database.add_minimum(end, origin=origin, hits=0)[0]

    with database.transaction():
        for connection in connections:
            stored = _add_connection(database, connection, add_end, origin=origin, hits=0)
            new += 0 if isinstance(stored, str) else stored[1]
        database.remove_superseded_bounds()
    return new


def store_inherent_structures(database: Database, quenched: Sequence[Quenched], *, method: str, origin: str) -> None:
    """Store the quench results of points of trajectories.

    New minima are stored with this origin and their discovery; one that a file must not hold counts as none. Visits
    are not hits: the estimate of the number of minima uses searches only.
    """
    with database.transaction():
        for one in quenched:
            number = None
            if one.minimum is not None and database.minimum_problem(one.minimum) is None:
                number, _ = database.add_minimum(one.minimum, origin=origin, hits=0, discovery=one.discovery)
            database.add_inherent_structure(one.point, method, number, one.reason)
