"""Figures 7 and A1: eigenvalues of the Hessian along training, two hidden layers, both data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures._base import PaperFigure, panels_of_ensembles
from bridge.figures._curves import ljat_ensembles, mnist_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._said_of_curvature import NAMES, SAID_OF_FIG7, SAID_OF_FIGA1
from bridge.figures._work import Work
from dynamics.plots import COLORS, symmetric_log
from dynamics.runs import WAITING_TIMES
from dynamics.spectra import Curvature, curvature
from landscape.plots import Size, draw_panels, legend_beside

Array = NDArray[np.float64]

QUICK_ROWS = 6000  # rows of MNIST: an exact Hessian takes N P^2 operations
MOST_RUNS = {"ljat": 20, "mnist": 1}  # a spectrum is a property of the landscape: runs differ little
WHISKERS = 1.5  # interquartile ranges, as in the paper
SHOWN = 2.0  # times the reach of the whiskers that a panel shows; outliers beyond are cut


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Runs with two hidden layers of figures 1 and 4; at the quick scale one of the latter on fewer rows."""
    ljat, mnist = ljat_ensembles(scale)[1], mnist_ensembles(scale)[1]
    if scale == "quick":
        mnist = Ensemble((5, 5), 1, 6_000, "mnist", QUICK_ROWS, batch_size=50)
    return ljat.at_most(MOST_RUNS["ljat"]), mnist.at_most(MOST_RUNS["mnist"])


@dataclass(frozen=True, eq=False)
class Spectra:
    """Exact spectra along the runs of an architecture on each data set."""

    labels: Mapping[str, str]
    curvatures: Mapping[str, Curvature]


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> Spectra:
    """Spectra at the start, the waiting times and the end."""
    labels = {ensemble.dataset: ensemble.label for ensemble in ensembles}
    return Spectra(labels, {ensemble.dataset: _curvature(work, ensemble) for ensemble in ensembles})


def _curvature(work: Work, ensemble: Ensemble) -> Curvature:
    runs = work.runs(ensemble)
    steps = [0, *(tw for tw in WAITING_TIMES if tw in runs.steps), int(runs.steps[-1])]
    return curvature(
        runs.at_most(MOST_RUNS[ensemble.dataset]),
        work.loss(ensemble),
        steps=np.unique(steps),
        path=work.folder / f"{ensemble.name}.curvature",
        jobs=1 if ensemble.dataset == "mnist" else work.jobs,  # BLAS distributes the large matrices over the processors
        progress=lambda done, total: work.progress(f"Hessians {ensemble.name}", done, total),
    )


def describe(spectra: Spectra) -> dict[str, Any]:
    """Numbers of negative eigenvalues, quantiles, outliers and traces for each data set, means over the runs."""
    return {name: _describe(spectra.labels[name], found) for name, found in spectra.curvatures.items()}


def _describe(label: str, found: Curvature) -> dict[str, Any]:
    quantiles = np.quantile(found.eigenvalues, [0.0, 0.25, 0.5, 0.75, 1.0], axis=2)
    return {
        "hidden": label,
        "runs": found.runs.size,
        "steps": found.steps,
        "parameters": found.n_parameters,
        "rows": found.rows,
        "negative_eigenvalues": found.negative_eigenvalues.mean(axis=0),
        "trace": found.traces.mean(axis=0),
        "smallest_quartiles_largest": quantiles.mean(axis=1).T,
        "interquartile_range": (quantiles[3] - quantiles[1]).mean(axis=0),
        "positive_outliers": _positive_outliers(found.eigenvalues),
        "loss": found.losses.mean(axis=0),
    }


def _reach(eigenvalues: Array) -> tuple[Array, Array]:
    """Ends (R, S) of the range beyond which eigenvalues (R, S, P) are outliers."""
    first, third = np.quantile(eigenvalues, [0.25, 0.75], axis=-1)
    return first - WHISKERS * (third - first), third + WHISKERS * (third - first)


def _positive_outliers(eigenvalues: Array) -> Array:
    """Share (S,) of positive ones among all outliers of all runs; nan without an outlier."""
    low, high = (end[..., None] for end in _reach(eigenvalues))
    outliers = (eigenvalues < low) | (eigenvalues > high)
    number = outliers.sum(axis=(0, 2))
    return (outliers & (eigenvalues > 0)).sum(axis=(0, 2)) / np.where(number > 0, number, np.nan)


def draw_boxes(spectra: Spectra, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Boxes of all eigenvalues against the step, a panel for each data set, one above the other."""
    functions = {name: partial(_draw_boxes, spectra, name) for name in spectra.curvatures}
    return draw_panels(functions, panels, columns=1, panel=(6.4, 3.8), size=size)


def draw_ranks(spectra: Spectra, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Eigenvalues at the start and at the end, sorted, a panel for each data set, side by side."""
    functions = {name: partial(_draw_ranks, spectra, name) for name in spectra.curvatures}
    return draw_panels(functions, panels, columns=2, panel=(4.75, 4.0), size=size)


def _title(spectra: Spectra, name: str) -> str:
    runs = spectra.curvatures[name].runs.size
    return f"{NAMES[name]}, hidden layers {spectra.labels[name]}, {runs} run{'s' * (runs > 1)}"


def _draw_boxes(spectra: Spectra, name: str, ax: Axes) -> None:
    found = spectra.curvatures[name]
    pooled = found.eigenvalues.swapaxes(0, 1).reshape(found.steps.size, -1)
    ax.boxplot(list(pooled), tick_labels=[str(step) for step in found.steps], whis=WHISKERS,
               flierprops={"markersize": 2, "markeredgewidth": 0.4})  # fmt: skip
    low, high = _reach(pooled)
    limits = SHOWN * low.min(), SHOWN * high.max()
    cut = int(((pooled < limits[0]) | (pooled > limits[1])).sum())
    ax.axhline(0.0, color="0.5", linewidth=0.5)
    ax.tick_params(axis="x", rotation=45)
    ax.set(xlabel="time (steps)", ylabel="eigenvalues (nats)", ylim=limits)
    ax.set_title(f"{_title(spectra, name)}; {cut} of {pooled.size} eigenvalues are beyond")


def _draw_ranks(spectra: Spectra, name: str, ax: Axes) -> None:
    found = spectra.curvatures[name]
    for k, color in ((0, COLORS[0]), (-1, COLORS[3])):
        ordered = found.eigenvalues[:, k].mean(axis=0)
        negative = found.negative_eigenvalues[:, k].mean()
        label = f"step {found.steps[k]}: {negative:.3g} negative"
        ax.plot(np.arange(1, ordered.size + 1), ordered, ".", color=color, label=label)
    ax.set(xlabel="rank", ylabel="eigenvalues, mean over the runs (nats)", title=_title(spectra, name))
    symmetric_log(ax, found.eigenvalues)
    legend_beside(ax)


def _extra_seconds(scale: ScaleName) -> float:
    return 700.0 if scale == "paper" else 150.0


FIG7 = PaperFigure(
    "fig7",
    "boxes of the eigenvalues of the Hessian against the step, LJAT-like data and MNIST, two hidden layers",
    SAID_OF_FIG7,
    ensembles,
    compute,
    describe,
    draw_boxes,
    panels_of_ensembles(label=attrgetter("dataset")),
    extra_seconds=_extra_seconds,
)
FIGA1 = PaperFigure(
    "figA1",
    "sorted eigenvalues of the Hessian at the start and the end, LJAT-like data and MNIST, two hidden layers",
    SAID_OF_FIGA1,
    ensembles,
    compute,
    describe,
    draw_ranks,
    panels_of_ensembles(label=attrgetter("dataset")),
    extra_seconds=_extra_seconds,
)
