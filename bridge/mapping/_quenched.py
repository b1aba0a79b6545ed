"""Inherent structures with their coordinates, in the image of the minimum that each run is in.

`inherent_structures` says *which* minimum a snapshot belongs to, modulo symmetry. Displacements need its *position*.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dynamics.runs import Trajectories
from dynamics.snapshots import Measurement, chosen_snapshots, loss_identity, measure_all
from landscape.descent import Method, quench
from landscape.losses import CrossEntropyLoss
from landscape.stationary import Minimum, same_point

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuenchedSnapshots:
    """The minima whose basins contain the snapshots of R runs, at S steps.

    Parameters
    ----------
    runs, steps : (R,), (S,) int64
    points : (R, S, P) float64
        The snapshots.
    coordinates : (R, S, P) float64
        Their minima, in the image that the quench ends in; nan if it ended in none. Snapshots of a run in one basin
        have bit-identical ones.
    losses : (R, S) float64
        Losses of the minima, in nats; nan if there is none.
    basins : (R, S) int64
        Number of the basin within the run, by first appearance; two images of a minimum are two basins. -1: none.
    method : str
        The quench that was used.
    """

    runs: NDArray[np.int64]
    steps: NDArray[np.int64]
    points: Array
    coordinates: Array
    losses: Array
    basins: NDArray[np.int64]
    method: str

    def at(self, step: int) -> Array:
        """Minima (R, P) of the snapshots at a step; ValueError if there are none."""
        found = np.flatnonzero(self.steps == step)
        if not found.size:
            msg = f"step must be one of the quenched ones, {self.steps.tolist()}; got {step!r}"
            raise ValueError(msg)
        return self.coordinates[:, found[0]]


def quenched_snapshots(
    runs: Trajectories,
    loss: CrossEntropyLoss,
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
    loss : CrossEntropyLoss
        The loss that they descend.
    steps : (S,) int array, optional
        Steps with a snapshot; by default the waiting times and the last step.
    replicas : (R,) int array, optional
        The runs; by default all.
    method : {"flow", "lbfgs"}
        "flow" ends in the minimum whose basin contains the snapshot (`landscape.quench`).
    path : path, optional
        Folder for finished quenches, by a digest of snapshot, loss and method.
    jobs : int
        Number of workers; it does not change the result.
    progress : callable (done, total), optional

    Raises
    ------
    ValueError
        If the loss is not that of the runs, there is no snapshot at a step, or a run does not exist.
    """
    wanted = np.unique([*runs.waiting_times, runs.steps[-1]]) if steps is None else steps
    chosen = chosen_snapshots(runs, loss, wanted, replicas)
    found = measure_all(
        partial(_quench, loss=loss, method=method),
        chosen.points,
        loss_identity(loss) | {"measurement": "quench", "version": 1, "method": method},
        path=None if path is None else Path(path),
        jobs=jobs,
        progress=progress,
    )
    grid = {name: chosen.arrange([result[name] for result in found]) for name in found[0]}
    coordinates, basins = _same_basins(grid)
    return QuenchedSnapshots(
        runs=chosen.runs,
        steps=chosen.steps,
        points=chosen.arrange(chosen.points),
        coordinates=coordinates,
        losses=np.where(basins >= 0, grid["value"], np.nan),
        basins=basins,
        method=method,
    )


def _quench(theta: Array, loss: CrossEntropyLoss, method: Method) -> Measurement:
    result = quench(loss, theta, method=method)
    values = {
        "coordinates": result.coordinates,
        "value": result.value,
        "rms_gradient": result.rms_gradient,
        "eigenvalues": result.eigenvalues if result.eigenvalues.size else np.full(loss.n_parameters, np.nan),
        "converged": result.converged,
    }
    return {name: np.asarray(value) for name, value in values.items()}


def _same_basins(grid: dict[str, NDArray]) -> tuple[Array, NDArray[np.int64]]:
    """Number the basins of each run, and give one point to each: two quenches differ along the soft modes."""
    coordinates, basins = grid["coordinates"].copy(), np.full(grid["value"].shape, -1, dtype=np.int64)
    for r, s in np.ndindex(basins.shape):
        if not grid["converged"][r, s]:
            coordinates[r, s] = np.nan
            continue
        point = _minimum(grid, r, s)
        for k in range(s):
            known = _minimum(grid, r, k)
            if basins[r, k] >= 0 and same_point(None, known, point):  # None: an image is another point
                coordinates[r, s], basins[r, s] = coordinates[r, k], basins[r, k]
                break
        else:
            basins[r, s] = basins[r].max() + 1
    return coordinates, basins


def _minimum(grid: dict[str, NDArray], r: int, s: int) -> Minimum:
    value, rms_gradient = float(grid["value"][r, s]), float(grid["rms_gradient"][r, s])
    return Minimum(grid["coordinates"][r, s], value, rms_gradient, grid["eigenvalues"][r, s])
