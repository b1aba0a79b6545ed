"""The loss that runs descend, made again from what they say of it."""

from collections.abc import Mapping
from os import PathLike

from dynamics.runs._trajectories import Trajectories
from landscape.database import remake_loss
from landscape.losses import CrossEntropyLoss
from landscape.support import about


def loss_of_runs(runs: Trajectories, *, data_dir: str | PathLike[str] | None = None) -> CrossEntropyLoss:
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
    needed = ("data", "data_sha256", "regularization", "regularize_biases")
    if not runs.layer_sizes or (missing := [name for name in needed if name not in runs.metadata]):
        what = "layer_sizes" if not runs.layer_sizes else missing[0]
        msg = f"{runs.source} do not say what they descend: their metadata have no {what}"
        raise ValueError(msg)
    described = runs.metadata["data"]
    if not isinstance(described, Mapping):
        msg = f"{runs.source} do not say what they descend: their metadata say {described!r:.200} of the data"
        raise ValueError(msg)
    sha256, regularization, biases = (runs.metadata[name] for name in needed[1:])
    with about(runs.source):
        return remake_loss(runs.network, described, sha256, regularization, regularize_biases=biases, data_dir=data_dir)
