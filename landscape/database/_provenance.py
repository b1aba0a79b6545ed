"""The provenance of a database: the loss whose stationary points it holds."""

import platform
from typing import Any

from llvmlite.binding import get_host_cpu_name

from landscape.database._records import Provenance
from landscape.support import package_version


def provenance_of(loss: Any, seed: int) -> Provenance:
    """The provenance of a database of this loss's stationary points."""
    packages = {name: package_version(name) for name in ("agescape", "numpy", "scipy", "numba")}
    data = getattr(loss, "data", None)
    return Provenance(
        n_parameters=loss.n_parameters,
        layer_sizes=None if loss.network is None else loss.network.layer_sizes,
        dataset={"name": type(loss).__name__} if data is None else dict(data.metadata),
        dataset_sha256="" if data is None else data.sha256,
        regularization=getattr(loss, "regularization", 0.0),
        regularize_biases=getattr(loss, "regularize_biases", True),
        activation="tanh" if loss.network is None else loss.network.activation,
        loss=getattr(loss, "name", "cross-entropy"),
        seed=seed,
        versions={**packages, "python": platform.python_version(), "cpu": get_host_cpu_name()},
    )
