"""joblib's Dask backend, with an end to waiting for tasks that no worker will finish."""

import asyncio
from dataclasses import dataclass
from typing import Any

from joblib._dask import DaskDistributedBackend, distributed

if distributed is None:
    msg = "distributed is not installed"
    raise ImportError(msg)


@dataclass(frozen=True)
class Lost:
    """Stands for the results of a task that the cluster gave up."""

    reason: str


class DaskBackend(DaskDistributedBackend):
    """joblib's backend (1.6) says nothing to joblib of tasks that Dask gave up, and joblib waits for ever.

    Dask gives a task up when four workers died at it, when all copies of an argument were lost, and when the
    scheduler is gone. What tasks raise by themselves comes back as a result and is raised by joblib.
    """

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Threads of all workers, at least 2: work for one joblib does itself, where a `shared` argument is not."""
        return max(2, super().effective_n_jobs(n_jobs))

    async def _collect(self) -> None:
        """Hand results over, as joblib's method of this name does, but those of lost tasks, too."""
        while self._continue:
            async for future, result in self.waiting_futures:
                callback, waiting = self._callbacks.pop(future), self._results.pop(future)
                done = result if future.status == "finished" else Lost(f"{future.status}, {_what(result)}")
                waiting.set_result(done)
                callback(done)
            await asyncio.sleep(0.01)

    def retrieve_result_callback(self, out: Any) -> Any:
        """Results of a batch of tasks, or a RuntimeError if they are lost."""
        if isinstance(out, Lost):
            msg = f"the cluster gave up a task ({out.reason}); run the same command again to continue"
            raise RuntimeError(msg)
        return super().retrieve_result_callback(out)


def _what(result: Any) -> str:
    """Describe what stands in place of a result: an exception, or (type, exception, traceback)."""
    return str(result[1] if isinstance(result, tuple) else result)
