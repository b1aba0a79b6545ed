"""Beyond the paper: the number of minima against mu, over depths, numbers of rows and realizations of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bridge.figures import _generalization, _sweep
from bridge.figures._base import PaperFigure, panels_called
from bridge.figures._ensembles import Ensemble, ScaleName
from bridge.figures._ranks import correlations_given
from bridge.figures._said_of_trends import SAID_OF_MINIMA_MU
from bridge.figures._sweep import Sweep, on_realizations, sweep
from bridge.figures._work import Work
from landscape.plots import Size
from landscape.search import Exploration
from landscape.support import Estimate

Array = NDArray[np.float64]

DRAWS = {"quick": 2, "paper": 3}
QUICK = ((5, 5),), (316, 3162)  # hidden layers and numbers of rows
SEARCHES = {"quick": 32, "paper": 2000}  # of every landscape, the same for all
STARTS = {"quick": 64, "paper": 1000}  # random starts, independent of one another, for the bounds


@dataclass(frozen=True, eq=False)
class MinimaMu:
    """Aging and landscapes of E networks."""

    networks: Sweep
    landscapes: tuple[Exploration, ...]

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
    return on_realizations(first, DRAWS[scale])


def compute(work: Work, ensembles: tuple[Ensemble, ...]) -> MinimaMu:
    """Explore the landscape of every network, with equal effort, and fit the aging of its runs."""
    return MinimaMu(sweep(work, ensembles), tuple(_explored(work, ensemble) for ensemble in ensembles))


def _explored(work: Work, ensemble: Ensemble) -> Exploration:
    """Searches, then random starts, whose minima alone bound the number: they are independent draws."""
    name = f"n{ensemble.rows}_h{ensemble.label.replace(',', '-')}_d{ensemble.dataset_seed}.db"
    path = work.folder / "minima-mu" / name
    work.explore(ensemble, path, searches=SEARCHES[work.scale])
    return work.estimate_minima(ensemble, path, starts=STARTS[work.scale])


def describe(result: MinimaMu) -> dict[str, Any]:
    """Both for each network, completeness, and their rank correlations: alone, given N, the depth and both."""
    networks = result.networks
    coverages = [one.coverage for one in result.landscapes]
    return _sweep.describe(networks) | {
        "searches": [one.searches for one in result.landscapes],
        "random_starts": [one.random_starts for one in result.landscapes],
        "minima_found": [one.minima for one in result.landscapes],
        "minima": result.minima,
        "minima_at_least": result.minima_at_least,
        "coverage": [one.value for one in coverages],
        "coverage_low": [one.low for one in coverages],
        "coverage_high": [one.high for one in coverages],
        **correlations_given(result.minima, networks.mu.value, networks.realizations, networks.given),
    }


def draw(result: MinimaMu, panels: Sequence[str] = (), size: Size = "screen") -> Figure:
    """The exponent against the number of minima, and their correlations given N and depth."""
    minima, label = (
        Estimate(result.minima, result.minima_at_least, result.minima),
        "minima, at least (Chao1; bar: bound at 95 %)",
    )
    return _sweep.draw(result.networks, "minima", minima, label, describe(result), panels, size)


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
