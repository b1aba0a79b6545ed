"""The data set and the loss that options describe: each option, its default and what becomes of it stand here once.

A command takes them as one keyword-only argument, annotated with `DataOptions` or `LossOptions`.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bridge.commands._notes import note
from bridge.commands._options import DATA, LOSS, DataDir
from bridge.commands._parsing import parse_hidden
from landscape import datasets
from landscape.datasets import Dataset
from landscape.losses import CrossEntropyLoss
from landscape.networks import MLP


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The options that name a data set."""

    dataset: Annotated[str, typer.Option(help="ljat, mnist or a file (csv, npz, MLPdata).", rich_help_panel=DATA)] = (
        "ljat"
    )
    rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training rows. From a file they are drawn in proportion to the classes. "
            "[default: 1000 for ljat, otherwise all]",
            rich_help_panel=DATA,
        ),
    ] = None
    dataset_seed: Annotated[
        int,
        typer.Option(
            min=0, help="Seed of a generated data set, or of the rows drawn from a file.", rich_help_panel=DATA
        ),
    ] = 0
    data_dir: DataDir = None
    in_order: Annotated[
        bool, typer.Option("--in-order", help="Take the first rows of a file instead of drawing.", rich_help_panel=DATA)
    ] = False
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize",
            help="Shift and scale inputs to mean 0 and standard deviation 1 over the training rows.",
            rich_help_panel=DATA,
        ),
    ] = False
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Label column of a file: name, or position from 0 (-1 is the last). "
            "[default: the one named label, otherwise the last]",
            rich_help_panel=DATA,
        ),
    ] = None

    def load(self) -> Dataset:
        """The data set."""
        column: str | int | None = self.label_column
        if column is not None and re.fullmatch(r"[+-]?\d+", column):
            column = int(column)
        further = {"in_order": self.in_order, "standardize": self.standardize, "label_column": column}
        given = {key: value for key, value in further.items() if value is not None and value is not False}
        return datasets.load(self.dataset, rows=self.rows, seed=self.dataset_seed, data_dir=self.data_dir, **given)


@dataclass(frozen=True, kw_only=True)
class LossOptions(DataOptions):
    """The options that name a loss, but for the network."""

    regularization: Annotated[
        float, typer.Option(min=0.0, help="lambda of the penalty lambda |theta|^2 (nats).", rich_help_panel=LOSS)
    ] = 1e-4
    regularize_biases: Annotated[
        bool, typer.Option(help="Whether the penalty includes biases.", rich_help_panel=LOSS)
    ] = True

    def loss(self, hidden: str) -> CrossEntropyLoss:
        """The loss of a network with these hidden layers, such as "5,5"."""
        layers = parse_hidden(hidden)
        data = self.load()
        network = MLP((data.n_features, *layers, data.n_classes))
        return CrossEntropyLoss(network, data, self.regularization, regularize_biases=self.regularize_biases)


def warn_of_scales(data: Dataset) -> dict[str, Any]:
    """Say on stderr what is wrong with the scale of the columns, and what to do; the same for the JSON, if anything."""
    warning = datasets.scale_warning(data)
    if warning is None:
        return {}
    warning += ": --standardize"
    note(f"warning: {warning}")
    return {"scale_warning": warning}
