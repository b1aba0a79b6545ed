"""The data set and the loss that options describe: each option, its default and what becomes of it stand here once.

A command takes them as one keyword-only argument, annotated with `DataOptions` or `LossOptions`.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bridge.commands._module_options import ModuleOptions
from bridge.commands._notes import note
from bridge.commands._options import DATA, LOSS, DataDir, Target
from bridge.commands._parsing import columns_of, parse_hidden
from bridge.commands._tables import scale_warnings, understood
from dynamics.training import ModuleLoss
from landscape import datasets
from landscape.activations import ACTIVATIONS, check_activation
from landscape.datasets import Dataset
from landscape.losses import LOSSES, LoadedModule, MLPLoss, TorchLoss, loss_kind
from landscape.networks import MLP

DATASET_HELP = (
    "ljat, mnist, teacher (Gaussian rows labeled by a random network; another one by its layers: teacher:10,4,1 or "
    "teacher:10,4,1:gelu), a file (csv, tsv, npz, Parquet, MLPdata), or a table of scikit-learn: sklearn:iris, "
    "sklearn:wine, sklearn:breast_cancer, sklearn:digits."
)


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """The options that name a data set."""

    dataset: Annotated[str, typer.Option(help=DATASET_HELP, rich_help_panel=DATA)] = "ljat"
    rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Training rows. From a table they are drawn in proportion to the classes. "
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
    pca: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Replace the inputs of a table or of mnist by this many principal components of the training rows.",
            rich_help_panel=DATA,
        ),
    ] = None
    target: Target = None
    regression: Annotated[
        bool,
        typer.Option(
            "--regression",
            help="The target of a table is a real number, not a class (--loss squared-error); also for teacher.",
            rich_help_panel=DATA,
        ),
    ] = False

    def load(self) -> Dataset:
        """The data set."""
        further = {
            "in_order": self.in_order,
            "standardize": self.standardize,
            "pca": self.pca,
            "target": columns_of(self.target),
            "regression": self.regression,
        }
        given: dict[str, Any] = {
            key: value for key, value in further.items() if value is not None and value is not False
        }
        return datasets.load(self.dataset, rows=self.rows, seed=self.dataset_seed, data_dir=self.data_dir, **given)


@dataclass(frozen=True, kw_only=True)
class LossOptions(DataOptions, ModuleOptions):
    """The options that name a loss, but for hidden layers."""

    regularization: Annotated[
        float, typer.Option(min=0.0, help="lambda of the penalty lambda |theta|^2 (nats).", rich_help_panel=LOSS)
    ] = 1e-4
    regularize_biases: Annotated[
        bool, typer.Option(help="Whether the penalty includes biases.", rich_help_panel=LOSS)
    ] = True

    activation: Annotated[
        str,
        typer.Option(
            help=f"Activation of the hidden units: {', '.join(ACTIVATIONS)}. gelu is the exact form, with the normal "
            "distribution function. relu and linear can be trained, but not explored.",
            rich_help_panel=LOSS,
        ),
    ] = "tanh"

    loss_name: Annotated[
        str,
        typer.Option(
            "--loss",
            help=f"Loss: {', '.join(LOSSES)}. squared-error is half of it, for a regression or for classes as one-hot "
            "vectors; logistic is for two classes and has one output.",
            rich_help_panel=LOSS,
        ),
    ] = "cross-entropy"

    def loss(self, hidden: str | None) -> MLPLoss | TorchLoss:
        """The loss of a network with these hidden layers, such as "5,5", or of the module."""
        module = self.checked_module(hidden)
        if module is not None:
            biases, kind = self.regularize_biases, self.loss_name
            return TorchLoss(module, self.load(), self.regularization, regularize_biases=biases, kind=kind)
        return self.perceptron(hidden or "")

    def perceptron(self, hidden: str) -> MLPLoss:
        """The loss of a network with these hidden layers."""
        layers = parse_hidden(hidden)
        check_activation(self.activation)  # before the data are read
        kind = loss_kind(self.loss_name)
        data = self.load()
        network = MLP((data.n_features, *layers, kind.outputs_for(data)), self.activation)
        return kind(network, data, self.regularization, regularize_biases=self.regularize_biases)

    def trained(self, hidden: str | None) -> MLPLoss | ModuleLoss:
        """The same to train: a module need not be twice differentiable."""
        module = self.checked_module(hidden)
        if module is None:
            return self.perceptron(hidden or "")
        return ModuleLoss(module, self.load(), self.regularization, self.regularize_biases, self.loss_name)

    def checked_module(self, hidden: object) -> LoadedModule | None:
        """The module; a ValueError unless either hidden layers or a module are given."""
        module = self.loaded()
        if (hidden is None) == (module is None):
            msg = "give either --hidden or --module" + ("" if hidden is None else ", not both")
            raise ValueError(msg)
        if module is not None and self.activation != "tanh":
            msg = f"--activation is that of --hidden; the module has its own, got {self.activation}"
            raise ValueError(msg)
        return module


def introduce(data: Dataset) -> dict[str, Any]:
    """Say on stderr what was understood of a table, and what is wrong with its scale; that for the JSON, if anything.

    What is wrong comes with what to do.
    """
    for line in understood(data):
        note(line)
    warnings = scale_warnings(data)
    for warning in warnings.values():
        note(f"warning: {warning}")
    return warnings
