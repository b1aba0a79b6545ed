"""Choice of the snapshots to measure, and whether they belong to a loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories, spaced
from dynamics.training import Optimizer, optimizer_of_noise
from landscape.losses import DataLoss, MLPLoss
from landscape.support import first_difference

Array = NDArray[np.float64]

DEFAULT_STEPS = 10
EARLIER = {"activation": "tanh", "loss": "cross-entropy"}  # where files say nothing else


@dataclass(frozen=True, eq=False)
class ChosenSnapshots:
    """Snapshots of R runs at S steps.

    Parameters
    ----------
    runs : (R,) int64
    steps : (S,) int64
    points : R * S arrays (P,) float64
        Run by run.
    metadata : mapping
        Metadata of the runs.
    """

    runs: NDArray[np.int64]
    steps: NDArray[np.int64]
    points: list[Array]
    metadata: Any

    def arrange(self, values: Sequence[ArrayLike]) -> NDArray[Any]:
        """Give one array (...) per point the shape (R, S, ...)."""
        array = np.array(values)
        return array.reshape(self.runs.size, self.steps.size, *array.shape[1:])

    @property
    def optimizer(self) -> Optimizer:
        """What decides the noise of the runs' gradients; ValueError if their metadata lack it."""
        missing = [name for name in ("learning_rate", "batch_size") if name not in self.metadata]
        if missing:
            msg = f"optimizer must be given: the metadata of these runs have no {missing[0]}"
            raise ValueError(msg)
        return optimizer_of_noise(self.metadata)


def chosen_snapshots(
    runs: Trajectories, loss: DataLoss, steps: ArrayLike | None, replicas: ArrayLike | None
) -> ChosenSnapshots:
    """Read the snapshots at `steps` of the runs `replicas`, ascending, each once; by default at steps that all have.

    Raises
    ------
    ValueError
        If the loss is not that of the runs, there is no snapshot at a step, or a run does not exist.
    """
    check_loss(runs, loss)
    which = np.unique(np.arange(runs.replicas) if replicas is None else np.asarray(replicas, dtype=np.int64))
    if which.size == 0 or which[0] < 0 or which[-1] >= runs.replicas:
        msg = f"replicas must be in 0 ... {runs.replicas - 1}; got {which.tolist()}"
        raise ValueError(msg)
    common = runs.steps[runs.recorded[which].all(axis=0)]
    at = log_spaced(common) if steps is None else np.unique(np.asarray(steps, dtype=np.int64))
    if at.size == 0 or not np.isin(at, runs.steps).all():
        absent = at[~np.isin(at, runs.steps)]
        what = f"there is none at {absent[0]}" if absent.size else "got none"
        msg = f"steps must be steps with a snapshot: {what}; snapshots are at {_some(runs.steps)}{runs.advice}"
        raise ValueError(msg)
    runs.check_recorded(at, which.tolist())
    rows = np.searchsorted(runs.steps, at)
    points = [theta for r in which.tolist() for theta in np.asarray(runs.snapshots[r])[rows].astype(np.float64)]
    return ChosenSnapshots(which, at, points, runs.metadata)


def check_loss(runs: Trajectories, loss: DataLoss) -> None:
    """Raise a ValueError that names the difference if the metadata of the runs contradict `loss`."""
    own, theirs = EARLIER | loss_identity(loss), dict(runs.metadata)
    if runs.layer_sizes:  # files of older versions name neither
        theirs = EARLIER | theirs | {"layer_sizes": list(runs.layer_sizes)}
    elif "module" in theirs:
        theirs = EARLIER | theirs
    own, theirs = own | {"n_parameters": loss.n_parameters}, theirs | {"n_parameters": runs.n_parameters}
    said = [name for name in own if name in theirs]
    if found := first_difference({**own, "data": loss.data.metadata}, theirs, said):
        msg = f"loss must be that of the runs: it has {found.name} = {found.own!r}, the runs have {found.other!r}"
        raise ValueError(msg)


def loss_identity(loss: DataLoss) -> dict[str, Any]:
    """The properties that determine the values of a loss, as JSON."""
    return {
        **_network_identity(loss),
        **getattr(loss, "beyond_cross_entropy", {}),
        "data_sha256": loss.data.sha256,
        "regularization": loss.regularization,
        "regularize_biases": loss.regularize_biases,
    }


def _network_identity(loss: DataLoss) -> dict[str, Any]:
    if isinstance(loss, MLPLoss):
        return {"layer_sizes": list(loss.network.layer_sizes), **loss.network.beyond_tanh}
    source = getattr(loss, "source", None)
    known = {} if source is None or not source.sha256 else source.settings
    return {"layer_sizes": [], "n_parameters": loss.n_parameters, **known}


def log_spaced(steps: NDArray[np.int64], count: int = DEFAULT_STEPS) -> NDArray[np.int64]:
    """The first of `steps` (S,) and at most `count` others, as evenly spaced in the logarithm as possible."""
    later = steps[steps > 0]
    if later.size <= count:
        return steps
    return np.unique(np.concatenate([steps[:1], spaced(later, count)]))


def _some(steps: NDArray[np.int64]) -> str:
    """A few of the steps, for a message."""
    shown = [str(step) for step in log_spaced(steps, 8).tolist()]
    return ", ".join(shown) + (" and others" if len(shown) < steps.size else "")
