"""The provenance of a database: the loss whose stationary points it holds."""

import platform
from typing import Any

from llvmlite.binding import get_host_cpu_name

from landscape.database._records import Provenance
from landscape.networks import MLP
from landscape.support import package_version


def provenance_of(loss: Any, seed: int) -> Provenance:
    """The provenance of a database of this loss's stationary points."""
    packages = {name: package_version(name) for name in ("agescape", "numpy", "scipy", "numba")}
    data, source = getattr(loss, "data", None), getattr(loss, "source", None)
    network = loss.network if isinstance(loss.network, MLP) else None
    return Provenance(
        n_parameters=loss.n_parameters,
        layer_sizes=None if network is None else network.layer_sizes,
        dataset={"name": type(loss).__name__} if data is None else dict(data.metadata),
        dataset_sha256="" if data is None else data.sha256,
        regularization=getattr(loss, "regularization", 0.0),
        regularize_biases=getattr(loss, "regularize_biases", True),
        activation="tanh" if network is None else network.activation,
        module=None if source is None else source.to_json(),
        loss=getattr(loss, "name", "cross-entropy"),
        seed=seed,
        versions={**packages, "python": platform.python_version(), "cpu": get_host_cpu_name()},
    )
