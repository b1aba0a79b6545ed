"""How the landscapes depend on the number of rows: numbers of minima, and funnels."""

import math
from functools import cache

from bridge.claims._claim import Contrast
from bridge.claims._ensembles import FEW_ROWS, MANY_ROWS
from bridge.figures import FIGURES, Ensemble, Work
from landscape.database import Database
from landscape.graph import funnelling

SEARCHES = {"quick": 64, "paper": 192}  # of every landscape: the numbers found are compared at equal effort


def minima_and_rows(work: Work, draw: int) -> list[Contrast]:
    """Logarithms of ratios of numbers of minima: several layers over one, and few rows over many."""
    found = _explored(work, draw)
    one, *deep = found
    contrasts = [(f"{d} over {one}, N = {FEW_ROWS}", found[d][0][0], found[one][0][0]) for d in deep]
    contrasts += [(f"{d}, N = {FEW_ROWS} over {MANY_ROWS}", found[d][0][0], found[d][1][0]) for d in deep]
    return [Contrast(f"{name} ({a:.0f} and {b:.0f})", math.log(a / b)) for name, a, b in contrasts]


def funnels(work: Work, draw: int) -> list[Contrast]:
    """Differences of funneled shares: one layer less several on few rows, and many rows less few for several."""
    found = _explored(work, draw)
    one, *deep = found
    contrasts = [(f"{one} less {d}, N = {FEW_ROWS}", found[one][0][1], found[d][0][1]) for d in deep]
    contrasts += [(f"{d}, N = {MANY_ROWS} less {FEW_ROWS}", found[d][1][1], found[d][0][1]) for d in deep]
    return [Contrast(f"{name} ({a:.2f} and {b:.2f})", a - b) for name, a, b in contrasts]


@cache
def _explored(work: Work, draw: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Number of minima found and their funneled share, for each depth on few and on many rows."""
    depths = FIGURES["fig1"].ensembles(work.scale)
    both = (FEW_ROWS, MANY_ROWS)
    return {one.label: tuple(_explore(work, one.hidden, rows, draw) for rows in both) for one in depths}


def _explore(work: Work, hidden: tuple[int, ...], rows: int, draw: int) -> tuple[float, float]:
    ensemble = Ensemble(hidden, 0, 0, rows=rows, dataset_seed=draw)
    path = work.folder / f"landscape_n{rows}_h{ensemble.label.replace(',', '-')}_d{draw}.db"
    work.explore(ensemble, path, searches=SEARCHES[work.scale])
    with Database(path) as database:
        graph = database.graph()
    return float(graph.n_minima), funnelling(graph).share
