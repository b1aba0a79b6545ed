"""Options of `overlay`: which snapshots are mapped, and what the panels show."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._parsing import parse_list
from bridge.mapping import InherentStructures, default_steps
from bridge.residence import Dwells, Jumps, Occupation, dwells, occupation, occupation_at, run_path
from dynamics.runs import Trajectories
from landscape.database import Database
from landscape.support import parse_whole

Map = Literal["flow", "lbfgs"]
MAPS: dict[str, tuple[Map, ...]] = {"flow": ("flow",), "lbfgs": ("lbfgs",), "both": ("flow", "lbfgs")}
Steps = NDArray[np.int64] | Literal["all"] | None
Panels = tuple[list[Occupation], list[tuple[Dwells, Jumps] | None]]  # visits, and paths of runs


@dataclass(frozen=True, kw_only=True)
class PanelOptions:
    """The options that choose what the panels show: at most one is given."""

    run: Annotated[int | None, typer.Option(min=0, help="Draw the path of this run; 0 is the first.")] = None
    runs_side_by_side: Annotated[
        str | None, typer.Option(help="Draw a panel with visits and path for each of these runs, e.g. 0,3,7.")
    ] = None
    at: Annotated[int | None, typer.Option(min=0, help="Draw only the stays at this waiting time (steps).")] = None
    each_waiting_time: Annotated[bool, typer.Option(help="Draw a panel for each waiting time.")] = False

    def check(self) -> None:
        """Raise a ValueError if two options ask for different panels."""
        given = {
            "--run": self.run is not None,
            "--runs-side-by-side": self.runs_side_by_side is not None,
            "--at": self.at is not None,
            "--each-waiting-time": self.each_waiting_time,
        }
        names = [name for name, is_given in given.items() if is_given]
        if len(names) > 1:
            msg = f"give only one of {', '.join(names)}: each decides what the panels show"
            raise ValueError(msg)

    def check_age(self, runs: Trajectories, chosen: Steps) -> None:
        """Raise a ValueError, before any snapshot is mapped, if there is no stay at this age."""
        if isinstance(chosen, str):
            steps = runs.common_steps
        else:
            steps = default_steps(runs) if chosen is None else chosen
        low, high = int(min(steps)), int(max(steps))
        if self.at is not None and not low <= self.at <= high:
            msg = f"--at, a waiting time, must lie within the mapped steps, {low} ... {high}; got {self.at}"
            raise ValueError(msg)

    def runs(self, replicas: int) -> list[int]:
        """Runs, of so many, whose path is drawn."""
        chosen = self.runs_side_by_side
        if chosen is None:
            numbers = [] if self.run is None else [self.run]
        else:
            numbers = parse_list(chosen, "runs-side-by-side", "runs such as 0,3,7")
        if wrong := [number for number in numbers if number >= replicas]:
            option = "--run" if chosen is None else "--runs-side-by-side"
            msg = f"{option} must be within 0 ... {replicas - 1}; got {wrong[0]}"
            raise ValueError(msg)
        return numbers

    def panels(
        self, structures: InherentStructures, hops: Jumps, database: Database, waiting_times: NDArray[np.int64]
    ) -> Panels:
        """What each panel shows: with --run the visits of all runs below the path of one."""
        stays, runs = dwells(structures), self.runs(len(structures.minimum_ids))
        ages = waiting_times.tolist() if self.each_waiting_time else [] if self.at is None else [self.at]
        if ages:
            return [occupation_at(stays, database, age) for age in ages], []
        if not runs:
            return [occupation(stays, database)], []
        paths: list[Any] = [run_path(stays, hops, run) for run in runs]
        if self.run is not None:
            together = occupation(stays, database)
            return [replace(together, label=f"{together.label}, path of run {run}") for run in runs], paths
        return [occupation(stays, database, runs=[run]) for run in runs], paths


def jumps_to_search(jumps: str, maps: tuple[Map, ...]) -> int | None:
    """Number of jumps to search; None: all. Without the flow none: other maps have no basins with a ridge."""
    if "flow" not in maps:
        return 0
    if jumps == "all":
        return None
    number = parse_whole(jumps)
    if number is None or number < 0:
        msg = f"--search-jumps must be a number of jumps or all; got {jumps!r}"
        raise ValueError(msg)
    return number


def chosen_steps(runs: Trajectories, snapshots: str) -> Steps:
    """Steps to map: for a number so many snapshots, evenly spaced among those there are, and the waiting times."""
    if snapshots in {"all", "waiting"}:
        return "all" if snapshots == "all" else None
    number = parse_whole(snapshots)
    if number is None or number < 1:
        msg = f"--snapshots must be waiting, all or a number of snapshots; got {snapshots!r}"
        raise ValueError(msg)
    steps = runs.common_steps
    places = np.linspace(0, steps.size - 1, min(number, steps.size))
    return np.union1d(steps[np.rint(places).astype(np.int64)], steps[np.isin(steps, runs.waiting_times)])
