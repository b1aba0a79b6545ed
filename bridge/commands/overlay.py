"""Command `overlay`."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._cluster import cluster
from bridge.commands._database_checks import check_order
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
from bridge.commands._overlay_options import MAPS, Map, PanelOptions, Steps, chosen_steps, jumps_to_search
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
from bridge.residence import jumps, search_jumps as find_states_of_jumps
from dynamics.runs import Trajectories, load_trajectories, undescribed
from dynamics.snapshots import with_loss
from landscape.database import Database, loss_of
from landscape.plots import save_figure


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
    *,
    panels: PanelOptions,
    over_time: Annotated[
        Path | None,
        typer.Option(help="Second figure to write: losses, distinct minima, returns and dwell times over time."),
    ] = None,
    search_jumps: Annotated[
        str,
        typer.Option(
            metavar="N|all",
            help="Number of jumps, or all, whose unknown transition states to search for, from the ridge between the "
            "snapshots before and after each (seconds per jump for a perceptron, minutes for a module); 0 for none.",
        ),
    ] = "all",
    certified_only: CertifiedOnly = False,
    panel: Annotated[str | None, panel_option(", ".join(OVER_TIME_PANELS), "the figure of --over-time")] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    modules: ModuleOptions,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Map snapshots of runs to minima and draw the visits on the disconnectivity graph.

    Adds new minima, and transition states found from jumps, to the database.
    """
    check_order(database, trajectories)
    check_figure(output)
    check_figure(over_time, panel, option="over-time")
    over_time_panels = chosen_panels(panel, OVER_TIME_PANELS)
    if method not in MAPS:
        msg = f"method must be one of {', '.join(MAPS)}; got {method!r}"
        raise ValueError(msg)
    most = jumps_to_search(search_jumps, MAPS[method])
    panels.check()
    runs = load_trajectories(trajectories).at_most(replicas)
    chosen = chosen_steps(runs, snapshots)
    panels.runs(runs.replicas)  # before any snapshot is mapped
    panels.check_age(runs, chosen)
    with Database(database) as opened, cluster(scheduler), progress_bar() as line, ExitStack() as stack:
        loss = loss_of(opened, module=modules.loaded(), data_dir=data_dir)
        if undescribed(runs):
            runs = with_loss(runs, loss)
        is_long = say_time_ahead(loss, lambda cost: {f"a snapshot ({m})": cost.seconds(m) for m in MAPS[method]})
        loss, bar = stack.enter_context(following(loss, line, "map snapshots", is_long=is_long))
        shared: Any = {"loss": loss, "path": quench_folder(trajectories), "jobs": jobs}
        maps = _mapped(runs, opened, MAPS[method], chosen, bar, **shared)
        structures = maps[0]
        searched = find_states_of_jumps(
            structures, runs, opened, most=most, progress=partial(bar, "search from jumps"), **shared
        )
        hops = jumps(structures, opened)
        seen, paths = panels.panels(structures, hops, opened, runs.waiting_times)
        figure = plot_overlay(opened, seen, paths=paths, certified_only=certified_only, size=size)
        if over_time is not None:
            second = plot_over_time(runs, structures, opened, panels=over_time_panels, size=size)
            save_figure(second, over_time)
        result = summary(structures, hops) | describe_departures(structures, runs.waiting_times)
        result |= describe_barriers(hops, loss, searched, runs=runs, database=opened)
        details = describe_overlay(structures, hops, opened) if as_json else {}
        described = describe_runs(runs.metadata) | describe_metadata(opened.provenance.dataset)
    save_figure(figure, output)
    result |= describe_maps(maps, by_step=as_json) | {"replicas": runs.replicas, "method": method, "output": output}
    result["loss_unit"] = loss.unit
    result |= described | ({} if over_time is None else {"over_time": over_time})
    show(result | details, summarize(result), as_json=as_json)


def _mapped(
    runs: Trajectories, database: Database, names: Sequence[Map], steps: Steps, bar: Any, **options: Any
) -> list[InherentStructures]:
    """The minima of the snapshots by each of these maps."""
    return [
        inherent_structures(
            runs, database, steps=steps, method=name, progress=partial(bar, f"map snapshots ({name})"), **options
        )
        for name in names
    ]
