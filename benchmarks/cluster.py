"""What a cluster costs beside the work: numbers for planning 10^4 runs or 10^6 minima (docs/howto/cluster.md).

On a LocalCluster of two processes: the overhead of a task, of a gigabyte, of a worker; and without one the work itself,
its bytes on disk, and what one process alone must do between two batches of searches.

    python benchmarks/cluster.py [--data-dir MNIST] [--output cluster.json]

Times of the coordinator (client and scheduler, both in this process) are processor seconds; the overhead of a task is
wall time of a worker less wall time inside its tasks; so other load changes both little. See large_database.py for what
an exploration of many minima does between two batches.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import large_database
import numpy as np
from distributed import Client, LocalCluster

from bridge.commands._cluster import cluster
from bridge.figures import Ensemble, Work
from dynamics.runs import curve_steps, default_waiting_times, log_lags, mlp_parameters, sizes_of, snapshot_steps
from dynamics.runs._runs_file import CURVES
from dynamics.training import _filling as filling, train
from dynamics.training._filling import make_header
from dynamics.training._recording import Recording
from dynamics.training._replica import KernelTask, run_block, run_replica
from dynamics.training._store import Block, open_store
from landscape import CrossEntropyLoss, Database, Dataset, datasets
from landscape.networks import MLP
from landscape.search import CYCLE, summarize
from landscape.search._memory import Memory
from landscape.search._planning import BATCH
from landscape.search._searches import run as run_search
from landscape.search._storing import open_or_create, store
from landscape.support import shared

SMALL, WIDE = Ensemble((5, 5), 10_000, 150_000), Ensemble((5, 5), 10_000, 300_000, "mnist", batch_size=50)
SEARCHED = MLP((2, 4, 4, 4, 4))
EMPTY, BLOCKS, IDLE = 2000, 8, 3.0  # tasks, tasks, seconds
BLOCK_BYTES = 50_000_000
Numbers = dict[str, float]


@contextmanager
def workers(n: int, **more: Any) -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=n, threads_per_worker=1, processes=True, dashboard_address=":0", **more) as local:
        yield local


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Result and wall seconds inside the worker."""
    begin = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - begin


def through_backend(calls: list[Any]) -> tuple[list[Any], float, float]:
    """Results, wall and coordinator's processor seconds, one task each."""
    wall, processor = time.perf_counter(), time.process_time()
    results = joblib.Parallel(batch_size=1)(calls)
    return list(results), time.perf_counter() - wall, time.process_time() - processor


def task_of(kind: Ensemble, data: Dataset, steps: int | None = None) -> KernelTask:
    """What `train` hands to the workers for such an ensemble, or a shorter one."""
    made: list[KernelTask] = []
    keep, filling.fill = filling.fill, lambda store, task, *_: made.append(task) or _stop()
    try:
        train(
            CrossEntropyLoss(MLP(kind.layer_sizes), data), kind.optimizer, steps=steps or kind.steps,
            snapshots="waiting" if kind.dataset == "mnist" else "all",
        )  # fmt: skip
    except StopIteration:
        pass
    finally:
        filling.fill = keep
    return made[0]


def _stop() -> None:
    raise StopIteration


def start_of_a_worker(task: KernelTask) -> Numbers:
    """Seconds until a new worker answers, until its first run is done, and the same where nothing is compiled yet."""
    numbers: Numbers = {}
    with tempfile.TemporaryDirectory() as empty:
        nothing = {"XDG_CACHE_HOME": empty, "NUMBA_CACHE_DIR": empty}
        for name, environment in (("cached", {}), ("nothing compiled", nothing)):
            with workers(0, env=environment) as local, Client(local) as client:
                begin = time.perf_counter()
                local.scale(1)
                client.submit(abs, 0, pure=False).result()
                numbers[f"worker starts, {name}: s"] = time.perf_counter() - begin
                seconds = [client.submit(timed, run_replica, task, 0, pure=False).result()[1] for _ in range(2)]
                numbers[f"its first run takes longer by, {name}: s"] = seconds[0] - seconds[1]
    return numbers


def tasks(task: KernelTask) -> Numbers:
    """Overhead of a task that does nothing, and of a block of 5 runs."""
    numbers: Numbers = {}
    with workers(2) as local, cluster(local.scheduler_address):
        through_backend([joblib.delayed(abs)(k) for k in range(100)])
        _, wall, processor = through_backend([joblib.delayed(abs)(k) for k in range(EMPTY)])
        numbers |= {"empty task, wall: ms": 1e3 * wall / EMPTY, "empty task, coordinator: ms": 1e3 * processor / EMPTY}
        common = shared(task)
        calls = [joblib.delayed(without_steps)(common, 5 * k, 5 * k + 5) for k in range(EMPTY // 10)]
        _, _, processor = through_backend(calls)
        numbers["block of 5 runs of 5,5, coordinator: ms"] = 1e3 * processor / len(calls)
    with workers(1) as local, cluster(local.scheduler_address):
        common = shared(task)
        calls = [joblib.delayed(timed)(run_block, common, 5 * k, 5 * k + 5, None) for k in range(BLOCKS)]
        through_backend(calls[:2])
        results, wall, _ = through_backend(calls)
        inside = sum(seconds for _, seconds in results)
        numbers |= {
            "block of 5 runs of 5,5, in the worker: s": inside / BLOCKS,
            "block of 5 runs of 5,5, overhead: ms": 1e3 * (wall - inside) / BLOCKS,
        }
        begin = time.process_time()
        time.sleep(IDLE)  # it looks for results a hundred times a second
        numbers["coordinator that waits: share of a core"] = (time.process_time() - begin) / IDLE
    return numbers


def without_steps(task: KernelTask, first: int, end: int) -> Block:
    """As large a block as `run_block` gives."""
    arrays = task.recording.arrays
    curves = dict.fromkeys(CURVES, np.zeros(len(arrays.pop("curve_points"))))
    return Block(first, **{name: np.stack([array] * (end - first)) for name, array in (arrays | curves).items()})


def writing(task: KernelTask) -> Numbers:
    """Milliseconds to keep a block of 5 runs of 5,5, and seconds per gigabyte to put all into one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.h5"
        with open_store(path, make_header(task)) as store:
            begin = time.process_time()
            for k in range(EMPTY // 10):
                store.add(without_steps(task, 5 * k, 5 * k + 5))
            kept = time.process_time() - begin
            begin = time.process_time()
            store.finish()
            put_together = time.process_time() - begin
        size = path.stat().st_size / 1e9
    return {"block of 5 runs of 5,5, kept: ms": 1e4 * kept / EMPTY, "runs put into one file: s/GB": put_together / size}


def transfer() -> Numbers:
    """Seconds a gigabyte: results that come back, and a data set that goes to two workers."""
    with workers(2) as local, cluster(local.scheduler_address):
        calls = [joblib.delayed(np.ones)(BLOCK_BYTES // 8) for _ in range(8)]
        through_backend(calls[:2])
        _, wall, processor = through_backend(calls)
        gigabytes = 8 * BLOCK_BYTES / 1e9
        numbers = {"results, wall: s/GB": wall / gigabytes, "results, coordinator: s/GB": processor / gigabytes}
        with joblib.parallel_config():
            data = np.random.default_rng(0).random(4 * BLOCK_BYTES // 8)
            begin, processor = time.perf_counter(), time.process_time()
            _keep = shared(data)
            gigabytes = data.nbytes / 1e9
            numbers["data set to two workers, wall: s/GB"] = (time.perf_counter() - begin) / gigabytes
            numbers["data set to two workers, coordinator: s/GB"] = (time.process_time() - processor) / gigabytes
    return numbers


def runs(kind: Ensemble, data: Dataset, name: str, steps: int) -> Numbers:
    """Bytes of a run with all snapshots and with those at the waiting times, and microseconds a step."""
    numbers: Numbers = {}
    waiting = default_waiting_times(kind.steps)
    lags, curves = log_lags(kind.steps - int(waiting[0])), curve_steps(kind.steps)
    every = snapshot_steps(waiting, lags, kind.steps)
    few = np.unique([0, *waiting.tolist(), kind.steps])
    sizes = sizes_of(mlp_parameters(MLP(kind.layer_sizes)))
    for what, kept, groups in (("all", every, None), ("waiting", few, sizes)):
        recording = Recording(kept, curves, waiting, lags, kind.steps, groups, kind.n_parameters, np.dtype(np.float32))
        arrays = {key: array for key, array in recording.arrays.items() if key != "curve_points"}
        size = sum(array.nbytes for array in arrays.values()) + 5 * 8 * curves.size
        numbers[f"{name}, a run with --snapshots {what}: kB"] = size / 1e3
    task = task_of(kind, data, steps)
    run_replica(task, 0)
    begin = time.process_time()
    run_replica(task, 1)
    numbers[f"{name}, a step: us"] = 1e6 * (time.process_time() - begin) / steps
    return numbers


def searches(loss: CrossEntropyLoss, batches: int) -> Numbers:
    """Batches of searches for 4,4,4: what the workers take, and what one process does between."""
    numbers: Numbers = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.db"
        with open_or_create(loss, path, 0) as database:
            memory, inside, serial = Memory(database, BATCH), [], []
            for k in range(batches):
                begin = time.process_time()
                planned = memory.plan(BATCH * k, BATCH * (k + 1), 0, CYCLE)
                planning = time.process_time() - begin
                seconds, results = [], []
                for one in planned:
                    begin = time.process_time()
                    results.append(run_search(loss, one))
                    seconds.append(time.process_time() - begin)
                begin = time.process_time()
                store(database, results)
                found = summarize(database)
                inside.append(seconds)
                serial.append((planning, time.process_time() - begin))
            points = found.minima + found.transition_states
        later = np.array(inside[1:])
        numbers["4,4,4: a search: s"] = float(later.mean())
        numbers["4,4,4: plan, store, summarize a batch of 32: s"] = float(np.sum(serial[1:], axis=1).mean())
        numbers["4,4,4: of it per minimum or transition state: ms"] = 1e3 * float(np.sum(serial[1:])) / points
        for n in (8, 16, 32):
            numbers[f"4,4,4: a batch on {n} workers, efficiency"] = float(np.mean([_efficiency(s, n) for s in later]))
        numbers["4,4,4: minima per search"] = found.minima / found.searches
        numbers["4,4,4: transition states per search"] = found.transition_states / found.searches
    return numbers


def _efficiency(seconds: np.ndarray, n: int) -> float:
    """Share of the time that n workers are busy when each takes the next search of a batch."""
    free = np.zeros(n)
    for one in seconds:
        free[free.argmin()] += one
    return float(seconds.sum() / (n * free.max()))


def disk() -> Numbers:
    """Bytes of a minimum and of a transition state with its search, 72 parameters."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        large_database.NETWORK = SEARCHED
        for k, (n, m) in enumerate(((2, 0), (4000, 0), (4000, 8000))):
            path = Path(folder) / f"{k}.db"
            large_database.make(path, n, m)
            sizes.append(path.stat().st_size)
            if k == 2:
                begin = time.process_time()
                Database(path).close()
                opening = time.process_time() - begin
    return {
        "a minimum: bytes": (sizes[1] - sizes[0]) / 3998,
        "a transition state and its search: bytes": (sizes[2] - sizes[1]) / 8000,
        "open, per point: us": 1e6 * opening / 12_000,
    }


def pixels() -> Dataset:
    """As many rows as MNIST of as many pixels, a fifth of them not black."""
    rng = np.random.default_rng(0)
    values = rng.integers(1, 256, (60_000, 784), dtype=np.uint8) * (rng.random((60_000, 784), dtype=np.float32) < 0.2)
    return Dataset(values / 255.0, rng.integers(0, 10, 60_000), 10, np.zeros((0, 784)), np.zeros(0, int))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="where the MNIST files lie; else random pixels")
    parser.add_argument("--batches", type=int, default=4, help="of 32 searches for 4,4,4")
    parser.add_argument("--output", type=Path, default=Path("cluster.json"))
    given = parser.parse_args()
    work = Work(Path(), given.data_dir)
    ljat = work.data(SMALL)
    wide = datasets.load("mnist", data_dir=given.data_dir) if given.data_dir else pixels()
    parts: tuple[Callable[[], Numbers], ...] = (
        lambda: start_of_a_worker(task_of(SMALL, ljat, 1000)),
        lambda: tasks(task_of(SMALL, ljat)),
        lambda: writing(task_of(SMALL, ljat)),
        transfer,
        lambda: runs(SMALL, ljat, "5,5", SMALL.steps),
        lambda: runs(WIDE, wide, "784-5-5-10", 20_000),
        lambda: searches(CrossEntropyLoss(SEARCHED, ljat), given.batches),
        disk,
    )
    numbers: Numbers = {}
    for part in parts:
        for name, value in (found := part()).items():
            print(f"{name:<60} {value:>12.4g}", flush=True)
        numbers |= found
    given.output.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
