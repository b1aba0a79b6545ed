"""Beyond the paper: the number of minima against mu, over depths, numbers of rows and realizations of the data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures import _generalization
from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._ranks import correlations_given, draw_correlations
from bridge.figures._said_of_trends import SAID_OF_MINIMA_MU
from bridge.figures._work import Work
from dynamics.aging_times import Aging, aging
from dynamics.displacement import mean_square_displacement
from dynamics.plots import COLORS, mu_bars
from landscape.plots import Size, draw_panels, legend_beside
from landscape.search import Exploration, estimate_minima, explore

Array = NDArray[np.float64]

THRESHOLD = 1e-2
DRAWS = {"quick": 2, "paper": 3}
QUICK = ((5, 5),), (316, 3162)  # hidden layers and numbers of rows
OTHER_REPLICAS = 6  # runs on each realization but the first
SEARCHES = {"quick": 32, "paper": 2000}  # of every landscape, the same for all
STARTS = {"quick": 64, "paper": 1000}  # random starts, independent of one another, for the bounds


@dataclass(frozen=True, eq=False)
class MinimaMu:
    """Landscapes and aging of E networks.

    Parameters
    ----------
    labels : tuple of str, (E,)
        Hidden layers.
    depth, rows, realizations : (E,) int64
        Number of hidden layers, N, and the draw of the data.
    landscapes : tuple of Exploration, (E,)
    fits : tuple of Aging, (E,)
    """

    labels: tuple[str, ...]
    depth: NDArray[np.int64]
    rows: NDArray[np.int64]
    realizations: NDArray[np.int64]
    landscapes: tuple[Exploration, ...]
    fits: tuple[Aging, ...]

    @property
    def mu(self) -> Array:
        """Exponents (E,)."""
        return np.array([fit.mu.value for fit in self.fits])

    @property
    def minima(self) -> Array:
        """Lower bound in expectation (E,) on the number of minima: Chao1 of the random starts, or those known."""
        return self._bounds("value")

    @property
    def minima_at_least(self) -> Array:
        """Lower bound (E,) at 95 %."""
        return self._bounds("low")

    def _bounds(self, end: str) -> Array:
        found = (one.estimated_minima for one in self.landscapes)
        return np.array([np.nan if one is None else getattr(one, end) for one in found])


def ensembles(scale: ScaleName) -> tuple[Ensemble, ...]:
    """Three depths, four numbers of rows, three realizations, of the runs of mu against generalization; or a few."""
    hidden, rows = QUICK
    first = [
        one
        for one in _generalization.ensembles(scale)
        if scale == "paper" or (one.hidden in hidden and one.rows in rows)
    ]
    draws = range(1, DRAWS[scale])
    return (*first, *(replace(one.at_most(OTHER_REPLICAS), dataset_seed=draw) for draw in draws for one in first))


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> MinimaMu:
    """Explore the landscape of every network, with equal effort, and fit the aging of its runs."""
    msds = [mean_square_displacement(work.runs(ensemble)) for ensemble in ensembles]
    return MinimaMu(
        labels=tuple(ensemble.label for ensemble in ensembles),
        depth=np.array([len(ensemble.hidden) for ensemble in ensembles]),
        rows=np.array([work.data(ensemble).rows for ensemble in ensembles]),
        realizations=np.array([ensemble.dataset_seed for ensemble in ensembles]),
        landscapes=tuple(_explored(work, ensemble) for ensemble in ensembles),
        fits=tuple(aging(msd, THRESHOLD, rng=work.seed) for msd in msds),
    )


def _explored(work: Work, ensemble: Ensemble) -> Exploration:
    """Searches, then random starts, whose minima alone bound the number: they are independent draws."""
    path = (
        work.folder / "minima-mu" / f"n{ensemble.rows}_h{ensemble.label.replace(',', '-')}_d{ensemble.dataset_seed}.db"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {
        "seed": work.seed,
        "jobs": work.jobs,
        "progress": lambda done, total, _: work.progress(f"explore {path.stem}", done, total or done),
    }
    explore(work.loss(ensemble), path, searches=SEARCHES[work.scale], **common)
    return estimate_minima(work.loss(ensemble), path, starts=STARTS[work.scale], **common)


def describe(result: MinimaMu) -> dict[str, Any]:
    """Both for each network, completeness, and their rank correlations: alone, given N, the depth and both."""
    given = {"N": result.rows, "depth": result.depth}
    ranks = correlations_given(result.minima, result.mu, result.realizations, given)
    coverages = [one.coverage for one in result.landscapes]
    return {
        "hidden": result.labels,
        "rows": result.rows,
        "realizations": result.realizations,
        "replicas": [len(fit.t_star_runs) for fit in result.fits],
        "searches": [one.searches for one in result.landscapes],
        "random_starts": [one.random_starts for one in result.landscapes],
        "minima_found": [one.minima for one in result.landscapes],
        "minima": result.minima,
        "minima_at_least": result.minima_at_least,
        "coverage": [one.value for one in coverages],
        "coverage_low": [one.low for one in coverages],
        "coverage_high": [one.high for one in coverages],
        "mu": result.mu,
        "mu_low": [fit.mu.low for fit in result.fits],
        "mu_high": [fit.mu.high for fit in result.fits],
        **ranks,
        "threshold": THRESHOLD,
    }


def draw(result: MinimaMu, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against the number of minima, and their correlations given N and depth."""
    functions = {"minima": partial(_draw, result), "correlations": partial(draw_correlations, describe(result))}
    return draw_panels(functions, panels, columns=2, panel=(5.4, 4.2), size=size)


def _draw(result: MinimaMu, ax: Axes) -> None:
    depths, numbers = (list(dict.fromkeys(values)) for values in (result.labels, result.rows.tolist()))
    columns = (result.labels, result.rows.tolist(), result.minima, result.minima_at_least, result.fits)
    for label, rows, minima, least, fit in zip(*columns, strict=True):
        ax.errorbar(
            minima,
            fit.mu.value,
            xerr=[[max(0.0, float(np.nan_to_num(minima - least)))], [0.0]],
            yerr=mu_bars([fit]),
            fmt=_generalization.ROW_MARKERS[numbers.index(rows) % len(_generalization.ROW_MARKERS)],
            color=COLORS[depths.index(label) % len(COLORS)],
            elinewidth=0.8,
        )
    known = np.isfinite(result.minima).any()
    ax.set(
        xscale="log" if known else "linear",
        xlabel="minima, at least (Chao1; bar: bound at 95 %)",
        ylabel=r"exponent $\mu$ (95 %)",
    )
    legend_beside(ax, handles=_generalization.handles(numbers, depths))


MINIMA_MU = PaperFigure(
    "minima-mu",
    "beyond the paper: the number of minima against the aging exponent, over depths, N and realizations",
    SAID_OF_MINIMA_MU,
    ensembles,
    compute,
    describe,
    draw,
    panels_called("minima", "correlations"),
    extra_seconds=lambda scale: 100_000.0 if scale == "paper" else 120.0,
)
