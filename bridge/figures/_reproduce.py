"""From a figure's name to its files."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bridge.figures._base import PaperFigure
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._statements import Judged, judge
from bridge.figures._work import Progress, Work
from dynamics.runs import load_trajectories
from dynamics.training import SGD, train
from landscape import CrossEntropyLoss, datasets
from landscape.networks import MLP
from landscape.plots import Size, check_panels, save_figure
from landscape.support import package_version, to_json, write_text

REFERENCE_MICROSECONDS = 1.35  # a step of 10 hidden units on the machine of `Ensemble.step_microseconds`


@dataclass(frozen=True)
class Reproduction:
    """A finished figure: published numbers, our numbers, what became of the statements, and the files."""

    figure: str
    published: dict[str, Any]
    ours: dict[str, Any]
    statements: tuple[Judged, ...]
    files: tuple[Path, ...]


def reproduce(
    figure: PaperFigure,
    output: str | Path,
    scale: ScaleName = "quick",
    *,
    replicas: int | None = None,
    steps: int | None = None,
    rows: int | None = None,
    data_dir: Path | None = None,
    seed: int = 0,
    jobs: int = 1,
    panels: Sequence[str] = (),
    size: Size = "screen",
    progress: Progress | None = None,
) -> Reproduction:
    """Make a figure of the paper; continues an interrupted call.

    Parameters
    ----------
    figure : PaperFigure
    output : path
        Folder: runs are in `output`/SCALE/runs, shared by all figures; numbers and figure in `output`/SCALE.
    scale : {"quick", "paper"}
        The paper's numbers of runs and steps, or smaller ones that take under three minutes on two cores.
    replicas : int, optional
        At most this many runs of every ensemble. A later call can add more.
    steps : int, optional
        At most this many steps of every run, for figures that need early times only. They have separate files.
    rows : int, optional
        At most this many training rows of every ensemble. They have separate files.
    data_dir : path, optional
        Directory of the MNIST files.
    seed : int
        Seed of the runs.
    jobs : int
        Number of workers.
    panels : sequence of str, optional
        Names of the panels to draw; by default all. A wrong name is refused before any work.
    size : {"screen", "page", "column"}
        How wide the figure is, see `landscape.plots.draw_panels`.
    progress : callable (stage, done, total), optional

    Raises
    ------
    ValueError
        If an argument is out of range, or files in `output` were made with other settings.
    """
    folder = Path(output) / scale
    work = Work(folder / "runs", data_dir, seed, jobs, progress or (lambda stage, done, total: None), scale)
    ensembles = _ensembles(figure, scale, replicas, steps, rows)
    check_panels(panels, figure.panels(ensembles))
    result = figure.compute(work, ensembles)
    ours = figure.describe(result)
    judged = judge(figure.statements, ours)
    drawing = figure.draw(result, panels=panels, size=size)
    files = [folder / f"{figure.name}.json"]
    content = {
        "figure": figure.name,
        "title": figure.title,
        "scale": scale,
        "seed": seed,
        "steps": sorted({ensemble.steps for ensemble in ensembles}),
        "rows": sorted({ensemble.training_rows for ensemble in ensembles}),
        "version": package_version("agescape"),
        "published": dict(figure.published),
        "ours": ours,
        "statements": [asdict(one) for one in judged],
    }
    write_text(files[0], to_json(content) + "\n")
    for suffix in ("png", "svg"):
        files.append(save_figure(drawing, folder / f"{figure.name}.{suffix}", dpi=150))
    return Reproduction(figure.name, dict(figure.published), ours, judged, tuple(files))


def estimate_seconds(
    figure: PaperFigure,
    output: str | Path,
    scale: ScaleName,
    *,
    replicas: int | None = None,
    steps: int | None = None,
    rows: int | None = None,
    jobs: int = 1,
) -> float:
    """Estimated wall time in seconds of a figure here; accurate within a factor of two.

    Without finished parts, and without compilation: seconds for each architecture, once on a machine.
    """
    work = Work(Path(output) / scale / "runs")
    missing = sum(
        missing_seconds(ensemble, work) + figure.ensemble_seconds(ensemble)
        for ensemble in _ensembles(figure, scale, replicas, steps, rows)
    )
    return (figure.extra_seconds(scale) + missing) * machine_factor() / max(1, jobs)


def _ensembles(
    figure: PaperFigure, scale: ScaleName, replicas: int | None, steps: int | None, rows: int | None
) -> tuple[Ensemble, ...]:
    return tuple(ensemble.at_most(replicas, steps, rows) for ensemble in figure.ensembles(scale))


def missing_seconds(ensemble: Ensemble, work: Work) -> float:
    """Core seconds of the runs that the file of an ensemble lacks, on the machine of `Ensemble.step_microseconds`."""
    path = work.path(ensemble)
    done = load_trajectories(path).replicas if path.is_file() else 0
    return max(0, ensemble.replicas - done) * ensemble.run_seconds


@cache
def machine_factor() -> float:
    """Slowdown of this machine relative to the one where the kernels were measured, from a short run."""
    network, data = MLP((2, 10, 4)), datasets.ljat(rows=1000, seed=0)
    steps, seconds = 20_000, []
    for _ in range(3):
        begin = time.perf_counter()
        train(CrossEntropyLoss(network, data), SGD(), replicas=1, steps=steps, waiting_times=[1], lags=[1])
        seconds.append(time.perf_counter() - begin)
    return float(np.clip(min(seconds) / (steps * REFERENCE_MICROSECONDS * 1e-6), 0.2, 10.0))
