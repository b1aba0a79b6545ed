"""Parallel work: joblib workers, and one thread in each."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from joblib import Parallel
from joblib.externals.loky import process_executor
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController


@cache
def _controller(_with_torch: bool) -> ThreadpoolController:
    return ThreadpoolController()  # inspects all loaded libraries: once, and again after torch has loaded its own


def one_thread() -> AbstractContextManager:
    """Limit BLAS and OpenMP (torch's) to one thread inside the context.

    The number of threads changes the last bits of a result, and matrices of a hundred rows gain nothing: a Hessian
    of a small torch module took twenty times longer with two threads on two busy processors.
    """
    return _controller("torch" in sys.modules).limit(limits=1)


def check_jobs(jobs: int) -> None:
    """Raise a ValueError if `jobs` is not a number of workers."""
    if jobs == 0:
        msg = "jobs must be a number of workers, or negative to leave some processors free; got 0"
        raise ValueError(msg)


def worker_pool(jobs: int, *, threads: bool = False) -> Parallel:
    """Workers whose results come back in the order of submission; threads of this process, or processes.

    `joblib.parallel_config` may send the work elsewhere.
    """
    if threads:
        return Parallel(n_jobs=jobs, return_as="generator", require="sharedmem")
    return Parallel(n_jobs=jobs, return_as="generator", initializer=_prepare_worker)


def run_tasks(
    tasks: Iterable[Any],
    total: int,
    *,
    jobs: int,
    progress: Callable[[int, int], object] | None = None,
    done: int = 0,
    threads: bool = False,
) -> Iterator[Any]:
    """Results of `joblib.delayed` tasks in their order; `progress` is called (done, total) once each was taken.

    Tasks that read files or release Python's lock run in `threads` of this process, which start at once. `done` of the
    `total` were done before.

    Raises
    ------
    ValueError
        If `jobs` is no number of workers.
    """
    check_jobs(jobs)
    with worker_pool(jobs, threads=threads) as parallel:
        results: Any = parallel(tasks)
        for number, result in enumerate(results, done + 1):
            yield result
            if progress is not None:
                progress(number, total)


def shared(value: Any) -> Any:
    """Prepare a large argument that many tasks share for `joblib.delayed`.

    Returns `value` itself; on a Dask cluster (`joblib.parallel_config`) a reference to it, after sending it to every
    worker, so that it does not travel with each task. Keep the reference until the tasks are done.
    """
    client = getattr(get_active_backend()[0], "client", None)
    return value if client is None else client.scatter(value, broadcast=True, hash=False)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the main process, which would otherwise show each worker's traceback; keep this process.

    loky replaces a worker that grew by 300 MB since its first task, as one that leaks. Ours grow once, where they load
    torch or compile kernels, and a replacement was seen to leave the main process waiting forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process_executor._USE_PSUTIL = False  # loky has no setting for it
