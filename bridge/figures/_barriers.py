"""Barriers around the minima of SGD against the temperature of its gradient noise."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.explanation import exit_temperatures
from dynamics.training import Optimizer
from landscape.database import Database
from landscape.kinetics import Barriers
from landscape.losses import DataLoss

Array = NDArray[np.float64]

KRAMERS = 3.0  # temperatures below which no theory of rates holds for a barrier
COLDEST = 1e-30  # nats: less is no noise at all within rounding, where symmetry forbids it


@dataclass(frozen=True, eq=False)
class Crossings:
    """Exits over m transition states, from the first and from the second minimum of each, in nats.

    Parameters
    ----------
    heights : (m, 2) float64
        Barriers.
    near_minimum, unstable : (m, 2) float64
        Effective temperatures of `bridge.explanation.exit_temperatures`: weighted by curvature at the minimum, and
        along the unstable mode at the transition state.
    """

    heights: Array
    near_minimum: Array
    unstable: Array

    def numbers(self) -> dict[str, Any]:
        """Medians, the share of exits lower than 3 T, and quartiles of how much colder the unstable mode is."""
        known = self.heights > 0
        heights, near, unstable = self.heights[known], self.near_minimum[known], self.unstable[known]
        colder = np.log10(near / np.maximum(unstable, COLDEST))
        return {
            "exits": heights.size,
            "barrier": _median(heights),
            "temperature_near_minimum": _median(near),
            "temperature_unstable": _median(unstable),
            "barrier_over_t_near_minimum": _median(heights / near),
            "barrier_over_t_unstable": _median(heights / np.maximum(unstable, COLDEST)),
            "exits_below_3t": float((heights < KRAMERS * near).mean()) if heights.size else np.nan,
            "decades_colder": _median(colder),
            "decades_colder_low": _median(colder, 25.0),
            "decades_colder_high": _median(colder, 75.0),
        }


def _median(values: Array, percentage: float = 50.0) -> float:
    return float(np.percentile(values, percentage)) if values.size else float("nan")


def crossings(
    loss: DataLoss,
    database: Database,
    visited: ArrayLike,
    optimizer: Optimizer,
    *,
    most: int,
    path: Path,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Crossings:
    """Barriers and temperatures at the lowest `most` transition states of visited minima; of all if they have none."""
    wanted = set(np.asarray(visited).tolist())
    every = sorted(database.transition_states, key=lambda state: state.point.value)
    states = ([state for state in every if wanted & set(state.minimum_ids)] or every)[:most]
    if not states:
        return Crossings(*(np.empty((0, 2)) for _ in range(3)))
    minima = [database.minimum(number) for number in sorted({n for state in states for n in state.minimum_ids})]
    t = exit_temperatures(loss, minima, states, optimizer, path=path, jobs=jobs, progress=progress)
    return Crossings(Barriers.of(minima, states).heights, t["curved"], t["unstable"])
