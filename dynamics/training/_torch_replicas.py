"""Ensembles of any torch module, for architectures beyond the compiled kernels."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.kernels import LIMITS
from dynamics.runs import Parameter, Trajectories
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._ensemble import check_arguments, warn_of_large_minibatches
from dynamics.training._filling import Divergence, run_task
from dynamics.training._optimizers import Optimizer
from dynamics.training._plan import Plan, make_plan
from dynamics.training._sgd import SGD
from dynamics.training._starts import Points
from dynamics.training._store import Block
from landscape.datasets import Dataset
from landscape.losses import (
    HEADS,
    Head,
    LoadedModule,
    LossOfOutputs,
    ModuleSource,
    check_regularization,
    loss_kind,
    of_module,
)
from landscape.support import whole_number

if TYPE_CHECKING:
    import torch

    from dynamics.training._vmapped import VmappedModule
    from landscape.losses import FlatModule

NOISES_OF_MODULES = ("sgd", "replacement", "full")
BLOCK = 50  # replicas per block: what a kill can lose
CHECK = 100  # steps between two checks for infinite parameters


@dataclass(frozen=True)
class ModuleTask:
    """Runs of a torch module, `block` of them side by side."""

    plan: Plan
    module: str
    source: ModuleSource | None
    vmapped: "VmappedModule"
    start: Points | None
    block: int
    loss: str  # its kind

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Nothing is known of a module's layers."""
        return ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Names and shapes of the trainable parameters."""
        return self.vmapped.parameters

    @property
    def identity(self) -> dict[str, Any]:
        """What is trained: a module of other frozen parameters or buffers is another module."""
        what: dict[str, Any] = {} if self.source is None else self.source.settings
        what |= {"module": self.module, "n_parameters": self.vmapped.n_parameters, "block": self.block}
        what |= {} if self.loss == "cross-entropy" else {"loss": self.loss}
        digest = self.vmapped.constants_sha256
        return what if digest is None else what | {"constants_sha256": digest}

    @property
    def named(self) -> dict[str, str]:
        """The file of the module, which may be called otherwise later."""
        return {} if self.source is None else {"module_file": self.source.file}

    @property
    def start_name(self) -> str:
        """Name of the start of the runs."""
        return "reset_parameters" if self.start is None else str(self.start)

    @property
    def penalty(self) -> NDArray[np.float64]:
        """Lambda (P,) of every parameter."""
        return self.plan.penalty(self.vmapped.kernel_mask)

    def begin(self, replica: int) -> tuple[NDArray[np.float64], np.uint64]:
        """Start (P,) of a replica and the key of its minibatches, as in `train`."""
        seed, key = self.plan.seeds(replica)
        if self.start is not None:
            return self.start.points[replica % len(self.start.points)], key
        return self.vmapped.random_start(int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1))), key

    def blocks(
        self, done: int, replicas: int, checkpoints: Checkpoints | None
    ) -> Generator[Block | Divergence, None, None]:
        """The replicas from `done` on, of whole blocks."""
        while done < replicas:
            first = done // self.block * self.block
            end = min(first + self.block, replicas)
            yield _run_block(self, first, done, end)
            done = end


@dataclass(frozen=True, eq=False)
class ModuleLoss(LossOfOutputs):
    """A loss of a torch module with its penalty, to train: it need not be twice differentiable.

    Parameters
    ----------
    module : torch.nn.Module or LoadedModule
        Maps inputs (N, D) to outputs (N, K), before any softmax, each row by itself, as in `landscape.TorchLoss`; a
        module for images begins with ``torch.nn.Unflatten``. It is copied in evaluation mode (no dropout, batch
        normalization with its running statistics) and never changed. Its parameters with ``requires_grad`` are trained,
        each once however many names it has. All others, and the buffers, keep their values: they are not part of theta,
        displacements or the penalty.
    data : Dataset
    regularization : float
        As in `landscape.CrossEntropyLoss`.
    regularize_biases : bool
        False excludes parameters whose name ends in "bias" from the penalty.
    kind : str
        Name of the loss (`landscape.losses.LOSSES`).

    Raises
    ------
    ValueError
        If the penalty is not a finite number >= 0, or the loss is unknown or not defined for the data.
    """

    module: "torch.nn.Module | LoadedModule"
    data: Dataset
    regularization: float = 1e-4
    regularize_biases: bool = True
    kind: str = "cross-entropy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "regularization", check_regularization(self.regularization))
        object.__setattr__(self, "regularize_biases", bool(self.regularize_biases))
        loss_kind(self.kind).outputs_for(self.data)

    @property
    def head(self) -> Head:
        """The loss as a function of the outputs."""
        return HEADS[self.kind]

    @cached_property
    def _flat(self) -> "FlatModule":
        import torch  # noqa: PLC0415 (optional: only modules need it)

        from landscape.losses import FlatModule  # noqa: PLC0415

        module = self.module.module if isinstance(self.module, LoadedModule) else self.module
        return FlatModule(module, self.data.inputs, torch.float64)

    def logits(self, theta: ArrayLike, inputs: ArrayLike) -> NDArray[np.float64]:
        """Outputs before any softmax, (N, K), for `inputs` (N, D) at `theta` (P,)."""
        point, rows = (self._flat.tensor(np.array(numbers, dtype=np.float64)) for numbers in (theta, inputs))
        return self._flat(point, rows).numpy()


def train_module(
    loss: ModuleLoss,
    optimizer: Optimizer | None = None,
    *,
    replicas: int = 100,
    steps: int = 150_000,
    seed: int = 0,
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
    loss : ModuleLoss
        The module, the data and the penalty.
    optimizer : Optimizer
        As in `train`, with the noise "sgd", "replacement" or "full" and nothing random but the minibatches.
    replicas, steps, seed, waiting_times, lags, progress
        As in `train`.
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
        Without `layer_sizes`; their `symmetries` are those that the module declares, their `parameters` its names.

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
    check_for_module(optimizer)
    whole_number("block", block, 1)
    check_arguments(loss.data, optimizer, replicas=replicas, steps=steps, seed=seed)
    warn_of_large_minibatches(loss.data, optimizer)
    plan = make_plan(loss, optimizer, steps=steps, seed=seed, waiting_times=waiting_times, lags=lags)
    module, source = loss.module if isinstance(loss.module, LoadedModule) else (loss.module, None)
    vmapped = VmappedModule(module, loss.data, loss.kind, optimizer, device)
    source = of_module(module, source, vmapped.spec)
    points = None if start is None else _points(start, vmapped.n_parameters)
    return run_task(
        ModuleTask(plan, str(module), source, vmapped, points, int(block), loss.kind), replicas, path, progress
    )


def check_for_module(optimizer: Optimizer) -> None:
    """Raise a ValueError if the optimizer has what runs of a torch module do not."""
    if optimizer.noise.name not in NOISES_OF_MODULES:
        said = ", ".join(NOISES_OF_MODULES)
        msg = f"noise must be one of {said} for a torch module; got {optimizer.noise.name!r}"
        raise ValueError(msg)
    for name in ("label_noise", "shared_order"):
        if getattr(optimizer, name):
            msg = f"{name} must not be set for a torch module; got {getattr(optimizer, name)!r}"
            raise ValueError(msg)


def _points(start: ArrayLike, n_parameters: int) -> Points:
    points = Points(np.asarray(start))
    if points.points.shape[1] != n_parameters:
        msg = f"start must have rows of {n_parameters} parameters for this module; got {points.points.shape}"
        raise ValueError(msg)
    return points


def _run_block(task: ModuleTask, first: int, done: int, end: int) -> Block | Divergence:
    """The block of replicas that begins at `first`; returns those from `done` to `end` - 1."""
    vmapped, plan = task.vmapped, task.plan
    starts, keys = zip(*(task.begin(replica) for replica in range(first, first + task.block)), strict=True)
    thetas = vmapped.place(np.array(starts))
    state = tuple(vmapped.place(np.zeros(thetas.shape)) for _ in plan.optimizer.state_names)
    decay = vmapped.place(2.0 * task.penalty)
    recorded = np.union1d(plan.snapshot_steps, plan.curve_steps)
    kept = slice(done - first, end - first)
    records = np.empty((end - done, recorded.size, vmapped.n_parameters), plan.optimizer.dtype)
    orders = np.empty((task.block, plan.data.rows), np.int32)
    at = 0
    for step in range(plan.steps + 1):
        if at < recorded.size and recorded[at] == step:
            records[:, at] = thetas[kept].cpu().numpy()
            at += 1
        if step % CHECK == 0 or step == plan.steps:
            beyond = _beyond(thetas[kept], LIMITS[plan.optimizer.precision])
            if beyond.size:
                return Divergence(done + int(beyond[0]), step, "before")
        if step < plan.steps:
            rates = plan.optimizer.rates(step, step + 1)[..., 0]
            thetas, state = vmapped.advance(thetas, state, _rows(plan, orders, keys, step), rates, decay)
    curves = [vmapped.curves(run[np.searchsorted(recorded, plan.curve_steps)], task.penalty) for run in records]
    snapshots = records[:, np.searchsorted(recorded, plan.snapshot_steps)]
    return Block(done, snapshots, *(np.stack(rows) for rows in zip(*curves, strict=True)))


def _rows(plan: Plan, orders: NDArray[np.int32], keys: Sequence[np.uint64], step: int) -> Any:
    """Rows (R, B) of each replica's minibatch at `step`; None for all rows."""
    if plan.noise.all_rows:
        return None
    rows = []
    members, numbers = np.empty(0, np.uint8), plan.noise.numbers
    for order, key in zip(orders, keys, strict=True):
        start, size = plan.noise.draw(order, members, step, step == 0, plan.batch_size, key, numbers)
        rows.append(order[start : start + size])
    return np.array(rows, dtype=np.int64)


def _beyond(thetas: "torch.Tensor", limit: float) -> NDArray[np.intp]:
    """Which of the replicas have parameters beyond the limit, infinite or not a number."""
    largest = thetas.abs().amax(dim=1).cpu().numpy()
    return np.flatnonzero(~(largest < limit))
