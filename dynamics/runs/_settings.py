"""Whether ensembles differ only in what they may differ in: of one loss, of one kind of motion, of one kind of data."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dynamics.runs._trajectories import Trajectories
from landscape.support import LOSS_SETTINGS, Difference, data_difference, first_difference

# Defaults for settings that files of older versions lack.
EARLIER_SETTINGS = {
    "activation": "tanh",
    "loss": "cross-entropy",
    "optimizer": "sgd",
    "momentum": 0.0,
    "schedule": "constant",
    "label_noise": 0.0,
    "start": "glorot",
    "shared_order": False,
    "snapshots": "all",
}
NOISE = ("noise", "batch_size", "label_noise", "shared_order")  # what makes runs random
OPTIMIZER = ("optimizer", "momentum", "alpha", "beta1", "beta2", "epsilon", "weight_decay")
MOTION = (*OPTIMIZER, "learning_rate", "schedule")  # the rest of the update


def settings_of(runs: Trajectories) -> dict[str, Any]:
    """How runs were made, as `train` records it, with the defaults of older versions."""
    own = {"layer_sizes": list(runs.layer_sizes), "n_parameters": runs.n_parameters}
    return with_defaults(runs.metadata) | own


def with_defaults(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of runs, with the settings that files of older versions lack."""
    return {**EARLIER_SETTINGS, **metadata}


def optimizer_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Name and parameters of the optimizer of runs, from their metadata; {} for plain SGD."""
    known = {name: metadata[name] for name in OPTIMIZER if metadata.get(name) is not None}
    found = {name: value for name, value in known.items() if value != EARLIER_SETTINGS.get(name)}
    return {"optimizer": "sgd", **found} if found else {}


def optimizer_in_words(metadata: Mapping[str, Any]) -> str:
    """The same as text, such as "adam, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-08"; "" for plain SGD."""
    found = optimizer_of(metadata)
    numbers = (f"{name.replace('_', ' ')} = {value}" for name, value in found.items() if name != "optimizer")
    return ", ".join([str(found["optimizer"]), *numbers]) if found else ""


def check_loss_settings(runs: Trajectories, settings: Mapping[str, Any], what: str) -> None:
    """Raise a ValueError that names the difference unless the runs descend the loss with these settings.

    Parameters
    ----------
    runs : Trajectories
    settings : mapping
        Of the other loss: `settings_of` other runs, or `Provenance.loss_settings` of a database.
    what : str
        What has that loss, for the message.
    """
    complain(first_difference(settings_of(runs), settings, LOSS_SETTINGS), runs.source, what)


def check_control(runs: Trajectories, control: Trajectories) -> bool:
    """Whether run r of both has the same start; a ValueError that names what differs if that is more than the noise.

    Equal must be the network, the data and the penalty, learning rate, schedule and momentum, and how the starts are
    made unless they are the same; noise, minibatches, seed and the number of runs may differ. Of runs without metadata
    (`dynamics.synthetic`) the numbers of parameters are compared.
    """
    own, other = settings_of(runs), settings_of(control)
    names = (*LOSS_SETTINGS, *MOTION) if runs.metadata and control.metadata else ("n_parameters",)
    path = getattr(control.snapshots, "path", None)
    what, reason = f"the control{f' {path}' if path else ''}", "; a control differs from the runs in its noise only"
    complain(first_difference(own, other, names), runs.source, what, reason)
    same = _start_alike(runs, control)
    if not same:
        complain(first_difference(own, other, ("start",)), runs.source, what, reason)
    return same


def _start_alike(runs: Trajectories, control: Trajectories) -> bool:
    pairs = min(runs.replicas, control.replicas)
    if not all(one.steps.size and one.recorded[:pairs, 0].all() for one in (runs, control)):
        return False
    first, other = (np.array([one.snapshots[r, 0] for r in range(pairs)]) for one in (runs, control))
    return bool(runs.steps[0] == control.steps[0]) and np.allclose(first, other, rtol=1e-5, atol=1e-6)


def check_alike(several: Iterable[Mapping[str, Any]], *, but: Iterable[str], what: str) -> None:
    """Raise a ValueError if metadata of runs differ in more than `but` these settings and their seed.

    Of the data, `but` may hold "data": then only the seed of the data set may differ.
    """
    described = [with_defaults(metadata) for metadata in several]
    names = [name for name in (*LOSS_SETTINGS, "rows", *MOTION, *NOISE, "start") if name not in but]
    names = [name for name in names if "data" not in but or name != "data_sha256"]
    for other in described[1:]:
        found = first_difference(described[0], other, names)
        if found is None and "data" in but:
            found = data_difference(_data(described[0]), _data(other), but=("seed", "data_dir"))
        if found is not None:
            msg = f"{what}; {found.name} is {found.own!r} and {found.other!r}"
            raise ValueError(msg)


def complain(found: Difference | None, one: str, other: str, reason: str = "") -> None:
    """Raise a ValueError that names a difference, if there is one."""
    if found is not None:
        if found.name == "layer_sizes" and not (found.own and found.other):
            own, its = ("", "not ") if found.own else ("not ", "")
            msg = f"{one} are {own}of a perceptron, {other} is {its}of one: they do not belong together (layer_sizes)"
            raise ValueError(msg)
        msg = f"{one} have {found.name} = {found.own!r}, {other} has {found.other!r}{reason}"
        raise ValueError(msg)


def _data(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    data = metadata.get("data")
    return data if isinstance(data, Mapping) else {}
