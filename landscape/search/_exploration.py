"""Exploration of a landscape: searches in parallel, one writer, resumable at any moment."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblib import delayed

from landscape.losses import Loss, check_searchable
from landscape.search._memory import Memory
from landscape.search._planning import CYCLE, KINDS, batch_size
from landscape.search._random_starts import FEWEST_SEARCHES, Progress, draw_random_starts, is_complete, starts_for
from landscape.search._searches import Found, run as run_search
from landscape.search._storing import open_or_create, store
from landscape.search._summary import Exploration, Unjoined, next_search, summarize, with_given_up
from landscape.search._targets import Targets
from landscape.support import check_jobs, only_writer, shared, worker_pool

SECONDS_TOGETHER = 5.0  # of searches that are stored in one transaction, if a batch takes longer
BOUND_COST = 4.0  # of a search for an upper bound, over that of another search


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
    batch = batch_size(loss)
    if targets is not None and not Path(path).exists():
        msg = f"connect must name minima of a database, but there is no file {path}; explore without it first"
        raise FileNotFoundError(msg)
    with only_writer(Path(path)), open_or_create(loss, path, seed) as database:
        if targets is not None:
            targets.check(database)
        before, memory, unfinished = next_search(database), Memory(database, batch), 0
        done = before
        deadline, pace = None if budget is None else time.monotonic() + budget, 0.0
        found = summarize(database, targets)
        with worker_pool(jobs) as parallel:
            common = shared(loss)
            while done < (searches or 0) if deadline is None else time.monotonic() < deadline:
                if completeness is not None and done % batch == 0 and done >= FEWEST_SEARCHES:
                    wanted = max(starts_for(completeness), done // 2)
                    draw_random_starts(database, parallel, common, wanted, seed, until=_since_epoch(deadline))
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
        return replace(found, new_searches=done - before, unfinished=min(unfinished, 1))


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
