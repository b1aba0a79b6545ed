"""One run, from its seed to its snapshots and curves."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamics._codegen import is_wide
from dynamics._kernels import Kernel, get_kernel
from dynamics.curves import Curves, evaluate_curves
from dynamics.noises import Noise
from dynamics.sgd import SGD
from dynamics.starts import Glorot, Start
from dynamics.store import Block
from dynamics.times import Steps
from landscape.datasets import Dataset
from landscape.networks import MLP

CHUNK = 2**20  # steps a call of the kernel: so that the learning rates of long runs take no memory


@dataclass(frozen=True)
class Task:
    """All that decides the runs but the number of the replica; picklable, so that any joblib backend takes it."""

    network: MLP
    data: Dataset
    optimizer: SGD
    noise: Noise
    label_noise: float
    start: Start
    penalty: NDArray[np.float64]  # (P,) lambda of every parameter
    seed: int
    steps: int
    snapshot_steps: Steps
    curve_steps: Steps
    shared_order: bool = False

    @property
    def batch_size(self) -> int:
        """B, or all rows where it does not matter."""
        return self.optimizer.batch_size if self.noise.uses_batch_size else self.data.rows

    @property
    def kernel(self) -> Kernel:
        """What takes the steps."""
        return get_kernel(
            self.network.layer_sizes,
            self.data.rows if self.noise.all_rows else self.batch_size,
            self.optimizer.precision,
            self.noise.name,
            momentum=self.optimizer.momentum > 0,
            label_noise=self.label_noise > 0,
            pixels=self._pixels is not None,
        )

    @property
    def _pixels(self) -> NDArray[np.uint8] | None:
        """The inputs as the kernel for wide ones takes them, if they are pixels."""
        return self.data.pixels if is_wide(self.network.layer_sizes) else None

    @cached_property
    def rows(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (N, D) and labels (N,) as the kernel wants them: one copy for all replicas."""
        pixels, dtype = self._pixels, self.optimizer.dtype
        return self.data.inputs.astype(dtype) if pixels is None else pixels, self.data.labels.astype(dtype)

    def random_start(self, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
        """Start (P,) of a replica and the key of its noise, that of replica 0 where they share their order."""
        start, key = random_start(self.network, self.seed, replica, self.start)
        return start, noise_key(self.seed, 0) if self.shared_order else key


class Divergence(NamedTuple):
    """A run whose parameters left the finite numbers after `step` steps."""

    replica: int
    step: int


def random_start(
    network: MLP, seed: int, replica: int, kind: Start | None = None
) -> tuple[NDArray[np.float64], np.uint64]:
    """Start (P,) of a replica, by default Glorot's, and the key of its other random numbers."""
    rng = np.random.default_rng(_seeds(seed, replica)[0])
    return (kind or Glorot()).draw(network, rng, replica), noise_key(seed, replica)


def noise_key(seed: int, replica: int) -> np.uint64:
    """The key of a replica's random numbers but for its start."""
    return _seeds(seed, replica)[1].generate_state(1, np.uint64)[0]


def _seeds(seed: int, replica: int) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence(seed, spawn_key=(replica,)).spawn(2)


def run_replica(task: Task, replica: int) -> tuple[NDArray[Any], Curves] | Divergence:
    """Snapshots (S, P) and curves of one run."""
    recorded = np.union1d(task.snapshot_steps, task.curve_steps)
    records = np.empty((recorded.size, task.network.n_parameters), task.optimizer.dtype)
    diverged = record_run(task, replica, recorded, records)
    if diverged >= 0:
        return Divergence(replica, diverged)
    on_curve = records[np.searchsorted(recorded, task.curve_steps)]
    curves = evaluate_curves(task.network, task.data, task.penalty, on_curve)
    return records[np.searchsorted(recorded, task.snapshot_steps)], curves


def record_run(task: Task, replica: int, recorded: Steps, records: NDArray[Any]) -> int:
    """Write theta at the steps `recorded` (S,) into `records` (S, P); the step of a divergence, or -1."""
    optimizer, dtype = task.optimizer, task.optimizer.dtype
    start, key = task.random_start(replica)
    theta, velocity = start.astype(dtype), np.zeros(start.size, dtype)
    inputs, labels = task.rows
    decay, kernel, numbers = np.array(2.0 * task.penalty, dtype), task.kernel, task.noise.numbers
    for first in range(0, task.steps, CHUNK):
        stop = min(first + CHUNK, task.steps)
        rows = slice(*np.searchsorted(recorded, (first, stop + 1)))  # the end of a chunk is in the next one, too
        diverged = kernel.advance(
            theta,
            velocity,
            inputs,
            labels,
            key,
            first,
            stop,
            task.batch_size,
            optimizer.rates(first, stop),
            dtype.type(optimizer.momentum),
            decay,
            task.label_noise,
            numbers,
            recorded[rows],
            records[rows],
        )
        if diverged >= 0:
            return diverged
    return -1


def run_block(task: Task, first: int, end: int) -> Block | Divergence:
    """Replicas `first` to `end` - 1, or the first of them that diverges."""
    shape = (end - first, task.snapshot_steps.size, task.network.n_parameters)
    snapshots, curves = np.empty(shape, task.optimizer.dtype), []  # nothing large is held twice
    for replica in range(first, end):
        run = run_replica(task, replica)
        if isinstance(run, Divergence):
            return run
        snapshots[replica - first] = run[0]
        curves.append(run[1])
    return Block(first, snapshots, *(np.stack(rows) for rows in zip(*curves, strict=True)))
