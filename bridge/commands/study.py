"""Command `study`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bridge.commands._cluster import cluster
from bridge.commands._comparison_summary import comparison_table
from bridge.commands._data_options import LossOptions, introduce
from bridge.commands._figure_options import FigureSize
from bridge.commands._optimizer_options import LARGEST_SHARE, OptimizerOptions
from bridge.commands._options import (
    AsJson,
    Jobs,
    Scheduler,
    Seed,
    Threshold,
    describe,
    describe_runs,
)
from bridge.commands._parsing import parse_hidden
from bridge.commands._progress import progress_bar
from bridge.commands._results import Summary, show
from bridge.commands._words import counted, data_in_words
from bridge.comparison import row_dict
from bridge.studies import StudySettings, scaled, study as run_study
from dynamics.training import warn_of_large_minibatches

Scale = Literal["quick", "paper"]
HIDDEN = ("10", "5,5", "4,4,4")  # the architectures of the paper


def study(
    output: Annotated[Path, typer.Option(help="Folder for everything that the study makes.")] = Path("results/study"),
    scale: Annotated[
        Scale, typer.Option(help="quick: a few minutes; paper: runs as in the paper, and a longer search.")
    ] = "quick",
    hidden: Annotated[
        list[str] | None,
        typer.Option(help=f"Units of each hidden layer; may be repeated. [default: {', '.join(HIDDEN)}]"),
    ] = None,
    *,
    steps_by: OptimizerOptions,
    options: LossOptions,
    searches: Annotated[int | None, typer.Option(min=0, help="Searches per landscape. [default: by --scale]")] = None,
    replicas: Annotated[int | None, typer.Option(min=2, help="Runs per ensemble. [default: by --scale]")] = None,
    steps: Annotated[int | None, typer.Option(min=2, help="Length of each run (steps). [default: by --scale]")] = None,
    threshold: Threshold = 1e-2,
    size: FigureSize = "screen",
    seed: Seed = 0,
    jobs: Jobs = -1,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole pipeline: explore, train, measure, map, compare, and write a report for the browser.

    Run the same command again to continue an interrupted study.
    """
    module = options.checked_module(hidden or (None if options.module else HIDDEN))
    data = options.load()
    architectures = tuple(parse_hidden(text) for text in hidden or HIDDEN)
    settings = StudySettings(
        scale=scaled(scale, searches=searches, replicas=replicas, steps=steps),
        architectures=architectures,
        optimizer=steps_by.make(),
        regularization=options.regularization,
        regularize_biases=options.regularize_biases,
        threshold=threshold,
        seed=seed,
        activation=options.activation,
        loss=options.loss_name,
        module=module,
    )
    warning = introduce(data)
    warn_of_large_minibatches(data, settings.optimizer, largest=LARGEST_SHARE)
    with cluster(scheduler), progress_bar() as bar:
        result = run_study(data, output, settings, size=size, jobs=jobs, progress=bar)
    described = {
        "architectures": [row_dict(row) for row in result.comparison.rows],
        "report": result.report,
        "figures": list(result.figures),
        **describe_runs(settings.optimizer.settings),
        **describe(data),
        **warning,
    }
    show(described, summarize(described), as_json=as_json)


def summarize(result: dict[str, Any]) -> Summary:
    """What a person reads of a study."""
    rows = result["architectures"]
    return Summary(
        verdict=f"{counted(len(rows), 'architecture')}: landscapes, runs, and where the runs are.",
        facts=data_in_words(result),
        tables=[comparison_table(rows)],
        notes=["Open the report in a browser; agescape compare makes a table or a figure of several studies."],
        files={"report": result["report"], "figures": str(Path(result["report"]).parent)},
    )
