"""Beyond the paper: mu over realizations of the data set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bridge.figures._base import PaperFigure, panels_of_ensembles
from bridge.figures._curves import ljat_ensembles
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._work import Work
from bridge.plots import panel_name
from dynamics.aging_times import ExponentSpread, Realizations, compare_realizations
from dynamics.displacement import mean_square_displacement
from dynamics.plots import COLORS, plot_spread
from landscape.plots import Size, draw_panels
from landscape.support import in_numbers

SEEDS = {"quick": 4, "paper": 8}
REPLICAS = {"quick": 8, "paper": 40}
NUMBERS = (
    "sd",
    "standard_error",
    "within_sd",
    "between_sd",
    "p_value",
)


@dataclass(frozen=True, eq=False)
class RealizationFigure:
    """One comparison of realizations per architecture."""

    labels: tuple[str, ...]
    results: tuple[Realizations, ...]


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Each architecture on several realizations of the 1000 rows."""
    return tuple(
        replace(ensemble, replicas=REPLICAS[scale], dataset_seed=seed)
        for ensemble in ljat_ensembles(scale)
        for seed in range(SEEDS[scale])
    )


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> RealizationFigure:
    """The spread of mu over data and over runs."""
    labels = tuple(dict.fromkeys(ensemble.label for ensemble in ensembles))
    results = []
    for label in labels:
        msds = [mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles if ensemble.label == label]
        results.append(compare_realizations(msds, rng=work.seed))
    return RealizationFigure(labels, tuple(results))


def describe(result: RealizationFigure) -> dict[str, Any]:
    """Means, spreads and intervals of both slopes, per architecture."""
    return {
        "hidden": result.labels,
        "threshold": result.results[0].threshold,
        "from_waiting_time": result.results[0].from_waiting_time,
        "replicas": [part.replicas for part in result.results],
        "mu": [_numbers(part.mu) for part in result.results],
        "later_mu": [_numbers(part.later_mu) for part in result.results],
        "status": [str(part.status) for part in result.results],
    }


def _numbers(spread: ExponentSpread) -> dict[str, Any]:
    each = {"values": spread.each.value, "low": spread.each.low, "high": spread.each.high}
    return in_numbers({"mean": spread.mean}) | {name: getattr(spread, name) for name in NUMBERS} | each


def draw(result: RealizationFigure, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """A panel per architecture: the slope beyond the bend on every realization, its mean and interval."""
    functions = {panel_name(label): partial(_draw, result, k) for k, label in enumerate(result.labels)}
    return draw_panels(functions, panels, columns=3, panel=(4.2, 3.8), size=size, same_y=True)


def _draw(result: RealizationFigure, k: int, ax: Axes) -> None:
    part = result.results[k]
    plot_spread(part.later_mu, ax, color=COLORS[k])
    ax.set_title(f"{result.labels[k]}, $t_w$ > {part.from_waiting_time:.0f}: {ax.get_title()}")


REALIZATIONS = PaperFigure(
    "realizations",
    "beyond the paper: mu beyond the bend on several realizations of the data set",
    (),
    ensembles,
    compute,
    describe,
    draw,
    panels_of_ensembles(),
)
