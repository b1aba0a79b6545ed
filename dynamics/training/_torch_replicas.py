"""Ensembles of any torch module, for architectures beyond the compiled kernels."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.noises import Noise, make_noise
from dynamics.runs import (
    Steps,
    Trajectories,
    check_grid,
    check_times,
    curve_steps,
    default_waiting_times,
    log_lags,
    snapshot_steps,
)
from dynamics.training._ensemble import check_arguments
from dynamics.training._sgd import SGD
from dynamics.training._starts import Points
from dynamics.training._store import Block, Header, Store, open_store
from landscape.datasets import Dataset
from landscape.networks import MLP
from landscape.support import one_thread, package_version

if TYPE_CHECKING:
    import torch

    from dynamics.training._vmapped import VmappedModule

NOISES_OF_MODULES = ("sgd", "replacement", "full")
BLOCK = 50  # replicas per block: what a kill can lose
CHECK = 100  # steps between two checks for infinite parameters
LIMITS = {"float32": 1e30, "float64": 1e150}  # as in the kernels


@dataclass(frozen=True)
class ModuleTask:
    """Everything that determines the runs of a module except the number of the replica."""

    vmapped: "VmappedModule"
    data: Dataset
    optimizer: SGD
    noise: Noise
    block: int
    start: Points | None
    penalty: NDArray[np.float64]  # (P,) lambda of every parameter
    seed: int
    steps: int
    snapshot_steps: Steps
    curve_steps: Steps

    @property
    def batch_size(self) -> int:
        """B, or all rows if it does not matter."""
        return self.optimizer.batch_size if self.noise.uses_batch_size else self.data.rows

    def begin(self, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
        """Start (P,) of a replica and the key of its minibatches, as in `train`."""
        start, key = np.random.SeedSequence(self.seed, spawn_key=(replica,)).spawn(2)
        if self.start is not None:
            point = self.start.points[replica % len(self.start.points)]
        else:
            point = self.vmapped.random_start(int(start.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return point, key.generate_state(1, np.uint64)[0]


def train_module(
    module: "torch.nn.Module",
    data: Dataset,
    optimizer: SGD | None = None,
    *,
    replicas: int = 100,
    steps: int = 150_000,
    seed: int = 0,
    regularization: float = 1e-4,
    regularize_biases: bool = True,
    noise: str | Noise = "sgd",
    start: ArrayLike | None = None,
    path: str | PathLike[str] | None = None,
    device: str = "cpu",
    block: int = BLOCK,
    waiting_times: Sequence[int] | ArrayLike | None = None,
    lags: Sequence[int] | ArrayLike | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Trajectories:
    """Train `replicas` copies of a torch module from different starts: `train` for networks without a compiled kernel.

    Replicas run side by side under `torch.func.vmap` (one thread on the CPU). Minibatches come from the generators of
    the kernels, so that replica r sees the same rows as replica r of `train` with the same seed, and an MLP from the
    same start takes the same path up to rounding. Measured for 5,5 at B = 100 in float32: 130 to 210 microseconds per
    replica-step with 20 replicas side by side, 70 to 100 with 100; the kernel takes 1.2 to 2.8.

    Parameters
    ----------
    module : torch.nn.Module
        Maps inputs (N, D) to logits (N, n_classes), each row by itself; a module for images begins with
        ``torch.nn.Unflatten``. It is copied in evaluation mode (no dropout, batch normalization with its running
        statistics) and never changed. Its parameters with ``requires_grad`` are trained, each once however many names
        it has. All others, and the buffers, keep their values: they are not part of theta, displacements or the
        penalty.
    data, optimizer, replicas, steps, seed, regularization, waiting_times, lags, progress
        As in `train`.
    regularize_biases : bool
        False excludes parameters whose name ends in "bias" from the penalty.
    noise : str or Noise
        "sgd", "replacement" or "full".
    start : (P,) or (K, P) array, optional
        Trainable parameters in the order of ``module.named_parameters()``; replica r starts at row r modulo K. By
        default each replica draws its own by the ``reset_parameters`` of the module and its parts.
    path : path, optional
        HDF5 file, as in `train`: the same call continues after the last finished block.
    device : str
        Device of torch, such as "cuda" (tested on the CPU only).
    block : int
        Replicas per block. Blocks are always whole, with replica r at place r modulo `block`, so the number of
        replicas and interruptions never change a bit. Another block or device rounds differently, because BLAS
        rounding depends on the memory layout; it is stored in the file's settings.

    Returns
    -------
    Trajectories
        Without `layer_sizes`: unit symmetries of a module are unknown.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If an argument is out of range (the message names it), or the file at `path` was made with other settings. The
        module is checked on a few rows before anything runs: its outputs, its gradient and `torch.func.vmap`.
    FloatingPointError
        If a run diverges.
    """
    try:
        from dynamics.training._vmapped import VmappedModule  # noqa: PLC0415 (optional: only modules need torch)
    except ImportError as error:
        msg = "train_module needs torch: pip install 'agescape[torch]'"
        raise ImportError(msg) from error
    optimizer = SGD() if optimizer is None else optimizer
    kind = _check(noise, block)
    ends = MLP((data.n_features, data.n_classes))  # those of the module are checked below
    check_arguments(ends, data, optimizer, replicas, steps, seed, regularization, kind, 1)
    waiting = default_waiting_times(steps) if waiting_times is None else waiting_times
    waiting = check_times("waiting_times", waiting, max(1, steps - 1))
    lag = check_times("lags", log_lags(max(1, steps - int(waiting[0]))) if lags is None else lags, steps)
    check_grid(waiting, lag, steps)
    vmapped = VmappedModule(module, data, optimizer, device)
    task = ModuleTask(
        vmapped=vmapped,
        data=data,
        optimizer=optimizer,
        noise=kind,
        block=int(block),
        start=None if start is None else _points(start, vmapped.n_parameters),
        penalty=np.where(vmapped.kernel_mask | regularize_biases, float(regularization), 0.0),
        seed=int(seed),
        steps=int(steps),
        snapshot_steps=snapshot_steps(waiting, lag, steps),
        curve_steps=curve_steps(steps),
    )
    header = _header(task, str(module), waiting, lag, regularization, regularize_biases)
    with open_store(None if path is None else Path(path), header) as store:
        _fill(store, task, replicas, progress or (lambda done, total: None))
        return store.finish().first(replicas)


def _check(noise: str | Noise, block: int) -> Noise:
    name = noise if isinstance(noise, str) else noise.name
    if name not in NOISES_OF_MODULES:
        msg = f"noise must be one of {', '.join(NOISES_OF_MODULES)} for a torch module; got {name!r}"
        raise ValueError(msg)
    if int(block) != block or block < 1:
        msg = f"block must be a whole number >= 1; got {block!r}"
        raise ValueError(msg)
    return make_noise(noise)


def _points(start: ArrayLike, n_parameters: int) -> Points:
    points = Points(np.asarray(start))
    if points.points.shape[1] != n_parameters:
        msg = f"start must have rows of {n_parameters} parameters for this module; got {points.points.shape}"
        raise ValueError(msg)
    return points


def _header(
    task: ModuleTask, module: str, waiting: Steps, lags: Steps, regularization: float, regularize_biases: bool
) -> Header:
    shared = {
        "waiting_times": waiting,
        "lags": lags,
        "steps": task.snapshot_steps,
        "curve_steps": task.curve_steps,
    }
    scalars: dict[str, Any] = {
        "module": module,
        "n_parameters": task.vmapped.n_parameters,
        "data_sha256": task.data.sha256,
        **task.noise.settings,
        "label_noise": 0.0,
        "start": "reset_parameters" if task.start is None else str(task.start),
        **asdict(task.optimizer),
        "schedule": str(task.optimizer.schedule),
        "batch_size": task.batch_size,
        "seed": task.seed,
        "block": task.block,
        "regularization": float(regularization),
        "regularize_biases": bool(regularize_biases),
    }
    if (digest := task.vmapped.constants_sha256) is not None:
        scalars["constants_sha256"] = digest  # a module with other frozen parameters or buffers is another module
    lists = {name: shared[name].tolist() for name in ("waiting_times", "lags", "curve_steps")}
    own = {"data": dict(task.data.metadata), "rows": task.data.rows, "version": package_version("agescape")}
    return Header((), shared, scalars | {"steps": task.steps} | lists, scalars | {"steps": task.steps} | own)


def _fill(store: Store, task: ModuleTask, replicas: int, progress: Callable[[int, int], object]) -> None:
    done = store.count()
    progress(min(done, replicas), replicas)
    while done < replicas:
        first = done // task.block * task.block
        end = min(first + task.block, replicas)
        with one_thread():
            store.add(_run_block(task, first, done, end))
        done = end
        progress(done, replicas)


def _run_block(task: ModuleTask, first: int, done: int, end: int) -> Block:
    """The block of replicas that begins at `first`; returns those from `done` to `end` - 1."""
    vmapped, optimizer = task.vmapped, task.optimizer
    starts, keys = zip(*(task.begin(replica) for replica in range(first, first + task.block)), strict=True)
    thetas = vmapped.place(np.array(starts))
    velocities, decay = vmapped.place(np.zeros(thetas.shape)), vmapped.place(2.0 * task.penalty)
    recorded = np.union1d(task.snapshot_steps, task.curve_steps)
    kept = slice(done - first, end - first)
    records = np.empty((end - done, recorded.size, vmapped.n_parameters), optimizer.dtype)
    orders = np.empty((task.block, task.data.rows), np.int32)
    at = 0
    for step in range(task.steps + 1):
        if at < recorded.size and recorded[at] == step:
            records[:, at] = thetas[kept].cpu().numpy()
            at += 1
        if step % CHECK == 0 or step == task.steps:
            _check_finite(thetas[kept], done, step, optimizer)
        if step < task.steps:
            rate = float(optimizer.rates(step, step + 1)[0])
            thetas, velocities = vmapped.advance(thetas, velocities, _rows(task, orders, keys, step), rate, decay)
    curves = [vmapped.curves(run[np.searchsorted(recorded, task.curve_steps)], task.penalty) for run in records]
    snapshots = records[:, np.searchsorted(recorded, task.snapshot_steps)]
    return Block(done, snapshots, *(np.stack(rows) for rows in zip(*curves, strict=True)))


def _rows(task: ModuleTask, orders: NDArray[np.int32], keys: Sequence[np.uint64], step: int) -> Any:
    """Rows (R, B) of each replica's minibatch at `step`; None for all rows."""
    if task.noise.all_rows:
        return None
    rows = []
    members, numbers = np.empty(0, np.uint8), task.noise.numbers
    for order, key in zip(orders, keys, strict=True):
        start, size = task.noise.draw(order, members, step, step == 0, task.batch_size, key, numbers)
        rows.append(order[start : start + size])
    return np.array(rows, dtype=np.int64)


def _check_finite(thetas: "torch.Tensor", first: int, step: int, optimizer: SGD) -> None:
    largest = thetas.abs().amax(dim=1).cpu().numpy()
    beyond = np.flatnonzero(~(largest < LIMITS[optimizer.precision]))
    if beyond.size:
        rate = optimizer.learning_rate
        msg = f"replica {first + beyond[0]} diverged before step {step}; choose a learning_rate below {rate}"
        raise FloatingPointError(msg)
