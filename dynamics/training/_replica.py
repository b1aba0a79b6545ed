"""Runs of the compiled kernels, from their seeds to their snapshots and curves."""

import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from dynamics.kernels import Kernel, get_kernel, is_wide
from dynamics.runs import Parameter, Steps, mlp_parameters, sizes_of
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._curves import evaluate_curves
from dynamics.training._filling import Divergence
from dynamics.training._plan import Plan
from dynamics.training._recording import Recording
from dynamics.training._starts import Start
from dynamics.training._store import Block
from landscape.losses import loss_kind
from landscape.networks import MLP
from landscape.support import shared

BLOCK = 5  # replicas a worker takes at a time
FIRST_CHUNK = 2**8  # steps of the first call of the kernel, before the time per step is known
CHUNK = 2**17  # steps of the longest call, so that the learning rates of long runs need no memory
SECONDS_A_CHUNK = 0.5

Run = dict[str, NDArray[Any]]  # arrays of one run, named as in `Block`


@dataclass(frozen=True)
class KernelTask:
    """Runs of a perceptron by its compiled kernel; picklable for any joblib backend."""

    plan: Plan
    network: MLP
    start: Start
    jobs: int = 1
    loss: str = "cross-entropy"  # its kind

    def __getstate__(self) -> dict[str, Any]:
        """State without the cache of `rows`: other processes make their own from the data."""
        return {name: value for name, value in self.__dict__.items() if name != "rows"}

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Of the network."""
        return self.network.layer_sizes

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """They follow from the layers."""
        return ()

    @property
    def identity(self) -> dict[str, Any]:
        """What is trained."""
        kind = {} if self.loss == "cross-entropy" else {"loss": self.loss}
        return {"layer_sizes": list(self.layer_sizes), **self.network.beyond_tanh, **kind}

    @property
    def named(self) -> dict[str, str]:
        """Nothing more."""
        return {}

    @property
    def start_name(self) -> str:
        """Where the runs start."""
        return str(self.start)

    @property
    def penalty(self) -> NDArray[np.float64]:
        """Lambda (P,) of every parameter."""
        return self.plan.penalty(self.network.kernel_mask())

    @property
    def recording(self) -> Recording:
        """An empty recording for a run."""
        plan = self.plan
        return Recording(
            plan.snapshot_steps,
            plan.curve_steps,
            plan.waiting_times,
            plan.lags,
            plan.steps,
            sizes_of(mlp_parameters(self.network)) if plan.accumulates else None,
            self.network.n_parameters,
            plan.optimizer.dtype,
        )

    @property
    def kernel(self) -> Kernel:
        """The kernel that takes the steps."""
        plan = self.plan
        return get_kernel(
            self.layer_sizes,
            plan.data.rows if plan.noise.all_rows else plan.batch_size,
            plan.optimizer.precision,
            plan.noise.name,
            update=plan.optimizer.update,
            label_noise=plan.optimizer.label_noise > 0,
            pixels=self._pixels is not None,
            activation=self.network.activation,
            loss=self.loss,
            targets=plan.data.labels[0].size,
        )

    @property
    def _pixels(self) -> NDArray[np.uint8] | None:
        """The inputs as bytes for the kernel for wide inputs, if they are pixels."""
        return self.plan.data.pixels if is_wide(self.layer_sizes) else None

    @cached_property
    def rows(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs (N, D) and labels (N,) in the kernel's format: one copy for all replicas."""
        data, pixels, dtype = self.plan.data, self._pixels, self.plan.optimizer.dtype
        return data.inputs.astype(dtype) if pixels is None else pixels, data.labels.astype(dtype).reshape(-1)

    def begin(self, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
        """Start (P,) of a replica and the key of its other random numbers."""
        seed, key = self.plan.seeds(replica)
        return self.start.draw(self.network, np.random.default_rng(seed), replica), key

    def blocks(
        self, done: int, replicas: int, checkpoints: Checkpoints | None
    ) -> Generator[Block | Divergence, None, None]:
        """The replicas from `done` on, by all workers; blocks end at multiples of `BLOCK` and come in order."""
        _ = self.kernel, self.rows  # computed once, before the workers need them
        cuts = [done, *range((done // BLOCK + 1) * BLOCK, replicas, BLOCK), replicas]
        common = shared(self)
        calls = (joblib.delayed(run_block)(common, first, end, checkpoints) for first, end in pairwise(cuts))
        found: Any = joblib.Parallel(n_jobs=self.jobs, prefer="threads", return_as="generator")(calls)
        try:
            for block in found:  # noqa: UP028 ("yield from" would close it before the warning is silenced)
                yield block
        finally:
            with warnings.catch_warnings():
                # joblib warns about results that are not consumed, as after an interruption
                warnings.simplefilter("ignore")
                found.close()


def run_replica(task: KernelTask, replica: int, checkpoints: Checkpoints | None = None) -> Run | Divergence:
    """Arrays of one run; continues from a checkpoint if there is one, and saves one if it takes long."""
    begin, kept = time.monotonic(), checkpoints and checkpoints.load(replica)
    if kept and "loss" in kept:
        return kept
    recording = task.recording
    diverged = record_run(task, replica, recording, checkpoints, kept)
    if diverged >= 0:
        return Divergence(replica, diverged)
    run = dict(recording.arrays)
    run |= evaluate_curves(
        task.network, task.plan.data, task.penalty, run.pop("curve_points"), loss_kind(task.loss)
    )._asdict()
    if checkpoints and time.monotonic() - begin > checkpoints.seconds / 5:
        checkpoints.save(replica, run)
    return run


def record_run(
    task: KernelTask,
    replica: int,
    recording: Recording,
    checkpoints: Checkpoints | None = None,
    kept: Run | None = None,
) -> int:
    """Take the steps of a run, all or those after the state `kept`; return the step of a divergence, or -1."""
    plan, dtype = task.plan, task.plan.optimizer.dtype
    start, key = task.begin(replica)
    theta, begin = start.astype(dtype), 0
    state = {name: np.zeros(start.size, dtype) for name in plan.optimizer.state_names}
    if kept:
        theta, state, begin = kept["theta"], {name: kept[name] for name in state}, int(kept["step"])
        recording.restore(kept)
    inputs, labels = task.rows
    decay, kernel, numbers = np.array(2.0 * task.penalty, dtype), task.kernel, plan.noise.numbers
    constants = [dtype.type(number) for number in plan.optimizer.constants]
    keep = checkpoints and checkpoints.keeper(replica)
    for first, stop, recorded in chunks(recording, begin, plan.steps):
        records = np.empty((recorded.size, theta.size), dtype)
        diverged = kernel.advance(
            theta,
            *state.values(),
            inputs,
            labels,
            key,
            first,
            stop,
            plan.batch_size,
            plan.optimizer.rates(first, stop),
            *constants,
            decay,
            plan.optimizer.label_noise,
            numbers,
            recorded,
            records,
        )
        if diverged >= 0:
            return diverged
        recording.take(recorded, records)
        if keep is not None:
            keep(lambda at=stop: {"theta": theta, **state, "step": np.array(at), **recording.state(at)})
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


def run_block(task: KernelTask, first: int, end: int, checkpoints: Checkpoints | None = None) -> Block | Divergence:
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
