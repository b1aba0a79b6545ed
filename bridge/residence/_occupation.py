"""Time of runs in each minimum of a database, and their age then."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from bridge.residence._dwell import Dwells
from bridge.residence._jumps import Jumps, of_run
from landscape.database import Database
from landscape.support import Result

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Occupation(
    Result, shows=("label", "times", "ages"), axes={"n": "minimum"}, units={"times": "steps", "ages": "steps"}
):
    """Time of some runs in the n minima of a database, lowest first.

    Attributes
    ----------
    times : (n,) float64
        Sum of the observed times in each (`Dwells.seen`), in steps, without snapshots in no minimum.
    ages : (n,) float64
        Mean age in steps: geometric mean over the stays, weighted by these times; nan without a run.
    label : str
        The runs, or the age.
    """

    times: Floats
    ages: Floats
    label: str


def occupation(stays: Dwells, database: Database, *, runs: Sequence[int] | None = None) -> Occupation:
    """Add up all stays, or those of some runs.

    Raises
    ------
    ValueError
        If there is no such run.
    """
    label = "all runs" if runs is None else f"run {', '.join(map(str, runs))}"
    if runs is not None:
        check_runs(stays, runs)
        stays = select_stays(stays, np.isin(stays.runs, runs))
    begins, ends = (np.maximum(times, 1.0) for times in (stays.begins, stays.ends))
    return _add_up(stays, np.sqrt(begins * ends), database, label)


def occupation_at(stays: Dwells, database: Database, waiting_time: int) -> Occupation:
    """Add up the stays that contain one age tw, all with this age.

    Raises
    ------
    ValueError
        If it is outside the mapped steps.
    """
    chosen = select_stays(stays, stays.at(waiting_time))
    ages = np.full(chosen.runs.size, max(float(waiting_time), 1.0))
    return _add_up(chosen, ages, database, f"$t_w$ = {waiting_time}")


def check_runs(stays: Dwells, runs: Sequence[int]) -> None:
    """Raise a ValueError that names the first invalid one of `runs`."""
    last = int(stays.runs.max())
    if wrong := [run for run in runs if not 0 <= run <= last]:
        msg = f"a run must be one of 0 ... {last}; got {wrong[0]}"
        raise ValueError(msg)


def select_stays(stays: Dwells, chosen: NDArray[np.bool_]) -> Dwells:
    """Some of the stays."""
    return Dwells(**{field.name: getattr(stays, field.name)[chosen] for field in fields(Dwells)})


def run_path(stays: Dwells, hops: Jumps, run: int) -> tuple[Dwells, Jumps]:
    """The stays and jumps of one run: its path over the landscape.

    Raises
    ------
    ValueError
        If there is no such run.
    """
    check_runs(stays, [run])
    return select_stays(stays, stays.runs == run), of_run(hops, run)


def _add_up(stays: Dwells, ages: Floats, database: Database, label: str) -> Occupation:
    weights = np.maximum(stays.seen, 1.0)  # a run observed at a single step was there, too
    times = stays.sum_by_minimum(weights, database)
    logs = stays.sum_by_minimum(weights * np.log(ages), database)
    # runs that are the same time in their minima have the same mean age, to its rounding
    means = np.exp(np.round(logs / np.where(times > 0, times, 1.0), 12))
    return Occupation(times, np.where(times > 0, means, np.nan), label)
