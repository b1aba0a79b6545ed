"""Settings of a study."""

from dataclasses import dataclass, field, replace

from dynamics.training import SGD, Optimizer
from landscape.losses import LoadedModule, loss_kind

PAPER_ARCHITECTURES = ((10,), (5, 5), (4, 4, 4))


@dataclass(frozen=True)
class Scale:
    """Numbers of searches, runs and steps."""

    searches: int  # searches of each landscape before SGD's minima are added
    later_searches: int  # at most, that join SGD's minima with the lowest one, then all others; one more bounds each
    replicas: int
    steps: int
    control_replicas: int  # full-batch descents from the same starts
    mapped_replicas: int  # runs whose snapshots are quenched
    starts: int = 64  # fresh random starts, to bound the number of minima
    last_bounds: int = 64  # searches for upper bounds on barriers of what is not connected in the end


SCALES = {
    "quick": Scale(128, 992, replicas=40, steps=30_000, control_replicas=8, mapped_replicas=24),
    "paper": Scale(6_000, 12_016, replicas=100, steps=150_000, control_replicas=20, mapped_replicas=100, starts=1000),
}


def scaled(name: str, *, searches: int | None = None, replicas: int | None = None, steps: int | None = None) -> Scale:
    """One of the `SCALES` with other numbers; a third of the searches follows after SGD's minima are known."""
    given = {"replicas": replicas, "steps": steps}
    if searches is not None:
        given |= {"searches": searches - searches // 3, "later_searches": searches // 3}
    return replace(SCALES[name], **{key: value for key, value in given.items() if value is not None})


@dataclass(frozen=True)
class StudySettings:
    """What is studied, and at which scale."""

    scale: Scale = SCALES["quick"]
    architectures: tuple[tuple[int, ...], ...] = PAPER_ARCHITECTURES
    optimizer: Optimizer = field(default_factory=lambda: SGD())  # noqa: PLW0108 (pyright takes no class with a converted field)
    regularization: float = 1e-4
    regularize_biases: bool = True
    threshold: float = 1e-2
    seed: int = 0
    activation: str = "tanh"  # of the hidden units
    loss: str = "cross-entropy"  # its kind (`landscape.losses.LOSSES`)
    module: LoadedModule | None = None  # instead of the architectures

    @property
    def loss_unit(self) -> str:
        """Unit of the loss in words; empty for a squared error."""
        return loss_kind(self.loss).head.unit

    @property
    def units(self) -> str:
        """What computes, in words."""
        return f"{self.activation} units" if self.module is None else f"module {self.module.source.option}"
