"""Tail index of the minibatch noise along the runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.displacement import check_data
from dynamics.gradient_noise import inverted, tail_index
from dynamics.observables._minibatches import drawn_gradients, without_penalty
from dynamics.runs import Trajectories
from dynamics.statistics import mean_over_runs
from landscape.datasets import Dataset
from landscape.losses import TorchLoss
from landscape.support import RNG, Estimate, Result, whole_number

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NoiseTails(Result, shows=("batch_sizes", "block")):
    """Tail index of the noise of minibatches at S snapshots of R runs, for B batch sizes.

    Parameters
    ----------
    steps : (S,) int64
        Steps of the snapshots.
    batch_sizes : (B,) int64
        Rows in a minibatch.
    inverse : (R, B, S) float64
        1 / alpha; nan where a run has no snapshot.
    block : int
        Minibatches that are added up.
    """

    steps: NDArray[np.int64]
    batch_sizes: NDArray[np.int64]
    inverse: Array
    block: int

    def index(self, confidence: float = 0.95) -> Estimate[Array]:
        """Index alpha (B, S), from the mean over the runs of 1 / alpha with Student's interval."""
        return inverted(mean_over_runs(self.inverse, confidence))


def noise_tails(
    runs: Trajectories,
    data: Dataset,
    *,
    rng: RNG = None,
    batch_sizes: ArrayLike | None = None,
    draws: int = 100,
    block: int = 10,
    steps: ArrayLike | None = None,
    module: TorchLoss | None = None,
) -> NoiseTails:
    """Tail index of the noise of minibatches, `tail_index`, along the runs.

    At each snapshot, and for each batch size, `draws` minibatches of different rows are drawn independently of each
    other, and the full gradient is subtracted. Runs are read one by one.

    Parameters
    ----------
    runs : Trajectories
        Runs with their snapshots.
    data : Dataset
        The data set on which the runs were trained.
    rng : None, int or Generator
        Generator of the minibatches.
    batch_sizes : (B,) int, optional
        By default 1 and that of the runs.
    draws : int
        Minibatches at each snapshot, in blocks of `block`.
    block : int
        Minibatches that are added up.
    steps : (S,) int, optional
        Steps of the snapshots; by default the waiting times and the last step.
    module : TorchLoss, optional
        The loss of the runs, if they are those of a torch module.

    Raises
    ------
    ValueError
        If an argument is out of range, or the data are not those of the runs.
    """
    rng = np.random.default_rng(rng)
    check_data(runs, data)
    own: Any = runs.metadata.get("batch_size", data.rows)
    sizes = np.unique([1, min(own, data.rows)] if batch_sizes is None else np.asarray(batch_sizes, dtype=np.int64))
    whole_number("batch_sizes", sizes[0], 1, data.rows)
    whole_number("batch_sizes", sizes[-1], 1, data.rows)
    wanted = np.unique([*runs.waiting_times, runs.steps[-1]] if steps is None else np.asarray(steps, dtype=np.int64))
    wanted = wanted[np.isin(wanted, runs.steps)]
    loss, at = without_penalty(runs, data, module), np.searchsorted(runs.steps, wanted)
    inverse = np.full((runs.replicas, sizes.size, wanted.size), np.nan)
    nothing = np.zeros(runs.n_parameters)
    for r in range(runs.replicas):
        points = np.asarray(runs.snapshots[r], dtype=np.float64)[at]
        for s in np.flatnonzero(runs.recorded[r, at]):
            full = loss.value_and_gradient(points[s])[1]
            for b, size in enumerate(sizes.tolist()):
                drawn = drawn_gradients(loss, data, nothing, points[s], rng, draws, size)
                if size < data.rows:  # all rows have no noise
                    inverse[r, b, s] = tail_index(drawn - full, block).inverse.value
    return NoiseTails(wanted, sizes, inverse, int(block))
