"""Command `overlay`."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from bridge.commands._cluster import cluster
from bridge.commands._figure_options import (
    CertifiedOnly,
    FigureSize,
    Picture,
    check_figure,
    chosen_panels,
    panel_option,
)
from bridge.commands._module_options import ModuleOptions
from bridge.commands._options import (
    AsJson,
    DataDir,
    FirstRuns,
    Jobs,
    RunsFile,
    Scheduler,
    describe_metadata,
    describe_runs,
)
from bridge.commands._overlay_report import (
    describe_barriers,
    describe_departures,
    describe_maps,
    describe_overlay,
    summary,
)
from bridge.commands._overlay_summary import summarize
from bridge.commands._progress import progress_bar
from bridge.commands._results import show
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.mapping import InherentStructures, inherent_structures, quench_folder
from bridge.plots import OVER_TIME_PANELS, plot_over_time, plot_overlay
from bridge.residence import (
    Dwells,
    Jumps,
    Occupation,
    compare_maps,
    dwells,
    jumps,
    occupation,
    occupation_at,
    run_path,
    search_jumps as find_states_of_jumps,
)
from dynamics.runs import Trajectories, load_trajectories
from landscape.database import Database, loss_of
from landscape.plots import save_figure

Maps = Literal["flow", "lbfgs", "both"]
MAPS: dict[str, tuple[Literal["flow", "lbfgs"], ...]] = {
    "flow": ("flow",), "lbfgs": ("lbfgs",), "both": ("flow", "lbfgs")
}  # fmt: skip


def overlay(
    database: Annotated[Path, typer.Argument(help="Database of minima; new ones are added.")],
    trajectories: RunsFile,
    output: Picture,
    method: Annotated[
        str,
        typer.Option(help="Map to minima: flow (true basin), lbfgs (faster), or both (draw flow, compare them)."),
    ] = "flow",
    snapshots: Annotated[
        str, typer.Option(help="Snapshots to map: waiting (waiting times and the last one), all, or a number per run.")
    ] = "waiting",
    replicas: FirstRuns = None,
    run: Annotated[int | None, typer.Option(min=0, help="Draw the path of this run; 0 is the first.")] = None,
    runs_side_by_side: Annotated[
        str | None, typer.Option(help="Draw a panel with visits and path for each of these runs, e.g. 0,3,7.")
    ] = None,
    at: Annotated[int | None, typer.Option(min=0, help="Draw only the stays at this waiting time (steps).")] = None,
    over_time: Annotated[
        Path | None,
        typer.Option(help="Second figure to write: losses, distinct minima, returns and dwell times over time."),
    ] = None,
    each_waiting_time: Annotated[bool, typer.Option(help="Draw a panel for each waiting time.")] = False,
    search_jumps: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="Number of jumps, or all, whose unknown transition states to search for, from the ridge between the "
            "snapshots before and after each (takes seconds per jump); 0 for none.",
        ),
    ] = "all",
    certified_only: CertifiedOnly = False,
    panel: Annotated[str | None, panel_option(", ".join(OVER_TIME_PANELS), "the figure of --over-time")] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    modules: ModuleOptions,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Map snapshots of runs to minima and draw the visits on the disconnectivity graph.

    Adds new minima, and transition states found from jumps, to the database.
    """
    check_figure(output)
    check_figure(over_time, panel, option="over-time")
    over_time_panels = chosen_panels(panel, OVER_TIME_PANELS)
    if method not in MAPS:
        msg = f"method must be one of {', '.join(MAPS)}; got {method!r}"
        raise ValueError(msg)
    most = _how_many(search_jumps) if "flow" in MAPS[method] else 0  # other maps have no basins with a ridge
    _check_panels(run, runs_side_by_side, at, each_waiting_time)
    runs = load_trajectories(trajectories).at_most(replicas)
    chosen, panels = _chosen_steps(runs, snapshots), _panel_runs(run, runs_side_by_side, runs.replicas)
    _check_age(at, runs, chosen)
    with Database(database) as opened, cluster(scheduler), progress_bar() as line, ExitStack() as stack:
        loss = loss_of(opened, module=modules.loaded(), data_dir=data_dir)
        is_long = say_time_ahead(loss, lambda cost: {f"a snapshot ({m})": cost.seconds(m) for m in MAPS[method]})
        loss, bar = stack.enter_context(following(loss, line, "map snapshots", is_long=is_long))
        maps = {
            name: inherent_structures(
                runs,
                opened,
                loss=loss,
                steps=chosen,
                method=name,
                path=quench_folder(trajectories),
                jobs=jobs,
                progress=lambda done, total, name=name: bar(f"map snapshots ({name})", done, total),
            )
            for name in MAPS[method]
        }
        structures = next(iter(maps.values()))
        found = find_states_of_jumps(
            structures,
            runs,
            opened,
            loss=loss,
            most=most,
            path=quench_folder(trajectories),
            jobs=jobs,
            progress=lambda done, total: bar("search from jumps", done, total),
        )
        hops = jumps(structures, opened)
        ages = runs.waiting_times if each_waiting_time else () if at is None else (at,)
        seen, paths = _panels(structures, hops, opened, panels, np.asarray(ages), whole=run is not None)
        figure = plot_overlay(opened, seen, paths=paths, certified_only=certified_only, size=size)
        if over_time is not None:
            save_figure(plot_over_time(runs, structures, opened, panels=over_time_panels, size=size), over_time)
        result = summary(structures, hops) | describe_departures(structures, runs.waiting_times)
        result |= describe_barriers(hops, loss, found, runs=runs, database=opened)
        details = describe_overlay(structures, hops, opened) if as_json else {}
        described = describe_runs(runs.metadata) | describe_metadata(opened.provenance.dataset)
    if len(maps) > 1:
        disagreement = describe_maps(compare_maps(*maps.values()))
        result |= {name: value for name, value in disagreement.items() if name != "maps_disagree_by_step"}
        details |= disagreement if as_json else {}
    save_figure(figure, output)
    result |= {"replicas": runs.replicas, "method": method, "output": output, **described}
    result |= {} if over_time is None else {"over_time": over_time}
    show(result | details, summarize(result), as_json=as_json)


def _how_many(jumps: str) -> int | None:
    """Number of jumps to search; None: all."""
    if jumps != "all" and not jumps.isdecimal():
        msg = f"--search-jumps must be a number of jumps or all; got {jumps!r}"
        raise ValueError(msg)
    return None if jumps == "all" else int(jumps)


def _check_panels(run: int | None, side_by_side: str | None, at: int | None, each: bool) -> None:
    """Raise a ValueError if two options ask for different panels."""
    given = {"--run": run is not None, "--runs-side-by-side": side_by_side is not None, "--at": at is not None}
    names = [name for name, is_given in (given | {"--each-waiting-time": each}).items() if is_given]
    if len(names) > 1:
        msg = f"give only one of {', '.join(names)}: each decides what the panels show"
        raise ValueError(msg)


def _check_age(at: int | None, runs: Trajectories, chosen: NDArray[np.int64] | Literal["all"] | None) -> None:
    """Raise a ValueError, before any snapshot is mapped, if there is no stay at this age."""
    if isinstance(chosen, str):
        steps = runs.steps
    else:
        steps = np.append(runs.waiting_times, runs.steps[-1]) if chosen is None else chosen
    low, high = int(min(steps)), int(max(steps))
    if at is not None and not low <= at <= high:
        msg = f"--at, a waiting time, must lie within the mapped steps, {low} ... {high}; got {at}"
        raise ValueError(msg)


def _chosen_steps(runs: Trajectories, snapshots: str) -> NDArray[np.int64] | Literal["all"] | None:
    """Steps to map: for a number so many snapshots, evenly spaced among those there are, and the waiting times."""
    if snapshots in {"all", "waiting"}:
        return "all" if snapshots == "all" else None
    if not snapshots.isdecimal() or int(snapshots) < 1:
        msg = f"--snapshots must be waiting, all or a number of snapshots; got {snapshots!r}"
        raise ValueError(msg)
    places = np.linspace(0, runs.steps.size - 1, min(int(snapshots), runs.steps.size))
    waiting = runs.steps[np.isin(runs.steps, runs.waiting_times)]
    return np.union1d(runs.steps[np.rint(places).astype(np.int64)], waiting)


def _panel_runs(run: int | None, side_by_side: str | None, replicas: int) -> list[int]:
    """Runs whose path is drawn."""
    if side_by_side is None:
        numbers = [] if run is None else [run]
    elif all(part.isdecimal() for part in side_by_side.split(",")):
        numbers = [int(part) for part in side_by_side.split(",")]
    else:
        msg = f"--runs-side-by-side must be runs such as 0,3,7; got {side_by_side!r}"
        raise ValueError(msg)
    if wrong := [number for number in numbers if number >= replicas]:
        option = "--run" if side_by_side is None else "--runs-side-by-side"
        msg = f"{option} must be within 0 ... {replicas - 1}; got {wrong[0]}"
        raise ValueError(msg)
    return numbers


def _panels(
    structures: InherentStructures,
    hops: Jumps,
    database: Database,
    runs: list[int],
    ages: NDArray[np.int64],
    *,
    whole: bool,
) -> tuple[list[Occupation], list[tuple[Dwells, Jumps] | None]]:
    """What each panel shows: with `whole` the visits of all runs below the path of one."""
    stays = dwells(structures)
    if ages.size:
        return [occupation_at(stays, database, age) for age in ages.tolist()], []
    if not runs:
        return [occupation(stays, database)], []
    paths: list[Any] = [run_path(stays, hops, run) for run in runs]
    if whole:
        together = occupation(stays, database)
        return [replace(together, label=f"{together.label}, path of run {run}") for run in runs], paths
    return [occupation(stays, database, runs=[run]) for run in runs], paths
