"""Options that several commands share, and what they make of them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._console import parse_hidden
from landscape import MLP, CrossEntropyLoss, Dataset, datasets

Seed = Annotated[int, typer.Option(min=0, help="Determines every random number.")]
Jobs = Annotated[int, typer.Option(help="Worker processes; -1 for all cores. Never changes a result.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Dask scheduler whose workers do the work instead of --jobs here, e.g. tcp://host:8786."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Hidden = Annotated[str, typer.Option(help="Hidden layers, e.g. 10 or 5,5 or 4,4,4.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="ljat, mnist or a file (csv, npz, MLPdata).")]
Rows = Annotated[int | None, typer.Option(min=1, help="Training rows. [default: 1000 for ljat, else all]")]
DatasetSeed = Annotated[int, typer.Option(min=0, help="Realisation of a generated data set.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the MNIST files lie.")]
Regularization = Annotated[float, typer.Option(min=0.0, help="lambda of the penalty lambda |theta|^2.")]
RegularizeBiases = Annotated[bool, typer.Option(help="Whether the penalty includes the biases.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Rows a minibatch.")]
LearningRate = Annotated[float, typer.Option(help="Step size of SGD.")]
Threshold = Annotated[float, typer.Option(help="Delta*: displacement that defines t*.")]


def describe(data: Dataset) -> dict[str, Any]:
    """What the JSON of anything made from a data set carries."""
    return {"dataset": data.metadata.get("name"), "dataset_seed": data.metadata.get("seed"), "rows": data.rows}


def describe_metadata(metadata: Any) -> dict[str, Any]:
    """Give the same from the metadata of a data set."""
    return {"dataset": metadata.get("name"), "dataset_seed": metadata.get("seed"), "rows": metadata.get("rows")}


def parse_steps(text: str | None, option: str = "steps") -> list[int] | None:
    """Read steps such as "1300,10000", None without a text; ValueError if it is no list of whole numbers."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        msg = f"--{option} must be steps such as 1300 or 100,1300,10000; got {text!r}"
        raise ValueError(msg)
    return [int(part) for part in parts]


def make_loss(
    hidden: str, name: str, rows: int | None, seed: int, data_dir: Path | None, regularization: float, biases: bool
) -> CrossEntropyLoss:
    """Make the loss that the options describe."""
    data = datasets.load(name, rows=rows, seed=seed, data_dir=data_dir)
    network = MLP((data.n_features, *parse_hidden(hidden), data.n_classes))
    return CrossEntropyLoss(network, data, regularization, regularize_biases=biases)
