"""The loss that a database or runs belong to, reconstructed from their provenance."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from landscape import datasets
from landscape.database._store import Database
from landscape.losses import MLPLoss, loss_kind
from landscape.networks import MLP
from landscape.support import about


def loss_of(database: Database, *, data_dir: str | PathLike[str] | None = None) -> MLPLoss:
    """The loss whose stationary points a database holds, reconstructed from its provenance.

    Parameters
    ----------
    database : Database
    data_dir : path, optional
        Folder of the MNIST files, if they lie elsewhere now.

    Raises
    ------
    ValueError
        If its data have changed, or it belongs to another kind of loss.
    """
    provenance = database.provenance
    if provenance.network is None:
        msg = f"{database.path} does not belong to a multilayer perceptron, the only kind that can be reconstructed"
        raise ValueError(msg)
    with about(database.path):
        return remake_loss(
            provenance.network,
            provenance.dataset,
            provenance.dataset_sha256,
            provenance.regularization,
            regularize_biases=provenance.regularize_biases,
            data_dir=data_dir,
            kind=provenance.loss,
        )


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
