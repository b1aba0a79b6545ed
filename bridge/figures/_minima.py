"""The table of landscapes: numbers of minima and the published orders of magnitude."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._curves import ljat_ensembles
from bridge.figures._ensembles import Ensemble
from bridge.figures._said_of_loss import SAID_OF_MINIMA
from bridge.figures._work import Work
from dynamics.plots import COLORS
from landscape.database import Database
from landscape.plots import Size, draw_panels, legend_beside
from landscape.search import Exploration

PUBLISHED_MINIMA = (10, 1000, 10_000)
PLATEAU = (0.75, 0.85)  # nats: losses of about 0.8
SEARCHES = {"quick": 160, "paper": 6000}
STARTS = {"quick": 64, "paper": 1000}  # fresh random starts, for the estimate


@dataclass(frozen=True, eq=False)
class MinimaTable:
    """Landscapes of A architectures."""

    labels: tuple[str, ...]
    parameters: tuple[int, ...]
    summaries: tuple[Exploration, ...]
    at_plateau: tuple[int, ...]  # minima with losses in PLATEAU


def compute(work: Work, _runs: tuple[Ensemble, ...]) -> MinimaTable:
    """Explore the landscapes of figure 1, or continue."""
    ensembles, summaries, at_plateau = ljat_ensembles(work.scale), [], []
    for ensemble in ensembles:
        path = work.folder / f"landscape_h{ensemble.label.replace(',', '-')}.db"
        work.explore(ensemble, path, searches=SEARCHES[work.scale])
        summaries.append(work.estimate_minima(ensemble, path, starts=STARTS[work.scale]))
        with Database(path) as database:
            losses = database.graph().losses
        at_plateau.append(int(((losses > PLATEAU[0]) & (losses < PLATEAU[1])).sum()))
    labels = tuple(ensemble.label for ensemble in ensembles)
    return MinimaTable(labels, tuple(e.n_parameters for e in ensembles), tuple(summaries), tuple(at_plateau))


def describe(table: MinimaTable) -> dict[str, Any]:
    """Numbers found, lower bounds, and lowest losses."""
    estimates = [summary.estimated_minima for summary in table.summaries]
    return {
        "hidden": table.labels,
        "parameters": table.parameters,
        "searches": [summary.searches for summary in table.summaries],
        "minima": [summary.minima for summary in table.summaries],
        "estimated_minima": [None if e is None else (e.value, e.low, e.high) for e in estimates],
        "transition_states": [summary.transition_states for summary in table.summaries],
        "components": [summary.components for summary in table.summaries],
        "lowest_loss": [summary.lowest_loss for summary in table.summaries],
        "minima_at_plateau": table.at_plateau,
    }


def draw(table: MinimaTable, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """Numbers of minima per architecture: published, found, lower bound."""
    return draw_panels({"minima": partial(_draw, table)}, panels, panel=(5.5, 4.0), size=size)


def _draw(table: MinimaTable, ax: Axes) -> None:
    places = range(len(table.labels))
    ax.plot(places, PUBLISHED_MINIMA, "s--", color=COLORS[1], label="published, order of magnitude")
    ax.plot(places, [summary.minima for summary in table.summaries], "o", color=COLORS[0], label="found")
    for k, summary in enumerate(table.summaries):
        if (estimate := summary.estimated_minima) is not None and math.isfinite(estimate.value):
            label = "at least (Chao1; bar: bound at 95 %)" if k == 0 else None
            bar = [[estimate.value - estimate.low], [0.0]]
            ax.errorbar(k, estimate.value, yerr=bar, fmt="o", color=COLORS[0], mfc="white", capsize=3, label=label)
            arrow = {"arrowstyle": "<-", "color": COLORS[0], "shrinkB": 4.0}
            ax.annotate("", (k, estimate.value), (0.0, 22.0), textcoords="offset points", arrowprops=arrow)
    ax.set_xticks(places, table.labels)
    ax.set(yscale="log", xlabel="hidden layers", ylabel="minima")
    legend_beside(ax)


MINIMA = PaperFigure(
    "minima",
    "number of minima, LJAT-like data, one, two and three hidden layers",
    SAID_OF_MINIMA,
    lambda scale: (),
    compute,
    describe,
    draw,
    panels_called("minima"),
    extra_seconds=lambda scale: 7200.0 if scale == "paper" else 100.0,
)
