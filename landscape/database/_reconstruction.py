"""The loss that a database or runs belong to, reconstructed from their provenance."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from landscape import datasets
from landscape.database._store import Database
from landscape.losses import DataLoss, LoadedModule, MLPLoss, ModuleSource, TorchLoss, loss_kind
from landscape.networks import MLP
from landscape.support import about

if TYPE_CHECKING:
    import torch

GIVE = "--module FILE.py:NAME (in Python module=load_module(...))"
UNEQUAL = 1e-6  # relative difference of a loss that another module has at a minimum


def loss_of(
    database: Database, *, module: LoadedModule | None = None, data_dir: str | PathLike[str] | None = None
) -> DataLoss:
    """The loss whose stationary points a database holds, reconstructed from its provenance.

    Parameters
    ----------
    database : Database
    module : LoadedModule, optional
        The torch module that it belongs to (`landscape.losses.load_module`): a file names its module, but nothing
        is imported because a file says so. It is compared with what the database says of it.
    data_dir : path, optional
        Folder of the MNIST files, if they lie elsewhere now.

    Raises
    ------
    ValueError
        If its data have changed, the module is missing or another one, or it belongs to another kind of loss.
    """
    provenance = database.provenance
    given = provenance.dataset, provenance.dataset_sha256, provenance.regularization
    more: Any = {"regularize_biases": provenance.regularize_biases, "data_dir": data_dir}
    if provenance.layer_sizes is not None:
        check_perceptron(module, str(database.path))
        with about(database.path):
            network = MLP(provenance.layer_sizes, provenance.activation)
            return remake_loss(network, *given, **more, kind=provenance.loss)
    if module is None and provenance.source is None:
        msg = (
            f"{database.path} does not belong to a multilayer perceptron, the only kind that can be reconstructed "
            f"without {GIVE}"
        )
        raise ValueError(msg)
    module = checked_module(module, provenance.source, str(database.path))
    with about(database.path):
        loss = remake_module_loss(as_known(module, provenance.source), *given, **more, kind=provenance.loss)
    _check_same(loss, database)
    return loss


def remake_loss(
    network: MLP,
    dataset: Mapping[str, Any],
    sha256: str,
    regularization: float,
    *,
    regularize_biases: bool,
    data_dir: str | PathLike[str] | None = None,
    kind: str = "cross-entropy",
) -> MLPLoss:
    """The loss of this kind of a network on the data set with this metadata and digest.

    Raises
    ------
    ValueError
        If the metadata are of no known data set or the numbers invalid, or the data have changed.
    """
    data = datasets.reload(dataset, sha256, data_dir=data_dir)
    return loss_kind(kind)(network, data, regularization, regularize_biases=regularize_biases)


def remake_module_loss(
    module: "LoadedModule | torch.nn.Module",
    dataset: Mapping[str, Any],
    sha256: str,
    regularization: float,
    *,
    regularize_biases: bool,
    data_dir: str | PathLike[str] | None = None,
    kind: str = "cross-entropy",
) -> TorchLoss:
    """`remake_loss` for a torch module."""
    data = datasets.reload(dataset, sha256, data_dir=data_dir)
    return TorchLoss(module, data, regularization, regularize_biases=regularize_biases, kind=kind)


def check_perceptron(module: LoadedModule | None, what: str) -> None:
    """Raise a ValueError if a module is given for what belongs to a perceptron."""
    if module is not None:
        msg = f"{what}: these are of a perceptron, not of the module {module.source.name}: leave the module out"
        raise ValueError(msg)


def checked_module(module: LoadedModule | None, known: ModuleSource | None, what: str) -> LoadedModule:
    """The module, if it is the one that a file names as `known`; nothing can be compared if that is None.

    Raises
    ------
    ValueError
        If there is none or another one; the message names the difference.
    """
    if module is None:
        named = "a torch module" if known is None else f"the torch module {known.option}"
        msg = f"{what} belongs to {named}, which is not imported from what a file says: give it again with {GIVE}"
        raise ValueError(msg)
    if known is not None and known.sha256 and (found := known.difference(module.source)):
        msg = f"{what} belongs to another module than {module.source.option}: {found}"
        raise ValueError(msg)
    return module


def as_known(module: LoadedModule, known: ModuleSource | None) -> "LoadedModule | torch.nn.Module":
    """The module with as much of its source as a file knows of it."""
    return module if known is not None and known.sha256 else module.module


def _check_same(loss: TorchLoss, database: Database) -> None:
    """Raise a ValueError if the loss of the lowest minimum is another: little may be known of the module."""
    if loss.n_parameters != database.provenance.n_parameters:
        msg = f"{database.path} has {database.provenance.n_parameters} parameters, the module {loss.n_parameters}"
        raise ValueError(msg)
    source = database.provenance.source
    if source is not None and source.spec != loss.network:
        msg = f"{database.path} belongs to another module: its declared symmetries are others"
        raise ValueError(msg)
    if database.n_minima and (source is None or not source.sha256):
        lowest = min(database.minima, key=lambda minimum: minimum.point.value).point
        value = loss.value(lowest.coordinates)
        if not abs(value - lowest.value) <= UNEQUAL * max(1.0, abs(value)):
            msg = (
                f"{database.path} belongs to another module: the loss of its lowest minimum is {lowest.value!r}, this "
                f"module gives {value!r} there"
            )
            raise ValueError(msg)
