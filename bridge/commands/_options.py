"""Options that several commands share, and what they make of them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from landscape.datasets import Dataset

DATA, LOSS, RUN = "Data", "Loss", "Execution"  # panels of a command's help

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
Hidden = Annotated[str, typer.Option(help="Units of each hidden layer, e.g. 10 or 5,5 or 4,4,4.")]
DatasetName = Annotated[
    str, typer.Option("--dataset", help="ljat, mnist or a file (csv, npz, MLPdata).", rich_help_panel=DATA)
]
Rows = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Training rows. From a file they are drawn in proportion to the classes. "
        "[default: 1000 for ljat, otherwise all]",
        rich_help_panel=DATA,
    ),
]
DatasetSeed = Annotated[
    int,
    typer.Option(min=0, help="Seed of a generated data set, or of the rows drawn from a file.", rich_help_panel=DATA),
]
InOrder = Annotated[
    bool, typer.Option("--in-order", help="Take the first rows of a file instead of drawing.", rich_help_panel=DATA)
]
Standardize = Annotated[
    bool,
    typer.Option(
        "--standardize",
        help="Shift and scale inputs to mean 0 and standard deviation 1 over the training rows.",
        rich_help_panel=DATA,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Label column of a file: name, or position from 0 (-1 is the last). "
        "[default: the one named label, otherwise the last]",
        rich_help_panel=DATA,
    ),
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the MNIST files.", rich_help_panel=DATA)]
Regularization = Annotated[
    float, typer.Option(min=0.0, help="lambda of the penalty lambda |theta|^2 (nats).", rich_help_panel=LOSS)
]
RegularizeBiases = Annotated[bool, typer.Option(help="Whether the penalty includes biases.", rich_help_panel=LOSS)]
BatchSize = Annotated[int, typer.Option(min=1, help="Minibatch size (rows).")]
LearningRate = Annotated[float, typer.Option(help="Learning rate of SGD.")]
Threshold = Annotated[float, typer.Option(help="Delta*: mean square displacement, per parameter, that defines t*.")]


def describe(data: "Dataset") -> dict[str, Any]:
    """What the JSON of anything made from a data set carries."""
    return {**describe_metadata(data.metadata), "rows": data.rows}


def describe_metadata(metadata: Any) -> dict[str, Any]:
    """Give the same from the metadata of a data set."""
    said = {"dataset": metadata.get("name"), "dataset_seed": metadata.get("seed"), "rows": metadata.get("rows")}
    return said | {key: metadata[key] for key in ("classes", "classes_without_training_rows") if metadata.get(key)}


def data_options(in_order: bool, standardize: bool, label_column: str | None) -> dict[str, Any]:
    """Those options of a data set that are given: not every data set has them all."""
    column: str | int | None = label_column
    if label_column is not None and re.fullmatch(r"[+-]?\d+", label_column):
        column = int(label_column)
    options = {"in_order": in_order, "standardize": standardize, "label_column": column}
    return {key: value for key, value in options.items() if value is not None and value is not False}
