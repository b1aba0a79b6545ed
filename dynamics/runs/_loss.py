"""The loss that runs descend, made again from what they say of it."""

from collections.abc import Mapping
from os import PathLike

from dynamics.runs._trajectories import Trajectories
from landscape.database import remake_loss
from landscape.losses import MLPLoss
from landscape.support import about

NEEDED = ("data", "data_sha256", "regularization", "regularize_biases")


def undescribed(runs: Trajectories) -> str | None:
    """What is missing of a description of the loss that the runs descend; None if nothing is."""
    if not runs.layer_sizes:
        return "layer_sizes"
    return next((name for name in NEEDED if name not in runs.metadata), None)


def loss_of_runs(runs: Trajectories, *, data_dir: str | PathLike[str] | None = None) -> MLPLoss:
    """The loss that runs of `train` descend, made again from their metadata.

    Parameters
    ----------
    runs : Trajectories
    data_dir : path, optional
        Folder of the MNIST files, if they lie elsewhere now.

    Raises
    ------
    ValueError
        If the runs do not say what they descend, or the data have changed since.
    """
    if missing := undescribed(runs):
        msg = f"{runs.source} do not say what they descend: their metadata have no {missing}"
        raise ValueError(msg)
    described = runs.metadata["data"]
    if not isinstance(described, Mapping):
        msg = f"{runs.source} do not say what they descend: their metadata say {described!r:.200} of the data"
        raise ValueError(msg)
    sha256, regularization, biases = (runs.metadata[name] for name in NEEDED[1:])
    with about(runs.source):
        return remake_loss(
            runs.network,
            described,
            sha256,
            regularization,
            regularize_biases=biases,
            data_dir=data_dir,
            kind=runs.metadata.get("loss", "cross-entropy"),
        )
