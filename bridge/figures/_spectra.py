"""Figures 7 and A1: eigenvalues of the Hessian along training, two hidden layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure
from bridge.figures._curves import ljat_ensembles, mnist_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._work import Work
from dynamics.plots import COLORS, symmetric_log
from dynamics.runs import WAITING_TIMES
from dynamics.spectra import Curvature, curvature
from landscape.plots import Size, draw_panels, legend_beside

QUICK_ROWS = 6000  # rows of MNIST: an exact Hessian takes N P^2 operations
MOST_RUNS = {"ljat": 20, "mnist": 1}  # a spectrum is a property of the landscape: runs differ little


def ljat_ensemble(scale: ScaleName) -> tuple[Ensemble, ...]:
    """The runs of figure 1 with two hidden layers."""
    return ljat_ensembles(scale)[1:2]


def mnist_ensemble(scale: ScaleName) -> tuple[Ensemble, ...]:
    """The runs of figure 4 with two hidden layers; at the quick scale one on fewer rows."""
    runs = mnist_ensembles(scale)[1]
    return (runs,) if scale == "paper" else (Ensemble((5, 5), 1, 6_000, "mnist", QUICK_ROWS, batch_size=50),)


@dataclass(frozen=True, eq=False)
class Spectra:
    """Exact spectra along the runs of one architecture."""

    label: str
    curvature: Curvature


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> Spectra:
    """Spectra at the start, the waiting times and the end."""
    (ensemble,) = ensembles
    runs = work.runs(ensemble)
    steps = [0, *(tw for tw in WAITING_TIMES if tw in runs.steps), int(runs.steps[-1])]
    found = curvature(
        runs.at_most(MOST_RUNS[ensemble.dataset]),
        work.loss(ensemble),
        steps=np.unique(steps),
        path=work.folder / f"{ensemble.name}.curvature",
        jobs=1 if ensemble.dataset == "mnist" else work.jobs,  # BLAS distributes the large matrices over the processors
        progress=lambda done, total: work.progress(f"Hessians {ensemble.name}", done, total),
    )
    return Spectra(ensemble.label, found)


def describe(spectra: Spectra) -> dict[str, Any]:
    """Numbers of negative eigenvalues, quantiles and traces, means over the runs."""
    found = spectra.curvature
    quantiles = np.quantile(found.eigenvalues, [0.0, 0.25, 0.5, 0.75, 1.0], axis=2).mean(axis=1).T
    return {
        "hidden": spectra.label,
        "runs": found.runs.size,
        "steps": found.steps,
        "parameters": found.n_parameters,
        "rows": found.rows,
        "negative_eigenvalues": found.negative_eigenvalues.mean(axis=0),
        "trace": found.traces.mean(axis=0),
        "smallest_quartiles_largest": quantiles,
        "loss": found.losses.mean(axis=0),
    }


def draw(spectra: Spectra, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Boxes of all eigenvalues against the step; those at the start and the end, sorted."""
    runs = spectra.curvature.runs.size
    title = f"hidden layers {spectra.label}, {runs} run{'s' * (runs > 1)}"
    functions = {"steps": partial(_draw_boxes, spectra.curvature), "ranks": partial(_draw_ranks, spectra.curvature)}
    return draw_panels(functions, panels, columns=2, panel=(4.75, 4.0), size=size, title=title)


def _draw_boxes(found: Curvature, ax: Axes) -> None:
    pooled = [found.eigenvalues[:, k].ravel() for k in range(found.steps.size)]
    ax.boxplot(pooled, tick_labels=[str(step) for step in found.steps], flierprops={"markersize": 2})
    ax.tick_params(axis="x", rotation=45)
    ax.set(xlabel="time (steps)", ylabel="eigenvalues of the Hessian (nats)")
    symmetric_log(ax, found.eigenvalues)


def _draw_ranks(found: Curvature, ax: Axes) -> None:
    for k, color in ((0, COLORS[0]), (-1, COLORS[3])):
        ordered = found.eigenvalues[:, k].mean(axis=0)
        ax.plot(np.arange(1, ordered.size + 1), ordered, ".", color=color, label=f"step {found.steps[k]}")
    ax.set(xlabel="rank", ylabel="eigenvalues, mean over the runs (nats)")
    symmetric_log(ax, found.eigenvalues)
    legend_beside(ax)


FIG7 = PaperFigure(
    "fig7",
    "eigenvalues of the Hessian against the step, LJAT-like data, two hidden layers",
    {"negative_eigenvalues_fall": True},
    ljat_ensemble,
    compute,
    describe,
    draw,
)
FIGA1 = PaperFigure(
    "figA1",
    "eigenvalues of the Hessian against the step, MNIST, two hidden layers",
    {"negative_eigenvalues_fall": True},
    mnist_ensemble,
    compute,
    describe,
    draw,
    extra_seconds=lambda scale: 700.0 if scale == "paper" else 150.0,
)
