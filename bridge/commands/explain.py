"""Command `explain`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, get_args

import typer

from bridge.commands._database_checks import check_order
from bridge.commands._explanation_report import describe_explanation
from bridge.commands._explanation_summary import summarize
from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure, chosen_panels, panel_option
from bridge.commands._options import (
    AsJson,
    DataDir,
    FirstRuns,
    Jobs,
    RunsFile,
    Seed,
    Threshold,
    describe_runs,
)
from bridge.commands._progress import progress_bar
from bridge.commands._results import show
from bridge.commands._runs_options import StepOptions
from bridge.commands._time_ahead import following, say_time_ahead
from bridge.explanation import Quenches, explain
from bridge.mapping import check_same_loss, quench_folder
from bridge.plots import EXPLANATION_PANELS, plot_explanation
from dynamics.runs import Trajectories, load_trajectories
from landscape.database import Database
from landscape.descent import Method
from landscape.plots import save_figure


def explain_aging(
    database: Annotated[Path, typer.Argument(help="Database of minima and transition states; it is only read.")],
    trajectories: RunsFile,
    output: OptionalPicture = None,
    panel: Annotated[str | None, panel_option(", ".join(EXPLANATION_PANELS))] = None,
    size: FigureSize = "screen",
    runs: FirstRuns = None,
    threshold: Threshold = 1e-2,
    tolerance: Annotated[
        float, typer.Option(help="Relative deviation up to which a prediction of the displacement counts as holding.")
    ] = 0.2,
    longest: Annotated[
        int | None,
        typer.Option(min=2, help="Longest lag of descent and quenches (steps). [default: the last waiting time]"),
    ] = None,
    quench_lags: Annotated[int, typer.Option(min=2, help="Number of lags at which snapshots are quenched.")] = 8,
    method: Annotated[
        str, typer.Option(help="Map to minima: flow (gradient flow, the true basin) or lbfgs (faster).")
    ] = "flow",
    store: Annotated[
        Path | None, typer.Option(help="Folder for finished quenches and descents. [default: TRAJECTORIES.explain]")
    ] = None,
    data_dir: DataDir = None,
    *,
    descended: StepOptions,
    seed: Seed = 0,
    jobs: Jobs = -1,
    as_json: AsJson = False,
) -> None:
    """Tell whether relaxation down the slope or hops between basins explain the measured aging."""
    check_order(database, trajectories)
    check_figure(output, panel, size)
    panels = chosen_panels(panel, EXPLANATION_PANELS)
    ensemble = load_trajectories(trajectories).at_most(runs)
    with Database(database) as opened, progress_bar() as line, ExitStack() as stack:
        ensemble, loss = descended.of(ensemble, opened, data_dir)
        check_same_loss(ensemble, opened)
        is_long = method in get_args(Method) and say_time_ahead(loss, lambda cost: {"a quench": cost.seconds(method)})
        watched, bar = stack.enter_context(following(loss, line, "explain", is_long=is_long))
        found = explain(
            ensemble,
            watched,
            database=opened,
            threshold=threshold,
            tolerance=tolerance,
            longest=longest,
            quenches=Quenches(
                quench_lags,
                method,  # pyright: ignore
                quench_folder(trajectories) if store is None else None,
            ),
            store=trajectories.with_name(trajectories.name + ".explain") if store is None else store,
            rng=seed,
            jobs=jobs,
            progress=bar,
        )
    result = describe_explanation(found) | {"loss_unit": loss.unit} | describe_runs(ensemble.metadata)
    if output is not None:
        title = f"{_architecture(ensemble)}, {ensemble.replicas} runs"
        result["output"] = save_figure(plot_explanation(found, title, panels=panels, size=size), output)
    show(result, summarize(result), as_json=as_json)


def _architecture(runs: Trajectories) -> str:
    """What was trained, in words."""
    if runs.module is not None:
        return f"module {runs.module.name}"
    return f"hidden layers {','.join(str(n) for n in runs.layer_sizes[1:-1])}"
