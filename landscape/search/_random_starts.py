"""Fresh random starts: independent draws that bound the number of minima from below and judge completeness."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from landscape.database import Database
from landscape.losses import Loss, check_searchable
from landscape.search._planning import BATCH
from landscape.search._searches import run_start
from landscape.search._storing import open_or_create, store_random_starts
from landscape.search._summary import Exploration, summarize
from landscape.support import check_jobs, only_writer, shared, worker_pool

FEWEST_SEARCHES = 128  # searches before completeness is judged
FEWEST_TO_JUDGE = 32  # random starts before `completeness` is judged
MOST_STARTS = 3000  # largest number that `completeness` draws

Progress = Callable[[int, int | None, Exploration], object]  # searches done, total (None: unlimited), summary


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
        draw_random_starts(database, parallel, shared(loss), starts, seed, progress)
        return summarize(database)


def draw_random_starts(
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
        store_random_starts(database, seed, dict(zip(numbers, results, strict=True)))
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
