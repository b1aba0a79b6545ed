"""Share of their time that the runs spend in each superbasin, at each level of the disconnectivity tree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.mapping import InherentStructures
from bridge.residence._dwell import Dwells, dwells
from landscape.database import Database
from landscape.graph import LandscapeGraph, disconnectivity_tree, superbasins
from landscape.support import Result

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

LEVELS = 12
ABOVE, UNMAPPED = -1, -2  # used instead of the number of a superbasin


@dataclass(frozen=True, eq=False)
class SuperbasinShares(Result, shows=("levels", "n_superbasins", "unmapped")):
    """Time in superbasins at L levels, from the highest to the lowest. At each level all shares sum to one.

    Attributes
    ----------
    levels : (L,) float64
        Losses in nats.
    n_superbasins : (L,) int64
        Superbasins of the landscape at each level.
    superbasins : tuple of (k,) int64
        Visited superbasins for each level: 0 contains the global minimum (`landscape.graph.superbasins`).
    shares : tuple of (k,) float64
        Share of the time of all runs in each of them.
    above : (L,) float64
        Share of the time in minima above the level.
    unmapped : float
        Share of the time in no minimum.
    """

    levels: Floats
    n_superbasins: Integers
    superbasins: tuple[Integers, ...]
    shares: tuple[Floats, ...]
    above: Floats
    unmapped: float

    @property
    def largest(self) -> Floats:
        """Share (L,) of the time in the superbasin of the most visits; 0 if none was visited."""
        return np.array([shares.max(initial=0.0) for shares in self.shares])

    @property
    def effective(self) -> Floats:
        """Effective number (L,) of superbasins: exp of the entropy of the shares below the level.

        nan if none was visited.
        """
        result = np.full(self.levels.size, np.nan)
        for k, shares in enumerate(self.shares):
            if shares.size:
                p = shares / shares.sum()
                result[k] = np.exp(-(p * np.log(p)).sum())
        return result


def superbasin_shares(stays: Dwells, database: Database, levels: int | ArrayLike = LEVELS) -> SuperbasinShares:
    """Add up the observed times in the minima (`Dwells.seen`) by superbasin.

    Parameters
    ----------
    stays : Dwells
    database : Database
    levels : int or (L,) array
        Losses in nats in ascending order, or the number of equally spaced ones (`landscape.disconnectivity_tree`).

    Raises
    ------
    ValueError
        If `levels` is invalid.
    """
    graph = database.graph()
    grid = disconnectivity_tree(graph, levels, certified_only=True).grid[::-1]
    # a single step gives no time
    lengths, seen = (stays.lengths, stays.seen) if stays.lengths.any() else (np.ones(stays.runs.size),) * 2
    weights = seen / lengths.sum()
    per_minimum = stays.sum_by_minimum(weights, database)
    rows = [_at_level(graph, level, per_minimum) for level in grid.tolist()]
    return SuperbasinShares(
        levels=grid.copy(),
        n_superbasins=np.array([n for n, _, _, _ in rows], dtype=np.int64),
        superbasins=tuple(labels for _, labels, _, _ in rows),
        shares=tuple(shares for _, _, shares, _ in rows),
        above=np.array([above for *_, above in rows]),
        unmapped=max(1.0 - float(weights[stays.known].sum()), 0.0),
    )


def _at_level(graph: LandscapeGraph, level: float, shares: Floats) -> tuple[int, Integers, Floats, float]:
    """Number of superbasins, the visited ones, their shares and the share above the level."""
    labels = superbasins(graph, level)
    below = labels >= 0
    sums = np.bincount(labels[below], shares[below]).astype(np.float64)
    visited = np.flatnonzero(sums)
    return sums.size, visited, sums[visited], float(shares[~below].sum())


@dataclass(frozen=True, eq=False)
class SuperbasinHistory(Result, shows=("level", "n_superbasins", "shares"), axes={"k": "superbasin"}):
    """Share of the runs in each of k visited superbasins at S steps. At each step all shares sum to one.

    Attributes
    ----------
    steps : (S,) int64
    level : float
        Loss in nats below which minima are connected.
    n_superbasins : int
        Superbasins of the landscape at this level.
    superbasins : (k,) int64
        Visited superbasins: 0 contains the global minimum (`landscape.graph.superbasins`).
    shares : (k, S) float64
    above : (S,) float64
        Share in minima above the level.
    unmapped : (S,) float64
        Share in no minimum.
    loss_unit : str
        Unit of the losses in words; empty for a squared error.
    """

    steps: Integers
    level: float
    n_superbasins: int
    superbasins: Integers
    shares: Floats
    above: Floats
    unmapped: Floats
    loss_unit: str = "nats"


def superbasin_history(
    structures: InherentStructures, database: Database, level: float | None = None
) -> SuperbasinHistory:
    """Follow the runs among the superbasins over time.

    `level` is a loss in nats; by default that of `superbasin_shares` at which the time is spread over the most
    superbasins.
    """
    graph = database.graph()
    if level is None:
        shares = superbasin_shares(dwells(structures), database)
        level = float(shares.levels[np.argmax(np.nan_to_num(shares.effective))])
    labels = superbasins(graph, level)
    of_runs = np.full(structures.minimum_ids.shape, UNMAPPED)
    of_runs[structures.known] = labels[database.positions(structures.minimum_ids[structures.known])]
    visited = np.unique(of_runs[of_runs >= 0])
    return SuperbasinHistory(
        steps=structures.steps,
        level=level,
        n_superbasins=int(labels.max(initial=-1)) + 1,
        superbasins=visited,
        shares=np.array([(of_runs == number).mean(axis=0) for number in visited]).reshape(-1, structures.steps.size),
        above=(of_runs == ABOVE).mean(axis=0),
        unmapped=(of_runs == UNMAPPED).mean(axis=0),
        loss_unit=graph.loss_unit,
    )
