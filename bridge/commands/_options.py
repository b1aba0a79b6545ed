"""Options that several commands share, and what they make of them."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._console import parse_hidden
from landscape import datasets
from landscape.datasets import Dataset
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP

Seed = Annotated[int, typer.Option(min=0, help="Determines every random number.")]
Jobs = Annotated[int, typer.Option(help="Worker processes; -1 for all cores. Never changes a result.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Dask scheduler whose workers do the work instead of --jobs here, e.g. tcp://host:8786."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Hidden = Annotated[str, typer.Option(help="Hidden layers, e.g. 10 or 5,5 or 4,4,4.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="ljat, mnist or a file (csv, npz, MLPdata).")]
Rows = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Training rows. Of a file they are drawn, each class with its share. [default: 1000 for ljat, else all]",
    ),
]
DatasetSeed = Annotated[
    int, typer.Option(min=0, help="Realisation of a generated data set; of a file, which rows are drawn.")
]
InOrder = Annotated[bool, typer.Option("--in-order", help="The first rows of a file train, as they stand there.")]
Standardize = Annotated[
    bool, typer.Option("--standardize", help="Shift and scale inputs to mean 0 and deviation 1 over the training rows.")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(help="Labels of a file: name or position (from 0, -1 the last). [default: named label, else last]"),
]
DataDir = Annotated[Path | None, typer.Option(help="Where the MNIST files lie.")]
Regularization = Annotated[float, typer.Option(min=0.0, help="lambda of the penalty lambda |theta|^2.")]
RegularizeBiases = Annotated[bool, typer.Option(help="Whether the penalty includes the biases.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Rows a minibatch.")]
LearningRate = Annotated[float, typer.Option(help="Step size of SGD.")]
Threshold = Annotated[float, typer.Option(help="Delta*: displacement that defines t*.")]


def describe(data: Dataset) -> dict[str, Any]:
    """What the JSON of anything made from a data set carries."""
    return {**describe_metadata(data.metadata), "rows": data.rows}


def describe_metadata(metadata: Any) -> dict[str, Any]:
    """Give the same from the metadata of a data set."""
    said = {"dataset": metadata.get("name"), "dataset_seed": metadata.get("seed"), "rows": metadata.get("rows")}
    return said | {key: metadata[key] for key in ("classes", "classes_without_training_rows") if metadata.get(key)}


def parse_steps(text: str | None, option: str = "steps") -> list[int] | None:
    """Read steps such as "1300,10000", None without a text; ValueError if it is no list of whole numbers."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        msg = f"--{option} must be steps such as 1300 or 100,1300,10000; got {text!r}"
        raise ValueError(msg)
    return [int(part) for part in parts]


def data_options(in_order: bool, standardize: bool, label_column: str | None) -> dict[str, Any]:
    """Those options of a data set that are given: not every data set has them all."""
    column: str | int | None = label_column
    if label_column is not None and re.fullmatch(r"[+-]?\d+", label_column):
        column = int(label_column)
    options = {"in_order": in_order, "standardize": standardize, "label_column": column}
    return {key: value for key, value in options.items() if value is not None and value is not False}


def make_loss(
    hidden: str,
    name: str,
    rows: int | None,
    seed: int,
    data_dir: Path | None,
    regularization: float,
    biases: bool,
    **options: Any,
) -> CrossEntropyLoss:
    """Make the loss that the options describe; further ones are those of `data_options`."""
    data = datasets.load(name, rows=rows, seed=seed, data_dir=data_dir, **options)
    network = MLP((data.n_features, *parse_hidden(hidden), data.n_classes))
    return CrossEntropyLoss(network, data, regularization, regularize_biases=biases)
