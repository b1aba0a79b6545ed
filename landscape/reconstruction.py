"""The loss that a database belongs to, made again from its provenance."""

from landscape import datasets
from landscape.database import Database
from landscape.losses import CrossEntropyLoss


def loss_of(database: Database) -> CrossEntropyLoss:
    """The loss whose stationary points a database holds, made again from its provenance.

    Raises
    ------
    ValueError
        If its data are no longer the same, or it is the database of another kind of loss.
    """
    provenance = database.provenance
    if provenance.network is None:
        msg = f"{database.path} does not belong to a multilayer perceptron, the only kind that can be made again"
        raise ValueError(msg)
    data = datasets.reload(provenance.dataset, provenance.dataset_sha256)
    return CrossEntropyLoss(
        provenance.network, data, provenance.regularization, regularize_biases=provenance.regularize_biases
    )
