"""Optimizers by name, as the command line has them."""

from collections.abc import Mapping
from typing import Any

from dynamics.noises import NOISES
from dynamics.training._adaptive import Adam, AdamW, RMSprop
from dynamics.training._optimizers import Optimizer
from dynamics.training._schedules import parse_schedule
from dynamics.training._sgd import SGD

# Names with their classes and own parameters.
OPTIMIZERS: dict[str, tuple[type[Optimizer], tuple[str, ...]]] = {
    "sgd": (SGD, ("momentum",)),
    "nesterov": (SGD, ("momentum",)),
    "rmsprop": (RMSprop, ("alpha", "epsilon")),
    "adam": (Adam, ("beta1", "beta2", "epsilon")),
    "adamw": (AdamW, ("beta1", "beta2", "epsilon", "weight_decay")),
}
OWN = tuple(dict.fromkeys(name for _, names in OPTIMIZERS.values() for name in names))


def make_optimizer(name: str, **parameters: Any) -> Optimizer:
    """Make the optimizer "sgd", "nesterov", "rmsprop", "adam" or "adamw".

    Parameters are those of its class, `beta1` and `beta2` in place of `betas`; those that are None count as not given.

    Raises
    ------
    ValueError
        If there is no such optimizer, or a parameter is out of range or not one of this optimizer.
    """
    if name not in OPTIMIZERS:
        msg = f"optimizer must be one of {', '.join(OPTIMIZERS)}; got {name!r}"
        raise ValueError(msg)
    kind, own = OPTIMIZERS[name]
    given = {key: value for key, value in parameters.items() if value is not None}
    for key in OWN:
        if key in given and key not in own:
            has = f"which has {', '.join(own)}"
            msg = f"{key} must not be given with the optimizer {name!r}, {has}; got {given[key]!r}"
            raise ValueError(msg)
    if name == "nesterov":
        given["nesterov"] = True
    if "beta1" in own:
        betas = kind.betas  # pyright: ignore
        given["betas"] = (given.pop("beta1", betas[0]), given.pop("beta2", betas[1]))
    return kind(**given)


def optimizer_of_runs(metadata: Mapping[str, Any]) -> Optimizer:
    """The optimizer of runs that `train` or `train_module` made, in float64, from their metadata.

    Its noise is that of `optimizer_of_noise`.

    Raises
    ------
    ValueError
        If the metadata lack a learning rate or a batch size, or agescape does not have the optimizer.
    """
    missing = [name for name in ("learning_rate", "batch_size") if name not in metadata]
    if missing:
        msg = f"runs must have a {missing[0]} in their metadata; they have none"
        raise ValueError(msg)
    name = metadata.get("optimizer", "sgd")
    if name not in tuple(OPTIMIZERS):
        msg = f"optimizer of the runs must be one of {', '.join(OPTIMIZERS)}; theirs is {name!r}"
        raise ValueError(msg)
    like = optimizer_of_noise(metadata)
    return make_optimizer(
        name,
        learning_rate=like.learning_rate,
        batch_size=like.batch_size,
        precision="float64",
        noise=like.noise,
        schedule=parse_schedule(metadata.get("schedule", "constant")),
        **{key: metadata[key] for key in OPTIMIZERS[name][1] if key in metadata},
    )


def optimizer_of_noise(metadata: Mapping[str, Any]) -> Optimizer:
    """The settings of runs that decide the covariance of their gradient noise, from the metadata of the runs.

    These are the kind of optimizer, SGD if it is unknown, the learning rate, the batch size, and whether minibatches
    are drawn with replacement.
    """
    if missing := next((name for name in ("learning_rate", "batch_size") if name not in metadata), None):
        msg = f"runs must have a {missing} in their metadata; they have none"
        raise ValueError(msg)
    kind = NOISES.get(metadata.get("noise", ""))
    noise = "replacement" if kind is not None and kind.replacement else "sgd"
    own = next((each for name, (each, _) in OPTIMIZERS.items() if name == metadata.get("optimizer")), SGD)
    return own(float(metadata["learning_rate"]), int(metadata["batch_size"]), noise=noise)  # pyright: ignore
