"""Moments of the displacements of runs whose snapshots are in files, in one pass and in little memory.

The parameters are divided into parts of a few hundred kB of every file. Each part of all snapshots that a run needs is
read, and the sums of d^2 and d^4 of all its pairs are added up, in float64 and in the order of the parts, so that the
number of workers never changes a result. Sums come from differences: a matrix of inner products would need as many
operations, and lose half of the digits where displacements are small beside the parameters.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed, effective_n_jobs
from numpy.typing import NDArray

from dynamics.checkpoints._collection import Checkpoints
from dynamics.checkpoints._kernel import add_moments
from dynamics.checkpoints._unfinished import Unfinished
from dynamics.displacement import recorded_pairs
from dynamics.runs import nan_moments
from landscape.support import run_tasks

Array = NDArray[np.float64]

BYTES = 1 << 25  # of a part of all snapshots, while that of one snapshot has `SMALLEST` ... `LARGEST_READ`
SMALLEST, LARGEST_READ = 1 << 17, 1 << 20
MOST_THREADS = 8  # each has a part in memory
LARGEST = 1e70  # number whose fourth power is finite
Progress = Callable[[int, int], object]


class Part(NamedTuple):
    """Components `begin` ... `end` - 1 of a run."""

    run: int
    begin: int
    end: int


class Sums(NamedTuple):
    """Sums over components: of d^2 for each of consecutive parameters (G, K) from `first` on, and of d^4 (K,)."""

    first: int
    squares: Array
    fourths: Array


@dataclass(frozen=True)
class RunPairs:
    """The pairs of a run: snapshots that it needs (n,), and the K pairs as positions among these."""

    within: NDArray[np.bool_]
    snapshots: NDArray[np.intp]
    start: NDArray[np.intp]
    end: NDArray[np.intp]


class Streaming:
    """A pass over the files of checkpoints for a grid of waiting times and lags (steps)."""

    def __init__(self, checkpoints: Checkpoints, waiting_times: NDArray[np.int64], lags: NDArray[np.int64]) -> None:
        self._checkpoints = checkpoints
        self._grid = (waiting_times.size, lags.size)
        self._pairs = [_pairs_of(checkpoints, run, waiting_times, lags) for run in range(len(checkpoints.runs))]
        self._buffers: SimpleQueue[NDArray[np.floating]] = SimpleQueue()
        self.parts = [part for run in range(len(checkpoints.runs)) for part in self._parts_of(run)]

    @property
    def n_pairs(self) -> int:
        """Number of pairs of snapshots, of all runs."""
        return sum(pairs.start.size for pairs in self._pairs)

    @property
    def bytes(self) -> int:
        """Number of bytes that the snapshots in pairs have in memory, about as many as are read."""
        snapshots = sum(pairs.snapshots.size for pairs in self._pairs)
        return snapshots * self._checkpoints.n_parameters * self._checkpoints.dtype.itemsize

    def seconds(self, jobs: int) -> float:
        """Estimate of the time that the pass takes: that of its middle part, read for the first time."""
        middle = self.parts[len(self.parts) // 2]
        self.sums(middle._replace(end=middle.begin + 1))  # compiles
        begin = time.perf_counter()
        self.sums(middle)
        return (time.perf_counter() - begin) * len(self.parts) / min(effective_n_jobs(jobs), len(self.parts))

    def moments(self, *, jobs: int, progress: Progress | None = None, unfinished: Unfinished) -> dict[str, Array]:
        """Moments as in `Trajectories`; `unfinished` keeps those so far, and knows earlier ones."""
        offsets = self._checkpoints.offsets
        sizes = np.diff(offsets)
        found = nan_moments((len(self._pairs), *self._grid), sizes.size)
        done, squares, fourths = unfinished.load(found)
        left = self.parts[done:]
        tasks = (delayed(self.sums)(part) for part in left)
        threads = min(effective_n_jobs(jobs), MOST_THREADS)
        results = run_tasks(tasks, len(self.parts), jobs=threads, progress=progress, done=done, threads=True)
        for number, (part, sums) in enumerate(zip(left, results, strict=True), done + 1):
            pairs = self._pairs[part.run]
            if part.begin == 0:
                squares, fourths = np.zeros((sizes.size, pairs.start.size)), np.zeros(pairs.start.size)
            squares[sums.first : sums.first + len(sums.squares)] += sums.squares
            fourths += sums.fourths
            if part.end == offsets[-1]:
                _put(found, part.run, pairs.within, squares, fourths, sizes)
            unfinished.keep(number, found, squares, fourths)
        return found

    def sums(self, part: Part) -> Sums:
        """The sums of a part."""
        pairs, offsets = self._pairs[part.run], self._checkpoints.offsets
        first = int(np.searchsorted(offsets, part.begin, side="right")) - 1
        last = int(np.searchsorted(offsets, part.end))
        bounds = np.clip(offsets[first : last + 1] - part.begin, 0, part.end - part.begin)
        squares, fourths = np.zeros((last - first, pairs.start.size)), np.zeros(pairs.start.size)
        whole = self._buffer(pairs.snapshots.size * (part.end - part.begin))
        snapshots = whole[: pairs.snapshots.size * (part.end - part.begin)].reshape(pairs.snapshots.size, -1)
        for row, snapshot in zip(snapshots, pairs.snapshots.tolist(), strict=True):
            self._checkpoints.read(part.run, snapshot, part.begin, row)
        add_moments(snapshots, pairs.start, pairs.end, bounds, squares, fourths)
        if not np.isfinite(fourths).all():
            self._refuse(part, pairs, snapshots)
        self._buffers.put(whole)
        return Sums(first, squares, fourths)

    def _parts_of(self, run: int) -> Iterator[Part]:
        item, snapshots = self._checkpoints.dtype.itemsize, self._pairs[run].snapshots.size
        if not snapshots:
            return
        size = max(min(BYTES // snapshots, LARGEST_READ), SMALLEST) // item
        for begin in range(0, self._checkpoints.n_parameters, size):
            yield Part(run, begin, min(begin + size, self._checkpoints.n_parameters))

    def _buffer(self, size: int) -> NDArray[np.floating]:
        """Memory of a part that is done, or new one: the system clears new memory, which takes as long as reading."""
        try:
            found = self._buffers.get_nowait()
        except Empty:
            found = np.empty(0, self._checkpoints.dtype)
        return found if found.size >= size else np.empty(size, self._checkpoints.dtype)

    def _refuse(self, part: Part, pairs: RunPairs, snapshots: NDArray[np.floating]) -> None:
        """Raise a ValueError that names the file whose numbers are not finite, or too large to square."""
        for row, snapshot in zip(snapshots, pairs.snapshots.tolist(), strict=True):
            if (wrong := np.flatnonzero(~(np.abs(row.astype(np.float64)) < LARGEST))).size:
                path, name = self._checkpoints.path(part.run, snapshot, part.begin + int(wrong[0]))
                step = self._checkpoints.steps[snapshot]
                msg = f"{path}: {name} has the number {row[wrong[0]]} at step {step}; "
                msg += "leave this file out, and later ones if the run diverged"
                raise ValueError(msg)


def _pairs_of(checkpoints: Checkpoints, run: int, waiting_times: Any, lags: Any) -> RunPairs:
    there = np.flatnonzero(checkpoints.recorded[run])
    pairs = recorded_pairs(checkpoints.steps[there], waiting_times, lags)
    used, positions = np.unique(np.concatenate([pairs.start, pairs.end]), return_inverse=True)
    start, end = np.split(positions, 2)
    return RunPairs(pairs.within, there[used], start, end)


def _put(
    found: dict[str, Array], run: int, within: NDArray[np.bool_], squares: Array, fourths: Array, sizes: Any
) -> None:
    """Store the moments of a run, from its sums."""
    found["displacement"][run][within] = squares.sum(axis=0) / sizes.sum()
    found["fourth_moment"][run][within] = fourths / sizes.sum()
    found["layer_displacement"][run][within] = (squares / sizes[:, None]).T
