"""What decides the runs of an ensemble, whatever takes their steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.noises import Noise
from dynamics.runs import Steps, curve_steps, snapshot_steps, two_time_grid
from dynamics.training._optimizers import Optimizer
from landscape.datasets import Dataset

SNAPSHOTS = ("all", "waiting")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides the runs but the network, where they start and the number of the replica.

    Fields are the arguments of `train`; `accumulates` says that two-time displacements are taken while a run goes on.
    """

    data: Dataset
    optimizer: Optimizer
    regularization: float
    regularize_biases: bool
    seed: int
    steps: int
    snapshot_steps: Steps
    curve_steps: Steps
    waiting_times: Steps
    lags: Steps
    accumulates: bool

    @property
    def noise(self) -> Noise:
        """What makes the runs random."""
        return self.optimizer.noise

    @property
    def batch_size(self) -> int:
        """B, or all rows if it does not matter."""
        return self.optimizer.batch_size if self.noise.uses_batch_size else self.data.rows

    @property
    def shared(self) -> dict[str, Steps]:
        """The arrays that all replicas share, named as in `Trajectories`."""
        return {
            "steps": self.snapshot_steps,
            "curve_steps": self.curve_steps,
            "waiting_times": self.waiting_times,
            "lags": self.lags,
        }

    def penalty(self, kernel_mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Lambda (P,) of every parameter, from the mask (P,) of those that are no biases."""
        return self.regularization * (kernel_mask | self.regularize_biases).astype(float)

    def seeds(self, replica: int) -> tuple[np.random.SeedSequence, np.uint64]:
        """What the start of a replica is drawn with, and the key of its other random numbers."""
        key = noise_key(self.seed, 0 if self.optimizer.shared_order else replica)
        return start_seed(self.seed, replica), key

    def settings(self, start: str) -> dict[str, Any]:
        """What decides the content of the runs, as JSON holds it, but for the network."""
        return {
            "data_sha256": self.data.sha256,
            **self.noise.settings,
            "label_noise": self.optimizer.label_noise,
            "shared_order": self.optimizer.shared_order,
            "start": start,
            "learning_rate": self.optimizer.learning_rate,
            "batch_size": self.batch_size,
            "precision": self.optimizer.precision,
            **self.optimizer.settings,
            "schedule": str(self.optimizer.schedule),
            "steps": self.steps,
            "seed": self.seed,
            "regularization": self.regularization,
            "regularize_biases": self.regularize_biases,
            "snapshots": SNAPSHOTS[self.accumulates],
        }


def start_seed(seed: int, replica: int) -> np.random.SeedSequence:
    """What the start of a replica is drawn with."""
    return _spawned(seed, replica)[0]


def noise_key(seed: int, replica: int) -> np.uint64:
    """The key of a replica's random numbers except for its start."""
    return _spawned(seed, replica)[1].generate_state(1, np.uint64)[0]


def _spawned(seed: int, replica: int) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence(seed, spawn_key=(replica,)).spawn(2)


class Trained(Protocol):
    """What is asked of a loss here: `MLPLoss` and `ModuleLoss` have it."""

    @property
    def data(self) -> Dataset: ...
    @property
    def regularization(self) -> float: ...
    @property
    def regularize_biases(self) -> bool: ...


def make_plan(
    loss: Trained,
    optimizer: Optimizer,
    *,
    steps: int,
    seed: int,
    waiting_times: Sequence[int] | ArrayLike | None,
    lags: Sequence[int] | ArrayLike | None,
    snapshots: str = "all",
) -> Plan:
    """The plan of these arguments of `train`; ValueError for one out of its range, which it names."""
    waiting, lag = two_time_grid(steps, waiting_times, lags)
    if snapshots not in SNAPSHOTS:
        msg = f"snapshots must be one of {', '.join(SNAPSHOTS)}; got {snapshots!r}"
        raise ValueError(msg)
    kept = snapshot_steps(waiting, lag, steps) if snapshots == "all" else np.unique([0, *waiting.tolist(), steps])
    return Plan(
        data=loss.data,
        optimizer=optimizer,
        regularization=loss.regularization,
        regularize_biases=loss.regularize_biases,
        seed=int(seed),
        steps=int(steps),
        snapshot_steps=kept.astype(np.int64),
        curve_steps=curve_steps(steps),
        waiting_times=waiting,
        lags=lag,
        accumulates=snapshots == "waiting",
    )
