"""The study: landscape, dynamics and the bridge between them, for a list of architectures.

Every stage continues its file, so a study can be interrupted at any moment; run it again to continue.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bridge import plots
from bridge.comparison import CONTROL, LANDSCAPE, RUNS, Comparison, write_comparison
from bridge.mapping import inherent_structures
from bridge.residence import Visits, visits
from bridge.studies._results import ArchitectureResults, architecture_results
from bridge.studies._settings import StudySettings
from bridge.studies.report import _page
from dynamics.noises import Full
from dynamics.runs import load_trajectories
from dynamics.training import ModuleLoss, check_arguments, check_for_module, train, train_module
from landscape.database import Database
from landscape.datasets import Dataset
from landscape.losses import DataLoss, MLPLoss, TorchLoss, check_searchable, loss_kind
from landscape.networks import MLP
from landscape.plots import Size, draw_panels, save_figure
from landscape.search import estimate_minima, explore
from landscape.support import Result

Progress = Callable[[str, int, int], object]  # stage, done, total
VISITED, EVERYTHING = "visited", "lowest:999999999"  # minima to join with the lowest one


@dataclass(frozen=True)
class Study(Result, shows=("output", "report")):
    """The folder of the results, and their comparison."""

    output: Path
    comparison: Comparison
    report: Path
    figures: tuple[Path, ...]


def folder_name(hidden: Sequence[int]) -> str:
    """Folder of one architecture, e.g. "h5-5"."""
    return "h" + "-".join(str(n) for n in hidden)


def study(
    data: Dataset,
    output: str | Path,
    settings: StudySettings | None = None,
    *,
    size: Size = "screen",
    jobs: int = 1,
    progress: Progress | None = None,
) -> Study:
    """Explore, train, age, map and compare each architecture; then draw the figures and write the report.

    Parameters
    ----------
    data : Dataset
    output : path
        Folder for everything; one folder below it per architecture.
    settings : StudySettings, optional
        By default the quick scale.
    size : {"screen", "page", "column"}
        How wide the figures are, see `landscape.plots.draw_panels`.
    jobs : int
        Number of workers; it does not change the results.
    progress : callable (stage, done, total), optional

    Raises
    ------
    ValueError
        If files in `output` come from other settings.
    """
    output, settings = Path(output), settings or StudySettings()
    progress = progress or (lambda stage, done, total: None)
    losses = _losses(data, output, settings)
    for loss in losses.values():  # before hours of searches
        _check(loss, settings, jobs)
    visited = [_one_architecture(loss, folder, settings, jobs, progress) for folder, loss in losses.items()]
    results = [
        architecture_results(folder, loss, seen, settings, jobs=jobs)
        for (folder, loss), seen in zip(losses.items(), visited, strict=True)
    ]
    comparison = Comparison(tuple(found.row for found in results))
    write_comparison(comparison.rows, output / "comparison.csv")
    figures = _draw(list(losses), results, comparison, output, size)
    report = _page.write(output, results, figures, data, settings)
    return Study(output, comparison, report, figures)


def _losses(data: Dataset, output: Path, settings: StudySettings) -> dict[Path, DataLoss]:
    """The loss of each architecture, or of the module, and its folder."""
    penalty, biases = settings.regularization, settings.regularize_biases
    if settings.module is not None:
        name = re.sub(r"\W+", "-", settings.module.source.name).strip("-")
        return {
            output / f"module-{name}": TorchLoss(
                settings.module, data, penalty, regularize_biases=biases, kind=settings.loss
            )
        }
    kind = loss_kind(settings.loss)
    outputs = kind.outputs_for(data)
    networks = {
        hidden: MLP((data.n_features, *hidden, outputs), settings.activation) for hidden in settings.architectures
    }
    return {
        output / folder_name(hidden): kind(network, data, penalty, regularize_biases=biases)
        for hidden, network in networks.items()
    }


def _check(loss: DataLoss, settings: StudySettings, jobs: int) -> None:
    """Raise a ValueError now for anything that searches or training would reject later."""
    check_searchable(loss)
    scale = settings.scale
    check_arguments(
        loss.data,
        settings.optimizer,
        replicas=scale.replicas,
        steps=scale.steps,
        seed=settings.seed,
        jobs=jobs,
    )
    if settings.module is not None:
        check_for_module(settings.optimizer)
    if not settings.threshold > 0:
        msg = f"threshold must be positive and finite; got {settings.threshold}"
        raise ValueError(msg)


def _one_architecture(loss: DataLoss, folder: Path, settings: StudySettings, jobs: int, progress: Progress) -> Visits:
    scale = settings.scale
    name = ",".join(map(str, loss.network.hidden)) if isinstance(loss, MLPLoss) else folder.name

    def search(searches: int, connect: str | None = None, *, bounds_first: bool = False) -> None:
        explore(
            loss,
            folder / LANDSCAPE,
            searches=searches,
            connect=connect,
            bounds_first=bounds_first,
            seed=settings.seed,
            jobs=jobs,
            progress=lambda done, total, _: progress(f"{name}: explore", done, total or done),
        )
        progress(f"{name}: explore", searches, searches)  # there may be less to join than was allowed

    search(scale.searches)
    control = replace(settings.optimizer, noise=Full())
    for file, optimizer, replicas in (
        (RUNS, settings.optimizer, scale.replicas),
        (CONTROL, control, scale.control_replicas),
    ):
        common: dict[str, Any] = {
            "replicas": replicas, "steps": scale.steps, "seed": settings.seed, "path": folder / file,
            "progress": lambda done, total, by=optimizer.noise.name: progress(f"{name}: train ({by})", done, total),
        }  # fmt: skip
        if isinstance(loss, MLPLoss):
            train(loss, optimizer, jobs=jobs, **common)
        else:
            assert settings.module is not None
            trained = ModuleLoss(settings.module, loss.data, loss.regularization, loss.regularize_biases, loss.name)
            train_module(trained, optimizer, **common)
    runs = load_trajectories(folder / RUNS)
    with Database(folder / LANDSCAPE) as database:
        structures = inherent_structures(
            runs.at_most(scale.mapped_replicas),
            database,
            loss=loss,
            jobs=jobs,
            progress=lambda done, total: progress(f"{name}: map snapshots", done, total),
        )
    estimate_minima(
        loss,
        folder / LANDSCAPE,
        starts=scale.starts,
        seed=settings.seed,
        jobs=jobs,
        progress=lambda done, total, _: progress(f"{name}: random starts", done, total or done),
    )
    total = scale.searches + scale.later_searches
    if structures.mapped:
        search(total, VISITED)
        total += len(np.unique(structures.minimum_ids[structures.known]))
        search(total, VISITED, bounds_first=True)
        search(total, EVERYTHING)
        search(total + scale.last_bounds, EVERYTHING, bounds_first=True)
    else:
        search(total)
    with Database(folder / LANDSCAPE) as database:
        return visits(structures, database)


def _draw(
    folders: Sequence[Path],
    results: Sequence[ArchitectureResults],
    comparison: Comparison,
    output: Path,
    size: Size,
) -> tuple[Path, ...]:
    graphs = {
        plots.panel_name(row.hidden): partial(_draw_visits, row.architecture, folder, found.visited)
        for row, folder, found in zip(comparison.rows, folders, results, strict=True)
    }
    displacements, fits = [found.msd for found in results], [found.fit for found in results]
    table = {"comparison": partial(plots.plot_comparison, comparison)}
    figures = {
        "disconnectivity": draw_panels(graphs, columns=len(graphs), panel=(5.2, 5.0), size=size),
        "aging": plots.plot_displacements(
            [row.architecture for row in comparison.rows], displacements, fits, size=size
        ),
        "comparison": draw_panels(table, panel=(5.5, 4.2), size=size),
    }
    return tuple(save_figure(figure, output / f"{name}.png", dpi=150) for name, figure in figures.items())


def _draw_visits(architecture: str, folder: Path, visited: Visits, ax: Any) -> None:
    with Database(folder / LANDSCAPE) as database:
        plots.plot_visits(database, visited, ax)
    ax.set_title(f"{architecture}\n{ax.get_title()}")
