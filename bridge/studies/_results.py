"""Results of a study for one architecture: landscape, motion, and the minima of the runs at each age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.comparison import LANDSCAPE, RUNS, ComparisonRow, compare_one
from bridge.residence import Visits
from bridge.studies._settings import StudySettings
from dynamics.aging_times import Aging, aging
from dynamics.displacement import MeanSquareDisplacement, mean_square_displacement
from dynamics.runs import load_trajectories
from landscape.database import Database, positions
from landscape.graph import DisconnectivityTree, visible_tree
from landscape.losses import DataLoss
from landscape.stationary import local_geometry
from landscape.support import Result

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MinimaTable(Result, shows=("losses", "test_accuracies", "hits"), axes={"n": "minimum"}):
    """Properties of the n minima of a database, lowest first.

    Attributes
    ----------
    ids : (n,) int64
    losses : (n,) float64
        Training loss, penalty included, in nats.
    train_accuracies, test_accuracies : (n,) float64
        Share of rows classified correctly; nan without test rows.
    traces : (n,) float64
        Trace of the exact Hessian, in nats.
    orbit_sizes : tuple of n int
        Symmetric copies; beyond the range of int64 for wide networks.
    hits : (n,) int64
        Number of searches that ended there.
    """

    ids: Integers
    losses: Floats
    train_accuracies: Floats
    test_accuracies: Floats
    traces: Floats
    orbit_sizes: tuple[int, ...]
    hits: Integers


@dataclass(frozen=True, eq=False)
class ArchitectureResults(Result, shows=("row.hidden", "row.minima", "fit.mu")):
    """Everything that the report shows for one architecture.

    Attributes
    ----------
    row : ComparisonRow
    visited : Visits
        Minima of the mapped runs at each waiting time and at their last step.
    tree : DisconnectivityTree
        Its leaves hold every visited minimum.
    minima : MinimaTable
    msd : MeanSquareDisplacement
    fit : Aging
    versions : mapping of str to str
        Versions of the programs that found the minima.
    """

    row: ComparisonRow
    visited: Visits
    tree: DisconnectivityTree
    minima: MinimaTable
    msd: MeanSquareDisplacement
    fit: Aging
    versions: Mapping[str, str]

    def runs_at(self, age: int) -> Integers:
        """Number of runs (n,) in each minimum at an age in steps; 0 everywhere if none was mapped then."""
        numbers = np.zeros(self.minima.ids.size, dtype=np.int64)
        seen = self.visited.counts[:, self.visited.steps == age].sum(axis=1)
        numbers[positions(self.minima.ids, self.visited.minimum_ids)] = seen
        return numbers

    def t_star_at(self, age: int) -> float:
        """Lag t* at an age in steps; nan if there is none."""
        found = self.fit.t_star.value[self.fit.waiting_times == age]
        return float(found[0]) if found.size else np.nan


def minima_table(database: Database, loss: DataLoss, *, jobs: int = 1) -> MinimaTable:
    """Collect the properties of all minima of a database; `loss` is theirs."""
    minima = database.minima
    geometry = local_geometry(loss, [minimum.point for minimum in minima], jobs=jobs)
    return MinimaTable(
        ids=np.array([minimum.id for minimum in minima], dtype=np.int64),
        losses=geometry.losses,
        train_accuracies=geometry.train_accuracies,
        test_accuracies=geometry.test_accuracies,
        traces=geometry.traces,
        orbit_sizes=tuple(minimum.orbit_size for minimum in minima),
        hits=np.array([minimum.hits for minimum in minima], dtype=np.int64),
    )


def architecture_results(
    folder: Path, loss: DataLoss, visited: Visits, settings: StudySettings, *, jobs: int = 1
) -> ArchitectureResults:
    """Read the folder of one architecture: its row of the comparison, and the rest of its results."""
    scale, threshold = settings.scale, settings.threshold
    msd = mean_square_displacement(load_trajectories(folder / RUNS).at_most(scale.replicas))
    fit = aging(msd, threshold)
    with Database(folder / LANDSCAPE) as database:
        return ArchitectureResults(
            compare_one(
                folder,
                threshold=threshold,
                replicas=scale.replicas,
                control_replicas=scale.control_replicas,
                fit=fit,
            ),
            visited,
            visible_tree(database.graph(), visited=database.positions(visited.minimum_ids)),
            minima_table(database, loss, jobs=jobs),
            msd,
            fit,
            database.provenance.versions,
        )


def all_ages(results: Sequence[ArchitectureResults]) -> Integers:
    """Steps (S,) at which the minima of the runs of some architecture are known."""
    return np.unique(np.concatenate([found.visited.steps for found in results]))
