"""Commands `data`: make data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge.commands._help import GROUP, Command, Group, show_help
from bridge.commands._options import AsJson, DataDir, Seed, describe
from bridge.commands._results import Summary, Table, show
from bridge.commands._words import counted, number
from landscape import datasets

app = typer.Typer(cls=Group, **GROUP)


@app.callback()
def data(context: typer.Context) -> None:
    """Make data sets."""
    show_help(context)


@app.command("ljat", cls=Command)
def data_ljat(
    output: Annotated[Path, typer.Option(help="File to write: csv or npz.")],
    rows: Annotated[int, typer.Option(min=1, help="Training rows.")] = 1000,
    edge: Annotated[float, typer.Option(help="Edge of the cube in which the atoms start (sigma).")] = 1.35,
    test_rows: Annotated[int, typer.Option(min=0, help="Additional rows, for testing.")] = 4000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Make an LJAT-like data set: three atoms start at random, and the label is the minimum that they relax to."""
    made = datasets.ljat(rows, seed, edge, test_rows=test_rows)
    datasets.write_table(made, output)
    result = {
        **describe(made),
        "class_counts": made.class_counts.tolist(),
        "constant_entropy": made.constant_entropy,
        "sha256": made.sha256,
        "output": output,
    }
    show(result, summarize(result, test_rows), as_json=as_json)


@app.command("mnist", cls=Command)
def data_mnist(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Download the files of the MNIST digits (12 MB) that are missing from a folder, by default that of AGESCAPE_DATA.

    Without both, the folder is in the user's cache, where all commands look for it.
    """
    datasets.mnist(1, data_dir=data_dir, download=True)
    summary = Summary(verdict="The four MNIST files are there: use them with --dataset mnist.")
    show({"dataset": "mnist", "data_dir": data_dir}, summary, as_json=as_json)


def summarize(result: dict[str, Any], test_rows: int) -> Summary:
    """What a person reads of a new data set."""
    counts = result["class_counts"]
    return Summary(
        verdict=f"{counted(result['rows'], 'training row')} and {counted(test_rows, 'test row')} "
        f"in {counted(len(counts), 'class', 'classes')}.",
        facts={"loss of guessing by frequency": number(result["constant_entropy"], "nats")},
        tables=[Table(("class", "training rows"), [(str(k), f"{n:,}") for k, n in enumerate(counts)])],
        files={"data set": result["output"]},
    )
