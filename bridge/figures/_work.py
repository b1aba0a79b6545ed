"""Runs and losses of figures, in a folder that several of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bridge.figures._ensembles import Ensemble, ScaleName
from dynamics.runs import Trajectories
from dynamics.training import train
from landscape import datasets
from landscape.datasets import Dataset
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP
from landscape.search import Exploration, estimate_minima, explore

Progress = Callable[[str, int, int], object]  # stage, done, total


@cache
def _load(dataset: str, rows: int | None, seed: int, data_dir: Path | None, pca: int | None) -> Dataset:
    options = {} if pca is None else {"pca": pca}
    return datasets.load(dataset, rows=rows, seed=seed, data_dir=data_dir, **options)


@dataclass(frozen=True)
class Work:
    """A folder of runs and the way to make them.

    Parameters
    ----------
    folder : Path
        Files of runs and other resumable results.
    data_dir : Path, optional
        Directory of the MNIST files.
    seed : int
        Seed of the runs.
    jobs : int
        Number of workers.
    progress : callable (stage, done, total)
    scale : {"quick", "paper"}
        Scale of everything except the runs.
    """

    folder: Path
    data_dir: Path | None = None
    seed: int = 0
    jobs: int = 1
    progress: Progress = field(default=lambda stage, done, total: None)
    scale: ScaleName = "quick"

    def data(self, ensemble: Ensemble) -> Dataset:
        """The data set of an ensemble."""
        return _load(ensemble.dataset, ensemble.rows, ensemble.dataset_seed, self.data_dir, ensemble.pca)

    def loss(self, ensemble: Ensemble) -> CrossEntropyLoss:
        """The loss that its runs descend."""
        return CrossEntropyLoss(MLP(ensemble.layer_sizes), self.data(ensemble), 1e-4)

    def path(self, ensemble: Ensemble) -> Path:
        """The file of its runs."""
        return self.folder / f"{ensemble.name}.h5"

    def runs(self, ensemble: Ensemble) -> Trajectories:
        """Its runs: those in the file, plus the missing ones."""
        runs = train(
            self.loss(ensemble),
            ensemble.optimizer,
            replicas=ensemble.replicas,
            steps=ensemble.steps,
            seed=self.seed,
            path=self.path(ensemble),
            waiting_times=ensemble.waiting_times,
            lags=ensemble.lags,
            snapshots=ensemble.kept_snapshots,
            jobs=self.jobs,
            progress=lambda done, total: self.progress(f"train {ensemble.name}", done, total),
        )
        return runs.first(ensemble.replicas)

    def explore(self, ensemble: Ensemble, path: Path, *, searches: int, connect: str | None = None) -> Exploration:
        """`landscape.search.explore` of its landscape: up to this many searches in the database at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return explore(
            self.loss(ensemble),
            path,
            searches=searches,
            connect=connect,
            seed=self.seed,
            jobs=self.jobs,
            progress=lambda done, total, _: self.progress(f"explore {path.stem}", done, total or done),
        )

    def estimate_minima(self, ensemble: Ensemble, path: Path, *, starts: int) -> Exploration:
        """`landscape.search.estimate_minima` of its landscape: up to this many random starts."""
        return estimate_minima(
            self.loss(ensemble),
            path,
            starts=starts,
            seed=self.seed,
            jobs=self.jobs,
            progress=lambda done, total, _: self.progress(f"start {path.stem}", done, total or done),
        )
