"""From a task to its runs, whatever takes their steps: the header of the file, the blocks in order, divergence."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dynamics.runs import Parameter, Trajectories
from dynamics.training._checkpoints import Checkpoints
from dynamics.training._plan import Plan
from dynamics.training._store import Block, Header, Store, open_store
from landscape.support import one_thread, package_version

Progress = Callable[[int, int], object]


class Divergence(NamedTuple):
    """A run whose parameters left the finite numbers: after `step` steps, or "before" that many."""

    replica: int
    step: int
    when: str = "at"


class Task(Protocol):
    """A plan with what takes its steps: compiled kernels or torch."""

    @property
    def plan(self) -> Plan:
        """What decides the runs."""
        ...

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Of the network; () where nothing is known of it."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Names and shapes; () where they follow from the layers."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What is trained, as JSON holds it."""
        ...

    @property
    def named(self) -> Mapping[str, Any]:
        """What the metadata say besides the settings that decide the runs."""
        ...

    @property
    def start_name(self) -> str:
        """Where the runs start."""
        ...

    def blocks(
        self, done: int, replicas: int, checkpoints: Checkpoints | None
    ) -> Generator[Block | Divergence, None, None]:
        """The replicas from `done` on, in order; unfinished runs may be kept as checkpoints."""
        ...


def run_task(task: Task, replicas: int, path: str | PathLike[str] | None, progress: Progress | None) -> Trajectories:
    """The first `replicas` runs of a task; those that are in the file at `path` are not run again."""
    with open_store(None if path is None else Path(path), make_header(task)) as store:
        fill(store, task, replicas, progress or (lambda done, total: None))
        return store.finish().first(replicas)


def fill(store: Store, task: Task, replicas: int, progress: Progress) -> None:
    """Run what is missing in `store`.

    Raises
    ------
    FloatingPointError
        If a run diverges.
    """
    done = store.count()
    progress(min(done, replicas), replicas)
    if done >= replicas:
        return
    checkpoints = store.begin()
    # one thread: here, and not where threads would end it for each other
    with one_thread(), closing(task.blocks(done, replicas, checkpoints)) as blocks:
        for block in blocks:
            if isinstance(block, Divergence):
                if checkpoints:  # these settings never complete the ensemble: they must not block others
                    checkpoints.remove(range(replicas))
                rate = task.plan.optimizer.learning_rate
                what = f"run {block.replica} diverged {block.when} step {block.step}"
                msg = f"{what}; choose a learning_rate below {rate}"
                raise FloatingPointError(msg)
            store.add(block)
            progress(block.end, replicas)


def make_header(task: Task) -> Header:
    """The header of the file."""
    plan = task.plan
    scalars = {**task.identity, **plan.settings(task.start_name)}
    lists = {name: plan.shared[name].tolist() for name in ("waiting_times", "lags", "curve_steps")}
    about = {
        **task.named,
        "data": dict(plan.data.metadata),
        "rows": plan.data.rows,
        "version": package_version("agescape"),
    }
    return Header(task.layer_sizes, plan.shared, scalars | lists, scalars | about, task.parameters)
