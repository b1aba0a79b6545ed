"""Exploration of a landscape: searches in parallel, one writer, resumable at any moment."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

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
from landscape.graph import below_minima
from landscape.losses import LARGE, Loss, check_searchable
from landscape.search._memory import Memory
from landscape.search._planning import BATCH, BATCH_OF_LARGE, CYCLE, KINDS
from landscape.search._searches import Found, run as run_search, run_start
from landscape.search._summary import Exploration, Unjoined, next_search, summarize, with_given_up
from landscape.search._targets import Targets
from landscape.stationary import Minimum, TransitionState
from landscape.support import Difference, check_jobs, only_writer, shared, worker_pool

FEWEST_SEARCHES = 128  # searches before completeness is judged
SECONDS_TOGETHER = 5.0  # of searches that are stored in one transaction, if a batch takes longer
BOUND_COST = 4.0  # of a search for an upper bound, over that of another search
FRESH = "random start"  # origin of minima first found by fresh random starts
FEWEST_TO_JUDGE = 32  # random starts before `completeness` is judged
MOST_STARTS = 3000  # largest number that `completeness` draws


Connection = tuple[TransitionState, Sequence[Minimum]]  # and the minima at its two ends
Progress = Callable[[int, int | None, Exploration], object]  # searches done, total (None: unlimited), summary


def explore(
    loss: Loss,
    path: str | Path,
    *,
    searches: int | None = None,
    budget: float | None = None,
    completeness: float | None = None,
    kinds: Sequence[str] = CYCLE,
    connect: str | Sequence[int] | None = None,
    bounds_first: bool = False,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Exploration:
    """Search for minima and transition states and store them; continues an existing file.

    Parameters
    ----------
    loss : Loss
        Its `data` and `regularization`, if it has these, are stored as provenance.
    path : path
        Database file; created if it does not exist.
    searches : int, optional
        Total number of searches, including those in the file. The result then depends on the seed alone.
    budget : float, optional
        Search time in seconds, instead of `searches`. With `connect`, both may be left out. At the end, searches that
        take longer than seconds are stopped, and nothing of them is stored (`Exploration.unfinished`); a batch of
        shorter ones is completed.
    completeness : float, optional
        Stop early once random starts have found this share of Chao1's number of minima, and the probability that the
        next one ends in one of these is as large (Good-Turing). It is checked after each batch of 32 searches from 128
        on, with fresh random starts (`estimate_minima`): 3 / (1 - completeness), at least 32 and at most 3000, or half
        the number of searches if that is more. It is not a guarantee: minima that random starts hardly ever reach
        remain invisible.
    kinds : sequence of str, optional
        Kinds of search that take turns, from "connect" (Dijkstra over all minima for the next gap between
        components), "saddle" (single-ended), "escape" (single-ended, from
        minima outside the first component), "untrap", "shortcut", "nearest", "random" (pairs of minima),
        "hop" (basin-hopping), "start" and "collapsed" (quenches of random starts).
    connect : str or sequence of int, optional
        Only join these minima with the global minimum, instead of `kinds`: "visited" (those of SGD's snapshots),
        "lowest:50" (the lowest, whichever they are at the time), or ids. Searches go to the gaps on the shortest way
        to each, the lowest minimum first (Dijkstra's algorithm over all minima; a gap weighs the fourth power of its
        length, and more with each attempt). The exploration ends when all are joined, or when every way to the others
        has a gap that four searches did not close. For these a last kind of search ("bound") looks for paths as low as
        possible (`minimax_path`): upper bounds on their barriers. Where a budget ends sooner, up to half of it is left
        for these paths. `Exploration.unjoined` names the targets that are not joined, with the best bounds.
    bounds_first : bool
        With `connect`: look for these paths before anything else.
    seed : int
    jobs : int
        Worker processes; `joblib.parallel_config` may send them elsewhere.
    progress : callable, optional
        Called with searches done, total searches (None with a budget) and a summary, after each batch; where a batch
        takes longer than seconds, after each search. What was reported is stored.

    Raises
    ------
    TypeError
        If `loss` is none.
    FileNotFoundError
        If there is `connect`, but no file.
    ValueError
        If neither or both of `searches` and `budget` are given, an argument is out of range, `connect` names minima
        that the file does not hold, an existing file belongs to another loss or seed, or the activation has a kink
        (relu) or a continuous symmetry (linear).
    BlockingIOError
        If another process explores into this file.
    """
    if not hasattr(loss, "value_gradient_hessian"):
        msg = f"loss must be a loss, with value_gradient_hessian; got {type(loss).__name__}"
        raise TypeError(msg)
    check_searchable(loss)
    targets = None if connect is None else Targets(connect)
    if targets is not None and searches is None and budget is None:
        budget = math.inf  # until all are joined or given up
    _check(searches, budget, completeness, kinds, jobs)
    batch = BATCH if loss.n_parameters <= LARGE else BATCH_OF_LARGE
    if targets is not None and not Path(path).exists():
        msg = f"connect must name minima of a database, but there is no file {path}; explore without it first"
        raise FileNotFoundError(msg)
    with only_writer(Path(path)), open_or_create(loss, path, seed) as database:
        if targets is not None:
            targets.check(database)
        done, memory, unfinished = next_search(database), Memory(database, batch), 0
        deadline, pace = None if budget is None else time.monotonic() + budget, 0.0
        found = summarize(database, targets)
        with worker_pool(jobs) as parallel:
            common = shared(loss)
            while done < (searches or 0) if deadline is None else time.monotonic() < deadline:
                if completeness is not None and done % batch == 0 and done >= FEWEST_SEARCHES:
                    wanted = max(starts_for(completeness), done // 2)
                    _draw(database, parallel, common, wanted, seed, until=_since_epoch(deadline))
                    found = summarize(database, targets)
                    if is_complete(found, completeness):
                        break
                end = (done // batch + 1) * batch
                began = time.monotonic()
                late = bounds_first or (budget is not None and _is_late(deadline, budget, pace, found.unjoined))
                end = end if searches is None else min(end, searches)
                tasks = memory.plan(done, end, seed, kinds, targets, bounds_first=late)
                if not tasks:
                    break
                until = _since_epoch(deadline)
                results: Any = parallel(delayed(run_search)(common, task, until) for task in tasks)
                for part in in_parts(results):
                    store(database, part)
                    done, found = done + len(part), summarize(database, targets)
                    if progress is not None:
                        progress(done, searches, found)
                pace = (time.monotonic() - began) / len(tasks)
                unfinished = len(tasks) - (done - tasks[0].search)
        if targets is not None and found.unjoined:
            found = with_given_up(found, memory.given_up(targets))
        return replace(found, unfinished=min(unfinished, 1)) if unfinished else found


def _since_epoch(deadline: float | None) -> float:
    """A time of this process's clock as one that all machines share."""
    return math.inf if deadline is None else time.time() + deadline - time.monotonic()


def in_parts(results: Iterable[Found | None]) -> Iterator[list[Found]]:
    """Results in their order, up to the first that is not finished: together unless they take longer than seconds.

    All results are taken, so that no worker is left with one.
    """
    part: list[Found] = []
    began, over = time.monotonic(), False
    for found in results:
        over = over or found is None
        if found is None or over:
            continue
        part.append(found)
        if time.monotonic() - began > SECONDS_TOGETHER:
            yield part
            part, began = [], time.monotonic()
    if part:
        yield part


def _is_late(deadline: float | None, budget: float, pace: float, unjoined: Sequence[Unjoined]) -> bool:
    """Whether the rest of the budget is needed for bounds on the barriers of the targets, at `pace` seconds a search.

    Never more than half of the budget.
    """
    left = math.inf if deadline is None else deadline - time.monotonic()
    return left <= min(BOUND_COST * pace * len(unjoined), 0.5 * budget)


def estimate_minima(
    loss: Loss,
    path: str | Path,
    *,
    starts: int,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Exploration:
    """Quench fresh independent random starts to bound the number of minima from below.

    They have their own random stream: start i of a seed is the same whatever was explored before. Their minima are
    added to the database; their hits count only for the estimate. Starts of earlier calls are not drawn again.

    Parameters
    ----------
    loss : Loss
    path : path
        Database file; created if it does not exist.
    starts : int
        Total number of fresh random starts of this seed, including those in the file.
    seed, jobs, progress
        As in `explore`; `progress` is called with the starts done and `starts`.

    Raises
    ------
    ValueError
        If `starts` is negative, or an existing file belongs to another loss or seed.
    BlockingIOError
        If another process explores into this file.
    """
    if starts < 0:
        msg = f"starts must be >= 0; got {starts}"
        raise ValueError(msg)
    check_searchable(loss)
    check_jobs(jobs)
    with only_writer(Path(path)), open_or_create(loss, path, seed) as database, worker_pool(jobs) as parallel:
        _draw(database, parallel, shared(loss), starts, seed, progress)
        return summarize(database)


def _draw(
    database: Database,
    parallel: Parallel,
    loss: Any,
    starts: int,
    seed: int,
    progress: Progress | None = None,
    until: float = math.inf,
) -> None:
    """Quench those of the first `starts` fresh random starts of a seed that the database lacks, in batches.

    Those that are not finished at `until` are left out.
    """
    known = {start.number for start in database.random_starts() if start.seed == seed}
    missing = [number for number in range(starts) if number not in known]
    for first in range(0, len(missing), BATCH):
        numbers = missing[first : first + BATCH]
        results: Any = parallel(delayed(run_start)(loss, seed, number, until) for number in numbers)
        quenched = list(results)
        with database.transaction():
            for number, result in zip(numbers, quenched, strict=True):
                if result is None:
                    continue
                found = None
                if result.converged:
                    found, _ = database.add_minimum(result.minimum, origin=FRESH, hits=0)
                database.add_random_start(RandomStart(seed, number, found, result.status.name))
        if progress is not None:
            progress(starts - len(missing) + first + len(numbers), starts, summarize(database))


def starts_for(completeness: float) -> int:
    """Number of random starts needed to judge it: fewer overlook the allowed unseen share too often (5 %)."""
    return int(np.clip(np.ceil(3.0 / max(1.0 - completeness, 1e-9)), FEWEST_TO_JUDGE, MOST_STARTS))


def is_complete(found: Exploration, completeness: float) -> bool:
    """Whether random starts have found the share `completeness` of the minima, by both Chao1 and Good-Turing.

    Both judge the same draws, from 32 random starts on; minima found by connections and runs of SGD do not count.
    Fewer than 128 searches are never enough.
    """
    if found.searches < FEWEST_SEARCHES or found.random_starts < FEWEST_TO_JUDGE:
        return False
    return min(found.found_share, found.coverage.value) >= completeness


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
