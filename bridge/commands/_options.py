"""Options that several commands share, and what they make of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dynamics.runs import optimizer_of

if TYPE_CHECKING:
    from landscape.datasets import Dataset

# metadata of a data set that results repeat if they say anything
SAID = ("regression", "standardize", "pca", "variance_kept", "classes", "classes_without_training_rows")
DATA, LOSS, OPTIMIZER, RUN = "Data", "Loss", "Optimizer", "Execution"  # panels of a command's help

Seed = Annotated[int, typer.Option(min=0, help="Seed of every random number.", rich_help_panel=RUN)]
Jobs = Annotated[
    int, typer.Option(help="Worker processes; -1 uses all cores. Never changes a result.", rich_help_panel=RUN)
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler, e.g. tcp://host:8786; its workers replace --jobs.", rich_help_panel=RUN
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object with every number.", rich_help_panel="Output")
]
DatabaseFile = Annotated[Path, typer.Argument(help="Database of minima.")]
RunsFile = Annotated[Path, typer.Argument(help="Runs written by train.")]
NewDatabase = Annotated[Path, typer.Option(help="Database to make; it must not exist.")]
FirstRuns = Annotated[int | None, typer.Option("--runs", min=1, help="Use at most this many runs. [default: all]")]
Hidden = Annotated[str | None, typer.Option(help="Units of each hidden layer, e.g. 10 or 5,5 or 4,4,4; or --module.")]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the MNIST files.", rich_help_panel=DATA)]
Target = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of a table that holds the classes: name, or position from 0 (-1 is the last). Repeat it for "
        "several targets of a regression. "
        "[default: the one called label, outcome, class or target, otherwise the last]",
        rich_help_panel=DATA,
    ),
]
WaitingTimes = Annotated[
    str | None,
    typer.Option(help="Waiting times (steps), e.g. 1000,2000. [default: the paper's, as far as the runs reach]"),
]
Lags = Annotated[str | None, typer.Option(help="Lags (steps), e.g. 1,10,100. [default: log-spaced]")]
LagsPerDecade = Annotated[int, typer.Option(min=1, help="Number of log-spaced lags per decade.")]
Threshold = Annotated[float, typer.Option(help="Delta*: mean square displacement, per parameter, that defines t*.")]


def describe(data: "Dataset") -> dict[str, Any]:
    """What the JSON of anything made from a data set carries."""
    return {**describe_metadata(data.metadata), "rows": data.rows}


def describe_runs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the JSON of anything made from runs carries: their data, and their optimizer unless it is plain SGD."""
    optimizer = optimizer_of(metadata)
    return describe_metadata(metadata.get("data", {})) | ({"optimizer": optimizer} if optimizer else {})


def describe_metadata(metadata: Any) -> dict[str, Any]:
    """Give the same from the metadata of a data set."""
    said = {"dataset": metadata.get("name"), "dataset_seed": metadata.get("seed"), "rows": metadata.get("rows")}
    said |= {"dataset_path": metadata["path"]} if metadata.get("path") else {}
    return said | {key: metadata[key] for key in SAID if metadata.get(key)}
