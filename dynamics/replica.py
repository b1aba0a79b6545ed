"""One run, from its seed to its snapshots and curves."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamics._kernels import get_kernel
from dynamics.curves import Curves, evaluate_curves
from dynamics.noises import NoiseName, get_noise
from dynamics.sgd import SGD
from dynamics.store import Block
from dynamics.times import Steps
from landscape.datasets import Dataset
from landscape.networks import MLP


@dataclass(frozen=True)
class Task:
    """All that decides the runs but the number of the replica; picklable, so that any joblib backend takes it."""

    network: MLP
    data: Dataset
    optimizer: SGD
    noise: NoiseName
    penalty: NDArray[np.float64]  # (P,) lambda of every parameter
    seed: int
    steps: int
    snapshot_steps: Steps
    curve_steps: Steps

    @property
    def batch_size(self) -> int:
        """Rows that a step uses."""
        return self.optimizer.batch_size if get_noise(self.noise).uses_batch_size else self.data.rows


class Divergence(NamedTuple):
    """A run whose parameters left the finite numbers after `step` steps."""

    replica: int
    step: int


def random_start(network: MLP, seed: int, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
    """Start (P,) of a replica, and the key of its minibatches."""
    start, key = np.random.SeedSequence(seed, spawn_key=(replica,)).spawn(2)
    return network.glorot_uniform(np.random.default_rng(start)), key.generate_state(1, np.uint64)[0]


def run_replica(task: Task, replica: int) -> tuple[NDArray[Any], Curves] | Divergence:
    """Snapshots (S, P) and curves of one run."""
    dtype = task.optimizer.dtype
    start, key = random_start(task.network, task.seed, replica)
    recorded = np.union1d(task.snapshot_steps, task.curve_steps)
    records = np.empty((recorded.size, start.size), dtype)
    kernel = get_kernel(task.network.layer_sizes, task.batch_size, dtype.name, task.noise)
    diverged = kernel.advance(
        start.astype(dtype),
        np.array(task.data.inputs, dtype),
        np.array(task.data.labels, dtype),
        key,
        0,
        task.steps,
        task.batch_size,
        dtype.type(task.optimizer.learning_rate),
        np.array(2.0 * task.penalty, dtype),
        recorded,
        records,
    )
    if diverged >= 0:
        return Divergence(replica, diverged)
    on_curve = records[np.searchsorted(recorded, task.curve_steps)]
    curves = evaluate_curves(task.network, task.data, task.penalty, on_curve)
    return records[np.searchsorted(recorded, task.snapshot_steps)], curves


def run_block(task: Task, first: int, end: int) -> Block | Divergence:
    """Replicas `first` to `end` - 1, or the first of them that diverges."""
    runs = []
    for replica in range(first, end):
        run = run_replica(task, replica)
        if isinstance(run, Divergence):
            return run
        runs.append(run)
    snapshots, curves = zip(*runs, strict=True)
    return Block(first, np.stack(snapshots), *(np.stack(rows) for rows in zip(*curves, strict=True)))
