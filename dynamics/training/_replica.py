"""One run, from its seed to its snapshots and curves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dynamics.kernels import Kernel, get_kernel, is_wide
from dynamics.noises import Noise
from dynamics.runs import Steps, parameter_groups
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._curves import evaluate_curves
from dynamics.training._recording import Recording
from dynamics.training._sgd import SGD
from dynamics.training._starts import Glorot, Start
from dynamics.training._store import Block
from landscape.datasets import Dataset
from landscape.networks import MLP

FIRST_CHUNK = 2**8  # steps of the first call of the kernel, before the time per step is known
CHUNK = 2**17  # steps of the longest call, so that the learning rates of long runs need no memory
SECONDS_A_CHUNK = 0.5

Run = dict[str, NDArray[Any]]  # arrays of one run, named as in `Block`


@dataclass(frozen=True)
class Task:
    """Everything that determines the runs except the number of the replica; picklable for any joblib backend."""

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
    waiting_times: Steps
    lags: Steps
    accumulates: bool = False  # whether to compute two-time displacements during the run
    shared_order: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """State without the cache of `rows`: other processes make their own from the data."""
        return {name: value for name, value in self.__dict__.items() if name != "rows"}

    @property
    def recording(self) -> Recording:
        """An empty recording for a run."""
        return Recording(
            self.snapshot_steps,
            self.curve_steps,
            self.waiting_times,
            self.lags,
            self.steps,
            parameter_groups(self.network)[1] if self.accumulates else None,
            self.network.n_parameters,
            self.optimizer.dtype,
        )

    @property
    def batch_size(self) -> int:
        """B, or all rows if it does not matter."""
        return self.optimizer.batch_size if self.noise.uses_batch_size else self.data.rows

    @property
    def kernel(self) -> Kernel:
        """The kernel that takes the steps."""
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
        """The inputs as bytes for the kernel for wide inputs, if they are pixels."""
        return self.data.pixels if is_wide(self.network.layer_sizes) else None

    @cached_property
    def rows(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (N, D) and labels (N,) in the kernel's format: one copy for all replicas."""
        pixels, dtype = self._pixels, self.optimizer.dtype
        return self.data.inputs.astype(dtype) if pixels is None else pixels, self.data.labels.astype(dtype)

    def random_start(self, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
        """Start (P,) of a replica and the key of its noise, that of replica 0 if they share their order."""
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
    """The key of a replica's random numbers except for its start."""
    return _seeds(seed, replica)[1].generate_state(1, np.uint64)[0]


def _seeds(seed: int, replica: int) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence(seed, spawn_key=(replica,)).spawn(2)


def run_replica(task: Task, replica: int, checkpoints: Checkpoints | None = None) -> Run | Divergence:
    """Arrays of one run; continues from a checkpoint if there is one, and saves one if it takes long."""
    begin, kept = time.monotonic(), checkpoints and checkpoints.load(replica)
    if kept and "loss" in kept:
        return kept
    recording = task.recording
    diverged = record_run(task, replica, recording, checkpoints, kept)
    if diverged >= 0:
        return Divergence(replica, diverged)
    run = dict(recording.arrays)
    run |= evaluate_curves(task.network, task.data, task.penalty, run.pop("curve_points"))._asdict()
    if checkpoints and time.monotonic() - begin > checkpoints.seconds / 5:
        checkpoints.save(replica, run)
    return run


def record_run(
    task: Task,
    replica: int,
    recording: Recording,
    checkpoints: Checkpoints | None = None,
    kept: Run | None = None,
) -> int:
    """Take the steps of a run, all or those after the state `kept`; return the step of a divergence, or -1."""
    optimizer, dtype = task.optimizer, task.optimizer.dtype
    start, key = task.random_start(replica)
    theta, velocity, begin = start.astype(dtype), np.zeros(start.size, dtype), 0
    if kept:
        theta, velocity, begin = kept["theta"], kept["velocity"], int(kept["step"])
        recording.restore(kept)
    inputs, labels = task.rows
    decay, kernel, numbers = np.array(2.0 * task.penalty, dtype), task.kernel, task.noise.numbers
    keep = checkpoints and checkpoints.keeper(replica)
    for first, stop, recorded in chunks(recording, begin, task.steps):
        records = np.empty((recorded.size, theta.size), dtype)
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
            recorded,
            records,
        )
        if diverged >= 0:
            return diverged
        recording.take(recorded, records)
        if keep is not None:
            keep(lambda at=stop: {"theta": theta, "velocity": velocity, "step": np.array(at), **recording.state(at)})
    return -1


def chunks(recording: Recording, begin: int, end: int) -> Iterator[tuple[int, int, Steps]]:
    """First step, end and steps to record of each call of the kernel: long calls, but usually below a second.

    The cuts affect only the time; the end of one call is recorded in the next one, too.
    """
    first, size = begin, min(FIRST_CHUNK, CHUNK)
    while first < end:
        recorded, stop = recording.cut(first, min(first + size, end))
        before = time.monotonic()
        yield first, stop, recorded
        taken = time.monotonic() - before
        if taken < SECONDS_A_CHUNK / 2:
            size = min(2 * size, CHUNK)
        elif taken > 2 * SECONDS_A_CHUNK:
            size = max(1, size // 2)
        first = stop


def run_block(task: Task, first: int, end: int, checkpoints: Checkpoints | None = None) -> Block | Divergence:
    """Replicas `first` to `end` - 1, or the first of them that diverges."""
    arrays: Run = {}
    for replica in range(first, end):
        run = run_replica(task, replica, checkpoints)
        if isinstance(run, Divergence):
            return run
        for name, values in run.items():  # row by row: nothing large is held twice
            if name not in arrays:
                arrays[name] = np.empty((end - first, *values.shape), values.dtype)
            arrays[name][replica - first] = values
    return Block(first, **arrays)
