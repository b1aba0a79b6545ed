"""Inherent structures with their coordinates, in the image of the minimum that each run is in.

`inherent_structures` says *which* minimum a snapshot belongs to, modulo symmetry. Displacements need its *position*.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.mapping._quenching import UNKNOWN, End, default_steps, parts_of, quench_parts
from dynamics.runs import Trajectories
from dynamics.snapshots import chosen_snapshots
from landscape.descent import Method
from landscape.losses import DataLoss
from landscape.stationary import Minimum, same_point
from landscape.support import Result

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class QuenchedSnapshots(Result, shows=("method", "losses")):
    """The minima whose basins contain the snapshots of R runs, at S steps.

    Parameters
    ----------
    runs : (R,) int64
    steps : (S,) int64
    points : (R, S, P) float64
        The snapshots.
    coordinates : (R, S, P) float64
        Their minima, in the image that the quench ends in; nan if it ended in none. Snapshots of a run in one basin
        have bit-identical ones.
    losses : (R, S) float64
        Losses of the minima, in nats; nan if there is none.
    basins : (R, S) int64
        Number of the basin within the run, from 1 by first appearance; two images of a minimum are two basins.
        `UNKNOWN` (0) where there is none.
    method : str
        The quench that was used.
    """

    runs: NDArray[np.int64]
    steps: NDArray[np.int64]
    points: Array
    coordinates: Array
    losses: Array
    basins: Integers
    method: str

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each snapshot (R, S) lies in the basin of a minimum."""
        return self.basins != UNKNOWN

    def at(self, step: int) -> Array:
        """Minima (R, P) of the snapshots at a step; ValueError if there are none."""
        found = np.flatnonzero(self.steps == step)
        if not found.size:
            msg = f"step must be one of the quenched ones, {self.steps.tolist()}; got {step!r}"
            raise ValueError(msg)
        return self.coordinates[:, found[0]]


def quenched_snapshots(
    runs: Trajectories,
    loss: DataLoss,
    *,
    steps: ArrayLike | None = None,
    replicas: ArrayLike | None = None,
    method: Method = "flow",
    path: str | PathLike[str] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> QuenchedSnapshots:
    """Quench snapshots and keep the coordinates.

    Parameters
    ----------
    runs : Trajectories
    loss : MLPLoss or TorchLoss
        The loss that they descend.
    steps : (S,) int array, optional
        Steps with a snapshot; by default the waiting times and the last step.
    replicas : (R,) int array, optional
        The runs; by default all.
    method : {"flow", "lbfgs"}
        "flow" ends in the minimum whose basin contains the snapshot (`landscape.quench`).
    path : path, optional
        Folder of finished quenches, which `inherent_structures` can share. The point that represents a basin is then
        the one found first; along soft modes its last digits may differ from those of the point found here.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the loss is not that of the runs, there is no snapshot at a step, or a run does not exist.
    """
    wanted = default_steps(runs) if steps is None else steps
    chosen = chosen_snapshots(runs, loss, wanted, replicas)
    positions = np.searchsorted(runs.steps, chosen.steps)
    parts = [part for run in chosen.runs.tolist() for part in parts_of(run, positions)]
    report = progress or (lambda done, total: None)
    quenches = quench_parts(runs, loss, parts, method, path=path, jobs=jobs, progress=report)
    ends = [end for _, found in quenches for end in found]
    size = positions.size
    rows = [_in_basins(ends[begin : begin + size], loss.n_parameters) for begin in range(0, len(ends), size)]
    coordinates, losses, basins = (np.array(column) for column in zip(*rows, strict=True))
    return QuenchedSnapshots(
        runs=chosen.runs,
        steps=chosen.steps,
        points=chosen.arrange(chosen.points),
        coordinates=coordinates,
        losses=losses,
        basins=basins,
        method=method,
    )


def _in_basins(ends: Sequence[End], n_parameters: int) -> tuple[Array, Array, Integers]:
    """Coordinates (S, P), losses (S,) and basins (S,) of the snapshots of a run.

    Two quenches to a minimum differ along its soft modes: what lies in one basin has the point of the first one there.
    """
    basins = np.full(len(ends), UNKNOWN, dtype=np.int64)
    coordinates, losses = np.full((len(ends), n_parameters), np.nan), np.full(len(ends), np.nan)
    for s, end in enumerate(ends):
        if isinstance(end, Minimum):
            former = next((k for k in range(s) if _same_basin(ends[k], end)), None)
            basins[s] = basins.max() + 1 if former is None else basins[former]
            coordinates[s] = end.coordinates if former is None else coordinates[former]
            losses[s] = end.value
    return coordinates, losses, basins


def _same_basin(former: End, end: Minimum) -> bool:
    """An image of a minimum is another basin: the network, whose symmetries would make them one, is not given."""
    return isinstance(former, Minimum) and same_point(None, former, end)
