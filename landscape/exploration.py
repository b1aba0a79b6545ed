"""Exploration of a landscape: searches in parallel, one writer, resumable at any moment."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import delayed
from llvmlite.binding import get_host_cpu_name

from landscape._heights import below_minima
from landscape._memory import Memory
from landscape._planning import BATCH, CYCLE, KINDS
from landscape._searches import ORIGINS, Found
from landscape._searches import run as run_search
from landscape.completeness import Estimate, chao1, good_turing_coverage
from landscape.connectivity import components
from landscape.database import Database
from landscape.locks import only_writer
from landscape.losses import Loss
from landscape.records import Attempt, Provenance, Quenched, differing_field
from landscape.stationary import Minimum, TransitionState
from landscape.versions import package_version
from landscape.workers import check_jobs, shared, worker_pool

FEWEST_SEARCHES = 128  # before completeness is judged


@dataclass(frozen=True)
class Exploration:
    """What a database holds after an exploration."""

    path: Path
    searches: int
    minima: int
    transition_states: int
    components: int
    lowest_loss: float  # nats; nan without a minimum
    estimated_minima: Estimate | None  # None without a minimum
    coverage: float  # Good and Turing: chance that the next hit is of a known minimum; nan without a hit


Progress = Callable[[int, int | None, Exploration], object]  # searches done, in all (None: no number), what there is


def explore(
    loss: Loss,
    path: str | Path,
    *,
    searches: int | None = None,
    budget: float | None = None,
    completeness: float | None = None,
    kinds: Sequence[str] = CYCLE,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Exploration:
    """Search for minima and transition states and store them; goes on where an existing file stopped.

    Parameters
    ----------
    loss : Loss
        Its `data` and `regularization`, if it has these, are stored as provenance.
    path : path
        Database file; made if it does not exist.
    searches : int, optional
        Total number of searches, those in the file included. The result then depends on the seed alone.
    budget : float, optional
        Seconds to search for, instead of a number.
    completeness : float, optional
        Stop before, once this share of the estimated number of minima is found and the chance that the next
        hit is of a known one is as large (Chao1 and Good-Turing; looked at after each batch of 32 searches).
    kinds : sequence of str, optional
        Kinds of search that take turns, from "connect" (Dijkstra over all minima for the next gap between
        components), "saddle" (single-ended), "escape" (single-ended, from
        minima outside the first component), "untrap", "shortcut", "nearest", "random" (pairs of minima),
        "hop" (basin-hopping), "start" and "collapsed" (quenches of random starts).
    seed : int
    jobs : int
        Worker processes; `joblib.parallel_config` may send them elsewhere.
    progress : callable, optional
        Called after each batch with searches done, searches in all (None with a budget) and a summary.

    Raises
    ------
    ValueError
        If neither or both of `searches` and `budget` are given, an argument is out of range, or an existing
        file belongs to another loss or seed.
    BlockingIOError
        If another process explores into this file.
    """
    _check(searches, budget, completeness, kinds, jobs)
    deadline = None if budget is None else time.monotonic() + budget
    with only_writer(Path(path)), open_or_create(loss, path, seed) as database:
        done, memory = next_search(database), Memory(database)
        found = summarize(database)
        with worker_pool(jobs) as parallel:
            common = shared(loss)
            while done < (searches or 0) if deadline is None else time.monotonic() < deadline:
                if completeness is not None and done % BATCH == 0 and is_complete(found, completeness):
                    break
                end = (done // BATCH + 1) * BATCH
                tasks = memory.plan(done, end if searches is None else min(end, searches), seed, kinds)
                results: Any = parallel(delayed(run_search)(common, task) for task in tasks)
                store(database, list(results))
                done, found = done + len(tasks), summarize(database)
                if progress is not None:
                    progress(done, searches, found)
        return found


def is_complete(found: Exploration, completeness: float) -> bool:
    """Whether so large a share of the minima is known, by Chao1 as well as by Good and Turing.

    Fewer than 128 searches never are enough: most of the first ones only quench random starts.
    """
    estimate = found.estimated_minima
    if estimate is None or found.searches < FEWEST_SEARCHES:
        return False
    return min(found.minima / estimate.value, found.coverage) >= completeness


def _check(
    searches: int | None, budget: float | None, completeness: float | None, kinds: Sequence[str], jobs: int
) -> None:
    if (searches is None) == (budget is None) or not ((searches or 0) >= 0 and (budget or 0.0) >= 0.0):
        msg = f"give either searches >= 0 or budget >= 0 seconds; got searches={searches}, budget={budget}"
        raise ValueError(msg)
    if completeness is not None and not 0.0 < completeness <= 1.0:
        msg = f"completeness must be above 0 and at most 1; got {completeness}"
        raise ValueError(msg)
    if not kinds or set(kinds) - set(KINDS):
        msg = f"kinds must name some of {', '.join(KINDS)}; got {', '.join(map(str, kinds)) or 'none'}"
        raise ValueError(msg)
    check_jobs(jobs)


def provenance_of(loss: Any, seed: int) -> Provenance:
    """What a database of this loss's stationary points is about."""
    packages = {name: package_version(name) for name in ("agescape", "numpy", "scipy", "numba")}
    data = getattr(loss, "data", None)
    return Provenance(
        n_parameters=loss.n_parameters,
        layer_sizes=None if loss.network is None else loss.network.layer_sizes,
        dataset={"name": type(loss).__name__} if data is None else dict(data.metadata),
        dataset_sha256="" if data is None else data.sha256,
        regularization=getattr(loss, "regularization", 0.0),
        regularize_biases=getattr(loss, "regularize_biases", True),
        seed=seed,
        versions={**packages, "python": platform.python_version(), "cpu": get_host_cpu_name()},
    )


def open_or_create(loss: Loss, path: str | Path, seed: int) -> Database:
    """Open the database of this loss, or make it.

    Raises
    ------
    ValueError
        If the file belongs to another loss or seed: the message names what differs.
    """
    expected = provenance_of(loss, seed)
    if not Path(path).exists():
        return Database.create(path, expected)
    database = Database(path)
    name = differing_field(database.provenance, expected) or ("seed" if database.provenance.seed != seed else None)
    if name is not None:
        database.close()
        found, wanted = (getattr(provenance, name) for provenance in (database.provenance, expected))
        msg = f"{path} was made with {name} = {found!r}, not {wanted!r}; name another output file"
        raise ValueError(msg)
    return database


def next_search(database: Database) -> int:
    """Number of searches made so far."""
    return database.n_attempts


def store(database: Database, results: list[Found]) -> None:
    """Write a batch of results in one transaction, in the order of the searches."""
    with database.transaction():
        if results and next_search(database) != results[0].task.search:
            msg = f"{database.path} was changed by another exploration meanwhile; run one at a time"
            raise ValueError(msg)
        for found in results:
            rejected = _store_found(database, found)
            start = None if found.task.start is None else found.task.start[0]
            partner = None if found.task.partner is None else found.task.partner[0]
            status = f"REJECTED: {rejected}" if rejected else found.status
            database.add_attempt(
                Attempt(found.task.search, found.task.kind, (start, partner), status, found.hessian_evaluations)
            )


def _store_found(database: Database, found: Found) -> str | None:
    """Store what one search found; why something of it was not: what a file may not hold stays out of it."""
    origin, search = ORIGINS.get(found.task.kind, "saddle"), found.task.search
    own = {None if task is None else task[0] for task in (found.task.start, found.task.partner)}
    rejected = None
    for minimum in found.minima:
        if problem := database.minimum_problem(minimum):
            rejected = f"a minimum: {problem}"
        else:
            _add_found(database, minimum, origin, search, own)
    for state, ends in found.connections:
        if problem := _connection_problem(database, state, ends):
            rejected = problem
            continue
        ids = [_add_found(database, end, origin, search, own) for end in ends]
        if problem := database.transition_state_problem(state, ids):  # known minima may have another last digit
            rejected = f"a transition state: {problem}"
            continue
        database.add_transition_state(state, (ids[0], ids[1]), origin=origin, search=search)
    return rejected


def _connection_problem(database: Database, state: TransitionState, ends: Sequence[Minimum]) -> str | None:
    """Why nothing of a transition state and the ends of its paths can be stored; None if it can."""
    if problem := next(filter(None, map(database.minimum_problem, ends)), None):
        return f"an end of a downhill path: {problem}"
    if problem := database.transition_state_problem(state):
        return f"a transition state: {problem}"
    if below_minima([state.value], [[end.value for end in ends]]).any():
        return "a transition state: a path down from it ends above it"
    return None


def _add_found(database: Database, minimum: Minimum, origin: str, search: int, own: set[int | None]) -> int:
    """Store a minimum that a search ended in: its id. To come back to where it began (`own`) is no hit.

    The estimate of the number of minima assumes that searches find them, not that they know them.
    """
    known = database.find_minimum(minimum)
    hits = 0 if known and known.id in own else 1
    return database.add_minimum(minimum, origin=origin, search=search, hits=hits)[0]


def store_inherent_structures(database: Database, quenched: Sequence[Quenched], *, method: str, origin: str) -> None:
    """Store where points of trajectories were quenched to.

    New minima enter with this origin, and what is known of their discovery; one that a file may not hold counts as
    none. Visits are no hits: the estimate of the
    number of minima rests on what searches find.
    """
    with database.transaction():
        for one in quenched:
            number = None
            if one.minimum is not None and database.minimum_problem(one.minimum) is None:
                number, _ = database.add_minimum(one.minimum, origin=origin, hits=0, discovery=one.discovery)
            database.add_inherent_structure(one.point, method, number, one.reason)


def summarize(database: Database) -> Exploration:
    """Count what a database holds and estimate what it misses (Chao1 over the hits of minima)."""
    graph, hits = database.graph(), database.hits()
    hits, labels = hits[hits > 0], components(graph)
    return Exploration(
        path=database.path,
        searches=next_search(database),
        minima=graph.n_minima,
        transition_states=graph.n_transition_states,
        components=int(labels.max()) + 1 if len(labels) else 0,
        lowest_loss=float(graph.losses[0]) if graph.n_minima else float("nan"),
        estimated_minima=chao1(hits) if len(hits) else None,
        coverage=good_turing_coverage(hits) if len(hits) else float("nan"),
    )
