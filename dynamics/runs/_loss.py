"""The loss that runs descend, made again from what they say of it."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from dynamics.runs._trajectories import Trajectories
from landscape.database import as_known, check_perceptron, checked_module, remake_loss, remake_module_loss
from landscape.losses import DataLoss, LoadedModule
from landscape.support import about

NEEDED = ("data", "data_sha256", "regularization", "regularize_biases")


def undescribed(runs: Trajectories) -> str | None:
    """What is missing of a description of the loss that the runs descend; None if nothing is."""
    if not runs.layer_sizes and "module" not in runs.metadata:
        return "layer_sizes"
    return next((name for name in NEEDED if name not in runs.metadata), None)


def check_described(runs: Trajectories) -> None:
    """Raise a ValueError that says what to do if runs do not say what they descend."""
    if missing := undescribed(runs):
        missing += " and no module" if missing == "layer_sizes" else ""
        msg = (
            f"{runs.source} do not say what they descend: their metadata have no {missing}. Explore the loss to make a "
            "database of it, and name that (--loss-of F.db; in Python dynamics.snapshots.with_loss)"
        )
        raise ValueError(msg)


def loss_of_runs(
    runs: Trajectories, *, module: LoadedModule | None = None, data_dir: str | PathLike[str] | None = None
) -> DataLoss:
    """The loss that runs descend, made again from their metadata.

    Parameters
    ----------
    runs : Trajectories
    module : LoadedModule, optional
        The torch module that they train (`landscape.losses.load_module`), which is compared with what they say of it.
    data_dir : path, optional
        Folder of the MNIST files, if they lie elsewhere now.

    Raises
    ------
    ValueError
        If the runs do not say what they descend, the data have changed since, or the module is missing or another one.
    """
    check_described(runs)
    described = runs.metadata["data"]
    if not isinstance(described, Mapping):
        msg = f"{runs.source} do not say what they descend: their metadata say {described!r:.200} of the data"
        raise ValueError(msg)
    sha256, regularization, biases = (runs.metadata[name] for name in NEEDED[1:])
    more: Any = {"regularize_biases": biases, "data_dir": data_dir, "kind": runs.loss_name}
    if runs.layer_sizes:
        check_perceptron(module, runs.source)
        with about(runs.source):
            return remake_loss(runs.network, described, sha256, regularization, **more)
    module = checked_module(module, runs.module, runs.source)
    with about(runs.source):
        loss = remake_module_loss(as_known(module, runs.module), described, sha256, regularization, **more)
    if runs.module is None and str(module.module) != runs.metadata["module"]:
        msg = f"{runs.source} belong to another module, which torch prints as {runs.metadata['module']}"
        raise ValueError(msg)
    return loss
