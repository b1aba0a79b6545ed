"""Disagreement of two quenches that map the same snapshots to minima."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.mapping import InherentStructures
from bridge.residence._presence import compare_places
from dynamics.statistics import ZERO_TO_ONE, ratio_over_runs
from landscape.support import Estimate, Result


@dataclass(frozen=True, eq=False)
class MapDisagreement(Result, shows=("share", "compared", "different")):
    """Snapshots that two maps send to different minima, at S steps.

    Attributes
    ----------
    steps : (S,) int64
    compared : (S,) int64
        Snapshots that both maps send to a minimum.
    different : (S,) int64
        Those whose minima differ.
    share : Estimate
        Share of all compared snapshots that differ, with its interval over the runs; nan without any.
    """

    steps: NDArray[np.int64]
    compared: NDArray[np.int64]
    different: NDArray[np.int64]
    share: Estimate[float]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share (S,) at each step; nan if nothing was compared."""
        return np.where(self.compared > 0, self.different / np.maximum(self.compared, 1), np.nan)


def compare_maps(first: InherentStructures, second: InherentStructures) -> MapDisagreement:
    """Count snapshots that two maps send to different minima of one database.

    Raises
    ------
    ValueError
        If they map different steps, or different numbers of runs.
    """
    for name, a, b in (
        ("steps", first.steps.tolist(), second.steps.tolist()),
        ("runs", len(first.minimum_ids), len(second.minimum_ids)),
    ):
        if a != b:
            msg = f"both maps must have the same {name}; got {a} and {b}"
            raise ValueError(msg)
    same, different = compare_places(first.minimum_ids, second.minimum_ids)
    compared = same | different
    share = ratio_over_runs(different.sum(axis=1), compared.sum(axis=1), within=ZERO_TO_ONE)
    return MapDisagreement(first.steps, compared.sum(axis=0), different.sum(axis=0), share)
