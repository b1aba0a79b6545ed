"""Command `observe`."""

from pathlib import Path
from typing import Annotated

import typer

from bridge.commands._figure_options import FigureSize, OptionalPicture, check_figure, chosen_panels, panel_option
from bridge.commands._observables_report import describe_observable
from bridge.commands._observables_summary import summarize
from bridge.commands._options import AsJson, DataDir, FirstRuns, RunsFile, Seed, Threshold, describe, describe_runs
from bridge.commands._parsing import parse_list
from bridge.commands._progress import progress_bar
from bridge.commands._results import show
from bridge.commands._runs_options import RunsOptions
from dynamics.observables import OBSERVABLES, observe as run_observe
from dynamics.plots import plot_observables
from dynamics.runs import load_trajectories, undescribed
from landscape.losses import TorchLoss
from landscape.plots import save_figure

WHAT_HELP = (
    f"all, or some of {', '.join(OBSERVABLES)}, separated by commas. all omits overlap without --other, and "
    "alignment where no updates of single steps were recorded."
)


def observe(
    trajectories: RunsFile,
    what: Annotated[str, typer.Option(help=WHAT_HELP)] = "all",
    other: Annotated[
        Path | None, typer.Option(help="Runs to compare with run by run, e.g. from the same starts.")
    ] = None,
    separations: Annotated[
        str, typer.Option(help="Steps between the updates that alignment compares, e.g. 1,2,4.")
    ] = "1,2,4",
    replicas: FirstRuns = None,
    threshold: Threshold = 1e-2,
    output: OptionalPicture = None,
    panel: Annotated[str | None, panel_option("names of --what")] = None,
    size: FigureSize = "screen",
    data_dir: DataDir = None,
    *,
    descended: RunsOptions,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Measure what else moves: layers, outputs, overlap of runs, alignment of updates, onset, minibatch gradients."""
    names = None if what == "all" else [part.strip() for part in what.split(",")]
    check_figure(output, panel, size)
    panels = chosen_panels(panel, names or OBSERVABLES)
    apart = parse_list(separations, "separations", "whole numbers of steps such as 1,2,10", minimum=1)
    runs = load_trajectories(trajectories).at_most(replicas)
    loss = None
    if descended.module is not None or descended.loss_of is not None or not undescribed(runs):
        runs, loss = descended.described(runs, data_dir)
    data = None if loss is None else loss.data
    with progress_bar() as bar:
        results = run_observe(
            runs,
            names,
            data=data,
            other=None if other is None else load_trajectories(other).at_most(replicas),
            separations=apart,
            module=loss if isinstance(loss, TorchLoss) else None,
            rng=seed,
            progress=lambda done, total: bar("observe", done, total),
        )
    left_out = [name for name in OBSERVABLES if names is None and name not in results]
    result = {
        "replicas": runs.replicas,
        "steps": runs.last_step,
        "waiting_times": runs.waiting_times,
        "lags": runs.lags,
        "threshold": threshold,
        "loss_unit": runs.loss_unit,
        **{
            name.replace("-", "_"): describe_observable(name, found, threshold, seed) for name, found in results.items()
        },
        **(
            {"left_out": left_out, "missing": undescribed(runs)}
            if data is None
            else describe_runs(runs.metadata) | describe(data)
        ),
    }
    if output is not None:
        result["output"] = save_figure(plot_observables(results, panels=panels, size=size), output)
    show(result, summarize(result), as_json=as_json)
