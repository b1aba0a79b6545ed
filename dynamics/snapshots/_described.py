"""Runs that nobody described, with the loss that they descend."""

from dataclasses import replace
from typing import Any

from dynamics.runs import Trajectories, mlp_parameters
from dynamics.snapshots._choice import check_loss, loss_identity
from landscape.losses import DataLoss
from landscape.networks import MLP


def with_loss(runs: Trajectories, loss: DataLoss, **settings: Any) -> Trajectories:
    """The same runs, which say that they descend this loss: what measures them needs nothing else then.

    For runs of another training, from `dynamics.import_runs` or a `dynamics.Recorder`, whose metadata do not say it.

    Parameters
    ----------
    runs : Trajectories
    loss : CrossEntropyLoss or TorchLoss
        Its flat vector must be that of the runs: a torch module has its parameters in the order of its state dict, but
        a torch perceptron does not have the layout of `landscape.networks.MLP`, whose kernels are transposed.
    **settings
        More of what `train` writes into the metadata, such as ``learning_rate`` and ``batch_size``.

    Raises
    ------
    ValueError
        If the runs contradict the loss or one of the settings, or have parameters of other shapes: the message names
        the difference.
    """
    check_loss(runs, loss)
    for name, value in settings.items():
        if runs.metadata.get(name, value) != value:
            msg = f"{runs.source} have {name} = {runs.metadata[name]!r}; got {value!r}"
            raise ValueError(msg)
    own = loss_identity(loss)
    layers = tuple(own.pop("layer_sizes"))
    own.pop("n_parameters", None)
    if isinstance(loss.network, MLP):
        _check_shapes(runs, loss.network)
    elif (source := getattr(loss, "source", None)) is not None:
        own |= {"module": source.option, "module_file": source.file}
    described = {"data": dict(loss.data.metadata), "rows": loss.data.rows}
    return replace(runs, layer_sizes=layers, metadata={**runs.metadata, **own, **described, **settings})


def _check_shapes(runs: Trajectories, network: MLP) -> None:
    """Raise a ValueError if the tensors of the runs are not those of the network; a flat vector may be its own."""
    ours, theirs = ([one.shape for one in each] for each in (mlp_parameters(network), runs.parameters))
    if len(theirs) > 1 and ours != theirs:
        msg = (
            f"{runs.source} have parameters of shapes {theirs}, the network has {ours}: explore the torch module "
            "itself (--module FILE.py:NAME)"
        )
        raise ValueError(msg)
